"""Dual decomposition over pools and books together: prices first, trades from them, a bound for free.

Without fixed costs the trades at the best prices balance and the bound is met. With fixed costs each source is worth
max(0, what it earns - its cost) to the bound, the doubtful ones are decided by branch and bound, and what cannot be
proven within `n_nodes` is told as a gap.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from app.kernels import dual, legs
from app.routing.network import PlanStatus, SwapPlan, SwapProblem

Int64Array = npt.NDArray[np.int64]
Float64Array = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

NAME: Final = "dual"
PROVEN_FRAC: Final = 1e-9  # a gap below this part of the bound is rounding
DUST_FRAC: Final = 1e-13  # trades below this part of a token's turnover are rounding
TURNS: Final = 64  # of circles, where sources disagree; with a fixed cost a leg few are worth it
TURNS_PAYING: Final = 2
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
    best: SwapPlan | None = None
    n_solves: int = 0
    tried: set[bytes] = field(default_factory=set)

    @property
    def floor_units(self) -> float:
        """A bound at or below this cannot hide a better plan."""
        return self.best.net_units + PROVEN_FRAC * abs(self.best.net_units) if self.best else -np.inf


def solve(problem: SwapProblem, n_nodes: int = 200) -> SwapPlan:
    """The best plan found, with its bound; `n_nodes` bounds the search where legs have a fixed cost."""
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
    )
    state = np.full(m, dual.FREE, dtype=np.int64)
    log_price = _first_prices(problem, state)
    if log_price is None:
        empty = np.empty((0, 2))
        return SwapPlan(empty.astype(np.int64), empty, 0.0, 0.0, 0.0, problem.amount_units, PlanStatus.NO_PATH)
    if not problem.has_gas:
        bound = _minimise(desk, state, log_price, FIRST_EDGE)
        plan = _plan(desk, bound)
        return _judged(plan, bound, desk.n_solves, is_complete=True)
    return _branch(desk, log_price, n_nodes)


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
    desk.n_solves += 1
    return float(desk.value[0])


def _plan(desk: _Desk, bound_units: float) -> SwapPlan:
    """desk.flow as legs."""
    problem, net = desk.problem, desk.problem.network
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
        TURNS_PAYING if problem.has_gas else TURNS,
        DUST_FRAC,
        desk.leg,
        desk.leg_units,
        desk.balance,
        np.zeros(1, dtype=np.int64),
    )
    leg = desk.leg[:n_legs].copy()
    out = float(desk.balance[problem.token_out_i])
    net_units = out - float(problem.gas_units[leg[:, 0]].sum())
    unspent = float(desk.balance[problem.token_in_i])
    return SwapPlan(leg, desk.leg_units[:n_legs].copy(), out, net_units, bound_units, unspent, PlanStatus.WITHIN_GAP)


def _judged(plan: SwapPlan, bound_units: float, n_solves: int, *, is_complete: bool) -> SwapPlan:
    """The plan with its bound and what the two say together."""
    gap = bound_units - plan.net_units
    if gap <= PROVEN_FRAC * abs(bound_units):
        is_short = plan.unspent_units > 0.0
        status = PlanStatus.DEPTH_LIMITED if is_short else PlanStatus.OPTIMAL
    else:
        status = PlanStatus.WITHIN_GAP if is_complete else PlanStatus.DEADLINE
    return SwapPlan(
        plan.leg, plan.leg_units, plan.out_units, plan.net_units, bound_units, plan.unspent_units, status, n_solves
    )


def _branch(desk: _Desk, log_price: Float64Array, n_nodes: int) -> SwapPlan:
    """Best bound first; a source's share at a node's prices says which one to decide next."""
    m = desk.problem.network.n_sources
    root = np.full(m, dual.PAYING, dtype=np.int64)
    bound, doubtful = _relax(desk, root, log_price, FIRST_EDGE)
    heap = [(-bound, 0, root, log_price, doubtful)]
    n_seen = 0
    while heap and n_seen < n_nodes:
        top, _, state, prices, doubtful = heap[0]
        if -top <= desk.floor_units or doubtful < 0:
            break
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
    return _judged(best, max(open_bound, best.net_units), desk.n_solves, is_complete=n_seen < n_nodes)


def _relax(desk: _Desk, state: Int64Array, log_price: Float64Array, edge: float) -> tuple[float, int]:
    """(bound of a node, source to decide next or -1); also tries the sources that the relaxation favours as a plan."""
    gas, m = desk.problem.gas_units, desk.problem.network.n_sources
    is_sure = state == dual.FREE
    bound = _minimise(desk, state, log_price, edge) - float(gas[is_sure].sum())
    share = desk.anchor[: 2 * m].reshape(m, 2).sum(axis=1)
    is_paying = state == dual.PAYING
    is_used = is_paying & (share > 0.0)
    used = desk.flow[:, dual.GIVEN] > 0.0
    if desk.best is None:
        _try(desk, used | is_sure, log_price)
        if desk.best is None:
            _try(desk, np.ones(m, dtype=np.bool_), log_price)
    _try(desk, (is_sure & used) | (is_paying & (share >= LIKELY_FRAC)), log_price)
    if bound <= desk.floor_units:
        return bound, -1
    # A source in part first; then any that the relaxation uses; then any that it leaves out.
    doubt = np.where(is_used, np.minimum(share, 1.0 - share) + 1.0, np.where(is_paying, 0.0, -1.0))
    doubtful = int(doubt.argmax())
    return bound, doubtful if doubt[doubtful] >= 0.0 else -1


def _try(desk: _Desk, is_open: Bools, log_price: Float64Array) -> None:
    """Plans with the given sources only, then without those that do not earn their fixed cost."""
    problem, net = desk.problem, desk.problem.network
    is_open = is_open.copy()
    while True:
        key = is_open.tobytes()
        if key in desk.tried:
            return
        desk.tried.add(key)
        state = np.where(is_open, dual.FREE, dual.CLOSED)
        prices = _first_prices(problem, state)
        if prices is None:
            return
        _minimise(desk, state, prices, FIRST_EDGE)
        plan = _plan(desk, np.inf)
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
