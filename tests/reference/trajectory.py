"""Slow twins of kernels/trajectory.py: the linear plan by its difference equation in long decimals; objectives."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, localcontext

from tests.reference import impact


def almgren_chriss(cost: float, risk: float, slice_s: float, qty: float, n: int) -> list[Decimal]:
    """Trades whose holdings solve x[k-1] - (2 + risk slice^2 / cost) x[k] + x[k+1] = 0, x[0] = qty, x[n] = 0."""
    with localcontext(prec=60):
        middle = 2 + Decimal(risk) * Decimal(slice_s) ** 2 / Decimal(cost)
        # x[k] = ratio[k] x[k-1], from the end: x[n] = 0.
        ratio = [Decimal(0)] * (n + 1)
        for k in range(n - 1, 0, -1):
            ratio[k] = 1 / (middle - ratio[k + 1])
        held = [Decimal(qty)]
        for k in range(1, n + 1):
            held.append(ratio[k] * held[-1])
        return [held[k] - held[k + 1] for k in range(n)]


def held_after(trades: Sequence[float], qty: float) -> list[float]:
    """What is held after each trade, summed from the end."""
    return [sum(trades[k + 1 :]) for k in range(len(trades) - 1)] + [0.0]


def power_objective(cost: float, power: float, risk: float, slice_s: float, trades: Sequence[float]) -> float:
    """Cost of the trades at their rates plus risk of what is held."""
    paid = sum(cost * (trade / slice_s) ** power * trade for trade in trades)
    return paid + risk * slice_s * sum(x * x for x in held_after(trades, sum(trades)))


def transient_objective(
    decay: str, law: Sequence[float], risk: float, slice_s: float, trades: Sequence[float]
) -> float:
    """Cost under impact that decays plus risk of what is held."""
    _, costs = impact.schedule(decay, law, [k * slice_s for k in range(len(trades))], trades)
    return sum(costs) + risk * slice_s * sum(x * x for x in held_after(trades, sum(trades)))


def transient_slopes(
    decay: str, law: Sequence[float], risk: float, slice_s: float, trades: Sequence[float]
) -> list[float]:
    """Derivative of the objective by each trade: its own impact on all, and the risk of the holdings after it."""
    peak, scale, time_s, power, stays = law
    held = held_after(trades, sum(trades))
    slopes = []
    for i in range(len(trades)):
        met = sum(
            peak / scale * impact.kernel_of(decay, time_s, power, stays, abs(i - j) * slice_s) * trades[j]
            for j in range(len(trades))
        )
        # One unit more in slice i was held in every slice before it.
        slopes.append(met + 2 * risk * slice_s * sum(held[:i]))
    return slopes
