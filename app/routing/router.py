"""One parent and one market in, one verified plan out. No clock, no chance: the same answer for the same input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np

from app.domain import quick
from app.domain.enums import Side
from app.domain.errors import InvariantBroken
from app.domain.plan import Allocation, Alternative, BookUse, CostSplit, Exclusion, Planned, PlanRequest, RoutePlan
from app.domain.ports import Prepared
from app.kernels import cost
from app.routing import carry, choose, explain, receipt, search, verify, written
from app.routing.believed import NOTHING_BELIEVED, weigh
from app.routing.choose import NO_WALKS, SOLVERS, Contest, Panel, Solvers
from app.routing.findings import NO_PROOF, Recosted
from app.routing.listings import Listings
from app.routing.problem import DECIDED, SAID, Laid, RouteProblem, Step, Workspace, build_problem, lay_problem
from app.routing.receipt import Outcome
from app.routing.rounding import Search
from app.routing.solvers import greedy
from app.shm.books import SymbolBooks

_route_plan: Final = quick.maker(RoutePlan)
NO_COST: Final = CostSplit(0, 0, 0, 0, 0)
NO_CONTEST: Final = Contest((), NO_WALKS, None, 0, NO_PROOF, verify.nothing_found())


class _Kept(NamedTuple):
    """What a decision that is searched elsewhere waits with: its problem, in arrays of its own."""

    problem: RouteProblem
    excluded: list[Exclusion]


class Router:
    """The planner: fee-aware greedy and its baselines on one problem, the cheapest feasible wins, all are listed.

    Remembers the rows of listings that it has checked, so that a decision pays only for what changes.
    """

    def __init__(self, solvers: Solvers = SOLVERS, searches: Sequence[tuple[str, Search]] = choose.SEARCHES) -> None:
        """`solvers`: all of them as shipped; one alone, and no search, where a market replay measures that rival."""
        self._panel = Panel(solvers, searches)
        self._listings: dict[str, Listings] = {}
        self._vouched: dict[tuple[str, Side], tuple[object, Listings]] = {}  # what a request's `standing` stands for
        # Buyers and sellers ask different things of the same listings: each finds what its side asked last.
        self._workspaces: dict[tuple[str, Side], Workspace] = {}

    def plan(self, request: PlanRequest, books: SymbolBooks) -> Planned:
        """The plan of what `request` still asks for on these books, certified, with its receipt.

        Nothing allocatable still gives a plan: no allocations, every venue excluded with its reason.
        Raises InvariantBroken only for a bug of ours: another class, a venue without fees, a plan that fails its check.
        """
        books = books if books.is_plain else plain(books)
        laid = self._lay(request, books, choose.step_of(request, self._panel))
        planned = written.plan(request, books, laid, self._panel)
        if planned is not None:
            return planned
        return _assemble(request, books, *self._settle(request, books, laid, choose.held(laid, self._panel)))

    def prepare(self, request: PlanRequest, books: SymbolBooks) -> Prepared | None:
        """The problem in words where sending it to a route worker pays; None: plan it here."""
        if request.pool is not None or not search.may_pay(
            request, self._known(request, books), books.price_units.shape[2]
        ):
            return None
        problem, excluded = self.pose(request, own(books))
        words = carry.pack(problem) if problem is not None and search.pays(problem) else None
        if problem is None or words is None:
            return None
        return Prepared(search.CONTEST, words.data, _Kept(problem, excluded))

    def adopt(self, prepared: Prepared, request: PlanRequest, words: memoryview) -> Planned | None:
        """The plan of a worker's answer, certified on the books it was searched on, with its receipt.

        None where the answer is none of this problem, or where the plan breaks a law of `request`: the same order asked
        now, with the capacities, bars and ages of this instant.
        """
        kept = prepared.kept
        assert isinstance(kept, _Kept)
        problem, asked = kept.problem, kept.problem.request
        found = search.read_answer(problem, np.frombuffer(words, np.int64), self._panel)
        if found is None:
            return None
        try:
            contest = choose.take_up(problem, self._panel, *found)
        except InvariantBroken:  # a bound above its own plan: what another process says is judged, never trusted
            return None
        planned = _assemble(asked, problem.books, problem, kept.excluded, contest)
        now = replace(request, mid_half_units=asked.mid_half_units)
        return None if verify.find_violations(planned.plan, now, problem.books) else planned

    def decide(self, request: PlanRequest, books: SymbolBooks) -> Contest:
        """The decision alone: solved, rounded, verified and bounded, neither explained nor written down.

        Its arrays live until the next call. Raises InvariantBroken where a child breaks a law.
        """
        books = books if books.is_plain else plain(books)
        laid = self._lay(request, books, choose.step_of(request, self._panel), DECIDED)
        contest = choose.held(laid, self._panel)
        if contest is None or not choose.is_final(
            contest, request, self._panel, has_fixed=laid.asked.listings.has_fixed
        ):
            contest = self._settle(request, books, laid, contest)[2]
        if contest.proof.is_judged and contest.proof.n_broken:
            raise InvariantBroken(reason="plan fails its own check", route_id=request.route_id)
        return contest

    def _lay(self, request: PlanRequest, books: SymbolBooks, step: Step | None, step_i: int = SAID) -> Laid:
        """The problem posed in the symbol's workspace and, where one kernel call can do all, taken through `step_i`."""
        key, listings = (request.symbol.name, request.approved.value.side), self._known(request, books)
        n_levels = len(listings.venues) * books.price_units.shape[2]
        workspace = self._workspaces.get(key) if request.pool is None else Workspace(listings, n_levels)
        if workspace is None or not workspace.fits(listings, n_levels):
            workspace = self._workspaces[key] = Workspace(listings, n_levels)
        return lay_problem(
            request, books, verify.ask(request, books, listings, workspace), workspace, step, step_i=step_i
        )

    def _settle(
        self, request: PlanRequest, books: SymbolBooks, laid: Laid, found: Contest | None
    ) -> tuple[RouteProblem | None, list[Exclusion], Contest]:
        """The posed problem with its venues named, and its contest, `found` or held now."""
        admitted, excluded = verify.admit(request, books, laid)
        if admitted is None:
            return None, excluded, NO_CONTEST
        problem = build_problem(request, books, laid, admitted)
        return problem, excluded, choose.decide(problem, self._panel, found)

    def can_fill_alone(self, request: PlanRequest, books: SymbolBooks) -> str | None:
        """The cheapest venue that can fill the whole request by itself on these books, None if there is none."""
        problem, _ = self.pose(request, books)
        alone = choose.alone(problem) if problem is not None else None
        if problem is None or alone is None:
            return None
        return problem.venues[int(np.flatnonzero(alone[0].units)[0])]

    def pose(self, request: PlanRequest, books: SymbolBooks) -> tuple[RouteProblem | None, list[Exclusion]]:
        """The problem of all venues that may be looked at (None: there is none), and the others with their reasons.

        It has arrays of its own, which no later decision writes.
        """
        listings, books = self._known(request, books), plain(books)
        workspace = Workspace(listings, len(listings.venues) * books.price_units.shape[2])
        return _pose(request, books, listings, workspace)

    def _known(self, request: PlanRequest, books: SymbolBooks) -> Listings:
        """A pool's rows hold its rate of this instant, so they are made and checked anew."""
        if request.pool is not None:
            admitted = verify.admit_listings(request)
            verify.check_pool(request, books)
            return admitted
        name, standing = request.symbol.name, request.standing
        side = request.approved.value.side
        if standing is not None:
            vouched = self._vouched.get((name, side))
            if vouched is not None and vouched[0] is standing:
                return vouched[1]
        listings = self._listings.get(name)
        if listings is None or not listings.are_of(request):
            listings = self._listings[name] = verify.admit_listings(request)
        self._vouched[name, side] = standing, listings
        return listings


