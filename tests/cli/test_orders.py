from __future__ import annotations

import json

from app.cli import orders
from app.cli.exits import CommandError, Exit

from .wire_shapes import ORDER


def test_orders_are_listed_newest_first(service, bestex):
    service.says("GET", "/v1/orders", {"data": [ORDER], "next_cursor": None, "has_more": False})
    assert "ord_1" in bestex(orders, "--status", "open").output
    assert service.asked[0].path == "/v1/orders?status=open&order=desc&limit=50"


def test_json_is_the_list_itself(service, bestex):
    service.says("GET", "/v1/orders", {"data": [ORDER], "next_cursor": None, "has_more": False})
    assert json.loads(bestex(orders, "-o", "json").stdout) == [ORDER]


def test_pause_and_resume_ask_once(service, bestex):
    service.says("POST", "/v1/orders/ord_1/pause", ORDER, 202)
    service.says("POST", "/v1/orders/client:c-1/resume", ORDER, 202)
    assert "ord_1" in bestex(orders, "pause", "ord_1").output
    assert bestex(orders, "resume", "client:c-1").exit_code == 0
    assert [asked.path for asked in service.asked] == ["/v1/orders/ord_1/pause", "/v1/orders/client:c-1/resume"]


def test_an_amendment_says_only_what_changes(service, bestex):
    service.says("GET", "/v1/time", {"time": "2026-01-31T12:00:00.000000Z", "time_ns": 1_769_860_800_000_000_000})
    service.says("PATCH", "/v1/orders/ord_1", ORDER, 202)
    options = "--qty 2 --limit 64000 --minutes 5 --cap 0.1 --urgency urgent --if-version 7"
    assert bestex(orders, "amend", "ord_1", *options.split()).exit_code == 0
    assert service.asked[-1].body == {
        "qty": "2",
        "limit_price": "64000",
        "participation_cap": "0.1",
        "urgency": "urgent",
        "if_version": 7,
        "end_at": "2026-01-31T12:05:00.000000Z",
    }


def test_an_amendment_of_nothing_is_a_usage_error(service, bestex):
    ended = bestex(orders, "amend", "ord_1", "--if-version", "7")
    assert isinstance(ended.exception, CommandError)
    assert ended.exception.code is Exit.USAGE
    assert service.asked == []
