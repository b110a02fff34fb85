"""One routing problem as flat arrays: the routed side of every admitted venue, its terms, and the rule of money.

Built once per decision from the books that were copied for it; solvers and the verifier read it, nobody writes it.
Money is nano of the symbol's money currency, signed as cost (float to search, integer to settle).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from struct import Struct, error
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from app.domain import quick
from app.domain.enums import ContractKind, Side, Strategy
from app.domain.fees import FeeTier
from app.domain.instrument import Symbol
from app.domain.plan import PlanRequest
from app.domain.units import MAX_UNITS, NANO, PPM, div_up
from app.kernels import answer, cost, decide, pack, pose, prove, whole
from app.routing import exact
from app.routing.listings import NARROW, Listings
from app.shm.books import SymbolBooks

Int64Array = npt.NDArray[np.int64]
Float64Array = npt.NDArray[np.float64]

MAX_FLOAT_INTEGER: Final = 2**53
# A decision alone, and with what is said of it.
DECIDED: Final = decide.POSE | decide.CONTEST | decide.PROVE
SAID: Final = DECIDED | whole.ANSWER
# Looked up once: a member of an enum takes as long to find as ten names.
SWEEP, SPOT, INVERSE, SELL = Strategy.SWEEP, ContractKind.SPOT, ContractKind.INVERSE, Side.SELL
# How far behind what a decision found the answer's head begins.
FOUND_WORDS: Final = decide.N_HEADER - decide.N_ADMITTED
NO_SOLVERS: Final = np.zeros(0, dtype=np.int64)


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
    capacity_nano: Sequence[int]


class Asked(NamedTuple):
    """What a request says of each listing, as the kernels read it. Made by routing/verify.py alone, which bounds it.

    `table`: int64[N_ASKED, n], `wish`: int64[N_WISHES] (kernels/pose.py); the lists are by listing, as asked.
    """

    listings: Listings
    table: Int64Array
    wish: Int64Array
    rows: list[int]
    max_age_ns: list[int]
    capacity_nano: tuple[int, ...]


class Step(NamedTuple):
    """What a decision's kernel is told beside the workspace: see kernels/whole.py."""

    solvers: Int64Array = NO_SOLVERS
    now_ns: int = 0
    cap_units: int = 0
    wanted_units: int = 0
    notional_nano: int = -1
    max_venues: int = 0
    mid_half_units: int = 0
    is_sweep: bool = False


def _sizes(n: int, n_levels: int) -> dict[int, int]:
    """How long each array of integers is, by its place in the header."""
    most = decide.MOST_PLANS
    return {
        decide.ANSWER: answer.N_HEAD + n * (answer.N_CHILD + answer.N_BOOK) + most * answer.N_RIVAL,  # see N_ADMITTED
        decide.TABLE: pose.N_ASKED * n,
        decide.WISH: pose.N_WISHES,
        decide.RULE: cost.N_RULES,
        decide.PLACES: pose.N_PLACES * n,
        decide.STANDING: n * cost.N_TERMS,
        decide.FACTS: prove.N_FACTS * n,
        decide.TERMS: n * cost.N_TERMS,
        decide.FIRST: n + 1,
        decide.SEEN: 2 * n,
        decide.ROOM: n,
        decide.WORK: 2 * n,
        decide.SENT: 2 * n,
        decide.CHOSEN: n,
        decide.CHOSEN_WALK: 4 * n,
        decide.UNITS: most * n,
        decide.WALK: most * n * 4,
        decide.TOTAL: most * 6,
        decide.STATUS: most,
        decide.PRICE: n_levels,
        decide.QTY: n_levels,
        decide.LEVELS: max(2 * n_levels, most),
    }


class Contestants(NamedTuple):
    """What a contest of k plans over n venues writes, and its proof: kernels/contest.py and prove.py say what.

    `plans`: the units and the walk of each plan, as views of the two.
    """

    units: Int64Array
    walk: Int64Array
    plans: tuple[tuple[Int64Array, Int64Array], ...]
    total: Int64Array
    status: Int64Array
    work: Int64Array
    heap_key: Float64Array
    chosen: Int64Array
    chosen_walk: Int64Array
    sent: Int64Array
    nano: Float64Array


