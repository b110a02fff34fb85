"""An account's fees in time: which tier holds, when that changes, and when the venue charges something else.

A tier is judged once a UTC day on whole days, as venues do. What is decided here is written as facts; routing takes the
tier that the facts add up to, the same object until one of them changes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from app.domain.enums import Liquidity, MarketKind
from app.domain.events import ChildFilled, FeeDeviated, FeeTierSet
from app.domain.fees import FeeSchedule, FeeTier, effective_fee_ppm, is_deviating, market_of, standing
from app.domain.volume import day_i_of
from app.execution.context import Context
from app.execution.fee_record import Place
from app.execution.ledger import Ledger
from app.learning.tier_plan import MonthPlan, VenueMonth, moved_nano, plan_tiers

PERIOD_DAYS: Final = 30  # a plan looks to the end of its period of so many UTC days, counted from 1970


def fees_of(ctx: Context, account: str, symbol: str, venues: Iterable[str]) -> dict[str, FeeTier]:
    """What `account` is reckoned to pay at each of `venues`: its tier, or the venue's first before one is set."""
    market, tiers, first = market_of(symbol), ctx.ledger.fees.tiers, ctx.world.universe.fees
    return {venue: tiers.get((account, venue, market)) or first[venue] for venue in venues}


def settle_tiers(ctx: Context) -> None:
    """Judges every account's tiers when a UTC day begins, and a new account's when it appears; else costs nothing."""
    day_i, n_accounts = day_i_of(ctx.now_ns), len(ctx.ledger.limits)
    memory = ctx.memory
    if not ctx.world.universe.schedules or (memory.fee_day_i, memory.n_fee_accounts) == (day_i, n_accounts):
        return
    is_new_day = memory.fee_day_i != day_i
    memory.fee_day_i, memory.n_fee_accounts = day_i, n_accounts
    for account in list(ctx.ledger.limits):
        values_ppm = _tier_values(ctx, account) if is_new_day else {}
        for (venue, market), schedule in ctx.world.universe.schedules.items():
            place = (account, venue, market)
            if is_new_day or place not in ctx.ledger.fees.sets:
                _settle(ctx, place, schedule, values_ppm.get((venue, market), 0))


