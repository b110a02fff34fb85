"""The database's twin in memory: the fold of a log from which nothing ever leaves, asked as Postgres is."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy

from app.domain.conditional_records import ConditionalRecord
from app.domain.enums import ParentState
from app.domain.errors import Unavailable
from app.domain.events import FillKey
from app.domain.ports import FactReader
from app.domain.records import FillRecord, ParentRecord
from app.execution.ledger import Ledger, evolve


class RowsTwin:
    """`Past` and `Watermark` over `reader`. `is_down`: away. `held_seq`: how far it has come, None: with the log."""

    def __init__(self, reader: FactReader) -> None:
        self._reader = reader
        self.ledger = Ledger()
        self.is_down = False
        self.held_seq: int | None = None
        self.n_asked = 0

    def whole(self) -> Ledger:
        """The fold of the whole log so far (or up to `held_seq`)."""
        while facts := self._reader.read(self.ledger.seq, 1_000):
            for fact in facts:
                if self.held_seq is not None and fact.seq > self.held_seq:
                    return self.ledger
                evolve(self.ledger, fact)
        return self.ledger

    @property
    def watermark_seq(self) -> int:
        return 0 if self.is_down else self.whole().seq

    async def wait_for(self, seq: int, timeout_s: float) -> bool:
        return self.watermark_seq >= seq

    def _ask(self) -> Ledger:
        self.n_asked += 1
        if self.is_down:
            raise Unavailable("history_unavailable", "away")
        return self.whole()

    async def order(self, account: str, order_id: str) -> ParentRecord | None:
        found = self._ask().parents.get(order_id)
        return deepcopy(found) if found is not None and found.account == account else None

    async def order_by_client_id(self, account: str, client_order_id: str) -> ParentRecord | None:
        ledger = self._ask()
        order_id, _ = ledger.by_client_id.get((account, client_order_id), ("", ""))
        return deepcopy(ledger.parents.get(order_id))

    async def orders_by_id(self, account: str, order_ids: Sequence[str]) -> dict[str, ParentRecord]:
        ledger = self._ask()
        found = [ledger.parents[i] for i in order_ids if i in ledger.parents]
        return {parent.order_id: deepcopy(parent) for parent in found if parent.account == account}

    async def order_of_child(self, client_id: str) -> ParentRecord | None:
        ledger = self._ask()
        child_id = ledger.by_venue_client_id.get(client_id)
        return deepcopy(ledger.parents[ledger.child_parent[child_id]]) if child_id else None

    async def order_of_fill(self, key: FillKey) -> ParentRecord | None:
        for parent in self._ask().parents.values():
            if any(fill.fill.key == key for fill in parent.fills):
                return deepcopy(parent)
        return None

    async def orders(
        self, account: str, limit: int, *, cursor: str, is_open: bool | None, symbol: str, is_ascending: bool
    ) -> list[ParentRecord]:
        found = [
            parent
            for parent in self._ask().parents.values()
            if parent.account == account
            and (not symbol or parent.accepted.order.symbol == symbol)
            and (is_open is None or (parent.state is not ParentState.DONE) is is_open)
            and (not cursor or (parent.order_id > cursor if is_ascending else parent.order_id < cursor))
        ]
        return deepcopy(sorted(found, key=lambda p: p.order_id, reverse=not is_ascending)[:limit])

    async def account_fills(
        self, account: str, limit: int, *, cursor: int, symbol: str, is_ascending: bool
    ) -> list[FillRecord]:
        found = [
            fill
            for parent in self._ask().parents.values()
            for fill in parent.fills
            if parent.account == account
            and (not symbol or fill.fill.symbol == symbol)
            and (not cursor or (fill.account_seq > cursor if is_ascending else fill.account_seq < cursor))
        ]
        return deepcopy(sorted(found, key=lambda f: f.account_seq, reverse=not is_ascending)[:limit])

    async def definition(self, account: str, conditional_id: str) -> ConditionalRecord | None:
        found = self._ask().definitions.all.get(conditional_id)
        return deepcopy(found) if found is not None and found.account == account else None

    async def definition_by_client_id(self, account: str, client_order_id: str) -> ConditionalRecord | None:
        ledger = self._ask()
        found, _ = ledger.by_client_id.get((account, client_order_id), ("", ""))
        return deepcopy(ledger.definitions.all.get(found))

    async def definitions(
        self, account: str, limit: int, *, cursor: str, is_open: bool | None, symbol: str, is_ascending: bool
    ) -> list[ConditionalRecord]:
        found = [
            record
            for record in self._ask().definitions.all.values()
            if record.account == account
            and (not symbol or record.definition.symbol == symbol)
            and (is_open is None or (not record.is_done) is is_open)
            and (not cursor or (record.conditional_id > cursor if is_ascending else record.conditional_id < cursor))
        ]
        return deepcopy(sorted(found, key=lambda r: r.conditional_id, reverse=not is_ascending)[:limit])