class Workspace:
    """The arrays of decisions over these listings and up to `n_levels` levels, allocated once and written again.

    All of them lie in `ints` and `floats`, as kernels/decide.py takes them.
    """

    asked: Asked | None = None
    ruled: tuple[Side, bool] | None = None
    _one_nano = _one_nano_told = 0
    _book_venues: tuple[str, ...] | None = None

    def __init__(self, listings: Listings, n_levels: int) -> None:
        n, most = len(listings.venues), decide.MOST_PLANS
        num, den = listings.num_den
        self.listings, self.n, self.n_levels = listings, n, n_levels
        sizes = _sizes(n, n_levels)
        begins, end = {}, decide.N_HEADER
        for place, size in sizes.items():
            begins[place] = end
            end += size
        self.ints = np.zeros(end, np.int64)
        float_sizes = {decide.UNIT_NANO: n_levels, decide.KEY: 2 * n_levels, decide.HEAP_KEY: n, decide.NANO: 3 * n}
        float_end = decide.N_FLOATS
        for place, size in float_sizes.items():
            begins[place] = float_end
            float_end += size
        self.floats = np.zeros(float_end, np.float64)
        for place, begin in begins.items():
            self.ints[place] = begin
        self.ints[decide.N], self.ints[decide.N_LEVELS], self.ints[decide.MOST_UNITS] = n, n_levels, MAX_UNITS
        self.ints[decide.HAS_FIXED], self.ints[decide.RULE_FITS] = listings.has_fixed, is_rule_narrow(num, den)
        self.floats[decide.RATIO], self.floats[decide.SCALE] = num / den, 10.0**listings.symbol.qty_scale
        self._begins = begins
        # The widest columns of a receipt of the most plans, each with its byte of width, rivals' costs before them.
        columns = n * (pack.N_FACTS + most + 2) + 2 * n_levels + most
        self.packed = np.zeros(8 * columns + pack.N_FACTS + most + 5, np.uint8)
        self.answer = self.cut(decide.ANSWER, sizes[decide.ANSWER])
        self._packed_bytes, self._answer_bytes = self.packed.data, self.answer.data.cast("B")
        self.table, self.places = self.cut(decide.TABLE, pose.N_ASKED, n), self.cut(decide.PLACES, pose.N_PLACES, n)
        self.wish, self.rule = self.cut(decide.WISH, pose.N_WISHES), self.cut(decide.RULE, cost.N_RULES)
        self.standing, self.facts = self.cut(decide.STANDING, n, cost.N_TERMS), self.cut(decide.FACTS, prove.N_FACTS, n)
        self.standing[:], self.facts[:] = listings.terms, listings.facts
        self.terms, self.first = self.cut(decide.TERMS, n, cost.N_TERMS), self.cut(decide.FIRST, n + 1)
        self.seen, self.room = self.cut(decide.SEEN, n, 2), self.cut(decide.ROOM, n)
        self.price, self.qty = self.cut(decide.PRICE, n_levels), self.cut(decide.QTY, n_levels)
        self.unit_nano = self._float(decide.UNIT_NANO, n_levels)
        self.reach = self.floats[decide.REACH : decide.REACH + pose.N_REACH]
        # What a decision found, and what is said of it: N_ADMITTED and all that follows, up to the answer's rows.
        self._results = self.ints[decide.N_ADMITTED : decide.N_HEADER + answer.N_HEAD]
        self.asked_of: tuple[object, object] = (), ()
        self.vouched: object = None  # the `standing` of the request that was asked of last
        self._told: dict[int, Sequence[int] | int] = {}
        self._row, self._rows_bytes = Struct(f"{n}q"), self.table.reshape(-1).data.cast("B")
        self._told_row = Struct(f"{n}Q")
        self._rows: list[int] = []
        self._contestants: dict[tuple[int, int], Contestants] = {}

    def cut(self, place_i: int, *shape: int) -> Int64Array:
        """The array of `shape` that begins at a place of the integers' header."""
        begin = self._begins[place_i]
        return self.ints[begin : begin + prod(shape)].reshape(shape)

    def _float(self, place_i: int, *shape: int) -> Float64Array:
        begin = self._begins[place_i]
        return self.floats[begin : begin + prod(shape)].reshape(shape)

    def rows_of(self, book_venues: tuple[str, ...], venues: tuple[str, ...]) -> list[int]:
        """Each listing's row in the books, -1 where there is none; the same books give the same list."""
        if self._book_venues != book_venues:
            row_of = {venue: row for row, venue in enumerate(book_venues)}
            self._book_venues, self._rows = book_venues, [row_of.get(venue, -1) for venue in venues]
        return self._rows

    def tell(self, row: int, values: Sequence[int] | int) -> None:
        """Writes a row of `table`, unless it holds these values already: most of a request is that of the last one."""
        if self._told.get(row) == values:
            return
        if isinstance(values, int):
            self.table[row] = values
        else:
            self._row.pack_into(self._rows_bytes, row * self._row.size, *values)  # a few words: sooner than by NumPy
        self._told[row] = values

    def count_capacities(self, side: Side) -> None:
        """Says how capacities of orders of this side are counted: see kernels/pose.py."""
        self._one_nano, self.wish[pose.CAPACITY_IS_UNITS] = _capacity_rule(self.listings.symbol, side)

    def tell_capacity(self, request: PlanRequest, told_nano: tuple[int, ...]) -> None:
        """Writes what each listing may take: as a receipt tells it, and as the kernels count it."""
        one_nano = self._one_nano
        try:
            if one_nano:  # the kernel counts
                self._told_row.pack_into(self._rows_bytes, pose.TOLD_NANO * self._row.size, *told_nano)
        except error:  # below zero, or beyond a word
            one_nano = 0
        if not one_nano:
            nano = [max(each, 0) for each in told_nano]
            self.table[pose.CAPACITY] = capacities(request, self.listings.fees, nano)
            self.table[pose.CAPACITY_HIGH] = [min(each >> pose.CAPACITY_BITS, NARROW) for each in nano]
            self.table[pose.CAPACITY_LOW] = [each & (1 << pose.CAPACITY_BITS) - 1 for each in nano]
        if one_nano != self._one_nano_told:
            self.wish[pose.CAPACITY_ONE_NANO] = self._one_nano_told = one_nano

    def rule_for(self, side: Side, is_at_limit: bool) -> None:
        """Writes the rule of money for one side."""
        num, den = self.listings.num_den
        num_den = (num, den) if is_rule_narrow(num, den) else (1, 1)
        self.rule[:] = _rule(self.listings.symbol, side, num_den, is_at_limit=is_at_limit)
        self.ruled = side, is_at_limit

    def fits(self, listings: Listings, n_levels: int) -> bool:
        """Whether a decision over these listings and so many levels can use these arrays."""
        return listings is self.listings and n_levels <= self.n_levels

    def carry(self, arrays: Mapping[str, Int64Array]) -> None:
        """Takes up a problem that was posed elsewhere, narrow, all its venues admitted: see routing/carry.py."""
        self.first[:], self.price[:], self.qty[:] = arrays["first"], arrays["price_units"], arrays["qty_units"]
        self.unit_nano[:], self.rule[:] = arrays["unit_nano"].view(np.float64), arrays["rule"]
        self.terms[:], self.room[:] = arrays["terms"].reshape(self.terms.shape), arrays["room_units"]
        self.reach[pose.IS_NARROW], self.ints[decide.N_ADMITTED] = 1.0, self.n

    def contestants(self, n_plans: int, n: int) -> Contestants:
        """The arrays of a contest of `n_plans`, at most decide.MOST_PLANS, over `n` admitted venues."""
        found = self._contestants.get((n_plans, n))
        if found is None:
            units, walk = self.cut(decide.UNITS, n_plans, n), self.cut(decide.WALK, n_plans, n, 4)
            found = self._contestants[(n_plans, n)] = Contestants(
                units=units,
                walk=walk,
                plans=tuple(zip(units, walk, strict=True)),
                total=self.cut(decide.TOTAL, n_plans, 6),
                status=self.cut(decide.STATUS, n_plans),
                work=self.cut(decide.WORK, 2, n),
                heap_key=self._float(decide.HEAP_KEY, n),
                chosen=self.cut(decide.CHOSEN, n),
                chosen_walk=self.cut(decide.CHOSEN_WALK, n, 4),
                sent=self.cut(decide.SENT, n, 2),
                nano=self._float(decide.NANO, n, 3),
            )
        return found

    def run(self, books: SymbolBooks, step_i: int, step: Step) -> list[int]:
        """The steps of `step_i` in one kernel call. Returns what it found and the answer's head: see kernels/decide.py.

        The first is decide.N_ADMITTED; the head, FOUND_WORDS behind it, is of this decision where N_PACKED says so.
        """
        solvers, now_ns, cap_units, wanted_units, notional_nano, max_venues, mid_half_units, is_sweep = step
        whole.decide_plan(
            books.price_units,
            books.qty_units,
            books.n_levels,
            books.book_seq,
            books.received_ts_ns,
            books.is_gapped,
            solvers,
            self.ints,
            self.floats,
            self.packed,
            step_i,
            now_ns,
            cap_units,
            wanted_units,
            notional_nano,
            max_venues,
            mid_half_units,
            is_sweep,
        )
        found: list[int] = self._results.tolist()
        return found

    def pack(self, n_plans: int, horizon_nano: float) -> bytes:
        """The receipt's columns by kernels/answer.py."""
        return self.packed_bytes(answer.pack_answer(self.ints, self.floats, n_plans, horizon_nano, self.packed))

    def packed_bytes(self, n_bytes: int) -> bytes:
        """The first of what was packed last."""
        return self._packed_bytes[:n_bytes].tobytes()

    def answer_words(self, n_words: int) -> bytes:
        """The first words of the table that was written last, as int64 of this machine."""
        return self._answer_bytes[: 8 * n_words].tobytes()


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


