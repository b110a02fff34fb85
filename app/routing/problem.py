"""One routing problem as flat arrays: the routed side of every admitted venue, its terms, and the rule of money.

Built once per decision from the books that were copied for it; solvers and the verifier read it, nobody writes it.
Money is nano of the symbol's money currency, signed as cost (float to search, integer to settle).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from app.domain.enums import ContractKind, Side, Strategy
from app.domain.fees import FeeTier
from app.domain.instrument import Symbol
from app.domain.plan import PlanRequest
from app.domain.units import NANO, PPM, div_up
from app.kernels import cost
from app.routing import exact
from app.routing.listings import NARROW, Listings, money_rule
from app.shm.books import SymbolBooks

Int64Array = npt.NDArray[np.int64]
Float64Array = npt.NDArray[np.float64]

NO_CAPACITY: Final = -1
# Fixed costs above this are summed by Python: a few of them would leave int64.
MAX_NARROW_FIXED_NANO: Final = 2**56
MAX_FLOAT_INTEGER: Final = 2**53


@dataclass(frozen=True, slots=True)
class Admitted:
    """The venues that may be routed to, in columns: which of the listings, their rows in the books, ages, capacities.

    `picks`, `rows`: int64[n]. Made by routing/verify.py alone.
    """

    listings: Listings
    venues: tuple[str, ...]
    picks: Int64Array
    rows: Int64Array
    book_seq: list[int]
    age_ns: list[int]
    max_age_ns: list[int]
    capacity_nano: list[int]


@dataclass(frozen=True, slots=True)
class RouteProblem:
    """Flat arrays of one class on one side.

    Venue v owns levels first[v] .. first[v + 1] of `price_units`, `qty_units` (int64) and `unit_nano` (float64, all-in
    cost of one unit). `terms` is int64[n, N_TERMS], `rule` int64[N_RULES] (kernels/cost.py). `room_units`, int64[n]:
    most whole-lot units, 0 where a venue's least exceeds them. `seen`, int64[n, 2]: own touch, levels beyond the limit.
    `is_narrow`: every product fits int64, so kernels may settle; otherwise exact.py does. `scratch`: work of the merge.
    """

    request: PlanRequest
    admitted: Admitted
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
    scratch: tuple[Int64Array, Float64Array]

    @property
    def n_venues(self) -> int:
        return len(self.admitted.venues)

    @property
    def venues(self) -> tuple[str, ...]:
        return self.admitted.venues

    @property
    def symbol(self) -> Symbol:
        return self.request.symbol


def fixed_cost_nano(symbol: Symbol, fee: FeeTier, mid_half_units: int) -> int:
    """The fixed cost of one child in the symbol's money; a quote amount becomes coin at the benchmark, rounded up."""
    if not symbol.fungible.is_inverse or fee.fixed_nano == 0:
        return fee.fixed_nano
    return div_up(fee.fixed_nano * 2 * 10**symbol.price_scale, max(mid_half_units, 1))


