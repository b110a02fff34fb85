"""Whoever may wait for the disk waits for a share of the time, and less for a slow one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.store.allowance import N_SAVED, SHARE, SLOW_FACTOR, Allowance

QUICK_S = 0.002


def waited_share(took_s: Callable[[int], float], n_commits: int, every_s: float) -> float:
    """Share of the time spent waiting when commits come every `every_s` and take `took_s` each."""
    allowance, now_s, waited_s = Allowance(QUICK_S), 100.0, 0.0
    for n in range(n_commits):
        if allowance.allows(now_s):
            allowance.spend(now_s, now_s + took_s(n))
            waited_s += took_s(n)
            now_s += took_s(n)
        now_s += every_s
    return waited_s / (now_s - 100.0)


def test_quick_commits_that_are_far_between_are_always_waited_for() -> None:
    assert waited_share(lambda n: 0.0004, 1_000, 0.004) == pytest.approx(0.0004 / 0.0044)


def test_quick_commits_take_no_more_than_the_share() -> None:
    share = waited_share(lambda n: 0.001, 5_000, 0.0005)
    assert SHARE * 0.8 < share < SHARE * 1.2


def test_a_slow_disk_is_waited_for_a_fraction_of_the_share() -> None:
    share = waited_share(lambda n: 0.010, 20_000, 0.001)
    assert 0 < share < SHARE / SLOW_FACTOR * 1.1


def test_one_slow_commit_forbids_the_next_until_it_is_paid_for() -> None:
    allowance = Allowance(QUICK_S)
    assert allowance.allows(5.0)
    allowance.spend(5.0, 5.03)
    owed_s = SLOW_FACTOR * 0.03 - N_SAVED * QUICK_S
    assert not allowance.allows(5.03 + 0.99 * owed_s / SHARE)
    assert allowance.allows(5.03 + 1.01 * owed_s / SHARE)


@pytest.mark.parametrize(("took_s", "factor"), [(QUICK_S * 0.999, 1), (QUICK_S, 1), (QUICK_S * 1.001, SLOW_FACTOR)])
def test_a_commit_is_slow_from_just_above_the_limit(took_s: float, factor: int) -> None:
    allowance = Allowance(QUICK_S)
    assert allowance.allows(0.0)
    allowance.spend(0.0, took_s)
    assert allowance.allows(took_s) == (took_s * factor < N_SAVED * QUICK_S)


def test_nothing_quick_is_nothing_allowed() -> None:
    allowance = Allowance(0.0)
    assert not any(allowance.allows(float(now_s)) for now_s in range(5))


@given(st.lists(st.tuples(st.floats(0, 0.05), st.floats(0, 0.05)), min_size=1, max_size=300))
def test_what_is_waited_for_never_exceeds_the_share_by_more_than_was_saved(steps: list[tuple[float, float]]) -> None:
    allowance, now_s, waited_s, last_s = Allowance(QUICK_S), 7.0, 0.0, 0.0
    for pause_s, took_s in steps:
        now_s += pause_s
        if allowance.allows(now_s):
            allowance.spend(now_s, now_s + took_s)
            now_s, waited_s, last_s = now_s + took_s, waited_s + took_s, took_s
    # What was begun with anything left may take as long as it takes; only then is it paid for.
    assert waited_s <= SHARE * (now_s - 7.0) + N_SAVED * QUICK_S + last_s + 1e-9
