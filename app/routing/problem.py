"""One routing problem as flat arrays: the routed side of every admitted venue, its terms, and the rule of money.

Built once per decision from the books that were copied for it; solvers and the verifier read it, nobody writes it.
Money is nano of the symbol's money currency, signed as cost (float to search, integer to settle).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from app.domain.enums import ContractKind, Side, Strategy
from app.domain.fees import FeeTier
from app.domain.instrument import Symbol
from app.domain.plan import PlanRequest
from app.domain.units import NANO, PPM, div_up
from app.kernels import cost, pose
from app.routing import exact
from app.routing.listings import NARROW, Listings
from app.shm.books import SymbolBooks

Int64Array = npt.NDArray[np.int64]
Float64Array = npt.NDArray[np.float64]

MAX_FLOAT_INTEGER: Final = 2**53


class Admitted(NamedTuple):
    """The venues that may be routed to, in columns: which of the listings, their rows in the books, ages, capacities.

    Made by routing/verify.py alone. Like all values of the hot path a tuple, for speed.
    """

    listings: Listings
    venues: tuple[str, ...]
    picks: list[int]
    rows: list[int]
    book_seq: list[int]
    age_ns: list[int]
    max_age_ns: list[int]
    capacity_nano: list[int]


class Asked(NamedTuple):
    """What a request says of each listing, as the kernels read it. Made by routing/verify.py alone, which bounds it.

    `table`: int64[N_ASKED, n], `wish`: int64[N_WISHES] (kernels/pose.py); the lists are by listing, as asked.
    """

    listings: Listings
    table: Int64Array
    wish: Int64Array
    rows: list[int]
    max_age_ns: list[int]
    capacity_nano: list[int]


@dataclass(slots=True)
class Contestants:
    """What a contest of `n_plans` over n venues writes: kernels/contest.py and kernels/prove.py say what."""

    n_plans: int
    n: int
    units: Int64Array = field(init=False)
    walk: Int64Array = field(init=False)
    total: Int64Array = field(init=False)
    status: Int64Array = field(init=False)
    work: Int64Array = field(init=False)
    heap_key: Float64Array = field(init=False)
    sent: Int64Array = field(init=False)
    nano: Float64Array = field(init=False)
    found: Int64Array = field(init=False)

    def __post_init__(self) -> None:
        k, n = self.n_plans, self.n
        self.units, self.walk = np.empty((k, n), np.int64), np.empty((k, n, 4), np.int64)
        self.total, self.status = np.empty((k, 6), np.int64), np.empty(k, np.int64)
        self.work, self.heap_key = np.empty((2, n), np.int64), np.empty(n, np.float64)
        self.sent, self.nano = np.empty((n, 2), np.int64), np.empty((n, 3), np.float64)
        self.found = np.empty(4, np.int64)


class Workspace:
    """The arrays of decisions over these listings and up to `n_levels` levels, allocated once and written again."""

    def __init__(self, listings: Listings, n_levels: int) -> None:
        n = len(listings.venues)
        self.listings, self.n, self.n_levels = listings, n, n_levels
        self.table = np.zeros((pose.N_ASKED, n), np.int64)
        self.wish = np.zeros(pose.N_WISHES, np.int64)
        self.places, self.terms = np.empty((pose.N_PLACES, n), np.int64), np.empty((n, cost.N_TERMS), np.int64)
        self.price, self.qty = np.empty(n_levels, np.int64), np.empty(n_levels, np.int64)
        self.unit_nano, self.key = np.empty(n_levels, np.float64), np.empty(2 * n_levels, np.float64)
        self.first, self.seen = np.empty(n + 1, np.int64), np.empty((n, 2), np.int64)
        self.reach, self.room = np.empty(pose.N_REACH, np.float64), np.empty(n, np.int64)
        self.rules: dict[tuple[Side, bool], Int64Array] = {}
        self.told: dict[int, list[int] | int] = {}
        self._book_venues: tuple[str, ...] | None = None
        self._rows: list[int] = []
        self._contestants: dict[tuple[int, int], Contestants] = {}

    def rows_of(self, book_venues: tuple[str, ...], venues: tuple[str, ...]) -> list[int]:
        """Each listing's row in the books, -1 where there is none; the same books give the same list."""
        if self._book_venues != book_venues:
            row_of = {venue: row for row, venue in enumerate(book_venues)}
            self._book_venues, self._rows = book_venues, [row_of.get(venue, -1) for venue in venues]
        return self._rows

    def tell(self, row: int, values: list[int] | int) -> None:
        """Writes a row of `table`, unless it holds these values already: most of a request is that of the last one."""
        if self.told.get(row) != values:
            self.table[row] = self.told[row] = values

    def fits(self, listings: Listings, n_levels: int) -> bool:
        """Whether a decision over these listings and so many levels can use these arrays."""
        return listings is self.listings and n_levels <= self.n_levels

    def contestants(self, n_plans: int, n: int) -> Contestants:
        """The arrays of a contest of `n_plans` over `n` admitted venues."""
        found = self._contestants.get((n_plans, n))
        if found is None:
            found = self._contestants[(n_plans, n)] = Contestants(n_plans, n)
        return found


