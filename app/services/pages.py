"""Pages of orders and fills, from memory and from the database as one.

Memory answers first; the database adds what memory has let go (services/archive.py). Keyset pages of the two merge
exactly, because ids of one engine rise and a place in the log never changes. Nothing newer than an account's floor has
left: a page above it asks no database. With the database away only a question that needs older history is refused.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left, bisect_right, insort
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar

from app import observe
from app.domain.enums import ParentState
from app.domain.errors import BadRequest, Unavailable
from app.domain.events import ChildFilled, Event, Fact, OrderAccepted
from app.domain.ids import ulid
from app.domain.records import FillRecord, ParentRecord
from app.execution.settling import Left
from app.execution.working_set import may_have_left
from app.services.engine import Engine

T = TypeVar("T")
K = TypeVar("K", int, str, tuple[int, str])
# A filter that matches little looks at much: others get their turn after this many.
YIELD_EVERY: Final = 512
_LAST: Final = "~"  # behind every id
# The facts that `OrderPages.note` has anything to do with.
PAGED: Final[frozenset[type[Event]]] = frozenset({OrderAccepted, ChildFilled})


@dataclass(frozen=True, slots=True)
class Part(Generic[K]):
    cursor: K | None
    is_ascending: bool


@dataclass(frozen=True, slots=True)
class Slice:
    """Which part of a keyset list: `cursor` is the last key seen, empty for the beginning."""

    limit: int
    cursor: str = ""
    is_ascending: bool = False


@dataclass(frozen=True, slots=True)
class PageOf(Generic[T]):
    """Rows in the order asked for; `next_cursor` empty on the last page."""

    rows: Sequence[T]
    next_cursor: str


@dataclass(frozen=True, slots=True)
class OrderFilter:
    symbol: str = ""
    is_open: bool | None = None


class History(Protocol):
    """Closed orders that memory may have let go. Raises Unavailable while the database is away."""

    async def order(self, account: str, order_id: str) -> ParentRecord | None: ...

    async def order_by_client_id(self, account: str, client_order_id: str) -> ParentRecord | None: ...

    async def orders_by_id(self, account: str, order_ids: Sequence[str]) -> dict[str, ParentRecord]: ...

    async def orders(
        self, account: str, limit: int, *, cursor: str, is_open: bool | None, symbol: str, is_ascending: bool
    ) -> list[ParentRecord]: ...

    async def account_fills(
        self, account: str, limit: int, *, cursor: int, symbol: str, is_ascending: bool
    ) -> list[FillRecord]: ...


@dataclass(frozen=True, slots=True)
class Execution:
    """A fill with its order."""

    order: ParentRecord
    fill: FillRecord


class OrderPages:
    """Every account's orders and fills over one engine. `history` None: no database, and nothing ever leaves memory."""

    def __init__(self, engine: Engine, history: History | None) -> None:
        self._engine = engine
        self._history = history
        # Of every account, in the order of the log: orders in memory, and their fills as account_seq and order_id.
        self._orders: dict[str, list[str]] = {}
        self._fills: dict[str, list[tuple[int, str]]] = {}
        for parent in engine.ledger.parents.values():
            self.remember(parent)
        # The newest that has left, by account; of what had left before this process only that it is older.
        self._floors: dict[str, tuple[str, int]] = {}
        self._has_left_before = engine.ledger.closed is not None
        self._born = f"ord_{ulid(engine.now_ns(), 2**80 - 1)}", dict(engine.ledger.account_seqs)

    def note(self, facts: Iterable[Fact]) -> None:
        """Follows the durable facts of PAGED."""
        for fact in facts:
            event = fact.event
            if isinstance(event, OrderAccepted):
                self._orders.setdefault(event.account, []).append(event.order_id)
            elif isinstance(event, ChildFilled):
                self._fills.setdefault(event.account, []).append((fact.account_seq, event.order_id))

    async def order(self, account: str, reference: str) -> ParentRecord:
        """One order by id or `client:ID`; BadRequest("not_found") for a foreign one as for none."""
        order_id = reference
        ledger = self._engine.ledger
        record = None
        if reference.startswith("client:"):
            order_id = ledger.by_client_id.get((account, reference[7:]), ("", ""))[0]
            if not order_id and may_have_left(ledger, account, reference[7:]):
                record = await self._ask(self._past.order_by_client_id(account, reference[7:]))
        ids = self._orders.get(account, [])
        place = bisect_left(ids, order_id)
        if place < len(ids) and ids[place] == order_id:
            record = ledger.parents[order_id]
        elif order_id.startswith("ord_") and order_id <= self._floor(account)[0]:
            record = await self._ask(self._past.order(account, order_id))
        if record is None:
            raise BadRequest("not_found", "No such order.", hint="See GET /v1/orders.")
        return record

    async def orders(self, account: str, wanted: OrderFilter, part: Slice) -> PageOf[ParentRecord]:
        """Orders of an account by id, newest first unless `part` says otherwise."""
        ids: Sequence[str] = self._orders.get(account, [])
        if wanted.is_open:
            still_open = self._engine.ledger.open_by_account.get(account, {})
            ids = sorted(still_open) if len(still_open) < len(ids) else ids
        rows: dict[str, ParentRecord] = {}
        for n_seen, order_id in enumerate(_walk(list(ids), Part(part.cursor or None, part.is_ascending)), 1):
            if n_seen % YIELD_EVERY == 0:
                await asyncio.sleep(0)
            record = self._engine.ledger.parents.get(order_id)  # what left since is asked for below
            if record is None or (wanted.symbol and record.accepted.order.symbol != wanted.symbol):
                continue
            if wanted.is_open is not None and wanted.is_open is (record.state is ParentState.DONE):
                continue
            rows[order_id] = record
            if len(rows) > part.limit:
                break
        if not wanted.is_open and needs_past(rows, part.cursor, self._floor(account)[0], part):
            asked = self._past.orders(
                account,
                part.limit + 1,
                cursor=part.cursor,
                is_open=wanted.is_open,
                symbol=wanted.symbol,
                is_ascending=part.is_ascending,
            )
            rows = {record.order_id: record for record in await self._ask(asked)} | rows
        page = [rows[order_id] for order_id in sorted(rows, reverse=not part.is_ascending)]
        return cut(page, part.limit, lambda record: record.order_id)

    async def executions(self, account: str, wanted: OrderFilter, part: Slice) -> PageOf[Execution]:
        """Fills of an account by their place in the log, newest first unless `part` says otherwise."""
        cursor = numbered(part)
        place = (cursor, _LAST if part.is_ascending else "") if cursor else None
        rows = dict[int, Execution]()
        walk = _walk(list(self._fills.get(account, [])), Part(place, part.is_ascending))
        for n_seen, (account_seq, order_id) in enumerate(walk, 1):
            if n_seen % YIELD_EVERY == 0:
                await asyncio.sleep(0)
            record = self._engine.ledger.parents.get(order_id)
            for fill in record.fills if record is not None else ():
                if fill.account_seq == account_seq and wanted.symbol in ("", fill.fill.symbol):
                    assert record is not None
                    rows[account_seq] = Execution(record, fill)
            if len(rows) > part.limit:
                break
        if needs_past(rows, cursor, self._floor(account)[1], part):
            known = {"cursor": cursor, "symbol": wanted.symbol, "is_ascending": part.is_ascending}
            rows = await self._past_executions(account, part.limit + 1, known) | rows
        page = [rows[account_seq] for account_seq in sorted(rows, reverse=not part.is_ascending)]
        return cut(page, part.limit, lambda row: str(row.fill.account_seq))

    async def _past_executions(self, account: str, limit: int, wanted: dict[str, Any]) -> dict[int, Execution]:
        fills = await self._ask(self._past.account_fills(account, limit, **wanted))
        order_ids = list(dict.fromkeys(fill.fill.order_id for fill in fills))
        orders = await self._ask(self._past.orders_by_id(account, order_ids)) if order_ids else {}
        return {fill.account_seq: Execution(orders[fill.fill.order_id], fill) for fill in fills}

    @property
    def _past(self) -> History:
        if self._history is None:
            observe.history_unavailable("order")
            raise Unavailable("history_unavailable", "There is no database behind this process.")
        return self._history

    async def _ask(self, question: Awaitable[T]) -> T:
        try:
            return await question
        except Unavailable:
            observe.history_unavailable("order")
            raise

    def _floor(self, account: str) -> tuple[str, int]:
        """The newest order id and account_seq of a fill that may have left; nothing has: ("", 0)."""
        default = (self._born[0], self._born[1].get(account, 0)) if self._has_left_before else ("", 0)
        return self._floors.get(account, default)

    def forget(self, left: Left) -> None:
        """Orders have left memory: from here on the database answers for them."""
        for parent in left.orders:
            account = parent.account
            ids, fills = self._orders.get(account, []), self._fills.get(account, [])
            _take_out(ids, parent.order_id)
            for fill in parent.fills:
                _take_out(fills, (fill.account_seq, parent.order_id))
            newest_id, newest_seq = self._floor(account)
            last_seq = max((fill.account_seq for fill in parent.fills), default=0)
            self._floors[account] = max(newest_id, parent.order_id), max(newest_seq, last_seq)

    def remember(self, parent: ParentRecord) -> None:
        """An order that had left is in memory again."""
        insort(self._orders.setdefault(parent.account, []), parent.order_id)
        for fill in parent.fills:
            insort(self._fills.setdefault(parent.account, []), (fill.account_seq, parent.order_id))


