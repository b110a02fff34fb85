"""A parent's all-in cost before it is taken: mean, five quantiles and the group whose errors they carry.

Mean = the books' walk for one slice, plus impact that never falls with size. Spread = timing risk, sigma x the root of
`held_s`, plus parts that grow with impact; its shape is what standardised errors of like parents were.
Source: docs/pretrade.md.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isfinite, log1p, sqrt
from operator import mul
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from app.domain.enums import Strategy
from app.domain.pretrade import ANY, N_LEVELS, UBPS, CostAsk, CostCell, CostEstimate, CostLaw, Pace, PretradeLaw
from app.kernels import foretell, status, walk

Float64Array = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

# What counts as displayed, as in the replay's reach.
SHOWN_BPS: Final = 5.0
# A sweep's price is that of its arrival, a round trip later.
LEAST_HELD_S: Final = 0.25
N_MEAN: Final = foretell.N_MEAN
N_SCALE: Final = foretell.N_SCALE
# Beyond half the value a prediction is a broken input; quantiles are cut there.
MOST_BPS: Final = foretell.MOST_BPS


class Levels(NamedTuple):
    """Several books at one instant, as on the board: side 0 bids, 1 asks, best level first.

    price_units, qty_units: int64[n, 2, depth], n_levels: int64[n, 2], all contiguous. taker_fee_ppm: float64[n].
    is_open: bool[n], which of them count. cap_units: no level beyond it counts, 0: all do.
    """

    price_units: Int64Array
    qty_units: Int64Array
    n_levels: Int64Array
    taker_fee_ppm: Float64Array
    is_open: BoolArray
    cap_units: int = 0


class Look(NamedTuple):
    """What books say of a quantity.

    `shown_units`: displayed within SHOWN_BPS of the mid; `is_short`: less than a slice in all.
    """

    walk_bps: float
    touch_bps: float
    used_frac: float
    shown_units: float
    is_short: bool


def look(levels: Levels, sign: int, mid_units: float, qty_units: float, n_slices: int) -> Look | None:
    """All-in cost of one of `n_slices` equal slices against `mid_units`; beyond what is there at the last price.

    sign: +1 buys. Never cheaper for more. None: no level counts.
    """
    out, slice_units = np.empty(walk.N_OUT), qty_units / max(n_slices, 1)
    books, cap_units = levels[:5], levels.cap_units
    if walk.walk_far(*books, sign, cap_units, mid_units, slice_units, SHOWN_BPS, out) != status.OK:
        return None
    paid, touch, shown, left = out.tolist()
    return Look(
        walk_bps=sign * (paid / mid_units - 1.0) * 1e4,
        touch_bps=sign * (touch / mid_units - 1.0) * 1e4,
        used_frac=qty_units / shown,
        shown_units=shown,
        is_short=left > 0.0,
    )


def held_s(plan: Sequence[tuple[float, float]], qty_units: float) -> float:
    """Seconds of variance that a plan of (seconds from now, quantity) is exposed to, as a part of all at once."""
    left, at_s, total_s = 1.0, 0.0, 0.0
    for then_s, part in plan:
        total_s += left * left * (then_s - at_s)
        at_s, left = then_s, max(left - part / qty_units, 0.0)
    return total_s


def mean_features(ask: CostAsk, sigma_bps: float) -> tuple[float, ...]:
    """What the mean adds to the walk, none falling with size: N_MEAN values in bps."""
    used = ask.used_frac
    return sigma_bps * sqrt(used), sigma_bps * log1p(used), max(ask.walk_bps - ask.touch_bps, 0.0)


def scale_features(ask: CostAsk, sigma_bps: float) -> tuple[float, ...]:
    """What widens the distribution: N_SCALE values in bps."""
    timing = sigma_bps * sqrt(ask.held_s + LEAST_HELD_S)
    impact = sigma_bps * sqrt(ask.used_frac)
    return 1.0, timing, impact, max(ask.walk_bps - ask.touch_bps, 0.0)


def bucket(edges: Sequence[float], value: float) -> int:
    return bisect_right(edges, value)


class _Laid(NamedTuple):
    """One pace's law, its pairs as tables."""

    law: CostLaw
    intercepts: dict[str, float]
    offsets: dict[str, float]
    spreads: dict[str, float]


class FlatLaw(NamedTuple):
    """What the law says of one strategy at one venue: float64 as kernels/foretell.py reads it, and its cells' names."""

    numbers: Float64Array
    cell_names: tuple[str, ...]


