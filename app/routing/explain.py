"""Why a venue got nothing, why a part of the order found no venue, and what the expected cost is made of."""

from __future__ import annotations

from itertools import compress, repeat

import numpy as np
import numpy.typing as npt

from app.domain import quick
from app.domain.enums import ContractKind, ExclusionCode, Side, TimeInForce, UnallocatedCode
from app.domain.plan import CostSplit, Exclusion
from app.domain.units import NANO_SCALE, div_half_even
from app.kernels import cost
from app.routing.findings import Proof, Recosted
from app.routing.problem import RouteProblem

Int64Array = npt.NDArray[np.int64]


def exclusions(problem: RouteProblem, plan: Recosted | None, wanted_units: int, proof: Proof) -> list[Exclusion]:
    """One reason, with its numbers, for each venue of the problem that the plan leaves out."""
    units = plan.units.tolist() if plan is not None else [0] * problem.n_venues
    n_used = plan.n_venues if plan is not None else 0
    if n_used == len(units):
        return []
    own_nano = proof.own_nano
    room, least = problem.room_units.tolist(), problem.terms[:, cost.MIN_UNITS].tolist()
    # The dearest all-in price of one whole quantity that the plan pays, signed as cost.
    scale = 10.0**problem.symbol.qty_scale
    ceiling_nano = round(proof.deepest_nano * scale) if n_used else 0
    limit_nano = abs(ceiling_nano)
    order = problem.request.approved.value
    is_whole = order.is_full_fill_required or order.time_in_force is TimeInForce.FOK
    max_venues = 1 if is_whole else order.venues.max_venues
    # One venue must fill it all and this one did not, or the venues allowed are used up by dearer ones.
    is_bound = plan is None if is_whole and n_used == 0 else 0 < max_venues <= n_used
    if not is_bound and min(room) > 0 and max(least) <= wanted_units:  # as ever on a sound market
        dear, left_out = ExclusionCode.DEARER, [quantity == 0 for quantity in units]
        venues, values_nano = compress(problem.venues, left_out), map(int, map(abs, compress(own_nano, left_out)))
        return quick.values(Exclusion, zip(venues, repeat(dear), repeat(limit_nano), values_nano))
    rows: list[tuple[object, ...]] = []
    max_code, dearer, add = ExclusionCode.MAX_VENUES, ExclusionCode.DEARER, rows.append
    for v, venue in enumerate(problem.venues):
        if units[v]:
            continue
        price_nano = own_nano[v]
        if room[v] <= 0 or least[v] > wanted_units:
            add(impossible(problem, v, wanted_units))
        elif is_bound and (plan is None or price_nano < ceiling_nano):
            add((venue, max_code, max_venues, n_used))
        else:
            add((venue, dearer, limit_nano, int(abs(price_nano))))
    return quick.values(Exclusion, rows)


def impossible(problem: RouteProblem, venue_i: int, wanted_units: int) -> tuple[str, ExclusionCode, int, int]:
    """The reason of a venue that could take nothing at any price: limit, least quantity, least notional, balance."""
    venue, touch_units = problem.venues[venue_i], int(problem.seen[venue_i, 0])
    listing = problem.admitted.listings.instruments[problem.admitted.picks[venue_i]]
    row = problem.terms[venue_i].tolist()
    depth = int(problem.qty_units[problem.first[venue_i] : problem.first[venue_i + 1]].sum())
    if depth == 0:
        # Without a cap it is the least price that the venue's tick can say.
        limit_units = problem.request.price_cap_units or row[cost.LIMIT_UNITS]
        return (venue, ExclusionCode.BEYOND_LIMIT, limit_units, touch_units)
    own_least, offered = listing.min_qty_lots * listing.lot_units, min(wanted_units, depth)
    if offered < own_least:
        return (venue, ExclusionCode.MIN_QTY, own_least, offered)
    if offered < row[cost.MIN_UNITS]:
        value = problem.symbol.notional_nano(touch_units, offered)
        return (venue, ExclusionCode.MIN_NOTIONAL, listing.min_notional_nano, value)
    if min(listing.max_qty_lots * listing.lot_units, depth) < row[cost.MIN_UNITS]:
        return (venue, ExclusionCode.MIN_QTY, row[cost.MIN_UNITS], listing.max_qty_lots * listing.lot_units)
    needed = problem.symbol.notional_nano(touch_units, row[cost.MIN_UNITS])
    if problem.side is Side.SELL and problem.symbol.fungible.kind is ContractKind.SPOT:
        needed = row[cost.MIN_UNITS] * 10 ** (NANO_SCALE - problem.symbol.qty_scale)
    return (venue, ExclusionCode.INSUFFICIENT_BALANCE, problem.admitted.capacity_nano[venue_i], needed)


