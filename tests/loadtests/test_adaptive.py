"""The campaign of adaptive schedules, small: what it prints is computed, and a difference is of the same world."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from app.learning.forecast import SPREAD, VARIANCE, VOLUME
from loadtests import adaptive
from loadtests.adaptive import ARMS, Told, Watch, arms_table, forecasts, interval, skill, verdicts, work

BELIEVED = (400.0, 50.0)


def made(expected: float, came: float) -> Told:
    return Told(VOLUME, 10, expected, came, (0.0, 0.0, 0.0))


def test_skill_is_one_for_who_knows_nothing_for_who_expects_the_usual_and_below_for_who_errs() -> None:
    assert skill([made(2.0, 2.0), made(0.5, 0.5)]) == 1.0
    assert skill([made(1.0, 2.0), made(1.0, 0.5)]) == 0.0
    assert skill([made(0.0, 2.0), made(2.0, 0.5)]) < 0.0


def test_a_forecast_is_held_against_what_came_after_it() -> None:
    def steps() -> Iterator[tuple[int, Watch]]:
        watch = Watch()
        for second in range(1, 201):
            watch.see(second * adaptive.NS, 10.0 if second < 150 else 40.0, 5.0, 100.0)
            yield second, watch

    told = [one for one in forecasts(steps()) if one.series_i == VOLUME and one.horizon_s == 10]
    assert len(told) == 8  # asked at 120, 130 ... 190
    assert told[0].came == pytest.approx(1.0, rel=0.05)
    assert max(one.came for one in told) > 2.0
    assert {one.series_i for one in forecasts(steps())} == {VOLUME, SPREAD}  # a mid that stands still has no variance
    assert VARIANCE == 2


def test_two_arms_of_one_world_are_whole_and_only_the_bent_one_strays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adaptive, "SPAN_S", 30)
    monkeypatch.setattr(adaptive, "WARM_S", 70)
    rows = [work("hawkes", 1, sign, arm, BELIEVED) for sign in (1, -1) for arm in ARMS]
    assert all(row is not None for row in rows)
    whole = [row for row in rows if row is not None]
    by_arm = {row.arm: row for row in whole if row.sign == 1}
    assert by_arm["twap"].strayed_frac == 0.0
    assert 0.0 < by_arm["twap 2"].strayed_frac <= 0.1
    other = [replace(row, seed=2, cost_bps=row.cost_bps + 1.0) for row in whole]
    lines = arms_table("hawkes", [*whole, *other])
    assert lines[0] == "hawkes: 2 worlds, both sides."
    assert len(lines) == 4 + len(ARMS)


def test_an_interval_is_a_students() -> None:
    mean, half = interval([1.0, 2.0, 3.0])
    assert mean == 2.0
    assert half == pytest.approx(4.303 / 3**0.5, rel=1e-3)


def test_losses_are_read_off_the_intervals_and_a_claim_needs_every_family() -> None:
    skills = ["| forecast | of | 10 s | 60 s |", "|---|---|---|---|", "| volume | a | -5.0% ± 1.0% | +5.0% ± 1.0% |"]
    table = ["a: 16 worlds, both sides.", "", "| twap 2 | 1 | 1 | 1% | +0.200 [+0.100, +0.300] |"]
    rows = {"a": [*table, "| is 2 | 1 | 1 | 1% | +0.010 [-0.010, +0.030] |"]}
    losing = {**rows, "b": [*table, "| is 2 | 1 | 1 | 1% | -0.200 [-0.210, -0.190] |"]}
    text = "\n".join(verdicts(skills, losing))
    assert "**loses**: volume over 10 s in a." in text
    assert "**helps**: volume over 60 s in a." in text
    assert "`twap 2` against version 1: helps in a" in text
    assert "underpowered; the sign holds in every family" in text
    assert "`is 2` against version 1: loses in b" in text
    assert text.count("no claim") == 1
