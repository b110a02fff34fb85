"""How much of the machine was ours, so that a noisy figure can be told: a fixed loop's wall time against its best, and
how far away memory was, which a loop that fits into a core's own cache does not see.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cache
from typing import Any

import numba
import numpy as np

LOOP = 20_000
# Samples of a process's first look: a neighbour on the same core slows most of them by half, for minutes, yet not all.
FIRST_SAMPLES = 2_000
_best_ns = [0]
# More than a core's own cache and a fraction of the one that all cores of a socket share.
FAR_BYTES = 8 << 20
N_WALKS, N_STEPS = 15, 9_000  # once around


@dataclass(frozen=True, slots=True)
class Probe:
    """1.0 means undisturbed. `stretch_p50` and `stretch_p99` are wall time over the best that this process has seen.

    `far_ns`: median time of one step of a random walk through FAR_BYTES, the more the less neighbours have left us of
    the cache that cores share.
    """

    stretch_p50: float
    stretch_p99: float
    best_us: float
    far_ns: float


def _spin() -> int:
    total = 0
    for i in range(LOOP):
        total += i & 7
    return total


@numba.njit
def _walk(next_at: Any, at: int, n_steps: int) -> int:
    for _ in range(n_steps):
        at = next_at[at]
    return at


@cache
def _ring() -> Any:
    """One cycle through every line of FAR_BYTES, in random order."""
    order = np.random.default_rng(1).permutation(FAR_BYTES // 64) * 8
    next_at = np.zeros(FAR_BYTES // 8, np.int64)
    next_at[order] = np.roll(order, -1)
    _walk(next_at, 0, len(order))
    return next_at


def far_ns() -> float:
    """As `Probe.far_ns`; some twenty milliseconds at worst."""
    ring, at, times_ns = _ring(), 0, []
    for _ in range(N_WALKS):
        started_ns = time.perf_counter_ns()
        at = _walk(ring, at, N_STEPS)
        times_ns.append((time.perf_counter_ns() - started_ns) / N_STEPS)
    return round(sorted(times_ns)[N_WALKS // 2], 1)


def look(n_samples: int = 200) -> Probe:
    """About 200 ms of fixed work, timed piece by piece; the first look of a process goes on for longer."""
    times_ns = []
    for _ in range(n_samples if _best_ns[0] else max(n_samples, FIRST_SAMPLES)):
        started_ns = time.perf_counter_ns()
        _spin()
        times_ns.append(time.perf_counter_ns() - started_ns)
    times_ns.sort()
    _best_ns[0] = min(times_ns[0], _best_ns[0] or times_ns[0])
    return Probe(
        stretch_p50=round(times_ns[len(times_ns) // 2] / _best_ns[0], 2),
        stretch_p99=round(times_ns[int(len(times_ns) * 0.99)] / _best_ns[0], 2),
        best_us=round(times_ns[0] / 1_000, 1),
        far_ns=far_ns(),
    )
