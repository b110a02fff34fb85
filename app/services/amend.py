"""Changes an order that lives: pause, resume, amend. The engine decides; durable when these return."""

from __future__ import annotations

from app.domain.records import ParentRecord
from app.domain.scheduled import Amendment
from app.execution.inputs import Amend, Pause, Resume
from app.services.archive import Archive
from app.services.engine import Engine


class AmendService:
    """One use case: change what is under way. Raises BadRequest and OrderRefused; then nothing was changed."""

    def __init__(self, engine: Engine, archive: Archive | None = None) -> None:
        """`archive` None: nothing leaves the engine's memory."""
        self._engine = engine
        self._archive = archive

    async def pause(self, record: ParentRecord, actor: str) -> ParentRecord:
        """Nothing more of a scheduled order is given out until it is resumed."""
        return await self._ask(record, Pause(record.account, record.order_id, actor))

    async def resume(self, record: ParentRecord, actor: str) -> ParentRecord:
        """What is left is planned anew from now to the same end."""
        return await self._ask(record, Resume(record.account, record.order_id, actor))

    async def amend(self, record: ParentRecord, actor: str, change: Amendment) -> ParentRecord:
        """The order as it is from now on."""
        return await self._ask(record, Amend(record.account, record.order_id, actor, change))

    async def _ask(self, record: ParentRecord, item: Pause | Resume | Amend) -> ParentRecord:
        """One that has left memory comes back first: why it cannot change is the engine's to say."""
        if self._archive is not None:
            await self._archive.order(record.account, record.order_id)
        await self._engine.ask(item)
        return self._engine.ledger.parents.get(record.order_id, record)
