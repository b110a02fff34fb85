"""What plans cost on the seen books, exactly: kernels where int64 holds, Python integers where it does not."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from app.domain.fees import fee_nano
from app.kernels import bound, cost
from app.routing import exact
from app.routing.problem import RouteProblem

Int64Array = npt.NDArray[np.int64]
# [n_plans, n, 4] of money nano, fee nano, worst price units, levels read (-1: the book is too short); int64, or
# Python integers where int64 is too narrow.
Walks = npt.NDArray[Any]
# Per plan: objective nano, money nano, units, venues used, 1 where every venue's sizes are kept, estimated nano.
Totals = list[list[int]]


def walk_plans(problem: RouteProblem, plans: Int64Array) -> tuple[Walks, Totals]:
    """Each plan (int64[n_plans, n] units) walked level by level over the seen books."""
    if problem.is_narrow:
        walks = np.empty((plans.shape[0], problem.n_venues, 4), dtype=np.int64)
        totals = np.empty((plans.shape[0], 6), dtype=np.int64)
        cost.walk_plans(
            problem.first, problem.price_units, problem.qty_units, problem.terms, problem.rule, plans, walks, totals
        )
        return walks, totals.tolist()
    fee_ppm = problem.terms[:, cost.FEE_PPM].tolist()
    walked = [
        exact.walk_plan(
            problem.first, problem.price_units, problem.qty_units, fee_ppm, problem.rule, problem.num_den, plan
        )
        for plan in plans.tolist()
    ]
    totals_found = [_total(problem, plan, walk) for plan, walk in zip(plans.tolist(), walked, strict=True)]
    return np.array(walked, dtype=object).reshape(plans.shape[0], problem.n_venues, 4), totals_found


def prices_only(walk: Walks) -> Int64Array:
    """A wide problem's walk or walks with nothing but prices and levels read, which always fit."""
    narrow = np.zeros(walk.shape, dtype=np.int64)
    narrow[..., 2:] = walk[..., 2:].astype(np.int64)
    return narrow


def _total(problem: RouteProblem, units: list[int], walk: list[tuple[int, int, int, int]]) -> list[int]:
    objective, gross, n_used, is_sound, estimated = 0, 0, 0, 1, 0
    for row, asked, (money, fee, _, n_read) in zip(problem.terms.tolist(), units, walk, strict=True):
        if asked == 0:
            continue
        objective += problem.sign * money + fee + row[cost.FIXED_NANO]
        estimated += fee_nano(money, row[cost.FEE_PPM] + row[cost.EST_PPM]) - fee
        gross, n_used = gross + money, n_used + 1
        is_whole = asked % row[cost.LOT_UNITS] == 0 and n_read >= 0
        if not is_whole or not row[cost.MIN_UNITS] <= asked <= row[cost.USABLE_UNITS]:
            is_sound = 0
    return [objective, gross, sum(units), n_used, is_sound, estimated]


def dual_value(problem: RouteProblem, target_units: int, witness_upnano: int) -> tuple[int, int]:
    """(bound, levels that may owe two nano of rounding) that the witness price proves for a plan of `target_units`."""
    if problem.is_narrow and _fits_int64(problem, target_units, witness_upnano):
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
        problem.num_den,
        target_units,
        witness_upnano,
    )


def _fits_int64(problem: RouteProblem, target_units: int, witness_upnano: int) -> bool:
    """Whether witness x quantity and, where money is not exact, witness x price x den stay in int64."""
    witness = abs(witness_upnano) + 1_000_000
    if witness * max(target_units, 1) >= 2**61 * 1_000_000 or witness >= 2**61:
        return False
    den = problem.num_den[1]
    if not problem.symbol.fungible.is_inverse:
        return den == 1 or witness * den < 2**61
    return witness * den * int(problem.price_units.max(initial=1)) < 2**61
