"""Pools: the two solvers against a conic solver in one interleaved run, and a family of random swaps with its page.

`python -m loadtests.pools` solves the family and writes docs/results/pools.md.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import clarabel
import cvxpy as cp
import numpy as np
from scipy import sparse

from app.kernels import jit
from app.routing import network
from app.routing.solvers import dual, waterfill
from loadtests import conic
from loadtests.swaps import random_swap

RESULT = Path(__file__).resolve().parents[1] / "docs" / "results" / "pools.md"
N_SEEDS = 100
N_CONIC = 5
# name, arguments of random_swap
STRATA = (
    ("pools", {"has_books": False}),
    ("pools and books", {}),
    ("pools that disagree", {"has_books": False, "has_arbitrage": True}),
    ("pools, fixed cost per leg", {"has_books": False, "has_gas": True}),
    ("pools and books, fixed cost", {"has_gas": True}),
)


def product_pools(n_sources: int) -> network.SwapProblem:
    """A swap over parallel constant-product pools, small enough for every contestant."""
    rng = Random(n_sources)
    depths = [rng.uniform(5, 50) for _ in range(n_sources)]
    pools = [network.constant_product((0, 1), 3_000.0, (d, d * rng.uniform(1.999, 2.001))) for d in depths]
    return network.swap(network.network(2, pools), 0, 1, 10.0)


def cvxpy_solve(problem: network.SwapProblem) -> float:
    """The split as a conic problem in reserves: sqrt((r0 + keep x)(r1 - y)) >= sqrt(r0 r1)."""
    par = problem.network.par
    r0, r1, keep = par[:, 0], par[:, 1], par[:, 2]
    given, taken = cp.Variable(r0.size, nonneg=True), cp.Variable(r0.size, nonneg=True)
    holds = [
        cp.geo_mean(cp.hstack([r0[i] + keep[i] * given[i], r1[i] - taken[i]])) >= np.sqrt(r0[i] * r1[i])
        for i in range(r0.size)
    ]
    wanted = cp.Problem(cp.Maximize(cp.sum(taken)), [*holds, cp.sum(given) <= problem.amount_units])
    return float(wanted.solve(solver=cp.CLARABEL))


def clarabel_solve(problem: network.SwapProblem) -> float:
    """The same, as second-order cones handed to Clarabel directly: |(2 sqrt(r0 r1), a - b)| <= a + b."""
    par, m = problem.network.par, problem.network.n_sources
    r0, r1, keep = par[:, 0], par[:, 1], par[:, 2]
    rows, columns, values, right = [], [], [], np.zeros(1 + 2 * m + 3 * m)
    for i in range(m):
        rows += [0, 1 + i, 1 + m + i]
        columns += [i, i, m + i]
        values += [1.0, -1.0, -1.0]
        at = 1 + 2 * m + 3 * i
        rows += [at, at, at + 2, at + 2]
        columns += [i, m + i, i, m + i]
        values += [-keep[i], 1.0, -keep[i], -1.0]
        right[at : at + 3] = r0[i] + r1[i], 2.0 * np.sqrt(r0[i] * r1[i]), r0[i] - r1[i]
    right[0] = problem.amount_units
    matrix = sparse.csc_matrix((values, (rows, columns)), shape=(right.size, 2 * m))
    cost = np.concatenate((np.zeros(m), -np.ones(m)))
    cones = [clarabel.NonnegativeConeT(1 + 2 * m), *(clarabel.SecondOrderConeT(3) for _ in range(m))]
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    solution = clarabel.DefaultSolver(sparse.csc_matrix((2 * m, 2 * m)), cost, matrix, right, cones, settings).solve()
    return -float(solution.obj_val)


def _cpu_us(act: Callable[[], object], rounds: int) -> float:
    started_ns = time.process_time_ns()
    for _ in range(rounds):
        act()
    return (time.process_time_ns() - started_ns) / rounds / 1e3


def compare(n_sources: int, n_samples: int = 9) -> dict[str, object]:
    """CPU per solve of the four, interleaved; all must bring the same output."""
    problem = product_pools(n_sources)
    acts: dict[str, tuple[Callable[[], float], int]] = {
        "waterfill": (lambda: waterfill.solve(problem).out_units, 200),
        "dual": (lambda: dual.solve(problem).out_units, 50),
        "clarabel": (lambda: clarabel_solve(problem), 3),
        "cvxpy": (lambda: cvxpy_solve(problem), 1),
    }
    outputs = {name: act() for name, (act, _) in acts.items()}
    assert all(abs(out / outputs["waterfill"] - 1.0) < 1e-6 for out in outputs.values()), outputs
    samples: dict[str, list[float]] = {name: [] for name in acts}
    for _ in range(n_samples):
        for name, (act, rounds) in acts.items():
            samples[name].append(_cpu_us(act, rounds))
    row: dict[str, object] = {"venues": n_sources}
    row |= {f"{name}_us": round(statistics.median(values), 1) for name, values in samples.items()}
    for rival in ("clarabel", "cvxpy"):
        for ours in ("waterfill", "dual"):
            pairs = zip(samples[rival], samples[ours], strict=True)
            row[f"{rival}_over_{ours}"] = round(statistics.median(a / b for a, b in pairs))
    return row


def measure(*, is_quick: bool = False) -> list[dict[str, object]]:
    """One row a number of venues."""
    jit.warm()
    return [compare(n_sources, 3 if is_quick else 9) for n_sources in (8, 32)]


def family_row(name: str, arguments: dict[str, bool]) -> list[dict[str, object]]:
    """One row a size class of a stratum: plan over bound, violations of the bound, CPU."""
    solved = []
    for seed in range(N_SEEDS):
        problem = random_swap(seed, **arguments)
        started_ns = time.process_time_ns()
        plan = dual.solve(problem)
        solved.append((problem, plan, (time.process_time_ns() - started_ns) / 1e3))
    rows = []
    for least, most in ((0, 20), (21, 60), (61, 200)):
        part = [entry for entry in solved if least <= entry[0].network.n_sources <= most]
        if not part:
            continue
        ratios = [plan.net_units / plan.bound_units for _, plan, _ in part if plan.bound_units > 0.0]
        rows.append(
            {
                "swaps": name,
                "sources": f"{least}-{most}",
                "solved": len(part),
                "proven_1e-9": sum(plan.gap_bps <= 1e-5 for _, plan, _ in part),
                "above_0.999999": sum(ratio >= 0.999999 for ratio in ratios),
                "ratio_mean": f"{statistics.fmean(ratios):.8f}",
                "ratio_median": f"{statistics.median(ratios):.10f}",
                "ratio_min": f"{min(ratios):.6f}",
                "bound_violations": sum(ratio > 1.0 + 1e-12 for ratio in ratios),
                "cpu_us_median": round(statistics.median(us for *_, us in part)),
                "cpu_us_max": round(max(us for *_, us in part)),
            }
        )
    return rows


def n_hops(problem: network.SwapProblem, plan: network.SwapPlan) -> int:
    """Legs that the longest way to the wanted token passes."""
    hops = [0] * problem.network.n_tokens
    for i, d in plan.leg.tolist():
        give, take = (int(problem.network.token[i, way]) for way in (d, 1 - d))
        hops[take] = max(hops[take], hops[give] + 1)
    return hops[problem.token_out_i]


def hop_rows() -> list[dict[str, object]]:
    """The first two strata once more, one row a number of hops."""
    solved: dict[str, list[tuple[float, float]]] = {}
    for _, arguments in STRATA[:2]:
        for seed in range(N_SEEDS):
            problem = random_swap(seed, **arguments)
            started_ns = time.process_time_ns()
            plan = dual.solve(problem)
            us, hops = (time.process_time_ns() - started_ns) / 1e3, n_hops(problem, plan)
            name = str(hops) if hops < 5 else "5 or more"
            solved.setdefault(name, []).append((plan.net_units / plan.bound_units, us))
    return [
        {
            "hops": name,
            "solved": len(part),
            "ratio_mean": f"{statistics.fmean(ratio for ratio, _ in part):.10f}",
            "ratio_min": f"{min(ratio for ratio, _ in part):.10f}",
            "cpu_us_median": round(statistics.median(us for _, us in part)),
            "cpu_us_max": round(max(us for _, us in part)),
        }
        for name, part in sorted(solved.items())
    ]


def conic_rows() -> list[dict[str, object]]:
    """Constant-product and weighted pools in 1 to 5 hops, beside cvxpy with Clarabel."""
    rows: list[dict[str, object]] = []
    for hops in range(1, 6):
        ratios, bounds = [], []
        for seed in range(N_CONIC):
            problem = conic.convex_swap(seed, hops)
            plan, best = dual.solve(problem), conic.optimum(problem)
            ratios.append(plan.net_units / best)
            bounds.append(plan.bound_units / best)
        rows.append(
            {
                "hops": hops,
                "solved": N_CONIC,
                "ratio_min": f"{min(ratios):.9f}",
                "ratio_max": f"{max(ratios):.9f}",
                "bound_over_conic_min": f"{min(bounds):.9f}",
            }
        )
    return rows


def _table(rows: list[dict[str, object]]) -> list[str]:
    names = list(rows[0])
    lines = [f"| {' | '.join(name.replace('_', ' ') for name in names)} |", "|" + " ---: |" * len(names)]
    return lines + [f"| {' | '.join(str(row[name]) for name in names)} |" for row in rows]


def write() -> Path:
    """Solves the family and writes the page."""
    jit.warm()
    family = [row for name, arguments in STRATA for row in family_row(name, arguments)]
    lines = [
        "# Swaps over pools and books",
        "",
        f"Written by `python -m loadtests.pools`. {N_SEEDS} seeds a stratum, {N_SEEDS * len(STRATA)} swaps over up",
        "to 200 sources of every kind and 30 tokens. The ratio is the plan's net output over the solver's own bound,",
        "which no plan can exceed, so it understates. Fixed costs are searched within the default amount of work.",
        "Where pools disagree a plan may need more of a token than the wallet ever holds: the bound lends it, no plan",
        "can, and such gaps are told.",
        "",
        *_table(family),
        "",
        "## By hops",
        "",
        "The first two strata, by the longest way of the plan.",
        "",
        *_table(hop_rows()),
        "",
        "## Against a conic solver, several hops",
        "",
        f"{N_CONIC} chains a row of constant-product and weighted pools with shortcuts, our plan and our bound over",
        "what cvxpy with Clarabel finds for the same convex program (its own tolerance 1e-9).",
        "",
        *_table(conic_rows()),
        "",
        "## Against a conic solver, one split",
        "",
        "CPU us of one split over parallel constant-product pools, interleaved, equal within 1e-6: the two solvers",
        "from Python, Clarabel called directly with the cones assembled, cvxpy with Clarabel.",
        "",
        *_table(measure()),
    ]
    RESULT.write_text("\n".join(lines) + "\n")
    return RESULT


if __name__ == "__main__":
    print(write().name)
