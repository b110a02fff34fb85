"""When and in which sizes a parent's children leave, so that they look like anybody's trades.

The stated null is a Poisson process along the schedule's curve whose sizes are the market's own, independent. A plan is
such a process *given its sum*: of N_CANDIDATES draws the one whose sum is nearest; for the little that is missing one
child is exchanged for another size of the market, or grows where there is none. So children sum to the parent exactly
while every other size is literally a size of the market.

Pure: (seed, lots, window, sizes) -> children. The same seed gives the same children for ever: the stream is SplitMix64
(Steele, Lea, Flood 2014), not a library's generator. A seed serves one parent, is secret, and is never told.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from app.domain.errors import InvariantBroken
from app.domain.ids import hash80
from app.domain.units import MAX_UNITS, PPM

Float64Array = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]

# With 128 draws the nearest sum is about one small child away; more cost time and change no classifier's answer.
N_CANDIDATES: Final = 128
MAX_CHILDREN: Final = 1_000
N_CURVE_BINS: Final = 200
CURVE_SCALE: Final = 1_000  # a bin's weight of one lot
# Strangers' flows differ in rate. A plan whose rate were always lots / mean size would have too few surprises in its
# mean size: a classifier told it from chance with an AUC of 0.7 before this.
RATE_SPREAD: Final = 0.4
# How far (in deviations of the rate) a parent's own rate may be from the crowd's before it is worked at its own.
MAX_DEVIATIONS: Final = 2.0
_GOLDEN: Final = np.uint64(0x9E3779B97F4A7C15)
_MIX_A: Final = np.uint64(0xBF58476D1CE4E5B9)
_MIX_B: Final = np.uint64(0x94D049BB133111EB)
_TO_UNIT: Final = 2.0**-53


@dataclass(frozen=True, slots=True)
class Clip:
    """One child that is to leave: not before `at_ns`, `qty_lots` of it."""

    at_ns: int
    qty_lots: int


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a plan may not do, whatever would look better.

    No child is below `min_lots` (but one, where the parent leaves no other way) or above `max_lots`. At no time is what
    has left further than `tolerance_ppm` of the parent from the curve; a child larger than the whole band is not made.
    """

    min_lots: int = 1
    max_lots: int = MAX_UNITS
    tolerance_ppm: int = PPM

    def __post_init__(self) -> None:
        is_sound = 1 <= self.min_lots <= self.max_lots and 0 < self.tolerance_ppm <= PPM
        if not is_sound:
            raise InvariantBroken(reason="bounds of a disguise", min_lots=self.min_lots, max_lots=self.max_lots)


@dataclass(frozen=True, slots=True)
class Crowd:
    """Whom a parent hides among: sizes that traded in this market, any order, and how many trades a stranger's flow has
    in such a window (`usual_count`; 0: as many as the parent has mean trades).
    """

    sizes_lots: Sequence[int]
    usual_count: float = 0.0


@dataclass(frozen=True, slots=True)
class Window:
    """From when to when, and along which curve: `weights` are expected volumes of equal bins; none is evenly."""

    start_ns: int
    end_ns: int
    weights: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if (
            not self.start_ns < self.end_ns
            or any(w < 0 for w in self.weights)
            or (self.weights and not any(self.weights))
        ):
            raise InvariantBroken(reason="window of a disguise", start_ns=self.start_ns, end_ns=self.end_ns)

    def at_ns(self, done_frac: float) -> int:
        """When the curve has done `done_frac` of the parent."""
        span_ns = self.end_ns - self.start_ns
        if not self.weights:
            return self.start_ns + min(int(span_ns * done_frac), span_ns - 1)
        ends = np.cumsum(np.asarray(self.weights, dtype=np.float64))
        at = float(np.interp(done_frac * ends[-1], np.concatenate(([0.0], ends)), np.arange(ends.size + 1.0)))
        return self.start_ns + min(int(span_ns * at / ends.size), span_ns - 1)


def seed_of(secret: str, parent_id: str) -> int:
    """A parent's own seed, from what only this desk knows and from what names the parent for ever."""
    return hash80(secret, 0, parent_id) & (2**64 - 1)


