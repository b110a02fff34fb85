"""Slow twin of what a child takes off a book: one lot at a time off a list of levels."""

from __future__ import annotations

Levels = list[tuple[int, int]]


def taken_off(levels: Levels, sign: int, limit: int, wanted: int) -> tuple[Levels, int]:
    """The levels (price, quantity) that are left, best first, and the units that were taken. sign: +1 buys."""
    left, n_taken = [list(level) for level in levels], 0
    while n_taken < wanted and left and sign * left[0][0] <= sign * limit:
        left[0][1] -= 1
        n_taken += 1
        if not left[0][1]:
            del left[0]
    return [(price, qty) for price, qty in left], n_taken
