"""What an order at once is said to cost, in one call: the polite shell of kernels/foretell.py.

For the same books, law and order it says what `pretrade.look` and `CostEstimator.estimate` say, number by number.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np

from app.domain import quick
from app.domain.enums import Strategy
from app.domain.pretrade import UBPS, AskedUnits, CostEstimate, Said
from app.kernels import foretell, jit, status
from app.learning.pretrade import SHOWN_BPS, CostEstimator, FlatLaw, Levels

_asked: Final[Callable[..., AskedUnits]] = quick.maker(AskedUnits)
_estimate: Final[Callable[..., CostEstimate]] = quick.maker(CostEstimate)
_said: Final[Callable[..., Said]] = quick.maker(Said)
_empty: Final = np.empty
_INT64: Final = np.int64
_N_SAID: Final = foretell.N_SAID
_run: Final[Callable[..., Any]] = foretell.foretell_at_once


class Asker(NamedTuple):
    """What orders at once of one symbol ask alike at an instant: the law, the books, and what is known beside them.

    `levels`: as they are open to the account. `sigma_bps_sqrt_s`, `expected_units` (others will trade so much
    meanwhile): 0 where they are not known.
    """

    costs: CostEstimator
    flat: FlatLaw
    strategy: Strategy
    venue: str
    levels: Levels
    mid_half_units: int
    sigma_bps_sqrt_s: float
    expected_units: float


def is_ready() -> bool:
    """Whether `say` can run without compiling; from a cold start's first seconds on it is so for ever."""
    return jit.is_compiled(foretell.foretell_at_once)


def say(asker: Asker, sign: int, qty_units: int, cap_units: int) -> Said | None:
    """The word on `qty_units` above 0; None where nothing is displayed within the cap (0: none), or too little."""
    costs, flat, strategy, venue, (price, qty, counts, fees, is_open, _), mid_half_units, sigma, expected_units = asker
    out = _empty(_N_SAID, _INT64)
    code = _run(
        price,
        qty,
        counts,
        fees,
        is_open,
        flat.numbers,
        sign,
        cap_units,
        mid_half_units,
        qty_units,
        sigma,
        SHOWN_BPS,
        out,
    )
    if code != status.OK:
        return None
    walk, touch, used, expected, p05, p25, p50, p75, p95, cell_i, is_short, is_beyond = out.tolist()
    if is_short and cap_units:
        return None
    part_ppm = round(qty_units / (qty_units + expected_units) * UBPS) if expected_units > 0.0 else 0
    quantiles = p05, p25, p50, p75, p95
    basis, cell = costs.law.basis, flat.cell_names[cell_i]
    return _said(
        _asked(strategy, venue, walk, touch, used, round(sigma * UBPS), 0, 0),
        _estimate(expected, quantiles, part_ppm, 0, basis, costs.name, cell, is_beyond == 1),
    )
