"""What Postgres is asked: orders and all that is theirs, as the records that memory holds. Owners are in every query.

Answers are of one instant: a question of several statements runs in one read-only repeatable-read transaction.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

import asyncpg

from app.domain.conditional_records import ConditionalRecord
from app.domain.errors import Unavailable
from app.domain.events import Fact, FillKey, MarkoutsMeasured, RoutePlanned, TcaReported
from app.domain.records import ChildRecord, FillRecord, ParentRecord
from app.store import rows

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Connection = asyncpg.Connection[Any] | PoolConnectionProxy[Any]

# What a lost or absent server looks like, whichever layer notices first.
# InternalClientError is what asyncpg says of a connection that died between two of its own steps.
LOST: Final = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)

Slots = dict[tuple[str, str, str], int]

_WANTED: Final = "join unnest($1::text[], $2::text[]) as wanted (account, order_id) using (account, order_id)"
_PAGE: Final = """
select order_id from parent_orders
where account = $1 and ($2 = '' or order_id {behind} $2) and ($3 = '' or symbol = $3)
    and ($4::bool is null or (state <> 'done') = $4)
order by order_id {direction} limit $5
"""
_FILL_PAGE: Final = """
select * from fills
where account = $1 and ($2 = 0 or account_seq {behind} $2) and ($3 = '' or symbol = $3)
order by account_seq {direction} limit $4
"""
_DEFINITION_PAGE: Final = """
select * from conditional_orders
where account = $1 and ($2 = '' or conditional_id {behind} $2) and ($3 = '' or symbol = $3)
    and ($4::bool is null or (done_reason = '') = $4)
