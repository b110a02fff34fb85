"""The exact solver against the integer programme (HiGHS) and fee-aware greedy, interleaved, in CPU time.

`python -m loadtests.exact` writes docs/results/exact_split.md: 500 seeded problems, stratified by fixed cost and shape.
Both solvers get the same posed problem; the programme's answer is re-costed on whole lots before it counts.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csc_array

from app.domain.enums import ContractKind, Side, SolveStatus
from app.domain.fees import FeeTier
from app.domain.instrument import FungibilityClass, Instrument, Symbol
from app.kernels import cost, jit
from app.routing.costs import walk_plans
from app.routing.problem import RouteProblem
from app.routing.rounding import settle
from app.routing.router import Router
from app.routing.solvers import exact, greedy
from app.shm.books import SymbolBooks
from loadtests.cases_cex import NOW_NS, request_of

RESULT = Path(__file__).resolve().parents[1] / "docs" / "results" / "exact_split.md"
SHAPES = ((3, 5), (8, 10), (16, 20), (32, 20), (64, 100))
# Fixed cost of using a venue, at most, in bps of its fair share of the order.
FIXED_BPS = (0.0, 1.0, 8.0, 40.0)
N_SEEDS = 25
# The programme takes seconds on the largest shape: there only every fifth problem is given to it, for so long.
MILP_EVERY = {(64, 100): 5}
MILP_LIMIT_S = 4.0
MID_UNITS = 6_400_000
SYMBOL = Symbol("BTC/USDT", FungibilityClass("BTC", "USDT", "USDT", ContractKind.SPOT), price_scale=2, qty_scale=5)
LOTS = ((1,), (1, 10, 100), (1, 2, 5, 10), (10, 25, 40))


@dataclass(frozen=True)
class Compared:
    """One problem: CPU of each solver, costs in nano on the float ladder, what was proven and what was broken."""

    shape: tuple[int, int]
    fixed_bps: float
    ours_us: float
    milp_us: float
    gross_nano: float
    excess_bps: float
    greedy_bps: float
    gap_bps: float
    is_proven: bool
    is_bound_above: bool
    n_broken: int
    n_nodes: int
    has_milp: bool
    is_milp_optimal: bool


def make_problem(shape: tuple[int, int], fixed_bps: float, seed: int) -> tuple[RouteProblem, int]:
    """(a posed problem, its target): books around one mid, fees of 0 to 10 bps, lots, leasts and fixed costs."""
    n, depth = shape
    rng = np.random.default_rng((11, n, depth, round(fixed_bps * 10), seed))
    side = Side.BUY if seed % 2 else Side.SELL
    side_i = 1 if side is Side.BUY else 0
    lots = rng.choice(LOTS[seed // 2 % len(LOTS)], n)
    price, qty = np.zeros((n, 2, depth), np.int64), np.zeros((n, 2, depth), np.int64)
    gaps = rng.geometric(0.25, (n, depth)).cumsum(axis=1)
    price[:, side_i] = MID_UNITS + rng.integers(-20, 21, (n, 1)) + side.sign * gaps
    qty[:, side_i] = np.maximum(rng.lognormal(8.0, 1.2, (n, depth)).astype(np.int64), 40)
    counts = np.zeros((n, 2), np.int64)
    counts[:, side_i] = depth
    total = int(qty.sum())
    target = max(200, int(total * rng.choice([0.005, 0.03, 0.1, 0.3, 0.6])))
    share_nano = MID_UNITS * 100 * target / n
    venues = [f"venue_{v:02}" for v in range(n)]
    least = rng.choice([1, 1, 2, 20], n)
    listings = {
        v: Instrument(v, SYMBOL.name, "BTCUSDT", SYMBOL.fungible, 1, int(lot), min_qty_lots=int(few))
        for v, lot, few in zip(venues, lots, least, strict=True)
    }
    fixed = (rng.random(n) * fixed_bps * 1e-4 * share_nano).astype(np.int64)
    fees = {
        v: FeeTier(v, "base", int(ppm), 0, int(own), "bench", "2026-01-01")
        for v, ppm, own in zip(venues, rng.integers(0, 1_001, n), fixed, strict=True)
    }
    seen_ns = np.full(n, NOW_NS, np.int64)
    books = SymbolBooks(
        SYMBOL.name, tuple(venues), price, qty, counts, np.ones(n, np.int64), seen_ns, seen_ns, np.zeros(n, bool)
    )
    problem, _ = Router().pose(request_of(SYMBOL, side, target, listings, fees), books)
    assert problem is not None
    return problem, target


def solve_milp(problem: RouteProblem, target_units: int, limit_s: float) -> tuple[np.ndarray | None, float, bool]:
    """(units in whole lots or None, the programme's own lower bound, whether it says optimal) by HiGHS.

    Columns: units of each level, then lots and a switch of each venue. Money is scaled to the mid.
    """
    n, n_levels = problem.n_venues, problem.unit_nano.size
    lot, least = problem.terms[:, cost.LOT_UNITS], problem.terms[:, cost.MIN_UNITS]
    fixed, room = problem.terms[:, cost.FIXED_NANO], problem.room_units
    scale = float(np.abs(problem.unit_nano).mean())
    goal = np.concatenate([problem.unit_nano, np.zeros(n), fixed]) / scale
    kinds = np.concatenate([np.zeros(n_levels), np.ones(2 * n)])
    upper = np.concatenate([problem.qty_units, room // lot, np.ones(n)]).astype(float)
    owner = np.repeat(np.arange(n), np.diff(problem.first))
    venues, levels = np.arange(n), np.arange(n_levels)
    rows = np.concatenate([owner, venues, n + venues, n + venues, 2 * n + venues, 2 * n + venues, np.full(n, 3 * n)])
    lots_at, switch_at = n_levels + venues, n_levels + n + venues
    columns = np.concatenate([levels, lots_at, lots_at, switch_at, lots_at, switch_at, lots_at])
    data = np.concatenate([np.ones(n_levels), -lot, lot, -least, lot, -room, lot]).astype(float)
    matrix = csc_array((data, (rows, columns)), shape=(3 * n + 1, n_levels + 2 * n))
    low = np.concatenate([np.zeros(2 * n), np.full(n, -np.inf), [target_units]])
    high = np.concatenate([np.zeros(n), np.full(n, np.inf), np.zeros(n), [target_units]])
    found = milp(
        goal,
        integrality=kinds,
        bounds=Bounds(np.zeros(goal.size), upper),
        constraints=LinearConstraint(matrix, low, high),
        options={"mip_rel_gap": 0.0, "time_limit": limit_s},
    )
    bound = -np.inf if found.mip_dual_bound is None else float(found.mip_dual_bound) * scale
    if found.x is None:
        return None, bound, False
    units = np.round(found.x[n_levels : n_levels + n]).astype(np.int64) * lot
    return units, bound, found.status == 0


def objective_of(problem: RouteProblem, units: np.ndarray) -> tuple[int, int, bool]:
    """(settled objective nano, units, whether every venue's sizes are kept) of whole lots."""
    objective, _, placed, _, is_sound, _ = walk_plans(problem, np.ascontiguousarray(units.reshape(1, -1)))[1][0]
    return objective, placed, is_sound == 1


def compare(shape: tuple[int, int], fixed_bps: float, seed: int) -> Compared:
    """One problem by both, one after the other; CPU of this process each."""
    problem, target = make_problem(shape, fixed_bps, seed)
    started = time.process_time_ns()
    proof = exact.prove(problem, target, problem.room_units)
    ours_us = (time.process_time_ns() - started) / 1e3
    objective, placed, is_sound = objective_of(problem, proof.units)
    has_milp = seed % MILP_EVERY.get(shape, 1) == 0
    units, is_optimal, milp_us = None, False, float("nan")
    if has_milp:
        started = time.process_time_ns()
        units, _, is_optimal = solve_milp(problem, proof.qty_units, MILP_LIMIT_S)
        milp_us = (time.process_time_ns() - started) / 1e3
    gross = float(np.abs(problem.unit_nano).mean()) * max(placed, 1)
    best, is_bound_above = objective, False
    if units is not None:
        theirs, their_units, is_theirs_sound = objective_of(problem, units)
        if is_theirs_sound and their_units == placed:
            best = min(best, theirs)
            is_bound_above = proof.bound_nano > theirs
    rival, rival_placed, is_rival_sound = objective_of(problem, settle(problem, greedy.solve, target))
    is_rival = is_rival_sound and rival_placed == placed
    n_broken = (not is_sound) + (placed != proof.qty_units) + (placed > target) + (is_rival and rival < objective)
    return Compared(
        shape=shape,
        fixed_bps=fixed_bps,
        ours_us=ours_us,
        milp_us=milp_us,
        gross_nano=gross,
        excess_bps=(objective - best) / gross * 1e4,
        greedy_bps=(rival - objective) / gross * 1e4 if is_rival else float("nan"),
        gap_bps=(objective - proof.bound_nano) / gross * 1e4,
        is_proven=proof.status is SolveStatus.OPTIMAL,
        is_bound_above=is_bound_above or proof.bound_nano > objective,
        n_broken=n_broken,
        n_nodes=proof.n_nodes,
        has_milp=units is not None,
        is_milp_optimal=is_optimal,
    )


def campaign(n_seeds: int = N_SEEDS, shapes: tuple[tuple[int, int], ...] = SHAPES) -> Iterator[Compared]:
    """Every stratum, seed by seed."""
    for shape in shapes:
        compare(shape, FIXED_BPS[0], 10_000)
        for fixed_bps in FIXED_BPS:
            for seed in range(n_seeds):
                yield compare(shape, fixed_bps, seed)


def row_of(name: str, found: list[Compared]) -> dict[str, object]:
    """One stratum in figures: quality, proof, CPU of both, and the median of the pairs' own ratios."""
    both = [item for item in found if item.has_milp]
    ours, theirs = [item.ours_us for item in found], [item.milp_us / 1e3 for item in both]
    rivals = [item.greedy_bps for item in found if item.greedy_bps == item.greedy_bps]
    return {
        "problems": name,
        "n": len(found),
        "proven": sum(item.is_proven for item in found),
        "programme": len(both),
        "it_proved": sum(item.is_milp_optimal for item in both),
        "excess_bps_max": f"{max(item.excess_bps for item in found):.1e}",
        "gap_bps_max": f"{max(item.gap_bps for item in found):.1e}",
        "bound_above": sum(item.is_bound_above for item in found),
        "broken": sum(item.n_broken for item in found),
        "greedy_bps_mean": round(float(np.mean(rivals)), 3) if rivals else 0.0,
        "greedy_bps_max": round(max(rivals), 2) if rivals else 0.0,
        "ours_us_p50": round(statistics.median(ours)),
        "ours_us_p99": round(float(np.quantile(ours, 0.99))),
        "milp_ms_p50": round(statistics.median(theirs), 1) if theirs else 0.0,
        "milp_ms_p99": round(float(np.quantile(theirs, 0.99)), 1) if theirs else 0.0,
        "milp_over_ours": round(statistics.median(item.milp_us / item.ours_us for item in both)) if both else 0,
    }


def measure(*, is_quick: bool = False) -> list[dict[str, object]]:
    """One row a shape with fixed costs, for the bench: CPU a solve from Python beside the programme's."""
    jit.warm()
    rows, n_seeds = [], 2 if is_quick else 5
    for shape in SHAPES[:-1]:
        compare(shape, 8.0, 10_000)
        found = [compare(shape, fixed_bps, seed) for fixed_bps in FIXED_BPS[1:] for seed in range(n_seeds)]
        rows.append(row_of(f"{shape[0]}x{shape[1]}", found))
    return rows


INTRODUCTION = """# The exact split against the integer programme

Command: `python -m loadtests.exact`. Seeded problems around one mid: 3 to 64 venues with 5 to 100 levels, buys and
sells, fees of 0 to 10 bps, equal and mixed lots (1; 1, 10, 100; 1, 2, 5, 10; 10, 25, 40), leasts of up to 20 lots,
targets of 0.5 to 60 % of the depth, and a fixed cost per used venue of up to 0, 1, 8 or 40 bps of its fair share of
the order. `programme`: problems also given to `scipy.optimize.milp` (HiGHS) with `mip_rel_gap=0`, one after the other
in the same run, for at most 4 s each; on 64x100 every fifth. `it_proved`: how many of these it proved in that time. Its
lots are re-costed by our integers. `excess`: our plan above the better of the two; `gap`: above our own bound;
`greedy`: how far fee-aware greedy with its local search is above ours where it places as much. `bound_above`: bounds
above a plan; `broken`: a size, a sum, or a plan dearer than greedy's. CPU of the process; ours is the whole call from
Python. Made-up books: they test the solver and say nothing of a market.
"""


def _table(rows: list[dict[str, object]]) -> str:
    heads = list(rows[0])
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    lines += ["| " + " | ".join(str(row[head]) for head in heads) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def report(found: list[Compared]) -> str:
    """The campaign as Markdown."""
    by_shape = [
        row_of(f"{shape[0]}x{shape[1]}", [item for item in found if item.shape == shape])
        for shape in dict.fromkeys(item.shape for item in found)
    ]
    by_fixed = [
        row_of(f"up to {fixed:g} bps", [item for item in found if item.fixed_bps == fixed])
        for fixed in dict.fromkeys(item.fixed_bps for item in found)
    ]
    whole = [row_of("all", found)]
    return "\n".join(
        (INTRODUCTION, "## By shape\n", _table(by_shape), "## By fixed cost\n", _table(by_fixed), _table(whole))
    )


if __name__ == "__main__":
    jit.warm()
    RESULT.write_text(report(list(campaign())))
    print(RESULT.read_text())
