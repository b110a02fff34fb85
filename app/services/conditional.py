"""Conditional orders as use cases: place, look at, amend, cancel. Of what has left memory the database answers."""

from __future__ import annotations

import hashlib
from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from app.domain.conditional_events import ConditionalAccepted
from app.domain.conditional_records import ConditionalRecord
from app.domain.conditions import Conditional, LegState, pools
from app.domain.enums import Mode, OrderStatus, ParentState, RefusalCode
from app.domain.errors import BadRequest, InvariantBroken, OrderRefused, Unavailable
from app.domain.events import Fact
from app.domain.ids import ulid
from app.domain.orders import ParentOrder
from app.domain.records import ParentRecord
from app.domain.venue_stops import TriggerLocation
from app.execution.conditional import previewed
from app.execution.context import Context, Memory
from app.execution.inputs import AmendConditional, CancelConditional, ConditionalTaken, SubmitConditional, Tick, Turn
from app.execution.ledger import Ledger
from app.execution.settling import Left
from app.execution.shares import leg_state
from app.execution.working_set import adopt, may_have_left
from app.services.archive import Archive
from app.services.engine import Engine
from app.services.pages import OrderFilter, PageOf, Slice, cut, needs_past
from app.services.submit import body_hash

_EXPIRED: Final = "Use a time in the future."


@dataclass(frozen=True, slots=True)
class LegView:
    """One leg as it stands; `working_units` is what its open orders may still fill, `is_at_venue`: as a stop there."""

    state: LegState
    cum_qty_units: int
    working_units: int
    orders: Sequence[ParentRecord]
    is_at_venue: bool = False


@dataclass(frozen=True, slots=True)
class ConditionalView:
    """A definition with what its orders have come to."""

    record: ConditionalRecord
    status: OrderStatus
    legs: Sequence[LegView]


def definition_hash(definition: Conditional, entry: ParentOrder | None) -> str:
    """SHA-256 of what is asked for, as `body_hash` is of an order: no arrival data."""
    venues = replace(
        definition.venues,
        include=tuple(sorted(definition.venues.include)),
        exclude=tuple(sorted(definition.venues.exclude)),
    )
    asked = replace(definition, venues=venues, received_ts_ns=0, body_hash="")
    own = body_hash(replace(entry, client_order_id=definition.client_order_id)) if entry is not None else ""
    plain = msgspec.to_builtins(asked)
    if definition.trigger_location is TriggerLocation.ENGINE:
        del plain["trigger_location"]  # as it was before there was a choice: an id that was used stays used
    return hashlib.sha256(msgspec.json.encode((1, plain, own))).hexdigest()