def unallocated_code(
    problem: RouteProblem | None, units: Int64Array | None, rest_units: int | None, wanted_units: int
) -> UnallocatedCode:
    """Why the rest found no venue: the nearest reason that would have to change for more to be placed.

    `units`: int64[n], the plan; None: nobody got anything.
    """
    if problem is None:
        return UnallocatedCode.NO_VENUE
    units = units if units is not None else np.zeros(problem.n_venues, dtype=np.int64)
    terms = problem.terms
    rest = rest_units if rest_units is not None else max(wanted_units - int(units.sum()), 0)
    room = terms[:, cost.USABLE_UNITS] - units
    has_room = (room > 0) & (terms[:, cost.USABLE_UNITS] >= terms[:, cost.MIN_UNITS])
    if bool(has_room.any()):
        least_step = np.where(
            units > 0, terms[:, cost.LOT_UNITS], np.maximum(terms[:, cost.LOT_UNITS], terms[:, cost.MIN_UNITS])
        )
        if bool((terms[has_room, cost.LOT_UNITS] > rest).all()):
            return UnallocatedCode.BELOW_LOT
        if bool((least_step[has_room] > rest).all()):
            return UnallocatedCode.BELOW_MINIMUM
        return UnallocatedCode.BELOW_LOT if rest_units is None else UnallocatedCode.DEPTH_LIMITED
    depth = np.diff(np.concatenate([np.zeros(1, np.int64), np.cumsum(problem.qty_units)])[problem.first])
    largest = problem.admitted.listings.terms[problem.admitted.picks, cost.MAX_UNITS]
    if bool((np.minimum(depth, largest) - terms[:, cost.USABLE_UNITS] >= terms[:, cost.LOT_UNITS]).any()):
        return UnallocatedCode.BALANCE_LIMITED
    if bool(problem.seen[:, 1].any()):
        return UnallocatedCode.BEYOND_LIMIT
    return UnallocatedCode.DEPTH_LIMITED


def cost_split(problem: RouteProblem, plan: Recosted) -> CostSplit:
    """Expected cost against the benchmark mid: the half-spread of the best touch, the walk beyond it, fee, fixed.

    Without a benchmark (0) the best touch stands in for it and the spread is zero. The parts sum exactly.
    """
    symbol, sign, qty = problem.symbol, problem.sign, plan.qty_units
    touch = problem.best_ask_units if problem.side is Side.BUY else problem.best_bid_units
    touch_money = symbol.money_nano(touch, qty)
    mid_half = problem.request.mid_half_units
    mid_money = half_price_money_nano(problem, mid_half, qty) if mid_half > 0 else touch_money
    fee = sum(plan.walk[:, 1].tolist())
    fixed = plan.objective_nano - sign * plan.money_nano - fee
    spread, impact = sign * (touch_money - mid_money), sign * (plan.money_nano - touch_money)
    return CostSplit(spread, impact, fee, fixed, spread + impact + fee + fixed)


def half_price_money_nano(problem: RouteProblem, price_half_units: int, qty_units: int) -> int:
    """Money of a quantity at half of `price_half_units`, to the nearest nano."""
    symbol = problem.symbol
    if symbol.fungible.is_inverse:
        return symbol.money_nano(price_half_units, 2 * qty_units)
    return div_half_even(symbol.money_nano(price_half_units, qty_units), 2)
