"""Slow twins of kernels/amm.py: each curve by its defining equation, solved by bisection, in Python floats."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction

Curve = Callable[[float], float]


def product_curve(reserve_in: float, reserve_out: float, keep: float) -> Curve:
    """x y = k, in exact fractions."""

    def output(given: float) -> float:
        net = Fraction(keep) * Fraction(given)
        return float(Fraction(reserve_out) * net / (Fraction(reserve_in) + net))

    return output


def weighted_curve(reserve_in: float, reserve_out: float, weight_in: float, weight_out: float, keep: float) -> Curve:
    """x^a y^b = k, by logarithms."""

    def output(given: float) -> float:
        return reserve_out * (1.0 - (reserve_in / (reserve_in + keep * given)) ** (weight_in / weight_out))

    return output


def stable_curve(reserve_in: float, reserve_out: float, amplified: float, keep: float) -> Curve:
    """The invariant by bisection for D, then for the other reserve."""

    def residual(x: float, y: float, d: float) -> float:
        return amplified * (x + y) + d - amplified * d - d**3 / (4 * x * y)

    def root(f: Curve, low: float, high: float) -> float:
        for _ in range(200):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if f(middle) > 0 else (low, middle)
        return 0.5 * (low + high)

    total = reserve_in + reserve_out
    d = root(lambda at: residual(reserve_in, reserve_out, at), 2 * min(reserve_in, reserve_out) * 0.1, total)

    def output(given: float) -> float:
        x = reserve_in + keep * given
        return reserve_out - root(lambda y: -residual(x, y, d), 1e-9 * reserve_out, reserve_out)

    return output


def range_curve(pieces: Sequence[tuple[float, float, float]], direction: int, keep: float) -> Curve:
    """Concentrated liquidity, each piece as a constant product of virtual reserves with an end."""

    def output(given: float) -> float:
        left, taken = keep * given, 0.0
        for start, end, liquidity in pieces:
            virtual_in = liquidity / start if direction == 0 else liquidity * start
            virtual_out = liquidity * start if direction == 0 else liquidity / start
            whole = liquidity / end - virtual_in if direction == 0 else liquidity * end - virtual_in
            part = min(left, whole)
            taken += virtual_out * part / (virtual_in + part)
            left -= part
            if left <= 0:
                break
        return taken

    return output


def book_curve(pieces: Sequence[tuple[float, float, float]]) -> Curve:
    """Levels whose marginal rate falls in a straight line, summed as trapezes."""

    def output(given: float) -> float:
        left, taken = given, 0.0
        for room, start, end in pieces:
            part = min(left, room)
            taken += part * (start + start + (end - start) * part / room) / 2
            left -= part
        return taken

    return output


def best_trade(curve: Curve, ratio: float, most: float) -> tuple[float, float]:
    """(input, profit) of the trade that earns most at `ratio`, by ternary search on a concave profit."""
    low, high = 0.0, most
    for _ in range(300):
        one, two = low + (high - low) / 3, high - (high - low) / 3
        if curve(one) - ratio * one < curve(two) - ratio * two:
            low = one
        else:
            high = two
    at = 0.5 * (low + high)
    return at, curve(at) - ratio * at


def waterfill(curves: Sequence[Curve], amount: float, n_steps: int = 4000) -> tuple[list[float], float]:
    """The split by the definition: small slices, each where it brings most; (inputs, output)."""
    inputs, slice_ = [0.0] * len(curves), amount / n_steps
    for _ in range(n_steps):
        gains = [curve(x + slice_) - curve(x) for curve, x in zip(curves, inputs, strict=True)]
        inputs[max(range(len(curves)), key=gains.__getitem__)] += slice_
    return inputs, math.fsum(curve(x) for curve, x in zip(curves, inputs, strict=True))
