"""The month's plan for fee tiers: where reaching a better tier pays, and what a trade on the way there is worth.

Model, and an estimate throughout. A venue with the share s of all volume gains response x s (1 - s) of it for each ppm
that its price improves by (the slope of a logit choice: a venue that is never near the margin moves nothing, one that
has everything neither). To move a shortfall takes the value v = shortfall / that, which is paid in worse prices: half
of it on average, since the first trades move for almost nothing. The gain is the fee that the month after saves on the
volume that is traded there anyway. One value a venue, never above the cap, nothing where another condition of the tier
is not met. Which venues together: by gain for each unit of volume that has to move, as long as what the others lose
does not cost more (a relaxation bounds what a better choice could gain).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final, NamedTuple

from app.domain import quick
from app.domain.fees import FeeSchedule, TierRule
from app.domain.units import PPM, div_up

# 0.3 bp: chasing tiers has hurt desks, so it can tip a balance and never buy a worse venue.
MAX_TIER_VALUE_PPM: Final = 30

# A desk that chases more tiers at once has no natural volume left to chase them with.
MAX_CHASED: Final = 8


@unique
class TierVerdict(StrEnum):
    """Why a venue has its value."""

    CHASED = "chased"
    TOP = "top"  # nothing better, or what is better comes by itself
    NOT_COUNTED = "not_counted"  # thresholds in a currency that volume is not counted in
    OTHER_CONDITIONS = "other_conditions"  # the tier asks for more than volume, and that is missing
    BEYOND_CAP = "beyond_cap"  # it would take more than the cap
    DOES_NOT_PAY = "does_not_pay"
    CROWDED_OUT = "crowded_out"  # another venue's tier is worth more of the same volume


@dataclass(frozen=True, slots=True)
class VenueMonth:
    """What is known of one venue when the plan is made; volumes in dollars' nano, all without any tier value.

    `window_nano`: already traded and still counted when the plan ends. `expected_nano`: what will be traded until then.
    `after_nano`: what will be traded in the month after.
    """

    schedule: FeeSchedule
    window_nano: int
    expected_nano: int
    after_nano: int
    held_nano: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class TierPlan:
    """One venue's part. `value_ppm` of the money of a trade there is a negative cost; 0 unless chased."""

    venue: str
    verdict: TierVerdict
    tier: str = ""
    shortfall_nano: int = 0
    gain_nano: int = 0
    cost_nano: int = 0
    value_ppm: int = 0

    @property
    def net_nano(self) -> int:
        return self.gain_nano - self.cost_nano


@dataclass(frozen=True, slots=True)
class MonthPlan:
    """Every venue's part, in the order given. `bound_nano`: no choice of the same targets gains more than this."""

    parts: tuple[TierPlan, ...]
    net_nano: int
    bound_nano: int

    def values_ppm(self) -> dict[str, int]:
        """Venue -> what a trade there costs beyond its price, in ppm of its money: never positive, chased ones only."""
        return {part.venue: -part.value_ppm for part in self.parts if part.value_ppm}


def plan_tiers(months: Sequence[VenueMonth], response_ppm: int, cap_ppm: int = MAX_TIER_VALUE_PPM) -> MonthPlan:
    """Decides for each venue whether reaching a better tier pays. `response_ppm`: see the model above; 0 moves nothing.

    A `cap_ppm` above 0.3 bp is taken as 0.3 bp.
    """
    total_nano = sum([month.expected_nano for month in months])
    cap_ppm = min(cap_ppm, MAX_TIER_VALUE_PPM)
    stands = [_stand(month) for month in months]
    parts = []
    for month, stand in zip(months, stands, strict=True):
        by_one_ppm_nano = moved_nano(month.expected_nano, total_nano, response_ppm)
        parts.append(_target(month, stand, by_one_ppm_nano, by_one_ppm_nano * cap_ppm))
    wanted = [i for i, part in enumerate(parts) if part.verdict is TierVerdict.CHASED]
    if not wanted:
        return MonthPlan(tuple(parts), 0, 0)
    net_nano = {i: parts[i].net_nano for i in wanted}
    wanted.sort(key=lambda i: net_nano[i] / parts[i].shortfall_nano, reverse=True)
    bound_nano = _bound_nano(parts, wanted, total_nano)
    chosen = _affordable(parts, wanted, months, net_nano)
    falls = [(i, fall) for i, fall in enumerate(map(_fall, months, stands)) if fall is not None]
    gained_nano = _net_nano(net_nano, parts, chosen, months, falls)
    while chosen and gained_nano <= 0:
        chosen.pop()
        gained_nano = _net_nano(net_nano, parts, chosen, months, falls)
    for i in set(wanted).difference(chosen):
        parts[i] = quick.changed(parts[i], verdict=TierVerdict.CROWDED_OUT, value_ppm=0)
    return MonthPlan(tuple(parts), gained_nano, bound_nano)


def moved_nano(expected_nano: int, total_nano: int, response_ppm: int) -> int:
    """Volume that one ppm of value moves to a venue which has `expected_nano` of `total_nano` without it."""
    if not total_nano:
        return 0
    return expected_nano * (total_nano - expected_nano) // total_nano * response_ppm // PPM


# Where a venue comes to by itself: its volume and the best row that this reaches; no row where it is not counted.
_Stand = tuple[int, TierRule | None]


def _stand(month: VenueMonth) -> _Stand:
    natural_nano = month.window_nano + month.expected_nano
    return natural_nano, _natural(month, natural_nano) if month.schedule.counts_volume else None


_part: Final = quick.maker(TierPlan)


