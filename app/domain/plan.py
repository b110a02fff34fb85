"""A decision and its proof: who gets how much, who does not and why, against what, and how far from the optimum.

Laws: requested = allocated + unallocated, in the order's own unit. Every enabled venue appears exactly once, in
`allocations` or in `excluded`. A RoutePlan needs a Certificate, and only routing/verify.py makes one.
Money is nano of the symbol's money currency, signed as cost: a seller's proceeds are negative cost.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from app.domain.enums import ExclusionCode, Side, SolveStatus, UnallocatedCode
from app.domain.fees import FeeTier
from app.domain.instrument import Instrument, Symbol
from app.domain.orders import Approved, ParentOrder
from app.domain.quick import quick_init
from app.domain.quote_pool import Conversion


@dataclass(frozen=True, slots=True)
class Allocation:
    """One venue's share. `limit_ticks` is the child's IOC price; expected figures are a walk of the seen book."""

    venue: str
    qty_lots: int
    qty_units: int
    limit_ticks: int
    worst_price_units: int
    money_nano: int
    fee_nano: int
    fixed_nano: int
    rank: int


@quick_init
@dataclass(frozen=True, slots=True)
class Exclusion:
    """`limit` and `value` are the numbers behind the code (ages in ns, money in nano), 0 where none apply."""

    venue: str
    code: ExclusionCode
    limit: int = 0
    value: int = 0


# Estimates rank venues and never admit one: whoever asks for a wider bound than this gets this.
MAX_ESTIMATE_PPM: Final = 300


@dataclass(frozen=True, slots=True)
class VenueEstimate:
    """What is believed, and not known, of a venue's cost, in ppm of gross money, signed as cost.

    `ppm`: the sum by which the venue is ranked, with the interval `low_ppm` .. `high_ppm`. `terms`: what it is made of.
    """

    venue: str
    ppm: int
    low_ppm: int
    high_ppm: int
    terms: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class PoolUse:
    """What a request's other quote currencies are made of: the rates, and each source's own levels on the routed side.

    `own_levels`: source -> (price in units of its own symbol, quantity), best first: what was converted to its book.
    """

    conversions: tuple[Conversion, ...]
    own_levels: Mapping[str, tuple[tuple[int, int], ...]]


@quick_init
@dataclass(frozen=True, slots=True)
class PlanRequest:
    """Everything a planner may look at, besides the books.

    Exactly one of `qty_units` and `notional_nano` is what still has to be placed. `price_cap_units` is the tightest
    raw execution price (0 means none). `capacity_nano`: per venue, the most it may spend (buy: quote nano; contracts:
    margin, quote nano) or, for a spot sale, the most base it may deliver in nano. `barred`: venues that the gate or the
    reference check excludes, with their numbers. `mid_half_units`: twice the class mid, the benchmark.
    `fees` and `instruments` hold every enabled venue that lists the symbol. `estimates`: per venue, cut by the verifier
    to +-`max_estimate_ppm` (at most MAX_ESTIMATE_PPM); a venue without one is ranked by what is certain.
    `pool`: the order's other quote currencies, if it has any now; their listings are sources beside the venues
    (`quote_pool.source_of`), of their own class and all in units of this symbol: ticks of one unit, money at the rate.
    `standing`: who gives the same one again, other than None, vouches that `instruments`, `fees`, `max_book_age_ns` and
    `barred` hold what they held; so a planner compares them once.
    """

    approved: Approved[ParentOrder]
    symbol: Symbol
    route_id: str
    wave: int
    now_ns: int
    qty_units: int | None
    notional_nano: int | None
    price_cap_units: int
    instruments: Mapping[str, Instrument]
    fees: Mapping[str, FeeTier]
    max_book_age_ns: Mapping[str, int]
    capacity_nano: Mapping[str, int]
    barred: Mapping[str, Exclusion]
    mid_half_units: int
    order_id: str = ""
    estimates: Mapping[str, VenueEstimate] = field(default_factory=dict)
    max_estimate_ppm: int = 100
    pool: PoolUse | None = None
    standing: object = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Alternative:
    """A verified rival plan on the same books. `cost_nano` is comparable only where `qty_units` equals the plan's."""

    name: str
    qty_units: int
    cost_nano: int
    n_venues: int
    venue: str = ""


@dataclass(frozen=True, slots=True)
class BookUse:
    """Which book of a venue was seen: its sequence and its age when decided."""

    venue: str
    book_seq: int
    age_ns: int


@dataclass(frozen=True, slots=True)
class Certificate:
    """Recomputed in integers by routing/verify.py. Words: optimal for this model on these books, nothing more.

    `objective_nano` = money + fee + fixed, signed as cost: the `certified_terms`, recomputed. `estimated_nano` is what
    was believed beside it, with its interval, made of `estimated_terms` (name, 1e-6 bps of the plan's money); zero and
    empty while nothing is estimated. `bound_nano` is the relaxation's lower bound on objective + estimated, `gap_ubps`
    the distance between them over notional in 1e-6 bps, `status` what that distance says. `is_bound_searched`: the
    bound is a whole-lot search's, which no witness price lets a stranger recompute.
    """

    objective_nano: int
    bound_nano: int
    gap_ubps: int
    status: SolveStatus
    solver: str
    books: tuple[BookUse, ...]
    certified_terms: tuple[str, ...]
    estimated_terms: tuple[tuple[str, int], ...]
    receipt_sha256: str
    estimated_nano: int = 0
    estimated_low_nano: int = 0
    estimated_high_nano: int = 0
    is_bound_searched: bool = False


@quick_init
@dataclass(frozen=True, slots=True)
class CostSplit:
    """Expected cost against the benchmark mid, in nano; the parts sum to `total_nano` exactly."""

    spread_nano: int
    impact_nano: int
    fee_nano: int
    gas_nano: int
    total_nano: int


@dataclass(frozen=True, slots=True)
class RoutePlan:
    """One wave's decision. `best_bid_units`/`best_ask_units` are consolidated over valid venues (may cross).

    `conversions`: the rates of other quote currencies that its sources were compared with, empty without a quote_pool.
    """

    route_id: str
    order_id: str
    wave: int
    symbol: str
    side: Side
    requested_qty_units: int | None
    requested_notional_nano: int | None
    allocated_qty_units: int
    allocated_notional_nano: int
    unallocated_qty_units: int | None
    unallocated_notional_nano: int | None
    unallocated_code: UnallocatedCode | None
    mid_half_units: int  # twice the arrival mid, so that a half tick stays an integer
    best_bid_units: int
    best_ask_units: int
    allocations: tuple[Allocation, ...]
    excluded: tuple[Exclusion, ...]
    alternatives: tuple[Alternative, ...]
    cost: CostSplit
    certificate: Certificate
    conversions: tuple[Conversion, ...] = ()


@quick_init
@dataclass(frozen=True, slots=True)
class Planned:
    """A plan with its receipt: the compact bytes from which a stranger recomputes it (format: docs/receipts.md).

    `receipt_sha256`: the one that the plan's certificate names.
    """

    plan: RoutePlan
    receipt: bytes
    receipt_sha256: str
