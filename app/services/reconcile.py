"""Asks every venue what it holds for each account, and the database what it has, and lets the engine compare.

At the start, every minute, after a venue came back, and again at once where a difference showed: the second look
decides. Nothing is corrected here: a break is a fact, and the engine sends nothing new there until the sides agree.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from typing import Final, Protocol

from app import observe
from app.domain.enums import BreakKind
from app.domain.errors import Unavailable
from app.domain.events import BalanceSet, ChildFilled, Fact
from app.domain.ports import FactReader, VenuePort
from app.domain.statement import VenueState
from app.execution.inputs import ProjectionCompared, StatementAsked, StatementTaken
from app.risk.exposure import qty_nano
from app.services.archive import Archive
from app.services.engine import Engine

EVERY_S: Final = 60.0
LOOK_S: Final = 0.25  # between two looks at the venues' health, and before a difference is looked at again
ANSWER_S: Final = 10.0
PROJECTION_S: Final = 5.0
PAGE_FACTS: Final = 1_000

Slots = dict[tuple[str, str, str], int]


class AccountRows(Protocol):
    """The database's balances and positions. Raises Unavailable while it is away."""

    async def wait_for(self, seq: int, timeout_s: float) -> bool: ...

    async def account_slots(self) -> tuple[int, Slots, Slots]:
        """(seq, balances in nano by (account, venue, currency), positions in units by (account, venue, symbol))."""
        ...


class Reconciler:
    """One task over one engine. `rows` None: no database is configured."""

    def __init__(
        self,
        engine: Engine,
        reader: FactReader,
        rows: AccountRows | None,
        every_s: float = EVERY_S,
        archive: Archive | None = None,
    ) -> None:
        """`archive` None: nothing leaves the engine's memory."""
        self._engine = engine
        self._archive = archive
        self._reader = reader
        self._rows = rows
        self._every_s = every_s
        self._task: asyncio.Task[None] | None = None
        self._was_up: dict[str, bool] = {}

    async def open(self) -> None:
        """Starts asking; returns at once."""
        self._task = asyncio.create_task(self._ask_for_ever(), name="reconciler")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def check(self) -> None:
        """Every venue and the database, once, and once more where the first look differs."""
        await asyncio.gather(*(self.check_venue(venue) for venue in self._engine.venues.values()))
        await self.check_projection()

    async def check_venue(self, venue: VenuePort) -> None:
        """Every account that has anything at `venue`; a venue that does not answer proves nothing."""
        for account in self._accounts_at(venue.venue_id):
            try:
                await self._take(account, venue)
                if self._is_suspect(account, venue.venue_id):
                    await asyncio.sleep(LOOK_S)
                    await self._take(account, venue)
            except Exception as error:  # noqa: BLE001 - a process rim: one venue's words must not end all asking
                observe.venue_call_failed(venue.venue_id, "statement", error)
                return

    async def check_projection(self) -> None:
        """Balances and positions in the database against the log at the database's own place in it."""
        rows, ledger = self._rows, self._engine.ledger
        if rows is None:
            return
        seq, balances, positions = ledger.seq, dict(ledger.balances), dict(ledger.positions)
        try:
            if not await rows.wait_for(seq, PROJECTION_S):
                return  # it is behind, which readiness tells
            theirs_seq, their_balances, their_positions = await rows.account_slots()
        except Unavailable as error:
            observe.projection_lost(error.detail)
            return
        await asyncio.to_thread(self._roll_forward, seq, theirs_seq, balances, positions)
        ours = balances | self._in_nano(positions)
        theirs = their_balances | self._in_nano(their_positions)
        differing = [slot for slot in sorted(ours.keys() | theirs.keys()) if ours.get(slot, 0) != theirs.get(slot, 0)]
        broken = {key[0] for key in ledger.breaks if key[2] is BreakKind.PROJECTION}
        for account in sorted(broken | {slot[0] for slot in differing}):
            rows_of = [
                (v, item, ours.get((a, v, item), 0), theirs.get((a, v, item), 0))
                for a, v, item in differing
                if a == account
            ]
            await self._engine.ask(ProjectionCompared(account, tuple(rows_of)))

    def _in_nano(self, positions: Slots) -> Slots:
        symbols = self._engine.universe.symbols
        return {slot: qty_nano(symbols[slot[2]], units) for slot, units in positions.items() if slot[2] in symbols}

    async def _ask_for_ever(self) -> None:
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        while True:
            came_back = [venue for venue in self._engine.venues.values() if self._came_back(venue)]
            if loop.time() >= due_s:
                due_s = loop.time() + self._every_s
                try:
                    await self.check()
                except Exception as error:  # noqa: BLE001 - a task's rim: one round that broke must not be the last
                    observe.comparing_failed(repr(error))
            else:
                await asyncio.gather(*(self.check_venue(venue) for venue in came_back))
            await asyncio.sleep(LOOK_S)

    def _came_back(self, venue: VenuePort) -> bool:
        is_up = venue.health().state is VenueState.UP
        was_up = self._was_up.get(venue.venue_id, True)
        self._was_up[venue.venue_id] = is_up
        return is_up and not was_up

    async def _take(self, account: str, venue: VenuePort) -> None:
        await self._engine.ask(StatementAsked(account, venue.venue_id))
        statement = await asyncio.wait_for(venue.statement(account), ANSWER_S)
        if self._archive is not None:
            with contextlib.suppress(Unavailable):  # then what is open there is told as not ours
                for order in statement.open_orders:
                    await self._archive.child(order.client_id)
        await self._engine.ask(StatementTaken(account, statement))

    def _is_suspect(self, account: str, venue: str) -> bool:
        return any(key[:2] == (account, venue) for key in self._engine.core.memory.suspects)

    def _accounts_at(self, venue: str) -> list[str]:
        ledger = self._engine.ledger
        held = {a for slots in (ledger.balances, ledger.positions) for (a, v, _) in slots if v == venue}
        live = {record.child.account for record in ledger.live_children.values() if record.child.venue == venue}
        return sorted(held | live)

    def _roll_forward(self, seq: int, until_seq: int, balances: Slots, positions: Slots) -> None:
        """Folds what the database had beyond our copy; runs on a thread, on copies."""
        while seq < until_seq:
            facts = self._reader.read(seq, min(PAGE_FACTS, until_seq - seq))
            if not facts:
                return
            seq = facts[-1].seq
            roll(facts, balances, positions)


def roll(facts: Iterable[Fact], balances: Slots, positions: Slots) -> None:
    """What `facts` do to balances and positions, and nothing else of them."""
    for fact in facts:
        event = fact.event
        if isinstance(event, BalanceSet):
            balances[event.account, event.venue, event.currency] = event.amount_nano
        elif isinstance(event, ChildFilled):
            for currency, change_nano in event.moves:
                slot = (event.account, event.venue, currency)
                balances[slot] = balances.get(slot, 0) + change_nano
            place = (event.account, event.venue, event.symbol)
            positions[place] = positions.get(place, 0) + event.signed_qty_units
