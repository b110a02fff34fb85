"""Who plans what: every solver's plan on one problem, the best of them, and who is asked when it is not proven best.

Greedy and its rivals always run, in one kernel call: greedy is the plan of plain exchange problems, where the bound
proves it optimal or within GOOD_ENOUGH_UBPS. Where it does not (fixed costs, minimums, coarse lots) each of SEARCHES is
asked, and where nothing is proven then, venues that do not pay are dropped; the cheaper plan of at least as many units
wins, so greedy is the fallback of them all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from app.domain import quick
from app.domain.enums import SolveStatus, Strategy, TimeInForce
from app.domain.plan import PlanRequest
from app.kernels import contest
from app.kernels import decide as kernel
from app.routing import target, verify
from app.routing.costs import Walks, walk_plans
from app.routing.findings import Finding, Proof, Recosted
from app.routing.listings import NARROW
from app.routing.problem import Laid, RouteProblem, Step
from app.routing.rounding import Search, Settled, Solve, drop_what_does_not_pay
from app.routing.solvers import best_single, exact, fee_blind, greedy, pro_rata

Int64Array = npt.NDArray[np.int64]
Solvers = Sequence[tuple[str, Solve]]
Prove = Callable[[RouteProblem, Recosted | None, int], Proof]

# The first is the planner; the rest are the baselines that every plan is verified beside.
SOLVERS: Final[Solvers] = (
    (greedy.NAME, greedy.solve),
    (best_single.NAME, best_single.solve),
    (pro_rata.NAME, pro_rata.solve),
    (fee_blind.NAME, fee_blind.solve),
)
# The kernel's own code of each solver; a solver that is not here is asked in Python.
KERNELS: Final[dict[Solve, int]] = {
    greedy.solve: contest.GREEDY,
    best_single.solve: contest.SINGLE,
    pro_rata.solve: contest.PRO_RATA,
    fee_blind.solve: contest.BLIND,
}
# Whole-lot searches (name, search), asked in this order; each bounds its own work, for nothing here reads a clock.
SEARCHES: Final[tuple[tuple[str, Search], ...]] = ((exact.NAME, exact.search),)
# 0.01 bp of the plan's money: a whole plan that is proven this close is not searched further, which would cost more
# time than that is worth. A tenth of the smallest effect that any evidence here speaks of.
GOOD_ENOUGH_UBPS: Final = 10_000
# Where a decision's results, which begin at N_ADMITTED, hold these.
_WANTED: Final = kernel.WANTED - kernel.N_ADMITTED
_BEST: Final = kernel.BEST - kernel.N_ADMITTED
_IS_HELD: Final = kernel.IS_HELD - kernel.N_ADMITTED
# Looked up once: a member of an enum takes as long to find as ten names.
FOK, SWEEP, OPTIMAL = TimeInForce.FOK, Strategy.SWEEP, SolveStatus.OPTIMAL
NO_WALKS: Final = np.zeros((0, 0, 4), dtype=np.int64)


class Panel:
    """The solvers of a router: the first is the planner, the rest the baselines that its plan is shown beside."""

    def __init__(
        self, solvers: Solvers, searches: Sequence[tuple[str, Search]] = SEARCHES, prove: Prove = verify.prove
    ) -> None:
        """`prove`: who proves a plan; a panel that searches without the books leaves that to another."""
        self.prove = prove
        self.names = tuple(name for name, _ in solvers)
        self.solves = tuple(solve for _, solve in solvers)
        self.searches = tuple(searches)
        codes = [KERNELS.get(solve) for solve in self.solves]
        is_known = None not in codes and len(codes) <= kernel.MOST_PLANS
        self.codes = np.array(codes, dtype=np.int64) if is_known else None


class Contest(NamedTuple):
    """The candidates of one problem with their exact walks, the chosen one (None: nothing to allocate), its proof.

    `answers`: what was found when greedy was not proven best, in the order of asking.
    """

    candidates: Sequence[Recosted]
    walks: Walks
    chosen: Recosted | None
    wanted_units: int
    proof: Proof
    finding: Finding
    answers: tuple[Settled, ...] = ()


_contest: Final = quick.tupled(Contest)
_step: Final = quick.tupled(Step)


def is_whole_only(request: PlanRequest) -> bool:
    """Whether only one venue that fills everything will do."""
    order = request.approved.value
    return order.is_full_fill_required or order.time_in_force is TimeInForce.FOK


def step_of(request: PlanRequest, panel: Panel) -> Step | None:
    """What the kernel is told where it can make, pick and prove the plans at once; None where Python has to.

    No benchmark (-1) where the kernel may not say what is decided: of a pool, or with one beyond a kernel's numbers.
    """
    order, qty, notional = request.approved.value, request.qty_units, request.notional_nano
    if panel.codes is None or (qty or 0) >= NARROW or order.is_full_fill_required or order.time_in_force is FOK:
        return None
    if notional is not None and (notional >= NARROW or request.symbol.fungible.is_inverse):
        return None
    mid_half_units = request.mid_half_units
    return _step(
        (
            panel.codes,
            request.now_ns,
            request.price_cap_units,
            qty if qty is not None else -1,
            notional if notional is not None else -1,
            order.venues.max_venues,
            mid_half_units if mid_half_units < NARROW and request.pool is None else -1,
            order.strategy is SWEEP,
        )
    )


def held(laid: Laid, panel: Panel) -> Contest | None:
    """The contest that the kernel held to its end while it posed; None where the plans have to be made in Python."""
    results, n = laid.results, laid.n
    if not n or not results[_IS_HELD]:
        return None
    out, best = laid.workspace.contestants(len(panel.names), n), results[_BEST]
    proof = verify.proof_of(laid.asked.listings.symbol, out, results, is_narrow=True)
    proven = proof.found
    if proven is None:
        return None
    candidates = verify.recosted(panel.names, out.plans, out.total.tolist())
    if best < 0:
        return Contest(candidates, out.walk, None, results[_WANTED], proof, verify.nothing_found())
    chosen = candidates[best]
    return _contest((candidates, out.walk, chosen, results[_WANTED], proof, verify.found_at(chosen, *proven), ()))


def is_final(found: Contest, request: PlanRequest, panel: Panel, *, has_fixed: bool) -> bool:
    """Whether nobody else is to be asked: it is proven, or there is nobody who could do better."""
    if not (has_fixed or panel.searches):
        return True
    return request.approved.value.strategy is SWEEP or is_enough(found)


def is_enough(found: Contest) -> bool:
    """Whether the plan is proven best, or places all that was wanted and is proven close enough to the best."""
    plan = found.chosen
    return plan is None or is_near(found.finding, plan.qty_units, found.wanted_units)


def is_near(finding: Finding, qty_units: int, wanted_units: int) -> bool:
    """As `is_enough` of a plan of `qty_units`."""
    if finding.status is OPTIMAL:
        return True
    return qty_units == wanted_units and finding.gap_ubps <= GOOD_ENOUGH_UBPS


def decide(problem: RouteProblem, panel: Panel, found_first: Contest | None = None) -> Contest:
    """The planner's and the baselines' plans in whole lots, the best of them improved and proven.

    The most units win first, the least exact cost second; a sweep takes the raw-price order as it was asked, and a
    whole-only order the one venue. `found_first`: what `held` gave of the same problem.
    """
    if is_whole_only(problem.request):
        found = alone(problem)
        wanted = target.target_units(problem)
        if found is None:
            return _proven(problem, panel, ((), NO_WALKS), None, wanted)
        return _proven(problem, panel, ((found[0],), found[1]), found[0], wanted)
    return improve(problem, panel, found_first if found_first is not None else begin(problem, panel))


def begin(problem: RouteProblem, panel: Panel) -> Contest:
    """The contest of the solvers' own plans, the best of them proven: all that most plain problems need."""
    return _judged(problem, panel, *_candidates(problem, panel))