@dataclass(slots=True)
class CostEstimator:
    """A law laid out for asking. Never mutated, but for what of it has been laid flat."""

    law: PretradeLaw
    _name: str = field(init=False)
    _laws: dict[Pace, _Laid] = field(init=False)
    _cells: dict[tuple[Pace, str, int, int], CostCell] = field(init=False)
    _cell_names: dict[tuple[Pace, str, int, int], str] = field(init=False)
    _flat: dict[tuple[Strategy, str], FlatLaw | None] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        assert all((len(law.mean_coefs), len(law.scale_coefs)) == (N_MEAN, N_SCALE) for law in self.law.laws)
        self._name = self.law.name
        self._laws = {
            law.pace: _Laid(law, dict(law.intercepts), dict(law.offsets), dict(law.spreads)) for law in self.law.laws
        }
        self._cells = {
            (law.pace, cell.venue, cell.size_i, cell.sigma_i): cell for law in self.law.laws for cell in law.cells
        }
        self._cell_names = {
            key: f"{pace.value}/{venue}/{size_i}/{sigma_i}"
            for key in self._cells
            for pace, venue, size_i, sigma_i in (key,)
        }

    @property
    def name(self) -> str:
        """As `PretradeLaw.name`, made once."""
        return self._name

    def flat(self, strategy: Strategy, venue: str) -> FlatLaw | None:
        """The law of a strategy at once, laid flat; None where it has no such pace."""
        key = strategy, venue
        if key not in self._flat:
            laid = None if strategy.is_scheduled else self._laws.get(Pace.AT_ONCE)
            self._flat[key] = None if laid is None else self._laid_flat(laid, strategy, venue)
        return self._flat[key]

    def _laid_flat(self, laid: _Laid, strategy: Strategy, venue: str) -> FlatLaw:
        law, n_sizes, n_sigmas = laid.law, len(laid.law.size_edges), len(laid.law.sigma_edges)
        cells = [
            self._cells.get((law.pace, venue, size_i, sigma_i)) or self._cells[law.pace, ANY, size_i, sigma_i]
            for size_i in range(n_sizes + 1)
            for sigma_i in range(n_sigmas + 1)
        ]
        numbers = [
            law.sigma_bps_sqrt_s,
            laid.intercepts.get(strategy, 0.0),
            laid.offsets.get(venue, 0.0),
            laid.spreads.get(strategy, 1.0),
            law.most_used_frac,
            LEAST_HELD_S,
            *law.mean_coefs,
            *law.scale_coefs,
            n_sizes,
            n_sigmas,
            *law.size_edges,
            *law.sigma_edges,
            *[error for cell in cells for error in cell.errors],
        ]
        names = tuple(self._cell_names[law.pace, cell.venue, cell.size_i, cell.sigma_i] for cell in cells)
        return FlatLaw(np.array(numbers, dtype=np.float64), names)

    def moments(self, ask: CostAsk) -> tuple[float, float, CostCell] | None:
        """(mean, scale, cell) in bps; None where the law has no such pace."""
        pace = ask.pace
        laid = self._laws.get(pace)
        if laid is None:
            return None
        law, strategy, venue = laid.law, ask.strategy, ask.venue
        sigma = ask.sigma_bps_sqrt_s or law.sigma_bps_sqrt_s
        mean = ask.walk_bps + laid.intercepts.get(strategy, 0.0) + laid.offsets.get(venue, 0.0)
        mean += sum(map(mul, law.mean_coefs, mean_features(ask, sigma)))
        scale = sum(map(mul, law.scale_coefs, scale_features(ask, sigma)))
        scale *= laid.spreads.get(strategy, 1.0)
        size_i, sigma_i = bisect_right(law.size_edges, ask.used_frac), bisect_right(law.sigma_edges, sigma)
        cell = self._cells.get((pace, venue, size_i, sigma_i)) or self._cells[pace, ANY, size_i, sigma_i]
        return mean, scale, cell

    def estimate(self, ask: CostAsk, participation_ppm: int = 0, *, is_short: bool = False) -> CostEstimate | None:
        """The distribution; None where the law has no such pace or an input is no number."""
        found = self.moments(ask)
        if found is None or not isfinite(found[0] + found[1]):
            return None
        mean, scale, cell = found
        expected, p05, p25, p50, p75, p95 = _all_ubps([mean, *[mean + scale * error for error in cell.errors]])
        pace = ask.pace
        return CostEstimate(
            expected_ubps=expected,
            quantiles_ubps=(p05, p25, p50, p75, p95),
            participation_ppm=participation_ppm,
            duration_ms=round(ask.duration_s * 1000),
            basis=self.law.basis,
            artifact=self._name,
            cell=self._cell_names[(pace, cell.venue, cell.size_i, cell.sigma_i)],
            is_extrapolated=is_short or ask.used_frac > self._laws[pace].law.most_used_frac,
        )


def quantiles_bps(estimator: CostEstimator, asks: Sequence[CostAsk]) -> Float64Array:
    """float64[n, N_LEVELS] of many; every pace must be in the law."""
    out = np.empty((len(asks), N_LEVELS))
    for i, ask in enumerate(asks):
        found = estimator.moments(ask)
        assert found is not None, ask.pace
        out[i] = found[0] + found[1] * np.array(found[2].errors)
    return out


def _all_ubps(values_bps: list[float]) -> list[int]:
    if min(values_bps) < -MOST_BPS or max(values_bps) > MOST_BPS:
        values_bps = [min(max(value, -MOST_BPS), MOST_BPS) for value in values_bps]
    return [round(value * UBPS) for value in values_bps]
