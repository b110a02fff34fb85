"""A bounded tape of one symbol's samples, newest last, and what can be read off it."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from dataclasses import dataclass, field
from math import isqrt
from typing import Final, NamedTuple

from app.domain.markouts import HORIZONS_NS
from app.tca.composite import Sample

KEPT: Final = 4_096  # samples: about 6 minutes at 10 Hz
MAX_STALE_NS: Final = 500_000_000  # a mid older than this is not the mid of an instant
CALM_NS: Final = 10_000_000_000  # how far back volatility looks
COARSE_NS: Final = 10_000_000_000
COARSE_KEPT: Final = 8_640  # a day
MAX_STRIP_POINTS: Final = 48
FAR_POINTS: Final = 8
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
    # Of samples with a mid: (when, sum of squared moves until then), so that an interval is one difference.
    _moves: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=KEPT))
    _last_half_units: int = 0
    _told: tuple[int, int, int] = (0, 0, 0)  # the last answer: (asked for when, newest move then, what was said)

    def add(self, sample: Sample) -> None:
        """Takes the newest sample; one that is not newer than the last is left."""
        if self.samples and sample.ts_ns <= self.samples[-1].ts_ns:
            return
        area, held_ns, n_samples = self.mark(sample.ts_ns)
        self._sums = Mark(area, held_ns, n_samples + (sample.mid_half_units > 0))
        self.samples.append(sample)
        self._note_move(sample)
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
        moves = self._moves
        if not moves:
            return 0
        newest_ns = moves[-1][0]
        if self._told[:2] == (ts_ns, newest_ns):  # the children of one turn ask for one instant
            return self._told[2]
        last_i = len(moves) - 1 if newest_ns <= ts_ns else bisect_left(moves, (ts_ns + 1, 0)) - 1
        first_i = bisect_left(moves, (ts_ns - CALM_NS, 0))
        found = isqrt(moves[last_i][1] - moves[first_i][1]) if first_i < last_i else 0
        self._told = ts_ns, newest_ns, found
        return found

    def _note_move(self, sample: Sample) -> None:
        before, now = self._last_half_units, sample.mid_half_units
        if not now:
            return
        self._last_half_units = now
        square = ((now - before) * _UBPS // before) ** 2 if before else 0
        self._moves.append((sample.ts_ns, square + (self._moves[-1][1] if self._moves else 0)))

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
        return _thinned(self._points(start_ts_ns, end_ts_ns))

    def focused_strip(self, start_ts_ns: int, end_ts_ns: int, around_ns: int) -> tuple[tuple[int, int], ...]:
        """As `strip`, `around_ns` to either side and a minute on: most points lie near [start, end]."""
        near = _thinned(self._points(start_ts_ns - around_ns, end_ts_ns + around_ns))
        before = _thinned(self._points(start_ts_ns - 2 * around_ns, start_ts_ns - around_ns - 1), FAR_POINTS)
        after = _thinned(self._points(end_ts_ns + around_ns + 1, end_ts_ns + HORIZONS_NS[-1]), FAR_POINTS)
        return (*before, *near, *after)

    def _points(self, start_ts_ns: int, end_ts_ns: int) -> list[tuple[int, int]]:
        fine = [(s.ts_ns, s.mid_half_units) for s in self.samples if s.mid_half_units]
        older = [point for point in self._coarse if not fine or point[0] < fine[0][0]]
        return [point for point in (*older, *fine) if start_ts_ns <= point[0] <= end_ts_ns]


def _thinned(points: list[tuple[int, int]], n_most: int = MAX_STRIP_POINTS) -> tuple[tuple[int, int], ...]:
    """At most `n_most` of the points, evenly, the first and the last among them."""
    if len(points) <= n_most:
        return tuple(points)
    last = len(points) - 1
    return tuple(points[round(i * last / (n_most - 1))] for i in range(n_most))


def mean_half_units(start: Mark, end: Mark, fallback_half_units: int) -> int:
    """Time-weighted mid between two marks of one tape; `fallback_half_units` where no time passed with a mid known."""
    held_ns = end.held_ns - start.held_ns
    return (end.area_half_units - start.area_half_units) // held_ns if held_ns > 0 else fallback_half_units
