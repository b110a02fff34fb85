"""What the market did after something of ours, and at instants when nothing of ours was there to compare it with.

A mid here is always the leave-one-out class mid: the depth-weighted median over every other venue's fresh, uncrossed
book of the class, so that a venue's own quotes never judge its fills. Twice the price, 0 where nobody else quoted.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

HORIZONS_NS: Final = (100_000_000, 1_000_000_000, 10_000_000_000, 60_000_000_000)
NO_MIDS: Final = (0, 0, 0, 0)


class PathKind(StrEnum):
    """`fill`: from a fill on. `child`: from a child's sending, and on from its deadline, filled or not."""

    FILL = "fill"
    CHILD = "child"


@dataclass(frozen=True, slots=True)
class MidPath:
    """Mids of one venue's rest of the class after a fill or a child of ours.

    `ref_id`: the fill's exec id or the child's id. `start_ts_ns`, `mid_half_units`: the event, and the last mid known
    before it (of a child: its sending). `after_half_units`: the mids HORIZONS_NS later (a child's: after its deadline).
    `move_ubps`: how much the class mid moved in the 10 s before, root of the sum of squares, in 1e-6 bps.
    `cleanup_units`: of a child, the class's far touch at its deadline: what the rest would have cost then; 0 unknown.
    """

    kind: PathKind
    ref_id: str
    venue: str
    symbol: str
    start_ts_ns: int
    mid_half_units: int
    after_half_units: tuple[int, int, int, int]
    move_ubps: int
    cleanup_units: int = 0


@dataclass(frozen=True, slots=True)
class StillPath:
    """The same mids at an instant drawn at random when nothing of ours traded within a second."""

    symbol: str
    start_ts_ns: int
    move_ubps: int
    venues: tuple[tuple[str, int, tuple[int, int, int, int]], ...]  # venue, mid, mids after


@dataclass(frozen=True, slots=True)
class IntervalStats:
    """The market over an order's life, [accepted, done].

    `shown_qty_units`: displayed at acceptance on the order's far side within 5 bps of the class mid, all venues.

    `twap_half_units`: time-weighted class mid, 0 if none was seen. `vwap_units`: what the public traded at, 0 where no
    trade was seen. `traded_qty_units`: how much that was, own fills left out. `strip`: (milliseconds from the start,
    twice the class mid), thinned, from before the order to a minute after it.
    """

    start_ts_ns: int
    end_ts_ns: int
    n_samples: int
    shown_qty_units: int
    twap_half_units: int
    vwap_units: int
    traded_qty_units: int
    strip: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Measurement:
    """What is ready to be told of an order, or (order id empty) of still instants, drawn by `seed`."""

    order_id: str
    paths: tuple[MidPath, ...] = ()
    interval: IntervalStats | None = None
    still: tuple[StillPath, ...] = ()
    seed: int = 0
