"""Swaps by the best walk of the moment: the amount in slices, each along the walk that then brings most.

No bound, but every walk is payable by itself, so it is the floor under the other solvers where prices disagree, and
what finishes their plans: it spends what they stranded and runs circles through the wanted token.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from app.kernels import amm
from app.routing.network import PlanStatus, SwapPlan, SwapProblem

Int64Array = npt.NDArray[np.int64]
Float64Array = npt.NDArray[np.float64]
Walk = list[tuple[int, int]]

NAME: Final = "walks"
MOST_HOPS: Final = 6
NEVER: Final = 1e300  # a ratio at which no source trades: only outputs are asked for
CIRCLE_PARTS: Final = (1.0, 0.25, 0.0625)
LEAST_GAIN_FRAC: Final = 1e-9


class Residual:
    """The sources as they stand after some legs; a source that traded one way is not asked for the other."""

    def __init__(self, problem: SwapProblem) -> None:
        net = problem.network
        self.problem = problem
        self.par = net.par.copy()
        self.used = np.zeros(net.n_sources)
        self.way = np.full(net.n_sources, -1, dtype=np.int64)
        self.balance = np.zeros(net.n_tokens)
        self.balance[problem.token_in_i] = problem.amount_units
        self.legs: list[tuple[int, int]] = []
        self.units: list[tuple[float, float]] = []
        self._source = np.repeat(np.arange(net.n_sources), 2)
        self._way = np.tile(np.array((0, 1)), net.n_sources)
        self._give = net.token[self._source, self._way]
        self._take = net.token[self._source, 1 - self._way]

    def replay(self, plan: SwapPlan) -> None:
        """Takes over a plan's legs and what they do to sources and wallet."""
        token = self.problem.network.token
        for (i, d), (given_units, taken_units) in zip(plan.leg.tolist(), plan.leg_units.tolist(), strict=True):
            self._book(i, d, given_units, taken_units)
            self.balance[token[i, d]] -= given_units
            self.balance[token[i, 1 - d]] += taken_units
        np.maximum(self.balance, 0.0, out=self.balance)

    def _book(self, i: int, d: int, given_units: float, taken_units: float) -> None:
        self.legs.append((i, d))
        self.units.append((given_units, taken_units))
        self.way[i] = d
        if self.problem.network.kind[i] >= amm.CONCENTRATED:
            self.used[i] += given_units
        else:
            self.par[i, amm.RESERVE0 + d] += given_units
            self.par[i, amm.RESERVE0 + 1 - d] -= taken_units

    def outputs(self, source: Int64Array, way: Int64Array, given_units: Float64Array) -> Float64Array:
        """What each input would bring now."""
        net, k = self.problem.network, source.size
        row = np.column_stack((source, way))
        ask = np.empty((k, 2))
        ask[:, 1] = NEVER
        quote = np.empty((k, 5))
        before = self.used[source]
        ask[:, 0] = before + given_units
        amm.open_sources(net.kind, self.par, net.first_seg, net.seg, row, ask, quote)
        out = quote[:, 0].copy()
        if before.any():
            ask[:, 0] = before
            amm.open_sources(net.kind, self.par, net.first_seg, net.seg, row, ask, quote)
            out -= quote[:, 0]
        return out

    def best_walk(self, token_from_i: int, token_to_i: int, amount_units: float) -> tuple[Walk, float]:
        """(The walk of at most MOST_HOPS that brings most after its legs' costs, what it brings then); no walk: [], 0.

        A token may be passed twice, a source only once.
        """
        best: tuple[Walk, float] = [], 0.0
        reached: dict[int, tuple[float, Walk]] = {token_from_i: (amount_units, [])}
        for _ in range(MOST_HOPS):
            reached = self._next_hop(reached)
            if token_to_i in reached:
                out, walk = reached[token_to_i]
                net_units = out - sum(float(self.problem.gas_units[i]) for i, _ in walk)
                if net_units > best[1]:
                    best = walk, net_units
        return best

    def _next_hop(self, reached: dict[int, tuple[float, Walk]]) -> dict[int, tuple[float, Walk]]:
        amounts = np.zeros(self.problem.network.n_tokens)
        for token, (amount_units, _) in reached.items():
            amounts[token] = amount_units
        given = amounts[self._give]
        rows = np.flatnonzero((given > 0.0) & ((self.way[self._source] < 0) | (self.way[self._source] == self._way)))
        out = self.outputs(self._source[rows], self._way[rows], given[rows])
        found: dict[int, tuple[float, Walk]] = {}
        for at in np.argsort(-out).tolist():
            row = int(rows[at])
            i, token = int(self._source[row]), int(self._take[row])
            if token in found or out[at] <= 0.0:
                continue
            walk = reached[int(self._give[row])][1]
            if all(i != passed for passed, _ in walk):
                found[token] = (float(out[at]), [*walk, (i, int(self._way[row]))])
        return found

    def go(self, walk: Walk, amount_units: float) -> None:
        """Executes a walk, each leg with what the one before brought."""
        token = self.problem.network.token
        for i, d in walk:
            # As a wallet counts, leg by leg: beside dust an amount that came in may go out a rounding smaller.
            amount_units = min(amount_units, float(self.balance[token[i, d]]))
            taken = float(self.outputs(np.array((i,)), np.array((d,)), np.array((amount_units,)))[0])
            self._book(i, d, amount_units, taken)
            self.balance[token[i, d]] -= amount_units
            self.balance[token[i, 1 - d]] += taken
            amount_units = taken

    def plan(self, bound_units: float, solver: str) -> SwapPlan:
        """The legs so far."""
        problem = self.problem
        leg = np.array(self.legs, dtype=np.int64).reshape(-1, 2)
        out = float(self.balance[problem.token_out_i])
        net_units = out - float(problem.gas_units[leg[:, 0]].sum())
        unspent = float(self.balance[problem.token_in_i])
        units = np.array(self.units).reshape(-1, 2)
        return SwapPlan(leg, units, out, net_units, bound_units, unspent, PlanStatus.WITHIN_GAP, solver=solver)


def solve(problem: SwapProblem, n_slices: int = 16, bound_units: float = np.inf) -> SwapPlan:
    """The amount in equal slices along the best walks; one slice is the best single path."""
    state = Residual(problem)
    for k in range(n_slices):
        amount_units = float(state.balance[problem.token_in_i]) / (n_slices - k)
        walk, _ = state.best_walk(problem.token_in_i, problem.token_out_i, amount_units)
        if not walk:
            break
        state.go(walk, amount_units)
    return state.plan(bound_units, NAME)


def finish(problem: SwapProblem, plan: SwapPlan, n_circles: int = 32) -> SwapPlan:
    """The plan, then what it left in other tokens turned into the wanted one, then circles through that."""
    state = Residual(problem)
    state.replay(plan)
    for token in np.flatnonzero(state.balance > 0.0).tolist():
        if token != problem.token_out_i:
            amount_units = float(state.balance[token])
            walk, _ = state.best_walk(token, problem.token_out_i, amount_units)
            if walk:
                state.go(walk, amount_units)
    for _ in range(n_circles):
        held = float(state.balance[problem.token_out_i])
        best: tuple[float, Walk, float] = LEAST_GAIN_FRAC * held, [], 0.0
        for part in CIRCLE_PARTS:
            walk, net_units = state.best_walk(problem.token_out_i, problem.token_out_i, part * held)
            best = max(best, (net_units - part * held, walk, part * held))
        if not best[1]:
            break
        state.go(best[1], best[2])
    found = state.plan(plan.bound_units, f"{plan.solver}+{NAME}")
    return found if found.net_units > plan.net_units else plan
