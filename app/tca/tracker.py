"""Which mids are still owed to fills, children and still instants: values in, measurements out, no clock, no board.

The driver (services/measure.py) hands over durable facts and samples and asks what to sample next. What a stopped
process did not live to see is not measured: reports count such fills, they never guess them.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from math import log
from typing import Final, NamedTuple

from app.domain.enums import Side
from app.domain.events import ChildFilled, ChildSending, Event, Fact, OrderAccepted, OrderDone
from app.domain.ids import hash80
from app.domain.markouts import HORIZONS_NS, NO_MIDS, IntervalStats, Measurement, MidPath, PathKind, StillPath
from app.tca.composite import Sample
from app.tca.tape import MAX_STALE_NS, NO_MARK, Mark, Tape, mean_half_units

MAX_OWED: Final = 20_000  # fills and children under measurement at once; beyond it new ones are counted and left
STILL_EVERY_NS: Final = 5_000_000_000  # mean distance of two still instants of a symbol
CLEAR_NS: Final = 1_000_000_000  # an own fill this near makes an instant none of stillness
LINGER_NS: Final = 120_000_000_000  # a symbol is watched this long after its last interest
LOOK_BACK_NS: Final = 5_000_000_000  # of the strip's fine part, before the order came and after it was done
MAX_BATCH_PATHS: Final = 64
MAX_STRIPPED_ORDERS: Final = 1_000  # under measurement; beyond it prices around each are not worth their bytes
MAX_HELD_NS: Final = 10_000_000_000  # how long a finished path waits for company while its order works
MAX_STILL_BATCH: Final = 16
_MS: Final = 1_000_000
_STAGES_NS: Final = (0, *HORIZONS_NS)
_NOTED: Final[frozenset[type[Event]]] = frozenset({OrderAccepted, ChildSending, ChildFilled, OrderDone})

Traded = Callable[[str, int, int], tuple[int, int]]  # symbol, from, to -> (vwap_units, qty_units), (0, 0) if unseen


def nothing_traded(symbol: str, start_ts_ns: int, end_ts_ns: int) -> tuple[int, int]:
    """Where no public trades are heard, none are known."""
    return 0, 0


@dataclass(slots=True)
class _Owed:
    """One path under measurement. `base_ts_ns`: what the horizons are counted from."""

    kind: PathKind | None  # None: a still instant
    order_id: str
    ref_id: str
    venue: str
    symbol: str
    side: Side
    start_ts_ns: int
    base_ts_ns: int
    move_ubps: int = 0
    mid_half_units: int = 0  # of `venue`, at the start
    after_half_units: tuple[int, ...] = ()  # of `venue`, at the horizons so far
    # Of a still instant instead of those two: of every venue.
    still_half_units: Mapping[str, int] | None = None
    still_after_half_units: dict[str, list[int]] | None = None
    cleanup_units: int = 0
    is_disturbed: bool = False  # a still instant beside a fill of ours
    stage_i: int = 0  # of the dues below

    def due_ts_ns(self) -> int:
        """When the next mid is owed: first the base itself (a child's deadline, a still instant), then the horizons."""
        return self.base_ts_ns + _STAGES_NS[self.stage_i]


@dataclass(slots=True)
class _Order:
    account: str
    symbol: str
    side: Side
    start_ts_ns: int
    end_ts_ns: int = 0
    begun: Mark = NO_MARK
    ended: Mark = NO_MARK
    last_half_units: int = 0
    shown_qty_units: int = 0
    is_told: bool = False  # its interval is
    n_owed: int = 0
    done: tuple[MidPath, ...] = ()
    held_since_ns: int = 0


class _Glance(NamedTuple):
    """A symbol's tape at `ts_ns`."""

    ts_ns: int
    mark: Mark
    shown_bid_units: int
    shown_ask_units: int
    without_half_units: Mapping[str, int]
    move_ubps: int


@dataclass(slots=True)
class Tracker:
    """Everything owed. `seed` draws the still instants; `traded` tells what the public traded."""

    seed: int
    traded: Traded = nothing_traded
    n_left: int = 0
    _tapes: dict[str, Tape] = field(default_factory=dict)
    _orders: dict[str, _Order] = field(default_factory=dict)
    # Of these: what `collect` tells next; at work with finished paths, the longest held first; and by when the interval
    # after their end is past. Of thirty thousand orders under measurement a few have something to tell at any second.
    _ready: dict[str, None] = field(default_factory=dict)
    _with_paths: dict[str, None] = field(default_factory=dict)
    _ends: list[tuple[int, str]] = field(default_factory=list)
    _open: dict[str, int] = field(default_factory=dict)  # symbol -> orders at work
    _dues: list[tuple[int, int, _Owed]] = field(default_factory=list)
    _glances: dict[str, _Glance] = field(default_factory=dict)  # of the batch that is being noted
    n_pushed: int = 0
    _watched_until_ns: dict[str, int] = field(default_factory=dict)
    _next_still_ns: dict[str, int] = field(default_factory=dict)
    _last_fill_ns: dict[str, int] = field(default_factory=dict)
    _still: list[StillPath] = field(default_factory=list)
    _still_since_ns: int = 0

    # in

    def symbols_of(self, facts: Iterable[Fact]) -> set[str]:
        """The symbols that `facts` make worth a look at once, before `note` takes them."""
        found = set()
        for fact in facts:
            event = fact.event
            kind = type(event)
            if kind is OrderAccepted:
                found.add(event.order.symbol)  # type: ignore[attr-defined]
            elif kind is ChildSending:
                found.add(event.child.symbol)  # type: ignore[attr-defined]
        return found

    def note(self, facts: Iterable[Fact]) -> None:
        """Takes durable facts: what was sent and filled is owed its mids from here on."""
        self._glances.clear()
        for fact in facts:
            event = fact.event
            if type(event) not in _NOTED:
                continue
            if isinstance(event, OrderAccepted):
                self._begin(fact.ts_ns, event)
            elif isinstance(event, ChildSending):
                child, sent_ns = event.child, fact.ts_ns
                ids = child.order_id, child.child_id, child.venue, child.symbol, child.side
                self._owe(event, _Owed(PathKind.CHILD, *ids, sent_ns, max(child.deadline_ts_ns, sent_ns)))
            elif isinstance(event, ChildFilled):
                self._note_fill(fact, event)
            elif isinstance(event, OrderDone):
                self._note_done(fact, event)

    def take(self, symbol: str, sample: Sample) -> None:
        """A look at a symbol's books: goes on its tape, where `settle` reads what is due."""
        self._tape(symbol).add(sample)
        self._draw_still(symbol, sample.ts_ns)

    def settle(self, now_ns: int) -> None:
        """Reads every mid that has come due."""
        while self._dues and self._dues[0][0] <= now_ns:
            due_ts_ns, _, owed = heapq.heappop(self._dues)
            self._read(owed, due_ts_ns)
            owed.stage_i += 1
            if owed.stage_i <= len(HORIZONS_NS):
                self._push(owed)
            else:
                self._finish(owed, now_ns)

    # out

    def watched(self, now_ns: int) -> list[str]:
        """The symbols to be sampled now; tapes of others are forgotten."""
        for symbol in [s for s, until_ns in self._watched_until_ns.items() if until_ns < now_ns]:
            if self._open.get(symbol):
                self._watch(symbol, now_ns)
                continue
            for book in (self._watched_until_ns, self._tapes, self._next_still_ns, self._last_fill_ns):
                book.pop(symbol, None)
        return list(self._watched_until_ns)

    def due_symbols(self, now_ns: int) -> set[str]:
        """The symbols of what is due by now."""
        return {owed.symbol for due_ts_ns, _, owed in self._dues[:64] if due_ts_ns <= now_ns}

    def next_due_ns(self) -> int:
        """When the next mid is owed; 0: none is."""
        return self._dues[0][0] if self._dues else 0

    def n_ready(self, now_ns: int) -> int:
        """How many orders have something to tell."""
        while self._ends and self._ends[0][0] <= now_ns:
            self._ripen(heapq.heappop(self._ends)[1], now_ns)
        while self._with_paths:
            order_id = next(iter(self._with_paths))
            if now_ns - self._orders[order_id].held_since_ns < MAX_HELD_NS:
                break
            del self._with_paths[order_id]
            self._ready[order_id] = None
        return len(self._ready)

    def collect(self, now_ns: int, n_most: int = 1_000_000) -> list[Measurement]:
        """What is ready, each once, of at most `n_most` orders: done ones whole, working ones in batches; and still
        instants.
        """
        told: list[Measurement] = []
        for order_id in list(islice(self._ready, min(self.n_ready(now_ns), n_most))):
            del self._ready[order_id]
            told += self._told(order_id, now_ns)
        has_waited = bool(self._still) and now_ns - self._still_since_ns >= MAX_HELD_NS
        if len(self._still) >= MAX_STILL_BATCH or has_waited:
            told.append(Measurement("", still=tuple(self._still), seed=self.seed))
            self._still = []
        return told

    def is_measuring(self, order_id: str) -> bool:
        """Whether something of the order is still to be told."""
        return order_id in self._orders

    # within

    def _ripen(self, order_id: str, now_ns: int) -> None:
        """Something of the order has come to its end: is there enough to tell?"""
        order = self._orders.get(order_id)
        if order is not None and (self._is_over(order, now_ns) or len(order.done) >= MAX_BATCH_PATHS):
            self._with_paths.pop(order_id, None)
            self._ready[order_id] = None

    def _is_over(self, order: _Order, now_ns: int) -> bool:
        """Nothing is owed any more, and the last horizon after its end is past."""
        is_past = order.is_told or now_ns >= order.end_ts_ns + HORIZONS_NS[-1]
        return order.end_ts_ns > 0 and order.n_owed == 0 and is_past

    def _told(self, order_id: str, now_ns: int) -> list[Measurement]:
        """All that is left of one that is over, the paths of one at work; nothing of one that is owed more by now."""
        order = self._orders[order_id]
        is_over = self._is_over(order, now_ns)
        if not is_over and order.end_ts_ns and len(order.done) < MAX_BATCH_PATHS:
            return []
        interval = self._interval(order) if is_over and not order.is_told else None
        done, order.done = order.done, ()
        if is_over:
            del self._orders[order_id]
        return [Measurement(order_id, done, interval)] if done or interval is not None else []

    def _begin(self, ts_ns: int, event: OrderAccepted) -> None:
        order = event.order
        symbol, side = order.symbol, order.side
        glance = self._glance_at(symbol, ts_ns)
        shown_units = glance.shown_ask_units if side is Side.BUY else glance.shown_bid_units
        begun = _Order(event.account, symbol, side, ts_ns, 0, glance.mark, NO_MARK, 0, shown_units)
        self._orders[event.order_id] = begun
        self._open[symbol] = self._open.get(symbol, 0) + 1
        self._watch(symbol, ts_ns)

    def _glance_at(self, symbol: str, ts_ns: int) -> _Glance:
        """What a symbol's tape says of one instant, read once for all facts of a batch."""
        glance = self._glances.get(symbol)
        if glance is None or glance.ts_ns != ts_ns:
            tape = self._tape(symbol)
            first, before = tape.at(ts_ns + MAX_STALE_NS), tape.at(ts_ns)
            shown = (first.shown_bid_units, first.shown_ask_units) if first is not None else (0, 0)
            mids = before.without_half_units if before is not None else {}
            glance = self._glances[symbol] = _Glance(ts_ns, tape.mark(ts_ns), *shown, mids, tape.move_ubps(ts_ns))
        return glance

    def _watch(self, symbol: str, now_ns: int) -> None:
        until_ns = now_ns + LINGER_NS
        if self._watched_until_ns.get(symbol, 0) < until_ns:
            self._watched_until_ns[symbol] = until_ns

    def _note_fill(self, fact: Fact, event: ChildFilled) -> None:
        self._last_fill_ns[event.symbol] = fact.ts_ns
        side = Side.BUY if event.signed_qty_units >= 0 else Side.SELL
        order_id, exec_id, venue, symbol = event.order_id, event.exec_id, event.venue, event.symbol
        self._owe(event, _Owed(PathKind.FILL, order_id, exec_id, venue, symbol, side, fact.ts_ns, fact.ts_ns))

    def _note_done(self, fact: Fact, event: OrderDone) -> None:
        order = self._orders.get(event.order_id)
        if order is not None and not order.end_ts_ns:
            order.end_ts_ns = fact.ts_ns
            self._with_paths.pop(event.order_id, None)
            heapq.heappush(self._ends, (fact.ts_ns + HORIZONS_NS[-1], event.order_id))
            tape = self._tapes.setdefault(order.symbol, Tape())
            order.ended, last = tape.mark(fact.ts_ns), tape.at(fact.ts_ns)
            order.last_half_units = last.mid_half_units if last is not None else 0
            self._open[order.symbol] -= 1
            self._watch(order.symbol, fact.ts_ns)

    def _tape(self, symbol: str) -> Tape:
        found = self._tapes.get(symbol)
        if found is None:
            found = self._tapes[symbol] = Tape()
        return found

    def _owe(self, event: Event, owed: _Owed) -> None:
        if len(self._dues) >= MAX_OWED:
            self.n_left += 1
            return
        order = self._orders.get(owed.order_id)
        if order is None:  # a late fill, or an order of before this process
            order = self._orders[owed.order_id] = _Order(
                event.account, owed.symbol, owed.side, owed.start_ts_ns, owed.start_ts_ns, is_told=True
            )
        order.n_owed += 1
        self._watch(owed.symbol, owed.base_ts_ns)
        glance = self._glance_at(owed.symbol, owed.start_ts_ns)
        owed.move_ubps = glance.move_ubps
        owed.mid_half_units = glance.without_half_units.get(owed.venue, 0)
        if owed.base_ts_ns == owed.start_ts_ns:
            owed.stage_i = 1
        self._push(owed)

    def _push(self, owed: _Owed) -> None:
        self.n_pushed += 1
        heapq.heappush(self._dues, (owed.due_ts_ns(), self.n_pushed, owed))

    def _draw_still(self, symbol: str, now_ns: int) -> None:
        """The next instant of a symbol at random, an exponential distance away: known before what it will show."""
        due_ts_ns = self._next_still_ns.get(symbol, 0)
        if due_ts_ns > now_ns:
            return
        chance = (hash80(self.seed, symbol, now_ns) + 1) / 2**80
        at_ns = now_ns - int(log(chance) * STILL_EVERY_NS) + 1
        self._next_still_ns[symbol] = at_ns
        if len(self._dues) < MAX_OWED:
            self._push(_Owed(None, "", "", "", symbol, Side.BUY, at_ns, at_ns))

    def _read(self, owed: _Owed, due_ts_ns: int) -> None:
        tape = self._tapes.get(owed.symbol)
        sample = tape.at(due_ts_ns) if tape is not None else None
        if owed.kind is None and abs(self._last_fill_ns.get(owed.symbol, 0) - owed.start_ts_ns) <= CLEAR_NS:
            owed.is_disturbed = owed.is_disturbed or owed.stage_i <= 2  # up to the horizon of a second
        if owed.stage_i == 0:
            if sample is not None and owed.kind is PathKind.CHILD:
                owed.cleanup_units = sample.best_ask_units if owed.side is Side.BUY else sample.best_bid_units
            elif sample is not None and tape is not None:
                owed.still_half_units = dict(sample.without_half_units)
                owed.still_after_half_units = {venue: [] for venue in owed.still_half_units}
                owed.move_ubps = tape.move_ubps(due_ts_ns)
            return
        without_half_units = sample.without_half_units if sample is not None else {}
        if owed.kind is not None:
            owed.after_half_units = (*owed.after_half_units, without_half_units.get(owed.venue, 0))
        for venue, mids in (owed.still_after_half_units or {}).items():
            mids.append(without_half_units.get(venue, 0))

    def _finish(self, owed: _Owed, now_ns: int) -> None:
        if owed.kind is None:
            self._finish_still(owed, now_ns)
            return
        order = self._orders[owed.order_id]
        order.n_owed -= 1
        path = MidPath(
            owed.kind,
            owed.ref_id,
            owed.venue,
            owed.symbol,
            owed.start_ts_ns,
            owed.mid_half_units,
            _four(owed.after_half_units),
            owed.move_ubps,
            owed.cleanup_units,
        )
        if not order.done:
            order.held_since_ns = now_ns
            if not order.end_ts_ns:
                self._with_paths[owed.order_id] = None
        order.done = (*order.done, path)
        self._ripen(owed.order_id, now_ns)

    def _finish_still(self, owed: _Owed, now_ns: int) -> None:
        mids, after = owed.still_half_units, owed.still_after_half_units
        if mids is None or after is None or not any(mids.values()) or owed.is_disturbed:
            return
        if not self._still:
            self._still_since_ns = now_ns
        venues = tuple((venue, mid, _four(after[venue])) for venue, mid in mids.items() if mid)
        self._still.append(StillPath(owed.symbol, owed.start_ts_ns, owed.move_ubps, venues))

    def _interval(self, order: _Order) -> IntervalStats:
        tape = self._tapes.get(order.symbol, Tape())
        is_busy = len(self._orders) > MAX_STRIPPED_ORDERS
        strip = () if is_busy else tape.focused_strip(order.start_ts_ns, order.end_ts_ns, LOOK_BACK_NS)
        twap_half_units = mean_half_units(order.begun, order.ended, order.last_half_units)
        n_samples = order.ended.n_samples - order.begun.n_samples
        vwap_units, traded_qty_units = self.traded(order.symbol, order.start_ts_ns, order.end_ts_ns)
        return IntervalStats(
            order.start_ts_ns,
            order.end_ts_ns,
            n_samples,
            order.shown_qty_units,
            twap_half_units,
            vwap_units,
            traded_qty_units,
            tuple(((ts_ns - order.start_ts_ns) // _MS, mid) for ts_ns, mid in strip),
        )


def _four(mids: Sequence[int]) -> tuple[int, int, int, int]:
    return (mids[0], mids[1], mids[2], mids[3]) if len(mids) == len(HORIZONS_NS) else NO_MIDS
