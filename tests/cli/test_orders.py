from __future__ import annotations

import json

from app.cli import orders

from .wire_shapes import ORDER


def test_orders_are_listed_newest_first(service, bestex):
    service.says("GET", "/v1/orders", {"data": [ORDER], "next_cursor": None, "has_more": False})
    assert "ord_1" in bestex(orders, "--status", "open").output
    assert service.asked[0].path == "/v1/orders?status=open&order=desc&limit=50"


def test_json_is_the_list_itself(service, bestex):
    service.says("GET", "/v1/orders", {"data": [ORDER], "next_cursor": None, "has_more": False})
    assert json.loads(bestex(orders, "-o", "json").stdout) == [ORDER]
