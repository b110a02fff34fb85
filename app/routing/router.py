"""One parent and one market in, one verified plan out. Pure: no clock, no state, the same answer for the same input."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

import numpy as np
import numpy.typing as npt

from app.domain.enums import Side, Strategy, TimeInForce
from app.domain.errors import InvariantBroken
from app.domain.plan import Allocation, Alternative, CostSplit, Exclusion, Planned, PlanRequest, RoutePlan
from app.kernels import cost
from app.routing import explain, receipt, target, verify
from app.routing.problem import RouteProblem, build_problem
from app.routing.receipt import Outcome
from app.routing.rounding import Solve
from app.routing.solvers import best_single, fee_blind, greedy, pro_rata
from app.routing.verify import Recosted
from app.shm.books import SymbolBooks

Int64Array = npt.NDArray[np.int64]

# The first is the planner; the rest are the baselines that every plan is verified beside.
SOLVERS: Final = (
    (greedy.NAME, greedy.solve),
    (best_single.NAME, best_single.solve),
    (pro_rata.NAME, pro_rata.solve),
    (fee_blind.NAME, fee_blind.solve),
)


class Router:
    """The planner: fee-aware greedy and its baselines on one problem, the cheapest feasible wins, all are listed."""

    __slots__ = ("_solvers",)

    def __init__(self, solvers: Sequence[tuple[str, Solve]] = SOLVERS) -> None:
        """`solvers`: (name, solver) pairs; all of them as shipped, one alone where rivals are measured."""
        self._solvers = tuple(solvers)

    def plan(self, request: PlanRequest, books: SymbolBooks) -> Planned:
        """The plan of what `request` still asks for on these books, certified, with its receipt.

        Nothing allocatable still gives a plan: no allocations, every venue excluded with its reason.
        Raises InvariantBroken only for a bug of ours: another class, a venue without fees, a plan that fails its check.
        """
        problem, excluded = pose(request, books)
        if problem is None:
            return _assemble(request, books, None, excluded, None, [], 0)
        wanted = target.target_units(problem)
        candidates = _candidates(problem, wanted, self._solvers)
        chosen = _choose(problem, candidates)
        return _assemble(request, books, problem, excluded, chosen, candidates, wanted)

    def can_fill_alone(self, request: PlanRequest, books: SymbolBooks) -> str | None:
        """The cheapest venue that can fill the whole request by itself on these books, None if there is none."""
        problem, _ = pose(request, books)
        if problem is None:
            return None
        alone = _alone(problem)
        if alone is None:
            return None
        return next(item.venue for item, units in zip(problem.venues, alone.units, strict=True) if units)


def pose(request: PlanRequest, books: SymbolBooks) -> tuple[RouteProblem | None, list[Exclusion]]:
    """The problem of all venues that may be looked at (None if there is none), and the others with their reasons."""
    admitted, excluded = verify.admit(request, books)
    while admitted:
        problem = build_problem(request, books, admitted)
        broken = {item.venue for item, seen in zip(admitted, problem.seen, strict=True) if seen.has_bad_levels}
        if not broken:
            return problem, excluded
        excluded.extend(explain.broken_book(venue) for venue in sorted(broken))
        admitted = tuple(item for item in admitted if item.venue not in broken)
    return None, excluded


def is_whole_only(request: PlanRequest) -> bool:
    """Whether only one venue that fills everything will do."""
    order = request.approved.value
    return order.is_full_fill_required or order.time_in_force is TimeInForce.FOK


def _alone(problem: RouteProblem) -> Recosted | None:
    """The single venue that takes all of the request at the least exact cost per unit; None if no venue can."""
    plans = []
    for venue_i, quantity in enumerate(target.alone_units(problem)):
        if quantity > 0:
            units = np.zeros(problem.n_venues, dtype=np.int64)
            units[venue_i] = quantity
            plans.append(units)
    found = verify.recost(problem, [best_single.NAME] * len(plans), plans) if plans else []
    fitting = [plan for plan in found if plan.is_feasible and target.is_within(problem, plan)]
    return min(fitting, key=lambda plan: Fraction(plan.objective_nano, plan.qty_units), default=None)


def _candidates(problem: RouteProblem, wanted_units: int, solvers: Sequence[tuple[str, Solve]]) -> list[Recosted]:
    """The planner's and the baselines' plans in whole lots, re-costed; for a whole-only order the one venue."""
    if is_whole_only(problem.request):
        alone = _alone(problem)
        return [alone] if alone is not None else []
    names, plans = [], []
    for name, solve in solvers:
        names.append(name)
        plans.append(target.settle_within(problem, solve, wanted_units))
    return verify.recost(problem, names, plans)


def _choose(problem: RouteProblem, candidates: Sequence[Recosted]) -> Recosted | None:
    """The most units first, the least exact cost second; a sweep takes the raw-price order as it was asked."""
    feasible = [plan for plan in candidates if plan.is_feasible and plan.qty_units > 0]
    if problem.request.approved.value.strategy is Strategy.SWEEP and not is_whole_only(problem.request):
        feasible = [plan for plan in feasible if plan.name == fee_blind.NAME]
    within = [plan for plan in feasible if target.is_within(problem, plan)]
    return min(within, key=lambda plan: (-plan.qty_units, plan.objective_nano), default=None)


def _allocations(problem: RouteProblem, plan: Recosted | None) -> list[Allocation]:
    """One child per used venue, ranked by the all-in price of its first level."""
    if plan is None:
        return []
    used = [v for v, units in enumerate(plan.units) if units]
    used.sort(key=lambda v: (problem.unit_nano[problem.first[v]], v))
    return [
        Allocation(
            venue=problem.venues[v].venue,
            qty_lots=plan.units[v] // problem.venues[v].instrument.lot_units,
            qty_units=plan.units[v],
            limit_ticks=_limit_ticks(problem, v, plan.walk[v][2]),
            worst_price_units=plan.walk[v][2],
            money_nano=plan.walk[v][0],
            fee_nano=plan.walk[v][1],
            fixed_nano=int(problem.terms[v, cost.FIXED_NANO]),
            rank=rank,
        )
        for rank, v in enumerate(used)
    ]


def _limit_ticks(problem: RouteProblem, venue_i: int, worst_units: int) -> int:
    """The child's price: the worst level walked at its venue's tick, or the cap for a sweep that has one."""
    tick, limit = problem.venues[venue_i].instrument.tick_units, int(problem.terms[venue_i, cost.LIMIT_UNITS])
    if problem.rule[cost.AT_LIMIT] and limit > 0:
        return limit // tick
    return -(-worst_units // tick) if problem.side is Side.BUY else worst_units // tick


def _assemble(
    request: PlanRequest,
    books: SymbolBooks,
    problem: RouteProblem | None,
    excluded: list[Exclusion],
    plan: Recosted | None,
    candidates: Sequence[Recosted],
    wanted_units: int,
) -> Planned:
    """Explains, certifies and checks the chosen plan."""
    order, symbol = request.approved.value, request.symbol
    allocations: list[Allocation] = []
    finding = verify.nothing_found()
    if problem is not None:
        allocations = _allocations(problem, plan)
        witness = target.witness_upnano(problem, plan.qty_units if plan is not None else 0)
        finding = verify.find(problem, plan, witness) if plan is not None else finding
        excluded = [*excluded, *explain.exclusions(problem, plan, wanted_units)]
    qty = plan.qty_units if plan is not None else 0
    money = plan.money_nano if plan is not None else 0
    notional = verify.plan_notional_nano(symbol, qty, money)
    rest_qty = request.qty_units - qty if request.qty_units is not None else None
    rest_notional = request.notional_nano - notional if request.notional_nano is not None else None
    code = (
        explain.unallocated_code(problem, plan, excluded, rest_qty, wanted_units) if rest_qty or rest_notional else None
    )
    outcome = Outcome(plan, candidates, finding, _limits_by_venue(problem, allocations), code)
    data = receipt.encode(request, problem, outcome)
    routed = RoutePlan(
        route_id=request.route_id,
        order_id=request.order_id,
        wave=request.wave,
        symbol=symbol.name,
        side=order.side,
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
        alternatives=tuple(_alternative(problem, rival) for rival in candidates) if problem is not None else (),
        cost=explain.cost_split(problem, plan)
        if problem is not None and plan is not None
        else CostSplit(0, 0, 0, 0, 0),
        certificate=verify.certify(problem, finding, plan.name if plan is not None else greedy.NAME, data),
    )
    broken = verify.find_violations(routed, request, books)
    if broken:
        raise InvariantBroken(reason="plan fails its own check", laws="; ".join(broken), route_id=request.route_id)
    return Planned(routed, data)


def _limits_by_venue(problem: RouteProblem | None, allocations: Sequence[Allocation]) -> list[int]:
    limits = {item.venue: item.limit_ticks for item in allocations}
    return [limits.get(item.venue, 0) for item in problem.venues] if problem is not None else []


def _alternative(problem: RouteProblem, rival: Recosted) -> Alternative:
    used = [item.venue for item, units in zip(problem.venues, rival.units, strict=True) if units]
    venue = used[0] if len(used) == 1 else ""
    return Alternative(rival.name, rival.qty_units, rival.objective_nano, rival.n_venues, venue)
