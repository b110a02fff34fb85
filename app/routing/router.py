"""One parent and one market in, one verified plan out. No clock, no chance: the same answer for the same input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

import numpy as np
import numpy.typing as npt

from app.domain.enums import Side, Strategy, TimeInForce
from app.domain.errors import InvariantBroken
from app.domain.plan import Allocation, Alternative, CostSplit, Exclusion, Planned, PlanRequest, RoutePlan
from app.domain.ports import Prepared
from app.kernels import cost
from app.routing import carry, explain, receipt, search, target, verify
from app.routing.costs import Walks
from app.routing.listings import Listings
from app.routing.problem import RouteProblem, build_problem
from app.routing.receipt import Outcome
from app.routing.search import SOLVERS, Solvers, best_of, plans_of
from app.routing.solvers import best_single, greedy
from app.routing.verify import Recosted
from app.shm.books import SymbolBooks

Int64Array = npt.NDArray[np.int64]

NO_WALKS: Final = np.zeros((0, 0, 4), dtype=np.int64)
NO_COST: Final = CostSplit(0, 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class _Contest:
    """The candidates of one problem with their exact walks, and the one that was chosen (None: nothing to allocate)."""

    candidates: Sequence[Recosted]
    walks: Walks
    chosen: Recosted | None
    wanted_units: int


@dataclass(frozen=True, slots=True)
class _Kept:
    """What a decision that is searched elsewhere waits with."""

    request: PlanRequest
    books: SymbolBooks
    problem: RouteProblem
    excluded: list[Exclusion]


class Router:
    """The planner: fee-aware greedy and its baselines on one problem, the cheapest feasible wins, all are listed.

    Remembers the rows of listings that it has checked, so that a decision pays only for what changes.
    """

    def __init__(self, solvers: Solvers = SOLVERS) -> None:
        """`solvers`: all of them as shipped; one alone where a market replay measures that rival."""
        self._solvers = solvers
        self._listings: dict[str, Listings] = {}

    def plan(self, request: PlanRequest, books: SymbolBooks) -> Planned:
        """The plan of what `request` still asks for on these books, certified, with its receipt.

        Nothing allocatable still gives a plan: no allocations, every venue excluded with its reason.
        Raises InvariantBroken only for a bug of ours: another class, a venue without fees, a plan that fails its check.
        """
        problem, excluded = self.pose(request, books)
        contest = _contest(problem, self._solvers) if problem is not None else _Contest((), NO_WALKS, None, 0)
        return _assemble(request, books, problem, excluded, contest)

    def can_fill_alone(self, request: PlanRequest, books: SymbolBooks) -> str | None:
        """The cheapest venue that can fill the whole request by itself on these books, None if there is none."""
        problem, _ = self.pose(request, books)
        alone = _alone(problem) if problem is not None else None
        if problem is None or alone is None:
            return None
        return problem.venues[int(np.flatnonzero(alone[0].units)[0])]

    def prepare(self, request: PlanRequest, books: SymbolBooks) -> Prepared | None:
        """The problem in words where sending it to a route worker pays; None: plan it here."""
        if is_whole_only(request) or not self._listings_of(request).has_fixed:
            return None  # without fixed costs no search comes near the break-even
        problem, excluded = self.pose(request, books)
        if problem is None or search.expected_us(problem) < search.BREAK_EVEN_US:
            return None
        words = carry.pack(problem)
        if words is None:
            return None
        return Prepared(search.CONTEST, words.data, _Kept(request, books, problem, excluded))

    def adopt(self, prepared: Prepared, request: PlanRequest, words: memoryview) -> Planned | None:
        """The plan of a worker's answer, certified on the books it was searched on, with its receipt.

        None where the answer is none of this problem, or where the plan breaks a law of `request`: the same order asked
        now, with the capacities, bars and ages of this instant.
        """
        kept = prepared.kept
        assert isinstance(kept, _Kept)
        found = search.read_answer(kept.problem, np.frombuffer(words, np.int64), len(self._solvers))
        if found is None:
            return None
        contest = _contest(kept.problem, self._solvers, found)
        planned = _assemble(kept.request, kept.books, kept.problem, kept.excluded, contest)
        now = replace(request, mid_half_units=kept.request.mid_half_units)
        return None if verify.find_violations(planned.plan, now, kept.books) else planned

    def _listings_of(self, request: PlanRequest) -> Listings:
        listings = self._listings.get(request.symbol.name)
        if listings is None or not listings.are_of(request):
            listings = self._listings[request.symbol.name] = verify.admit_listings(request)
        return listings

    def pose(self, request: PlanRequest, books: SymbolBooks) -> tuple[RouteProblem | None, list[Exclusion]]:
        """The problem of all venues that may be looked at (None: there is none), and the others with their reasons."""
        listings = self._listings_of(request)
        books = plain(books)
        admitted, excluded = verify.admit(request, books, listings)
        return (build_problem(request, books, admitted) if admitted is not None else None), excluded


def plain(books: SymbolBooks) -> SymbolBooks:
    """The books in arrays as kernels take them: writable and contiguous; copies only what is not."""
    arrays = (
        books.price_units,
        books.qty_units,
        books.n_levels,
        books.book_seq,
        books.received_ts_ns,
        books.is_gapped,
    )
    if all(array.flags.c_contiguous and array.flags.writeable for array in arrays):
        return books
    price, qty, counts, seqs, received = (np.require(array, np.int64, ["C", "W"]) for array in arrays[:5])
    gapped = np.require(arrays[5], np.bool_, ["C", "W"])
    return SymbolBooks(books.symbol, books.venues, price, qty, counts, seqs, received, books.venue_ts_ns, gapped)


def is_whole_only(request: PlanRequest) -> bool:
    """Whether only one venue that fills everything will do."""
    order = request.approved.value
    return order.is_full_fill_required or order.time_in_force is TimeInForce.FOK


def _alone(problem: RouteProblem) -> tuple[Recosted, Walks] | None:
    """The single venue that takes all of the request at the least exact cost per unit, with its walk."""
    plans = []
    for venue_i, quantity in enumerate(target.alone_units(problem)):
        if quantity > 0:
            units = np.zeros(problem.n_venues, dtype=np.int64)
            units[venue_i] = quantity
            plans.append(units)
    if not plans:
        return None
    found, walks = verify.recost(problem, [best_single.NAME] * len(plans), plans)
    fitting = [i for i, plan in enumerate(found) if plan.is_feasible and target.is_within(problem, plan)]
    if not fitting:
        return None
    best_i = min(fitting, key=lambda i: Fraction(found[i].objective_nano, found[i].qty_units))
    return found[best_i], walks[best_i : best_i + 1]


def _contest(problem: RouteProblem, solvers: Solvers, found: Sequence[Int64Array] | None = None) -> _Contest:
    """The planner's and the baselines' plans in whole lots, re-costed; for a whole-only order the one venue.

    The most units win first, the least exact cost second; a sweep takes the raw-price order as it was asked.
    `found`: plans that were searched elsewhere, one a solver; they are judged as if they were made here.
    """
    wanted = target.target_units(problem)
    if is_whole_only(problem.request):
        alone = _alone(problem)
        if alone is None:
            return _Contest((), NO_WALKS, None, wanted)
        return _Contest((alone[0],), alone[1], alone[0], wanted)
    plans = found if found is not None else plans_of(problem, solvers)
    candidates, walks = verify.recost(problem, [name for name, _ in solvers], plans)
    is_sweep = problem.request.approved.value.strategy is Strategy.SWEEP
    return _Contest(candidates, walks, best_of(problem, candidates[-1:] if is_sweep else candidates), wanted)


def _allocations(problem: RouteProblem, plan: Recosted) -> tuple[list[Allocation], list[int]]:
    """One child per used venue, ranked by the all-in price of its first level; and every venue's limit in ticks."""
    limits = [0] * problem.n_venues
    used = np.flatnonzero(plan.units)
    order = np.argsort(problem.unit_nano[problem.first[used]], kind="stable")
    terms, units, walk = problem.terms.tolist(), plan.units.tolist(), plan.walk.tolist()
    is_at_limit, is_buy = bool(problem.rule[cost.AT_LIMIT]), problem.side is Side.BUY
    found = []
    for rank, v in enumerate(used[order].tolist()):
        money, fee, worst, _ = walk[v]
        row = terms[v]
        tick, lot = row[cost.TICK_UNITS], row[cost.LOT_UNITS]
        if is_at_limit and row[cost.LIMIT_UNITS] > 0:
            limits[v] = row[cost.LIMIT_UNITS] // tick
        else:
            limits[v] = -(-worst // tick) if is_buy else worst // tick
        fixed = row[cost.FIXED_NANO]
        found.append(
            Allocation(problem.venues[v], units[v] // lot, units[v], limits[v], worst, money, fee, fixed, rank)
        )
    return found, limits


def _assemble(
    request: PlanRequest,
    books: SymbolBooks,
    problem: RouteProblem | None,
    excluded: list[Exclusion],
    contest: _Contest,
) -> Planned:
    """Explains, certifies and checks the chosen plan."""
    symbol, plan = request.symbol, contest.chosen
    allocations: list[Allocation] = []
    limits: list[int] = [0] * problem.n_venues if problem is not None else []
    finding, split = verify.nothing_found(), NO_COST
    if problem is not None:
        excluded = [*excluded, *explain.exclusions(problem, plan, contest.wanted_units)]
        if plan is not None:
            allocations, limits = _allocations(problem, plan)
            finding = verify.find(problem, plan, target.witness_upnano(problem, plan.qty_units))
            split = explain.cost_split(problem, plan)
    qty, money = (plan.qty_units, plan.money_nano) if plan is not None else (0, 0)
    notional = verify.plan_notional_nano(symbol, qty, money)
    rest_qty = request.qty_units - qty if request.qty_units is not None else None
    rest_notional = request.notional_nano - notional if request.notional_nano is not None else None
    has_rest = bool(rest_qty or rest_notional)
    code = explain.unallocated_code(problem, plan, rest_qty, contest.wanted_units) if has_rest else None
    outcome = Outcome(plan, contest.candidates, contest.walks, finding, limits, code)
    data = receipt.encode(request, problem, outcome)
    routed = RoutePlan(
        route_id=request.route_id,
        order_id=request.order_id,
        wave=request.wave,
        symbol=symbol.name,
        side=request.approved.value.side,
        requested_qty_units=request.qty_units,
        requested_notional_nano=request.notional_nano,
        allocated_qty_units=qty,
        allocated_notional_nano=notional,
        unallocated_qty_units=rest_qty,
        unallocated_notional_nano=rest_notional,
        unallocated_code=code,
        mid_half_units=request.mid_half_units,
        best_bid_units=problem.best_bid_units if problem is not None else 0,
        best_ask_units=problem.best_ask_units if problem is not None else 0,
        allocations=tuple(allocations),
        excluded=tuple(excluded),
        alternatives=tuple([_alternative(problem, rival) for rival in contest.candidates]) if problem else (),
        cost=split,
        certificate=verify.certify(problem, finding, plan.name if plan is not None else greedy.NAME, data),
    )
    walked = dict(zip(problem.venues, plan.walk.tolist(), strict=True)) if problem and plan is not None else {}
    broken = verify.find_violations(routed, request, books, walked)
    if broken:
        raise InvariantBroken(reason="plan fails its own check", laws="; ".join(broken), route_id=request.route_id)
    return Planned(routed, data)


def _alternative(problem: RouteProblem, rival: Recosted) -> Alternative:
    venue = problem.venues[int(rival.units.argmax())] if rival.n_venues == 1 else ""
    return Alternative(rival.name, rival.qty_units, rival.objective_nano, rival.n_venues, venue)
