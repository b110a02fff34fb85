"""The judge: admits instruments to a problem, recomputes plans in integers, proves the bound, makes the Certificate.

Nothing of the search is trusted: costs are walked again over the seen books, each constraint is checked against the
listing itself, and the bound is the Lagrangian value of a witness price, valid whatever price the search proposes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from app.domain import quick
from app.domain.enums import ContractKind, ExclusionCode, Side, SolveStatus, TimeInForce
from app.domain.errors import InvariantBroken
from app.domain.fees import fee_nano
from app.domain.instrument import Instrument, Symbol
from app.domain.plan import (
    MAX_ESTIMATE_PPM,
    Allocation,
    BookUse,
    Certificate,
    Exclusion,
    PlanRequest,
    RoutePlan,
)
from app.domain.quote_pool import MAX_BASIS_PPM, may_pool, source_of, venue_of
from app.domain.tabled import Seal
from app.domain.units import NANO, PPM, div_up
from app.kernels import decide, pose, screen
from app.routing.believed import NOTHING_BELIEVED, Believed
from app.routing.costs import Totals, Walks, dual_value, prices_only, walk_plans
from app.routing.findings import Finding, Proof, Recosted, make_finding, make_proof, make_recosted
from app.routing.listings import NARROW, Listings, tabulate
from app.routing.problem import (
    Admitted,
    Asked,
    Contestants,
    Laid,
    RouteProblem,
    Step,
    Workspace,
    fixed_cost_nano,
)
from app.routing.rounding import Settled
from app.shm.books import SymbolBooks

Int64Array = npt.NDArray[np.int64]

CERTIFIED_TERMS: Final = ("price", "fee", "fixed_cost", "lots")
# A search adds up floats: within this part of the plan's money (1e-8 bps) its bound and the plan are the same.
SEARCH_PARTS: Final = 2**40
UBPS_PER_ONE: Final = 10_000 * 1_000_000
# The laws of one child, in the order of kernels/prove.py's bits.
LAWS: Final = (
    "lots",
    "min qty",
    "max qty",
    "limit behind worst price",
    "price cap",
    "book age",
    "book gap",
    "depth",
    "expected money",
    "expected fee",
    "fixed cost",
    "min notional",
    "capacity",
)
OPTIMAL, WITHIN_GAP, INVERSE = SolveStatus.OPTIMAL, SolveStatus.WITHIN_GAP, ContractKind.INVERSE
UNJUDGED: Final = (1 << len(LAWS)) - 1
_PROVEN_I, _PACKED_I = decide.N_BROKEN - decide.N_ADMITTED, decide.N_PACKED - decide.N_ADMITTED
_certificate: Final = quick.maker(Certificate)
_asked, _seal = quick.tupled(Asked), quick.tupled(Seal)
_SCREENED: Final = {
    screen.NO_BOOK: ExclusionCode.NO_BOOK,
    screen.GAPPED: ExclusionCode.BOOK_GAP,
    screen.STALE: ExclusionCode.STALE_BOOK,
    screen.CROSSED_BOOK: ExclusionCode.CROSSED_BOOK,
    screen.EMPTY_SIDE: ExclusionCode.EMPTY_SIDE,
}


def admit_listings(request: PlanRequest) -> Listings:
    """The request's listings as rows of integers, each checked to be of the symbol's own class and to have its fee.

    A listing of another class is admitted where the order's quote_pool names its quote and a rate within the order's
    basis brings it into the symbol's units. Raises InvariantBroken for any other, or for one without fees: our bug, not
    the book's.
    """
    fees = []
    for venue, listing in request.instruments.items():
        if listing.fungible != request.symbol.fungible or listing.symbol != request.symbol.name:
            _admit_pooled(request, venue, listing)
        fee = request.fees.get(venue)
        if fee is None or listing.venue != venue:
            raise InvariantBroken(reason="a venue needs its own listing and fee", venue=venue)
        if not (-PPM < fee.taker_fee_ppm < PPM and 0 <= fee.fixed_nano < NARROW > listing.min_notional_nano):
            raise InvariantBroken(reason="a fee or minimum that no number of ours can hold", venue=venue)
        fees.append(fee)
    return tabulate(request.symbol, tuple(request.instruments.values()), tuple(fees))


def _admit_pooled(request: PlanRequest, source: str, listing: Instrument) -> None:
    """Raises InvariantBroken unless the order itself opens the listing's class, at a rate that its books bear out."""
    order, own = request.approved.value, request.symbol.fungible
    rates = request.pool.conversions if request.pool is not None else ()
    conversion = next((found for found in rates if found.symbol == listing.symbol), None)
    if conversion is None or order.quote_pool is None or not may_pool(own, listing.fungible, order.quote_pool):
        raise InvariantBroken(reason="a problem holds one fungibility class", venue=source, symbol=listing.symbol)
    if (
        source != source_of(venue_of(source), listing.symbol)
        or conversion.currency != listing.fungible.quote
        or listing.tick_units != 1
        or not conversion.is_borne_out(order.side)
        or conversion.basis_ppm > min(order.quote_pool.max_basis_ppm, MAX_BASIS_PPM)
    ):
        raise InvariantBroken(reason="a rate that the order does not allow or no book bears out", venue=source)


