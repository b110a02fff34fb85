"""Convex split between two tokens at one marginal rate, over books with impact and pools of every kind.

Without fixed costs the split is optimal and meets its bound. With them the level at which sources begin to earn their
cost gives the bound, and sources are dropped and added one by one while that helps; what is left is told as a gap.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from app.kernels import dual, waterfill
from app.routing.network import PlanStatus, SwapPlan, SwapProblem

Int64Array = npt.NDArray[np.int64]

NAME: Final = "waterfill"
PROVEN_FRAC: Final = 1e-9  # a gap below this part of the bound is rounding


def solve(problem: SwapProblem, n_nodes: int = 500) -> SwapPlan:
    """The best split found, with its bound; `n_nodes` bounds how many sets of sources are tried where legs cost."""
    n_sources = problem.network.n_sources
    if not problem.has_gas:
        plan = _split(problem, np.ones(n_sources, dtype=np.int64))
        return _judged(plan, plan.bound_units, 1) if plan.leg.size else plan
    relaxed = _split(problem, np.full(n_sources, dual.PAYING, dtype=np.int64))
    plan = _split(problem, np.full(n_sources, dual.FREE, dtype=np.int64))
    n_solves = 2
    for start in (relaxed, plan):
        if start.leg.size:
            found, n_more = _search(problem, start.leg[:, 0], n_nodes - n_solves)
            n_solves += n_more
            plan = max(plan, found, key=lambda candidate: candidate.net_units)
    return _judged(plan, relaxed.bound_units, n_solves) if plan.leg.size else plan


def _split(problem: SwapProblem, state: Int64Array) -> SwapPlan:
    net, m = problem.network, state.size
    leg, leg_units, value = np.empty((m, 2), dtype=np.int64), np.empty((m, 2)), np.empty(4)
    n_legs = waterfill.split(
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
        leg,
        leg_units,
        value,
    )
    bound, out, unspent, gas = value.tolist()
    status = PlanStatus.WITHIN_GAP if n_legs else PlanStatus.NO_PATH
    return SwapPlan(leg[:n_legs], leg_units[:n_legs], out, out - gas, bound, unspent, status, solver=NAME)


def _search(problem: SwapProblem, start: Int64Array, n_solves_max: int) -> tuple[SwapPlan, int]:
    """Drops or adds the source that helps most until none does."""
    token = problem.network.token
    pair = (problem.token_in_i, problem.token_out_i)
    candidates = np.flatnonzero(np.isin(token[:, 0], pair) & np.isin(token[:, 1], pair)).tolist()
    state = np.full(problem.network.n_sources, dual.CLOSED, dtype=np.int64)
    state[start] = dual.FREE
    best, n_solves = _split(problem, state), 1
    while n_solves < n_solves_max:
        found, at = best, -1
        for i in candidates:
            if n_solves >= n_solves_max:
                break
            state[i] = dual.CLOSED if state[i] == dual.FREE else dual.FREE
            trial, n_solves = _split(problem, state), n_solves + 1
            state[i] = dual.CLOSED if state[i] == dual.FREE else dual.FREE
            if trial.net_units > found.net_units and trial.unspent_units <= found.unspent_units:
                found, at = trial, i
        if at < 0:
            break
        best = found
        state[at] = dual.CLOSED if state[at] == dual.FREE else dual.FREE
    return best, n_solves


def _judged(plan: SwapPlan, bound_units: float, n_solves: int) -> SwapPlan:
    """The plan with its bound and what the two say together."""
    status = PlanStatus.WITHIN_GAP
    if bound_units - plan.net_units <= PROVEN_FRAC * abs(bound_units):
        status = PlanStatus.DEPTH_LIMITED if plan.unspent_units > 0.0 else PlanStatus.OPTIMAL
    return SwapPlan(
        plan.leg,
        plan.leg_units,
        plan.out_units,
        plan.net_units,
        max(bound_units, plan.net_units),
        plan.unspent_units,
        status,
        n_solves,
        plan.solver,
    )