def limits_of(request: PlanRequest, tick_units: Int64Array) -> Int64Array:
    """The cap as prices that each tick can say, never beyond it (int64, as `tick_units`); 0 without a cap."""
    cap = request.price_cap_units
    if cap <= 0:
        return np.zeros_like(tick_units)
    if request.approved.value.side is Side.BUY:
        below: Int64Array = np.maximum(cap // tick_units * tick_units, 1)
        return below
    above: Int64Array = -(-cap // tick_units) * tick_units
    return above


def build_problem(request: PlanRequest, books: SymbolBooks, admitted: Admitted) -> RouteProblem:
    """The flat problem of the admitted venues; takes their `Admitted` from routing/verify.py."""
    symbol, side = request.symbol, request.approved.value.side
    num, den = num_den = money_rule(symbol)
    fits = num < NARROW and den < NARROW
    rule = _rule(request, (num, den) if fits else (1, 1))
    terms = _terms(request, admitted)
    n = len(admitted.venues)
    size = n * books.price_units.shape[2]
    price, qty, unit_nano = np.empty(size, np.int64), np.empty(size, np.int64), np.empty(size, np.float64)
    first, seen, reach = np.empty(n + 1, np.int64), np.empty((n, 2), np.int64), np.empty(5, np.float64)
    ratio = num / den
    cost.lay_levels(
        books.price_units,
        books.qty_units,
        books.n_levels,
        admitted.rows,
        terms,
        rule,
        ratio,
        price,
        qty,
        unit_nano,
        first,
        seen,
        reach,
    )
    highest, lowest, depth, best_bid, best_ask = reach.tolist()
    is_narrow = fits and _fits_int64((highest, lowest, depth), terms, num_den, is_inverse=symbol.fungible.is_inverse)
    n_flat = int(first[n])
    price, qty, unit_nano = price[:n_flat], qty[:n_flat], unit_nano[:n_flat]
    room = np.empty(n, dtype=np.int64)
    if is_narrow:
        cost.size_venues(first, price, qty, terms, rule, room)
    else:
        exact.size_venues(first, price, qty, terms, rule, num_den, admitted.capacity_nano, room)
    return RouteProblem(
        request=request,
        admitted=admitted,
        side=side,
        sign=symbol.fungible.cost_sign(side),
        first=first,
        price_units=price,
        qty_units=qty,
        unit_nano=unit_nano,
        terms=terms,
        rule=rule,
        room_units=room,
        seen=seen,
        num_den=num_den,
        ratio=ratio,
        is_narrow=is_narrow,
        has_fixed=admitted.listings.has_fixed,
        best_bid_units=_exact_price(best_bid, books.price_units[admitted.rows, 0, 0]),
        best_ask_units=_exact_price(best_ask, books.price_units[admitted.rows, 1, 0]),
        scratch=(np.empty((2, n), dtype=np.int64), np.empty(n, dtype=np.float64)),
    )


def _exact_price(price: float, touches: Int64Array) -> int:
    """The integer that the kernel's float stands for: one of `touches` where it is beyond a float's integers."""
    if abs(price) < MAX_FLOAT_INTEGER:
        return int(price)
    return int(touches[np.argmin(np.abs(touches.astype(np.float64) - price))])


def _rule(request: PlanRequest, num_den: tuple[int, int]) -> Int64Array:
    order, fungible = request.approved.value, request.symbol.fungible
    is_at_limit = order.strategy is Strategy.SWEEP and request.price_cap_units > 0
    return np.array(
        (order.side.sign, fungible.cost_sign(order.side), *num_den, fungible.is_inverse, is_at_limit), dtype=np.int64
    )


def _terms(request: PlanRequest, admitted: Admitted) -> Int64Array:
    """The standing terms of the admitted venues with what this request adds: limits, capacities, fixed costs in money.

    A quote capacity that a buyer must hold at each level's price goes to CAPACITY_NANO; one that no level price changes
    (base to sell, margin of an inverse contract) becomes part of MAX_UNITS. Values are cut to int64 headroom, which is
    more than any book holds.
    """
    symbol, listings = request.symbol, admitted.listings
    terms: Int64Array = listings.terms[admitted.picks]
    if request.price_cap_units > 0:
        terms[:, cost.LIMIT_UNITS] = limits_of(request, terms[:, cost.TICK_UNITS])
    if symbol.fungible.is_inverse and listings.has_fixed:
        terms[:, cost.FIXED_NANO] = [
            min(fixed_cost_nano(symbol, listings.fees[pick], request.mid_half_units), NARROW)
            for pick in admitted.picks.tolist()
        ]
    if symbol.fungible.kind is ContractKind.SPOT and request.approved.value.side is Side.SELL:
        scale = 10**symbol.qty_scale
        most = [min(capacity * scale // NANO, NARROW) for capacity in admitted.capacity_nano]
    elif symbol.fungible.is_inverse:
        most = [
            _margin_units(symbol, listings.fees[pick], capacity)
            for pick, capacity in zip(admitted.picks.tolist(), admitted.capacity_nano, strict=True)
        ]
    else:
        terms[:, cost.CAPACITY_NANO] = [min(capacity, NARROW) for capacity in admitted.capacity_nano]
        return terms
    terms[:, cost.CAPACITY_NANO] = NO_CAPACITY
    terms[:, cost.MAX_UNITS] = np.minimum(terms[:, cost.MAX_UNITS], most)
    return terms


def _margin_units(symbol: Symbol, fee: FeeTier, capacity_nano: int) -> int:
    """Contracts of an inverse class that a quote margin carries with fee and fixed cost: face value, no price in it."""
    room_nano = max(capacity_nano - fee.fixed_nano, 0)
    whole_ppm = PPM + max(fee.taker_fee_ppm, 0)
    units: int = room_nano * PPM * 10**symbol.qty_scale // (whole_ppm * symbol.fungible.multiplier_nano)
    return min(units, NARROW)


def _fits_int64(
    reach: tuple[float, float, float], terms: Int64Array, num_den: tuple[int, int], *, is_inverse: bool
) -> bool:
    """Whether no product of the settling kernels can leave int64; `reach` is highest and lowest price, and depth."""
    num, den = num_den
    # A little above the floats, which are exact to 53 bits only.
    highest, lowest, depth = int(reach[0] * 1.000001), int(min(reach[0], reach[1])), int(reach[2] * 1.000001) + 1
    price, low = max(highest, int(terms[:, cost.LIMIT_UNITS].max())) + 1, max(lowest, 1)
    most: list[int] = terms.max(axis=0).tolist()
    factor: int = PPM + max(most[cost.FEE_PPM], -int(terms[:, cost.FEE_PPM].min()))
    if depth * PPM >= NARROW or most[cost.MIN_NOTIONAL_NANO] * den >= NARROW:
        return False
    if most[cost.FIXED_NANO] >= MAX_NARROW_FIXED_NANO:
        return False
    if is_inverse:
        # A witness is at most the dearest cost, so witness x price x den stays under factor x num x price / low.
        return max(depth * num, 2 * factor * num * (price // low + 1), price * den) < NARROW
    if den == 1:
        return price * depth * num < NARROW
    return max(price * depth * num, 2 * price * num * factor) < NARROW
