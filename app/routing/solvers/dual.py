"""Dual decomposition over pools and books together: prices first, trades from them, a bound for free.

Without fixed costs the trades at the best prices balance and the bound is met. With fixed costs each source is worth
max(0, what it earns - its cost) to the bound, the doubtful ones are decided by branch and bound, and what cannot be
proven within `n_nodes` is told as a gap.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from app.kernels import amm, dual, legs
from app.routing import walks
from app.routing.network import PlanStatus, SwapPlan, SwapProblem

Int64Array = npt.NDArray[np.int64]
Float64Array = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

NAME: Final = "dual"
PROVEN_FRAC: Final = 1e-9  # a gap below this part of the bound is rounding
DUST_FRAC: Final = 1e-13  # trades below this part of a token's turnover are rounding
# Turns that circles may take where sources disagree: what the first leaves the others try, and the best plan stays.
TURNS: Final = (64, 0)
TURNS_PAYING: Final = (2, 64, 0)
FLOOR_FRAC: Final = 1e-7  # plans further below their bound are held against walks, and finished by them
SLICES: Final = (1, 16)
EASY_NODES: Final = 4
WORK: Final = 1e5
TRY_WORK: Final = 100.0  # of making a plan beside the steps of its prices
WALK_WORK: Final = 500.0
THRESHOLDS: Final = (0.0, 0.1, 0.3, 0.7, 0.9)
WALKS: Final = (1, 2, 4, 8)
ADDED: Final = 12
SWAPPED: Final = 5
SHRINKS: Final = 44  # halvings that find how much of an amount the sources can use
MOST_LEGS: Final = 4_096
LIKELY_FRAC: Final = 0.5
FIRST_EDGE: Final = 1.0
WARM_EDGE: Final = 1e-2


@dataclass(slots=True)
class _Desk:
    """Arrays that every solve of one problem writes, and what was found so far."""

    problem: SwapProblem
    flow: Float64Array
    work: Float64Array
    curvature: Float64Array
    value: Float64Array
    balance: Float64Array
    anchor: Float64Array
    leg: Int64Array
    leg_units: Float64Array
    work_max_us: float
    share: Float64Array = field(default_factory=lambda: np.zeros(0))
    best: SwapPlan | None = None
    n_solves: int = 0
    work_done_us: float = 0.0
    tried: set[bytes] = field(default_factory=set)

    def count(self, n_steps: int) -> None:
        """Adds what so many steps cost: a part for each source, piece and the system of tokens."""
        net = self.problem.network
        self.n_solves += 1
        self.work_done_us += n_steps * (2.0 + net.n_sources / 16 + len(net.seg) / 100 + net.n_tokens**3 / 8000)

    @property
    def floor_units(self) -> float:
        """A bound at or below this cannot hide a better plan."""
        return self.best.net_units + PROVEN_FRAC * abs(self.best.net_units) if self.best else -np.inf


def solve(problem: SwapProblem, n_nodes: int = 200, work_max_us: float = WORK) -> SwapPlan:
    """The best plan found, with its bound; where legs have a fixed cost `n_nodes` and `work_max_us` bound the search.

    work_max_us is about microseconds, but counted from steps: the same answer on every machine.
    """
    m, n = problem.network.n_sources, problem.network.n_tokens
    desk = _Desk(
        problem,
        np.empty((m, 3)),
        np.empty((3, n)),
        np.empty((n, n)),
        np.empty(4),
        np.empty(n),
        np.zeros(2 * m + len(problem.network.seg)),
        np.empty((MOST_LEGS, 2), dtype=np.int64),
        np.empty((MOST_LEGS, 2)),
        work_max_us,
    )
    state = np.full(m, dual.FREE, dtype=np.int64)
    log_price = _first_prices(problem, state)
    if log_price is None:
        empty = np.empty((0, 2))
        return SwapPlan(empty.astype(np.int64), empty, 0.0, 0.0, 0.0, problem.amount_units, PlanStatus.NO_PATH)
    if not problem.has_gas:
        bound = _minimise(desk, state, log_price, FIRST_EDGE)
        plan = _above_floor(problem, _usable(desk, state, _plan(desk, bound)))
        return _judged(plan, bound, desk.n_solves, is_complete=True)
    plan = _branch(desk, log_price, n_nodes)
    return _judged(
        _above_floor(problem, plan), plan.bound_units, plan.n_solves, is_complete=plan.status is not PlanStatus.DEADLINE
    )


def _first_prices(problem: SwapProblem, state: Int64Array) -> Float64Array | None:
    net = problem.network
    log_price = np.empty(net.n_tokens)
    dual.first_prices(net.token, net.par, state, problem.token_out_i, log_price)
    return None if log_price[problem.token_in_i] == dual.UNPRICED else log_price


def _minimise(desk: _Desk, state: Int64Array, log_price: Float64Array, edge: float) -> float:
    """The dual value with sources in `state`; `log_price` moves to where it is least, desk.flow holds the trades."""
    problem, net = desk.problem, desk.problem.network
    desk.anchor[:] = 0.0
    dual.minimise(
        net.kind,
        net.token,
        net.par,
        net.first_seg,
        net.seg,
        state,
        problem.gas_units,
        problem.amount_units,
        problem.token_in_i,
        problem.token_out_i,
        edge,
        log_price,
        desk.anchor,
        desk.flow,
        desk.work,
        desk.curvature,
        desk.value,
    )
    desk.count(1 + int(desk.value[3]))
    return float(desk.value[0])


def _plan(desk: _Desk, bound_units: float) -> SwapPlan:
    """desk.flow as legs; where it runs in circles, the best of some numbers of turns."""
    turns = TURNS_PAYING if desk.problem.has_gas else TURNS
    best, n_turns = _ordered(desk, bound_units, turns[0])
    if n_turns:
        for n_most in turns[1:]:
            best = max(best, _ordered(desk, bound_units, n_most)[0], key=lambda plan: plan.net_units)
    return best


def _ordered(desk: _Desk, bound_units: float, n_most: int) -> tuple[SwapPlan, int]:
    """(desk.flow as legs that take at most so many turns of circles, turns asked for)."""
    problem, net = desk.problem, desk.problem.network
    n_turns = np.zeros(1, dtype=np.int64)
    n_legs = legs.order_legs(
        net.kind,
        net.token,
        net.par,
        net.first_seg,
        net.seg,
        desk.flow,
        problem.amount_units,
        problem.token_in_i,
        problem.token_out_i,
        n_most,
        DUST_FRAC,
        desk.leg,
        desk.leg_units,
        desk.balance,
        n_turns,
    )
    leg = desk.leg[:n_legs].copy()
    out = float(desk.balance[problem.token_out_i])
    net_units = out - float(problem.gas_units[leg[:, 0]].sum())
    unspent = float(desk.balance[problem.token_in_i])
    plan = SwapPlan(leg, desk.leg_units[:n_legs].copy(), out, net_units, bound_units, unspent, PlanStatus.WITHIN_GAP)
    return plan, int(n_turns[0])


def _usable(desk: _Desk, state: Int64Array, plan: SwapPlan) -> SwapPlan:
    """Where the amount exceeds what sources can use, prices fall to nothing and say no trades: the plan of a part.

    Halving finds the largest part whose own plan spends it and meets its own bound; the rest stays unspent.
    """
    whole = desk.problem
    low, high = 0.0, whole.amount_units
    is_spent = plan.unspent_units <= FLOOR_FRAC * high
    if is_spent or plan.bound_units - plan.out_units <= FLOOR_FRAC * plan.bound_units:
        return plan
    for _ in range(SHRINKS):
        middle = 0.5 * (low + high) if low > 0.0 else high / 16.0
        desk.problem = replace(whole, amount_units=middle)
        log_price = _first_prices(desk.problem, state)
        assert log_price is not None
        bound = _minimise(desk, state, log_price, FIRST_EDGE)
        part = _plan(desk, plan.bound_units)
        is_met = part.unspent_units <= FLOOR_FRAC * middle and part.out_units >= (1.0 - FLOOR_FRAC) * bound
        low, high = (middle, high) if is_met else (low, middle)
        part = replace(part, unspent_units=part.unspent_units + whole.amount_units - middle)
        plan = max(plan, part, key=lambda candidate: candidate.net_units)
        if plan.bound_units - plan.out_units <= PROVEN_FRAC * plan.bound_units:
            break
    desk.problem = whole
    return plan


def _above_floor(problem: SwapProblem, plan: SwapPlan) -> SwapPlan:
    """The plan, or what walks make of it or without it, where its bound leaves room for better."""
    if plan.bound_units - plan.net_units <= FLOOR_FRAC * abs(plan.bound_units):
        return plan
    plans = [plan, *(walks.solve(problem, n_slices, plan.bound_units) for n_slices in SLICES)]
    best = max(plans, key=lambda candidate: candidate.net_units)
    return walks.finish(problem, best)


def _judged(plan: SwapPlan, bound_units: float, n_solves: int, *, is_complete: bool) -> SwapPlan:
    """The plan with its bound and what the two say together."""
    gap = bound_units - plan.net_units
    if gap <= PROVEN_FRAC * abs(bound_units):
        is_short = plan.unspent_units > 0.0
        status = PlanStatus.DEPTH_LIMITED if is_short else PlanStatus.OPTIMAL
    else:
        status = PlanStatus.WITHIN_GAP if is_complete else PlanStatus.DEADLINE
    return replace(plan, bound_units=bound_units, status=status, n_solves=n_solves)


def _branch(desk: _Desk, log_price: Float64Array, n_nodes: int) -> SwapPlan:
    """Best bound first; a source's share at a node's prices says which one to decide next."""
    m = desk.problem.network.n_sources
    root = np.full(m, dual.PAYING, dtype=np.int64)
    bound, doubtful = _relax(desk, root, log_price, FIRST_EDGE)
    heap = [(-bound, 0, root, log_price, doubtful)]
    n_seen = 0
    share, is_searched = desk.share, False
    while heap and n_seen < n_nodes and desk.work_done_us < desk.work_max_us:
        top, _, state, prices, doubtful = heap[0]
        if -top <= desk.floor_units or doubtful < 0:
            break
        if n_seen >= EASY_NODES and not is_searched:
            # Most are proven within a few nodes; where not, better plans first cut the rest.
            is_searched = True
            desk.share = share
            _search(desk, log_price, -top, desk.work_done_us + 0.5 * desk.work_max_us)
            continue
        heapq.heappop(heap)
        for choice in (dual.FREE, dual.CLOSED):
            child, child_prices = state.copy(), prices.copy()
            child[doubtful] = choice
            n_seen += 1
            bound, next_doubtful = _relax(desk, child, child_prices, WARM_EDGE)
            bound = min(bound, -top)
            if bound > desk.floor_units:
                heapq.heappush(heap, (-bound, n_seen, child, child_prices, next_doubtful))
    best = desk.best
    assert best is not None
    open_bound = max((-entry[0] for entry in heap), default=best.net_units)
    is_complete = not heap or -heap[0][0] <= desk.floor_units or heap[0][4] < 0
    return _judged(best, max(open_bound, best.net_units), desk.n_solves, is_complete=is_complete)


def _search(desk: _Desk, log_price: Float64Array, bound_units: float, work_max_us: float) -> None:
    """Sets of the relaxation and of walks, then drops, adds and swaps of sources until none of them helps."""
    net, share = desk.problem.network, desk.share
    for threshold in THRESHOLDS:
        _try(desk, share > threshold)
    for n_slices in WALKS:
        if desk.work_done_us < work_max_us and bound_units > desk.floor_units:
            desk.work_done_us += n_slices * WALK_WORK
            walked = np.zeros(net.n_sources, dtype=np.bool_)
            walked[walks.solve(desk.problem, n_slices).leg[:, 0]] = True
            _try(desk, walked)
    step = log_price[net.token[:, 0]] - log_price[net.token[:, 1]]
    away = np.minimum(step - net.par[:, amm.LOG_RATE0], -step - net.par[:, amm.LOG_RATE1])
    order = np.lexsort((away, -share))
    is_better = True
    while is_better:
        is_better = False
        before = desk.floor_units
        for move in _moves(desk, order):
            if desk.work_done_us >= work_max_us or bound_units <= desk.floor_units:
                return
            _try(desk, move)
            if desk.floor_units > before:
                is_better = True
                break


def _moves(desk: _Desk, order: Int64Array) -> Iterator[Bools]:
    """Sets next to the best plan's: one source dropped, one added, one for another; likely ones first."""
    used = np.zeros(order.size, dtype=np.bool_)
    if desk.best is not None:
        used[desk.best.leg[:, 0]] = True
    inside = [i for i in order[::-1].tolist() if used[i]]
    outside = [i for i in order.tolist() if not used[i]]
    swaps = [(i, j) for j in outside[:SWAPPED] for i in inside[:SWAPPED]]
    for move in [*((i,) for i in inside), *((j,) for j in outside[:ADDED]), *swaps]:
        one = used.copy()
        one[list(move)] = ~one[list(move)]
        yield one


