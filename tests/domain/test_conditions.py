"""What the nouns of conditional orders say by themselves."""

from __future__ import annotations

import pytest

from app.domain.conditions import AskedType, Condition, ConditionKind, OrderClass, Pool, Trail, TriggerSource, pools
from app.domain.enums import Side
from tests.conditionals import bracket, definition, limit, oco, stop


def test_legs_are_pooled_by_what_they_share() -> None:
    assert pools(definition(stop(1))) == (Pool((0,), 300, is_armed_by_entry=False),)
    assert pools(oco()) == (Pool((0, 1), 300, is_armed_by_entry=False),)
    assert pools(bracket()[0]) == (
        Pool((0,), 300, is_armed_by_entry=False),
        Pool((1, 2), 300, is_armed_by_entry=True),
    )
    chain = definition(limit(1, qty=10), stop(1, qty=20), stop(2, qty=30), kind=OrderClass.OTO)
    assert [(pool.leg_indices, pool.total_units, pool.is_armed_by_entry) for pool in pools(chain)] == [
        ((0,), 10, False),
        ((1,), 20, True),
        ((2,), 30, True),
    ]


def test_a_trails_stop_is_never_tighter_than_asked() -> None:
    assert Trail(50, 0, 0).stop_half_units(2_001, Side.SELL) == 1_901
    assert Trail(50, 0, 0).stop_half_units(2_001, Side.BUY) == 2_101
    assert Trail(0, 333, 0).stop_half_units(10_001, Side.SELL) == 9_997  # 9,997.67
    assert Trail(0, 333, 0).stop_half_units(10_001, Side.BUY) == 10_005  # 10,004.33


@pytest.mark.parametrize("kind", ConditionKind)
def test_a_buyers_stop_and_a_sellers_touch_trigger_on_the_way_up(kind: ConditionKind) -> None:
    condition = Condition(kind, TriggerSource.MID, 0, 1)
    assert condition.is_rising(Side.BUY) is (kind is not ConditionKind.TOUCH)
    assert condition.is_rising(Side.SELL) is (kind is ConditionKind.TOUCH)


def test_only_market_and_limit_are_orders_at_once() -> None:
    assert [kind for kind in AskedType if not kind.is_conditional] == [AskedType.MARKET, AskedType.LIMIT]