class RouteProblem(NamedTuple):
    """Flat arrays of one class on one side.

    Venue v owns levels first[v] .. first[v + 1] of `price_units`, `qty_units` (int64) and `unit_nano` (float64, all-in
    cost of one unit, estimate included). `terms` is int64[n, N_TERMS], `rule` int64[N_RULES] (kernels/cost.py).
    `room_units`, int64[n]: most whole-lot units, 0 where a venue's least exceeds them. `seen`, int64[n, 2]: own touch,
    levels beyond the limit. `is_narrow`: every product fits int64, so kernels may settle; otherwise exact.py does.
    `workspace` owns the arrays: a problem lives until the next one is posed in it.
    """

    request: PlanRequest
    books: SymbolBooks
    admitted: Admitted
    asked: Asked
    side: Side
    sign: int
    first: Int64Array
    price_units: Int64Array
    qty_units: Int64Array
    unit_nano: Float64Array
    terms: Int64Array
    rule: Int64Array
    room_units: Int64Array
    seen: Int64Array
    num_den: tuple[int, int]
    ratio: float
    is_narrow: bool
    has_fixed: bool
    best_bid_units: int
    best_ask_units: int
    workspace: Workspace
    n_venues: int
    venues: tuple[str, ...]
    symbol: Symbol

    @property
    def scratch(self) -> tuple[Int64Array, Float64Array]:
        """Work of a merge: int64[2, n] and float64[n]."""
        room = self.workspace.contestants(0, self.n_venues)
        return room.work, room.heap_key


def fixed_cost_nano(symbol: Symbol, fee: FeeTier, mid_half_units: int) -> int:
    """The fixed cost of one child in the symbol's money; a quote amount becomes coin at the benchmark, rounded up."""
    if not symbol.fungible.is_inverse or fee.fixed_nano == 0:
        return fee.fixed_nano
    return div_up(fee.fixed_nano * 2 * 10**symbol.price_scale, max(mid_half_units, 1))


