"""The pool families of the solved cases, answered by the real kernels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from app.routing import network
from app.routing.solvers import dual

Case = Mapping[str, Any]
Q96 = 2.0**96
UNIT = 1e18
PPM_PER_BP = 100.0


def setup() -> None:
    """Loads or compiles the kernels by answering a swap."""
    pool = network.constant_product((0, 1), 3_000.0, (1e3, 1e3))
    dual.solve(network.swap(network.network(2, [pool]), 0, 1, 1.0))
    dual.solve(network.swap(network.network(2, [pool]), 0, 1, 1.0, 1e-3))


def _product(pool: Case) -> network.Source:
    return network.constant_product(tuple(pool["tokens"]), pool["fee_bps"] * PPM_PER_BP, tuple(pool["reserves"]))


def _weighted(pool: Case) -> network.Source:
    reserves, weights = tuple(pool["reserves"]), tuple(pool["weights"])
    return network.weighted(tuple(pool["tokens"]), pool["fee_bps"] * PPM_PER_BP, reserves, weights)


def _stable(pool: Case) -> network.Source:
    reserves = tuple(pool["reserves"])
    return network.stable_swap(tuple(pool["tokens"]), pool["fee_bps"] * PPM_PER_BP, reserves, pool["amp"])


def _v3(pool: Case) -> network.Source:
    ticks = [(tick, int(net) / UNIT) for tick, net in pool["ticks"]]
    root, liquidity = int(pool["sqrt_price_x96"]) / Q96, int(pool["liquidity"]) / UNIT
    return network.concentrated(tuple(pool["tokens"]), pool["fee_bps"] * PPM_PER_BP, root, liquidity, ticks)


SOURCES: Mapping[str, Callable[[Case], network.Source]] = {
    "cp": _product,
    "weighted": _weighted,
    "stable": _stable,
    "v3": _v3,
}


def problem_of(case: Case) -> network.SwapProblem:
    """A case as the solvers read it."""
    sources = [SOURCES[pool["type"]](pool) for pool in case["pools"]]
    net = network.network(len(case["tokens"]), sources)
    gas = case.get("gas_cost_out_per_pool", 0.0)
    return network.swap(net, case["token_in"], case["token_out"], case["amount_in"], gas)


def answer_of(problem: network.SwapProblem, plan: network.SwapPlan) -> dict[str, Any]:
    """A plan in the cases' words."""
    ways = problem.network.token[plan.leg[:, 0]]
    gives = ways[range(len(ways)), plan.leg[:, 1]]
    takes = ways[range(len(ways)), 1 - plan.leg[:, 1]]
    rows = zip(plan.leg[:, 0].tolist(), gives.tolist(), takes.tolist(), plan.leg_units[:, 0].tolist(), strict=True)
    return {"legs": [list(row) for row in rows], "amount_out": plan.out_units}


def route_dex(case: Case) -> dict[str, Any]:
    """Most output over all pools, any number of hops and splits."""
    problem = problem_of(case)
    return answer_of(problem, dual.solve(problem))


def route_dex_gas(case: Case) -> dict[str, Any]:
    """Most output minus a fixed cost for every leg."""
    return route_dex(case)