def month_plan(ctx: Context, account: str, market: MarketKind) -> MonthPlan | None:
    """The plan of the thirty days under way for one account and kind of market; None before its first whole day.

    Rates are means over the account's own days so far; what today's values move is taken out of them again.
    """
    schedules = [s for (_, kind), s in ctx.world.universe.schedules.items() if kind is market]
    volumes = {s.venue: ctx.ledger.fees.volumes.get((account, s.venue, market)) for s in schedules}
    today_i = day_i_of(ctx.now_ns)
    days = [day_i for v in volumes.values() if v is not None for day_i in v.by_day_nano if day_i < today_i]
    if not days:
        return None
    n_days, days_left = min(today_i - min(days), PERIOD_DAYS), PERIOD_DAYS - today_i % PERIOD_DAYS
    rates_nano = {v: (s.judged_nano(ctx.now_ns) // n_days if s is not None else 0) for v, s in volumes.items()}
    total_nano, response_ppm = sum(rates_nano.values()), ctx.world.tier_response_ppm
    months = []
    for schedule in schedules:
        last = ctx.ledger.fees.sets.get((account, schedule.venue, market))
        by_one_ppm = moved_nano(rates_nano[schedule.venue], total_nano, response_ppm)
        rate_nano = max(0, rates_nano[schedule.venue] + by_one_ppm * (last.tier_value_ppm if last is not None else 0))
        volume, kept_days = volumes[schedule.venue], schedule.window_days - days_left
        window_nano = volume.judged_nano(ctx.now_ns, kept_days) if volume is not None and kept_days > 0 else 0
        counted_days = min(days_left, schedule.window_days)
        held = held_nano(ctx.ledger, account, schedule.venue, schedule)
        months.append(VenueMonth(schedule, window_nano, rate_nano * counted_days, rate_nano * PERIOD_DAYS, held))
    return plan_tiers(months, response_ppm)


def _tier_values(ctx: Context, account: str) -> dict[tuple[str, MarketKind], int]:
    """(venue, kind of market) -> ppm of what the plan says, nothing unless the desk has asked for it."""
    if not ctx.world.tier_response_ppm:
        return {}
    found: dict[tuple[str, MarketKind], int] = {}
    for market in sorted({market for _, market in ctx.world.universe.schedules}):
        plan = month_plan(ctx, account, market)
        found |= {(venue, market): ppm for venue, ppm in plan.values_ppm().items()} if plan is not None else {}
    return found


def tier_values_ppm(fees: Mapping[str, FeeTier]) -> dict[str, int]:
    """The estimated term `tier_value` of a route: venue -> ppm of its money, a negative cost; most often empty."""
    return {venue: tier.tier_value_ppm for venue, tier in fees.items() if tier.tier_value_ppm}


def on_balance(ctx: Context, account: str, venue: str, currency: str) -> None:
    """A balance changed: a tier may ask for it, or a discount be covered by it."""
    for (place_venue, market), schedule in ctx.world.universe.schedules.items():
        place = (account, venue, market)
        if place_venue == venue and place in ctx.ledger.fees.sets and currency in schedule.assets:
            _settle(ctx, place, schedule, _kept_value_ppm(ctx, place))


def audit(ctx: Context, fill: ChildFilled) -> None:
    """After a fill was folded in: alarms where fees deviate, and takes what the fills say into the tier."""
    place = (fill.account, fill.venue, market_of(fill.symbol))
    schedule = ctx.world.universe.schedules.get(place[1:])
    if schedule is None or place not in ctx.ledger.fees.sets:
        return
    observed = ctx.ledger.fees.observed(place, fill.liquidity)
    if observed is None:
        return
    is_moved = any(currency in schedule.assets for currency, _ in fill.moves)
    if is_deviating(observed) and _is_news(ctx, place, fill.liquidity, observed.listed_fee_ppm):
        listed = ctx.ledger.fees.sets[place]
        ctx.emit(
            FeeDeviated(
                account=fill.account,
                venue=fill.venue,
                market=place[2],
                liquidity=fill.liquidity,
                tier=listed.tier,
                listed_fee_ppm=observed.listed_fee_ppm,
                observed_fee_ppm=observed.fee_ppm,
                deviation_ubps=observed.deviation_ubps,
                n_fills=observed.n_fills,
                money_nano=observed.money_nano,
                source=listed.source,
                status=listed.status,
            )
        )
    current = ctx.ledger.fees.sets[place]
    is_taker = fill.liquidity is Liquidity.TAKER
    reckoned_ppm = current.taker_fee_ppm if is_taker else current.maker_fee_ppm
    wanted_ppm = effective_fee_ppm(observed.listed_fee_ppm, schedule.status, observed)
    if is_moved or wanted_ppm != reckoned_ppm:
        _settle(ctx, place, schedule, _kept_value_ppm(ctx, place))


def held_nano(ledger: Ledger, account: str, venue: str, schedule: FeeSchedule) -> dict[str, int]:
    """What of the assets that `schedule` speaks of lies at the venue."""
    return {asset: ledger.balances.get((account, venue, asset), 0) for asset in sorted(schedule.assets)}


def _settle(ctx: Context, place: Place, schedule: FeeSchedule, tier_value_ppm: int) -> None:
    """Writes the account's tier where it differs from the last one written."""
    account, venue, market = place
    fees = ctx.ledger.fees
    volume = fees.volumes.get(place)
    judged_nano = volume.judged_nano(ctx.now_ns, schedule.window_days) if volume is not None else 0
    at = standing(schedule, judged_nano, held_nano(ctx.ledger, account, venue, schedule))
    taker, maker = (fees.observed(place, side) for side in (Liquidity.TAKER, Liquidity.MAKER))
    event = FeeTierSet(
        account=account,
        venue=venue,
        market=market,
        tier=at.rule.tier,
        listed_taker_ppm=at.taker_fee_ppm,
        listed_maker_ppm=at.maker_fee_ppm,
        taker_fee_ppm=effective_fee_ppm(at.taker_fee_ppm, schedule.status, taker),
        maker_fee_ppm=effective_fee_ppm(at.maker_fee_ppm, schedule.status, maker),
        fixed_nano=schedule.fixed_nano,
        tier_value_ppm=tier_value_ppm,
        is_discounted=at.is_discounted,
        source=schedule.source,
        as_of=schedule.as_of,
        status=schedule.status,
    )
    if fees.sets.get(place) != event:
        ctx.emit(event)


def _kept_value_ppm(ctx: Context, place: Place) -> int:
    """What the day's plan said, kept until the next one is made."""
    last = ctx.ledger.fees.sets.get(place)
    return last.tier_value_ppm if last is not None and ctx.world.tier_response_ppm else 0


def _is_news(ctx: Context, place: Place, liquidity: Liquidity, listed_fee_ppm: int) -> bool:
    """One alarm a day for each listed rate: the next fill of the same mistake is no news."""
    last = ctx.ledger.fees.alarms.get((*place, liquidity))
    if last is None:
        return True
    return last[0] != day_i_of(ctx.now_ns) or last[1].listed_fee_ppm != listed_fee_ppm