def capacities(request: PlanRequest, fees: tuple[FeeTier, ...], capacity_nano: list[int]) -> tuple[list[int], bool]:
    """Each capacity as the kernels take it, and whether that is units: what no level price changes, base or margin.

    Values are cut to int64 headroom, which is more than any book holds.
    """
    symbol = request.symbol
    if symbol.fungible.kind is ContractKind.SPOT and request.approved.value.side is Side.SELL:
        scale = 10**symbol.qty_scale
        return [min(capacity * scale // NANO, NARROW) for capacity in capacity_nano], True
    if symbol.fungible.is_inverse:
        return [_margin_units(symbol, *pair) for pair in zip(fees, capacity_nano, strict=True)], True
    if max(capacity_nano, default=0) < NARROW:
        return capacity_nano, False
    return [min(capacity, NARROW) for capacity in capacity_nano], False


def _margin_units(symbol: Symbol, fee: FeeTier, capacity_nano: int) -> int:
    """Contracts of an inverse class that a quote margin carries with fee and fixed cost: face value, no price in it."""
    room_nano = max(capacity_nano - fee.fixed_nano, 0)
    whole_ppm = PPM + max(fee.taker_fee_ppm, 0)
    units: int = room_nano * PPM * 10**symbol.qty_scale // (whole_ppm * symbol.fungible.multiplier_nano)
    return min(units, NARROW)


class Laid(NamedTuple):
    """A posed problem whose venues are not named yet: `n` of the listings were admitted."""

    n: int
    rule: Int64Array
    asked: Asked
    workspace: Workspace


def is_rule_narrow(numerator: int, denominator: int) -> bool:
    """Whether the money rule itself fits the kernels; where it does not, Python settles (routing/exact.py)."""
    return numerator < NARROW and denominator < NARROW


def lay_problem(request: PlanRequest, books: SymbolBooks, asked: Asked, workspace: Workspace) -> Laid:
    """Poses the problem in `workspace`: one kernel call over the books as they were seen."""
    symbol, listings = request.symbol, asked.listings
    num, den = num_den = listings.num_den
    fits = is_rule_narrow(num, den)
    order = request.approved.value
    is_at_limit = order.strategy is Strategy.SWEEP and request.price_cap_units > 0
    rule = workspace.rules.get((order.side, is_at_limit))
    if rule is None:
        rule = _rule(symbol, order.side, num_den if fits else (1, 1), is_at_limit=is_at_limit)
        workspace.rules[(order.side, is_at_limit)] = rule
    standing = listings.terms
    if symbol.fungible.is_inverse and listings.has_fixed:
        standing = standing.copy()
        standing[:, cost.FIXED_NANO] = [
            min(fixed_cost_nano(symbol, fee, request.mid_half_units), NARROW) for fee in listings.fees
        ]
    n = pose.pose_problem(
        books.price_units,
        books.qty_units,
        books.n_levels,
        books.book_seq,
        books.received_ts_ns,
        books.is_gapped,
        asked.table,
        standing,
        asked.wish,
        rule,
        num / den,
        fits,
        workspace.places,
        workspace.terms,
        workspace.price,
        workspace.qty,
        workspace.unit_nano,
        workspace.first,
        workspace.seen,
        workspace.reach,
        workspace.room,
    )
    return Laid(n, rule, asked, workspace)


def build_problem(request: PlanRequest, books: SymbolBooks, laid: Laid, admitted: Admitted) -> RouteProblem:
    """The flat problem of the admitted venues; takes their `Admitted` from routing/verify.py."""
    symbol, asked, workspace, n = request.symbol, laid.asked, laid.workspace, laid.n
    first, terms, room, seen = workspace.first, workspace.terms, workspace.room, workspace.seen
    if n < workspace.n:
        first, terms, room, seen = first[: n + 1], terms[:n], room[:n], seen[:n]
    n_flat = int(first[n])
    price, qty = workspace.price[:n_flat], workspace.qty[:n_flat]
    _, _, _, best_bid, best_ask, is_narrow = workspace.reach.tolist()
    num, den = asked.listings.num_den
    if not is_narrow:
        exact.size_venues(first, price, qty, terms, laid.rule, (num, den), admitted.capacity_nano, room)
    side = request.approved.value.side
    return RouteProblem(
        request=request,
        books=books,
        admitted=admitted,
        asked=asked,
        side=side,
        sign=symbol.fungible.cost_sign(side),
        first=first,
        price_units=price,
        qty_units=qty,
        unit_nano=workspace.unit_nano[:n_flat],
        terms=terms,
        rule=laid.rule,
        room_units=room,
        seen=seen,
        num_den=(num, den),
        ratio=num / den,
        is_narrow=bool(is_narrow),
        has_fixed=asked.listings.has_fixed,
        best_bid_units=_exact_price(best_bid, books, admitted, 0),
        best_ask_units=_exact_price(best_ask, books, admitted, 1),
        workspace=workspace,
        n_venues=n,
        venues=admitted.venues,
        symbol=symbol,
    )


def _exact_price(price: float, books: SymbolBooks, admitted: Admitted, side_i: int) -> int:
    """The integer that the kernel's float stands for: one of the touches where it is beyond a float's integers."""
    if abs(price) < MAX_FLOAT_INTEGER:
        return int(price)
    touches = books.price_units[admitted.rows, side_i, 0]
    return int(touches[np.argmin(np.abs(touches.astype(np.float64) - price))])


def _rule(symbol: Symbol, side: Side, num_den: tuple[int, int], *, is_at_limit: bool) -> Int64Array:
    fungible = symbol.fungible
    return np.array((side.sign, fungible.cost_sign(side), *num_den, fungible.is_inverse, is_at_limit), dtype=np.int64)
