"""Implementation shortfall: least expected cost plus aversion times variance (Almgren and Chriss, and two laws beyond).

The polite shell of kernels/trajectory.py. What is left at the anchor is laid over the slices from there to the end.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np

from app.domain.calibration import Decay
from app.domain.errors import InvariantBroken
from app.domain.schedule import MEANING, CostLaw, Progress, Seen, ShortfallParameters
from app.kernels import impact, trajectory
from app.kernels.status import OK

_DECAYS: Final = {Decay.EXPONENTIAL: impact.EXPONENTIAL, Decay.POWER: impact.POWER}


def due_lots(parameters: ShortfallParameters, progress: Progress, seen: Seen) -> int:
    """Lots of the parent that the plan wants given out by now: from the anchor's up to all of them."""
    terms = parameters.terms
    from_ns = max(progress.anchor_ns, terms.start_ns)
    if seen.now_ns >= terms.end_ns or from_ns >= terms.end_ns:
        return progress.total_lots
    if seen.now_ns < from_ns:
        return progress.anchor_lots
    left_lots = progress.total_lots - progress.anchor_lots
    shares = planned_shares(parameters, left_lots, terms.end_ns - from_ns)
    # The grid is laid anew from the anchor: equal slices, none longer than the terms'.
    slice_i = (seen.now_ns - from_ns) * len(shares) // (terms.end_ns - from_ns)
    if slice_i == len(shares) - 1:
        return progress.total_lots
    return progress.anchor_lots + min(left_lots, round(shares[slice_i] * left_lots))


def planned_shares(parameters: ShortfallParameters, qty_lots: int, span_ns: int) -> tuple[float, ...]:
    """Part of `qty_lots` that is out once each slice over `span_ns` has begun: rising, the last is 1."""
    if qty_lots == 0:
        return (1.0,) * _n_slices(parameters, span_ns)
    rising = np.minimum(np.cumsum(planned_trades(parameters, float(qty_lots), span_ns)) / qty_lots, 1.0)
    return (*rising[:-1].tolist(), 1.0)


@lru_cache(maxsize=256)
def planned_trades(parameters: ShortfallParameters, qty_lots: float, span_ns: int) -> tuple[float, ...]:
    """Lots of each slice over `span_ns` under the believed law; remembered, because each slice asks again."""
    n_slices = _n_slices(parameters, span_ns)
    slice_s = span_ns * 1e-9 / n_slices
    belief = parameters.belief
    aversion = parameters.aversion_per_ppm_lots * MEANING[parameters.terms.urgency].aversion_frac
    risk = aversion * parameters.sigma_ppm_sqrt_s**2
    trades = np.empty(n_slices)
    if belief.law is CostLaw.TRANSIENT:
        law = np.array(
            (belief.impact_ppm, belief.rate_lots_per_s, belief.decay_s, belief.decay_power_frac, belief.stays_frac)
        )
        found = trajectory.lay_transient(_DECAYS[belief.decay], law, risk, slice_s, qty_lots, trades)
    elif belief.law is CostLaw.LINEAR:
        per_rate = belief.impact_ppm / belief.rate_lots_per_s
        found = trajectory.almgren_chriss(per_rate, risk, slice_s, qty_lots, trades)
    else:
        per_rate = belief.impact_ppm / belief.rate_lots_per_s**0.5
        found = trajectory.lay_power(per_rate, 0.5, risk, slice_s, qty_lots, trades)
    if found != OK:
        raise InvariantBroken(reason="shortfall law", law=belief.law.value, n_slices=n_slices)
    return tuple(trades.tolist())


def _n_slices(parameters: ShortfallParameters, span_ns: int) -> int:
    return -(-span_ns // parameters.terms.slice_ns)
