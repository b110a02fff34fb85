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
    # Of samples with a mid: (when, twice the mid, sum of squared moves until then), the last KEPT of them and some that
    # wait to be dropped together. An interval's moves are one difference, its points are found by halving.
    _track: list[tuple[int, int, int]] = field(default_factory=list)
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
        track = self._track
        if not track:
            return 0
        newest_ns = track[-1][0]
        if self._told[:2] == (ts_ns, newest_ns):  # the children of one turn ask for one instant
            return self._told[2]
        last_i = len(track) - 1 if newest_ns <= ts_ns else bisect_left(track, (ts_ns + 1,)) - 1
        first_i = bisect_left(track, (ts_ns - CALM_NS,))
        found = isqrt(track[last_i][2] - track[first_i][2]) if first_i < last_i else 0
        self._told = ts_ns, newest_ns, found
        return found

    def _note_move(self, sample: Sample) -> None:
        now, track = sample.mid_half_units, self._track
        if not now:
            return
        if len(track) >= 2 * KEPT:
            del track[:-KEPT]
        _, before, squares = track[-1] if track else (0, now, 0)
        track.append((sample.ts_ns, now, squares + ((now - before) * _UBPS // before) ** 2))

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
        return self._thinned(start_ts_ns, end_ts_ns)

    def focused_strip(self, start_ts_ns: int, end_ts_ns: int, around_ns: int) -> tuple[tuple[int, int], ...]:
        """As `strip`, `around_ns` to either side and a minute on: most points lie near [start, end]."""
        near = self._thinned(start_ts_ns - around_ns, end_ts_ns + around_ns)
        before = self._thinned(start_ts_ns - 2 * around_ns, start_ts_ns - around_ns - 1, FAR_POINTS)
        after = self._thinned(end_ts_ns + around_ns + 1, end_ts_ns + HORIZONS_NS[-1], FAR_POINTS)
        return (*before, *near, *after)

    def _thinned(self, start_ts_ns: int, end_ts_ns: int, n_most: int = MAX_STRIP_POINTS) -> tuple[tuple[int, int], ...]:
        """At most `n_most` of the points of [start, end], evenly, the first and the last among them."""
        track, kept_i = self._track, max(0, len(self._track) - KEPT)
        older: list[tuple[int, int]] = []
        if not track or start_ts_ns < track[kept_i][0]:  # the coarse track remembers what the fine one forgot
            until_ns = min(end_ts_ns, track[kept_i][0] - 1) if track else end_ts_ns
            older = [point for point in self._coarse if start_ts_ns <= point[0] <= until_ns]
        low_i = bisect_left(track, (start_ts_ns,), kept_i)
        n_older, n = len(older), len(older) + max(0, bisect_left(track, (end_ts_ns + 1,), kept_i) - low_i)
        chosen = range(n) if n <= n_most else [round(i * (n - 1) / (n_most - 1)) for i in range(n_most)]
        return tuple([older[i] if i < n_older else track[low_i + i - n_older][:2] for i in chosen])


def mean_half_units(start: Mark, end: Mark, fallback_half_units: int) -> int:
    """Time-weighted mid between two marks of one tape; `fallback_half_units` where no time passed with a mid known."""
    held_ns = end.held_ns - start.held_ns
    return (end.area_half_units - start.area_half_units) // held_ns if held_ns > 0 else fallback_half_units
