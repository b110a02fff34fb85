"""Transaction cost analysis of an account: finds its done orders, has them judged, writes tables and reports.

Judging is arithmetic on a copy of what is known; it runs in a thread of its own, so that nobody's order waits for it.
"""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, field

from app.domain.enums import ParentState
from app.domain.errors import BadRequest
from app.domain.ids import ulid
from app.domain.records import ParentRecord
from app.services.engine import Engine
from app.services.reads import OrderFilter, Reads, Slice
from app.tca.counterfactuals import plan_error
from app.tca.dossier import Dossier, Found, OrderCosts, Wanted, compile_dossier, order_costs
from app.tca.report import render
from app.tca.tables import Row, columns, fill_rows, group_rows, order_rows, venue_rows

__all__ = ["Dossier", "OrderCosts", "Row", "TcaService", "Wanted", "as_csv", "as_parquet"]
__all__ += ["fill_rows", "group_rows", "order_rows", "venue_rows"]

MAX_ORDERS = 5_000
PAGE_ORDERS = 200
# An arm's error comes from the account's latest orders before it was asked.
ERROR_ORDERS = 500
_MS = 1_000_000


@dataclass(slots=True)
class TcaService:
    """Over one engine's orders, live and from the database."""

    engine: Engine
    reads: Reads
    _judging: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def dossier(self, account: str, wanted: Wanted) -> Dossier:
        """The account's orders of `wanted`, judged. At most MAX_ORDERS, the newest; the dossier says if it was cut."""
        found = await self._found(account, wanted)
        async with self._judging:
            return await asyncio.to_thread(compile_dossier, found)

    async def order(self, account: str, reference: str) -> OrderCosts:
        """One order with its arms; BadRequest("not_found") where there is none."""
        record = await self.reads.order(account, reference)
        latest, _ = await self._latest(account, ERROR_ORDERS, OrderFilter(is_open=False))
        symbols = self.engine.universe.symbols
        error = plan_error(latest, symbols, leave_out=record.order_id)
        return order_costs(record, symbols[record.accepted.order.symbol], error)

    async def order_dossier(self, account: str, reference: str) -> Dossier:
        """One order as a dossier of its own."""
        record = await self.reads.order(account, reference)
        if record.tca is None:
            raise BadRequest("not_found", "The order is not done yet.", hint="Its cost is known when it is.")
        wanted = Wanted(record.created_ts_ns, record.created_ts_ns + 1, record.accepted.order.symbol)
        costs = await self.order(account, reference)
        dossier = await asyncio.to_thread(compile_dossier, self._made(account, wanted, [record], is_cut=False))
        return Dossier(**{name: getattr(dossier, name) for name in Dossier.__dataclass_fields__} | {"orders": [costs]})

    async def report(self, dossier: Dossier) -> bytes:
        """The dossier as one self-contained HTML page."""
        async with self._judging:
            return await asyncio.to_thread(render, dossier, self.engine.now_ns(), self.engine.mode)

    async def _found(self, account: str, wanted: Wanted) -> Found:
        rows, is_cut = await self._latest(account, MAX_ORDERS, OrderFilter(wanted.symbol, is_open=False), wanted)
        kept = [
            record
            for record in reversed(rows)
            if record.state is ParentState.DONE
            and record.created_ts_ns < wanted.end_ts_ns
            and wanted.side in (None, record.accepted.order.side)
            and (not wanted.venue or any(c.child.venue == wanted.venue for c in record.children.values()))
        ]
        return self._made(account, wanted, kept, is_cut=is_cut)

    def _made(self, account: str, wanted: Wanted, records: Sequence[ParentRecord], *, is_cut: bool) -> Found:
        universe = self.engine.universe
        used = {child.child.venue for record in records for child in record.children.values()}
        known = [r for r in records if r.accepted.order.symbol in universe.symbols]
        return Found(
            account=account,
            wanted=wanted,
            records=known,
            symbols=universe.symbols,
            still=list(self.engine.ledger.still),
            is_cut=is_cut,
            is_simulated=any(v in universe.venues and universe.venues[v].is_simulated for v in used),
        )

    async def _latest(
        self, account: str, n_orders: int, chosen: OrderFilter, wanted: Wanted | None = None
    ) -> tuple[list[ParentRecord], bool]:
        """(orders, newest first; whether there are more)."""
        # Ids rise by the millisecond; what is accepted later within the last one is left out by its own time.
        cursor = f"ord_{ulid(wanted.end_ts_ns + _MS, 0)}" if wanted is not None else ""
        start_ts_ns = wanted.start_ts_ns if wanted is not None else 0
        rows: list[ParentRecord] = []
        while len(rows) < n_orders:
            page = await self.reads.orders(account, chosen, Slice(min(PAGE_ORDERS, n_orders - len(rows)), cursor))
            within = [record for record in page.rows if record.created_ts_ns >= start_ts_ns]
            rows += within
            cursor = page.next_cursor
            if not cursor or len(within) < len(page.rows):
                return rows, False
        return rows, True


def as_csv(rows: Sequence[Row]) -> bytes:
    """RFC 4180 with a head; a cell that is not known is empty, floats are written so that they read back equal."""
    out = io.StringIO()
    writer = csv.DictWriter(out, columns(rows), lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def as_parquet(rows: Sequence[Row]) -> bytes:
    """Parquet, one column each; BadRequest("not_installed") without the extra `replay`."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        hint = 'Install it: pip install "bestex[replay]"; or ask for format=csv.'
        raise BadRequest("not_installed", "This service was installed without pyarrow.", hint=hint) from error
    table = pa.table({name: pa.array([row.get(name) for row in rows]) for name in columns(rows)})
    out = io.BytesIO()
    pq.write_table(table, out)
    return out.getvalue()
