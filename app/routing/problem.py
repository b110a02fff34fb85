"""One routing problem as flat arrays: the routed side of every admitted venue, its terms, and the rule of money.

Built once per decision from the books that were copied for it; solvers and the verifier read it, nobody writes it.
Money is nano of the symbol's money currency, signed as cost (HOUSE: float to search, integer to settle).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd
from typing import Final

import numpy as np
import numpy.typing as npt

from app.domain.enums import ContractKind, Side, Strategy
from app.domain.fees import FeeTier
from app.domain.instrument import Instrument, Symbol
from app.domain.plan import PlanRequest
from app.domain.units import NANO, PPM, div_up
from app.kernels import cost
from app.routing import exact
from app.shm.books import SymbolBooks

Int64Array = npt.NDArray[np.int64]
Float64Array = npt.NDArray[np.float64]

# Half of int64's reach, so that a sum of two products never wraps.
NARROW: Final = 2**61
NO_CAPACITY: Final = -1


@dataclass(frozen=True, slots=True)
class Admitted:
    """A venue that may be routed to: its listing, its fees, its row in the books and the most it may spend."""

    venue: str
    instrument: Instrument
    fee: FeeTier
    row: int
    capacity_nano: int
    book_seq: int
    age_ns: int
    max_age_ns: int


@dataclass(frozen=True, slots=True)
class Seen:
    """What the cut left aside at one venue: its own touch (0: empty side) and the levels beyond the limit."""

    touch_units: int
    n_cut: int
    has_bad_levels: bool


@dataclass(frozen=True, slots=True)
class RouteProblem:
    """Flat arrays of one class on one side.

    Venue v owns levels first[v] .. first[v + 1] of `price_units`, `qty_units` (int64) and `unit_nano` (float64, all-in
    cost of one unit). `terms` is int64[n, N_TERMS], `rule` int64[N_RULES] (kernels/cost.py). `is_narrow`: every product
    fits int64, so kernels may settle; otherwise exact.py does. `request` brings quantities, cap and time.
    """

    request: PlanRequest
    venues: tuple[Admitted, ...]
    seen: tuple[Seen, ...]
    first: Int64Array
    price_units: Int64Array
    qty_units: Int64Array
    unit_nano: Float64Array
    terms: Int64Array
    rule: Int64Array
    ratio: float
    is_narrow: bool
    best_bid_units: int
    best_ask_units: int

    @property
    def n_venues(self) -> int:
        return len(self.venues)

    @property
    def symbol(self) -> Symbol:
        return self.request.symbol

    @property
    def side(self) -> Side:
        return self.request.approved.value.side

    @property
    def sign(self) -> int:
        """+1 where money is a cost, -1 where it is proceeds."""
        return self.symbol.fungible.cost_sign(self.side)

    @property
    def usable_units(self) -> Int64Array:
        """int64[n]: the most whole-lot units of each venue under depth, limit, capacity and largest order."""
        usable: Int64Array = self.terms[:, cost.USABLE_UNITS]
        return usable


def money_rule(symbol: Symbol) -> tuple[int, int]:
    """The reduced (num, den) by which price x quantity becomes nano: see kernels/cost.py for both forms."""
    scale = 10 ** (symbol.price_scale + symbol.qty_scale)
    if symbol.fungible.kind is ContractKind.SPOT:
        num, den = NANO, scale
    elif symbol.fungible.kind is ContractKind.LINEAR:
        num, den = symbol.fungible.multiplier_nano, scale
    else:
        num, den = symbol.fungible.multiplier_nano * 10**symbol.price_scale, 10**symbol.qty_scale
    divisor = gcd(num, den)
    return num // divisor, den // divisor


def fixed_cost_nano(symbol: Symbol, fee: FeeTier, price_half_units: int) -> int:
    """The fixed cost of one child in the symbol's money; a quote amount becomes coin at the benchmark, rounded up."""
    if not symbol.fungible.is_inverse or fee.fixed_nano == 0:
        return fee.fixed_nano
    return div_up(fee.fixed_nano * 2 * 10**symbol.price_scale, max(price_half_units, 1))