def check_pool(request: PlanRequest, books: SymbolBooks) -> None:
    """Raises InvariantBroken where a source's routed side is not its own levels at its rate: our bug again."""
    if request.pool is None:
        return
    side, side_i = request.approved.value.side, int(request.approved.value.side is Side.BUY)
    rates = {conversion.symbol: conversion for conversion in request.pool.conversions}
    for source, listing in request.instruments.items():
        conversion = rates.get(listing.symbol)
        if conversion is None:
            continue  # of the order's own symbol, or it would not have been admitted
        row, own_levels = books.venues.index(source), request.pool.own_levels.get(source, ())
        found: dict[int, int] = {}
        for own_price, qty in own_levels:
            price = conversion.price_units(own_price, request.symbol.price_scale, side)
            if price > 0:
                found[price] = found.get(price, 0) + qty
        n = int(books.n_levels[row, side_i])
        told = zip(books.price_units[row, side_i, :n].tolist(), books.qty_units[row, side_i, :n].tolist(), strict=True)
        if list(found.items()) != list(told):
            raise InvariantBroken(reason="a source's book is not its own levels at the rate", venue=source)


def ask(request: PlanRequest, books: SymbolBooks, listings: Listings, workspace: Workspace) -> Asked:
    """What the request says of each listing, written into `workspace`; estimates are cut to what they may weigh."""
    order, ages, asked = request.approved.value, request.max_book_age_ns, workspace.asked
    wanted, bound_ppm = order.venues, request.max_estimate_ppm
    told, standing = (ages, request.barred, request.estimates), request.standing if not request.estimates else None
    whose, (known_whose, known_told) = (
        (books.venues, order.side, wanted.include, wanted.exclude, bound_ppm),
        workspace.asked_of,
    )
    # Compared by value with copies of our own, for whoever made these mappings may change them, and has not vouched.
    is_vouched = standing is not None and standing is workspace.vouched
    is_known = whose == known_whose and (is_vouched or told == known_told)
    capacity_nano = listings.capacities_of(request.capacity_nano)
    workspace.vouched = standing
    if asked is not None and is_known and asked.capacity_nano == capacity_nano:
        return asked
    workspace.asked = None  # until all of it is told
    if asked is not None and is_known:  # the usual next order: it may spend what the one before has left
        asked = _asked((listings, asked.table, asked.wish, asked.rows, asked.max_age_ns, capacity_nano))
    else:
        rows = workspace.rows_of(books.venues, listings.venues)
        max_age_ns = [ages.get(venue, 0) for venue in listings.venues]
        workspace.tell(pose.ROW, rows)
        workspace.tell(pose.MAX_AGE_NS, max_age_ns)
        workspace.tell(pose.ESTIMATE_PPM, estimates_ppm(request, listings) if request.estimates else 0)
        workspace.tell(pose.IS_WANTED, _are_wanted(request, listings.venues))
        workspace.count_capacities(order.side)
        workspace.asked_of = whose, tuple(map(dict, told))
        asked = Asked(listings, workspace.table, workspace.wish, rows, max_age_ns, capacity_nano)
    workspace.tell_capacity(request, capacity_nano)
    workspace.asked = asked
    return asked


