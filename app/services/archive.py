"""Closed orders leave the engine's memory once they are settled and in the database, and come back when asked for.

What leaves is what `execution/settling.py` lets go. What comes back: the order of a venue's late word, of a client id
used again, of a change that somebody asks of it. It is read from the rows as it stood, and from then on is an order in
memory like any other. Without a database nothing leaves. A client's word waits at most ROWS_S for the database and is
refused then (`history_unavailable`); a venue's word waits for as long as it takes, in a file too, so that neither a
kill nor the bound of memory loses it. Where more than MAX_RECALLS wait, new orders are refused: what is held is not
known well enough to hold more.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from app import observe
from app.domain.conditional_records import ConditionalRecord
from app.domain.errors import Unavailable
from app.domain.events import Fact, FillKey
from app.domain.records import ParentRecord
from app.execution.closed import fill_mark, name_mark
from app.execution.inputs import Recall, Report
from app.execution.settling import CROWDED_NS, DONE_EVENTS, Left, Settling, nobody_holds
from app.execution.working_set import adopt, adopt_definition, may_have_left
from app.services.engine import Engine
from app.services.pages import History

LOOK_S: Final = 0.2
# Orders let go in one piece, about a third of a millisecond; others get their turn between two.
LOT: Final = 32
# Right after a start the projector's process must come first: 0.7 s of a core, and longer where others want it too.
ROWS_S: Final = 5.0
AGAIN_S: Final = 0.5  # between two questions to a database that is away
MAX_RECALLS: Final = 65_536
REFILL: Final = 1_024  # words taken out of the file at once
FOREIGN_KEPT: Final = 8_192


class Past(History, Protocol):
    """Whatever has left memory. Every question raises Unavailable while the database is away."""

    async def order_of_child(self, client_id: str) -> ParentRecord | None: ...

    async def order_of_fill(self, key: FillKey) -> ParentRecord | None: ...

    async def definition(self, account: str, conditional_id: str) -> ConditionalRecord | None: ...

    async def definition_by_client_id(self, account: str, client_order_id: str) -> ConditionalRecord | None: ...

    async def definitions(
        self, account: str, limit: int, *, cursor: str, is_open: bool | None, symbol: str, is_ascending: bool
    ) -> list[ConditionalRecord]: ...


class Watermark(Protocol):
    """How far the rows have come in the log."""

    @property
    def watermark_seq(self) -> int: ...

    async def wait_for(self, seq: int, timeout_s: float) -> bool: ...


class Waiting(Protocol):
    """Venues' words that wait, outside memory; none is lost before `clear`."""

    n_unread: int

    def append(self, recall: Recall) -> None: ...

    def read(self, n_most: int) -> list[Recall]: ...

    def clear(self) -> None: ...


