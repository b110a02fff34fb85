"""What a finished order cost, by the declared waterfall."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field, StringConstraints

from app.api.schemas.base import Answer, Dec, SignedDec, Time
from app.api.schemas.order import AccountQuery, Fee, Name
from app.domain.enums import Side
from app.domain.markouts import PathKind


class TableFormat(StrEnum):
    JSON = "json"
    CSV = "csv"
    PARQUET = "parquet"


class PeriodQuery(AccountQuery):
    """Orders accepted in [from, to), the last 24 hours if neither is given."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_by_name=False)

    start: Time | None = Field(default=None, alias="from", description="RFC 3339; 24 hours before `to` by default.")
    end: Time | None = Field(default=None, alias="to", description="RFC 3339; now by default.")
    symbol: Name | None = None
    side: Side | None = None
    venue: Name | None = Field(default=None, description="Orders with a child there; fills and scorecards of it alone.")


class TableQuery(PeriodQuery):
    format: TableFormat = Field(default=TableFormat.JSON, description="Files hold one row each, numbers as numbers.")


class ReportQuery(PeriodQuery):
    order: Annotated[str, StringConstraints(strict=True, min_length=1, max_length=128)] | None = Field(
        default=None, description="One order by id or client:ID instead of a period."
    )


class Estimated(Answer):
    """A mean with its 95 % interval, null where too little was seen. Bootstrap over parent orders in blocks of time."""

    mean: SignedDec | None
    low: SignedDec | None
    high: SignedDec | None
    n: int
    n_parents: int
    n_eff: Dec = Field(description="Independent parents that these are worth.")
    n_needed: int = Field(description="What the smallest effect of interest needs at 80 % power.")
    is_underpowered: bool


class WaterfallBps(Answer):
    """Basis points of the reference value; the parts sum to `total` exactly. Positive is a cost."""

    delay: SignedDec
    spread: SignedDec
    impact: SignedDec
    timing: SignedDec
    fee: SignedDec
    gas: SignedDec
    basis: SignedDec
    opportunity: SignedDec


class WaterfallNano(Answer):
    """Integers of 1e-9 of the money currency; the parts sum to `total_cost_nano` exactly."""

    delay: int
    spread: int
    impact: int
    timing: int
    fee: int
    gas: int
    basis: int
    opportunity: int


class StampedPrices(Answer):
    """The four stamped mids and the closing one."""

    decision: Dec | None
    received: Dec | None
    approved: Dec | None
    first_sent: Dec | None
    closing: Dec | None


class BenchmarkCost(Answer):
    """What the fills cost against one price, without fees; positive is a cost."""

    name: str = Field(examples=["twap"])
    price: Dec | None
    cost_bps: SignedDec | None
    cost: SignedDec
    missing: str = Field(description="Why there is no price; empty where there is one.")


class CounterfactualArm(Answer):
    """One way of routing on the same books: planned, never realised."""

    name: str
    venue: str | None
    n_venues: int
    is_chosen: bool
    planned_bps: SignedDec | None = Field(description="Null where it places another quantity.")
    low_bps: SignedDec | None = Field(description="Where it would have ended, 95 %, by what plans have been wrong by.")
    high_bps: SignedDec | None
    saved_bps: SignedDec | None = Field(description="What the chosen plan was planned to save against it.")


class PlanErrorInfo(Answer):
    """Realised less planned cost over other orders of the account; null where fewer than five are comparable."""

    n: int
    mean_bps: SignedDec | None
    sd_bps: Dec | None


class ReachInfo(Answer):
    """Whether the counterfactuals may be believed: one wave of taking, at most 1 s and 10 % of what was displayed."""

    is_within: bool
    why: str
    shown: Dec | None = Field(description="Asked over displayed within 5 bps.")


