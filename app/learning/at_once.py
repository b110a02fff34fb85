"""What an order at once is said to cost, in one call: the polite shell of kernels/foretell.py.

For the same books, law and order it says what `pretrade.look` and `CostEstimator.estimate` say, number by number.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from app.domain import quick
from app.domain.enums import Strategy
from app.domain.pretrade import UBPS, AskedUnits, Basis, CostEstimate, Said
from app.kernels import foretell
from app.learning.pretrade import SHOWN_BPS, CostEstimator, Levels

_asked: Final[Callable[..., AskedUnits]] = quick.maker(AskedUnits)
_estimate: Final[Callable[..., CostEstimate]] = quick.maker(CostEstimate)
_said: Final[Callable[..., Said]] = quick.maker(Said)
_run: Final[Any] = foretell.foretell_at_once


class Asker(NamedTuple):
    """What orders at once of one symbol ask alike at an instant; made by `asker_of`.

    `books`: what the kernel takes of the market and the law, in its order. `out`: where it writes, order after order.
    """

    books: tuple[Any, ...]
    cell_names: tuple[str, ...]
    strategy: Strategy
    venue: str
    mid_half_units: int
    sigma_bps_sqrt_s: float
    sigma_ubps_sqrt_s: int
    expected_units: float
    basis: Basis
    artifact: str
    out: npt.NDArray[np.int64]


def asker_of(
    costs: CostEstimator, venue: str, levels: Levels, mid_half_units: int, about: tuple[float, float]
) -> Asker | None:
    """Who asks about orders at `venue` (MANY: several) on these books; None where the law has no such pace.

    levels: as they are open to the account; its cap is none of theirs. about: (volatility of a root second in bps, what
    others will trade meanwhile in symbol units), 0 where they are not known.
    """
    flat, (sigma, expected_units) = costs.flat(Strategy.SWEEP, venue), about
    if flat is None:
        return None
    return Asker(
        books=(*levels[:5], flat.numbers),
        cell_names=flat.cell_names,
        strategy=Strategy.SWEEP,
        venue=venue,
        mid_half_units=mid_half_units,
        sigma_bps_sqrt_s=sigma,
        sigma_ubps_sqrt_s=round(sigma * UBPS),
        expected_units=expected_units,
        basis=costs.law.basis,
        artifact=costs.name,
        out=np.empty(foretell.N_SAID, dtype=np.int64),
    )


def is_ready() -> bool:
    """Whether `say` can run without compiling; from a cold start's first seconds on it is so for ever."""
    return bool(_run.overloads)


def say(asker: Asker, sign: int, qty_units: int, cap_units: int) -> Said | None:
    """The word on `qty_units` above 0; None where nothing is displayed within the cap (0: none), or too little."""
    books, cell_names, strategy, venue, mid, sigma, sigma_ubps, expected_units, basis, artifact, out = asker
    price, qty, counts, fees, is_open, law = books
    if _run(price, qty, counts, fees, is_open, law, sign, cap_units, mid, qty_units, sigma, SHOWN_BPS, out):
        return None
    walk, touch, used, expected, p05, p25, p50, p75, p95, cell_i, is_short, is_beyond = out.tolist()
    if is_short and cap_units:
        return None
    part_ppm = round(qty_units / (qty_units + expected_units) * UBPS) if expected_units > 0.0 else 0
    return _said(
        _asked(strategy, venue, walk, touch, used, sigma_ubps, 0, 0),
        _estimate(
            expected, (p05, p25, p50, p75, p95), part_ppm, 0, basis, artifact, cell_names[cell_i], is_beyond == 1
        ),
    )