def _target(month: VenueMonth, stand: _Stand, by_one_ppm_nano: int, reach_nano: int) -> TierPlan:
    """The tier of one venue that gains most, if any does; volumes of the others are not looked at yet."""
    schedule, (natural_nano, natural) = month.schedule, stand
    if natural is None:
        return _part(schedule.venue, TierVerdict.NOT_COUNTED, "", 0, 0, 0, 0)
    volumes_nano = schedule.volumes_nano
    first = bisect_right(volumes_nano, natural_nano)
    beyond = bisect_right(volumes_nano, natural_nano + reach_nano, first)
    if first == len(volumes_nano):
        return _part(schedule.venue, TierVerdict.TOP, "", 0, 0, 0, 0)
    if beyond == first:
        is_held = _is_held(schedule.tiers[first], month.held_nano)
        return _part(
            schedule.venue, TierVerdict.BEYOND_CAP if is_held else TierVerdict.OTHER_CONDITIONS, "", 0, 0, 0, 0
        )
    at_ppm = natural.taker_fee_ppm
    tier, best_nano, shortfall_nano, gain_nano, cost_nano, value_ppm = "", 0, 0, 0, 0, 0
    for rule in schedule.tiers[first:beyond]:
        if rule.holdings and not _is_held(rule, month.held_nano):
            continue
        short_nano = rule.volume_nano - natural_nano
        ppm = -(-short_nano // by_one_ppm_nano)  # both divisions round up
        gained_nano = month.after_nano * (at_ppm - rule.taker_fee_ppm) // PPM
        paid_nano = -(-short_nano * ppm // (2 * PPM))
        if not tier or gained_nano - paid_nano > best_nano:
            tier, best_nano = rule.tier, gained_nano - paid_nano
            shortfall_nano, gain_nano, cost_nano, value_ppm = short_nano, gained_nano, paid_nano, ppm
    if not tier:
        return _part(schedule.venue, TierVerdict.OTHER_CONDITIONS, "", 0, 0, 0, 0)
    pays = best_nano > 0
    verdict = TierVerdict.CHASED if pays else TierVerdict.DOES_NOT_PAY
    return _part(schedule.venue, verdict, tier, shortfall_nano, gain_nano, cost_nano, value_ppm if pays else 0)


def _natural(month: VenueMonth, volume_nano: int) -> TierRule:
    """The best row that `volume_nano` reaches with what is held."""
    tiers = month.schedule.tiers
    for i in range(bisect_right(month.schedule.volumes_nano, volume_nano) - 1, 0, -1):
        rule = tiers[i]
        if not rule.holdings or _is_held(rule, month.held_nano):
            return rule
    return tiers[0]


def _affordable(
    parts: Sequence[TierPlan], wanted: Sequence[int], months: Sequence[VenueMonth], net_nano: Mapping[int, int]
) -> list[int]:
    """As many of `wanted` as the volume of the venues that are not chased can feed, in order; or the best one alone."""
    chosen: list[int] = []
    total_nano = free_nano = sum([month.expected_nano for month in months])
    needs_nano = {i: parts[i].shortfall_nano + months[i].expected_nano for i in wanted}
    for i in wanted[:MAX_CHASED]:
        if needs_nano[i] <= free_nano:
            chosen.append(i)
            free_nano -= needs_nano[i]
    alone = max([i for i in wanted if needs_nano[i] <= total_nano], key=net_nano.__getitem__, default=None)
    if alone is not None and net_nano[alone] > sum([net_nano[i] for i in chosen]):
        return [alone]
    return chosen


class _Fall(NamedTuple):
    """Giving more than `slack_nano` costs a venue its tier."""

    slack_nano: int
    month: VenueMonth
    natural_nano: int
    before_ppm: int

    def loss_nano(self, given_nano: int) -> int:
        """What the month after pays more where the venue gives so much."""
        if given_nano <= self.slack_nano:
            return 0
        after_ppm = _natural(self.month, self.natural_nano - given_nano).taker_fee_ppm
        return self.month.after_nano * (after_ppm - self.before_ppm) // PPM


def _fall(month: VenueMonth, stand: _Stand) -> _Fall | None:
    """How far a venue is above the tier it would lose; None in a first tier."""
    natural_nano, before = stand
    if before is None or before is month.schedule.tiers[0]:
        return None
    return _Fall(natural_nano - before.volume_nano, month, natural_nano, before.taker_fee_ppm)


def _net_nano(
    net_nano: Mapping[int, int],
    parts: Sequence[TierPlan],
    chosen: Sequence[int],
    months: Sequence[VenueMonth],
    falls: Sequence[tuple[int, _Fall]],
) -> int:
    """Gain less cost of `chosen`, less what falling tiers cost the venues that give the volume, pro rata."""
    if not chosen:
        return 0
    taken_nano = sum([parts[i].shortfall_nano for i in chosen])
    given_nano = sum([month.expected_nano for month in months]) - sum([months[i].expected_nano for i in chosen])
    gained_nano = sum([net_nano[i] for i in chosen])
    for i, fall in falls:
        if i not in chosen and given_nano:
            gained_nano -= fall.loss_nano(taken_nano * fall.month.expected_nano // given_nano)
    return gained_nano


def _bound_nano(parts: Sequence[TierPlan], wanted: Sequence[int], total_nano: int) -> int:
    """The relaxation in which a part of a target earns its part of the net: no set of whole targets earns more."""
    bound_nano, left_nano = 0, total_nano
    for i in wanted:
        shortfall_nano = parts[i].shortfall_nano
        if shortfall_nano > left_nano:
            return bound_nano + div_up(parts[i].net_nano * left_nano, shortfall_nano)
        bound_nano += parts[i].net_nano
        left_nano -= shortfall_nano
    return bound_nano


def _is_held(rule: TierRule, held_nano: Mapping[str, int]) -> bool:
    return not rule.holdings or all(held_nano.get(h.asset, 0) >= h.at_least_nano for h in rule.holdings)
