"""One hash of orders, children, fills and conditional orders, from memory and from Postgres, equal when the two are.

SHA-256 over canonical lines of the listed columns, integers and text only, sorted by id in byte order. From Postgres
by one query per table, in one repeatable-read transaction, at the watermark.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from app.domain.conditional_records import CONDITIONAL_COLUMNS
from app.domain.records import CHILD_COLUMNS, FILL_COLUMNS, PARENT_COLUMNS
from app.execution.ledger import Ledger
from app.store.upserts import clean_text

if TYPE_CHECKING:
    from app.store.orders import Connection

_TABLES: Final = (("parent_orders", PARENT_COLUMNS), ("child_orders", CHILD_COLUMNS), ("fills", FILL_COLUMNS))
# Of these nothing is said where there is none, so that a log without any hashes as it always did.
_OPTIONAL: Final = (("conditional_orders", CONDITIONAL_COLUMNS),)
_encoder: Final = msgspec.json.Encoder()
_PREFETCH: Final = 1_000


@dataclass(frozen=True, slots=True)
class StateHash:
    """`sha256` (hex) of the state at `seq`, and how many rows it covers."""

    seq: int
    sha256: str
    n_parents: int
    n_children: int
    n_fills: int


def ledger_hash(ledger: Ledger) -> StateHash:
    """Of a whole ledger in memory, folded from the first fact."""
    digest = hashlib.sha256()
    counts = []
    for (table, columns), lines in zip(_TABLES, _ledger_rows(ledger), strict=True):
        digest.update(_head(table, columns))
        ordered = sorted(lines)
        for line in ordered:
            digest.update(_line(line))
        counts.append(len(ordered))
    conditionals = sorted(_conditional_rows(ledger))
    for (table, columns), lines in zip(_OPTIONAL, (conditionals,), strict=True):
        if lines:
            digest.update(_head(table, columns))
            for line in lines:
                digest.update(_line(line))
    return StateHash(ledger.seq, digest.hexdigest(), *counts)


async def database_hash(connection: Connection, shard: str) -> StateHash:
    """Of the rows in Postgres, at the shard's watermark (seq 0 where there is none)."""
    digest = hashlib.sha256()
    counts = []
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        seq = await connection.fetchval("select seq from watermarks where shard = $1", shard)
        for table, columns in _TABLES:
            digest.update(_head(table, columns))
            n_rows = 0
            async for row in _rows(connection, table, columns):
                digest.update(_line([value if isinstance(value, str) else int(value) for value in row]))
                n_rows += 1
            counts.append(n_rows)
        for table, columns in _OPTIONAL:
            n_rows = 0
            async for row in _rows(connection, table, columns):
                if not n_rows:
                    digest.update(_head(table, columns))
                digest.update(_line([value if isinstance(value, str) else int(value) for value in row]))
                n_rows += 1
    return StateHash(seq or 0, digest.hexdigest(), *counts)


def _rows(connection: Connection, table: str, columns: Sequence[str]) -> AsyncIterator[Any]:
    query = f"select {', '.join(columns)} from {table} order by {columns[0]}"  # noqa: S608 (our own names)
    return aiter(connection.cursor(query, prefetch=_PREFETCH))


def _ledger_rows(ledger: Ledger) -> Iterator[Iterable[list[str | int]]]:
    """Rows of the three tables in the order of the columns that domain/records.py lists."""
    parents = ledger.parents.values()
    yield (
        [
            parent.order_id,
            parent.account,
            parent.accepted.order.client_order_id,
            parent.accepted.order.symbol,
            parent.accepted.order.side.value,
            parent.state.value,
            parent.done_reason.value if parent.done_reason else "",
            parent.cum_qty_units,
            parent.cum_money_nano,
            parent.cum_notional_nano,
            parent.last_seq,
        ]
        for parent in parents
    )
    yield (
        [
            record.child.child_id,
            record.child.order_id,
            record.child.venue,
            record.state.value,
            record.child.price_ticks,
            record.child.qty_lots,
            record.cum_qty_units,
            record.cum_money_nano,
            record.last_seq,
        ]
        for parent in parents
        for record in parent.children.values()
    )
    yield (
        [
            record.fill.exec_id,
            record.fill.order_id,
            record.fill.child_id,
            record.fill.venue,
            record.fill.venue_trade_id,
            record.fill.price_units,
            record.fill.qty_units,
            record.fill.fee_nano,
            record.seq,
        ]
        for parent in parents
        for record in parent.fills
    )


def _conditional_rows(ledger: Ledger) -> list[list[str | int]]:
    return [
        [
            record.conditional_id,
            record.account,
            record.accepted.definition.client_order_id,
            record.accepted.symbol,
            record.accepted.definition.order_class.value,
            record.version,
            record.cancel_reason,
            record.done_reason.value if record.done_reason else "",
            record.last_seq,
        ]
        for record in ledger.definitions.all.values()
    ]


def _head(table: str, columns: Sequence[str]) -> bytes:
    return f"{table} {','.join(columns)}\n".encode()


def _line(values: Sequence[str | int]) -> bytes:
    return _encoder.encode([clean_text(value) if isinstance(value, str) else value for value in values]) + b"\n"