def disguise(
    seed_bits: int, total_lots: int, window: Window, crowd: Crowd, bounds: Bounds = Bounds()
) -> tuple[Clip, ...]:
    """The children of `total_lots` within `window`, by time; their lots sum to `total_lots` exactly.

    The crowd's sizes outside the bounds are left aside; where none is left the nearest bound stands for all. Raises
    InvariantBroken for no lots.
    """
    if not 0 < total_lots < MAX_UNITS:
        raise InvariantBroken(reason="a parent has at least one lot", total_lots=total_lots)
    sizes_lots = crowd.sizes_lots
    band_lots = max(total_lots * bounds.tolerance_ppm // PPM, 1)
    most_lots = min(bounds.max_lots, max(2 * band_lots, bounds.min_lots), total_lots)
    least_lots = min(bounds.min_lots, most_lots)
    usable = np.asarray([s for s in sizes_lots if least_lots <= s <= most_lots], dtype=np.int64)
    if not usable.size:
        usable = np.asarray([most_lots if sizes_lots and min(sizes_lots) > most_lots else least_lots], dtype=np.int64)
    if total_lots / float(usable.mean()) > MAX_CHILDREN:
        # So small a size would make a stream of its own: larger sizes of the market, or equal parts of the parent.
        floor_lots = -(-total_lots // MAX_CHILDREN)
        larger = usable[usable >= floor_lots]
        usable = larger if larger.size else np.asarray([min(floor_lots, most_lots)], dtype=np.int64)
    parts_frac, lots = _nearest(seed_bits, total_lots, usable, crowd.usual_count)
    lots = _exact(_exchanged(seed_bits, lots, total_lots, usable), total_lots, least_lots, most_lots)
    parts_frac = np.sort(_fitted(seed_bits, parts_frac, len(lots)))
    return _within_band(parts_frac, lots, total_lots, band_lots, window)


def due_lots(clips: Sequence[Clip], now_ns: int) -> int:
    """Lots that ought to have left by now: what a schedule's own function says, for a plan made once."""
    return sum(clip.qty_lots for clip in clips[: bisect_right(clips, now_ns, key=lambda clip: clip.at_ns)])


def curve_weights(at_ns: Sequence[int], due_lots: Sequence[int]) -> tuple[int, ...]:
    """Weights of N_CURVE_BINS equal bins of a plan with `due_lots` out at `at_ns` (both rising), even in between; none
    where it gives nothing out.
    """
    edges_ns = np.linspace(0.0, float(at_ns[-1] - at_ns[0]), N_CURVE_BINS + 1)
    since_ns = np.asarray([at - at_ns[0] for at in at_ns], dtype=np.float64)
    due = np.interp(edges_ns, since_ns, np.asarray(due_lots, dtype=np.float64))
    weights = tuple(int(w) for w in np.rint(np.diff(due) * CURVE_SCALE))
    return weights if any(weights) else ()


def next_clip_ns(clips: Sequence[Clip], now_ns: int) -> int:
    """When the first clip after `now_ns` leaves, 0 for none."""
    i = bisect_right(clips, now_ns, key=lambda clip: clip.at_ns)
    return clips[i].at_ns if i < len(clips) else 0


def tracking_error_frac(clips: Sequence[Clip], window: Window, n_instants: int = 200) -> float:
    """Root mean square of (left - due by the even clock), a part of the parent: what the disguise costs a schedule."""
    total = sum(clip.qty_lots for clip in clips)
    span_ns = window.end_ns - window.start_ns
    gaps = [
        due_lots(clips, window.start_ns + span_ns * k // n_instants) / total - k / n_instants
        for k in range(1, n_instants + 1)
    ]
    return float(np.sqrt(np.mean(np.square(gaps))))


def uniforms(seed_bits: int, stream_number: int, n: int) -> Float64Array:
    """`n` independent numbers in [0, 1) of one of the seed's streams: SplitMix64 by counter."""
    with np.errstate(over="ignore"):
        start = _mixed(np.uint64(seed_bits & (2**64 - 1)) + _GOLDEN * np.uint64(2 * stream_number + 1))
        drawn = _mixed(start + _GOLDEN * np.arange(1, n + 1, dtype=np.uint64))
    return (drawn >> np.uint64(11)).astype(np.float64) * _TO_UNIT


def _normals(seed_bits: int, stream_number: int, n: int) -> Float64Array:
    """`n` standard normal numbers cut at two deviations (Box, Muller 1958)."""
    first, second = uniforms(seed_bits, stream_number, 2 * n).reshape(2, n)
    drawn: Float64Array = np.sqrt(-2.0 * np.log1p(-first)) * np.cos(2.0 * np.pi * second)
    return np.clip(drawn, -2.0, 2.0)


def _mixed(z: npt.NDArray[np.uint64] | np.uint64) -> npt.NDArray[np.uint64]:
    z = (z ^ (z >> np.uint64(30))) * _MIX_A
    z = (z ^ (z >> np.uint64(27))) * _MIX_B
    return np.asarray(z ^ (z >> np.uint64(31)), dtype=np.uint64)


def _nearest(seed_bits: int, total_lots: int, sizes: Int64Array, usual_count: float) -> tuple[Float64Array, list[int]]:
    """Times (parts of the plan, sorted) and sizes of the candidate whose sum is nearest to the parent."""
    rate = own_rate = total_lots / float(sizes.mean())
    if usual_count > 0.0:
        farthest = float(np.exp(MAX_DEVIATIONS * RATE_SPREAD))
        rate = min(max(usual_count, own_rate / farthest), own_rate * farthest)
    rates = rate * np.exp(RATE_SPREAD * _normals(seed_bits, 4, N_CANDIDATES))
    n_most = min(int(float(rates.max()) * 1.5 + 20.0), 3 * MAX_CHILDREN)
    gaps = -np.log1p(-uniforms(seed_bits, 0, N_CANDIDATES * n_most)).reshape(N_CANDIDATES, n_most) / rates[:, None]
    times = np.cumsum(gaps, axis=1)
    picked = sizes[(uniforms(seed_bits, 1, N_CANDIDATES * n_most) * sizes.size).astype(np.int64)]
    lots = np.where(times < 1.0, picked.reshape(N_CANDIDATES, n_most), 0)
    sums = lots.sum(axis=1)
    off = np.where(sums > 0, np.abs(sums - total_lots), MAX_UNITS)
    best_i = int(off.argmin())
    n_children = int((times[best_i] < 1.0).sum())
    if not n_children:
        return np.asarray([float(uniforms(seed_bits, 2, 1)[0])]), [total_lots]
    return times[best_i, :n_children], [int(x) for x in lots[best_i, :n_children]]


def _exchanged(seed_bits: int, lots: list[int], total_lots: int, usable: Int64Array) -> list[int]:
    """The same children with one exchanged for another size of the market that makes the sum exact, drawn by how usual
    that size is; unchanged where none does.
    """
    missing = total_lots - sum(lots)
    sizes, counts = np.unique(usable, return_counts=True)
    usual = dict(zip(sizes.tolist(), counts.tolist(), strict=True))
    ends = np.cumsum([usual.get(size + missing, 0) for size in lots])
    if not missing or not ends[-1]:
        return lots
    i = int(np.searchsorted(ends, float(uniforms(seed_bits, 5, 1)[0]) * ends[-1], "right"))
    return [*lots[:i], lots[i] + missing, *lots[i + 1 :]]


def _exact(lots: list[int], total_lots: int, least_lots: int, most_lots: int) -> list[int]:
    """The same sizes with what is missing put on as few children as the bounds allow, the largest first."""
    lots = list(lots)
    missing = total_lots - sum(lots)
    for i in sorted(range(len(lots)), key=lambda i: -lots[i]):
        if not missing:
            return lots
        changed = min(max(lots[i] + missing, least_lots), most_lots)
        missing -= changed - lots[i]
        lots[i] = changed
    while missing < 0:  # every child is at the least: fewer of them
        missing += lots.pop()
    while missing >= least_lots:  # every child is at the most: more of them
        lots.append(min(missing, most_lots))
        missing -= lots[-1]
    if missing:
        lots.append(missing)
    return lots


def _fitted(seed_bits: int, parts_frac: Float64Array, n: int) -> Float64Array:
    """As many times as children: surplus ones are dropped, missing ones drawn."""
    if parts_frac.size >= n:
        return parts_frac[:n]
    return np.concatenate((parts_frac, uniforms(seed_bits, 3, n - parts_frac.size)))


def _within_band(
    parts_frac: Float64Array, lots: list[int], total_lots: int, band_lots: int, window: Window
) -> tuple[Clip, ...]:
    """Children at their times, moved where they would leave the band around the curve.

    After child i at most `band` may be ahead of the curve, before it at most `band` behind.
    """
    clips: list[Clip] = []
    before, at_ns = 0, window.start_ns
    for part, size in zip(parts_frac.tolist(), lots, strict=True):
        earliest = max(before + size - band_lots, 0) / total_lots
        latest = min(before + band_lots, total_lots) / total_lots
        at_ns = max(window.at_ns(max(min(part, latest), min(earliest, latest))), at_ns)
        clips.append(Clip(at_ns, size))
        before += size
    return tuple(clips)
