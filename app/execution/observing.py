"""What the engine's own facts say of venues, as observations: fade and rejects of children, their latency.

A process's memory, never a fact: beliefs that come of it are (`BeliefChanged`). A new process begins with the beliefs
of the log and gathers evidence anew.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from math import log
from typing import Final

from app.domain import events as ev
from app.domain.belief import BeliefKey, Measure, Observation
from app.domain.enums import TimeInForce
from app.domain.events import Fact
from app.domain.records import ChildRecord
from app.execution.ledger import Ledger
from app.learning.beliefs import BeliefBook

# Acknowledgements that say what is usual at a venue before anything is called slow.
N_USUAL: Final = 64
# One-way latency follows the newest acknowledgements: half of it is of the last eleven.
LATENCY_SHARE_FRAC: Final = 1 / 16
MAX_SUBJECTS: Final = 20_000
_OURS: Final = "not_sent"  # a child that our own last gate stopped says nothing of its venue


@dataclass(slots=True)
class LoopMemory:
    """Evidence of this process. `touched`: keys with news since beliefs were told; True where one changed."""

    book: BeliefBook = field(default_factory=BeliefBook)
    touched: dict[BeliefKey, bool] = field(default_factory=dict)
    one_way_ns: dict[str, int] = field(default_factory=dict)
    _usual: dict[str, tuple[int, float]] = field(default_factory=dict)
    _subjects: OrderedDict[tuple[Measure, str], None] = field(default_factory=OrderedDict)

    def note(self, ledger: Ledger, fact: Fact) -> None:
        """Takes what `fact`, already folded, says of a venue; most facts say nothing."""
        event = fact.event
        if isinstance(event, ev.ChildAcked):
            record = ledger.child(event.child_id)
            self._acked(record)
            self._take(record, Measure.REJECT, 0.0, fact.ts_ns)
        elif isinstance(event, ev.ChildFilled | ev.ChildCanceled | ev.ChildExpired):
            record = ledger.child(event.child_id)
            is_late = isinstance(event, ev.ChildFilled) and event.is_late
            if record.state.is_terminal and not is_late and not record.is_canceling:
                self._ended(record, fact.ts_ns)
        elif isinstance(event, ev.ChildRejected) and event.code != _OURS:
            self._take(ledger.child(event.child_id), Measure.REJECT, 1.0, fact.ts_ns)

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

    def _ended(self, record: ChildRecord, ts_ns: int) -> None:
        """A child that meets what was planned has no fade; FOK says only all or nothing."""
        child = record.child
        if child.time_in_force is TimeInForce.IOC and child.qty_units > 0:
            self._take(record, Measure.FADE, max(1.0 - record.cum_qty_units / child.qty_units, 0.0), ts_ns)

    def _acked(self, record: ChildRecord) -> None:
        round_trip_ns = record.acked_ts_ns - record.sent_ts_ns
        if round_trip_ns <= 0:
            return
        venue, one_way_ns = record.child.venue, round_trip_ns // 2
        known_ns = self.one_way_ns.get(venue, one_way_ns)
        self.one_way_ns[venue] = known_ns + int((one_way_ns - known_ns) * LATENCY_SHARE_FRAC)
        n, usual = self._usual.get(venue, (0, 0.0))
        now = log(round_trip_ns)
        if n < N_USUAL:
            self._usual[venue] = n + 1, usual + (now - usual) / (n + 1)
        else:
            self._take(record, Measure.LATENCY, now - usual, record.acked_ts_ns)
