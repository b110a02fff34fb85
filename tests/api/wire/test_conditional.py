"""Definitions as JSON: every shape is its schema's."""

from __future__ import annotations

from app.api.schemas.conditional import ConditionalOrder
from app.api.schemas.order import GroupLeg
from app.api.wire.conditional import asked_type, conditional_ack_json, conditional_json, group_json
from app.domain.conditions import AskedType, Trail
from app.domain.enums import OrderStatus
from app.services.conditional import ConditionalView, LegView, accepted_legs
from tests.conditionals import bracket, definition, limit, move, oco, stop, taken, touch, trail
from tests.worlds import BTC_USDT, make_desk


def test_the_acknowledgement_is_a_pure_function_of_its_fact() -> None:
    desk = make_desk()
    record, entry = taken(desk, *bracket())
    before = conditional_ack_json(record.accepted, record.accepted_account_seq, BTC_USDT)
    desk.fill(entry[0])
    move(desk, 5_890_000)
    assert conditional_ack_json(record.accepted, record.accepted_account_seq, BTC_USDT) == before
    told = ConditionalOrder.model_validate(before)
    assert (told.status, told.held_at, told.version) == (OrderStatus.NEW, "engine", 1)
    assert [leg.status for leg in told.legs] == ["armed", "waiting", "waiting"]


def test_every_leg_is_told_as_it_was_asked_for() -> None:
    legs = (stop(59), stop(59, limit=58), touch(61), limit(61), trail(Trail(0, 250, 60)))
    assert [asked_type(leg) for leg in legs] == [
        AskedType.STOP,
        AskedType.STOP_LIMIT,
        AskedType.MARKET_IF_TOUCHED,
        AskedType.LIMIT,
        AskedType.TRAILING_STOP,
    ]
    assert asked_type(bracket()[0].legs[0]) is AskedType.MARKET


def test_a_view_shows_marks_and_nested_orders() -> None:
    desk = make_desk()
    record, _ = taken(desk, definition(trail(Trail(50_000, 0, 0))))
    move(desk, 6_100_000)
    move(desk, 6_050_000)
    order = desk.core.ledger.parents[record.legs[0].order_ids[0]]
    shown = LegView(accepted_legs(record.accepted)[0].state, 0, 300, [order])
    view = ConditionalView(record, OrderStatus.WORKING, [shown])
    told = ConditionalOrder.model_validate(conditional_json(view, BTC_USDT, is_nested=True))
    assert told.legs[0].water_mark is not None
    assert (str(told.legs[0].water_mark), str(told.legs[0].trail_amount)) == ("61000", "500")
    assert told.legs[0].orders is not None
    assert [nested.order_id for nested in told.legs[0].orders] == told.legs[0].order_ids
    assert [GroupLeg.model_validate(leg).order_ids for leg in group_json(view, BTC_USDT)] == [[order.order_id]]


def test_both_legs_of_an_oco_are_armed_at_once() -> None:
    record, _ = taken(make_desk(), oco())
    assert [leg.state.value for leg in accepted_legs(record.accepted)] == ["armed", "armed"]
