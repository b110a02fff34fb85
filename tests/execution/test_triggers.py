"""Levels, marks and when they are written."""

from __future__ import annotations

import pytest

from app.domain.conditional_records import LegRecord
from app.domain.conditions import Condition, ConditionKind, Trail, TriggerSource
from app.domain.enums import Side
from app.execution import triggers
from app.risk.reference import Reference

MIDS = {"a": 100, "b": 110, "c": 130}
REFERENCE = Reference(110, 54, 55, {}, MIDS, has_any_book=True)
TRAIL = Condition(ConditionKind.TRAIL, TriggerSource.MID, 0, 0, Trail(80, 0, 0))


def cross(n_venues: int) -> Condition:
    return Condition(ConditionKind.STOP, TriggerSource.CROSS_VENUE, n_venues, 1)


def test_the_mid_is_the_gates_reference() -> None:
    condition = Condition(ConditionKind.STOP, TriggerSource.MID, 0, 1)
    assert triggers.level_half_units(condition, Side.SELL, REFERENCE) == 110


def test_the_last_trade_is_its_own_source() -> None:
    condition = Condition(ConditionKind.STOP, TriggerSource.LAST, 0, 1)
    assert triggers.level_half_units(condition, Side.SELL, REFERENCE) == 0
    assert triggers.level_half_units(condition, Side.SELL, REFERENCE, 57) == 114


@pytest.mark.parametrize(("n_venues", "falling", "rising"), [(1, 100, 130), (2, 110, 110), (3, 130, 100), (4, 0, 0)])
def test_the_last_of_n_venues_decides(n_venues: int, falling: int, rising: int) -> None:
    assert triggers.level_half_units(cross(n_venues), Side.SELL, REFERENCE) == falling
    assert triggers.level_half_units(cross(n_venues), Side.BUY, REFERENCE) == rising


def test_the_stop_itself_is_beyond() -> None:
    assert triggers.is_beyond(cross(1), Side.SELL, 100, 100)
    assert not triggers.is_beyond(cross(1), Side.SELL, 101, 100)
    assert triggers.is_beyond(cross(1), Side.BUY, 100, 100)
    assert not triggers.is_beyond(cross(1), Side.BUY, 99, 100)


def test_a_mark_moves_one_way_and_begins_at_its_activation() -> None:
    assert triggers.next_mark_half_units(TRAIL, Side.SELL, 0, 90) == 90
    assert triggers.next_mark_half_units(TRAIL, Side.SELL, 90, 80) == 90
    assert triggers.next_mark_half_units(TRAIL, Side.BUY, 90, 80) == 80
    late = Condition(ConditionKind.TRAIL, TriggerSource.MID, 0, 0, Trail(80, 0, 50))
    assert triggers.next_mark_half_units(late, Side.SELL, 0, 99) == 0
    assert triggers.next_mark_half_units(late, Side.SELL, 0, 100) == 100
    assert triggers.next_mark_half_units(late, Side.BUY, 0, 101) == 0
    assert triggers.next_mark_half_units(late, Side.BUY, 0, 100) == 100


def test_a_trail_without_a_mark_has_no_stop() -> None:
    assert triggers.stop_half_units(TRAIL, Side.SELL, 0) == 0
    assert triggers.stop_half_units(TRAIL, Side.SELL, 1_000) == 840


def test_a_mark_is_due_at_first_each_second_and_at_a_sixteenth() -> None:
    leg = LegRecord(mark_half_units=1_000, marked_ts_ns=5)
    assert triggers.is_mark_due(TRAIL, LegRecord(), 1_000, 5, 10)
    assert not triggers.is_mark_due(TRAIL, leg, 1_000, 99, 10)
    assert not triggers.is_mark_due(TRAIL, leg, 1_009, 14, 10)
    assert triggers.is_mark_due(TRAIL, leg, 1_010, 14, 10)
    assert triggers.is_mark_due(TRAIL, leg, 1_001, 15, 10)


def test_what_no_book_tells_is_known() -> None:
    assert set(TriggerSource) - triggers.TOLD_SOURCES == {TriggerSource.MID, TriggerSource.CROSS_VENUE}


@pytest.mark.parametrize(
    ("level", "calm", "moved", "found"),
    [
        (110, 100, Side.BUY, 100),
        (110, 120, Side.BUY, 110),
        (90, 100, Side.SELL, 100),
        (90, 80, Side.SELL, 90),
        (90, 0, Side.SELL, 90),
        (0, 100, Side.SELL, 0),
    ],
)
def test_leaving_venues_out_only_ever_holds_a_condition_back(level: int, calm: int, moved: Side, found: int) -> None:
    assert triggers.calmer_half_units(level, calm, moved) == found