def _walk(items: Sequence[K], part: Part[K]) -> Iterator[K]:
    """Sorted items behind the cursor, in the order asked for."""
    if part.is_ascending:
        start = 0 if part.cursor is None else bisect_right(items, part.cursor)
        return (items[i] for i in range(start, len(items)))
    end = len(items) if part.cursor is None else bisect_left(items, part.cursor)
    return (items[i] for i in range(end - 1, -1, -1))


def needs_past(rows: Mapping[K, object], cursor: K, floor: K, part: Slice) -> bool:
    """Whether what memory has let go may belong on a page of which memory has `rows`; `cursor` zero: the beginning."""
    if not floor:
        return False
    if part.is_ascending:
        return cursor < floor
    return len(rows) <= part.limit or min(rows) < floor


def cut(rows: Sequence[T], limit: int, key_of: Callable[[T], str]) -> PageOf[T]:
    """The page of `limit` rows of as many or more."""
    return PageOf(rows[:limit], key_of(rows[limit - 1])) if len(rows) > limit else PageOf(rows, "")


def _take_out(items: list[K], item: K) -> None:
    """`item` of a sorted list, if it is there."""
    place = bisect_left(items, item)
    if place < len(items) and items[place] == item:
        del items[place]


def numbered(part: Slice) -> int:
    """The cursor of a list by account_seq, 0 for the beginning. Raises BadRequest where it is none."""
    if part.cursor and not (part.cursor.isascii() and part.cursor.isdigit() and len(part.cursor) < 19):
        raise BadRequest("invalid_request", "Not a cursor of this list.", pointer="/query/cursor", hint="Leave it out.")
    return int(part.cursor or 0)
