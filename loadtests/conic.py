"""Swaps in several hops as convex programs for Clarabel by cvxpy: a judge that shares nothing with the solver."""

from __future__ import annotations

import math
from random import Random

import cvxpy as cp
import numpy as np

from app.kernels import amm
from app.routing import network
from loadtests.swaps import Shape, random_source

KINDS = ("product", "weighted")
TIGHT = 1e-9


def convex_swap(seed: int, n_hops: int) -> network.SwapProblem:
    """A chain of `n_hops` tokens' steps with parallel pools and shortcuts, constant-product and weighted only."""
    rng = Random(seed)
    n = n_hops + 1
    price = [math.exp(rng.uniform(-1, 1)) for _ in range(n)]
    pairs = [(k, k + 1) for k in range(n_hops) for _ in range(rng.randint(1, 3))]
    pairs += [(a, b) for a in range(n) for b in range(a + 2, n) if b - a < n_hops and rng.random() < 0.4]
    shape = Shape(n, len(pairs), KINDS, 0.45, 0.0)
    net = network.network(n, [random_source(rng, shape, pair, price) for pair in pairs])
    return network.swap(net, 0, n - 1, math.exp(rng.uniform(math.log(3e4), math.log(1e7))) / price[0])


def optimum(problem: network.SwapProblem) -> float:
    """Most output, reserves scaled to 1: (1 + keep x - y)^w0 (1 + ...)^w1 >= 1 for each pool, no token owed."""
    net = problem.network
    m = net.n_sources
    reserves, keep = net.par[:, :2], net.par[:, amm.KEEP]
    given, taken = cp.Variable((m, 2), nonneg=True), cp.Variable((m, 2), nonneg=True)
    holds = []
    for i in range(m):
        weights = (0.5, 0.5) if net.kind[i] == amm.PRODUCT else tuple(net.par[i, amm.SHAPE0 : amm.SHAPE0 + 2].round(6))
        holds.append(cp.geo_mean(1.0 + keep[i] * given[i] - taken[i], p=weights) >= 1.0)
    gain: list[cp.Expression] = []
    scale = np.array([reserves[net.token == k].min() for k in range(net.n_tokens)])
    for k in range(net.n_tokens):
        rows = [(i, d) for i in range(m) for d in range(2) if net.token[i, d] == k]
        gain.append(sum(float(reserves[i, d] / scale[k]) * (taken[i, d] - given[i, d]) for i, d in rows))
    gain[problem.token_in_i] = gain[problem.token_in_i] + problem.amount_units / scale[problem.token_in_i]
    owed = [gain[k] >= 0.0 for k in range(net.n_tokens) if k != problem.token_out_i]
    found = cp.Problem(cp.Maximize(gain[problem.token_out_i]), [*holds, *owed])
    return float(found.solve(solver=cp.CLARABEL, tol_gap_abs=TIGHT, tol_gap_rel=TIGHT, tol_feas=TIGHT)) * float(
        scale[problem.token_out_i]
    )
