"""The judge: admits instruments to a problem, recomputes plans in integers, proves the bound, makes the Certificate.

Nothing of the search is trusted: costs are walked again over the seen books, each constraint is checked against the
listing itself, and the bound is the Lagrangian value of a witness price, valid whatever price the search proposes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from app.domain.enums import ContractKind, ExclusionCode, Side, SolveStatus
from app.domain.errors import InvariantBroken
from app.domain.fees import fee_nano
from app.domain.instrument import Symbol
from app.domain.plan import Allocation, BookUse, Certificate, Exclusion, PlanRequest, RoutePlan
from app.domain.units import NANO, PPM, div_up
from app.kernels import cost
from app.routing.costs import Walk, dual_value, objective_nano, walk_plans
from app.routing.problem import Admitted, RouteProblem, fixed_cost_nano
from app.shm.books import SymbolBooks

Int64Array = npt.NDArray[np.int64]

CERTIFIED_TERMS: Final = ("price", "fee", "fixed_cost", "lots")
UBPS_PER_ONE: Final = 10_000 * 1_000_000


@dataclass(frozen=True, slots=True)
class Recosted:
    """A candidate in whole lots with its exact cost; `units` and `walk` are per venue of the problem."""

    name: str
    units: tuple[int, ...]
    walk: Walk
    qty_units: int
    n_venues: int
    money_nano: int
    objective_nano: int
    is_feasible: bool


@dataclass(frozen=True, slots=True)
class Finding:
    """What is proven about a plan: its objective, and the bound with the witness price (1e-6 nano per unit) of it."""

    objective_nano: int
    bound_nano: int
    witness_upnano: int
    gap_ubps: int
    status: SolveStatus


def admit(request: PlanRequest, books: SymbolBooks) -> tuple[tuple[Admitted, ...], list[Exclusion]]:
    """Splits the enabled venues into those that may be routed to and those that may not, each with its reason.

    Raises InvariantBroken for an instrument of another fungibility class, or one without fees: our bug, not the book's.
    """
    excluded = list(request.barred.values())
    admitted: list[Admitted] = []
    row_of = {venue: row for row, venue in enumerate(books.venues)}
    seqs, received, gapped = books.book_seq.tolist(), books.received_ts_ns.tolist(), books.is_gapped.tolist()
    counts = books.n_levels.tolist()
    touches = books.price_units[:, :, 0].tolist() if books.price_units.shape[2] else []
    wanted = request.approved.value.venues
    side_i = 1 if request.approved.value.side is Side.BUY else 0
    for venue, listing in request.instruments.items():
        if listing.fungible != request.symbol.fungible or listing.symbol != request.symbol.name:
            raise InvariantBroken(reason="a problem holds one fungibility class", venue=venue, symbol=listing.symbol)
        if venue in request.barred:
            continue
        fee = request.fees.get(venue)
        if fee is None or not -PPM < fee.taker_fee_ppm < PPM:
            raise InvariantBroken(reason="a venue needs its fee", venue=venue)
        row = row_of.get(venue, -1)
        age_ns = request.now_ns - received[row] if row >= 0 else 0
        max_age_ns = request.max_book_age_ns.get(venue, 0)
        if venue in wanted.exclude:
            excluded.append(Exclusion(venue, ExclusionCode.EXCLUDED_BY_ORDER))
        elif wanted.include and venue not in wanted.include:
            excluded.append(Exclusion(venue, ExclusionCode.NOT_INCLUDED))
        elif row < 0 or seqs[row] == 0:
            excluded.append(Exclusion(venue, ExclusionCode.NO_BOOK))
        elif gapped[row]:
            excluded.append(Exclusion(venue, ExclusionCode.BOOK_GAP))
        elif age_ns > max_age_ns:
            excluded.append(Exclusion(venue, ExclusionCode.STALE_BOOK, max_age_ns, age_ns))
        elif counts[row][0] and counts[row][1] and touches[row][0] >= touches[row][1]:
            excluded.append(Exclusion(venue, ExclusionCode.CROSSED_BOOK, touches[row][1], touches[row][0]))
        elif not counts[row][side_i]:
            excluded.append(Exclusion(venue, ExclusionCode.EMPTY_SIDE))
        else:
            capacity = request.capacity_nano.get(venue, 0)
            admitted.append(Admitted(venue, listing, fee, row, capacity, seqs[row], age_ns, max_age_ns))
    return tuple(admitted), excluded


def recost(problem: RouteProblem, names: Sequence[str], plans: Sequence[Int64Array]) -> list[Recosted]:
    """Each candidate (int64[n] units) walked exactly over the seen books, with whether it keeps the venues' rules."""
    terms = problem.terms
    found = []
    for name, plan, walk in zip(names, plans, walk_plans(problem, plans), strict=True):
        used = plan > 0
        wrong = (plan < 0) | (plan > terms[:, cost.USABLE_UNITS]) | (plan % terms[:, cost.LOT_UNITS] != 0)
        wrong |= used & (plan < terms[:, cost.MIN_UNITS])
        units = tuple(plan.tolist())
        objective = objective_nano(problem, units, walk)
        is_feasible = not bool(wrong.any()) and all(row[3] >= 0 for row in walk)
        money = sum(row[0] for row in walk)
        found.append(
            Recosted(name, units, walk, sum(units), int(np.count_nonzero(used)), money, objective, is_feasible)
        )
    return found