def _are_wanted(request: PlanRequest, venues: Sequence[str]) -> list[int] | int:
    """Which listings the order may go to at all: 1 for every one, or one by one."""
    wanted, barred = request.approved.value.venues, request.barred
    if not (barred or wanted.include or wanted.exclude):
        return 1
    return [
        int(source not in barred and venue not in wanted.exclude and (not wanted.include or venue in wanted.include))
        for source, venue in zip(venues, map(venue_of, venues), strict=True)
    ]


def estimates_ppm(request: PlanRequest, listings: Listings) -> list[int]:
    """Each listing's estimate as it may count: they rank, they never admit, and no more than the request's bound.

    With the fee it stays below the whole, so that a dearer price stays dearer.
    """
    most = min(max(request.max_estimate_ppm, 0), MAX_ESTIMATE_PPM)
    found = []
    for venue, fee in zip(listings.venues, listings.fees, strict=True):
        estimate = request.estimates.get(venue)
        ppm = max(-most, min(most, estimate.ppm)) if estimate is not None else 0
        found.append(max(1 - PPM - fee.taker_fee_ppm, min(PPM - 1 - fee.taker_fee_ppm, ppm)))
    return found


def admit(request: PlanRequest, books: SymbolBooks, laid: Laid) -> tuple[Admitted | None, list[Exclusion]]:
    """Splits the enabled venues into those that may be routed to (None: none) and the others, each with its reason."""
    excluded = list(request.barred.values())
    asked, n = laid.asked, laid.n
    venues = asked.listings.venues
    codes, picks, rows, book_seq, age_ns = laid.workspace.places.tolist()
    capacity_nano = [max(nano, 0) for nano in asked.capacity_nano]
    if n == len(venues):
        found = Admitted(asked.listings, venues, picks, rows, book_seq, age_ns, asked.max_age_ns, capacity_nano)
        return found if n else None, excluded
    admitted = set(picks[:n])
    for k, (venue, code) in enumerate(zip(venues, codes, strict=True)):
        if k not in admitted:
            reason = _reason(request, books, (venue, asked.rows[k], asked.max_age_ns[k]), code)
            if reason is not None:
                excluded.append(reason)
    if not n:
        return None, excluded
    found = Admitted(
        listings=asked.listings,
        venues=tuple([venues[k] for k in picks[:n]]),
        picks=picks[:n],
        rows=rows[:n],
        book_seq=book_seq[:n],
        age_ns=age_ns[:n],
        max_age_ns=[asked.max_age_ns[k] for k in picks[:n]],
        capacity_nano=[capacity_nano[k] for k in picks[:n]],
    )
    return found, excluded


def _reason(request: PlanRequest, books: SymbolBooks, place: tuple[str, int, int], code: int) -> Exclusion | None:
    """Why a venue may not be looked at: what the order says of it, then what its book says; None if it may.

    `place`: the venue, its row in the books, the greatest age of its book.
    """
    venue, row, max_age_ns = place
    wanted = request.approved.value.venues
    if venue in request.barred:
        return None
    if venue_of(venue) in wanted.exclude:
        return Exclusion(venue, ExclusionCode.EXCLUDED_BY_ORDER)
    if wanted.include and venue_of(venue) not in wanted.include:
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
    return recosted(names, list(zip(units, walks, strict=True)), totals), walks


def recosted(names: Sequence[str], rows: Sequence[tuple[Int64Array, Walks]], totals: Totals) -> list[Recosted]:
    """Candidates out of the walk of their units: int64[n] with [n, 4] of each, and its total."""
    found = []
    for i, (objective, money, quantity, n_used, is_sound, estimated) in enumerate(totals):
        units, walk = rows[i]
        found.append(
            make_recosted((names[i], units, walk, quantity, n_used, money, objective, is_sound == 1, estimated))
        )
    return found


def prove(problem: RouteProblem, plan: Recosted | None, wanted_units: int) -> Proof:
    """Limits, laws, witness and bound of `plan` (None: of nothing), the children walked again over the seen books."""
    space, n = problem.workspace, problem.n_venues
    out = space.contestants(0, n)
    if plan is None:
        out.chosen[:], out.chosen_walk[:] = 0, 0
    else:
        walk = plan.walk
        out.chosen[:], out.chosen_walk[:] = plan.units, walk if walk.dtype == np.int64 else prices_only(walk)
    results = space.run(problem.books, decide.PROVE, Step(wanted_units=wanted_units))
    return proof_of(problem.asked.listings.symbol, out, results, is_narrow=problem.is_narrow)


