"""From a body to a definition in symbol units. Refusals over HTTP are in tests/api/routes/test_conditional.py."""

from __future__ import annotations

from typing import Any

import pytest

from app.api.conditional_intake import amended, conditional_order, is_conditional, refuse_strays
from app.api.errors import InvalidRequest
from app.api.schemas.legs import ConditionalAmendBody
from app.api.schemas.order import OrderBody
from app.domain.conditions import Conditional, ConditionKind, OtoTrigger, Trail, TriggerSource
from app.domain.enums import OrderType, Side, Strategy, TimeInForce
from app.domain.orders import ParentOrder
from tests.conditionals import bracket, definition, oco, trail
from tests.worlds import BTC_USDT, T0_NS, make_universe

UNIVERSE = make_universe()
STOP = {"symbol": "BTC/USDT", "side": "sell", "type": "stop", "qty": "0.003", "stop_price": "59000"}


def taken(**changes: Any) -> tuple[Conditional, ParentOrder | None]:
    asked = {name: value for name, value in (STOP | changes).items() if value is not None}
    return conditional_order(OrderBody.model_validate(asked), BTC_USDT, UNIVERSE, "desk", T0_NS)


def culprits(error: InvalidRequest) -> set[tuple[str, str]]:
    return {(e.pointer, e.code) for e in error.errors}


def test_a_stop_is_one_leg_on_the_mid() -> None:
    found, entry = taken()
    (leg,) = found.legs
    assert entry is None
    assert (leg.name, leg.side, leg.qty_units, leg.limit_price_units) == ("order", Side.SELL, 300, None)
    assert leg.condition is not None
    assert (leg.condition.kind, leg.condition.source, leg.condition.price_units) == (
        ConditionKind.STOP,
        TriggerSource.MID,
        5_900_000,
    )


def test_a_stop_need_not_be_on_a_tick_but_in_the_symbols_units() -> None:
    with pytest.raises(InvalidRequest) as caught:
        taken(stop_price="59000.001")
    assert culprits(caught.value) == {("/stop_price", "increment")}


def test_a_trailing_stop_has_one_offset() -> None:
    found, _ = taken(type="trailing_stop", stop_price=None, trail_bps="25", activation_price="61000")
    assert found.legs[0].condition is not None
    assert found.legs[0].condition.trail == Trail(0, 2_500, 6_100_000)
    with pytest.raises(InvalidRequest) as caught:
        taken(type="trailing_stop", stop_price=None, trail_bps="25", trail_amount="1")
    assert culprits(caught.value) == {("/trail_bps", "excluded")}


def test_a_bracket_is_its_entry_and_two_exits_of_the_other_side() -> None:
    found, entry = taken(
        side="buy",
        type="limit",
        stop_price=None,
        limit_price="60000",
        order_class="bracket",
        take_profit={"limit_price": "61000"},
        stop_loss={"trail_amount": "500"},
        oto_trigger="full",
        time_in_force="gtc",
    )
    assert entry is not None
    assert (entry.order_type, entry.limit_price_units, entry.qty_units) == (OrderType.LIMIT, 6_000_000, 300)
    assert found.has_entry_order
    assert found.oto_trigger is OtoTrigger.FULL
    assert [(leg.name, leg.side, leg.qty_units) for leg in found.legs] == [
        ("entry", Side.BUY, 300),
        ("take_profit", Side.SELL, 300),
        ("stop_loss", Side.SELL, 300),
    ]


def test_an_oto_has_legs_with_their_own_side_and_quantity() -> None:
    legs = [
        {"type": "stop", "stop_price": "58000", "qty": "0.001"},
        {"type": "limit", "limit_price": "57000", "side": "sell"},
    ]
    found, entry = taken(order_class="oto", legs=legs)
    assert entry is None  # the entry waits itself
    assert not found.has_entry_order
    assert [(leg.name, leg.side, leg.qty_units) for leg in found.legs] == [
        ("entry", Side.SELL, 300),
        ("leg_1", Side.BUY, 100),
        ("leg_2", Side.SELL, 300),
    ]


def test_an_oco_of_its_own_legs_shares_the_orders_quantity() -> None:
    legs = [{"type": "stop", "stop_price": "58000"}, {"type": "market_if_touched", "stop_price": "62000"}]
    found, _ = taken(type="limit", stop_price=None, order_class="oco", legs=legs)
    assert [(leg.name, leg.qty_units) for leg in found.legs] == [("leg_1", 300), ("leg_2", 300)]
    with pytest.raises(InvalidRequest) as caught:
        taken(type="limit", stop_price=None, order_class="oco", legs=[legs[0] | {"qty": "0.001"}, legs[1]])
    assert culprits(caught.value) == {("/legs/0/qty", "excluded")}


def test_a_market_leg_waits_for_nothing_and_is_refused() -> None:
    with pytest.raises(InvalidRequest) as caught:
        taken(order_class="oto", legs=[{"type": "market"}])
    assert ("/legs/0/type", "excluded") in culprits(caught.value)


def test_good_till_date_and_venues_are_the_definitions() -> None:
    found, _ = taken(
        time_in_force="gtd",
        expire_at="2030-01-01T00:00:00Z",
        venues={"include": ["ven_a"]},
        trigger={"source": "cross_venue", "venues": 2},
        max_slippage_bps="12.5",
    )
    assert found.expire_ts_ns > 0
    assert found.venues.include == ("ven_a",)
    assert found.max_slippage_ppm == 1_250
    assert found.legs[0].condition is not None
    assert (found.legs[0].condition.source, found.legs[0].condition.n_venues) == (TriggerSource.CROSS_VENUE, 2)


