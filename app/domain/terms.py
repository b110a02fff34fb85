"""What taking from one venue costs beside its prices: certain terms, estimated terms, and the four numbers of each.

Laws: estimated terms rank, never admit. Together they move an all-in price by at most `max_estimate_ppm`, which no
setting lifts above domain/plan.MAX_ESTIMATE_PPM. A perpetual without funding, margin mode or reduce-only is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final

DEFAULT_ESTIMATE_PPM: Final = 100
YEAR_S: Final = 365 * 24 * 3_600


@unique
class MarginMode(StrEnum):
    CROSS = "cross"
    ISOLATED = "isolated"


@dataclass(frozen=True, slots=True)
class SourceTerms:
    """One venue's terms for one order. Prices of risk are ppm of gross money, positive is a cost of taking there.

    Certain: `taker_fee_ppm` less `fee_discount_ppm` (of the fee itself, when paid in the venue's token and its balance
    lasts), `fixed_nano` a child, `balance_cap_nano` (-1: none). `maker_fee_ppm` is what resting there would be charged.
    Estimated: `tier_value_ppm`, what the way to a better fee tier is worth, negative; `inventory_ppm`, the shadow price
    of using this venue's balance; `credit_year_ppm` over `holding_s`, what the desk asks for being owed by the venue;
    `fade_ppm`, quantity expected to vanish while the child travels, at `refill_ppm` dearer elsewhere; `drift_ppm` of
    the price meanwhile; `unanswered_ppm`, children without an answer in a million, each costing `failure_ppm`;
    `funding_ppm` until the expected close, positive is paid by a buyer.
    `reduce_only`, `margin_mode` and `funding_ppm` are None where nobody said; perpetuals need all three.
    `margin_ppm`: initial margin of a contract's notional.
    """

    venue: str
    taker_fee_ppm: int
    maker_fee_ppm: int = 0
    fee_discount_ppm: int = 0
    fixed_nano: int = 0
    balance_cap_nano: int = -1
    max_children: int = 1
    tier_value_ppm: int = 0
    inventory_ppm: int = 0
    credit_year_ppm: int = 0
    holding_s: int = 0
    fade_ppm: int = 0
    refill_ppm: int = 0
    drift_ppm: int = 0
    unanswered_ppm: int = 0
    failure_ppm: int = 0
    is_perpetual: bool = False
    funding_ppm: int | None = None
    margin_mode: MarginMode | None = None
    margin_ppm: int = 1_000_000
    reduce_only: bool | None = None

    @property
    def net_fee_ppm(self) -> int:
        """The taker's fee after the token's discount, rounded up; a rebate gets no discount."""
        if self.taker_fee_ppm <= 0:
            return self.taker_fee_ppm
        return -(-self.taker_fee_ppm * (1_000_000 - self.fee_discount_ppm) // 1_000_000)


@unique
class MissingTerm(StrEnum):
    """Why a perpetual is left out."""

    FUNDING = "funding_missing"
    MARGIN_MODE = "margin_mode_missing"
    REDUCE_ONLY = "reduce_only_missing"


@dataclass(frozen=True, slots=True)
class Predicted:
    """What a predictor says of one venue and quantity beyond the book walk, in ppm: mean, 5 % and 95 % quantiles."""

    mean_ppm: float
    low_ppm: float
    high_ppm: float


@dataclass(frozen=True, slots=True)
class FourNumbers:
    """One venue, one quantity, in nano: against the reference, signed as cost; `capital_nano` is what it ties up.

    `certain`: seen book, fees, fixed cost. `expected` adds the bounded estimate; `p95` its upper end, unbounded.
    """

    certain_nano: int
    expected_nano: int
    p95_nano: int
    capital_nano: int
