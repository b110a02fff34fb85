"""What an account pays at each venue, why, and what the next tier would take: read off the engine, changing nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.domain.enums import Liquidity, MarketKind
from app.domain.events import FeeDeviated
from app.domain.fees import FeeSchedule, FeeTier, NextTier, ObservedFee, next_tier, standing
from app.execution.fee_record import Audit, Place
from app.execution.fees import held_nano
from app.services.engine import Engine


@dataclass(frozen=True, slots=True)
class Charged:
    """One liquidity side of the audit. `alarm`: the newest one of this side, None if there never was any."""

    liquidity: Liquidity
    newest: ObservedFee
    whole: ObservedFee
    n_unconverted: int
    alarm: FeeDeviated | None


@dataclass(frozen=True, slots=True)
class FeeView:
    """One venue and kind of market. Volumes in dollars' nano: `judged` is what today's tier rests on, `pending` what
    tomorrow's will. `tier` is what routing takes; `listed_*` what the schedule says. `schedule` None: no tiers known.
    """

    market: MarketKind
    tier: FeeTier
    schedule: FeeSchedule | None
    listed_taker_ppm: int
    listed_maker_ppm: int
    judged_nano: int
    pending_nano: int
    next_tier: NextTier | None
    held_nano: Mapping[str, int]
    is_discounted: bool
    audits: tuple[Charged, ...]


def fee_views(engine: Engine, account: str) -> list[FeeView]:
    """Every venue and kind of market that can be traded, by venue id; an empty account stands in the first tier."""
    universe = engine.universe
    listed = sorted({(venue, MarketKind(i.fungible.kind.value)) for (venue, _), i in universe.instruments.items()})
    return [_view(engine, (account, venue, market)) for venue, market in listed]


def _view(engine: Engine, place: Place) -> FeeView:
    account, venue, market = place
    record, universe = engine.ledger.fees, engine.universe
    tier = record.tiers.get(place) or universe.fees[venue]
    schedule = universe.schedules.get((venue, market))
    audits = tuple(_charged(engine, place, side, record.audits.get((*place, side))) for side in Liquidity)
    shown = tuple(charged for charged in audits if charged is not None)
    volume, now_ns = record.volumes.get(place), engine.now_ns()
    if schedule is None:
        return FeeView(
            market=market,
            tier=tier,
            schedule=None,
            listed_taker_ppm=tier.taker_fee_ppm,
            listed_maker_ppm=tier.maker_fee_ppm,
            judged_nano=volume.judged_nano(now_ns) if volume is not None else 0,
            pending_nano=volume.pending_nano(now_ns) if volume is not None else 0,
            next_tier=None,
            held_nano={},
            is_discounted=False,
            audits=shown,
        )
    days = schedule.window_days
    judged, pending = (volume.judged_nano(now_ns, days), volume.pending_nano(now_ns, days)) if volume else (0, 0)
    held = held_nano(engine.ledger, account, venue, schedule)
    at = standing(schedule, judged, held)
    # The way to go is measured on what the next judgement will see, not on the last one.
    missing = next_tier(schedule, schedule.tiers.index(at.rule), pending, held)
    return FeeView(
        market=market,
        tier=tier,
        schedule=schedule,
        listed_taker_ppm=at.taker_fee_ppm,
        listed_maker_ppm=at.maker_fee_ppm,
        judged_nano=judged,
        pending_nano=pending,
        next_tier=missing,
        held_nano=held,
        is_discounted=at.is_discounted,
        audits=shown,
    )


def _charged(engine: Engine, place: Place, side: Liquidity, audit: Audit | None) -> Charged | None:
    if audit is None:
        return None
    alarm = engine.ledger.fees.alarms.get((*place, side))
    return Charged(side, audit.newest, audit.whole, audit.n_unconverted, alarm[1] if alarm is not None else None)
