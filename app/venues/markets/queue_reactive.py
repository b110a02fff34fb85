"""The queue-reactive family: its parameters as frozen values, and a world of it (app/kernels/sim_queue.py)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from app.domain.errors import BadRequest
from app.kernels import sim_queue as q
from app.kernels import sim_words as w
from app.venues.markets.clocks import new_clocks
from app.venues.markets.spec import VenueSpec, built, drawn, ns_of_s, venue_specs
from app.venues.markets.world import Markets, World

QUEUE_REACTIVE: Final = Path(__file__).with_name("queue_reactive.toml")

Floats = npt.NDArray[np.float64]
Rates = tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class QueueValue:
    """The value behind the prices, in ticks: a walk in steps, and news that makes it jump.

    Of what takers move it, `fades_frac` goes away with a mean life of `fade_s`; the rest stays.
    """

    start_ticks: float
    volatility_ticks: float
    step_s: float
    jumps_per_s: float = 0.0
    jump_ticks: float = 0.0
    fades_frac: float = 0.0
    fade_s: float = 10.0

    def __post_init__(self) -> None:
        if not 0.001 <= self.step_s <= 1.0 or not 1000.0 <= self.start_ticks < 2.0**40 or self.volatility_ticks < 0.0:
            raise BadRequest("validation_failed", "step_s is 0.001 to 1, start_ticks at least 1000.")
        if not 0.0 <= self.fades_frac <= 1.0 or self.fade_s <= 0.0:
            raise BadRequest("validation_failed", "fades_frac is a part, fade_s above 0.")


@dataclass(frozen=True, slots=True)
class QueueParameters:
    """One venue's crowd. A mean order is the unit of queues; distances and gaps are ticks; rates are a side.

    Rates by level (best first): `limit_per_s` / (1 + `limit_fade` x queue); `cancel_per_s` x queue ^ `cancel_power`;
    `market_per_s` x exp(-`market_fade` x (queue - 1)); queue in mean orders. `*_table` (level by queue size) instead of
    these, as fitted: 4 rows of 16.
    """

    mean_lots: float
    limit_per_s: tuple[float, ...]
    cancel_per_s: tuple[float, ...]
    market_per_s: float
    limit_fade: float = 0.0
    cancel_power: float = 1.0
    market_fade: float = 0.0
    limit_table: Rates | None = None
    cancel_table: Rates | None = None
    market_table: Rates | None = None
    lag_s: float = 0.0
    move_frac: float = 0.7
    refill_orders: float = 3.0
    tilt: float = 0.1
    take_tilt: float = 0.1
    most_gap_ticks: float = 20.0
    pull_per_s: float = 2.0
    pull_from_ticks: float = 1.0
    informed_per_s: float = 0.0
    informed_from_ticks: float = 1.0
    informed_orders: float = 2.0
    deep_per_s: float = 5.0
    n_deep: int = 40
    depth_orders: float = 6.0
    depth_slope: float = 0.1
    iceberg_frac: float = 0.0
    iceberg_orders: float = 5.0
    hidden_frac: float = 0.0
    impact_ticks: float = 0.0

    def __post_init__(self) -> None:
        if len(self.limit_per_s) != q.NEAR or len(self.cancel_per_s) != q.NEAR:
            raise BadRequest("validation_failed", f"Rates are given for {q.NEAR} levels.")
        if not q.NEAR < self.n_deep <= 1000 or self.mean_lots < 1.0:
            raise BadRequest("validation_failed", "n_deep is 5 to 1000, mean_lots at least 1.")
        for table in (self.limit_table, self.cancel_table, self.market_table):
            if table is not None and np.shape(table) != (q.NEAR, q.BUCKETS):
                raise BadRequest("validation_failed", f"A table of rates is {q.NEAR} x {q.BUCKETS}.")

    def rates(self) -> Floats:
        """float64[3, NEAR, BUCKETS]: limits, cancels, takers, a second."""
        out = np.zeros((3, q.NEAR, q.BUCKETS))
        queue = np.arange(q.BUCKETS, dtype=np.float64)
        for level in range(q.NEAR):
            out[q.LIMIT, level] = self.limit_per_s[level] / (1.0 + self.limit_fade * queue)
            out[q.CANCEL, level] = self.cancel_per_s[level] * queue**self.cancel_power
        out[q.MARKET, 0] = self.market_per_s * np.exp(-self.market_fade * np.maximum(0.0, queue - 1.0))
        for kind, table in ((q.LIMIT, self.limit_table), (q.CANCEL, self.cancel_table), (q.MARKET, self.market_table)):
            if table is not None:
                out[kind] = table
        return out


_COLUMNS: Final = {
    q.MEAN_LOTS: "mean_lots",
    q.MOVE_FRAC: "move_frac",
    q.REFILL_ORDERS: "refill_orders",
    q.TILT: "tilt",
    q.TAKE_TILT: "take_tilt",
    q.MOST_GAP_TICKS: "most_gap_ticks",
    q.PULL_PER_S: "pull_per_s",
    q.PULL_FROM_TICKS: "pull_from_ticks",
    q.INFORMED_PER_S: "informed_per_s",
    q.INFORMED_FROM_TICKS: "informed_from_ticks",
    q.INFORMED_ORDERS: "informed_orders",
    q.DEEP_PER_S: "deep_per_s",
    q.N_DEEP: "n_deep",
    q.DEPTH_ORDERS: "depth_orders",
    q.DEPTH_SLOPE: "depth_slope",
    q.ICEBERG_FRAC: "iceberg_frac",
    q.ICEBERG_ORDERS: "iceberg_orders",
    q.HIDDEN_FRAC: "hidden_frac",
    q.IMPACT_TICKS: "impact_ticks",
}


class QueueEngine:
    """State of the family beside the world; `crowds` one a venue (unused where the venue has no book)."""

    def __init__(self, crowds: Sequence[QueueParameters], value: QueueValue) -> None:
        n = len(crowds)
        law = np.zeros((n, q.QUEUE_LAW_SIZE))
        rates = np.zeros((n, 3, q.NEAR, q.BUCKETS))
        for v, crowd in enumerate(crowds):
            for column, name in _COLUMNS.items():
                law[v, column] = getattr(crowd, name)
            law[v, q.LAG_NS] = ns_of_s(crowd.lag_s)
            rates[v] = crowd.rates()
        step_ns = ns_of_s(value.step_s)
        if max(law[:, q.LAG_NS]) / step_ns >= q.PAST:
            raise BadRequest("validation_failed", f"lag_s is below {q.PAST} steps of the value.")
        value_law = np.zeros(q.VALUE_LAW_SIZE)
        value_law[q.STEP_NS] = step_ns
        value_law[q.STEP_SD_TICKS] = value.volatility_ticks * math.sqrt(value.step_s)
        value_law[q.JUMP_FRAC] = min(1.0, value.jumps_per_s * value.step_s)
        value_law[q.JUMP_SD_TICKS] = value.jump_ticks
        value_law[q.FADES_FRAC] = value.fades_frac
        value_law[q.FADE_FRAC] = 1.0 - math.exp(-value.step_s / value.fade_s)
        past = np.zeros(q.PAST + 1)
        past[0] = value.start_ticks
        base = np.full(n, math.floor(value.start_ticks), np.int64)
        self._law = (law, rates, value_law)
        self._state = (past, np.zeros(4, np.int64), base, np.zeros((n, 2), np.int64), np.zeros((n, 2), np.int64))
        self._clocks = new_clocks(n, q.QUEUE_AGENTS)

    def open(self, world: World) -> None:
        q.open_queue(world, self._clocks, self._law, self._state)

    def run(self, world: World) -> int:
        return q.run_queue(world, self._clocks, self._law, self._state)

    def value_ticks(self, world: World) -> float:
        past, numbers = self._state[0], self._state[1]
        return float(past[numbers[q.N_STEPS] & (q.PAST - 1)])


def queue_reactive_markets(table: Mapping[str, Any], seed: int, hidden_seed: int) -> Markets:
    """A world from a file's tables; `hidden_seed` draws what the file gives as ranges, `seed` is the noise.

    `[queue_reactive]` holds for all venues; a venue's own `queue_reactive` table in `[[venues]]` comes on top.
    """
    plain = drawn(table, hidden_seed)
    rows = [dict(row) for row in plain["venues"]]
    own = [row.pop("queue_reactive", {}) for row in rows]
    specs: tuple[VenueSpec, ...] = venue_specs({**plain, "venues": rows})
    crowds = [built(QueueParameters, {**plain["queue_reactive"], **more}) for more in own]
    return Markets(specs, seed, QueueEngine(crowds, built(QueueValue, plain["value"])))


assert len(_COLUMNS) == q.QUEUE_LAW_SIZE - 1  # all but the lag, which is in ns
assert w.MOST_VENUES * q.QUEUE_AGENTS < q.A_VALUE
