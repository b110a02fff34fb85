"""The family `cycle_arb` of ../shared/cases through app/routing/arbitrage.py."""

from __future__ import annotations

from typing import Any

import numpy as np

from app.kernels import jit
from app.routing.arbitrage import Conversions, best_cycle


def setup() -> None:
    """Kernels are compiled before anything is timed."""
    jit.warm()


def conversions_of(case: dict[str, Any]) -> Conversions:
    source, target, rate, fee_bps = zip(*case["edges"], strict=True)
    return Conversions(
        case["n_assets"],
        np.array(source, np.int64),
        np.array(target, np.int64),
        np.array(rate, np.float64),
        np.array(fee_bps, np.float64) / 1e4,
    )


def find_cycle(case: dict[str, Any]) -> dict[str, Any] | None:
    """The most profitable simple cycle of at most six conversions, or a longer one where only that gains."""
    found = best_cycle(conversions_of(case))
    return None if found is None else {"cycle": list(found.assets), "profit": found.gain_frac}
