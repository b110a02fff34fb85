"""The plan of a decision that one kernel call made and proved: its table, its receipt, its certificate.

Most decisions are such. A plan of another kind (searched, inverse, pooled, of one venue alone, or with a number beyond
int64) is explained by routing/router.py, value by value: for the same decision both give the same plan and receipt.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from app.domain import quick
from app.domain.enums import Strategy, UnallocatedCode
from app.domain.errors import InvariantBroken
from app.domain.plan import Exclusion, Planned, PlanRequest
from app.domain.tabled import CHILD_WORDS, HEAD_WORDS, LEFT_OUT_WORDS, REASONS, PlanTable, left_out_at, n_words
from app.domain.tabled import tabled_plan as make_plan
from app.kernels import answer, cost, decide
from app.routing import choose, explain, receipt, verify
from app.routing.believed import NOTHING_BELIEVED, Believed, weigh
from app.routing.choose import Panel
from app.routing.findings import Finding
from app.routing.listings import NARROW
from app.routing.problem import FOUND_WORDS, Laid, RouteProblem, Workspace, build_problem
from app.shm.books import SymbolBooks

# What a bit of the table's judge says, in the order of kernels/answer.py.
LAWS: Final = ("allocated quantity", "allocated notional", "objective", "cost split", "each enabled venue once", "lots")
_WANTED, _N_PACKED = decide.WANTED - decide.N_ADMITTED, decide.N_PACKED - decide.N_ADMITTED
# Looked up once: a member of an enum takes as long to find as ten names.
SWEEP: Final = Strategy.SWEEP
_table, _planned = quick.tupled(PlanTable), quick.maker(Planned)
_NUMBER_OF: Final = {reason: number for number, reason in enumerate(REASONS)}


def plan(request: PlanRequest, books: SymbolBooks, laid: Laid, panel: Panel) -> Planned | None:
    """The plan with its receipt; None where the decision is not of this kind. Raises InvariantBroken as a Router does.

    A plan whose children break a law is none of this kind either: the Router says which.
    """
    n, wanted_units, _, _, _, witness, value, n_rounded, _, n_packed, *head = laid.results
    if not n_packed:
        return None
    order, listings, wanted = request.approved.value, laid.asked.listings, request.qty_units
    n_children, qty, money = head[answer.N_CHILDREN], head[answer.QTY_UNITS], head[answer.MONEY_NANO]
    costs = head[answer.OBJECTIVE_NANO], head[answer.ESTIMATED_NANO], money
    finding = verify.found_of(costs, n_children, head[answer.N_READ], (witness, value, n_rounded))
    is_left = order.strategy is SWEEP or not (listings.has_fixed or panel.searches)
    if not (is_left or choose.is_near(finding, qty, wanted_units)):
        return None
    rest = wanted - qty if wanted is not None else (request.notional_nano or 0) - money
    if n == len(listings.venues) and not (request.barred or rest or head[answer.N_IMPOSSIBLE]):
        told: _Told | None = _told((listings.venues, listings.names, (), None))
    else:
        told = _tell(request, books, laid, head, rest)
    if told is None:
        return None
    _check(request, head, told, rest)
    return _write(request, laid, panel.names, finding, told)


def _write(request: PlanRequest, laid: Laid, rivals: tuple[str, ...], finding: Finding, told: _Told) -> Planned:
    """The plan of what was found and told, its receipt and its certificate's words."""
    venues, names, left_out, code = told
    workspace, head, wanted, notional = (
        laid.workspace,
        laid.results[FOUND_WORDS:],
        request.qty_units,
        request.notional_nano,
    )
    n_children, qty, money = head[answer.N_CHILDREN], head[answer.QTY_UNITS], head[answer.MONEY_NANO]
    solver = rivals[head[answer.CHOSEN_I]]
    believed = _believed(request, workspace, venues, n_children) if request.estimates else NOTHING_BELIEVED
    receipt_head = receipt.head_bytes(request, (solver, qty, money), finding, code)
    columns = workspace.packed_bytes(laid.results[_N_PACKED])
    data = b"".join((receipt_head, receipt.names_bytes(names, *rivals), columns))
    sha256 = receipt.sha256(data)
    sealed = verify.seal(finding, solver, sha256, believed)
    words = workspace.answer_words(n_words(laid.n, n_children, len(rivals)))
    routed = make_plan(
        _table((words, venues, rivals, left_out, sealed, verify.certify)),
        request.route_id,
        request.order_id,
        request.wave,
        request.symbol.name,
        request.approved.value.side,
        wanted,
        notional,
        qty,
        money,
        wanted - qty if wanted is not None else None,
        notional - money if notional is not None else None,
        code,
        request.mid_half_units,
        head[answer.BID_UNITS],
        head[answer.ASK_UNITS],
        (),
    )
    return _planned(routed, data, sha256)


class _Told(NamedTuple):
    """The admitted venues, their names as a receipt writes them, who was left out before, why there is a rest."""

    venues: tuple[str, ...]
    names: tuple[bytes, ...]
    left_out: tuple[Exclusion, ...]
    code: UnallocatedCode | None


_told: Final = quick.tupled(_Told)


def _tell(request: PlanRequest, books: SymbolBooks, laid: Laid, head: list[int], rest: int) -> _Told | None:
    """By Python what is rare: who was not admitted, why something is left, who could take nothing (into the table).

    None where a number of the last leaves int64.
    """
    listings = laid.asked.listings
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
    names = tuple([listings.names[pick] for pick in admitted.picks])
    return _Told(admitted.venues, names, tuple(left_out), code)


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
