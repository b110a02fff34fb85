"""The plan of a decision that one kernel call made and proved: its table, its receipt, its certificate.

Most decisions are such. A plan of another kind (searched, inverse, pooled, of one venue alone, or with a number beyond
int64) is explained by routing/router.py, value by value: for the same decision both give the same plan and receipt.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from app.domain.enums import Strategy, UnallocatedCode
from app.domain.errors import InvariantBroken
from app.domain.plan import Exclusion, Planned, PlanRequest
from app.domain.tabled import CHILD_WORDS, HEAD_WORDS, LEFT_OUT_WORDS, REASONS, PlanTable, left_out_at, n_words
from app.domain.tabled import tabled_plan as make_plan
from app.kernels import answer, cost, decide
from app.routing import choose, explain, receipt, verify
from app.routing.believed import NOTHING_BELIEVED, Believed, weigh
from app.routing.choose import Panel
from app.routing.listings import NARROW
from app.routing.problem import Laid, RouteProblem, Workspace, build_problem
from app.shm.books import SymbolBooks

# What a bit of the table's judge says, in the order of kernels/answer.py.
LAWS: Final = ("allocated quantity", "allocated notional", "objective", "cost split", "each enabled venue once", "lots")
_WANTED: Final = decide.WANTED - decide.N_ADMITTED
_BEST: Final = decide.BEST - decide.N_ADMITTED
_IS_HELD: Final = decide.IS_HELD - decide.N_ADMITTED
_N_BROKEN: Final = decide.N_BROKEN - decide.N_ADMITTED
_NUMBER_OF: Final = {reason: number for number, reason in enumerate(REASONS)}


def plan(request: PlanRequest, books: SymbolBooks, laid: Laid, panel: Panel) -> Planned | None:
    """The plan with its receipt; None where the decision is not of this kind. Raises InvariantBroken as a Router does.

    A plan whose children break a law is none of this kind either: the Router says which.
    """
    results, order = laid.results, request.approved.value
    if not laid.n or not results[_IS_HELD] or results[_BEST] < 0 or results[_N_BROKEN]:
        return None
    *proven, is_proven = results[_N_BROKEN + 1 :]
    if not is_proven or request.pool is not None or request.mid_half_units >= NARROW:
        return None
    workspace, rivals, steps = laid.workspace, panel.names, answer.EXPLAIN | answer.PACK
    horizon_nano, mid_half_units = receipt.horizon_nano(proven[0]), request.mid_half_units
    columns = workspace.write(steps, len(rivals), horizon_nano, mid_half_units, order.venues.max_venues)
    head: list[int] = workspace.answer_head.tolist()
    if not head[answer.IS_EXACT]:
        return None
    n_children, qty, money = head[answer.N_CHILDREN], head[answer.QTY_UNITS], head[answer.MONEY_NANO]
    costs = head[answer.OBJECTIVE_NANO], head[answer.ESTIMATED_NANO], money
    finding = verify.found_of(costs, n_children, head[answer.N_READ], (proven[0], proven[1], proven[2]))
    is_left = order.strategy is Strategy.SWEEP or not (laid.asked.listings.has_fixed or panel.searches)
    if not (is_left or choose.is_near(finding, qty, results[_WANTED])):
        return None
    wanted, notional = request.qty_units, request.notional_nano
    rest = wanted - qty if wanted is not None else (notional or 0) - money
    told = _told(request, books, laid, head, rest)
    if told is None:
        return None
    _check(request, head, told, rest)
    believed = _believed(request, workspace, told.venues, n_children) if request.estimates else NOTHING_BELIEVED
    solver = rivals[head[answer.CHOSEN_I]]
    receipt_head = receipt.head_bytes(request, (solver, qty, money), finding, told.code)
    data = b"".join((receipt_head, receipt.names_bytes(told.names, *rivals), columns))
    sealed = verify.seal(finding, solver, receipt.sha256(data), believed)
    words = workspace.answer_words(n_words(laid.n, n_children, len(rivals)))
    routed = make_plan(
        PlanTable(words, told.venues, rivals, told.left_out, sealed, verify.certify),
        request.route_id,
        request.order_id,
        request.wave,
        request.symbol.name,
        order.side,
        wanted,
        notional,
        qty,
        money,
        rest if wanted is not None else None,
        rest if notional is not None else None,
        told.code,
        request.mid_half_units,
        head[answer.BID_UNITS],
        head[answer.ASK_UNITS],
        (),
    )
    return Planned(routed, data, sealed.receipt_sha256)


class _Told(NamedTuple):
    """The admitted venues, their names as a receipt writes them, who was left out before, why there is a rest."""

    venues: tuple[str, ...]
    names: tuple[bytes, ...]
    left_out: tuple[Exclusion, ...]
    code: UnallocatedCode | None


def _told(request: PlanRequest, books: SymbolBooks, laid: Laid, head: list[int], rest: int) -> _Told | None:
    """By Python what is rare: who was not admitted, why something is left, who could take nothing (into the table).

    None where a number of the last leaves int64.
    """
    listings = laid.asked.listings
    if laid.n == len(listings.venues) and not (request.barred or rest or head[answer.N_IMPOSSIBLE]):
        return _Told(listings.venues, listings.names, (), None)
    workspace, wanted_units = laid.workspace, laid.results[_WANTED]
    admitted, left_out = verify.admit(request, books, laid)
    if admitted is None:
        return None
    problem = build_problem(request, books, laid, admitted)
    if head[answer.N_IMPOSSIBLE] and not _tell_impossible(problem, head, wanted_units):
        return None
    code = None
    if rest:
        rest_units = rest if request.qty_units is not None else None
        units = workspace.contestants(0, laid.n).chosen
        code = explain.unallocated_code(problem, units, rest_units, wanted_units)
    return _Told(admitted.venues, tuple([listings.names[pick] for pick in admitted.picks]), tuple(left_out), code)


def _tell_impossible(problem: RouteProblem, head: list[int], wanted_units: int) -> bool:
    """Writes the reasons of venues that could take nothing at any price. Whether all their numbers fit."""
    words = problem.workspace.answer
    at = left_out_at(head[answer.N_CHILDREN])
    for row in words[at : at + (head[answer.N_VENUES] - head[answer.N_CHILDREN]) * LEFT_OUT_WORDS].reshape(-1, 4):
        v, number = row[:2].tolist()
        if number == answer.IMPOSSIBLE:
            _, reason, limit, value = explain.impossible(problem, v, wanted_units)
            if max(abs(limit), abs(value)) >= NARROW:
                return False
            row[1:] = _NUMBER_OF[reason], limit, value
    return True


def _believed(request: PlanRequest, workspace: Workspace, venues: tuple[str, ...], n_children: int) -> Believed:
    """The estimates of the children, as they ranked them."""
    rows = workspace.answer[HEAD_WORDS : HEAD_WORDS + n_children * CHILD_WORDS].reshape(-1, CHILD_WORDS).tolist()
    ranked_ppm = workspace.terms[:, cost.EST_PPM].tolist()
    return weigh(request.estimates, [(venues[row[0]], row[5], ranked_ppm[row[0]]) for row in rows])


def _check(request: PlanRequest, head: list[int], told: _Told, rest: int) -> None:
    """Raises InvariantBroken where the whole breaks a law; each child was judged when the plan was proved.

    The kernel has added up the table's own rows: here is what they are held against.
    """
    broken = [law for i, law in enumerate(LAWS) if head[answer.BROKEN] >> i & 1] if head[answer.BROKEN] else []
    if told.left_out or request.barred:
        named = [*told.venues, *[item.venue for item in told.left_out]]
        if len(set(named)) != len(named) or request.instruments.keys() | request.barred.keys() != set(named):
            broken.append("each enabled venue once")
        if not request.barred.keys().isdisjoint(told.venues):
            broken.append("barred venue")
    elif len(told.venues) != len(request.instruments):
        broken.append("each enabled venue once")
    max_venues = request.approved.value.venues.max_venues
    if max_venues and head[answer.N_CHILDREN] > max_venues:
        broken.append("max venues")
    if rest < 0 or head[answer.QTY_UNITS] <= 0:
        broken.append("requested = allocated + unallocated")
    if bool(rest) != (told.code is not None):
        broken.append("unallocated code")
    if broken:
        raise InvariantBroken(reason="plan fails its own check", laws="; ".join(broken), route_id=request.route_id)