def _pose(
    request: PlanRequest, books: SymbolBooks, listings: Listings, workspace: Workspace
) -> tuple[RouteProblem | None, list[Exclusion]]:
    laid = lay_problem(request, books, verify.ask(request, books, listings, workspace), workspace)
    admitted, excluded = verify.admit(request, books, laid)
    return (build_problem(request, books, laid, admitted) if admitted is not None else None), excluded


def own(books: SymbolBooks) -> SymbolBooks:
    """The books with levels of their own: an answer is judged by what was asked, whatever is taken meanwhile."""
    price, qty, counts = books.price_units.copy(), books.qty_units.copy(), books.n_levels.copy()
    return books._replace(price_units=price, qty_units=qty, n_levels=counts)


def plain(books: SymbolBooks) -> SymbolBooks:
    """The books in arrays as kernels take them: writable and contiguous; copies only what is not."""
    if books.is_plain:
        return books
    arrays = (books.price_units, books.qty_units, books.n_levels, books.book_seq, books.received_ts_ns)
    price, qty, counts, seqs, received = (np.require(array, np.int64, ["C", "W"]) for array in arrays)
    gapped = np.require(books.is_gapped, np.bool_, ["C", "W"])
    return SymbolBooks(
        books.symbol, books.venues, price, qty, counts, seqs, received, books.venue_ts_ns, gapped, is_plain=True
    )


