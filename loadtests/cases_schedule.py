"""The family `schedule` of ../shared/cases through the product's schedules: children are what slices release.

Almgren and Chriss in the case's own units: a day or second of the case is a second here, a price unit a ppm. Quantities
in continuous units are cut into lots so fine that rounding is far below what is measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from app.domain.enums import Side
from app.domain.schedule import (
    CostLaw,
    ImpactBelief,
    PovParameters,
    ScheduleParameters,
    ScheduleTerms,
    Seen,
    ShortfallParameters,
    TwapParameters,
    VolumeBase,
    VwapParameters,
)
from app.domain.units import PPM
from app.execution import slicer
from app.execution.schedules.shortfall import planned_trades
from app.kernels import jit

Case = Mapping[str, Any]
SLICE_NS: Final = 1_000_000_000
FINE: Final = 10**9


def setup() -> None:
    """Kernels are compiled before anything is timed."""
    jit.warm()


def terms_of(n_slices: int, slice_ns: int = SLICE_NS) -> ScheduleTerms:
    return ScheduleTerms(Side.BUY, 0, n_slices * slice_ns, slice_ns)


def children(parameters: ScheduleParameters, total_lots: int, seen: list[Seen]) -> list[int]:
    """Lots released at each instant, the first of which is when the parent comes."""
    progress = slicer.begin(total_lots, Seen(0))
    given = []
    for moment in seen:
        progress, slice_lots = slicer.release(parameters, progress, moment)
        given.append(slice_lots)
    return given


def _lots(case: Case) -> tuple[int, Decimal]:
    lot = Decimal(str(case["lot_size"]))
    lots = Decimal(str(case["quantity"])) / lot
    if lots != int(lots):
        raise ValueError(f"{case['id']}: the quantity is not whole lots")
    return int(lots), lot


def _in_slices(parameters: ScheduleParameters, case: Case, n_slices: int) -> dict[str, list[str]]:
    total_lots, lot = _lots(case)
    given = children(parameters, total_lots, [Seen(k * SLICE_NS) for k in range(n_slices)])
    return {"schedule": [str(lots * lot) for lots in given]}


def schedule_twap(case: Case) -> dict[str, list[str]]:
    """Decimal strings per slice that sum to the quantity."""
    n = case["n_slices"]
    return _in_slices(TwapParameters(terms_of(n)), case, n)


def schedule_vwap(case: Case) -> dict[str, list[str]]:
    """Decimal strings per bin that sum to the quantity."""
    curve = [Decimal(str(share)) for share in case["volume_curve"]]
    weights = tuple(int((share * FINE).to_integral_value()) for share in curve)
    return _in_slices(VwapParameters(terms_of(len(curve)), weights), case, len(curve))


def schedule_pov(case: Case) -> dict[str, list[float]]:
    """What each interval's volume of others releases at its end."""
    rate_ppm = round(case["participation"] * PPM)
    others = [int((Decimal(str(volume)) * FINE).to_integral_value()) for volume in case["others_volume"]]
    parameters = PovParameters(terms_of(len(others) + 1), rate_ppm, VolumeBase(case["participation_base"]))
    total_lots = int((Decimal(str(case["quantity"])) * FINE).to_integral_value())
    seen = [Seen((k + 1) * SLICE_NS, sum(others[: k + 1])) for k in range(len(others))]
    return {"children": [lots / FINE for lots in children(parameters, total_lots, seen)]}


def shortfall_of(case: Case, risk_aversion: float) -> ShortfallParameters:
    """The case as a shortfall: permanent impact takes half a slice off the temporary one."""
    slice_s = case["T"] / case["N"]
    span_ns = round(case["T"] * SLICE_NS)
    terms = ScheduleTerms(Side.BUY, 0, span_ns, -(-span_ns // case["N"]))
    belief = ImpactBelief(CostLaw.LINEAR, case["eta"] - case["gamma"] * slice_s / 2, 1.0)
    return ShortfallParameters(terms, belief, case["sigma"], risk_aversion)


def schedule_ac(case: Case) -> dict[str, list[float]]:
    """Almgren and Chriss's trades."""
    return {"trades": _trades(case, case["risk_aversion"]).tolist()}


def frontier_ac(case: Case) -> list[dict[str, float]]:
    """Expected cost and variance of the best trades at each risk aversion."""
    points = []
    slice_s = case["T"] / case["N"]
    for risk_aversion in case["risk_aversions"]:
        trades = _trades(case, risk_aversion)
        held = np.append(np.cumsum(trades[::-1])[::-1], 0.0)[1:]
        eta = case["eta"] - case["gamma"] * slice_s / 2
        cost = 0.5 * case["gamma"] * case["X"] ** 2 + case["epsilon"] * case["X"] + eta / slice_s * (trades @ trades)
        points.append({"E": float(cost), "V": float(case["sigma"] ** 2 * slice_s * (held @ held))})
    return points


def _trades(case: Case, risk_aversion: float) -> npt.NDArray[np.float64]:
    parameters = shortfall_of(case, risk_aversion)
    return np.array(planned_trades(parameters, case["X"], parameters.terms.end_ns))
