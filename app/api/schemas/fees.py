"""What trading costs: an account's tier at each venue, what its own fills were charged, and the tables behind them."""

from __future__ import annotations

from pydantic import Field

from app.api.schemas.base import Answer, Body, Dec, SignedDec
from app.domain.enums import FeeStatus, Liquidity, MarketKind


class FeeHolding(Answer):
    """What must lie at the venue, and what does."""

    asset: str
    at_least: Dec
    held: SignedDec


class FeeNextTier(Answer):
    """The next better row of the schedule."""

    tier: str
    taker_bps: SignedDec
    maker_bps: SignedDec
    volume: Dec
    distance: Dec | None = Field(description="Volume still missing; null where thresholds are in another currency.")
    missing: list[FeeHolding] = Field(description="Other conditions that are not met.")


class FeeToken(Answer):
    """The venue's own token: fees paid in it are lower while enough of it lies there."""

    asset: str
    discount_percent: Dec
    balance: SignedDec
    cover: Dec
    is_counted: bool


class FeeAudit(Answer):
    """Charged against listed, fixed costs apart. `observed_bps` is of the newest UTC day with fills."""

    liquidity: Liquidity
    listed_bps: SignedDec
    observed_bps: SignedDec | None
    deviation_bps: SignedDec = Field(description="Charged less listed, mean over the notional of `n_fills` fills.")
    n_fills: int
    n_unconverted: int = Field(description="Fills whose fee came in a third currency and is not compared.")
    alarm_bps: SignedDec | None = Field(description="Deviation of the newest alarm; null if there was none.")


class FeeInfo(Answer):
    """A fee with its source and date, because a fee without a source is a guess.

    `taker_bps` and `maker_bps` are what routing reckons with: the account's own fills where they say otherwise.
    """

    venue: str
    market: MarketKind
    tier: str
    taker_bps: SignedDec
    maker_bps: SignedDec
    listed_taker_bps: SignedDec
    listed_maker_bps: SignedDec
    fixed: Dec = Field(description="Per child order, in the quote currency.")
    source: str
    as_of: str
    status: FeeStatus | None = Field(description="How far the table may be believed; null without one.")
    volume_30d: Dec = Field(description="Of the whole UTC days before today: what today's tier rests on.")
    volume_pending: Dec = Field(description="What tomorrow's tier will rest on if nothing more is traded today.")
    volume_currency: str | None
    next_tier_volume: Dec | None
    next_tier: FeeNextTier | None
    fee_token: FeeToken | None
    tier_value_bps: SignedDec = Field(description="What the route adds here on the way to a tier; 0 unless asked for.")
    audit: list[FeeAudit]


class FeeList(Answer):
    account: str | None
    data: list[FeeInfo]


class FeeRow(Answer):
    tier: str
    volume: Dec
    taker_bps: SignedDec
    maker_bps: SignedDec
    holdings: dict[str, Dec]


class FeeTable(Answer):
    """One published schedule as it is kept here."""

    venue: str
    market: MarketKind
    source: str
    as_of: str
    status: FeeStatus
    address: str | None
    volume_currency: str | None
    window_days: int
    tiers: list[FeeRow]


class FeeTableQuery(Body):
    venue: str = Field(default="", max_length=64)


class FeeTableList(Answer):
    data: list[FeeTable]
