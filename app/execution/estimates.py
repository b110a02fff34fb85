"""What is believed of each venue for one decision: the predictor's arrays and the standing terms, bounded and named.

Made from a calibration that a person chose. Below MIN_DAYS of recording nothing moves a route: the estimate is none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.domain.calibration import MIN_DAYS, Calibration, Urgency
from app.domain.enums import Side
from app.domain.instrument import Symbol
from app.domain.terms import MAX_ESTIMATE_PPM, Predicted, SourceTerms
from app.learning.slippage import Predictor, Question
from app.routing.estimates import Estimates, estimate_venues
from app.shm.books import SymbolBooks


@dataclass(frozen=True, slots=True)
class Asked:
    """One decision: which quantity, and how long a child travels to each venue."""

    side: Side
    qty_units: int
    latency_ns: Mapping[str, int]
    urgency: Urgency = Urgency.NOW
    sigma_ppm_sqrt_s: float = 0.0


@dataclass(slots=True)
class Estimator:
    """Predictors per symbol and venue, built once. `may_use_any`: also one without evidence (research)."""

    calibration: Calibration
    max_estimate_ppm: int = MAX_ESTIMATE_PPM
    may_use_any: bool = False
    _predictors: dict[tuple[str, str], Predictor | None] = field(default_factory=dict)

    def estimates(
        self, symbol: Symbol, books: SymbolBooks, asked: Asked, terms: Mapping[str, SourceTerms]
    ) -> Estimates:
        """Bounded estimates of the venues of `terms`; those without a usable prediction are named static."""
        return estimate_venues(terms, asked.side, self.predicted(symbol, books, asked), self.max_estimate_ppm)

    def predicted(self, symbol: Symbol, books: SymbolBooks, asked: Asked) -> dict[str, Predicted]:
        """Per venue of `books` what the predictor says beyond the book walk; venues it cannot price are absent."""
        found: dict[str, Predicted] = {}
        for venue_i, venue in enumerate(books.venues):
            predictor = self._predictor(symbol, venue)
            if predictor is None:
                continue
            question = Question(
                asked.side, asked.qty_units, asked.urgency, asked.latency_ns.get(venue, 0), asked.sigma_ppm_sqrt_s
            )
            distribution = predictor.predict(books, venue_i, question)
            if distribution is not None:
                found[venue] = distribution.beyond_walk
        return found

    def _predictor(self, symbol: Symbol, venue: str) -> Predictor | None:
        key = (symbol.name, venue)
        if key not in self._predictors:
            own = self.calibration.of(*key)
            is_usable = own is not None and (self.may_use_any or own.n_days >= MIN_DAYS)
            made = Predictor(own, is_inverse=symbol.fungible.is_inverse) if own is not None and is_usable else None
            self._predictors[key] = made
        return self._predictors[key]
