"""Slow twin of kernels/forecast.py: every mean anew from all observations, fades by adding up small steps."""

from __future__ import annotations

from collections.abc import Sequence


def means(observed: Sequence[tuple[float, float]], half_life_s: float) -> tuple[float, float]:
    """(mean, weight) of (value, seconds it held) in order, by the definition: integrals of 2 ** (-age / half-life)."""
    total = weighted = 0.0
    age_s = 0.0
    for value, held_s in reversed(observed):
        part = 2.0 ** (-age_s / half_life_s) - 2.0 ** (-(age_s + held_s) / half_life_s)
        total += part
        weighted += part * value
        age_s += held_s
    return (weighted / total if total else 0.0), total


def expected_part(
    horizon_s: float,
    half_life_s: Sequence[float],
    loading_frac: Sequence[float],
    found: Sequence[tuple[float, float]],
    n_steps: int = 20_000,
) -> float:
    """As `expect_part`, of (mean, weight) by span; the fade by the midpoint rule."""
    usual = found[-1][0]
    if usual <= 0.0:
        return 1.0
    part = 1.0
    for j in range(len(half_life_s) - 1):
        at_s = [(k + 0.5) * horizon_s / n_steps for k in range(n_steps)]
        fade = sum(2.0 ** (-t / half_life_s[j]) for t in at_s) / n_steps
        part += loading_frac[j] * found[j][1] * fade * (found[j][0] / usual - 1.0)
    return max(part, 0.0)