def proof_of(symbol: Symbol, out: Contestants, results: list[int], *, is_narrow: bool) -> Proof:
    """What the kernel wrote of the plan that it proved. `results`: the header's, from decide.N_ADMITTED on."""
    n_broken, witness, value, n_rounded, is_proven = results[_PROVEN_I:_PACKED_I]
    found = (witness, value, n_rounded) if is_proven and is_narrow else None
    return make_proof((out.sent, out.nano, found, is_narrow and symbol.fungible.kind is not INVERSE, n_broken))


def find(problem: RouteProblem, plan: Recosted, witness_upnano: int, dual: tuple[int, int] | None = None) -> Finding:
    """The bound that the witness price proves for the plan's quantity, and the gap to it in 1e-6 bps of its money.

    `dual`: the witness's value and the levels that owe rounding, where `prove` has them already.
    """
    if plan.qty_units == 0:
        return nothing_found()
    value_nano, n_rounded = dual if dual is not None else dual_value(problem, plan.qty_units, witness_upnano)
    return found_at(plan, witness_upnano, value_nano, n_rounded)


def found_at(plan: Recosted, witness_upnano: int, value_nano: int, n_rounded: int) -> Finding:
    """The finding of a plan that is not empty, the witness's value known."""
    _, _, walk, _, n_venues, money, objective, _, estimated = plan
    n_read = int(walk[:, 3].sum()) if n_rounded else 0
    return found_of((objective, estimated, money), n_venues, n_read, (witness_upnano, value_nano, n_rounded))


def found_of(costs: tuple[int, int, int], n_venues: int, n_read: int, proven: tuple[int, int, int]) -> Finding:
    """The finding of a plan's objective, estimate and money. `proven`: witness, its value, levels owing rounding."""
    witness_upnano, value_nano, n_rounded = proven
    # Each fee rounds up by less than a nano, the bound rounds down by less than one, and so does money per level.
    resolution = n_venues + 1 + (2 * n_rounded + n_read if n_rounded else 0)
    return _judged(costs, value_nano - 2 * n_rounded, witness_upnano, resolution)


