"""Limits, refusals, keys, switches, usage as decimals."""

from __future__ import annotations

from app.api.schemas import account as schema
from app.api.wire.account import (
    balance_json,
    key_json,
    kill_json,
    kill_report_json,
    limits_json,
    position_json,
    refusal_json,
    usage_json,
)
from app.domain.enums import KillAction, KillScope, Mode, RefusalCode, Scope
from app.domain.events import Fact, KeyCreated, KillSwitchSet, OrderRefused, RefusalsAggregated
from app.services.admin import KillOutcome, Unconfirmed
from app.services.reads import Used
from tests.worlds import BTC_USDT, LIMITS, T0_NS, make_desk

KILL = KillSwitchSet("", KillScope.GLOBAL, "", KillAction.CANCEL, "drill", "*/x")


def test_limits_are_decimals():
    body = schema.Limits.model_validate({"account": "desk"} | limits_json(LIMITS))
    assert (body.max_order_qty, body.default_slippage_bps, body.version) == (100, 20, 1)


def test_amounts():
    assert (
        schema.Balance.model_validate(balance_json("v", "BTC", -1)).amount
        == schema.Balance.model_validate({"venue": "v", "currency": "BTC", "amount": "-0.000000001"}).amount
    )
    assert position_json("v", BTC_USDT, -150_000) == {"venue": "v", "symbol": "BTC/USDT", "qty": "-1.5"}
    used = Used(RefusalCode.MAX_OPEN_ORDERS, 10, 3, 0, "orders", "")
    assert schema.Usage.model_validate(usage_json(used)).headroom == 7


def test_refusals_of_both_kinds_have_one_shape():
    refused = OrderRefused("d", "ref_1", "c", "BTC/USDT", RefusalCode.MIN_NOTIONAL, "5", "3", "USDT", 1)
    many = RefusalsAggregated("d", RefusalCode.MIN_NOTIONAL, 7, T0_NS, T0_NS + 10**9)
    one, more = (schema.Refusal.model_validate(refusal_json(Fact(1, T0_NS, 1, e))) for e in (refused, many))
    assert (one.refusal_id, one.n_refused, one.check) == ("ref_1", 1, "P11")
    assert (more.refusal_id, more.n_refused, more.check) == (None, 7, "P11")


def test_a_key_shows_no_hash():
    key = KeyCreated("d", "abcdefgh", "f" * 64, (Scope.READ,), Mode.PAPER)
    assert schema.ApiKey.model_validate(key_json(key)).prefix == "abcdefgh"
    assert "f" * 64 not in str(key_json(key))


def test_a_kill_report_lists_the_living():
    desk = make_desk()
    record, _ = desk.accepted()
    living = [Unconfirmed(child, True) for child in record.children.values()]
    outcome = KillOutcome(KILL, 1, 0, living, [("v", "X")], ["w"])
    body = schema.KillReport.model_validate(kill_report_json(outcome, {"BTC/USDT": BTC_USDT}))
    assert body.n_unconfirmed == len(living) > 0
    assert body.unconfirmed[0].leaves_qty > 0
    assert schema.KillSwitch.model_validate(kill_json(KILL)).target is None
