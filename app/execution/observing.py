"""What the engine's own facts say of venues, as observations: fade and rejects of children, their latency, and what the
market did after fills.

A process's memory, never a fact: beliefs that come of it are (`BeliefChanged`). A new process begins with the beliefs
of the log; it remembers markouts from the orders it knows, and gathers all other evidence anew.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import log
from typing import Final

from app.domain import events as ev
from app.domain.belief import BeliefKey, Measure, Observation
from app.domain.enums import Side, TimeInForce
from app.domain.events import Fact
from app.domain.markouts import HORIZONS_NS, MidPath, PathKind, StillPath
from app.domain.orders import ChildOrder
from app.domain.records import ChildRecord, ParentRecord
from app.execution.ledger import Ledger
from app.execution.reserve_record import NEVER_LEFT
from app.learning.beliefs import BeliefBook
from app.learning.quote_age import QuoteAges

# Acknowledgements that say what is usual at a venue before anything is called slow.
N_USUAL: Final = 64
# One-way latency follows the newest acknowledgements: half of it is of the last eleven.
LATENCY_SHARE_FRAC: Final = 1 / 16
MAX_SUBJECTS: Final = 20_000
# Which of a path's mids a markout is watched at: one second after the fill.
WATCHED_I: Final = HORIZONS_NS.index(1_000_000_000)
# Still instants of a venue before their mean is taken off a markout, and how many of the newest it is the mean of.
N_STILL: Final = 30
STILL_SHARE_FRAC: Final = 1 / 512
MAX_STILL: Final = 2_048  # remembered of the log: older ones weigh a fiftieth
_BPS: Final = 10_000
# A child that our own last gate stopped, or a post that came too late, says nothing of its venue.
_OURS: Final = frozenset({"not_sent", "post_only", NEVER_LEFT})


@dataclass(slots=True)
class LoopMemory:
    """Evidence of this process. `touched`: keys with news since beliefs were told; True where one changed."""

    book: BeliefBook = field(default_factory=BeliefBook)
    touched: dict[BeliefKey, bool] = field(default_factory=dict)
    one_way_ns: dict[str, int] = field(default_factory=dict)
    ages: QuoteAges | None = None
    # child -> the measure of fade that it belongs to, by the age of the touch that it was sent at
    _aged: dict[str, Measure] = field(default_factory=dict)
    _usual: dict[str, tuple[int, float]] = field(default_factory=dict)
    # (venue, symbol) -> still instants, and the mean move of the class without the venue a second later, in bps
    _still: dict[tuple[str, str], tuple[int, float]] = field(default_factory=dict)
    _subjects: OrderedDict[tuple[Measure, str], None] = field(default_factory=OrderedDict)

    def note(self, ledger: Ledger, fact: Fact) -> None:
        """Takes what `fact`, already folded, says of a venue; most facts say nothing."""
        event = fact.event
        if isinstance(event, ev.ChildSending):
            self._sent(event.child, fact.ts_ns)
        elif isinstance(event, ev.ChildAcked):
            record = ledger.child(event.child_id)
            self._acked(record)
            self._take(record, Measure.REJECT, 0.0, fact.ts_ns)
        elif isinstance(event, ev.ChildFilled | ev.ChildCanceled | ev.ChildExpired):
            record = ledger.child(event.child_id)
            is_late = isinstance(event, ev.ChildFilled) and event.is_late
            if record.state.is_terminal and not is_late and not record.is_canceling:
                self._ended(record, fact.ts_ns)
        elif isinstance(event, ev.ChildRejected) and event.code not in _OURS:
            self._take(ledger.child(event.child_id), Measure.REJECT, 1.0, fact.ts_ns)
        elif isinstance(event, ev.MarkoutsMeasured):
            self._marked(ledger.parents[event.order_id], event.paths)
        elif isinstance(event, ev.StillMeasured):
            self._stood_still(event.paths)
        elif isinstance(event, ev.LoopSet):
            self._remember_still(ledger)

    def remember(self, ledger: Ledger) -> None:
        """Evidence of markouts from what the log says of the newest fills, at most MAX_SUBJECTS of them.

        Which venues are demoted is not asked of it: the log says that (`BeliefBook.demote`).
        """
        self._remember_still(ledger)
        for path, side in sorted(ledger.costs.marked, key=lambda row: row[0].start_ts_ns)[-MAX_SUBJECTS:]:
            self._took(path, side)
        self.touched.clear()

    def take(self, seen: Observation) -> None:
        """One observation, once by its measure and subject."""
        name = seen.key.measure, seen.subject
        if name in self._subjects:
            return
        self._subjects[name] = None
        if len(self._subjects) > MAX_SUBJECTS:
            self._subjects.popitem(last=False)
        has_changed = self.book.take(seen)
        self.touched[seen.key] = has_changed or self.touched.get(seen.key, False)

    def _take(self, record: ChildRecord, measure: Measure, value: float, ts_ns: int) -> None:
        child = record.child
        self.take(Observation(BeliefKey(measure, child.venue, child.symbol, child.side), child.child_id, value, ts_ns))

    def _marked(self, parent: ParentRecord, paths: Sequence[MidPath]) -> None:
        """Fills' adverse moves: what the class without the venue went against us, its still mean taken off."""
        sides = {found.fill.exec_id: found.fill.signed_qty_units for found in parent.fills}
        for path in paths:
            if path.kind is PathKind.FILL and path.ref_id in sides:
                self._took(path, Side.BUY if sides[path.ref_id] >= 0 else Side.SELL)

    def _took(self, path: MidPath, side: Side) -> None:
        move_bps = _move_bps(path.mid_half_units, path.after_half_units[WATCHED_I])
        if move_bps is None:
            return
        n, still_bps = self._still.get((path.venue, path.symbol), (0, 0.0))
        adverse_bps = side.sign * ((still_bps if n >= N_STILL else 0.0) - move_bps)
        key = BeliefKey(Measure.MARKOUT, path.venue, path.symbol, side)
        self.take(Observation(key, path.ref_id, adverse_bps, path.start_ts_ns))

    def _stood_still(self, paths: Iterable[StillPath]) -> None:
        for path in paths:
            for venue, mid, after in path.venues:
                move_bps = _move_bps(mid, after[WATCHED_I])
                if move_bps is None:
                    continue
                n, mean_bps = self._still.get((venue, path.symbol), (0, 0.0))
                share_frac = max(1 / (n + 1), STILL_SHARE_FRAC)
                self._still[(venue, path.symbol)] = n + 1, mean_bps + share_frac * (move_bps - mean_bps)

    def _remember_still(self, ledger: Ledger) -> None:
        self._still.clear()
        self._stood_still(list(ledger.still)[-MAX_STILL:])

    def _ended(self, record: ChildRecord, ts_ns: int) -> None:
        """A child that meets what was planned has no fade; FOK says all or nothing, hidden liquidity nothing."""
        child = record.child
        measure = self._aged.pop(child.child_id, Measure.FADE)
        if _takes_shown(child) and child.qty_units > 0:
            self._take(record, measure, max(1.0 - record.cum_qty_units / child.qty_units, 0.0), ts_ns)

    def _sent(self, child: ChildOrder, ts_ns: int) -> None:
        if self.ages is not None and _takes_shown(child):
            if len(self._aged) > MAX_SUBJECTS:
                self._aged.clear()  # of children that never ended here: they count as any other
            self._aged[child.child_id] = self.ages.measure(child.venue, child.symbol, child.side, ts_ns)

    def take_shown(self) -> None:
        """What books alone have shown of touches that went, since the last call."""
        for seen in self.ages.take_seen() if self.ages is not None else ():
            self.take(seen)

    def _acked(self, record: ChildRecord) -> None:
        round_trip_ns = record.acked_ts_ns - record.sent_ts_ns
        if round_trip_ns <= 0 or record.child.is_bound:
            return
        venue, one_way_ns = record.child.venue, round_trip_ns // 2
        known_ns = self.one_way_ns.get(venue, one_way_ns)
        self.one_way_ns[venue] = known_ns + int((one_way_ns - known_ns) * LATENCY_SHARE_FRAC)
        if self.ages is not None:
            self.ages.way_ns[venue] = self.one_way_ns[venue]
        n, usual = self._usual.get(venue, (0, 0.0))
        now = log(round_trip_ns)
        if n < N_USUAL:
            self._usual[venue] = n + 1, usual + (now - usual) / (n + 1)
        else:
            self._take(record, Measure.LATENCY, now - usual, record.acked_ts_ns)


def _takes_shown(child: ChildOrder) -> bool:
    """Whether it was sent for what a book showed of that moment: neither a stop, nor for what is hidden or quoted."""
    is_shown = child.stop is None and not child.min_qty_lots and not child.quote_id and not child.is_bound
    return is_shown and child.time_in_force is TimeInForce.IOC


def _move_bps(from_half_units: int, to_half_units: int) -> float | None:
    if not from_half_units or not to_half_units:
        return None
    return (to_half_units - from_half_units) / from_half_units * _BPS