def _allocations(problem: RouteProblem, plan: Recosted, contest: Contest) -> list[Allocation]:
    """One child per used venue, ranked by the all-in price of its first level."""
    units, (moneys, fees, worsts, _) = plan.units.tolist(), plan.walk.T.tolist()
    touch, limits = contest.proof.touch_nano, contest.proof.limit_ticks
    terms, venues = problem.terms, problem.venues
    lots, fixed = terms[:, cost.LOT_UNITS].tolist(), terms[:, cost.FIXED_NANO].tolist()
    used = sorted([v for v, quantity in enumerate(units) if quantity], key=touch.__getitem__)
    rows = []
    for rank, v in enumerate(used):
        quantity = units[v]
        sizes = (quantity // lots[v], quantity, limits[v], worsts[v])
        rows.append((venues[v], *sizes, moneys[v], fees[v], fixed[v], rank))
    return quick.values(Allocation, rows)


def _assemble(
    request: PlanRequest,
    books: SymbolBooks,
    problem: RouteProblem | None,
    excluded: list[Exclusion],
    contest: Contest,
) -> Planned:
    """Explains, certifies and checks the chosen plan."""
    symbol, plan = request.symbol, contest.chosen
    allocations: list[Allocation] = []
    split, believed = NO_COST, NOTHING_BELIEVED
    if problem is not None:
        excluded = [*excluded, *explain.exclusions(problem, plan, contest.wanted_units, contest.proof)]
        if plan is not None:
            allocations = _allocations(problem, plan, contest)
            split = explain.cost_split(problem, plan)
            if request.estimates:
                ranked = dict(zip(problem.venues, problem.terms[:, cost.EST_PPM].tolist(), strict=True))
                believed = weigh(request.estimates, [(c.venue, c.money_nano, ranked[c.venue]) for c in allocations])
    qty, money = (plan.qty_units, plan.money_nano) if plan is not None else (0, 0)
    notional = verify.plan_notional_nano(symbol, qty, money)
    rest_qty = request.qty_units - qty if request.qty_units is not None else None
    rest_notional = request.notional_nano - notional if request.notional_nano is not None else None
    has_rest = bool(rest_qty or rest_notional)
    placed = plan.units if plan is not None else None
    code = explain.unallocated_code(problem, placed, rest_qty, contest.wanted_units) if has_rest else None
    outcome = Outcome(plan, contest.candidates, contest.walks, contest.finding, code)
    data = receipt.encode(request, problem, outcome)
    sealed = verify.seal(
        contest.finding, plan.name if plan is not None else greedy.NAME, receipt.sha256(data), believed
    )
    routed = _route_plan(
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
        alternatives=_alternatives(problem, contest.candidates) if problem is not None else (),
        cost=split,
        certificate=verify.certify(sealed, _books(problem)),
        conversions=request.pool.conversions if request.pool is not None else (),
    )
    laws = contest.proof.laws
    judged = dict(zip(problem.venues, laws, strict=True)) if problem is not None and laws is not None else None
    broken = verify.find_violations(routed, request, books, judged)
    if broken:
        raise InvariantBroken(reason="plan fails its own check", laws="; ".join(broken), route_id=request.route_id)
    return Planned(routed, data, sealed.receipt_sha256)


def _books(problem: RouteProblem | None) -> tuple[BookUse, ...]:
    if problem is None:
        return ()
    admitted = problem.admitted
    return tuple(quick.values(BookUse, zip(admitted.venues, admitted.book_seq, admitted.age_ns, strict=True)))


def _alternatives(problem: RouteProblem, rivals: Sequence[Recosted]) -> tuple[Alternative, ...]:
    venues = problem.venues
    rows = []
    for rival in rivals:
        # The one venue of a plan has all its units.
        venue = venues[rival.units.tolist().index(rival.qty_units)] if rival.n_venues == 1 else ""
        rows.append((rival.name, rival.qty_units, rival.objective_nano, rival.n_venues, venue))
    return tuple(quick.values(Alternative, rows))
