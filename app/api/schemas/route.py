"""Why an order went where it went: the plan of one wave, and the preview of an order."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from app.api.schemas.base import Answer, Dec, SignedDec, Time
from app.api.schemas.pretrade import CostEstimateAnswer
from app.api.schemas.schedule import RestAnswer, ScheduleAnswer, SliceAnswer
from app.domain.enums import ExclusionCode, RefusalCode, Side, SolveStatus, UnallocatedCode


class Unallocated(Answer):
    """The part that no venue got."""

    qty: Dec | None
    notional: Dec | None
    code: UnallocatedCode | None


class Benchmark(Answer):
    """Over all valid venues; it may be crossed."""

    mid: Dec | None
    best_bid: Dec | None
    best_ask: Dec | None


class Expected(Answer):
    """What the seen books promise. `all_in_price` has fees in it; `total_bps` is against the mid."""

    avg_price: Dec | None
    all_in_price: Dec | None
    total_bps: SignedDec


class PlanCost(Answer):
    """Basis points of the mid; the parts sum to `expected.total_bps` exactly."""

    spread: SignedDec
    impact: SignedDec
    fee: SignedDec
    latency: SignedDec
    gas: SignedDec
    model_adjustment: SignedDec


class AllocationCost(Answer):
    """Basis points of this allocation's own value at the mid."""

    price: SignedDec
    fee: SignedDec
    gas: SignedDec
    total: SignedDec


class Allocation(Answer):
    rank: int
    venue: str
    symbol: str
    qty: Dec
    expected_price: Dec | None
    worst_price: Dec
    limit_price: Dec
    fee: SignedDec
    cost_bps: AllocationCost
    reason: Literal["lowest_all_in"]


class Excluded(Answer):
    """An enabled venue that got nothing; `symbol` where its listing in another quote currency is meant."""

    venue: str
    symbol: str | None = None
    code: ExclusionCode
    detail: str
    limit: str
    value: str


class RouteAlternative(Answer):
    """A verified rival on the same books. `total_bps` is null where it places another quantity."""

    name: str
    venue: str | None
    qty: Dec
    n_venues: int
    total_bps: SignedDec | None


class Saving(Answer):
    """Planned, on the seen books: alternative minus plan."""

    benchmark: str
    kind: Literal["planned"]
    bps: SignedDec
    scope: str


class BookSeen(Answer):
    venue: str
    symbol: str | None = Field(default=None, description="Only where it is another quote currency's.")
    book_seq: int
    age_ms: Dec


class EstimatedTerm(Answer):
    name: str
    bps: SignedDec


class PlanCertificate(Answer):
    """Recomputed in integers. `optimal` means for this model on these books, nothing more."""

    objective: SignedDec
    bound: SignedDec
    gap_bps: SignedDec
    status: SolveStatus
    solver: str
    certified_terms: list[str]
    estimated: SignedDec = Field(description="Believed beside the objective; the bound is on their sum.")
    estimated_low: SignedDec
    estimated_high: SignedDec
    estimated_terms: list[EstimatedTerm]
    books: list[BookSeen]
    receipt_sha256: str


class RateBook(Answer):
    venue: str
    book_seq: int
    age_ms: Dec
    bid: Dec
    ask: Dec


class RateUsed(Answer):
    """What one unit of another quote currency counts in the order's, from our own books of the pair."""

    symbol: str
    currency: str
    rate: Dec = Field(description="To 1e-9; the receipt has the exact ratio.")
    pair: str
    books: list[RateBook]


class Route(Answer):
    """One wave's decision. `requested` = `allocated` + `unallocated`; each enabled venue appears exactly once."""

    route_id: str
    order_id: str | None
    wave: int
    symbol: str
    side: Side
    objective: Literal["min_all_in_cost"]
    requested_qty: Dec | None
    requested_notional: Dec | None
    allocated_qty: Dec
    allocated_notional: Dec
    unallocated: Unallocated
    benchmark: Benchmark
    expected: Expected
    cost_bps: PlanCost
    allocations: list[Allocation]
    excluded: list[Excluded]
    alternatives: list[RouteAlternative]
    savings: list[Saving]
    certificate: PlanCertificate
    conversions: list[RateUsed] | None = Field(default=None, description="Only where a quote_pool opened a currency.")


class RouteList(Answer):
    """Oldest first; each wave has one."""

    data: list[Route]


class Check(Answer):
    """One check of the gate, in the order in which they are made."""

    code: RefusalCode
    ok: bool
    limit: str
    actual: str
    unit: str
    hint: str


class PreviewWarning(Answer):
    code: str
    detail: str


class Preview(Answer):
    """What would happen to the order now. Nothing was sent and no venue was called."""

    preview_id: str
    expires_at: Time = Field(description="Books move; after this instant ask again.")
    symbol: str
    would_be_accepted: bool
    price_cap: Dec | None
    route: Route | None = Field(description="Null where a check says no, and where an order in time has nothing due.")
    checks: list[Check]
    warnings: list[PreviewWarning]
    estimate: CostEstimateAnswer | None = Field(
        description="Of every strategy; null where `estimate_missing` says why."
    )
    estimate_missing: str = Field(description="Why there is no estimate; empty where there is one.")
    schedule: ScheduleAnswer | None = Field(default=None, description="Only of an order in time.")
    slices: list[SliceAnswer] | None = Field(default=None, description="Only of an order in time; empty for pov.")
    resting: list[RestAnswer] | None = Field(
        default=None, description="Of an order in time: where the slice due now would rest; `route`: if it crossed."
    )