def find(problem: RouteProblem, plan: Recosted, witness_upnano: int) -> Finding:
    """The bound that the witness price proves for the plan's quantity, and the gap to it in 1e-6 bps of its money."""
    objective = plan.objective_nano
    if plan.qty_units == 0:
        return nothing_found()
    value_nano, n_rounded = dual_value(problem, plan.qty_units, witness_upnano)
    bound = value_nano - 2 * n_rounded
    if bound > objective:
        raise InvariantBroken(reason="bound above objective", bound=bound, objective=objective)
    gap_ubps = div_up((objective - bound) * UBPS_PER_ONE, max(plan.money_nano, 1))
    # Each fee rounds up by less than a nano, the bound rounds down by less than one, and so does money per level.
    resolution = plan.n_venues + 1 + (2 * n_rounded + sum(row[3] for row in plan.walk) if n_rounded else 0)
    status = SolveStatus.OPTIMAL if objective - bound <= resolution else SolveStatus.WITHIN_GAP
    return Finding(objective, bound, witness_upnano, gap_ubps, status)


def nothing_found() -> Finding:
    """What is proven about an empty plan: nothing costs nothing."""
    return Finding(0, 0, 0, 0, SolveStatus.OPTIMAL)


def certify(problem: RouteProblem | None, finding: Finding, solver: str, receipt: bytes) -> Certificate:
    """The one maker of a Certificate; `problem` None means that no venue could be looked at."""
    venues = problem.venues if problem is not None else ()
    return Certificate(
        objective_nano=finding.objective_nano,
        bound_nano=finding.bound_nano,
        gap_ubps=finding.gap_ubps,
        status=finding.status,
        solver=solver,
        books=tuple(BookUse(item.venue, item.book_seq, item.age_ns) for item in venues),
        certified_terms=CERTIFIED_TERMS,
        estimated_terms=(),
        receipt_sha256=hashlib.sha256(receipt).hexdigest(),
    )


def find_violations(plan: RoutePlan, request: PlanRequest, books: SymbolBooks) -> tuple[str, ...]:
    """Every law that the plan breaks, recomputed from the request and the books alone; empty for a sound plan."""
    found: list[str] = []
    named = [item.venue for item in plan.allocations] + [item.venue for item in plan.excluded]
    if sorted(named) != sorted(set(request.instruments) | set(request.barred)):
        found.append("each enabled venue once")
    if any(item.venue in request.barred for item in plan.allocations):
        found.append("barred venue")
    order = request.approved.value
    if order.venues.max_venues and len(plan.allocations) > order.venues.max_venues:
        found.append("max venues")
    is_whole = order.is_full_fill_required or order.time_in_force.value == "fok"
    if is_whole and plan.allocations and (len(plan.allocations) > 1 or plan.unallocated_qty_units):
        found.append("full fill")
    for item in plan.allocations:
        if item.venue in request.instruments:
            found.extend(f"{item.venue}: {law}" for law in _allocation_violations(item, request, books))
    found.extend(_sum_violations(plan, request))
    return tuple(found)