class ConditionalService:
    """Everything about definitions over one engine."""

    def __init__(self, engine: Engine, archive: Archive | None = None) -> None:
        """`archive` None: nothing leaves the engine's memory."""
        self._engine = engine
        self._archive = archive
        self._ids: dict[str, list[str]] = {}  # in memory, in the order of the log
        for record in engine.ledger.definitions.all.values():
            insort(self._ids.setdefault(record.account, []), record.conditional_id)
        self._base_seq = engine.ledger.seq
        # The newest that has left, by account; of what had left before this process only that it is older.
        self._floors: dict[str, str] = {}
        self._born = f"cnd_{ulid(engine.now_ns(), 2**80 - 1)}" if engine.ledger.closed is not None else ""
        engine.add_listener(self._on_durable)
        if archive is not None:
            archive.on_left.append(self._forget)
            archive.on_back.append(self._remember)

    async def place(
        self, definition: Conditional, entry: ParentOrder | None, mode: Mode, *, deadline_ts_ns: int = 0
    ) -> ConditionalTaken:
        """Taken once durable. Raises as SubmitService.place does, and BadRequest for a source that nothing feeds."""
        now_ns = self._engine.now_ns()
        if deadline_ts_ns and now_ns > deadline_ts_ns:
            hint = "The deadline had passed on arrival. The same client_order_id may be sent with a later one."
            await self._refuse_late(definition, now_ns - deadline_ts_ns, "/deadline", hint)
        if definition.expire_ts_ns and now_ns >= definition.expire_ts_ns:
            await self._refuse_late(definition, now_ns - definition.expire_ts_ns, "/expire_at", _EXPIRED)
        hashed = definition_hash(definition, entry)
        if entry is not None:
            entry = replace(entry, body_hash=hashed)
        item = SubmitConditional(replace(definition, body_hash=hashed), entry, mode)
        try:
            reply = await self._engine.ask(item)
        except Unavailable as error:
            if self._archive is None or error.code != "history_unavailable":
                raise
            await self._archive.name(definition.account, definition.client_order_id)
            reply = await self._engine.ask(item)
        if not isinstance(reply, ConditionalTaken):
            raise InvariantBroken(reply=type(reply).__name__, expected="ConditionalTaken")
        return reply

    async def _refuse_late(self, definition: Conditional, late_ns: int, pointer: str, hint: str) -> None:
        """Raises stale_request unless the id names something already; a tick comes behind an earlier request."""
        await self._engine.ask(Tick())
        if self._archive is not None:
            await self._archive.name(definition.account, definition.client_order_id)
        if (definition.account, definition.client_order_id) in self._engine.ledger.by_client_id:
            return
        raise _late(late_ns, pointer, hint)

    async def amend(self, record: ConditionalRecord, definition: Conditional, version: int, actor: str) -> None:
        """Replaces the definition of `version`. Raises BadRequest (version_conflict, leg_triggered), OrderRefused."""
        if self._archive is not None and record.conditional_id not in self._engine.ledger.definitions.all:
            await self._archive.take_definition_back(record)  # why it cannot change is the engine's to say
        await self._engine.ask(AmendConditional(record.account, record.conditional_id, definition, version, actor))

    async def cancel(self, record: ConditionalRecord, actor: str, reason: str = "client") -> None:
        """Blocks every leg, then cancels what is open; harmless when it is over."""
        if not record.is_done:
            await self._engine.ask(CancelConditional(record.account, record.conditional_id, actor, reason))

    async def cancel_all(self, account: str, actor: str, *, symbol: str = "") -> Sequence[ConditionalRecord]:
        """Cancels every open definition of the account (in `symbol`), oldest first."""
        found = [
            record
            for record in self._engine.ledger.definitions.open_by_account.get(account, {}).values()
            if symbol in ("", record.definition.symbol)
        ]
        for record in found:
            await self.cancel(record, actor)
        return found

    async def find(self, account: str, reference: str) -> ConditionalRecord:
        """By id or `client:ID`; BadRequest("not_found") for a foreign one as for none. Raises Unavailable."""
        ledger, archive = self._engine.ledger, self._archive
        record: ConditionalRecord | None = None
        if reference.startswith("client:"):
            name = reference[7:]
            known = ledger.by_client_id.get((account, name))
            if known is not None:
                record = ledger.definitions.all.get(known[0])
            elif archive is not None and may_have_left(ledger, account, name):
                record = await archive.past.definition_by_client_id(account, name)
        else:
            record = await self._by_id(account, reference)
        if record is None or record.account != account:
            raise BadRequest("not_found", "No such conditional order.", hint="See GET /v1/conditional-orders.")
        return record

    async def _by_id(self, account: str, conditional_id: str) -> ConditionalRecord | None:
        ledger, archive = self._engine.ledger, self._archive
        record = ledger.definitions.all.get(conditional_id)
        if record is None and archive is not None and ledger.closed is not None and conditional_id.startswith("cnd_"):
            record = await archive.past.definition(account, conditional_id)
        return record

    async def page(self, account: str, wanted: OrderFilter, part: Slice) -> PageOf[ConditionalRecord]:
        """Definitions of an account by id, newest first unless `part` says otherwise. Raises Unavailable."""
        ids = self._ids.get(account, [])
        if part.is_ascending:
            order = ids[bisect_right(ids, part.cursor) if part.cursor else 0 :]
        else:
            order = ids[: bisect_left(ids, part.cursor) if part.cursor else len(ids)][::-1]
        rows: dict[str, ConditionalRecord] = {}
        for conditional_id in order:
            record = self._engine.ledger.definitions.all[conditional_id]
            if wanted.symbol and record.definition.symbol != wanted.symbol:
                continue
            if wanted.is_open is not None and wanted.is_open is record.is_done:
                continue
            rows[conditional_id] = record
            if len(rows) > part.limit:
                break
        floor = self._floors.get(account, self._born)
        if self._archive is not None and not wanted.is_open and needs_past(rows, part.cursor, floor, part):
            past = await self._archive.past.definitions(
                account,
                part.limit + 1,
                cursor=part.cursor,
                is_open=wanted.is_open,
                symbol=wanted.symbol,
                is_ascending=part.is_ascending,
            )
            rows = {record.conditional_id: record for record in past} | rows
        found = [rows[conditional_id] for conditional_id in sorted(rows, reverse=not part.is_ascending)]
        return cut(found, part.limit, lambda record: record.conditional_id)

    async def view(self, record: ConditionalRecord) -> ConditionalView:
        """The definition with its orders, as they stand. Raises Unavailable."""
        ledger = await self._with_orders(record)
        legs = []
        for i, leg in enumerate(record.legs):
            orders = [ledger.parents[order_id] for order_id in leg.order_ids]
            working_units = sum(
                max(0, (o.accepted.order.qty_units or 0) - o.cum_qty_units)
                for o in orders
                if o.state is not ParentState.DONE
            )
            filled_units = sum(o.cum_qty_units for o in orders)
            is_at_venue = any(o.is_stop and o.state is not ParentState.DONE for o in orders)
            legs.append(LegView(leg_state(ledger, record, i), filled_units, working_units, orders, is_at_venue))
        return ConditionalView(record, _status(record, legs), legs)

    async def _with_orders(self, record: ConditionalRecord) -> Ledger:
        """The engine's ledger, or one with this definition's orders alone where some of them have left memory."""
        parents = self._engine.ledger.parents
        order_ids = [order_id for leg in record.legs for order_id in leg.order_ids]
        away = [order_id for order_id in order_ids if order_id not in parents]
        if not away or self._archive is None:
            return self._engine.ledger
        found = await self._archive.past.orders_by_id(record.account, away)
        apart = Ledger()
        for order_id in order_ids:
            adopt(apart, found.get(order_id) or parents[order_id])
        return apart

    async def of_order(self, order: ParentRecord) -> tuple[ConditionalRecord, str] | None:
        """The definition and the leg's name that an order belongs to. Raises Unavailable."""
        definitions = self._engine.ledger.definitions
        place = definitions.leg_of_order.get(order.order_id)
        if place is not None:
            record = definitions.all[place[0]]
            return record, record.definition.legs[place[1]].name
        named = order.accepted.order.client_order_id.partition(".")[0]  # of the form that orders of legs have
        found = await self._by_id(order.account, named)
        for leg, leg_record in zip(found.definition.legs, found.legs, strict=True) if found is not None else ():
            if found is not None and order.order_id in leg_record.order_ids:
                return found, leg.name
        return None

    def preview_order(self, definition: Conditional, entry: ParentOrder | None) -> ParentOrder:
        """What a preview shows: the entry, or the first leg's order as if it triggered now. Raises as `place` does for
        a source that nothing feeds and for a time that has passed.
        """
        engine = self._engine
        now_ns = engine.now_ns()
        if definition.expire_ts_ns and now_ns >= definition.expire_ts_ns:
            raise _late(now_ns - definition.expire_ts_ns, "/expire_at", _EXPIRED)
        return previewed(Context(engine.core.world, engine.ledger, Memory(), now_ns, Turn()), definition, entry)

    def _on_durable(self, facts: Sequence[Fact]) -> None:
        for fact in facts:
            event = fact.event
            if type(event) is ConditionalAccepted and fact.seq > self._base_seq:
                self._ids.setdefault(fact.account, []).append(event.conditional_id)

    def _forget(self, left: Left) -> None:
        for record in left.definitions:
            account, conditional_id = record.account, record.conditional_id
            self._ids[account].remove(conditional_id)
            self._floors[account] = max(self._floors.get(account, self._born), conditional_id)

    def _remember(self, record: ParentRecord | ConditionalRecord) -> None:
        if isinstance(record, ConditionalRecord):
            insort(self._ids.setdefault(record.account, []), record.conditional_id)


