"""Cancels one order or many. A cancel is a wish: the venues' evidence decides what still fills."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.enums import ParentState, Side
from app.domain.errors import BestexError
from app.domain.records import ParentRecord
from app.execution.inputs import Cancel
from app.services.engine import Engine


@dataclass(frozen=True, slots=True)
class CancelOutcome:
    """What became of one wish: `error` is None where the cancel was recorded (or the order was done already)."""

    record: ParentRecord
    error: BestexError | None


class CancelService:
    """One use case: stop orders of an account."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def cancel(self, record: ParentRecord, actor: str, reason: str = "client") -> ParentRecord:
        """Asks the engine to cancel; harmless when the order is done. Durable when this returns."""
        if record.state is not ParentState.DONE:
            await self._engine.ask(Cancel(record.account, record.order_id, actor, reason))
        return self._engine.ledger.parents.get(record.order_id, record)

    async def cancel_all(
        self, account: str, actor: str, *, symbol: str = "", side: Side | None = None, venue: str = "", tag: str = ""
    ) -> Sequence[CancelOutcome]:
        """Cancels the account's open orders that match every filter given; one outcome each, oldest first.

        `venue` matches orders with a live child there; `tag` is `key` or `key=value`.
        """
        wanted = [
            record
            for record in self._engine.ledger.open_parents.values()
            if record.account == account and _matches(record, symbol, side, venue, tag)
        ]
        return await asyncio.gather(*(self._outcome(record, actor) for record in wanted))

    async def _outcome(self, record: ParentRecord, actor: str) -> CancelOutcome:
        try:
            return CancelOutcome(await self.cancel(record, actor), None)
        except BestexError as error:
            return CancelOutcome(record, error)


def _matches(record: ParentRecord, symbol: str, side: Side | None, venue: str, tag: str) -> bool:
    order = record.accepted.order
    if symbol and order.symbol != symbol:
        return False
    if side is not None and order.side is not side:
        return False
    if venue and not any(c.child.venue == venue and not c.state.is_terminal for c in record.children.values()):
        return False
    key, has_value, value = tag.partition("=")
    return not tag or any(k == key and (not has_value or v == value) for k, v in order.tags)
