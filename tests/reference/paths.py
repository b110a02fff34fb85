"""Slow twins of kernels/paths.py: every simple cycle and every simple path, one after the other."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

Logs = Mapping[tuple[int, int], float]


def simple_cycles(logs: Logs, n_nodes: int, max_hops: int) -> Iterator[tuple[float, tuple[int, ...]]]:
    """(gain, nodes) of every simple cycle, once each, starting at its least node."""
    outs = {a: [b for b in range(n_nodes) if b != a and (a, b) in logs] for a in range(n_nodes)}

    def extend(way: tuple[int, ...], gain: float) -> Iterator[tuple[float, tuple[int, ...]]]:
        for b in outs[way[-1]]:
            total = gain + logs[way[-1], b]
            if b == way[0] and len(way) > 1:
                yield total, way
            elif b > way[0] and b not in way and len(way) < max_hops:
                yield from extend((*way, b), total)

    for start in range(n_nodes):
        yield from extend((start,), 0.0)


def best_cycle(logs: Logs, n_nodes: int, max_hops: int) -> tuple[float, tuple[int, ...]]:
    """The cycle of the largest gain; (-inf, ()) without any."""
    return max(simple_cycles(logs, n_nodes, max_hops), default=(-math.inf, ()))


def best_path(
    ratio: Mapping[tuple[int, int], float],
    gas: Mapping[tuple[int, int], float],
    n_nodes: int,
    ends: tuple[int, int],
    n_hops: int,
    amount: float,
) -> float:
    """Most of the last node over all simple paths of exactly `n_hops`; -1 where there is none that keeps anything."""
    best = -1.0

    def extend(way: tuple[int, ...], held: float) -> None:
        nonlocal best
        if len(way) == n_hops + 1:
            if way[-1] == ends[1]:
                best = max(best, held)
            return
        for b in range(n_nodes):
            if b not in way and (way[-1], b) in ratio:
                got = held * ratio[way[-1], b] - gas[way[-1], b]
                if got > 0:
                    extend((*way, b), got)

    extend((ends[0],), amount)
    return best
