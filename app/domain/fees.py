"""What venues charge, with the number's source and date, because a fee without a source is a guess.

Rates are whole ppm, negative for a rebate; money and volumes are nano. A schedule is what a venue publishes, a standing
is where one account is on it, and what the account's own fills were charged stands above both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import Final

from app.domain.enums import FeeStatus, MarketKind
from app.domain.errors import InvariantBroken
from app.domain.units import PPM, div_half_even, div_up

UBPS_PER_PPM: Final = 10_000  # 1e-6 bps in a ppm
# The smallest effect of interest: 0.1 bp of notional. Beyond it a fee that differs from its table is told.
DEVIATION_PPM: Final = 10
# Thirty-day volumes of the dollar and its stablecoins are one currency here; any other is not converted.
DOLLARS: Final = frozenset({"USD", "USDT", "USDC"})
# No venue at hand charges or pays more than this; a figure above it is percent written for a fraction.
MAX_FEE_PPM: Final = 20_000
MAX_REBATE_PPM: Final = 1_000
# Within one step of a table a rate falls by less than this factor, or a digit was lost.
MAX_STEP_FACTOR: Final = 8
MAX_WINDOW_DAYS: Final = 30


@dataclass(frozen=True, slots=True)
class FeeTier:
    """What routing reckons with at one venue. `fixed_nano` is charged once per child (gas, minimum fee), in the quote.

    `source` names the document, `simulated`, or `own fills`; `as_of` is an ISO date; `next_tier_volume_nano` 0 means
    unknown. `tier_value_ppm`: what trading there is worth beyond its price on the way to a tier, negative cost.
    """

    venue: str
    tier: str
    taker_fee_ppm: int
    maker_fee_ppm: int
    fixed_nano: int
    source: str
    as_of: str
    volume_30d_nano: int = 0
    next_tier_volume_nano: int = 0
    tier_value_ppm: int = 0


@dataclass(frozen=True, slots=True)
class Holding:
    """So much of an asset must lie at the venue."""

    asset: str
    at_least_nano: int


@dataclass(frozen=True, slots=True)
class TierRule:
    """One row of a schedule: its rates hold from `volume_nano` on, if every holding is met."""

    tier: str
    volume_nano: int
    taker_fee_ppm: int
    maker_fee_ppm: int
    holdings: tuple[Holding, ...] = ()


@dataclass(frozen=True, slots=True)
class FeeToken:
    """Fees paid in the venue's token are `discount_ppm` of themselves lower, while `cover_nano` of it lies there."""

    asset: str
    discount_ppm: int
    cover_nano: int


@dataclass(frozen=True, slots=True)
class FeeSchedule:
    """What one venue charges for one kind of market, by the volume of the last `window_days` whole UTC days.

    `volume_currency`: what the thresholds count, empty where the table does not say. `address`: where the document is
    published. `assets`: whose balances matter. `volumes_nano`: the thresholds in a row. Raises InvariantBroken where
    `find_faults` finds any.
    """

    venue: str
    market: MarketKind
    tiers: tuple[TierRule, ...]
    source: str
    as_of: str
    status: FeeStatus
    volume_currency: str = ""
    window_days: int = MAX_WINDOW_DAYS
    fixed_nano: int = 0
    token: FeeToken | None = None
    address: str = ""
    assets: frozenset[str] = field(init=False, default=frozenset())
    volumes_nano: tuple[int, ...] = field(init=False, default=())

    def __post_init__(self) -> None:
        object.__setattr__(self, "volumes_nano", tuple(rule.volume_nano for rule in self.tiers))
        held = {holding.asset for rule in self.tiers for holding in rule.holdings}
        token = {self.token.asset} if self.token is not None else set()
        object.__setattr__(self, "assets", frozenset(held | token))
        faults = find_faults(self.tiers)
        if not 1 <= self.window_days <= MAX_WINDOW_DAYS:
            faults = (*faults, f"window of {self.window_days} days")
        if self.token is not None and not (0 < self.token.discount_ppm < PPM and self.token.cover_nano > 0):
            faults = (*faults, "fee token without a discount below one or without cover")
        if not self.source or not self.as_of:
            faults = (*faults, "no source or no date")
        if faults:
            raise InvariantBroken(venue=self.venue, market=self.market.value, faults="; ".join(faults))

    @property
    def counts_volume(self) -> bool:
        """Whether the thresholds are in a currency that the account's volume is counted in."""
        return self.volume_currency in DOLLARS