def _judged(costs: tuple[int, int, int], bound: int, witness_upnano: int, resolution: int) -> Finding:
    objective, estimated, money = costs
    gap = objective + estimated - bound
    if gap < 0:
        raise InvariantBroken(reason="bound above objective", bound=bound, objective=objective + estimated)
    gap_ubps = -(-gap * UBPS_PER_ONE // (money if money > 1 else 1)) if gap else 0
    status = OPTIMAL if gap <= resolution else WITHIN_GAP
    return make_finding((objective, bound, witness_upnano, gap_ubps, status, estimated, False))


def take_search(plan: Recosted, finding: Finding, settled: Settled) -> Finding:
    """The finding with a whole-lot search's bound where that proves more than the witness; DEADLINE where it was cut.

    The search's bound is not recomputed: it is believed only between the witness's bound and the plan itself.
    """
    bound = settled.bound_nano
    if bound is None or finding.status is SolveStatus.OPTIMAL:
        return finding
    if bound > plan.ranked_nano:
        raise InvariantBroken(reason="a search's bound above the plan", bound=bound, objective=plan.ranked_nano)
    if bound > finding.bound_nano:
        resolution = plan.n_venues + 1 + plan.money_nano // SEARCH_PARTS
        costs = plan.objective_nano, plan.estimated_nano, plan.money_nano
        finding = _judged(costs, bound, finding.witness_upnano, resolution)._replace(is_searched=True)
    if finding.status is not SolveStatus.OPTIMAL and not settled.is_complete:
        return finding._replace(status=SolveStatus.DEADLINE)
    return finding


def nothing_found() -> Finding:
    """What is proven about an empty plan: nothing costs nothing."""
    return Finding(0, 0, 0, 0, SolveStatus.OPTIMAL)


def seal(finding: Finding, solver: str, receipt_sha256: str, believed: Believed = NOTHING_BELIEVED) -> Seal:
    """What a certificate says of a finding."""
    objective, bound, _, gap_ubps, status, estimated, is_searched = finding
    terms, low, high = believed
    head = objective, bound, gap_ubps, status, solver, CERTIFIED_TERMS
    return _seal((*head, terms, receipt_sha256, estimated, low, high, is_searched))


def certify(sealed: Seal, books: tuple[BookUse, ...]) -> Certificate:
    """The one maker of a Certificate; no books where no venue could be looked at."""
    certified, estimated, sha256, estimated_nano, low, high, is_searched = sealed[5:]
    return _certificate(*sealed[:5], books, certified, estimated, sha256, estimated_nano, low, high, is_searched)


def find_violations(
    plan: RoutePlan, request: PlanRequest, books: SymbolBooks, judged: Mapping[str, int] | None = None
) -> tuple[str, ...]:
    """Every law that the plan breaks, recomputed from the request and the books alone; empty for a sound plan.

    `judged`: bits of the laws that each venue's child breaks, where `prove` has just walked the same children over the
    same books; without them each child is walked and judged here.
    """
    found: list[str] = []
    allocated = [item.venue for item in plan.allocations]
    named = [*allocated, *[item.venue for item in plan.excluded]]
    enabled = request.instruments.keys()
    if len(set(named)) != len(named) or enabled | request.barred.keys() != set(named):
        found.append("each enabled venue once")
    if not request.barred.keys().isdisjoint(allocated):
        found.append("barred venue")
    order = request.approved.value
    if order.venues.max_venues and len(plan.allocations) > order.venues.max_venues:
        found.append("max venues")
    is_whole = order.is_full_fill_required or order.time_in_force is TimeInForce.FOK
    if is_whole and plan.allocations and (len(plan.allocations) > 1 or plan.unallocated_qty_units):
        found.append("full fill")
    for item in plan.allocations:
        if judged is not None:
            bits = judged.get(item.venue, UNJUDGED)
            found.extend([f"{item.venue}: {law}" for i, law in enumerate(LAWS) if bits >> i & 1] if bits else ())
        elif item.venue in request.instruments and item.venue in books.venues:
            found.extend(_allocation_violations(item, request, books, _walk(item, request, books)))
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
    if plan.certificate.bound_nano > plan.certificate.objective_nano + plan.certificate.estimated_nano:
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
        item.qty_lots >= 1 and item.qty_units == item.qty_lots * listing.lot_units,
        item.qty_lots >= listing.min_qty_lots,
        item.qty_lots <= listing.max_qty_lots,
        item.limit_ticks >= 1 and (limit_units - item.worst_price_units) * sign >= 0,
        cap_units <= 0 or (limit_units - cap_units) * sign <= 0,
        request.now_ns - int(books.received_ts_ns[row]) <= request.max_book_age_ns.get(item.venue, 0),
        not books.is_gapped[row] and books.book_seq[row] != 0,
        n_read > 0,
        money == item.money_nano and worst == item.worst_price_units,
        fee_due == item.fee_nano,
        item.fixed_nano == fixed_cost_nano(symbol, fee, request.mid_half_units),
        is_sized and symbol.notional_nano(judged, item.qty_units) >= listing.min_notional_nano,
        is_sized and use_nano(item, request, touch) <= request.capacity_nano.get(item.venue, 0),
    )
    return [f"{item.venue}: {law}" for law, holds in zip(LAWS, laws, strict=True) if not holds]


def use_nano(item: Allocation, request: PlanRequest, touch_units: int) -> int:
    """What a child may take of its venue's capacity: quote at its own limit with fee and fixed cost, or base sold."""
    symbol, side = request.symbol, request.approved.value.side
    fee, listing = request.fees[item.venue], request.instruments[item.venue]
    if symbol.fungible.kind is ContractKind.SPOT and side is Side.SELL:
        return div_up(item.qty_units * NANO, 10**symbol.qty_scale)
    price = item.limit_ticks * listing.tick_units if side is Side.BUY else touch_units
    notional = symbol.notional_nano(price, item.qty_units)
    return notional + fee_nano(notional, max(fee.taker_fee_ppm, 0)) + fee.fixed_nano
