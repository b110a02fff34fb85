"""What plans cost on the seen books, exactly: kernels where int64 holds, Python integers where it does not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from app.kernels import bound, cost
from app.routing import exact
from app.routing.problem import RouteProblem, money_rule

Int64Array = npt.NDArray[np.int64]
Walk = list[list[int]]  # per venue: money nano, fee nano, worst price units, levels read (-1: the book is too short)


def walk_plans(problem: RouteProblem, plans: Sequence[Int64Array]) -> list[Walk]:
    """Each plan (int64[n] units per venue) walked level by level."""
    if problem.is_narrow:
        units = np.array(plans, dtype=np.int64).reshape(len(plans), problem.n_venues)
        walked = np.empty((len(plans), problem.n_venues, 4), dtype=np.int64)
        cost.walk_plans(
            problem.first, problem.price_units, problem.qty_units, problem.terms, problem.rule, units, walked
        )
        found: list[Walk] = walked.tolist()
        return found
    fee_ppm = problem.terms[:, cost.FEE_PPM].tolist()
    num_den = money_rule(problem.symbol)
    return [
        [
            list(row)
            for row in exact.walk_plan(
                problem.first, problem.price_units, problem.qty_units, fee_ppm, problem.rule, num_den, plan.tolist()
            )
        ]
        for plan in plans
    ]


def objective_nano(problem: RouteProblem, units: Sequence[int], walk: Walk) -> int:
    """Signed money plus fees plus fixed costs of the venues used."""
    sign, fixed = problem.sign, problem.terms[:, cost.FIXED_NANO].tolist()
    return sum(
        sign * row[0] + row[1] + fixed[v] for v, (row, quantity) in enumerate(zip(walk, units, strict=True)) if quantity
    )


def dual_value(problem: RouteProblem, target_units: int, witness_upnano: int) -> tuple[int, int]:
    """(bound, levels that may owe two nano of rounding) that the witness price proves for a plan of `target_units`."""
    is_small = abs(witness_upnano) * max(target_units, 1) < 2**61 * 1_000_000 and abs(witness_upnano) < 2**61
    is_exact = not problem.symbol.fungible.is_inverse and int(problem.rule[cost.DEN]) == 1
    if problem.is_narrow and is_small and (is_exact or _compares_in_int64(problem, witness_upnano)):
        out = np.empty(2, dtype=np.int64)
        bound.dual_value(
            problem.first,
            problem.price_units,
            problem.qty_units,
            problem.terms,
            problem.rule,
            target_units,
            witness_upnano,
            out,
        )
        return int(out[0]), int(out[1])
    return exact.dual_value(
        problem.first,
        problem.price_units,
        problem.qty_units,
        problem.terms,
        problem.rule,
        money_rule(problem.symbol),
        target_units,
        witness_upnano,
    )


def _compares_in_int64(problem: RouteProblem, witness_upnano: int) -> bool:
    """Whether witness x price x den, the far side of the level comparison, fits int64."""
    price = int(problem.price_units.max()) if problem.price_units.size else 1
    dearest = price if problem.symbol.fungible.is_inverse else 1
    return (abs(witness_upnano) + 1_000_000) * dearest * int(problem.rule[cost.DEN]) < 2**61
