"""Why a venue got nothing, why a part of the order found no venue, and what the expected cost is made of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from app.domain.enums import ContractKind, ExclusionCode, Side, UnallocatedCode
from app.domain.plan import CostSplit, Exclusion
from app.domain.units import NANO_SCALE, div_half_even
from app.kernels import cost
from app.routing.problem import RouteProblem
from app.routing.verify import Recosted


def broken_book(venue: str) -> Exclusion:
    """A side that is not positive or not sorted cannot be a book: its sequence is broken until a snapshot."""
    return Exclusion(venue, ExclusionCode.BOOK_GAP)


def exclusions(problem: RouteProblem, plan: Recosted | None, wanted_units: int) -> list[Exclusion]:
    """One reason, with its numbers, for each venue of the problem that the plan leaves out."""
    units = plan.units if plan is not None else (0,) * problem.n_venues
    ceiling_nano = _dearest_price_nano(problem, plan)
    n_used = plan.n_venues if plan is not None else 0
    return [_exclusion(problem, v, wanted_units, ceiling_nano, n_used) for v, used in enumerate(units) if not used]


def _exclusion(problem: RouteProblem, v: int, wanted_units: int, ceiling_nano: int, n_used: int) -> Exclusion:
    """The reason of one venue, from what makes it impossible to what makes it dearer."""
    item, seen = problem.venues[v], problem.seen[v]
    least, usable = int(problem.terms[v, cost.MIN_UNITS]), int(problem.terms[v, cost.USABLE_UNITS])
    depth = int(problem.qty_units[problem.first[v] : problem.first[v + 1]].sum())
    own_least = item.instrument.min_qty_lots * item.instrument.lot_units
    if depth == 0 and seen.n_cut:
        return Exclusion(item.venue, ExclusionCode.BEYOND_LIMIT, problem.request.price_cap_units, seen.touch_units)
    if min(wanted_units, depth) < own_least:
        return Exclusion(item.venue, ExclusionCode.MIN_QTY, own_least, min(wanted_units, depth))
    if min(wanted_units, depth) < least:
        value = problem.symbol.notional_nano(seen.touch_units, min(wanted_units, depth))
        return Exclusion(item.venue, ExclusionCode.MIN_NOTIONAL, item.instrument.min_notional_nano, value)
    if usable < least:
        needed = problem.symbol.notional_nano(seen.touch_units, least)
        if problem.side is Side.SELL and problem.symbol.fungible.kind is ContractKind.SPOT:
            needed = least * 10 ** (NANO_SCALE - problem.symbol.qty_scale)
        return Exclusion(item.venue, ExclusionCode.INSUFFICIENT_BALANCE, item.capacity_nano, needed)
    max_venues = problem.request.approved.value.venues.max_venues
    own_nano = _all_in_price_nano(problem, v, wanted_units)
    if max_venues and n_used >= max_venues and own_nano < ceiling_nano:
        return Exclusion(item.venue, ExclusionCode.MAX_VENUES, max_venues, n_used)
    return Exclusion(item.venue, ExclusionCode.DEARER, abs(ceiling_nano), abs(own_nano))


def _all_in_price_nano(problem: RouteProblem, v: int, wanted_units: int) -> int:
    """A venue's best all-in price of one whole quantity (10**qty_scale units), signed as cost, fixed cost spread."""
    if problem.first[v] == problem.first[v + 1]:
        return 0
    most = max(1, min(int(problem.terms[v, cost.USABLE_UNITS]), wanted_units))
    unit = float(problem.unit_nano[problem.first[v]]) + float(problem.terms[v, cost.FIXED_NANO]) / most
    return round(float(unit * 10.0**problem.symbol.qty_scale))


def _dearest_price_nano(problem: RouteProblem, plan: Recosted | None) -> int:
    """The dearest all-in price of one whole quantity that the plan pays, signed as cost."""
    if plan is None or plan.qty_units == 0:
        return 0
    dearest = max(
        float(problem.unit_nano[problem.first[v] + plan.walk[v][3] - 1]) for v, used in enumerate(plan.units) if used
    )
    return round(float(dearest * 10.0**problem.symbol.qty_scale))


def unallocated_code(
    problem: RouteProblem | None,
    plan: Recosted | None,
    excluded: Sequence[Exclusion],
    rest_units: int | None,
    wanted_units: int,
) -> UnallocatedCode:
    """Why the rest found no venue: the nearest reason that would have to change for more to be placed."""
    if problem is None:
        return UnallocatedCode.NO_VENUE
    units = np.array(plan.units if plan is not None else (0,) * problem.n_venues, dtype=np.int64)
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
    if bool((depth - terms[:, cost.USABLE_UNITS] >= terms[:, cost.LOT_UNITS]).any()):
        return UnallocatedCode.BALANCE_LIMITED
    if any(seen.n_cut for seen in problem.seen):
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
    fee = sum(row[1] for row in plan.walk)
    fixed = sum(int(problem.terms[v, cost.FIXED_NANO]) for v, used in enumerate(plan.units) if used)
    spread, impact = sign * (touch_money - mid_money), sign * (plan.money_nano - touch_money)
    return CostSplit(spread, impact, fee, fixed, spread + impact + fee + fixed)


def half_price_money_nano(problem: RouteProblem, price_half_units: int, qty_units: int) -> int:
    """Money of a quantity at half of `price_half_units`, to the nearest nano."""
    symbol = problem.symbol
    if symbol.fungible.is_inverse:
        return symbol.money_nano(price_half_units, 2 * qty_units)
    return div_half_even(symbol.money_nano(price_half_units, qty_units), 2)