def _late(late_ns: int, pointer: str, hint: str) -> OrderRefused:
    late_ms = str(late_ns // 1_000_000)
    return OrderRefused(RefusalCode.STALE_REQUEST, limit="0", value=late_ms, unit="ms late", pointer=pointer, hint=hint)


def accepted_legs(fact: ConditionalAccepted) -> list[LegView]:
    """Every leg at acceptance, a pure function of the fact."""
    by_entry = {i for pool in pools(fact.definition) if pool.is_armed_by_entry for i in pool.leg_indices}
    return [
        LegView(LegState.WAITING if i in by_entry else LegState.ARMED, 0, 0, ())
        for i in range(len(fact.definition.legs))
    ]


def _status(record: ConditionalRecord, legs: Sequence[LegView]) -> OrderStatus:
    """FIX 39 of a definition: as of one order made of all its legs."""
    if record.done_reason is not None:
        return OrderStatus(record.done_reason.value)
    if record.is_canceling:
        return OrderStatus.PENDING_CANCEL
    if any(leg.cum_qty_units for leg in legs):
        return OrderStatus.PARTIALLY_FILLED
    is_working = any(leg.working_units or leg.state is LegState.TRIGGERED for leg in legs)
    return OrderStatus.WORKING if is_working else OrderStatus.NEW
