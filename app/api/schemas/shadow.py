"""The shadow: a desk's parents and fills as they are told, the plan that was not sent, and the difference."""

from __future__ import annotations

from enum import StrEnum, unique
from typing import Annotated

from pydantic import Field, StringConstraints

from app.api.schemas.base import Answer, Body, Dec, SignedDec, Text, Time
from app.api.schemas.order import AccountQuery
from app.domain.enums import Side

OwnId = Annotated[str, StringConstraints(strict=True, pattern=r"^[A-Za-z0-9._:-]{1,64}$")]
Currency = Annotated[str, StringConstraints(strict=True, pattern=r"^[A-Z0-9]{1,16}$")]


@unique
class ShadowFormat(StrEnum):
    JSON = "json"
    MARKDOWN = "markdown"


class ShadowParentBody(Body):
    """What the desk has just decided to trade elsewhere. Nothing of it is ever sent."""

    parent_id: OwnId
    symbol: Text
    side: Side
    qty: Dec
    decision_at: Time | None = Field(default=None, description="Now, where it is not told.")
    end_at: Time | None = Field(default=None, description="The desk's own time for it ends; later fills do not count.")
    limit_price: Dec | None = None
    decision_price: Dec | None = None


class ShadowAllocation(Answer):
    """What would have gone to one venue."""

    venue: str
    qty: Dec
    limit_price: Dec


class ShadowParent(Answer):
    """The plan on the books of the instant it was told. `refused`: the code by which the gate would have said no."""

    shadow_id: str
    parent_id: str
    symbol: str
    is_sent: bool = Field(description="Always false.")
    refused: str | None
    route_id: str | None
    receipt_sha256: str | None
    mid: Dec | None
    displayed_percent: Dec | None = Field(description="Of what was displayed within 5 bp; null where nothing was.")
    allocations: list[ShadowAllocation]


class ShadowFillBody(Body):
    """One fill that the desk really got."""

    parent_id: OwnId
    fill_id: OwnId
    at: Time
    price: Dec
    qty: Dec
    fee: SignedDec = Field(description="Negative is a rebate.")
    fee_currency: Currency
    venue: OwnId


class ShadowFillsBody(Body):
    fills: list[ShadowFillBody] = Field(min_length=1, max_length=500)


class ShadowFills(Answer):
    n_new: int
    n_repeated: int


class ShadowReportQuery(AccountQuery):
    format: ShadowFormat = ShadowFormat.JSON


class ShadowSummary(Answer):
    mean_bps: SignedDec
    median_bps: SignedDec
    p95_bps: SignedDec
    cvar95_bps: SignedDec


class ShadowGroup(Answer):
    """One row. `difference`: incumbent less Bestex; `loss`: the other way round, its tail is where Bestex did worst."""

    size: str
    side: str
    n_parents: int
    n_days: int
    difference: ShadowSummary
    loss: ShadowSummary
    incumbent: ShadowSummary
    own: ShadowSummary = Field(description="Simulated.")
    low_bps: SignedDec | None
    high_bps: SignedDec | None
    n_eff: Dec
    n_blocks: Dec
    is_clustered_by_day: bool
    p_holm: Dec
    is_underpowered: bool
    is_equivalent: bool
    n_needed: int | None = Field(description="Parents like these that would tell 0.1 bp at 80 % power.")
    verdict: str


class ShadowPrice(Answer):
    price: str
    incumbent_bps: SignedDec
    own_bps: SignedDec


class ShadowLoser(Answer):
    parent_id: str
    symbol: str
    side: Side
    difference_bps: SignedDec


class ShadowLeftOut(Answer):
    parent_id: str
    reason: str
    detail: str


class ShadowDifference(Answer):
    """Simulated fills of Bestex beside the incumbent's real ones. `evidence`: what may be said of it."""

    evidence: str
    needed: str
    n_told: int
    n_late_fills: int
    unfilled_percent: Dec = Field(description="Of the compared parents' notional, by the incumbent in its own time.")
    rows: list[ShadowGroup]
    prices: list[ShadowPrice]
    worst: list[ShadowLoser]
    excluded: list[ShadowLeftOut]
