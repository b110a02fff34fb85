"""Slow twin of kernels/placement.py: the expected cost by its definition, draw by draw, and one venue's closed form."""

from __future__ import annotations

from collections.abc import Sequence


def mean_cost(
    reach: Sequence[Sequence[float]],
    gain: Sequence[float],
    terms: Sequence[float],
    qty: float,
    market: float,
    limits: Sequence[float],
) -> float:
    """Cont and Kukanov's cost, averaged over the draws of what would trade beyond each queue."""
    cross, sent, short, over = terms
    total = 0.0
    for row in reach:
        fills = [min(limit, reached) for limit, reached in zip(limits, row, strict=True)]
        done = market + sum(fills)
        total += cross * market + sent * (market + sum(limits))
        total -= sum(earned * fill for earned, fill in zip(gain, fills, strict=True))
        total += short * max(qty - done, 0.0) + over * max(done - qty, 0.0)
    return total / len(reach)


def one_venue_level(half_spread: float, fee: float, rebate: float, theta: float, lambda_short: float) -> float:
    """The level of the outflow's distribution at which one venue's queue plus limit should lie."""
    return (2 * half_spread + fee + rebate) / (lambda_short + half_spread + rebate + theta)