def test_only_conditional_bodies_are_definitions_and_others_have_no_stray_members() -> None:
    plain = OrderBody.model_validate({"symbol": "BTC/USDT", "side": "buy", "type": "market", "qty": "1"})
    assert not is_conditional(plain)
    assert plain.time_in_force is TimeInForce.GTC
    refuse_strays(plain)
    assert is_conditional(OrderBody.model_validate(STOP))
    stray = OrderBody.model_validate(plain.model_dump(exclude_unset=True, mode="json") | {"trail_bps": "5"})
    with pytest.raises(InvalidRequest) as caught:
        refuse_strays(stray)
    assert culprits(caught.value) == {("/trail_bps", "excluded")}


def amend(asked: Conditional, **body: Any) -> Conditional:
    return amended(asked, ConditionalAmendBody.model_validate(body), BTC_USDT, UNIVERSE)


BRACKET: dict[str, Any] = {
    "type": "market",
    "stop_price": None,
    "side": "buy",
    "order_class": "bracket",
    "take_profit": {"limit_price": "61000"},
    "stop_loss": {"stop_price": "59000"},
}
TWAP: dict[str, Any] = {"strategy": "twap", "strategy_params": {"end_at": "2026-11-23T12:00:00Z"}}


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        (TWAP, "/strategy"),
        (BRACKET | TWAP, "/strategy"),
        (BRACKET | {"type": "stop", "stop_price": "60500", "strategy": "sweep"}, "/strategy"),
        ({"strategy": "sweep"}, "/strategy"),
        ({"remainder": "held"}, "/remainder"),
        ({"decision_at": "2026-11-22T12:00:00Z"}, "/decision_at"),
        ({"decision_at": "2026-11-22T12:00:00Z", "decision_price": "60000"}, "/decision_price"),
    ],
)
def test_what_no_leg_would_keep_to_is_refused_and_not_dropped(change: dict[str, Any], pointer: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        taken(**change)
    assert (pointer, "excluded") in culprits(caught.value)


def test_an_entry_at_once_keeps_its_own_members() -> None:
    _, entry = taken(**BRACKET, strategy="sweep", decision_at="2026-11-22T12:00:00Z", decision_price="60000")
    assert entry is not None
    assert (entry.strategy, entry.decision_price_units) == (Strategy.SWEEP, 6_000_000)


def test_an_amendment_changes_what_it_names() -> None:
    before = oco()
    after = amend(before, qty="0.005", legs=[{"leg": "stop_loss", "stop_price": "58000"}])
    assert [leg.qty_units for leg in after.legs] == [500, 500]
    assert after.legs[0].limit_price_units == before.legs[0].limit_price_units
    assert after.legs[1].condition is not None
    assert after.legs[1].condition.price_units == 5_800_000


def test_both_exits_may_pass_the_old_ones_in_one_change() -> None:
    change = [{"leg": "stop_loss", "stop_price": "61500"}, {"leg": "take_profit", "limit_price": "62000"}]
    after = amend(oco(), legs=change)
    assert after.legs[0].limit_price_units == 6_200_000


def test_a_trail_may_change_its_kind_of_offset() -> None:
    after = amend(definition(trail(Trail(500, 0, 0))), legs=[{"leg": "order", "trail_bps": "10"}])
    assert after.legs[0].condition is not None
    assert after.legs[0].condition.trail == Trail(0, 1_000, 0)


@pytest.mark.parametrize(
    ("body", "culprit"),
    [
        ({"qty": "1"}, ("/qty", "excluded")),
        ({"legs": [{"leg": "entry", "limit_price": "1"}]}, ("/legs/0/leg", "excluded")),
        ({"legs": [{"leg": "third", "limit_price": "1"}]}, ("/legs/0/leg", "unknown_value")),
        ({"legs": [{"leg": "stop_loss", "limit_price": "1"}]}, ("/legs/0/limit_price", "excluded")),
        ({"legs": [{"leg": "take_profit", "trail_bps": "1"}]}, ("/legs/0/trail_bps", "excluded")),
        ({"legs": [{"leg": "take_profit", "limit_price": "0"}]}, ("/legs/0/limit_price", "zero")),
        ({"legs": [{"leg": "stop_loss", "stop_price": "61000"}]}, ("/legs/0/stop_price", "wrong_side")),
        ({"legs": [{"leg": "take_profit", "limit_price": "59000"}]}, ("/legs/0/limit_price", "wrong_side")),
        ({}, ("/legs", "missing")),
        ({"if_version": 1}, ("/legs", "missing")),
        ({"legs": [{"leg": "stop_loss"}]}, ("/legs/0", "missing")),
        (
            {"legs": [{"leg": "stop_loss", "stop_price": "58000"}, {"leg": "stop_loss", "stop_price": "57000"}]},
            ("/legs/1/leg", "duplicate"),
        ),
    ],
)
def test_what_a_leg_does_not_have_cannot_be_changed(body: dict[str, Any], culprit: tuple[str, str]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        amend(bracket()[0], **body)
    assert culprits(caught.value) == {culprit}
