"""A desk whose venues have fee tiers, and fills that are charged what the test says."""

from __future__ import annotations

from dataclasses import replace

from app.domain.enums import FeeStatus, MarketKind
from app.domain.events import FeeDeviated, FeeTierSet
from app.domain.fees import FeeSchedule, FeeToken, Holding, TierRule, fee_nano
from app.domain.fills import ReportKind
from app.domain.orders import ChildOrder
from app.domain.units import NANO
from app.domain.volume import DAY_NS
from app.execution.inputs import Turn
from tests.worlds import FEES_PPM, Desk, make_desk, make_order

SPOT = MarketKind.SPOT


def schedule(venue: str, status: FeeStatus = FeeStatus.VERIFIED, **changes: object) -> FeeSchedule:
    ppm = FEES_PPM[venue]
    tiers = (TierRule("base", 0, ppm, ppm // 2), TierRule("top", 10_000 * NANO, ppm // 2, 0))
    base = FeeSchedule(venue, SPOT, tiers, "test", "2026-11-01", status, volume_currency="USDT")
    return replace(base, **changes)  # type: ignore[arg-type]


def token_schedule(venue: str) -> FeeSchedule:
    return schedule(venue, token=FeeToken("TOK", 250_000, 10 * NANO))


def holding_schedule(venue: str) -> FeeSchedule:
    plain = schedule(venue)
    return replace(plain, tiers=(plain.tiers[0], replace(plain.tiers[1], holdings=(Holding("BNB", 25 * NANO),))))


def fee_desk(*schedules: FeeSchedule) -> Desk:
    """`make_desk` with these schedules, or verified ones at every venue; its first tick is over."""
    desk = make_desk()
    chosen = schedules or tuple(schedule(venue) for venue in FEES_PPM)
    universe = replace(desk.core.world.universe, schedules={(s.venue, s.market): s for s in chosen})
    desk.core.world = replace(desk.core.world, universe=universe)
    desk.wait(1)
    return desk


def fill_at(desk: Desk, child: ChildOrder, fee_ppm: int, **more: object) -> Turn:
    """The child is filled whole at its limit and charged `fee_ppm` of the money."""
    symbol = desk.core.world.universe.symbols[child.symbol]
    money_nano = symbol.money_nano(child.price_units, child.qty_units)
    charged = {"fee_nano": fee_nano(money_nano, fee_ppm), "fee_currency": "USDT"} | more
    return desk.report(
        child,
        ReportKind.FILLED,
        venue_trade_id=f"t{next(desk.trades)}",
        price_ticks=child.price_ticks,
        qty_lots=child.qty_lots,
        mid_half_units=12_000_000,
        **charged,
    )


def trade(desk: Desk, fee_ppm: int | None = None, **more: object) -> ChildOrder:
    """One small order, filled; charged its own venue's first tier unless told otherwise."""
    _, children = desk.accepted(make_order(qty_units=1_000))
    (child,) = children
    fill_at(desk, child, FEES_PPM[child.venue] if fee_ppm is None else fee_ppm, **more)
    return child


def next_day(desk: Desk, days: int = 1) -> None:
    desk.now_ns += days * DAY_NS
    desk.refresh()
    desk.wait(1)


def tiers_set(desk: Desk) -> list[FeeTierSet]:
    return [fact.event for fact in desk.facts if isinstance(fact.event, FeeTierSet)]


def alarms(desk: Desk) -> list[FeeDeviated]:
    return [fact.event for fact in desk.facts if isinstance(fact.event, FeeDeviated)]
