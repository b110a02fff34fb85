"""The shadow of a running service: plans what a desk tells it, watches the books arrive, and compares later.

It holds no venue and gives no command: a plan is a fact, and its fills are read off the board when its children would
have arrived. What the IOC leaves is taken from the board REST_NS after the plan, cheapest all-in first: a
live shadow does not re-route. A process that ends before that has lost the shadow, and says so.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from typing import Final

import orjson

from app import observe
from app.domain.enums import Mode
from app.domain.errors import BadRequest, BestexError, InvariantBroken
from app.domain.fees import fee_nano
from app.domain.instrument import Symbol
from app.domain.shadow import DeskParent, Excluded, Execution, FourMids, OwnOutcome, ShadowExclusion, ShadowReach
from app.domain.shadow_events import ShadowChild, ShadowPlanned
from app.execution.inputs import Done, TellIncumbent, TellMet, TellShadow
from app.execution.shadow_ledger import ShadowRecord
from app.risk.reference import Reference, read_reference
from app.services.engine import Engine
from app.services.replay_market import LaneBoard, book_side, levels_of
from app.services.replay_protocol import load_protocol
from app.services.shadow_judge import ShadowReport, judge
from app.services.shadow_replay import desk_order, shadow_reach, take_rest
from app.services.shadow_report import render_shadow
from app.shm.books import SymbolBooks
from app.tca.shadow import Compared, compare_parent, scaled_mids

__all__ = ["ShadowReport", "ShadowService"]

REST_NS: Final = 500_000_000
LOST_NS: Final = 10_000_000_000  # a shadow that was not met so long after its plan never will be
FUTURE_NS: Final = 1_000_000_000
MAX_WATCHED: Final = 1_000


@dataclass(frozen=True, slots=True)
class _Seen:
    """The books of an instant, as they may be believed."""

    books: SymbolBooks
    reference: Reference

    def read(self) -> SymbolBooks:
        return self.books


@dataclass(slots=True)
class ShadowService:
    """One process's shadow over one engine. All methods belong to the engine's loop. `sleep`: how it waits."""

    engine: Engine
    reach: ShadowReach = field(default_factory=lambda: shadow_reach(load_protocol().reach))
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def tell_parent(self, account: str, parent: DeskParent, mode: Mode) -> ShadowPlanned:
        """The plan, once durable; the same parent again gives the same. A refused one has a refusal and no plan.

        Raises BadRequest for an id that was told with another body, and for a decision that is yet to come.
        """
        if parent.decision_ts_ns > self.engine.now_ns() + FUTURE_NS:
            hint = "Check the desk's clock against /v1/time."
            raise BadRequest("invalid_request", "The decision is yet to come.", pointer="/decision_at", hint=hint)
        order = replace(desk_order(parent, 0, None), account=account, client_order_id=parent.parent_id)
        hashed = hashlib.sha256(orjson.dumps([1, *astuple(parent)])).hexdigest()
        is_known = parent.parent_id in self.engine.ledger.shadows.get(account, {})
        reply = await self.engine.ask(TellShadow(account, parent, order, mode, hashed))
        if not isinstance(reply, Done) or not reply.events or not isinstance(reply.events[0], ShadowPlanned):
            raise InvariantBroken(reply=type(reply).__name__, expected="ShadowPlanned")
        planned = reply.events[0]
        if not is_known and not planned.refusal and len(self._tasks) < MAX_WATCHED:
            task = asyncio.get_running_loop().create_task(self._watch(planned, self.engine.now_ns()))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return planned

    async def tell_fills(self, account: str, fills: Mapping[str, Sequence[Execution]]) -> int:
        """Takes the incumbent's fills by parent; gives how many were new. Raises BadRequest as `tell_incumbent` says.

        Parents are taken one by one: those before a refused one stay told, and telling all again is harmless.
        """
        n_new = 0
        for parent_id, own in fills.items():
            reply = await self.engine.ask(TellIncumbent(account, parent_id, tuple(own)))
            events = reply.events if isinstance(reply, Done) else ()
            n_new += sum(len(getattr(event, "fills", ())) for event in events)
        return n_new

    def parent_symbol(self, account: str, parent_id: str) -> Symbol:
        """The symbol of a parent that was told; BadRequest("not_found")."""
        record = self.engine.ledger.shadows.get(account, {}).get(parent_id)
        if record is None:
            hint = "Tell the parent first: POST /v1/shadow/parents."
            raise BadRequest("not_found", f"No shadow of {parent_id}.", pointer="/fills", hint=hint)
        return self.engine.universe.symbols[record.planned.symbol]

    async def report(self, account: str) -> ShadowReport:
        """Every parent of the account, compared or excluded; judged in a thread of its own."""
        now_ns = self.engine.now_ns()
        known = [replace_fills(record) for record in self.engine.ledger.shadows.get(account, {}).values()]
        return await asyncio.to_thread(self._judged, known, now_ns)

    def render(self, report: ShadowReport) -> str:
        """The report as Markdown."""
        kinds = {venue.is_simulated for venue in self.engine.universe.venues.values()}
        market = "simulated venues" if kinds == {True} else "live venues" if kinds == {False} else "live and simulated"
        head = [
            f"Books of {market}, as they were received. Decided when the service heard of the parent; filled on the "
            f"books when its children would have arrived; rest taken {REST_NS / 1e6:g} ms after the plan. Reach: at "
            f"most {self.reach.max_displayed_ppm / 1e4:g} % of what is displayed within {self.reach.within_bps} bp, "
            f"{self.reach.max_life_ns / 1e6:g} ms.",
        ]
        return render_shadow(report, head)

    async def close(self) -> None:
        """What is being watched is lost."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _judged(self, known: Sequence[ShadowRecord], now_ns: int) -> ShadowReport:
        compared: list[Compared] = []
        excluded: list[Excluded] = []
        for record in known:
            found = self._compared(record, now_ns)
            if isinstance(found, Compared):
                compared.append(found)
            else:
                excluded.append(found)
        return judge(compared, excluded)

    def _compared(self, record: ShadowRecord, now_ns: int) -> Compared | Excluded:
        parent, planned = record.planned.parent, record.planned
        if planned.refusal:
            return Excluded(parent.parent_id, ShadowExclusion.REFUSED, planned.refusal)
        if record.told_ts_ns - parent.decision_ts_ns > self.reach.max_life_ns:
            return Excluded(parent.parent_id, ShadowExclusion.TOLD_LATE)
        if record.outcome is None:
            is_lost = now_ns - record.told_ts_ns > LOST_NS
            return Excluded(parent.parent_id, ShadowExclusion.LOST if is_lost else ShadowExclusion.NOT_YET)
        fills = sorted(record.fills.values(), key=lambda fill: (fill.ts_ns, fill.fill_id))
        if not fills and (not parent.end_ts_ns or now_ns <= parent.end_ts_ns):
            return Excluded(parent.parent_id, ShadowExclusion.NOT_YET)
        own = scaled_mids(record.outcome, parent.decision_price_units)
        return compare_parent(self.engine.universe.symbols[planned.symbol], parent, fills, own, self.reach)

    async def _watch(self, planned: ShadowPlanned, sent_ns: int) -> None:
        """Meets the plan with the books as they arrive, then writes what it came to."""
        try:
            outcome = await self._met(planned, sent_ns)
            await self.engine.ask(TellMet(planned.account, planned.parent.parent_id, outcome))
        except BestexError as error:
            observe.measuring_failed(planned.shadow_id, str(error))

    async def _met(self, planned: ShadowPlanned, sent_ns: int) -> OwnOutcome:
        parent, symbol = planned.parent, self.engine.universe.symbols[planned.symbol]
        fee_ppm = {fee.venue: fee.taker_fee_ppm for fee in planned.fees}
        first_sent_half = self._look(symbol).reference.mid_half_units or planned.approved_mid_half_units
        executions: list[Execution] = []
        taken: list[tuple[str, int, int]] = []
        last_ns = sent_ns
        for child in sorted(planned.children, key=lambda c: (c.way_ns, c.venue)):
            await self._until(sent_ns + child.way_ns)
            at_ns, seen = self.engine.now_ns(), self._look(symbol)
            for price, qty in _meet(child, parent, seen):
                fee = fee_nano(symbol.money_nano(price, qty), fee_ppm[child.venue])
                fill_id = f"fill{len(executions)}"
                executions.append(Execution(fill_id, child.venue, at_ns, price, qty, fee, symbol.money_currency))
                taken.append((child.venue, price, qty))
                last_ns = at_ns
        left = parent.qty_units - sum(fill.qty_units for fill in executions)
        if left:
            await self._until(sent_ns + REST_NS)
            last_ns, seen = self.engine.now_ns(), self._look(symbol)
            open_ppm = {v: ppm for v, ppm in fee_ppm.items() if v not in seen.reference.barred}
            books = _without(seen, taken, book_side(parent.side))
            rest, left = take_rest(symbol, open_ppm, books, parent.side, (left, last_ns))
            executions += rest
        received_half, approved_half = planned.received_mid_half_units, planned.approved_mid_half_units
        mids = FourMids(received_half, received_half, approved_half, first_sent_half)
        told_ns = self.engine.ledger.shadows[planned.account][parent.parent_id].told_ts_ns
        return OwnOutcome(tuple(executions), mids, planned.displayed_ppm, last_ns - told_ns, left, 1)

    async def _until(self, at_ns: int) -> None:
        wait_ns = at_ns - self.engine.now_ns()
        if wait_ns > 0:
            await self.sleep(wait_ns / 1e9)

    def _look(self, symbol: Symbol) -> _Seen:
        books = self.engine.books(symbol.name)
        ages_ns = self.engine.core.world.max_book_age_ns
        return _Seen(books, read_reference(books, ages_ns, self.engine.now_ns()))


def replace_fills(record: ShadowRecord) -> ShadowRecord:
    """The record as it is now, apart from what is folded into it later."""
    return replace(record, fills=dict(record.fills))


def _meet(child: ShadowChild, parent: DeskParent, seen: _Seen) -> list[tuple[int, int]]:
    """(price, quantity) that an IOC of `child` finds; nothing at a venue whose book may not be believed."""
    if child.venue in seen.reference.barred or child.venue not in seen.books.venues:
        return []
    row, left, found = seen.books.venues.index(child.venue), child.qty_units, []
    for price, qty in levels_of(seen.books, row, book_side(parent.side)):
        if left == 0 or parent.side.sign * (price - child.price_units) > 0:
            break
        found.append((price, min(left, qty)))
        left -= found[-1][1]
    return found


def _without(seen: _Seen, taken: Sequence[tuple[str, int, int]], side: int) -> SymbolBooks:
    """The books less what the shadow has taken: a level is not taken twice."""
    board = LaneBoard(seen)
    for venue, price, qty in taken:
        board.take(seen.books.venues.index(venue), side, price, qty)
    return board.read(seen.books.symbol)
