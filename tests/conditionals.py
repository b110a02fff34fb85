"""Definitions for tests, on the desk of tests/worlds.py: short words for what is asked, placed and told."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

from app.domain.conditional_records import ConditionalRecord
from app.domain.conditions import (
    Condition,
    Conditional,
    ConditionKind,
    Leg,
    OrderClass,
    OtoTrigger,
    Trail,
    TriggerSource,
)
from app.domain.enums import Mode, Side
from app.domain.fills import ReportKind
from app.domain.orders import ChildOrder, ParentOrder, VenueFilter
from app.execution import inputs as inp
from tests.worlds import MS, T0_NS, Desk, make_order, sent

_IDS = count(1)


def stop(price: int, *, side: Side = Side.SELL, qty: int = 300, name: str = "order", limit: int | None = None) -> Leg:
    return Leg(name, side, qty, Condition(ConditionKind.STOP, TriggerSource.MID, 0, price), limit)


def touch(price: int, *, side: Side = Side.SELL, qty: int = 300, name: str = "order") -> Leg:
    return Leg(name, side, qty, Condition(ConditionKind.TOUCH, TriggerSource.MID, 0, price), None)


def trail(trail: Trail, *, side: Side = Side.SELL, qty: int = 300, name: str = "order") -> Leg:
    return Leg(name, side, qty, Condition(ConditionKind.TRAIL, TriggerSource.MID, 0, 0, trail), None)


def limit(price: int, *, side: Side = Side.SELL, qty: int = 300, name: str = "take_profit") -> Leg:
    return Leg(name, side, qty, None, price)


def definition(*legs: Leg, kind: OrderClass = OrderClass.SIMPLE, **changes: object) -> Conditional:
    base = Conditional(
        account="desk",
        client_order_id=f"d{next(_IDS)}",
        symbol="BTC/USDT",
        order_class=kind,
        legs=legs,
        oto_trigger=OtoTrigger.PARTIAL,
        has_entry_order=False,
        venues=VenueFilter(),
        max_slippage_ppm=None,
        expire_ts_ns=0,
        received_ts_ns=T0_NS,
        body_hash="h",
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def oco(qty: int = 300) -> Conditional:
    """Sells `qty` at 61,000 or, through a stop, at 59,000."""
    return definition(limit(6_100_000, qty=qty), stop(5_900_000, qty=qty, name="stop_loss"), kind=OrderClass.OCO)


def bracket(qty: int = 300, **changes: object) -> tuple[Conditional, ParentOrder]:
    """Buys `qty` at once; out at 61,000 or 59,000."""
    legs = (Leg("entry", Side.BUY, qty, None, None), *oco(qty).legs)
    return definition(*legs, kind=OrderClass.BRACKET, has_entry_order=True, **changes), make_order(qty_units=qty)


def taken(
    desk: Desk, asked: Conditional, entry: ParentOrder | None = None
) -> tuple[ConditionalRecord, list[ChildOrder]]:
    """The accepted definition, and the children that its turn has sent."""
    turn = desk.turn(inp.SubmitConditional(asked, entry, Mode.PAPER))
    reply = turn.replies[0]
    assert isinstance(reply, inp.ConditionalTaken), reply
    return desk.core.ledger.definitions.all[reply.fact.conditional_id], sent(turn)


def move(desk: Desk, mid_units: int, ms: int = 20) -> list[ChildOrder]:
    """Time passes, every venue's book is around `mid_units`, the engine ticks; what was sent."""
    desk.now_ns += ms * MS
    desk.refresh(mid_units)
    return sent(desk.turn(inp.Tick()))


def end(desk: Desk, child: ChildOrder, lots: int = 0) -> list[ChildOrder]:
    """The child ends with `lots` filled; what the two turns have sent."""
    more = sent(desk.fill(child, lots)) if lots else []
    return more + sent(desk.report(child, ReportKind.CANCELED, cum_qty_lots=lots))


def exhaust(desk: Desk, children: list[ChildOrder]) -> None:
    """Every child ends with nothing, and so does each that is sent in its place, until the order gives up."""
    while children:
        children = [more for child in children for more in end(desk, child)]
