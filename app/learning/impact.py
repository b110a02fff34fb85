"""Impact as a desk asks for it: displacement and cost of a quantity, what an earlier trade left, and the fit of both.

The polite shell of kernels/impact.py. Flow and quantities here are quote notional.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, unique
from typing import Final

import numpy as np
import numpy.typing as npt

from app.domain.calibration import Decay, ImpactParameters
from app.domain.errors import InvariantBroken
from app.kernels import impact as kernel
from app.kernels.status import OK

Float64Array = npt.NDArray[np.float64]

WINDOW_S: Final = 1.0
MAX_LAG_S: Final = 5.0
_DECAYS: Final = {Decay.EXPONENTIAL: kernel.EXPONENTIAL, Decay.POWER: kernel.POWER}


@unique
class ImpactLaw(Enum):
    LINEAR = kernel.LINEAR
    SQUARE_ROOT = kernel.SQUARE_ROOT


@dataclass(frozen=True, slots=True)
class FlowSeries:
    """One market on an even grid: `move_ppm[i]` of the mid and signed `flow_nano[i]` in the step that ends at i."""

    step_s: float
    move_ppm: Float64Array
    flow_nano: Float64Array
    flow_kind: str


def impact_of(
    parameters: ImpactParameters, law: ImpactLaw, notional_nano: Float64Array
) -> tuple[Float64Array, Float64Array]:
    """(displacement after, average cost of) each notional, in ppm against the taker; float64[n]."""
    peak_ppm = parameters.linear_ppm if law is ImpactLaw.LINEAR else parameters.root_ppm
    shift_ppm, cost_ppm = np.empty_like(notional_nano), np.empty_like(notional_nano)
    found = kernel.impact_costs(
        law.value, peak_ppm, float(parameters.flow_nano_per_s), notional_nano, shift_ppm, cost_ppm
    )
    if found != OK:
        raise InvariantBroken(reason="impact parameters", flow_nano_per_s=parameters.flow_nano_per_s)
    return shift_ppm, cost_ppm


def schedule_cost(
    parameters: ImpactParameters, at_s: Float64Array, notional_nano: Float64Array
) -> tuple[Float64Array, float]:
    """(displacement in ppm that each trade meets, own impact cost of the whole in nano); signed notionals, times up."""
    law = np.array(
        (
            parameters.linear_ppm,
            parameters.flow_nano_per_s,
            parameters.decay_s,
            parameters.decay_power_frac,
            parameters.stays_frac,
        ),
        dtype=np.float64,
    )
    shift_ppm, cost_ppm = np.empty_like(at_s), np.empty_like(at_s)
    found = kernel.propagate(_DECAYS[parameters.decay], law, at_s, notional_nano, shift_ppm, cost_ppm)
    if found != OK:
        raise InvariantBroken(reason="schedule or impact parameters", n_trades=at_s.size)
    return shift_ppm, float(cost_ppm.sum()) * 1e-6


def fit_impact(series: FlowSeries) -> ImpactParameters:
    """Linear and square-root response over windows of a second, and the decay of the response up to five seconds.

    Association, not effect: flow and price share their causes. Explained variance is of the later half of the windows
    by a fit to the earlier half; the parameters are of all. Raises InvariantBroken without any flow.
    """
    rate = float(np.abs(series.flow_nano).sum()) / (series.flow_nano.size * series.step_s)
    if not rate > 0.0:
        raise InvariantBroken(reason="no flow to fit impact on", n_steps=series.flow_nano.size)
    width = max(1, round(WINDOW_S / series.step_s))
    n = series.flow_nano.size // width
    moves = series.move_ppm[: n * width].reshape(n, width).sum(axis=1)
    flows = series.flow_nano[: n * width].reshape(n, width).sum(axis=1) / rate
    roots = np.sign(flows) * np.sqrt(np.abs(flows))
    linear_ppm, linear_r2 = _slope(flows, moves)
    root_ppm, root_r2 = _slope(roots, moves)
    decay, decay_s, power, stays = _fit_decay(_response(series, rate), series.step_s)
    return ImpactParameters(
        flow_kind=series.flow_kind,
        flow_nano_per_s=max(1, round(rate)),
        sigma_ppm_sqrt_s=float(np.sqrt((series.move_ppm**2).mean() / series.step_s)),
        linear_ppm=linear_ppm,
        linear_r2_frac=linear_r2,
        root_ppm=root_ppm,
        root_r2_frac=root_r2,
        decay=decay,
        decay_s=decay_s,
        decay_power_frac=power,
        stays_frac=stays,
        n_windows=n,
    )


def _slope(drive: Float64Array, moves: Float64Array) -> tuple[float, float]:
    """(least-squares slope through zero, never negative; explained variance of the later half)."""
    half = drive.size // 2
    early = max(_ratio(float(drive[:half] @ moves[:half]), float(drive[:half] @ drive[:half])), 0.0)
    left = moves[half:] - early * drive[half:]
    explained = 1.0 - _ratio(float(left @ left), float(moves[half:] @ moves[half:]))
    return max(_ratio(float(drive @ moves), float(drive @ drive)), 0.0), explained


def _ratio(top: float, bottom: float) -> float:
    return top / bottom if bottom > 0 else 0.0


def _response(series: FlowSeries, rate: float) -> Float64Array:
    """Displacement after each lag per unit of flow, all lags fitted together: clustered flow counts once."""
    n_lags = min(round(MAX_LAG_S / series.step_s), series.flow_nano.size // 4)
    flow = series.flow_nano / rate
    lagged = np.stack([np.roll(flow, lag) for lag in range(n_lags)], axis=1)[n_lags:]
    moments = lagged.T @ lagged
    ridge = np.eye(n_lags) * 1e-6 * np.trace(moments) / n_lags
    steps = np.linalg.solve(moments + ridge, lagged.T @ series.move_ppm[n_lags:])
    response: Float64Array = np.cumsum(steps)
    return response


def _fit_decay(response: Float64Array, step_s: float) -> tuple[Decay, float, float, float]:
    """(kind, time, power, what stays) of the convex decay nearest to the response after its first step."""
    passed_s = np.arange(response.size) * step_s
    best: tuple[float, tuple[Decay, float, float, float]] = (np.inf, (Decay.EXPONENTIAL, 1.0, 1.0, 1.0))
    for decay_s in np.geomspace(0.1, 60.0, 15).tolist():
        for kind, power in ((Decay.EXPONENTIAL, 1.0), *((Decay.POWER, p) for p in (0.25, 0.5, 1.0, 2.0))):
            fades = np.exp(-passed_s / decay_s) if kind is Decay.EXPONENTIAL else (1 + passed_s / decay_s) ** -power
            for stays in np.linspace(0.0, 1.0, 11).tolist():
                left = stays + (1.0 - stays) * fades
                peak = max(_ratio(float(left @ response), float(left @ left)), 0.0)
                miss = response - peak * left
                error = float(miss @ miss)
                if error < best[0] * (1.0 - 1e-9):
                    best = (error, (kind, decay_s, power, stays))
    return best[1]
