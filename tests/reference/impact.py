"""Slow twins of kernels/impact.py: the definitions, summed term by term."""

from __future__ import annotations

import math
from collections.abc import Sequence


def shift_ppm(law: str, peak_ppm: float, scale: float, qty: float) -> float:
    """Displacement after `qty`."""
    return peak_ppm * (qty / scale if law == "linear" else math.sqrt(qty / scale))


def cost_ppm(law: str, peak_ppm: float, scale: float, qty: float, n_steps: int = 20_000) -> float:
    """Average displacement over the quantity by the midpoint rule."""
    step = qty / n_steps
    return sum(shift_ppm(law, peak_ppm, scale, (i + 0.5) * step) for i in range(n_steps)) / n_steps


def kernel_of(decay: str, time_s: float, power: float, stays: float, passed_s: float) -> float:
    """What is left of a displacement of one after `passed_s`."""
    fades = math.exp(-passed_s / time_s) if decay == "exponential" else (1 + passed_s / time_s) ** -power
    return stays + (1 - stays) * fades


def schedule(
    decay: str, law: Sequence[float], at_s: Sequence[float], qty: Sequence[float]
) -> tuple[list[float], list[float]]:
    """(displacement just before each trade, cost of each trade in ppm x units)."""
    peak_ppm, scale, time_s, power, stays = law
    shifts, costs = [], []
    for k, now_s in enumerate(at_s):
        shift = sum(
            peak_ppm * qty[j] / scale * kernel_of(decay, time_s, power, stays, now_s - at_s[j]) for j in range(k)
        )
        shifts.append(shift)
        costs.append(qty[k] * (shift + 0.5 * peak_ppm * qty[k] / scale))
    return shifts, costs
