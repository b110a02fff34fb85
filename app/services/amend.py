"""Changes an order that lives: pause, resume, amend. The engine decides; durable when these return."""

from __future__ import annotations

from app.domain.records import ParentRecord
from app.domain.scheduled import Amendment
from app.execution.inputs import Amend, Pause, Resume
from app.services.engine import Engine


class AmendService:
    """One use case: change what is under way. Raises BadRequest and OrderRefused; then nothing was changed."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def pause(self, record: ParentRecord, actor: str) -> ParentRecord:
        """Nothing more of a scheduled order is given out until it is resumed."""
        await self._engine.ask(Pause(record.account, record.order_id, actor))
        return self._now(record)

    async def resume(self, record: ParentRecord, actor: str) -> ParentRecord:
        """What is left is planned anew from now to the same end."""
        await self._engine.ask(Resume(record.account, record.order_id, actor))
        return self._now(record)

    async def amend(self, record: ParentRecord, actor: str, change: Amendment) -> ParentRecord:
        """The order as it is from now on."""
        await self._engine.ask(Amend(record.account, record.order_id, actor, change))
        return self._now(record)

    def _now(self, record: ParentRecord) -> ParentRecord:
        return self._engine.ledger.parents.get(record.order_id, record)
