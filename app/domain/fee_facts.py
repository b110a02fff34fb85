"""Facts about an account's fees: the tier that is believed, and where fills deviate from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from app.domain.enums import FeeStatus, Liquidity, MarketKind
from app.domain.event import Event


@dataclass(frozen=True, slots=True)
class FeeTierSet(Event):
    """Where an account is on a venue's schedule from here on, and what is reckoned with.

    `listed_*`: what the schedule says is charged, the fee token's discount included; fills are audited against it.
    `taker_fee_ppm`, `maker_fee_ppm`: what routing takes, the account's own fills considered. `tier_value_ppm`: what a
    trade there is worth beyond its price on the way to a tier (a negative cost; 0 unless the desk has asked for it).
    """

    KIND: ClassVar[str] = "fee_tier_set"
    venue: str
    market: MarketKind
    tier: str
    listed_taker_ppm: int
    listed_maker_ppm: int
    taker_fee_ppm: int
    maker_fee_ppm: int
    fixed_nano: int
    tier_value_ppm: int
    is_discounted: bool
    source: str
    as_of: str
    status: FeeStatus


@dataclass(frozen=True, slots=True)
class FeeDeviated(Event):
    """The account's fills of one UTC day were charged more than 0.1 bp beside the listed rate: an alarm.

    `deviation_ubps`: charged less listed in 1e-6 bps of `money_nano`, over `n_fills` fills.
    """

    KIND: ClassVar[str] = "fee_deviated"
    venue: str
    market: MarketKind
    liquidity: Liquidity
    tier: str
    listed_fee_ppm: int
    observed_fee_ppm: int
    deviation_ubps: int
    n_fills: int
    money_nano: int
    source: str
    status: FeeStatus