class Tca(Answer):
    order_id: str
    symbol: str
    side: Side
    reference: str = Field(description="Which stamped price the cost is measured against.")
    reference_price: Dec | None
    prices: StampedPrices
    filled_qty: Dec
    avg_price: Dec | None
    money_currency: str
    filled_money: SignedDec
    reference_money: SignedDec = Field(description="The filled quantity at the reference price.")
    base_money: Dec = Field(description="The whole order at the reference price: what the basis points are of.")
    total_bps: SignedDec | None = Field(description="Null where nothing was filled or left.")
    cost_bps: WaterfallBps | None
    total_cost: SignedDec
    cost: dict[str, SignedDec]
    total_cost_nano: int
    cost_nano: WaterfallNano
    fees_unconverted: list[Fee] = Field(description="Fees in other currencies, not in the sums.")
    benchmarks: list[BenchmarkCost]
    arms: list[CounterfactualArm]
    plan_error: PlanErrorInfo
    reach: ReachInfo


class TcaScope(Answer):
    """What the figures are of. `n_measured` of `n_fills` have mids after them; the rest was never looked at."""

    start: Time
    end: Time
    symbol: str | None
    side: Side | None
    venue: str | None
    n_orders: int
    n_fills: int
    n_measured: int
    n_still: int = Field(description="Instants without our trades that markouts are compared with.")
    is_cut: bool = Field(description="There were more orders; the oldest are left out.")
    is_simulated: bool


class WaterfallSum(Answer):
    """Costs of many orders in one currency; the parts sum to the total exactly."""

    currency: str
    n_orders: int
    base_money: Dec
    filled_money: Dec
    total_bps: SignedDec | None
    cost_bps: WaterfallBps | None
    total_cost: SignedDec
    cost: dict[str, SignedDec]
    shortfall_bps: Estimated = Field(description="Mean over orders, each counting once.")


class OrderCost(Answer):
    """One finished order in basis points of its whole at the reference; null where it is not known."""

    order_id: str
    accepted_at: Time
    symbol: str
    side: Side
    strategy: str
    filled_qty: Dec
    avg_price: Dec | None
    currency: str
    n_fills: int
    total_bps: SignedDec | None
    cost_bps: dict[str, SignedDec | None]
    vs_bps: dict[str, SignedDec | None] = Field(description="Against arrival, decision, twap, vwap, close; no fees.")


class TcaSummary(Answer):
    account: str
    scope: TcaScope
    waterfalls: list[WaterfallSum]
    data: list[OrderCost]


class VenueScorecard(Answer):
    """One venue. Shares are fractions of 1; durations are milliseconds by our own clock."""

    venue: str
    n_children: int
    n_fills: int
    n_rejected: int
    fill_ratio: Estimated
    reject_rate: Estimated
    fade: Estimated = Field(description="Of what immediate children were to find in a book seen, what was gone.")
    price_variation_bps: Estimated = Field(description="Fill against the planned price there; positive is dearer.")
    improved: Dec | None
    worse: Dec | None
    latency_ms_p50: Dec | None
    latency_ms_p90: Dec | None
    hold_ms_p50: Dec | None
    hold_ms_p90: Dec | None
    markout_1s_bps: Estimated = Field(description="Net of matched still instants; positive is in our favour.")


class TcaVenues(Answer):
    account: str
    scope: TcaScope
    data: list[VenueScorecard]


class MarkoutGroup(Answer):
    """Markouts of one group at one horizon; positive is in our favour."""

    group: str = Field(description="`venue`, `side` or `size`.")
    name: str
    kind: PathKind = Field(description="`fill`; or `child`, every child filled or not, from its deadline on.")
    horizon: str = Field(examples=["1s"])
    markout_bps: Estimated = Field(description="Against the fill's price.")
    net_bps: Estimated = Field(description="Less matched still instants.")
    net_drift_bps: Estimated = Field(description="Against the mid at the fill, less matched still instants.")
    n_unmatched: int


class TcaMarkouts(Answer):
    account: str
    scope: TcaScope
    data: list[MarkoutGroup]