def _capacity_rule(symbol: Symbol, side: Side) -> tuple[int, bool]:
    """How many nano are one of a capacity as the kernels count it (0: there is no such number), whether that is units:
    what no level price changes, base or margin.
    """
    kind = symbol.fungible.kind
    if kind is SPOT and side is SELL:
        return int(NANO // 10**symbol.qty_scale), True
    return (0, True) if kind is INVERSE else (1, False)


def capacities(request: PlanRequest, fees: tuple[FeeTier, ...], capacity_nano: Sequence[int]) -> list[int]:
    """Each capacity as the kernels count it; cut to int64 headroom, which is more than any book holds."""
    symbol = request.symbol
    one_nano, _ = _capacity_rule(symbol, request.approved.value.side)
    if not one_nano:
        return [_margin_units(symbol, *pair) for pair in zip(fees, capacity_nano, strict=True)]
    return [min(capacity // one_nano, NARROW) for capacity in capacity_nano]


def _margin_units(symbol: Symbol, fee: FeeTier, capacity_nano: int) -> int:
    """Contracts of an inverse class that a quote margin carries with fee and fixed cost: face value, no price in it."""
    room_nano = max(capacity_nano - fee.fixed_nano, 0)
    whole_ppm = PPM + max(fee.taker_fee_ppm, 0)
    units: int = room_nano * PPM * 10**symbol.qty_scale // (whole_ppm * symbol.fungible.multiplier_nano)
    return min(units, NARROW)


class Laid(NamedTuple):
    """A posed problem whose venues are not named yet: `n` of the listings were admitted.

    `results`: what Workspace.run gives; where IS_HELD, plans were made and the best one proven too.
    """

    n: int
    asked: Asked
    workspace: Workspace
    results: list[int]


_laid: Final = quick.tupled(Laid)


def is_rule_narrow(numerator: int, denominator: int) -> bool:
    """Whether the money rule itself fits the kernels; where it does not, Python settles (routing/exact.py)."""
    return numerator < NARROW and denominator < NARROW


def lay_problem(
    request: PlanRequest,
    books: SymbolBooks,
    asked: Asked,
    workspace: Workspace,
    step: Step | None = None,
    *,
    step_i: int = SAID,
) -> Laid:
    """Poses the problem in `workspace`, one kernel call over the books as they were seen.

    `step`: solvers and what they are asked for, where more shall be done in the same call: DECIDED, plans made and the
    best one proven, or SAID, which is that alone too where `mid_half_units` is below zero.
    """
    symbol, listings = request.symbol, asked.listings
    order = request.approved.value
    ruled = order.side, order.strategy is SWEEP and request.price_cap_units > 0
    if workspace.ruled != ruled:
        workspace.rule_for(*ruled)
    if listings.has_fixed and symbol.fungible.kind is INVERSE:
        workspace.standing[:, cost.FIXED_NANO] = [
            min(fixed_cost_nano(symbol, fee, request.mid_half_units), NARROW) for fee in listings.fees
        ]
    if step is None:
        step = Step(now_ns=request.now_ns, cap_units=request.price_cap_units)
        results = workspace.run(books, decide.POSE, step)
    else:
        results = workspace.run(books, DECIDED if step.mid_half_units < 0 else step_i, step)
    return _laid((results[0], asked, workspace, results))


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
        exact.size_venues(first, price, qty, terms, workspace.rule, (num, den), admitted.capacity_nano, room)
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
        rule=workspace.rule,
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