order by conditional_id {direction} limit $5
"""
_OF_FILL: Final = """
select account, order_id from fills
where venue = $1 and account = $2 and symbol = $3 and venue_trade_id = $4 and (signed_qty_units > 0) = $5
"""
_REFUSAL_PAGE: Final = """
select * from refusals where account = $1 and ($2 = 0 or account_seq {behind} $2)
order by account_seq {direction} limit $3
"""


class Connections(Protocol):
    """A pool, or what has one later: until then `acquire` raises Unavailable."""

    def acquire(self, *, timeout: float) -> Any: ...


class PostgresReads:
    """Reads over a pool. Every method raises Unavailable (`history_unavailable`) when the database is away."""

    def __init__(self, pool: Connections, acquire_timeout_s: float = 2.0) -> None:
        self._pool = pool
        self._acquire_timeout_s = acquire_timeout_s

    async def order(self, account: str, order_id: str) -> ParentRecord | None:
        """One order with all that belongs to it; None for a foreign one as for none."""
        async with self._snapshot() as connection:
            return (await load_parents(connection, [(account, order_id)])).get(order_id)

    async def order_by_client_id(self, account: str, client_order_id: str) -> ParentRecord | None:
        """As `order`, by the client's own id."""
        async with self._snapshot() as connection:
            order_id = await connection.fetchval(
                "select order_id from parent_orders where account = $1 and client_order_id = $2",
                account,
                client_order_id,
            )
            return (await load_parents(connection, [(account, order_id)])).get(order_id) if order_id else None

    async def order_of_child(self, client_id: str) -> ParentRecord | None:
        """The order of the child that venues know by `client_id`, whoever's it is."""
        async with self._snapshot() as connection:
            return await _load_one(
                connection,
                await connection.fetchrow("select account, order_id from child_orders where client_id = $1", client_id),
            )

    async def order_of_fill(self, key: FillKey) -> ParentRecord | None:
        """The order that a fill has been counted for."""
        async with self._snapshot() as connection:
            return await _load_one(connection, await connection.fetchrow(_OF_FILL, *key))

    async def orders_by_id(self, account: str, order_ids: Sequence[str]) -> dict[str, ParentRecord]:
        """Those of `order_ids` that are the account's, by id."""
        async with self._snapshot() as connection:
            return await load_parents(connection, [(account, order_id) for order_id in order_ids])

    async def definition(self, account: str, conditional_id: str) -> ConditionalRecord | None:
        """One conditional order; None for a foreign one as for none."""
        query = "select * from conditional_orders where account = $1 and conditional_id = $2"
        async with self._snapshot() as connection:
            row = await connection.fetchrow(query, account, conditional_id)
        return rows.conditional_record(row) if row is not None else None

    async def definition_by_client_id(self, account: str, client_order_id: str) -> ConditionalRecord | None:
        """As `definition`, by the client's own id."""
        query = "select * from conditional_orders where account = $1 and client_order_id = $2"
        async with self._snapshot() as connection:
            row = await connection.fetchrow(query, account, client_order_id)
        return rows.conditional_record(row) if row is not None else None

    async def definitions(
        self,
        account: str,
        limit: int,
        *,
        cursor: str = "",
        is_open: bool | None = None,
        symbol: str = "",
        is_ascending: bool = False,
    ) -> list[ConditionalRecord]:
        """A page of conditional orders, as `orders`."""
        query = _page(_DEFINITION_PAGE, is_ascending=is_ascending)
        async with self._snapshot() as connection:
            found = await connection.fetch(query, account, cursor, symbol, is_open, limit)
        return [rows.conditional_record(row) for row in found]

    async def orders(
        self,
        account: str,
        limit: int,
        *,
        cursor: str = "",
        is_open: bool | None = None,
        symbol: str = "",
        is_ascending: bool = False,
    ) -> list[ParentRecord]:
        """A page by order id behind `cursor` (empty: from the end or beginning), newest first unless ascending."""
        query = _page(_PAGE, is_ascending=is_ascending)
        async with self._snapshot() as connection:
            found = await connection.fetch(query, account, cursor, symbol, is_open, limit)
            order_ids = [row["order_id"] for row in found]
            parents = await load_parents(connection, [(account, order_id) for order_id in order_ids])
        return [parents[order_id] for order_id in order_ids]

    async def children(self, account: str, order_id: str) -> list[ChildRecord]:
        """An order's children, oldest first."""
        async with self._snapshot() as connection:
            return await _children(connection, [(account, order_id)])

    async def fills(self, account: str, order_id: str) -> list[FillRecord]:
        """An order's fills, oldest first."""
        async with self._snapshot() as connection:
            return await _fills(connection, [(account, order_id)])

    async def account_fills(
        self, account: str, limit: int, *, cursor: int = 0, symbol: str = "", is_ascending: bool = False
    ) -> list[FillRecord]:
        """A page of an account's fills by account_seq behind `cursor` (0: from the end or beginning)."""
        query = _page(_FILL_PAGE, is_ascending=is_ascending)
        async with self._snapshot() as connection:
            found = await connection.fetch(query, account, cursor, symbol, limit)
        return [rows.fill_record(row) for row in found]

    async def routes(self, account: str, order_id: str) -> list[tuple[int, RoutePlanned]]:
        """An order's plans with the seq of each, oldest first."""
        async with self._snapshot() as connection:
            return await _routes(connection, [(account, order_id)])

    async def receipt(self, account: str, route_id: str) -> bytes | None:
        """The receipt of one plan, None where there is none."""
        async with self._snapshot() as connection:
            receipt: bytes | None = await connection.fetchval(
                "select receipt from routes where account = $1 and route_id = $2", account, route_id
            )
        return receipt

    async def tca(self, account: str, order_id: str) -> TcaReported | None:
        """A done order's cost report."""
        async with self._snapshot() as connection:
            found = await _reports(connection, [(account, order_id)])
        return found[0] if found else None

    async def refusals(self, account: str, limit: int, *, cursor: int = 0, is_ascending: bool = False) -> list[Fact]:
        """A page of refusals and aggregates by account_seq behind `cursor` (0: from the end or beginning)."""
        query = _page(_REFUSAL_PAGE, is_ascending=is_ascending)
        async with self._snapshot() as connection:
            found = await connection.fetch(query, account, cursor, limit)
        return [rows.refusal_fact(row) for row in found]

    async def account_slots(self, shard: str) -> tuple[int, Slots, Slots]:
        """(watermark, balances in nano, positions in units) of every account, of one instant."""
        async with self._snapshot() as connection:
            seq = await connection.fetchval("select seq from watermarks where shard = $1", shard)
            balances = await connection.fetch("select account, venue, currency, amount_nano from balances")
            positions = await connection.fetch("select account, venue, symbol, qty_units from positions")
        return seq or 0, _slots(balances), _slots(positions)

    @contextlib.asynccontextmanager
    async def _snapshot(self) -> AsyncIterator[Connection]:
        try:
            async with (
                self._pool.acquire(timeout=self._acquire_timeout_s) as connection,
                connection.transaction(isolation="repeatable_read", readonly=True),
            ):
                yield connection
        except LOST as error:
            raise Unavailable(
                "history_unavailable", f"the database is away: {error or type(error).__name__}"
            ) from error