def _relax(desk: _Desk, state: Int64Array, log_price: Float64Array, edge: float) -> tuple[float, int]:
    """(bound of a node, source to decide next or -1); also tries the sources that the relaxation favours as a plan."""
    gas, m = desk.problem.gas_units, desk.problem.network.n_sources
    is_sure = state == dual.FREE
    bound = _minimise(desk, state, log_price, edge) - float(gas[is_sure].sum())
    share = desk.anchor[: 2 * m].reshape(m, 2).sum(axis=1)
    desk.share = share
    is_paying = state == dual.PAYING
    is_used = is_paying & (share > 0.0)
    used = desk.flow[:, dual.GIVEN] > 0.0
    if desk.best is None:
        _try(desk, used | is_sure)
        if desk.best is None:
            _try(desk, np.ones(m, dtype=np.bool_))
    _try(desk, (is_sure & used) | (is_paying & (share >= LIKELY_FRAC)))
    if bound <= desk.floor_units:
        return bound, -1
    # A source in part first; then any that the relaxation uses; then any that it leaves out.
    doubt = np.where(is_used, np.minimum(share, 1.0 - share) + 1.0, np.where(is_paying, 0.0, -1.0))
    doubtful = int(doubt.argmax())
    return bound, doubtful if doubt[doubtful] >= 0.0 else -1


