"""Orders from the shell: the body says what was typed and nothing else; the exit says what became of it."""

from __future__ import annotations

import json

import pytest

from app.cli import order
from app.cli.exits import CommandError, Exit

from .wire_shapes import ORDER, PLAN

ESTIMATE = {
    "expected_bps": "4.1",
    "quantiles": {"p5": "1.2", "p25": "3.1", "p50": "4", "p75": "5", "p95": "8.7"},
    "participation": "0.125",
    "duration_s": "55",
    "basis": "simulated",
    "artifact": "pretrade-simulated-0123456789ab",
    "cell": "in_time/many/0/0",
    "is_extrapolated": False,
}


def test_a_market_order_says_only_what_was_given(service, bestex):
    service.says("POST", "/v1/orders", ORDER, 201)
    ended = bestex(order, "buy", "BTC/USDT", "2", "--client-order-id", "c-1", "--wait-ms", "0")
    assert ended.exit_code == 0, ended.output
    expected = {"symbol": "BTC/USDT", "side": "buy", "type": "market", "qty": "2", "client_order_id": "c-1"}
    assert service.asked[0].body == expected
    assert "filled" in ended.output


def test_every_option_reaches_the_body(service, bestex):
    service.says("POST", "/v1/orders", ORDER, 201)
    options = "--notional 500 --limit 64000 --tif ioc --max-slippage-bps 5 --strategy sweep --venue a --not-venue b"
    assert bestex(order, "sell", "BTC/USDT", *options.split()).exit_code == 0
    body = service.asked[0].body
    assert body.pop("client_order_id").startswith("cli-")
    assert body == {
        "symbol": "BTC/USDT",
        "side": "sell",
        "type": "limit",
        "notional": "500",
        "limit_price": "64000",
        "time_in_force": "ioc",
        "max_slippage_bps": "5",
        "strategy": "sweep",
        "venues": {"include": ["a"], "exclude": ["b"]},
        "response_type": "result",
        "wait_ms": 2000,
    }


@pytest.mark.parametrize(("status", "exit_code"), [("filled", 0), ("unknown", 4), ("rejected", 3), ("canceled", 0)])
def test_the_exit_is_the_outcome(status, exit_code, service, bestex):
    service.says("POST", "/v1/orders", ORDER | {"status": status}, 201)
    ended = bestex(order, "buy", "BTC/USDT", "2", "-o", "json")
    assert ended.exit_code == exit_code
    assert json.loads(ended.stdout)["status"] == status


@pytest.mark.parametrize("given", [(None, None), ("1", "500")])
def test_quantity_and_notional_exclude_each_other(given):
    with pytest.raises(CommandError) as raised:
        order.order_body("BTC/USDT", "buy", given[0], notional=given[1])
    assert raised.value.code is Exit.USAGE


def test_a_preview_shows_the_plan_and_places_nothing(service, bestex):
    check = {"code": "min_notional", "ok": True, "limit": "5", "actual": "9", "unit": "USDT", "hint": ""}
    service.says(
        "POST", "/v1/orders/preview", {"route": PLAN, "checks": [check], "estimate": ESTIMATE, "estimate_missing": ""}
    )
    ended = bestex(order, "preview", "buy", "BTC/USDT", "2")
    assert ended.exit_code == 0, ended.output
    assert [asked.path for asked in service.asked] == ["/v1/orders/preview"]
    assert "sim_a" in ended.output
    assert "4.1 bps all-in" in ended.output
    assert "1.2 to 8.7" in ended.output
    assert "participation 12.5%" in ended.output
    assert "basis: simulated" in ended.output


def test_a_preview_that_would_be_refused_says_why_and_exits_3(service, bestex):
    check = {"code": "max_order_qty", "ok": False, "limit": "1", "actual": "2", "unit": "BTC", "hint": "Less."}
    service.says(
        "POST",
        "/v1/orders/preview",
        {"route": None, "checks": [check], "estimate": None, "estimate_missing": "A check says no."},
    )
    ended = bestex(order, "preview", "buy", "BTC/USDT", "2")
    assert ended.exit_code == Exit.REJECTED
    assert "max_order_qty" in ended.output


def test_cancel_one_or_all_but_not_both(service, bestex):
    service.says("DELETE", "/v1/orders/client:c-1", ORDER | {"status": "pending_cancel"}, 202)
    service.says("DELETE", "/v1/orders", {"data": [ORDER]}, 207)
    assert "pending_cancel" in bestex(order, "cancel", "client:c-1").output
    assert "ord_1" in bestex(order, "cancel", "--all").output
    assert isinstance(bestex(order, "cancel").exception, CommandError)
    assert isinstance(bestex(order, "cancel", "ord_1", "--all").exception, CommandError)


def test_show_reads_one_order(service, bestex):
    service.says("GET", "/v1/orders/ord_1", ORDER)
    assert "64000.1" in bestex(order, "show", "ord_1").output


def test_settle_sends_the_evidence_for_the_account(service, bestex):
    child = {"child_id": "chd_1", "venue": "v", "status": "canceled", "qty": "2", "cum_qty": "1", "leaves_qty": "0"}
    service.says("POST", "/v1/orders/ord_1/children/chd_1/resolve", child)
    ended = bestex(order, "settle", "ord_1", "chd_1", "--account", "desk", "--evidence", "statement 17")
    assert ended.exit_code == 0, ended.output
    assert service.asked[-1].body == {"evidence": "statement 17"}
    assert service.asked[-1].path.endswith("?account=desk")
    assert "canceled" in ended.output
    assert bestex(order, "settle", "ord_1", "chd_1", "--account", "desk").exit_code == 2, "never without evidence"
