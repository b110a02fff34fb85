"""The family `cont_kukanov` of ../shared/cases by app/routing/placement.py: prices as ppm, shares in thousandths."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy import stats

from app.kernels import jit
from app.routing.placement import PlacementProblem, Queue, place

PPM: Final = 1e6
UNITS_PER_SHARE: Final = 1_000
N_QUANTILES: Final = 4_096


def setup() -> None:
    """Kernels are compiled before anything is timed."""
    jit.warm()


def outflow_quantiles(law: Mapping[str, Any]) -> npt.NDArray[np.float64]:
    """The outflow's quantiles in shares, float64[N_QUANTILES]."""
    level = (np.arange(N_QUANTILES) + 0.5) / N_QUANTILES
    if law["type"] == "exponential":
        quantiles = stats.expon(scale=law["mean"]).ppf(level)
    elif law["type"] == "lognormal":
        quantiles = stats.lognorm(s=law["sigma"], scale=math.exp(law["mu"])).ppf(level)
    elif law["type"] == "gamma":
        quantiles = stats.gamma(law["shape"], scale=law["scale"]).ppf(level)
    else:
        raise ValueError(law["type"])
    return np.asarray(quantiles, np.float64)


def problem_of(case: Mapping[str, Any]) -> PlacementProblem:
    queues = tuple(
        Queue(
            venue["id"],
            venue["queue"] * UNITS_PER_SHARE,
            venue["rebate"] * PPM,
            outflow_quantiles(venue["outflow"]) * UNITS_PER_SHARE,
        )
        for venue in case["venues"]
    )
    return PlacementProblem(
        qty_units=round(case["S"] * UNITS_PER_SHARE),
        half_spread_ppm=case["half_spread"] * PPM,
        cross_ppm=case["market_fee"] * PPM,
        impact_ppm=case["theta"] * PPM,
        short_ppm=case["lambda_u"] * PPM,
        over_ppm=case["lambda_o"] * PPM,
        queues=queues,
    )


def place_ck(case: Mapping[str, Any]) -> dict[str, Any]:
    """Shares to cross and to post at each venue."""
    found = place(problem_of(case))
    return {
        "M": found.market_units / UNITS_PER_SHARE,
        "L": [units / UNITS_PER_SHARE for units in found.limit_units],
    }
