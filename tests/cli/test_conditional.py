"""Conditional orders from the shell."""

from __future__ import annotations

import json

import pytest

from app.cli import conditional, order
from app.cli.exits import CommandError, Exit

LEG = {"leg": "stop_loss", "status": "armed", "side": "sell", "type": "stop", "qty": "2", "stop_price": "59000"}
CONDITIONAL = {
    "conditional_id": "cnd_1",
    "client_order_id": "c-1",
    "order_class": "bracket",
    "status": "new",
    "held_at": "engine",
    "symbol": "BTC/USDT",
    "version": 1,
    "legs": [LEG],
}


def test_a_stop_and_a_take_profit_make_a_bracket(service, bestex):
    service.says("POST", "/v1/orders", CONDITIONAL, 201)
    ended = bestex(order, "buy", "BTC/USDT", "2", "--stop", "59000", "--stop-limit", "58990", "--take-profit", "61000")
    assert ended.exit_code == 0, ended.output
    body = service.asked[0].body
    assert body["order_class"] == "bracket"
    assert body["take_profit"] == {"limit_price": "61000"}
    assert body["stop_loss"] == {"stop_price": "59000", "limit_price": "58990"}
    assert "cnd_1" in ended.output
    assert "stop_loss" in ended.output


@pytest.mark.parametrize(
    ("options", "member"),
    [
        ("--stop 59000", {"stop_loss": {"stop_price": "59000"}}),
        ("--trail-bps 25", {"stop_loss": {"trail_bps": "25"}}),
        ("--take-profit 61000", {"take_profit": {"limit_price": "61000"}}),
    ],
)
def test_one_exit_makes_an_oto(options, member, service, bestex):
    service.says("POST", "/v1/orders", CONDITIONAL, 201)
    assert bestex(order, "buy", "BTC/USDT", "2", *options.split()).exit_code == 0
    body = service.asked[0].body
    assert body["order_class"] == "oto"
    assert {name: body[name] for name in member} == member


@pytest.mark.parametrize("given", [{"stop_limit": "1"}, {"stop": "1", "trail_bps": "1"}])
def test_exits_that_contradict_are_refused_before_anything_is_sent(given):
    with pytest.raises(CommandError) as raised:
        order.order_body("BTC/USDT", "buy", "1", **given)
    assert raised.value.code is Exit.USAGE


def test_they_are_listed_shown_and_canceled(service, bestex):
    service.says("GET", "/v1/conditional-orders", {"data": [CONDITIONAL], "next_cursor": None, "has_more": False})
    service.says("GET", "/v1/conditional-orders/client:c-1", CONDITIONAL)
    service.says("DELETE", "/v1/conditional-orders/cnd_1", CONDITIONAL | {"status": "pending_cancel"}, 202)
    assert "cnd_1" in bestex(conditional, "list", "--status", "open").output
    assert "59000" in bestex(conditional, "show", "client:c-1").output
    assert "pending_cancel" in bestex(conditional, "cancel", "cnd_1").output
    assert json.loads(bestex(conditional, "show", "client:c-1", "-o", "json").stdout) == CONDITIONAL
