"""A prediction of what a marketable order will cost when it arrives: quantiles and mean for (symbol, side, size,
urgency, delay), from the book as it stands. The polite shell of kernels/slippage.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Final

import numpy as np
import numpy.typing as npt

from app.domain.calibration import SlippageParameters, SymbolCalibration, Urgency
from app.domain.enums import Side
from app.domain.terms import Predicted
from app.kernels import slippage as kernel
from app.kernels.status import OK
from app.shm.books import SymbolBooks

Float64Array = npt.NDArray[np.float64]

# How long the parts of an order wait for their turn, on average: four parts over a second's three quarters.
N_PARTS: Final = 4
PART_EVERY_S: Final = 0.25
MEAN_WAIT_S: Final = {Urgency.NOW: 0.0, Urgency.SOON: PART_EVERY_S * (N_PARTS - 1) / 2}
# Beyond this fraction of what is displayed within 5 bps a replay cannot price, so nothing was learned there.
MAX_USED_FRAC: Final = 0.1
# A cost beyond half the value is a broken input, not a market.
MAX_COST_PPM: Final = 500_000.0


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked. `sigma_ppm_sqrt_s` 0 means that of the calibration."""

    side: Side
    qty_units: int
    urgency: Urgency = Urgency.NOW
    delay_ns: int = 0
    sigma_ppm_sqrt_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Distribution:
    """Cost against the mid of now in ppm: the walk of the book as it stands, then quantiles and mean on arrival.

    `is_extrapolated`: the quantity is beyond what a replay may price.
    """

    walk_ppm: float
    p05_ppm: float
    p25_ppm: float
    p50_ppm: float
    p75_ppm: float
    p95_ppm: float
    mean_ppm: float
    is_extrapolated: bool

    @property
    def beyond_walk(self) -> Predicted:
        """Mean and 90 % interval beside the walk, which plans already contain."""
        walk_ppm = self.walk_ppm
        return Predicted(self.mean_ppm - walk_ppm, self.p05_ppm - walk_ppm, self.p95_ppm - walk_ppm)


class Predictor:
    """One symbol's law, laid flat once. Never mutated."""

    def __init__(self, calibration: SymbolCalibration, *, is_inverse: bool) -> None:
        law = calibration.slippage
        self._is_inverse = is_inverse
        self._sigma_ppm_sqrt_s = law.sigma_ppm_sqrt_s
        self._weights = np.array((law.sigma_power_frac, law.imbalance_ppm), dtype=np.float64)
        self._walks_log = np.log1p(np.array(law.walk_knots_ppm, dtype=np.float64))
        self._waits_s = {u: waits_of(law, u) for u in Urgency}
        self._tables = {u: table_of(law, u) for u in Urgency}
        self._wanted = np.empty(1, dtype=np.float64)
        self._seen = np.empty((1, kernel.N_FEATURES), dtype=np.float64)
        self._told = np.empty((1, kernel.N_OUT), dtype=np.float64)

    def predict(self, books: SymbolBooks, venue_i: int, question: Question) -> Distribution | None:
        """The distribution on one venue's book; None where the book is empty or too short, or the result no cost."""
        wanted = np.array((question.qty_units,), dtype=np.float64)
        features = self._features(books, venue_i, question.side, wanted, np.empty((1, kernel.N_FEATURES)))
        if features is None:
            return None
        out = self._quantiles(features, question, np.empty((1, kernel.N_OUT)), question.delay_ns)
        return None if out is None else _distribution(features[0], out[0])

    def predict_sizes(
        self, books: SymbolBooks, venue_i: int, question: Question, sizes_units: Sequence[int]
    ) -> tuple[Distribution | None, ...]:
        """As `predict` for several quantities; the question's own is not used."""
        found: list[Distribution | None] = []
        for size_units in sizes_units:
            asked = Question(question.side, size_units, question.urgency, question.delay_ns, question.sigma_ppm_sqrt_s)
            found.append(self.predict(books, venue_i, asked))
        return tuple(found)

    def beyond_walk(self, books: SymbolBooks, venue_i: int, question: Question, delay_ns: int) -> Predicted | None:
        """`predict(...).beyond_walk` of a question whose own delay is not used. From the deciding thread only."""
        wanted, seen, told = self._wanted, self._seen, self._told
        wanted[0] = question.qty_units
        if self._features(books, venue_i, question.side, wanted, seen) is None:
            return None
        if self._quantiles(seen, question, told, delay_ns) is None:
            return None
        values = p05, _, _, _, p95, mean = told[0].tolist()
        if not isfinite(sum(values)) or min(values) < -MAX_COST_PPM or max(values) > MAX_COST_PPM:
            return None
        walk_ppm = seen[0].tolist()[kernel.WALK_PPM]
        return Predicted(mean - walk_ppm, p05 - walk_ppm, p95 - walk_ppm)

    def _features(
        self, books: SymbolBooks, venue_i: int, side: Side, wanted: Float64Array, features: Float64Array
    ) -> Float64Array | None:
        found = kernel.book_features(
            books.price_units[venue_i],
            books.qty_units[venue_i],
            books.n_levels[venue_i],
            side.sign,
            self._is_inverse,
            0.0,
            wanted,
            features,
        )
        return features if found == OK else None

    def _quantiles(
        self, features: Float64Array, question: Question, out: Float64Array, delay_ns: int
    ) -> Float64Array | None:
        urgency = question.urgency
        found = kernel.slippage_quantiles(
            features,
            (question.sigma_ppm_sqrt_s or self._sigma_ppm_sqrt_s) / self._sigma_ppm_sqrt_s,
            delay_ns * 1e-9 + MEAN_WAIT_S[urgency],
            self._weights,
            self._waits_s[urgency],
            self._walks_log,
            self._tables[urgency],
            out,
        )
        return out if found == OK else None


def waits_of(law: SlippageParameters, urgency: Urgency) -> Float64Array:
    """The kernel's waits: none, then each delay with the urgency's own mean wait."""
    return np.array((0.0, *(delay_s + MEAN_WAIT_S[urgency] for delay_s in law.knots_s)), dtype=np.float64)


def table_of(law: SlippageParameters, urgency: Urgency) -> Float64Array:
    """The kernel's table, float64[1 + delays, walks, N_OUT]: without a wait the walk is the cost."""
    rows = np.array(dict(law.tables)[urgency], dtype=np.float64)
    table = np.zeros((1 + len(law.knots_s), len(law.walk_knots_ppm), kernel.N_OUT), dtype=np.float64)
    table[1:] = rows.reshape(table[1:].shape)
    return table


def _distribution(features: Float64Array, out: Float64Array) -> Distribution | None:
    walk_ppm, _, _, used_frac = features.tolist()
    values = p05, p25, p50, p75, p95, mean = out.tolist()
    if not all(isfinite(value) and abs(value) <= MAX_COST_PPM for value in values):
        return None
    return Distribution(walk_ppm, p05, p25, p50, p75, p95, mean, is_extrapolated=used_frac > MAX_USED_FRAC)


def next_variance(variance_ppm: float, move_ppm: float, passed_s: float, memory_s: float) -> float:
    """The running variance of the mid per second (ppm squared) after one more move; 0 means none yet."""
    fresh_ppm: float = move_ppm * move_ppm / passed_s
    if variance_ppm <= 0.0:
        return fresh_ppm
    share: float = -float(np.expm1(-passed_s / memory_s))
    return variance_ppm + share * (fresh_ppm - variance_ppm)