def _slots(found: Sequence[asyncpg.Record]) -> Slots:
    return {(account, venue, item): int(amount) for account, venue, item, amount in found}


async def load_parents(connection: Connection, wanted: Sequence[tuple[str, str]]) -> dict[str, ParentRecord]:
    """Orders by id, whole, of (account, order id) pairs; those that are not there are absent."""
    arguments = _pairs(wanted)
    found = await connection.fetch(f"select * from parent_orders {_WANTED} order by order_id", *arguments)  # noqa: S608
    parents = [rows.parent_record(row) for row in found]
    return rows.complete(
        parents,
        await _children(connection, wanted),
        await _fills(connection, wanted),
        await _routes(connection, wanted),
        await _reports(connection, wanted),
        await _measured(connection, wanted),
    )


async def _load_one(connection: Connection, place: asyncpg.Record | None) -> ParentRecord | None:
    """The order of a row of (account, order id)."""
    if place is None:
        return None
    return (await load_parents(connection, [(place["account"], place["order_id"])])).get(place["order_id"])


async def _children(connection: Connection, wanted: Sequence[tuple[str, str]]) -> list[ChildRecord]:
    query = f"select * from child_orders {_WANTED} order by order_id, child_i"  # noqa: S608
    return [rows.child_record(row) for row in await connection.fetch(query, *_pairs(wanted))]


async def _fills(connection: Connection, wanted: Sequence[tuple[str, str]]) -> list[FillRecord]:
    query = f"select * from fills {_WANTED} order by seq"  # noqa: S608
    return [rows.fill_record(row) for row in await connection.fetch(query, *_pairs(wanted))]


async def _routes(connection: Connection, wanted: Sequence[tuple[str, str]]) -> list[tuple[int, RoutePlanned]]:
    query = f"select account, order_id, seq, plan from routes {_WANTED} order by seq"  # noqa: S608
    return [rows.route_fact(row) for row in await connection.fetch(query, *_pairs(wanted))]


async def _reports(connection: Connection, wanted: Sequence[tuple[str, str]]) -> list[TcaReported]:
    query = f"select * from tca_reports {_WANTED} order by seq"  # noqa: S608
    return [rows.tca_report(row) for row in await connection.fetch(query, *_pairs(wanted))]


async def _measured(connection: Connection, wanted: Sequence[tuple[str, str]]) -> list[MarkoutsMeasured]:
    query = f"select * from markouts {_WANTED} order by seq"  # noqa: S608
    return [rows.markouts_event(row) for row in await connection.fetch(query, *_pairs(wanted))]


def _pairs(wanted: Sequence[tuple[str, str]]) -> tuple[list[str], list[str]]:
    return [account for account, _ in wanted], [order_id for _, order_id in wanted]


def _page(query: str, *, is_ascending: bool) -> str:
    return query.format(behind=">", direction="asc") if is_ascending else query.format(behind="<", direction="desc")
