"""What a tape of samples can be asked."""

from __future__ import annotations

from itertools import pairwise
from math import isqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.markouts import HORIZONS_NS
from app.tca.composite import Sample
from app.tca.tape import CALM_NS, FAR_POINTS, KEPT, MAX_STALE_NS, MAX_STRIP_POINTS, NO_MARK, Tape, mean_half_units

SECOND = 10**9


def tape_of(*points: tuple[int, int]) -> Tape:
    tape = Tape()
    for ts_ns, mid in points:
        tape.add(Sample(ts_ns, mid, 0, 0, {}))
    return tape


def test_the_last_sample_at_or_before_counts_and_an_old_one_does_not() -> None:
    tape = tape_of((10 * SECOND, 100), (11 * SECOND, 200))
    at = tape.at(11 * SECOND)
    assert at is not None
    assert at.mid_half_units == 200
    before = tape.at(11 * SECOND - 1)
    assert before is None  # 100 is a second old
    assert tape.at(10 * SECOND + MAX_STALE_NS) is not None
    assert tape.at(9 * SECOND) is None


@given(st.lists(st.tuples(st.integers(1, 10**9), st.integers(1, 10**9)), min_size=2, max_size=40))
def test_the_mean_is_each_mid_weighted_by_how_long_it_held(steps) -> None:
    tape, ts_ns, points = Tape(), 0, []
    for gap_ns, mid in steps:
        ts_ns += gap_ns
        points.append((ts_ns, mid))
        tape.add(Sample(ts_ns, mid, 0, 0, {}))
    held = [(b[0] - a[0]) * a[1] for a, b in pairwise(points)]
    span_ns = points[-1][0] - points[0][0]
    assert mean_half_units(NO_MARK, tape.mark(points[-1][0]), 0) == sum(held) // span_ns


def test_time_without_a_mid_does_not_count() -> None:
    tape = tape_of((SECOND, 100), (2 * SECOND, 0), (9 * SECOND, 300), (10 * SECOND, 300))
    assert mean_half_units(NO_MARK, tape.mark(10 * SECOND), 0) == 200
    assert mean_half_units(NO_MARK, NO_MARK, 7) == 7


def test_volatility_is_the_root_of_summed_squares() -> None:
    tape = tape_of((SECOND, 1_000_000), (2 * SECOND, 1_000_300), (3 * SECOND, 1_000_300 - 400))
    # 3 bps and about 4 bps: five together.
    assert tape.move_ubps(3 * SECOND) == pytest.approx(5_000_000, rel=1e-3)
    assert tape.move_ubps(SECOND) == 0
    assert tape.move_ubps(60 * SECOND) == 0


def walked_ubps(points: list[tuple[int, int]], ts_ns: int) -> int:
    """The slow twin: every known mid within the look back, one after the other."""
    near = [mid for at_ns, mid in points if mid and ts_ns - CALM_NS <= at_ns <= ts_ns]
    return isqrt(sum(((now - before) * 10**10 // before) ** 2 for before, now in pairwise(near)))


@given(
    st.lists(st.tuples(st.integers(1, 4 * SECOND), st.integers(0, 10**9)), min_size=1, max_size=40),
    st.lists(st.integers(-SECOND, 170 * SECOND), min_size=1, max_size=12),
)
def test_volatility_is_the_same_as_walked_sample_by_sample(steps, asked_ns) -> None:
    tape, points, ts_ns = Tape(), [], 0
    for gap_ns, mid in steps:
        ts_ns += gap_ns
        points.append((ts_ns, mid))
        tape.add(Sample(ts_ns, mid, 0, 0, {}))
        assert tape.move_ubps(ts_ns) == walked_ubps(points, ts_ns)
    for at_ns in (*asked_ns, *asked_ns):
        assert tape.move_ubps(at_ns) == walked_ubps(points, at_ns)


def test_memory_is_bounded_and_the_strip_is_thin() -> None:
    tape = tape_of(*((n * SECOND // 10, 100 + n) for n in range(1, KEPT + 500)))
    assert len(tape.samples) == KEPT
    strip = tape.strip(0, KEPT * SECOND)
    assert len(strip) == MAX_STRIP_POINTS
    assert strip[0][0] == SECOND // 10  # the coarse track remembers what the fine one forgot
    assert strip[-1][1] == 100 + KEPT + 499
    assert [ts_ns for ts_ns, _ in strip] == sorted({ts_ns for ts_ns, _ in strip})


def thinned(points: list[tuple[int, int]], n_most: int) -> list[tuple[int, int]]:
    last = len(points) - 1
    return points if last < n_most else [points[round(i * last / (n_most - 1))] for i in range(n_most)]


@given(
    st.lists(st.tuples(st.integers(1, 8 * SECOND), st.integers(0, 3)), min_size=1, max_size=120),
    st.integers(0, 500 * SECOND),
    st.integers(0, 60 * SECOND),
)
def test_a_strip_holds_the_points_around_its_order_and_no_others(steps, start_ns, lasts_ns) -> None:
    tape, points, ts_ns = Tape(), [], 0
    for gap_ns, mid in steps:
        ts_ns += gap_ns
        tape.add(Sample(ts_ns, mid, 0, 0, {}))
        points += [(ts_ns, mid)] if mid else []
    end_ns, around_ns = start_ns + lasts_ns, 5 * SECOND
    parts = (
        (start_ns - 2 * around_ns, start_ns - around_ns - 1, FAR_POINTS),
        (start_ns - around_ns, end_ns + around_ns, MAX_STRIP_POINTS),
        (end_ns + around_ns + 1, end_ns + HORIZONS_NS[-1], FAR_POINTS),
    )
    expected = [p for low, high, n in parts for p in thinned([p for p in points if low <= p[0] <= high], n)]
    assert list(tape.focused_strip(start_ns, end_ns, around_ns)) == expected
    assert list(tape.strip(start_ns, end_ns)) == thinned(
        [p for p in points if start_ns <= p[0] <= end_ns], MAX_STRIP_POINTS
    )
