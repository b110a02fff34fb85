"""A bounded tape of one symbol's samples, newest last, and what can be read off it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from math import isqrt
from typing import Final, NamedTuple

from app.tca.composite import Sample

KEPT: Final = 4_096  # samples: about 6 minutes at 10 Hz
MAX_STALE_NS: Final = 500_000_000  # a mid older than this is not the mid of an instant
CALM_NS: Final = 10_000_000_000  # how far back volatility looks
COARSE_NS: Final = 10_000_000_000
COARSE_KEPT: Final = 8_640  # a day
MAX_STRIP_POINTS: Final = 48
_UBPS: Final = 10_000 * 1_000_000


class Mark(NamedTuple):
    """Running sums of a tape: mid times time held, the time held (while a mid was known), samples so far."""

    area_half_units: int
    held_ns: int
    n_samples: int


NO_MARK: Final = Mark(0, 0, 0)


@dataclass(slots=True)
class Tape:
    """Samples in the order of time; the oldest are forgotten, a coarse track of the mid stays for a day."""

    samples: deque[Sample] = field(default_factory=lambda: deque(maxlen=KEPT))
    _coarse: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=COARSE_KEPT))
    _sums: Mark = NO_MARK

    def add(self, sample: Sample) -> None:
        """Takes the newest sample; one that is not newer than the last is left."""
        if self.samples and sample.ts_ns <= self.samples[-1].ts_ns:
            return
        area, held_ns, n_samples = self.mark(sample.ts_ns)
        self._sums = Mark(area, held_ns, n_samples + (sample.mid_half_units > 0))
        self.samples.append(sample)
        if sample.mid_half_units and (not self._coarse or sample.ts_ns - self._coarse[-1][0] >= COARSE_NS):
            self._coarse.append((sample.ts_ns, sample.mid_half_units))

    def at(self, ts_ns: int) -> Sample | None:
        """The last sample at or before `ts_ns`, None where there is none within MAX_STALE_NS."""
        for sample in reversed(self.samples):
            if sample.ts_ns <= ts_ns:
                return sample if ts_ns - sample.ts_ns <= MAX_STALE_NS else None
        return None

    def move_ubps(self, ts_ns: int) -> int:
        """Root of the sum of squared moves of the class mid in the CALM_NS before `ts_ns`, in 1e-6 bps."""
        squares = 0
        later = 0
        for sample in reversed(self.samples):
            if sample.ts_ns > ts_ns or not sample.mid_half_units:
                continue
            if sample.ts_ns < ts_ns - CALM_NS:
                break
            if later:
                squares += ((later - sample.mid_half_units) * _UBPS // sample.mid_half_units) ** 2
            later = sample.mid_half_units
        return isqrt(squares)

    def mark(self, ts_ns: int) -> Mark:
        """The running sums at `ts_ns`, which is not before the newest sample; its mid holds until then."""
        if not self.samples:
            return Mark(0, 0, 0)
        last = self.samples[-1]
        held_ns = max(0, ts_ns - last.ts_ns) if last.mid_half_units else 0
        return Mark(
            self._sums.area_half_units + held_ns * last.mid_half_units,
            self._sums.held_ns + held_ns,
            self._sums.n_samples,
        )

    def strip(self, start_ts_ns: int, end_ts_ns: int) -> tuple[tuple[int, int], ...]:
        """(ts_ns, twice the class mid) over [start, end], evenly thinned to at most MAX_STRIP_POINTS, ends kept."""
        fine = [(s.ts_ns, s.mid_half_units) for s in self.samples if s.mid_half_units]
        older = [point for point in self._coarse if not fine or point[0] < fine[0][0]]
        seen = [point for point in (*older, *fine) if start_ts_ns <= point[0] <= end_ts_ns]
        if len(seen) <= MAX_STRIP_POINTS:
            return tuple(seen)
        last = len(seen) - 1
        return tuple(seen[round(i * last / (MAX_STRIP_POINTS - 1))] for i in range(MAX_STRIP_POINTS))


def mean_half_units(start: Mark, end: Mark, fallback_half_units: int) -> int:
    """Time-weighted mid between two marks of one tape; `fallback_half_units` where no time passed with a mid known."""
    held_ns = end.held_ns - start.held_ns
    return (end.area_half_units - start.area_half_units) // held_ns if held_ns > 0 else fallback_half_units