def limit_of(request: PlanRequest, tick_units: int) -> int:
    """The cap as a price that the venue's tick can say, rounded away from the market; 0 without a cap."""
    cap = request.price_cap_units
    if cap <= 0:
        return 0
    if request.approved.value.side is Side.BUY:
        return max(cap // tick_units * tick_units, 1)
    return div_up(cap, tick_units) * tick_units


def _most_units(request: PlanRequest, item: Admitted, fixed_nano: int) -> tuple[int, int]:
    """(most units by largest order and by any capacity that is no matter of level prices, remaining capacity).

    The second is a quote capacity that a buyer must hold at each level's price, or NO_CAPACITY.
    """
    symbol, side = request.symbol, request.approved.value.side
    most = item.instrument.max_qty_lots * item.instrument.lot_units
    capacity = max(item.capacity_nano, 0)
    kind = symbol.fungible.kind
    if kind is ContractKind.SPOT and side is Side.SELL:
        return min(most, capacity * 10**symbol.qty_scale // NANO), NO_CAPACITY
    if kind is not ContractKind.INVERSE:
        return most, capacity
    # Notional of an inverse contract does not depend on price: margin is notional, fee and fixed cost in the quote.
    room = max(capacity - item.fee.fixed_nano, 0)
    per_fee = PPM + max(item.fee.taker_fee_ppm, 0)
    units = room * PPM * 10**symbol.qty_scale // (per_fee * symbol.fungible.multiplier_nano)
    return min(most, units), NO_CAPACITY


def _terms_row(request: PlanRequest, item: Admitted) -> tuple[int, ...]:
    """One row of `terms`; values beyond int64 headroom are cut to it, which is still more than any book holds."""
    listing, fee = item.instrument, item.fee
    fixed = fixed_cost_nano(request.symbol, fee, request.mid_half_units)
    most, capacity = _most_units(request, item, fixed)
    least = listing.min_qty_lots * listing.lot_units
    if request.symbol.fungible.is_inverse and listing.min_notional_nano > 0:
        per_unit = request.symbol.fungible.multiplier_nano
        least = max(least, div_up(listing.min_notional_nano * 10**request.symbol.qty_scale, per_unit))
    return (
        fee.taker_fee_ppm,
        min(fixed, NARROW),
        listing.lot_units,
        listing.tick_units,
        min(least, NARROW),
        min(listing.min_notional_nano, NARROW),
        min(most, NARROW),
        min(capacity, NARROW),
        limit_of(request, listing.tick_units),
        0,
        0,
    )


def build_problem(request: PlanRequest, books: SymbolBooks, venues: tuple[Admitted, ...]) -> RouteProblem:
    """The flat problem of the admitted venues. Only routing/verify.py makes the `Admitted` that it takes."""
    symbol, order = request.symbol, request.approved.value
    price = np.require(books.price_units, np.int64, ["C", "W"])
    qty = np.require(books.qty_units, np.int64, ["C", "W"])
    counts = np.require(books.n_levels, np.int64, ["C", "W"])
    rows = np.array([item.row for item in venues], dtype=np.int64)
    terms = np.array([_terms_row(request, item) for item in venues], dtype=np.int64).reshape(-1, cost.N_TERMS)
    num, den = money_rule(symbol)
    ratio = num / den
    is_inverse = symbol.fungible.is_inverse
    is_at_limit = order.strategy is Strategy.SWEEP and request.price_cap_units > 0
    fits = num < NARROW and den < NARROW
    rule = np.array(
        [
            order.side.sign,
            symbol.fungible.cost_sign(order.side),
            num if fits else 1,
            den if fits else 1,
            int(is_inverse),
            int(is_at_limit),
        ],
        dtype=np.int64,
    )
    n = len(venues)
    size = n * price.shape[2]
    flat_price, flat_qty, unit_nano = np.empty(size, np.int64), np.empty(size, np.int64), np.empty(size, np.float64)
    first, seen = np.zeros(n + 1, np.int64), np.zeros((n, 3), np.int64)
    cost.lay_levels(price, qty, counts, rows, terms, rule, ratio, flat_price, flat_qty, unit_nano, first, seen)
    n_flat = int(first[n])
    flat_price, flat_qty, unit_nano = flat_price[:n_flat], flat_qty[:n_flat], unit_nano[:n_flat]
    is_narrow = fits and _fits_int64(flat_price, flat_qty, terms, (num, den), is_inverse)
    if is_narrow:
        cost.size_venues(first, flat_price, flat_qty, terms, rule)
    else:
        exact.size_venues(first, flat_price, flat_qty, terms, rule, (num, den))
    bids = price[rows, 0, 0][counts[rows, 0] > 0]
    asks = price[rows, 1, 0][counts[rows, 1] > 0]
    return RouteProblem(
        request=request,
        venues=venues,
        seen=tuple(Seen(touch, n_cut, bad != 0) for touch, n_cut, bad in seen.tolist()),
        first=first,
        price_units=flat_price,
        qty_units=flat_qty,
        unit_nano=unit_nano,
        terms=terms,
        rule=rule,
        ratio=ratio,
        is_narrow=is_narrow,
        best_bid_units=int(bids.max()) if bids.size else 0,
        best_ask_units=int(asks.min()) if asks.size else 0,
    )


def _fits_int64(
    price_units: Int64Array, qty_units: Int64Array, terms: Int64Array, num_den: tuple[int, int], is_inverse: bool
) -> bool:
    """Whether no product of the settling kernels can leave int64 for these levels."""
    if price_units.size == 0:
        return True
    num, den = num_den
    price, low = int(price_units.max()), max(int(price_units.min()), 1)
    depth = int(qty_units.sum(dtype=np.float64)) + 1
    fee_ppm = int(np.abs(terms[:, cost.FEE_PPM]).max())
    factor = PPM + fee_ppm
    least_notional = int(terms[:, cost.MIN_NOTIONAL_NANO].max())
    if depth * PPM >= NARROW or least_notional * den >= NARROW:
        return False
    if is_inverse:
        # A witness is at most the dearest cost, so witness x price x den stays under factor x num x price / low.
        return max(depth * num, 2 * factor * num * (price // low + 1), price * den) < NARROW
    if den == 1:
        return price * depth * num < NARROW
    return max(price * depth * num, 2 * price * num * factor) < NARROW