def improve(problem: RouteProblem, panel: Panel, found: Contest, heard: Sequence[Settled] | None = None) -> Contest:
    """The contest after the searches were asked and what does not pay was dropped: never worse than before.

    `heard`: what was answered elsewhere, in the order of asking; then nobody is asked here.
    """
    best, answers = found.chosen, []
    if best is None or problem.request.approved.value.strategy is Strategy.SWEEP:
        return found
    for i in range(len(panel.searches) + problem.has_fixed):
        if is_enough(found) or (heard is not None and i >= len(heard)):
            break
        answers.append(_ask(problem, panel, found, best, i) if heard is None else heard[i])
        named = (panel.searches[i][0], len(found.candidates)) if i < len(panel.searches) else (panel.names[0], 0)
        found = _with_candidate(problem, panel, found, answers[-1], named)
    return found._replace(answers=tuple(answers)) if answers else found


def take_up(problem: RouteProblem, panel: Panel, plans: Int64Array, heard: Sequence[Settled]) -> Contest:
    """The contest of what such a panel found elsewhere, judged and proven as if it had been found here.

    `plans`: int64[n_solvers, n] units. Raises InvariantBroken where an answer brings a bound above its own plan.
    """
    candidates, walks = verify.recost(problem, panel.names, list(plans))
    found = _judged(problem, panel, candidates, walks, target.target_units(problem))
    return improve(problem, panel, found, heard)


