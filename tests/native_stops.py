"""A desk whose venues hold stops, and words for what rests there; the test is the venue."""

from __future__ import annotations

from dataclasses import replace

from app.domain.conditions import Condition, Conditional, ConditionKind, Leg, OrderClass, TriggerSource
from app.domain.enums import Side
from app.domain.fills import ReportKind
from app.domain.orders import ChildOrder, VenueFilter
from app.domain.trade import TradePrint
from app.domain.venue_stops import StopOffer, StopSource, TriggerLocation
from app.execution import inputs as inp
from app.execution.context import Timing
from app.services.tape import Tape
from tests.conditionals import definition, limit
from tests.worlds import Desk, make_desk, sent

AT = VenueFilter(include=("ven_a",))


def offer(**changes: object) -> StopOffer:
    """Everything of ven_a that is used here, by last."""
    base = StopOffer(
        venue="ven_a",
        is_served=True,
        has_stop=True,
        has_stop_limit=True,
        has_trailing=False,
        has_oco=False,
        can_replace=True,
        sources=frozenset({StopSource.LAST}),
        source="test",
        as_of="2026-11-26",
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def stop_desk(timing: Timing | None = None, **changes: object) -> Desk:
    """ven_a holds stops by its last trade, and has traded at 60,000."""
    desk = make_desk(timing=timing)
    tape = Tape()
    desk.core.world = replace(desk.core.world, stops={"ven_a": offer(**changes)}, volumes=tape)
    trade(desk, 6_000_000)
    return desk


def trade(desk: Desk, price_units: int, venue: str = "ven_a") -> None:
    """Others trade there; nobody has looked yet."""
    tape = desk.core.world.volumes
    assert isinstance(tape, Tape)
    tape.take([TradePrint(venue, "BTC/USDT", price_units, 100, Side.SELL, desk.now_ns, desk.now_ns)])


def stop_leg(
    price: int, *, side: Side = Side.SELL, qty: int = 300, name: str = "order", limit_units: int | None = None
) -> Leg:
    """A stop by last."""
    return Leg(name, side, qty, Condition(ConditionKind.STOP, TriggerSource.LAST, 0, price), limit_units)


def native(*legs: Leg, kind: OrderClass = OrderClass.SIMPLE, **changes: object) -> Conditional:
    """A definition at ven_a whose stops that venue is to hold."""
    held: dict[str, object] = {"venues": AT, "trigger_location": TriggerLocation.VENUE}
    return definition(*legs, kind=kind, **(held | changes))


def native_oco(qty: int = 300) -> Conditional:
    """Sells at 61,000, watched here, or through a stop at 59,000 that the venue holds."""
    legs = (limit(6_100_000, qty=qty), stop_leg(5_900_000, qty=qty, name="stop_loss"))
    return native(*legs, kind=OrderClass.OCO)


def ack(desk: Desk, child: ChildOrder) -> list[ChildOrder]:
    """The venue has taken it; what that turn has sent."""
    return sent(desk.report(child, ReportKind.ACKED))


def canceled(turn: inp.Turn) -> list[ChildOrder]:
    """What the turn wishes away."""
    return [command.child for command in turn.commands if isinstance(command, inp.CancelChild)]