@dataclass(frozen=True, slots=True)
class NextTier:
    """The next better row: what is missing. `distance_nano` -1: the volume is counted in a currency we do not convert.

    `missing`: holdings that are not met, in full.
    """

    rule: TierRule
    distance_nano: int
    missing: tuple[Holding, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an account is on a schedule, and what it is therefore charged: its listed fees."""

    rule: TierRule
    taker_fee_ppm: int
    maker_fee_ppm: int
    is_discounted: bool
    volume_nano: int
    next_tier: NextTier | None


@dataclass(frozen=True, slots=True)
class ObservedFee:
    """What the account's own fills were charged while `listed_fee_ppm` was the listed rate; fixed costs apart."""

    listed_fee_ppm: int
    n_fills: int = 0
    money_nano: int = 0
    fee_nano: int = 0

    @property
    def fee_ppm(self) -> int:
        """The charged rate, rounded half to even; 0 without fills."""
        return div_half_even(self.fee_nano * PPM, self.money_nano) if self.money_nano else 0

    @property
    def deviation_ubps(self) -> int:
        """Charged less listed, in 1e-6 bps of the money traded; positive is dearer than listed."""
        if not self.money_nano:
            return 0
        excess = self.fee_nano * PPM - self.money_nano * self.listed_fee_ppm
        return div_half_even(excess * UBPS_PER_PPM, self.money_nano)


def fee_nano(money_nano: int, fee_ppm: int) -> int:
    """Fee on `money_nano` in the same currency, rounded up to 1e-9 in the venue's favour; negative is a rebate."""
    return div_up(money_nano * fee_ppm, PPM)


@lru_cache(maxsize=4_096)
def market_of(symbol: str) -> MarketKind:
    """The kind of market that a unified symbol names: `B/Q` spot, `B/Q:S` by settlement, `B/Q:S-...-C` an option."""
    pair, _, contract = symbol.partition(":")
    if not contract:
        return MarketKind.SPOT
    settle, *details = contract.split("-")
    if details and details[-1] in ("C", "P"):
        return MarketKind.OPTION
    return MarketKind.INVERSE if settle == pair.partition("/")[0] else MarketKind.LINEAR


def find_faults(tiers: Sequence[TierRule]) -> tuple[str, ...]:
    """What is wrong with a table, in words; empty for a sound one."""
    if not tiers:
        return ("no tier",)
    faults = []
    if tiers[0].volume_nano != 0 or tiers[0].holdings:
        faults.append("the first tier asks for something")
    for rule in tiers:
        top = max(rule.taker_fee_ppm, rule.maker_fee_ppm)
        least = min(rule.taker_fee_ppm, rule.maker_fee_ppm)
        if top > MAX_FEE_PPM or least < -MAX_REBATE_PPM:
            faults.append(f"{rule.tier}: {top if top > MAX_FEE_PPM else least} ppm looks like percent for a fraction")
        if rule.maker_fee_ppm > rule.taker_fee_ppm:
            faults.append(f"{rule.tier}: maker above taker, which looks like the two swapped")
    for lower, upper in pairwise(tiers):
        if upper.volume_nano < lower.volume_nano or (upper.volume_nano == lower.volume_nano and not upper.holdings):
            faults.append(f"{upper.tier}: its volume is not above {lower.tier}'s")
        for side, before, after in (
            ("taker", lower.taker_fee_ppm, upper.taker_fee_ppm),
            ("maker", lower.maker_fee_ppm, upper.maker_fee_ppm),
        ):
            if after > before:
                faults.append(f"{upper.tier}: the {side} fee rises with volume")
            elif after > 0 and before > MAX_STEP_FACTOR * after:
                faults.append(f"{upper.tier}: the {side} fee falls from {before} to {after} ppm in one step")
    return tuple(faults)


def standing(schedule: FeeSchedule, volume_nano: int, held_nano: Mapping[str, int]) -> Standing:
    """Where `volume_nano` (dollars) and what lies at the venue (asset -> nano) put an account.

    A volume that is not counted in the schedule's currency reaches no tier; fees are then the dearest, not a guess.
    """
    counted_nano = volume_nano if schedule.counts_volume else 0
    reached = [
        i for i, rule in enumerate(schedule.tiers) if rule.volume_nano <= counted_nano and not _missing(rule, held_nano)
    ]
    at = reached[-1]
    rule = schedule.tiers[at]
    token = schedule.token
    is_discounted = token is not None and held_nano.get(token.asset, 0) >= token.cover_nano
    discount_ppm = token.discount_ppm if token is not None and is_discounted else 0
    return Standing(
        rule=rule,
        taker_fee_ppm=_discounted(rule.taker_fee_ppm, discount_ppm),
        maker_fee_ppm=_discounted(rule.maker_fee_ppm, discount_ppm),
        is_discounted=is_discounted,
        volume_nano=volume_nano,
        next_tier=next_tier(schedule, at, volume_nano, held_nano),
    )


def next_tier(schedule: FeeSchedule, tier_i: int, volume_nano: int, held_nano: Mapping[str, int]) -> NextTier | None:
    """What separates an account in tier `tier_i` from the next row; None at the top."""
    if tier_i + 1 >= len(schedule.tiers):
        return None
    rule = schedule.tiers[tier_i + 1]
    distance_nano = max(0, rule.volume_nano - volume_nano) if schedule.counts_volume else -1
    return NextTier(rule, distance_nano, _missing(rule, held_nano))


def effective_fee_ppm(listed_fee_ppm: int, status: FeeStatus, observed: ObservedFee | None) -> int:
    """The rate to reckon with: the account's own fills where there are any, else the listed one.

    Fills charged under another listed rate say nothing about a new one, except that an unverified table has to prove
    itself first. A verified table stands as long as fills agree with it within 0.1 bp.
    """
    if observed is None or not observed.money_nano:
        return listed_fee_ppm
    if observed.listed_fee_ppm != listed_fee_ppm:
        return observed.fee_ppm if status is FeeStatus.UNVERIFIED else listed_fee_ppm
    if status is FeeStatus.VERIFIED and not is_deviating(observed):
        return listed_fee_ppm
    return observed.fee_ppm


def is_deviating(observed: ObservedFee) -> bool:
    """Whether fills were charged more than 0.1 bp of their money beside the listed rate, dearer or cheaper."""
    return abs(observed.deviation_ubps) > DEVIATION_PPM * UBPS_PER_PPM


def _missing(rule: TierRule, held_nano: Mapping[str, int]) -> tuple[Holding, ...]:
    return tuple(h for h in rule.holdings if held_nano.get(h.asset, 0) < h.at_least_nano)


def _discounted(fee_ppm: int, discount_ppm: int) -> int:
    """A rebate is not discounted; a remainder stays with the venue."""
    return div_up(fee_ppm * (PPM - discount_ppm), PPM) if fee_ppm > 0 else fee_ppm