@dataclass(slots=True)
class Archive:
    """One engine's way out of memory and back. All methods belong to the engine's loop."""

    engine: Engine
    mark: Watermark
    past: Past
    keep_ns: int
    waiting: Waiting
    is_held: Callable[[str], bool] = nobody_holds
    on_left: list[Callable[[Left], None]] = field(default_factory=list)
    on_back: list[Callable[[ParentRecord | ConditionalRecord], None]] = field(default_factory=list)
    on_late: list[Callable[[ParentRecord], None]] = field(default_factory=list)  # taken back for a venue's word
    n_left: int = 0
    n_back: int = 0
    _settling: Settling = field(init=False)
    _recalls: deque[Recall] = field(default_factory=deque)
    _foreign: OrderedDict[str, None] = field(default_factory=OrderedDict)
    _has_recalls: asyncio.Event = field(default_factory=asyncio.Event)
    _base_seq: int = 0
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Hears the engine's recalls from here on; they are answered once this is open."""
        self._settling = Settling(self.keep_ns, self.is_held)
        self._base_seq = self.engine.ledger.seq
        self.engine.on_recall = self._on_recall

    async def open(self) -> None:
        self._settling.begin(self.engine.ledger)
        self._look_at_crowd()
        self.engine.add_listener(self._on_durable)
        work = (self._let_go_for_ever(), self._recall_for_ever())
        self._tasks = [asyncio.get_running_loop().create_task(each) for each in work]
        for task in self._tasks:
            task.add_done_callback(self._ended)

    async def close(self) -> None:
        """What a venue said and could not be placed stays in the file, for the next process."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.n_waiting:
            observe.recalls_left(self.n_waiting)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """What ends a task is our own bug: memory would grow for ever, or venues' words wait for ever."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self.engine.on_fatal(error)

    # out

    def let_go(self, most: int = LOT) -> Left:
        """Puts away what may leave now, at most `most` orders and definitions."""
        engine = self.engine
        left = self._settling.let_go(engine.ledger, engine.now_ns(), self.mark.watermark_seq, most)
        if left.orders or left.definitions:
            self.n_left += len(left.orders)
            for tell in self.on_left:
                tell(left)
        return left

    async def _let_go_for_ever(self) -> None:
        while True:
            left = self.let_go()
            await asyncio.sleep(0 if left.orders or left.definitions else LOOK_S)

    def _on_durable(self, facts: Sequence[Fact]) -> None:
        for fact in facts:
            if type(fact.event) in DONE_EVENTS:
                self._settling.note(fact.ts_ns, fact.event)

    # back, for a client

    async def name(self, account: str, client_order_id: str) -> None:
        """Takes back whatever was placed under this name, if anything was. Raises Unavailable where nobody can tell."""
        ledger = self.engine.ledger
        if (account, client_order_id) in ledger.by_client_id or not may_have_left(ledger, account, client_order_id):
            return
        began_ns = await self._rows_are_there()
        order = await self.past.order_by_client_id(account, client_order_id)
        if order is not None:
            self.take_back(order, began_ns)
            return
        definition = await self.past.definition_by_client_id(account, client_order_id)
        if definition is not None:
            await self.take_definition_back(definition)
        elif ledger.closed is not None:
            ledger.closed.forgiven.add(name_mark(account, client_order_id))

    async def child(self, client_id: str) -> None:
        """Takes back the order of a child that a venue names. Raises Unavailable where nobody can tell."""
        ledger = self.engine.ledger
        if ledger.closed is None or client_id in ledger.by_venue_client_id or client_id in self._foreign:
            return
        began_ns = await self._rows_are_there()
        order = await self.past.order_of_child(client_id)
        if order is not None:
            self.take_back(order, began_ns)
        else:
            self._foreign[client_id] = None
            if len(self._foreign) > FOREIGN_KEPT:
                self._foreign.popitem(last=False)

    async def order(self, account: str, order_id: str) -> ParentRecord | None:
        """The order as memory holds it, taken back if it had left; None where there is none. Raises Unavailable."""
        held = self.engine.ledger.parents.get(order_id)
        if held is None and self.engine.ledger.closed is not None:
            began_ns = await self._rows_are_there()
            found = await self.past.order(account, order_id)
            held = self.take_back(found, began_ns) if found is not None else None
        return held if held is not None and held.account == account else None

    def take_back(self, order: ParentRecord, began_ns: int) -> ParentRecord:
        """`order`, asked of the rows since `began_ns`, is in memory again; gives the one that memory holds.

        Raises Unavailable where the answer took so long that it may have come back, changed and left meanwhile.
        """
        ledger, now_ns = self.engine.ledger, self.engine.now_ns()
        held = ledger.parents.get(order.order_id)
        if held is not None:
            return held
        if now_ns - began_ns >= min(self.keep_ns, CROWDED_NS):
            raise Unavailable("history_unavailable", "the database took too long")
        adopt(ledger, order)
        self._is_back(order, order.order_id)
        return order

    async def take_definition_back(self, definition: ConditionalRecord) -> ConditionalRecord:
        """As `take_back`, with all orders of its legs: a done definition does not change any more."""
        ledger, began_ns = self.engine.ledger, self.engine.now_ns()
        wanted = [i for leg in definition.legs for i in leg.order_ids if i not in ledger.parents]
        orders = await self.past.orders_by_id(definition.account, wanted) if wanted else {}
        held = ledger.definitions.all.get(definition.conditional_id)
        if held is not None:
            return held
        for order in orders.values():
            self.take_back(order, began_ns)
        if not all(i in ledger.parents for leg in definition.legs for i in leg.order_ids):
            raise Unavailable("history_unavailable", "orders of its legs left meanwhile")
        adopt_definition(ledger, definition)
        self._is_back(definition, definition.conditional_id)
        return definition

    def _is_back(self, record: ParentRecord | ConditionalRecord, item_id: str) -> None:
        self.n_back += 1
        self._settling.taken_back(self.engine.now_ns(), item_id)
        for tell in self.on_back:
            tell(record)

    async def _rows_are_there(self) -> int:
        """Now, once the rows hold all that an earlier process let go. Raises Unavailable where they do not yet."""
        if self.mark.watermark_seq < self._base_seq and not await self.mark.wait_for(self._base_seq, ROWS_S):
            raise Unavailable("history_unavailable", "the database has not caught up with the log")
        return self.engine.now_ns()

    # back, for a venue

    @property
    def n_waiting(self) -> int:
        """Venues' words that have not found their order yet."""
        return len(self._recalls) + self.waiting.n_unread

    def _on_recall(self, recall: Recall) -> None:
        try:
            self.waiting.append(recall)
        except OSError as error:  # nowhere to keep it: as where a fact cannot be written
            self.engine.on_fatal(error)
        self._look_at_crowd()
        self._has_recalls.set()

    def _look_at_crowd(self) -> None:
        """Too many that wait, and the engine takes nothing new until half of them are placed."""
        engine, n_waiting = self.engine, self.n_waiting
        if n_waiting > MAX_RECALLS and not engine.is_behind:
            engine.is_behind = True
            observe.recalls_crowded(n_waiting)
        elif engine.is_behind and n_waiting <= MAX_RECALLS // 2:
            engine.is_behind = False

    async def _recall_for_ever(self) -> None:
        """One after the other, each until the database has answered: a venue's word is not given up."""
        while True:
            if not self._recalls:
                self._recalls.extend(self.waiting.read(REFILL))
            if not self._recalls:
                self.waiting.clear()
                self._has_recalls.clear()
                await self._has_recalls.wait()
                continue
            try:
                is_ours = await self._find(self._recalls[0])
            except Unavailable:
                observe.history_unavailable("child")
                await asyncio.sleep(AGAIN_S)
                continue
            recall = self._recalls[0]
            if is_ours:
                await self.engine.ask(Report(recall.report))
            else:
                self.engine.core.memory.n_foreign_reports += 1
            self._recalls.popleft()  # only now: its outcome is durable
            self._look_at_crowd()

    async def _find(self, recall: Recall) -> bool:
        """Takes the report's order back, or that of the fill that it repeats; whether the report is of ours."""
        ledger, key = self.engine.ledger, recall.fill_key
        if key is None:
            client_id, n_before = recall.report.client_id, self.n_back
            await self.child(client_id)
            child_id = ledger.by_venue_client_id.get(client_id)
            if child_id is not None and self.n_back > n_before:  # as the rows have it: no turn has touched it yet
                for tell in self.on_late:
                    tell(ledger.parents[ledger.child_parent[child_id]])
            return child_id is not None
        began_ns = await self._rows_are_there()
        order = await self.past.order_of_fill(key)
        if order is not None:
            self.take_back(order, began_ns)
        elif ledger.closed is not None:
            ledger.closed.forgiven.add(fill_mark(key))
        return True
