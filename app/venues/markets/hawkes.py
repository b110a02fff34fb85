"""The Hawkes family: orders beget orders, some takers are informed, makers learn from everybody. Simulated."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from app.domain.errors import BadRequest
from app.kernels import sim_hawkes as h
from app.kernels.sim_heap import new_heap
from app.venues.markets.clocks import new_clocks
from app.venues.markets.spec import VenueSpec, built, drawn, ns_of_s, venue_specs
from app.venues.markets.world import Markets, World

HAWKES: Final = Path(__file__).with_name("hawkes.toml")
N_DUE: Final = 1 << 15


@dataclass(frozen=True, slots=True)
class HawkesValue:
    """What is common to all venues. Children: `branch[parent][same pressure, other pressure][taker, limit, cancel]`.

    The value walks `volatility_ticks` a square root of a second and jumps; the belief closes `news_per_s` of its gap.
    """

    start_ticks: float
    volatility_ticks: float
    jumps_per_s: float
    jump_ticks: float
    news_per_s: float
    fast_s: float
    slow_s: float
    slow_frac: float
    cross_frac: float
    branch: tuple[Any, ...]
    step_s: float = 0.02

    def children(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        """float64[3, 2, 3], its spectral radius below 1."""
        found = np.array(self.branch, np.float64)
        if found.shape != (3, 2, 3) or (found < 0).any():
            raise BadRequest("validation_failed", "branch is 3 parents x 2 pressures x 3 children, none negative.")
        if self.branching_ratio(found) >= 1.0:
            raise BadRequest("validation_failed", "branch: every order would have more than one child for ever.")
        return found

    @staticmethod
    def branching_ratio(children: Any) -> float:
        """Largest eigenvalue of the mean numbers of children, both pressures together."""
        return float(np.abs(np.linalg.eigvals(np.asarray(children).sum(axis=1))).max())


@dataclass(frozen=True, slots=True)
class HawkesParameters:
    """One venue: founders a pressure and second, sizes in lots, makers' habits."""

    taker_per_s: float
    limit_per_s: float
    cancel_per_s: float
    take_lots: float
    take_log_sd: float
    limit_lots: float
    cancel_frac: float
    n_levels: int
    level_power: float
    usual_lots: float
    learn_ticks: float
    learn_power: float
    informed_frac: float
    informed_from_ticks: float
    half_ticks: float = 0.5
    pull_per_s: float = 20.0
    hidden_frac: float = 0.0
    lag_s: float = 0.0

    def __post_init__(self) -> None:
        if not 1 <= self.n_levels <= 1_000 or min(self.take_lots, self.limit_lots) < 1.0 or self.level_power < 1.0:
            raise BadRequest("validation_failed", "n_levels is 1 to 1000, mean lots and level_power are at least 1.")
        if not (0.0 <= self.informed_frac <= 1.0 and 0.0 < self.cancel_frac <= 1.0):
            raise BadRequest("validation_failed", "informed_frac and cancel_frac are parts.")


class HawkesEngine:
    """State of the family beside the world; `crowds` one a venue (unused where the venue has no book)."""

    def __init__(self, crowds: Sequence[HawkesParameters], value: HawkesValue) -> None:
        law = np.zeros((len(crowds), h.HAWKES_LAW_SIZE))
        for v, crowd in enumerate(crowds):
            law[v] = _row(crowd, value.step_s)
        if law[:, h.LAG_STEPS].max() >= h.PAST:
            raise BadRequest("validation_failed", f"lag_s is below {h.PAST} steps.")
        overall = np.zeros(h.ALL_SIZE)
        overall[h.STEP_NS] = ns_of_s(value.step_s)
        overall[h.STEP_SD_TICKS] = value.volatility_ticks * math.sqrt(value.step_s)
        overall[h.JUMP_FRAC] = min(1.0, value.jumps_per_s * value.step_s)
        overall[h.JUMP_SD_TICKS] = value.jump_ticks
        overall[h.NEWS_FRAC] = 1.0 - math.exp(-value.news_per_s * value.step_s)
        overall[[h.FAST_S, h.SLOW_S, h.SLOW_FRAC]] = value.fast_s, value.slow_s, value.slow_frac
        overall[h.CROSS_FRAC] = value.cross_frac
        belief = np.zeros(h.PAST)
        belief[0] = value.start_ticks
        self._law = (law, value.children(), overall)
        self._state = (belief, np.zeros(4, np.int64), np.array([value.start_ticks]))
        self._clocks = new_clocks(len(crowds), h.HAWKES_AGENTS)
        self._heap = new_heap(N_DUE)

    def open(self, world: World) -> None:
        h.open_hawkes(world, self._clocks, self._heap, self._law, self._state)

    def run(self, world: World) -> int:
        return h.run_hawkes(world, self._clocks, self._heap, self._law, self._state)

    def value_ticks(self, world: World) -> float:
        return float(self._state[2][0])


def _row(crowd: HawkesParameters, step_s: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    row = np.zeros(h.HAWKES_LAW_SIZE)
    row[h.PER_S : h.PER_S + 3] = crowd.taker_per_s, crowd.limit_per_s, crowd.cancel_per_s
    row[[h.TAKE_LOTS, h.TAKE_LOG_SD, h.LIMIT_LOTS]] = crowd.take_lots, crowd.take_log_sd, crowd.limit_lots
    row[[h.CANCEL_FRAC, h.N_LEVELS, h.LEVEL_POWER]] = crowd.cancel_frac, crowd.n_levels, crowd.level_power
    row[h.LAG_STEPS] = round(crowd.lag_s / step_s)
    row[[h.LEARN_TICKS, h.LEARN_POWER]] = crowd.learn_ticks, crowd.learn_power
    row[[h.INFORMED_FRAC, h.INFORMED_FROM_TICKS]] = crowd.informed_frac, crowd.informed_from_ticks
    row[[h.HALF_TICKS, h.HIDDEN_FRAC, h.USUAL_LOTS]] = crowd.half_ticks, crowd.hidden_frac, crowd.usual_lots
    row[h.PULL_FRAC] = 1.0 - math.exp(-crowd.pull_per_s * step_s)
    return row


def hawkes_markets(table: Mapping[str, Any], seed: int, hidden_seed: int) -> Markets:
    """A world from a file's tables; `hidden_seed` draws what the file gives as ranges, `seed` is the noise.

    `[hawkes]` holds for all venues; a venue's own `hawkes` table in `[[venues]]` comes on top.
    """
    plain = drawn(table, hidden_seed)
    rows = [dict(row) for row in plain["venues"]]
    own = [row.pop("hawkes", {}) for row in rows]
    specs: tuple[VenueSpec, ...] = venue_specs({**plain, "venues": rows})
    crowds = [built(HawkesParameters, {**plain["hawkes"], **more}) for more in own]
    return Markets(specs, seed, HawkesEngine(crowds, built(HawkesValue, plain["value"])))
