"""Places parent orders: canonical body hash, the engine's word, and the wait for an outcome."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import astuple
from typing import Final

import orjson

from app.domain import quick
from app.domain.enums import Mode, ParentState, RefusalCode
from app.domain.errors import InvariantBroken, OrderRefused, Unavailable
from app.domain.events import Fact, OrderDone
from app.domain.orders import ParentOrder
from app.domain.schedule import Disguise
from app.domain.scheduled import Schedule
from app.execution.inputs import Accepted, Submit, Tick
from app.services.archive import Archive
from app.services.engine import Engine

MAX_WAIT_MS: Final = 10_000


def body_hash(order: ParentOrder) -> str:
    """SHA-256 of what the order asks for, re-encoded canonically: parsed values, defaults filled, no arrival data.

    `"1.0"` equals `"1"` and `BTC-USDT` equals `BTC/USDT`; the time of arrival, the deadline and the wished form of the
    answer are outside.
    """
    venues = order.venues
    asked = [
        1,
        order.account,
        order.client_order_id,
        order.symbol,
        order.side,
        order.order_type,
        order.time_in_force,
        order.strategy,
        order.remainder,
        order.qty_units,
        order.notional_nano,
        order.limit_price_units,
        order.max_slippage_ppm,
        order.expire_ts_ns,
        [sorted(venues.include), sorted(venues.exclude), venues.max_venues],
        order.is_full_fill_required,
        order.decision_ts_ns,
        order.decision_price_units,
        order.tags,
    ]
    if order.quote_pool is not None:  # an order without one keeps the hash that it always had
        pool = order.quote_pool
        asked.append([sorted(pool.currencies), pool.max_basis_ppm, pool.carrier])
    if order.schedule is not None:
        asked.append(["schedule", *_schedule_asked(order.schedule)])
    if order.sweep is not None:
        terms = order.sweep
        asked.append(["sweep", terms.version, terms.style, terms.min_qty_units, terms.wait_ns, terms.asks_dealers])
    return hashlib.sha256(orjson.dumps(asked)).hexdigest()


def _schedule_asked(schedule: Schedule) -> list[object]:
    """Listed by hand: a member that comes later must not change the hash of orders that do not have it."""
    asked: list[object] = [
        schedule.version,
        schedule.start_ns,
        schedule.end_ns,
        schedule.slice_ns,
        schedule.urgency,
        schedule.cap_ppm,
        schedule.would_price_units,
        schedule.min_clip_units,
        schedule.weights,
        schedule.rate_ppm,
        schedule.volume_base,
        None if schedule.shortfall is None else astuple(schedule.shortfall),
    ]
    if schedule.disguise is not Disguise.NONE:
        asked.append(schedule.disguise)
    if schedule.resting is not None:
        asked.append(["resting", *astuple(schedule.resting)])
    later: dict[str, object] = {
        "max_tilt_ppm": schedule.max_tilt_ppm,
        "discretion_units": schedule.discretion_units,
        "is_discretion_past_limit": schedule.is_discretion_past_limit,
    }
    return asked + [[name, value] for name, value in later.items() if value]


class SubmitService:
    """One use case: place an order, and wait for it if the client wishes."""

    def __init__(self, engine: Engine, archive: Archive | None = None) -> None:
        """`archive` None: nothing leaves the engine's memory."""
        self._engine = engine
        self._archive = archive
        self._waiters: dict[str, set[asyncio.Future[None]]] = {}
        engine.add_listener(self._on_durable)

    async def place(self, order: ParentOrder, mode: Mode, *, deadline_ts_ns: int = 0) -> Accepted:
        """Accepted once durable. Raises OrderRefused, BadRequest (409 of a reused id), Unavailable.

        `deadline_ts_ns`: the client's own limit on this request, 0 for none; a late request is refused as stale.
        """
        if deadline_ts_ns and self._engine.now_ns() > deadline_ts_ns:
            await self._refuse_late(order, deadline_ts_ns)
        return await self.place_new(quick.changed(order, body_hash=""), mode)

    async def place_new(self, order: ParentOrder, mode: Mode) -> Accepted:
        """As `place`, of an order that has just been made and that nobody else holds: its hash is written into it."""
        quick.write(order, "body_hash", body_hash(order))
        item = Submit(order, mode)
        try:
            reply = await self._engine.ask(item)
        except Unavailable as error:
            if self._archive is None or error.code != "history_unavailable":
                raise
            await self._archive.name(order.account, order.client_order_id)
            reply = await self._engine.ask(item)
        if not isinstance(reply, Accepted):
            raise InvariantBroken(reply=type(reply).__name__, expected="Accepted")
        return reply

    async def _refuse_late(self, order: ParentOrder, deadline_ts_ns: int) -> None:
        """Raises stale_request, unless the id names an order already: then the answer is that order, however late.

        A first request with this id may still wait for its turn; a tick asked for now comes behind it.
        """
        await self._engine.ask(Tick())
        if self._archive is not None:
            await self._archive.name(order.account, order.client_order_id)
        if (order.account, order.client_order_id) in self._engine.ledger.by_client_id:
            return
        late_ms = (self._engine.now_ns() - deadline_ts_ns) // 1_000_000
        raise OrderRefused(
            RefusalCode.STALE_REQUEST,
            limit="0",
            value=str(late_ms),
            unit="ms late",
            pointer="/deadline",
            hint="The deadline had passed on arrival. The same client_order_id may be sent with a later one.",
        )

    async def wait_done(self, order_id: str, wait_ms: int) -> None:
        """Returns when the order is done, or after `wait_ms`; the order lives on if the wait ends."""
        if self._is_done(order_id) or wait_ms <= 0:
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiters = self._waiters.setdefault(order_id, set())
        waiters.add(waiter)
        try:
            async with asyncio.timeout(min(wait_ms, MAX_WAIT_MS) / 1_000):
                await waiter
        except TimeoutError:
            pass
        finally:
            waiters.discard(waiter)
            if not waiters:
                self._waiters.pop(order_id, None)

    def _is_done(self, order_id: str) -> bool:
        parent = self._engine.ledger.parents.get(order_id)
        return parent is None or parent.state is ParentState.DONE

    def _on_durable(self, facts: Sequence[Fact]) -> None:
        if not self._waiters:
            return
        for fact in facts:
            if isinstance(fact.event, OrderDone):
                for waiter in self._waiters.get(fact.event.order_id, ()):
                    if not waiter.done():
                        waiter.set_result(None)
