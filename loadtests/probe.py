"""How much of the machine was ours: a fixed loop's wall time against its best, so that a noisy figure can be told."""

from __future__ import annotations

import time
from dataclasses import dataclass

LOOP = 20_000


@dataclass(frozen=True, slots=True)
class Probe:
    """1.0 means undisturbed. `stretch_p50` and `stretch_p99` are wall time over the best time seen."""

    stretch_p50: float
    stretch_p99: float
    best_us: float


def _spin() -> int:
    total = 0
    for i in range(LOOP):
        total += i & 7
    return total


def look(n_samples: int = 200) -> Probe:
    """About 200 ms of fixed work, timed piece by piece."""
    times_ns = []
    for _ in range(n_samples):
        started_ns = time.perf_counter_ns()
        _spin()
        times_ns.append(time.perf_counter_ns() - started_ns)
    times_ns.sort()
    best = times_ns[0]
    return Probe(
        stretch_p50=round(times_ns[n_samples // 2] / best, 2),
        stretch_p99=round(times_ns[int(n_samples * 0.99)] / best, 2),
        best_us=round(best / 1_000, 1),
    )