def _try(desk: _Desk, is_open: Bools) -> None:
    """Plans with the given sources only, then without those that do not earn their fixed cost."""
    problem, net = desk.problem, desk.problem.network
    is_open = is_open.copy()
    while True:
        key = is_open.tobytes()
        if key in desk.tried:
            return
        desk.tried.add(key)
        desk.work_done_us += TRY_WORK
        state = np.where(is_open, dual.FREE, dual.CLOSED)
        prices = _first_prices(problem, state)
        if prices is None:
            return
        bound = _minimise(desk, state, prices, FIRST_EDGE)
        plan = _usable(desk, state, _plan(desk, bound))
        if desk.best is None or plan.net_units > desk.best.net_units:
            desk.best = plan
        flow = desk.flow
        way = np.maximum(flow[:, dual.DIRECTION], 0.0).astype(np.int64)
        rows = np.arange(net.n_sources)
        value = np.exp(prices)
        earned = (
            flow[:, dual.TAKEN] * value[net.token[rows, 1 - way]] - flow[:, dual.GIVEN] * value[net.token[rows, way]]
        )
        is_used = np.zeros(net.n_sources, dtype=np.bool_)
        is_used[plan.leg[:, 0]] = True
        n_turns = np.bincount(plan.leg[:, 0], minlength=net.n_sources)
        short = np.where(is_used, earned - n_turns * problem.gas_units, np.inf)
        losers = np.argsort(short)[: int((short < 0.0).sum())]
        if losers.size == 0:
            return
        is_open = is_used
        is_open[losers[: max(1, losers.size // 3)]] = False