def _ask(problem: RouteProblem, panel: Panel, found: Contest, best: Recosted, i: int) -> Settled:
    """The answer of search i, or behind them all `best` without venues whose fixed cost does not pay."""
    if i < len(panel.searches):
        return panel.searches[i][1](problem, found.wanted_units, problem.room_units)
    return Settled(drop_what_does_not_pay(problem, panel.solves[0], best.units, found.finding.witness_upnano))


def alone(problem: RouteProblem) -> tuple[Recosted, Walks] | None:
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
    best_i = min(fitting, key=lambda i: Fraction(found[i].ranked_nano, found[i].qty_units))
    return found[best_i], walks[best_i : best_i + 1]


def _judged(
    problem: RouteProblem, panel: Panel, candidates: Sequence[Recosted], walks: Walks, wanted_units: int
) -> Contest:
    """The best of the candidates, proven."""
    is_sweep = problem.request.approved.value.strategy is Strategy.SWEEP
    best = _best(problem, candidates[-1:] if is_sweep else candidates)
    return _proven(problem, panel, (candidates, walks), best, wanted_units)


def _proven(
    problem: RouteProblem,
    panel: Panel,
    plans: tuple[Sequence[Recosted], Walks],
    chosen: Recosted | None,
    wanted_units: int,
) -> Contest:
    proof = panel.prove(problem, chosen, wanted_units)
    finding = verify.nothing_found()
    if chosen is not None:
        if proof.found is not None:
            witness, value, n_rounded = proof.found
            finding = verify.find(problem, chosen, witness, (value, n_rounded))
        else:
            finding = verify.find(problem, chosen, target.witness_upnano(problem, chosen.qty_units))
    return Contest(*plans, chosen, wanted_units, proof, finding)


def _candidates(problem: RouteProblem, panel: Panel) -> tuple[list[Recosted], Walks, int]:
    """Every solver's plan in whole lots, walked, and the units that were wanted."""
    request = problem.request
    is_by_budget = request.notional_nano is not None and not problem.symbol.fungible.is_inverse
    is_small = problem.is_narrow and (request.notional_nano or 0) < NARROW
    wanted = -1 if is_by_budget and is_small else target.target_units(problem)
    if panel.codes is None or not is_small or wanted >= NARROW:
        wanted = target.target_units(problem)
        plans = [target.settle_within(problem, solve, wanted) for solve in panel.solves]
        return *verify.recost(problem, panel.names, plans), wanted
    notional = request.notional_nano if is_by_budget and request.notional_nano is not None else -1
    max_venues = request.approved.value.venues.max_venues
    step = Step(panel.codes, wanted_units=wanted, notional_nano=notional, max_venues=max_venues)
    wanted = problem.workspace.run(problem.books, kernel.CONTEST, step)[_WANTED]
    out = problem.workspace.contestants(len(panel.names), problem.n_venues)
    mended = [i for i, status in enumerate(out.status.tolist()) if status != contest.SETTLED]
    for i in mended:
        out.units[i] = target.settle_within(problem, panel.solves[i], wanted)
    if mended:
        walks, totals = walk_plans(problem, out.units)
        return verify.recosted(panel.names, list(zip(out.units, walks, strict=True)), totals), walks, wanted
    return verify.recosted(panel.names, out.plans, out.total.tolist()), out.walk, wanted


def _best(problem: RouteProblem, candidates: Sequence[Recosted]) -> Recosted | None:
    """The candidate of the most units, of those the cheapest; None where none is feasible."""
    best = None
    for plan in candidates:
        is_first = best is None or _rank(plan) < _rank(best)
        if is_first and plan.is_feasible and plan.qty_units > 0 and target.is_within(problem, plan):
            best = plan
    return best


def _rank(plan: Recosted) -> tuple[int, int]:
    return -plan.qty_units, plan.ranked_nano


def _with_candidate(
    problem: RouteProblem, panel: Panel, found: Contest, settled: Settled, named: tuple[str, int]
) -> Contest:
    """The contest with one plan more, in an older one's place or behind all, and with the bound that came with it."""
    name, place_i = named
    plan = verify.recost(problem, (name,), (settled.units,))[0][0]
    chosen, is_better = found.chosen, False
    if chosen is not None and plan.is_feasible and target.is_within(problem, plan):
        is_better = _rank(plan) < _rank(chosen)
    if is_better:
        rivals = [*found.candidates[:place_i], plan, *found.candidates[place_i + 1 :]]
        plans = verify.recost(problem, [p.name for p in rivals], [p.units for p in rivals])
        found = _proven(problem, panel, plans, plans[0][place_i], found.wanted_units)
    chosen = found.chosen
    if chosen is None or chosen.qty_units != plan.qty_units:
        return found
    finding = verify.take_search(chosen, found.finding, settled)
    return found._replace(finding=finding)
