"""The judge: admits instruments to a problem, recomputes plans in integers, proves the bound, makes the Certificate.

Nothing of the search is trusted: costs are walked again over the seen books, each constraint is checked against the
listing itself, and the bound is the Lagrangian value of a witness price, valid whatever price the search proposes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from app.domain.enums import ContractKind, ExclusionCode, Side, SolveStatus, TimeInForce
from app.domain.errors import InvariantBroken
from app.domain.fees import fee_nano
from app.domain.instrument import Symbol
from app.domain.plan import Allocation, BookUse, Certificate, Exclusion, PlanRequest, RoutePlan
from app.domain.units import NANO, PPM, div_up
from app.kernels import screen
from app.routing.costs import Walks, dual_value, walk_plans
from app.routing.listings import NARROW, Listings, tabulate
from app.routing.problem import Admitted, RouteProblem, fixed_cost_nano
from app.shm.books import SymbolBooks

Int64Array = npt.NDArray[np.int64]

CERTIFIED_TERMS: Final = ("price", "fee", "fixed_cost", "lots")
UBPS_PER_ONE: Final = 10_000 * 1_000_000
_SCREENED: Final = {
    screen.NO_BOOK: ExclusionCode.NO_BOOK,
    screen.GAPPED: ExclusionCode.BOOK_GAP,
    screen.STALE: ExclusionCode.STALE_BOOK,
    screen.CROSSED_BOOK: ExclusionCode.CROSSED_BOOK,
    screen.EMPTY_SIDE: ExclusionCode.EMPTY_SIDE,
}


@dataclass(frozen=True, slots=True)
class Recosted:
    """A candidate in whole lots (int64[n] units of the problem's venues) with its exact cost.

    `walk` is [n, 4] of money nano, fee nano, worst price units and levels read.
    """

    name: str
    units: Int64Array
    walk: npt.NDArray[Any]
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


def admit_listings(request: PlanRequest) -> Listings:
    """The request's listings as rows of integers, each checked to be of the symbol's own class and to have its fee.

    Raises InvariantBroken for an instrument of another class, or one without fees: our bug, not the book's.
    """
    fees = []
    for venue, listing in request.instruments.items():
        if listing.fungible != request.symbol.fungible or listing.symbol != request.symbol.name:
            raise InvariantBroken(reason="a problem holds one fungibility class", venue=venue, symbol=listing.symbol)
        fee = request.fees.get(venue)
        if fee is None or listing.venue != venue:
            raise InvariantBroken(reason="a venue needs its own listing and fee", venue=venue)
        if not (-PPM < fee.taker_fee_ppm < PPM and 0 <= fee.fixed_nano < NARROW > listing.min_notional_nano):
            raise InvariantBroken(reason="a fee or minimum that no number of ours can hold", venue=venue)
        fees.append(fee)
    return tabulate(request.symbol, tuple(request.instruments.values()), tuple(fees))


def admit(request: PlanRequest, books: SymbolBooks, listings: Listings) -> tuple[Admitted | None, list[Exclusion]]:
    """Splits the enabled venues into those that may be routed to (None: none) and the others, each with its reason."""
    excluded = list(request.barred.values())
    venues = listings.venues
    row_of = {venue: row for row, venue in enumerate(books.venues)}
    rows = np.array([row_of.get(venue, -1) for venue in venues], dtype=np.int64)
    max_age_ns = [request.max_book_age_ns.get(venue, 0) for venue in venues]
    codes = np.empty(len(venues), dtype=np.int64)
    side = request.approved.value.side
    n_usable = screen.screen_books(
        books.price_units,
        books.qty_units,
        books.n_levels,
        books.book_seq,
        books.received_ts_ns,
        books.is_gapped,
        rows,
        np.array(max_age_ns, dtype=np.int64),
        request.now_ns,
        side.sign,
        codes,
    )
    wanted = request.approved.value.venues
    if n_usable == len(venues) and not (excluded or wanted.include or wanted.exclude):
        picks = list(range(len(venues)))
    else:
        picks = []
        for k, (venue, code) in enumerate(zip(venues, codes.tolist(), strict=True)):
            reason = _reason(request, books, (venue, int(rows[k]), max_age_ns[k]), code)
            if reason is not None:
                excluded.append(reason)
            elif venue not in request.barred:
                picks.append(k)
    if not picks:
        return None, excluded
    picked_rows = rows[picks]
    capacity = request.capacity_nano
    names = venues if len(picks) == len(venues) else tuple(venues[k] for k in picks)
    admitted = Admitted(
        listings=listings,
        venues=names,
        picks=np.array(picks, dtype=np.int64),
        rows=picked_rows,
        book_seq=books.book_seq[picked_rows].tolist(),
        age_ns=(request.now_ns - books.received_ts_ns[picked_rows]).tolist(),
        max_age_ns=[max_age_ns[k] for k in picks],
        capacity_nano=[max(capacity.get(venue, 0), 0) for venue in names],
    )
    return admitted, excluded


def _reason(request: PlanRequest, books: SymbolBooks, place: tuple[str, int, int], code: int) -> Exclusion | None:
    """Why a venue may not be looked at: what the order says of it, then what its book says; None if it may.

    `place`: the venue, its row in the books, the greatest age of its book.
    """
    venue, row, max_age_ns = place
    wanted = request.approved.value.venues
    if venue in request.barred:
        return None
    if venue in wanted.exclude:
        return Exclusion(venue, ExclusionCode.EXCLUDED_BY_ORDER)
    if wanted.include and venue not in wanted.include:
        return Exclusion(venue, ExclusionCode.NOT_INCLUDED)
    if code == screen.USABLE:
        return None
    limit, value = 0, 0
    if code == screen.STALE:
        limit, value = max_age_ns, request.now_ns - int(books.received_ts_ns[row])
    elif code == screen.CROSSED_BOOK:
        limit, value = int(books.price_units[row, 1, 0]), int(books.price_units[row, 0, 0])
    return Exclusion(venue, _SCREENED[code], limit, value)


def recost(problem: RouteProblem, names: Sequence[str], plans: Sequence[Int64Array]) -> tuple[list[Recosted], Walks]:
    """Each candidate (int64[n] units) walked exactly over the seen books, with whether it keeps the venues' rules."""
    units = np.array(plans, dtype=np.int64).reshape(len(plans), problem.n_venues)
    walks, totals = walk_plans(problem, units)
    found = [
        Recosted(name, units[i], walks[i], quantity, n_used, money, objective, is_sound == 1)
        for i, (name, (objective, money, quantity, n_used, is_sound)) in enumerate(zip(names, totals, strict=True))
    ]
    return found, walks


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
    resolution = plan.n_venues + 1 + (2 * n_rounded + int(plan.walk[:, 3].sum()) if n_rounded else 0)
    status = SolveStatus.OPTIMAL if objective - bound <= resolution else SolveStatus.WITHIN_GAP
    return Finding(objective, bound, witness_upnano, gap_ubps, status)


def nothing_found() -> Finding:
    """What is proven about an empty plan: nothing costs nothing."""
    return Finding(0, 0, 0, 0, SolveStatus.OPTIMAL)


def certify(problem: RouteProblem | None, finding: Finding, solver: str, receipt: bytes) -> Certificate:
    """The one maker of a Certificate; `problem` None means that no venue could be looked at."""
    admitted = problem.admitted if problem is not None else None
    return Certificate(
        objective_nano=finding.objective_nano,
        bound_nano=finding.bound_nano,
        gap_ubps=finding.gap_ubps,
        status=finding.status,
        solver=solver,
        books=tuple(map(BookUse, admitted.venues, admitted.book_seq, admitted.age_ns)) if admitted is not None else (),
        certified_terms=CERTIFIED_TERMS,
        estimated_terms=(),
        receipt_sha256=hashlib.sha256(receipt).hexdigest(),
    )


def find_violations(
    plan: RoutePlan, request: PlanRequest, books: SymbolBooks, walked: Mapping[str, Sequence[int]] | None = None
) -> tuple[str, ...]:
    """Every law that the plan breaks, recomputed from the request and the books alone; empty for a sound plan.

    `walked`: the walks that `recost` has just made of the same plan (money, fee, worst price, levels read), by venue,
    so that a decision does not walk twice; without them each child is walked here, level by level.
    """
    found: list[str] = []
    allocated = {item.venue for item in plan.allocations}
    left_out = {item.venue for item in plan.excluded}
    n_named = len(plan.allocations) + len(plan.excluded)
    if len(allocated) + len(left_out) != n_named or allocated | left_out != request.instruments.keys() | request.barred:
        found.append("each enabled venue once")
    if not allocated.isdisjoint(request.barred):
        found.append("barred venue")
    order = request.approved.value
    if order.venues.max_venues and len(plan.allocations) > order.venues.max_venues:
        found.append("max venues")
    is_whole = order.is_full_fill_required or order.time_in_force is TimeInForce.FOK
    if is_whole and plan.allocations and (len(plan.allocations) > 1 or plan.unallocated_qty_units):
        found.append("full fill")
    for item in plan.allocations:
        if item.venue in request.instruments and item.venue in books.venues:
            walk = walked[item.venue] if walked is not None else _walk(item, request, books)
            found.extend(_allocation_violations(item, request, books, walk))
        else:
            found.append(f"{item.venue}: unknown venue")
    found.extend(_sum_violations(plan, request))
    return tuple(found)


def _sum_violations(plan: RoutePlan, request: PlanRequest) -> list[str]:
    """The laws of the whole: sums, rests, the certificate's numbers, the cost split."""
    found = []
    symbol, sign = request.symbol, request.symbol.fungible.cost_sign(request.approved.value.side)
    money = sum([item.money_nano for item in plan.allocations])
    fee, fixed = sum([item.fee_nano for item in plan.allocations]), sum([item.fixed_nano for item in plan.allocations])
    if sum([item.qty_units for item in plan.allocations]) != plan.allocated_qty_units:
        found.append("allocated quantity")
    if plan.allocated_notional_nano != plan_notional_nano(symbol, plan.allocated_qty_units, money):
        found.append("allocated notional")
    by_qty = request.qty_units is not None
    wanted = request.qty_units if by_qty else request.notional_nano
    placed = plan.allocated_qty_units if by_qty else plan.allocated_notional_nano
    rest = plan.unallocated_qty_units if by_qty else plan.unallocated_notional_nano
    if rest is None or rest < 0 or placed + rest != wanted:
        found.append("requested = allocated + unallocated")
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


def _walk(item: Allocation, request: PlanRequest, books: SymbolBooks) -> tuple[int, int, int, int]:
    """A child's money, fee, worst price and levels read (-1: the book is too short), by the domain's own arithmetic."""
    side = request.approved.value.side
    row, side_i = books.venues.index(item.venue), 1 if side is Side.BUY else 0
    n = int(books.n_levels[row, side_i])
    prices, qtys = books.price_units[row, side_i, :n].tolist(), books.qty_units[row, side_i, :n].tolist()
    left, money, worst, n_read = item.qty_units, 0, 0, 0
    for price, qty in zip(prices, qtys, strict=True):
        if left <= 0:
            break
        money += request.symbol.money_nano(price, min(left, qty))
        worst, left, n_read = price, left - qty, n_read + 1
    fee = fee_nano(money, request.fees[item.venue].taker_fee_ppm)
    return money, fee, worst, n_read if left <= 0 else -1


def _allocation_violations(
    item: Allocation, request: PlanRequest, books: SymbolBooks, walk: Sequence[int]
) -> list[str]:
    """The laws of one child: lots, sizes, ticks, cap, depth, age, exact expected cost, capacity."""
    listing, fee, symbol = request.instruments[item.venue], request.fees[item.venue], request.symbol
    side = request.approved.value.side
    row, side_i, sign = books.venues.index(item.venue), 1 if side is Side.BUY else 0, side.sign
    limit_units = item.limit_ticks * listing.tick_units
    cap_units, (money, fee_due, worst, n_read) = request.price_cap_units, walk
    touch = int(books.price_units[row, side_i, 0]) if books.n_levels[row, side_i] else 0
    judged = min(touch, limit_units)
    is_sized = judged > 0 and item.qty_units > 0
    laws = (
        ("lots", item.qty_lots >= 1 and item.qty_units == item.qty_lots * listing.lot_units),
        ("min qty", item.qty_lots >= listing.min_qty_lots),
        ("max qty", item.qty_lots <= listing.max_qty_lots),
        ("limit behind worst price", item.limit_ticks >= 1 and (limit_units - item.worst_price_units) * sign >= 0),
        ("price cap", cap_units <= 0 or (limit_units - cap_units) * sign <= 0),
        ("book age", request.now_ns - int(books.received_ts_ns[row]) <= request.max_book_age_ns.get(item.venue, 0)),
        ("book gap", not books.is_gapped[row] and books.book_seq[row] != 0),
        ("depth", n_read > 0),
        ("expected money", money == item.money_nano and worst == item.worst_price_units),
        ("expected fee", fee_due == item.fee_nano),
        ("fixed cost", item.fixed_nano == fixed_cost_nano(symbol, fee, request.mid_half_units)),
        ("min notional", is_sized and symbol.notional_nano(judged, item.qty_units) >= listing.min_notional_nano),
        ("capacity", is_sized and use_nano(item, request, touch) <= request.capacity_nano.get(item.venue, 0)),
    )
    return [f"{item.venue}: {law}" for law, holds in laws if not holds]


def use_nano(item: Allocation, request: PlanRequest, touch_units: int) -> int:
    """What a child may take of its venue's capacity: quote at its own limit with fee and fixed cost, or base sold."""
    symbol, side = request.symbol, request.approved.value.side
    fee, listing = request.fees[item.venue], request.instruments[item.venue]
    if symbol.fungible.kind is ContractKind.SPOT and side is Side.SELL:
        return div_up(item.qty_units * NANO, 10**symbol.qty_scale)
    price = item.limit_ticks * listing.tick_units if side is Side.BUY else touch_units
    notional = symbol.notional_nano(price, item.qty_units)
    return notional + fee_nano(notional, max(fee.taker_fee_ppm, 0)) + fee.fixed_nano
