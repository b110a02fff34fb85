"""Why an order went where it went, in words: everything the plan says is shown once."""

from __future__ import annotations

import json

from app.cli import route

from .wire_shapes import PLAN


def test_a_route_shows_shares_rivals_gaps_and_what_was_left_out(service, bestex):
    service.says("GET", "/v1/orders/ord_1/route", {"data": [PLAN]})
    shown = bestex(route, "ord_1").output
    for part in ("rte_1", "sim_a", "1.5", "sim_b", "stale_book", "not placed: 0.5 (depth_limited)", "optimal"):
        assert part in shown
    assert "best single venue (sim_a): 7.90 bps" in shown
    assert "pro rata: places another quantity" in shown


def test_json_is_every_wave(service, bestex):
    service.says("GET", "/v1/orders/ord_1/route", {"data": [PLAN, PLAN]})
    assert json.loads(bestex(route, "ord_1", "-o", "json").stdout) == [PLAN, PLAN]


def test_a_split_names_only_what_is_not_zero():
    assert route.split_text(PLAN["cost_bps"], "4.95") == "spread 0.08 + impact 0.87 + fee 4 = 4.95 bps"
    assert route.split_text({"fee": "-0.50", "gas": "0.00"}, "-0.5") == "fee -0.50 = -0.5 bps"
    assert route.split_text({"fee": "0"}, "0") == "0 = 0 bps"
