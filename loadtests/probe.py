"""How much of the machine was ours: a fixed loop's wall time against its best, so that a noisy figure can be told."""

from __future__ import annotations

import time
from dataclasses import dataclass

LOOP = 20_000
# Samples of a process's first look: a neighbour on the same core slows most of them by half, for minutes, yet not all.
FIRST_SAMPLES = 2_000
_best_ns = [0]


@dataclass(frozen=True, slots=True)
class Probe:
    """1.0 means undisturbed. `stretch_p50` and `stretch_p99` are wall time over the best that this process has seen."""

    stretch_p50: float
    stretch_p99: float
    best_us: float


def _spin() -> int:
    total = 0
    for i in range(LOOP):
        total += i & 7
    return total


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
    )
