"""When a closed order may leave memory: settled for a while, in the rows as it stands, and nothing of it unknown.

An order of a definition leaves together with it, so that whoever works with a definition finds all its orders.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from app.domain.conditional_events import ConditionalDone
from app.domain.conditional_records import ConditionalRecord
from app.domain.enums import ParentState
from app.domain.events import Event, OrderDone
from app.domain.records import ParentRecord
from app.execution.ledger import Ledger
from app.execution.working_set import put_away, put_definition_away

# Closed orders in memory, some 10 KB each, beyond which they leave sooner.
MAX_KEPT: Final = 50_000
CROWDED_NS: Final = 5_000_000_000
HELD_NS: Final = 2_000_000_000  # beside its time, before one that somebody holds is looked at again
DONE_EVENTS: Final[frozenset[type[Event]]] = frozenset({OrderDone, ConditionalDone})  # what `Settling.note` looks for


class _Fate(Enum):
    GOES = auto()
    WAITS = auto()
    IS_HELD = auto()
    WAITS_FOR_ROWS = auto()


def nobody_holds(order_id: str) -> bool:
    """Where nothing but the order itself says whether it may leave."""
    return False


@dataclass(frozen=True, slots=True)
class Left:
    """What was let go in one look."""

    orders: tuple[ParentRecord, ...] = ()
    definitions: tuple[ConditionalRecord, ...] = ()


@dataclass(slots=True)
class Settling:
    """What is done, oldest first, until it may leave. `keep_ns`: how long it stays after its last change; where more
    than `max_kept` wait, CROWDED_NS at most.

    `is_held(order_id)`: whether somebody still has something to add, a measurement above all.
    """

    keep_ns: int
    is_held: Callable[[str], bool] = nobody_holds
    max_kept: int = MAX_KEPT
    _due: deque[tuple[int, str]] = field(default_factory=deque)  # (since, id of an order or a definition)

    def __len__(self) -> int:
        return len(self._due)

    def begin(self, ledger: Ledger) -> None:
        """Takes up everything that is done in `ledger`."""
        done = [(parent.updated_ts_ns, parent.order_id) for parent in ledger.parents.values() if _is_done(parent)]
        done += [(r.updated_ts_ns, r.conditional_id) for r in ledger.definitions.all.values() if r.is_done]
        self._due = deque(sorted(done))

    def note(self, ts_ns: int, event: Event) -> None:
        """Follows the facts of DONE_EVENTS, in order; of others nothing is noted."""
        if type(event) is OrderDone:
            self._due.append((ts_ns, event.order_id))
        elif type(event) is ConditionalDone:
            self._due.append((ts_ns, event.conditional_id))

    def taken_back(self, now_ns: int, item_id: str) -> None:
        """An order or definition is in memory again: it stays as long as one that has just closed."""
        self._due.append((now_ns, item_id))

    def let_go(self, ledger: Ledger, now_ns: int, rows_seq: int, n_most: int) -> Left:
        """Puts away at most `n_most` that may leave; `rows_seq`: how far the rows have come in the log."""
        orders: list[ParentRecord] = []
        definitions: list[ConditionalRecord] = []
        for _ in range(min(n_most, len(self._due))):
            since_ns, item_id = self._due[0]
            is_crowded = len(self._due) > self.max_kept
            keep_ns = min(self.keep_ns, CROWDED_NS) if is_crowded else self.keep_ns
            if since_ns + keep_ns > now_ns:
                break
            definition = ledger.definitions.all.get(item_id)
            found = [ledger.parents[i] for leg in definition.legs for i in leg.order_ids] if definition else []
            parent = ledger.parents.get(item_id)
            if parent is not None:
                found = [parent]
            is_alone = definition is None and item_id not in ledger.definitions.leg_of_order
            if parent is not None and not is_alone:  # it leaves with its definition
                self._due.popleft()
                continue
            if parent is None and definition is None:  # it has left already
                self._due.popleft()
                continue
            fate = self._fate(ledger, found, definition, now_ns - keep_ns, rows_seq)
            if fate is _Fate.WAITS_FOR_ROWS:
                break
            self._due.popleft()
            if fate is not _Fate.GOES:
                self._due.append((now_ns + HELD_NS * (fate is _Fate.IS_HELD), item_id))
                continue
            for order in found:
                put_away(ledger, order)
            if definition is not None:
                put_definition_away(ledger, definition)
                definitions.append(definition)
            orders += found
        return Left(tuple(orders), tuple(definitions))

    def _fate(
        self,
        ledger: Ledger,
        orders: list[ParentRecord],
        definition: ConditionalRecord | None,
        settled_ns: int,
        rows_seq: int,
    ) -> _Fate:
        newest_ns = max([order.updated_ts_ns for order in orders], default=0)
        last_seq = max([order.last_seq for order in orders], default=0)
        if definition is not None:
            newest_ns, last_seq = max(newest_ns, definition.updated_ts_ns), max(last_seq, definition.last_seq)
        if newest_ns > settled_ns or not all(_is_over(ledger, order) for order in orders):
            return _Fate.WAITS
        if any(self.is_held(order.order_id) for order in orders):
            return _Fate.IS_HELD
        return _Fate.GOES if last_seq <= rows_seq else _Fate.WAITS_FOR_ROWS


def _is_done(parent: ParentRecord) -> bool:
    return parent.state is ParentState.DONE


def _is_over(ledger: Ledger, parent: ParentRecord) -> bool:
    """Done, every child's end proven, and every question to a dark venue or a dealer answered."""
    asked = ledger.hidden
    return _is_done(parent) and all(
        record.state.is_terminal and child_id not in asked.open and child_id not in asked.accepted
        for child_id, record in parent.children.items()
    )
