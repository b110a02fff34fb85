"""What is believed of each venue for one decision: the predictor's arrays and the standing terms, bounded and named.

Made from a calibration that a person chose. Below MIN_DAYS of recording nothing moves a route: the estimate is none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from app.domain.calibration import MIN_DAYS, Calibration, Urgency
from app.domain.enums import ContractKind, ExclusionCode, Side
from app.domain.fees import FeeTier
from app.domain.instrument import Symbol
from app.domain.plan import Exclusion, PlanRequest
from app.domain.terms import DEFAULT_ESTIMATE_PPM, Predicted, SourceTerms
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
    max_estimate_ppm: int = DEFAULT_ESTIMATE_PPM
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
        question = Question(asked.side, asked.qty_units, asked.urgency, sigma_ppm_sqrt_s=asked.sigma_ppm_sqrt_s)
        for venue_i, venue in enumerate(books.venues):
            predictor = self._predictor(symbol, venue)
            if predictor is None:
                continue
            predicted = predictor.beyond_walk(books, venue_i, question, asked.latency_ns.get(venue, 0))
            if predicted is not None:
                found[venue] = predicted
        return found

    def _predictor(self, symbol: Symbol, venue: str) -> Predictor | None:
        key = (symbol.name, venue)
        if key not in self._predictors:
            own = self.calibration.of(*key)
            is_usable = own is not None and (self.may_use_any or own.n_days >= MIN_DAYS)
            made = Predictor(own, is_inverse=symbol.fungible.is_inverse) if own is not None and is_usable else None
            self._predictors[key] = made
        return self._predictors[key]


@dataclass(frozen=True, slots=True)
class Beliefs:
    """What this desk believes of each venue, put into every request that is planned.

    `estimator` None: nothing is predicted and perpetuals need no terms; a tier's plan and `terms` still count.
    `terms`: by venue, the desk's own standing figures; a venue without any has none but its fee. `latency_ns`: one way.
    """

    estimator: Estimator | None
    terms: Mapping[str, SourceTerms]
    latency_ns: Mapping[str, int]
    max_estimate_ppm: int = DEFAULT_ESTIMATE_PPM
    # A venue's terms with its fee as last seen: fees change rarely, and making terms takes longer than using them.
    _known: dict[tuple[str, bool], tuple[FeeTier, SourceTerms]] = field(default_factory=dict)

    def informed(self, request: PlanRequest, books: SymbolBooks) -> PlanRequest:
        """The request with bounded estimates, and with perpetuals barred where an input of theirs is missing."""
        side, predicted = request.approved.value.side, {}
        if self.estimator is not None:
            asked = Asked(side, _share_units(request), self.latency_ns)
            predicted = self.estimator.predicted(request.symbol, books, asked)
        found = estimate_venues(self._own_terms(request), side, predicted, self.max_estimate_ppm)
        missing = {venue: Exclusion(venue, ExclusionCode.TERM_MISSING) for venue in found.excluded}
        return replace(
            request,
            estimates={venue: estimate for venue, estimate in found.by_venue.items() if estimate.terms},
            max_estimate_ppm=self.max_estimate_ppm,
            barred={**request.barred, **missing} if missing else request.barred,
        )

    def _own_terms(self, request: PlanRequest) -> dict[str, SourceTerms]:
        fungible = request.symbol.fungible
        is_perpetual = self.estimator is not None and fungible.kind is not ContractKind.SPOT and not fungible.expiry
        return {
            venue: self._terms_of(venue, fee, is_perpetual=is_perpetual)
            for venue, fee in request.fees.items()
            if venue not in request.barred
        }

    def _terms_of(self, venue: str, fee: FeeTier, *, is_perpetual: bool) -> SourceTerms:
        """What estimates are made of; a balance is none of it, the request has its own."""
        known = self._known.get((venue, is_perpetual))
        if known is None or known[0] is not fee:
            terms = replace(
                self.terms.get(venue) or SourceTerms(venue, fee.taker_fee_ppm),
                taker_fee_ppm=fee.taker_fee_ppm,
                maker_fee_ppm=fee.maker_fee_ppm,
                fixed_nano=fee.fixed_nano,
                tier_value_ppm=fee.tier_value_ppm,
                is_perpetual=is_perpetual,
            )
            known = self._known[(venue, is_perpetual)] = fee, terms
        return known[1]


def _share_units(request: PlanRequest) -> int:
    """About what one venue would get: the predictor is asked for that, for nobody sends the whole to each."""
    n_venues = max(len(request.instruments) - len(request.barred), 1)
    if request.qty_units is not None:
        return max(request.qty_units // n_venues, 1)
    one_nano = request.symbol.notional_nano(max(request.mid_half_units // 2, 1), 10**request.symbol.qty_scale)
    units: int = (request.notional_nano or 0) * 10**request.symbol.qty_scale // max(one_nano, 1)
    return max(units // n_venues, 1)