def _sum_violations(plan: RoutePlan, request: PlanRequest) -> list[str]:
    found = []
    symbol, sign = request.symbol, request.symbol.fungible.cost_sign(request.approved.value.side)
    money = sum(item.money_nano for item in plan.allocations)
    fee, fixed = sum(item.fee_nano for item in plan.allocations), sum(item.fixed_nano for item in plan.allocations)
    if sum(item.qty_units for item in plan.allocations) != plan.allocated_qty_units:
        found.append("allocated quantity")
    if plan.allocated_notional_nano != plan_notional_nano(symbol, plan.allocated_qty_units, money):
        found.append("allocated notional")
    if request.qty_units is not None:
        if plan.unallocated_qty_units is None or plan.unallocated_qty_units < 0:
            found.append("unallocated quantity")
        elif plan.allocated_qty_units + plan.unallocated_qty_units != request.qty_units:
            found.append("requested = allocated + unallocated")
    elif request.notional_nano is not None:
        if plan.unallocated_notional_nano is None or plan.unallocated_notional_nano < 0:
            found.append("unallocated notional")
        elif plan.allocated_notional_nano + plan.unallocated_notional_nano != request.notional_nano:
            found.append("requested = allocated + unallocated")
    rest = plan.unallocated_qty_units or plan.unallocated_notional_nano
    if bool(rest) != (plan.unallocated_code is not None):
        found.append("unallocated code")
    if plan.certificate.objective_nano != sign * money + fee + fixed:
        found.append("objective")
    if plan.certificate.bound_nano > plan.certificate.objective_nano:
        found.append("bound")
    split = plan.cost
    if split.spread_nano + split.impact_nano + split.fee_nano + split.gas_nano != split.total_nano:
        found.append("cost split")
    if split.fee_nano != fee or split.gas_nano != fixed:
        found.append("cost split terms")
    return found


def plan_notional_nano(symbol: Symbol, qty_units: int, money_nano: int) -> int:
    """Gross quote notional of a plan: its money, or for an inverse contract its contracts' face value."""
    return symbol.notional_nano(1, qty_units) if symbol.fungible.is_inverse else money_nano


def _allocation_violations(item: Allocation, request: PlanRequest, books: SymbolBooks) -> list[str]:
    """The laws of one child: lots, sizes, ticks, cap, depth, age, exact expected cost, capacity."""
    found: list[str] = []
    listing, fee, symbol = request.instruments[item.venue], request.fees[item.venue], request.symbol
    side = request.approved.value.side
    row = books.venues.index(item.venue)
    side_i = 1 if side is Side.BUY else 0
    limit_units = item.limit_ticks * listing.tick_units
    if item.qty_lots < 1 or item.qty_units != item.qty_lots * listing.lot_units:
        found.append("lots")
    if item.qty_lots < listing.min_qty_lots:
        found.append("min qty")
    if item.qty_lots > listing.max_qty_lots:
        found.append("max qty")
    if item.limit_ticks < 1 or (limit_units - item.worst_price_units) * side.sign < 0:
        found.append("limit behind worst price")
    if request.price_cap_units > 0 and (limit_units - request.price_cap_units) * side.sign > 0:
        found.append("price cap")
    if request.now_ns - int(books.received_ts_ns[row]) > request.max_book_age_ns.get(item.venue, 0):
        found.append("book age")
    if books.is_gapped[row] or not books.book_seq[row]:
        found.append("book gap")
    left, money, worst = item.qty_units, 0, 0
    for level_i in range(int(books.n_levels[row, side_i])):
        if left <= 0:
            break
        worst = int(books.price_units[row, side_i, level_i])
        take = min(left, int(books.qty_units[row, side_i, level_i]))
        money += symbol.money_nano(worst, take)
        left -= take
    if left > 0:
        found.append("depth")
    if (money, fee_nano(money, fee.taker_fee_ppm), worst) != (item.money_nano, item.fee_nano, item.worst_price_units):
        found.append("expected cost")
    if item.fixed_nano != fixed_cost_nano(symbol, fee, request.mid_half_units):
        found.append("fixed cost")
    touch = int(books.price_units[row, side_i, 0])
    judged = min(touch, limit_units)
    if judged > 0 and symbol.notional_nano(judged, item.qty_units) < listing.min_notional_nano:
        found.append("min notional")
    if judged > 0 and use_nano(item, request, touch) > request.capacity_nano.get(item.venue, 0):
        found.append("capacity")
    return found


def use_nano(item: Allocation, request: PlanRequest, touch_units: int) -> int:
    """What a child may take of its venue's capacity: quote at its own limit with fee and fixed cost, or base sold."""
    symbol, side = request.symbol, request.approved.value.side
    fee, listing = request.fees[item.venue], request.instruments[item.venue]
    if symbol.fungible.kind is ContractKind.SPOT and side is Side.SELL:
        return div_up(item.qty_units * NANO, 10**symbol.qty_scale)
    price = item.limit_ticks * listing.tick_units if side is Side.BUY else touch_units
    notional = symbol.notional_nano(price, item.qty_units)
    return notional + fee_nano(notional, max(fee.taker_fee_ppm, 0)) + fee.fixed_nano
