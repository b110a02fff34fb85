"""Conditional orders over HTTP, on the real engine."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from app.api.schemas.conditional import ConditionalOrder, ConditionalPage
from app.api.schemas.order import Order, OrderPage
from app.domain.enums import Side
from app.domain.trade import TradePrint
from app.services.tape import Tape
from tests.api.gateway import Gateway, settle
from tests.native_stops import offer
from tests.worlds import VENUES, flat_book

STOP = {"symbol": "BTC/USDT", "side": "sell", "type": "stop", "qty": "0.003", "stop_price": "59000"}
BRACKET = {
    "symbol": "BTC/USDT",
    "side": "buy",
    "type": "market",
    "qty": "0.003",
    "time_in_force": "ioc",
    "order_class": "bracket",
    "take_profit": {"limit_price": "61000"},
    "stop_loss": {"stop_price": "59000"},
}
OCO = {
    "symbol": "BTC/USDT",
    "side": "sell",
    "type": "limit",
    "qty": "0.003",
    "order_class": "oco",
    "take_profit": {"limit_price": "61000"},
    "stop_loss": {"stop_price": "59000"},
}


async def post(gateway: Gateway, body: dict[str, Any], status: int = 201) -> dict[str, Any]:
    async with gateway.client() as client:
        answer = await client.post("/v1/orders", json=body)
    assert answer.status_code == status, answer.text
    await settle()
    found: dict[str, Any] = answer.json()
    return found


async def get(gateway: Gateway, path: str) -> dict[str, Any]:
    async with gateway.client() as client:
        answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def move(gateway: Gateway, mid_units: int) -> None:
    """Every venue shows books around `mid_units`, as a feed would."""
    for i, venue in enumerate(VENUES):
        seq = gateway.clock.wall_ns() // 1_000 % 10**12 + i
        gateway.engine.on_book(flat_book(venue, mid_units, gateway.clock.wall_ns(), book_seq=10**6 + seq))
    await settle()


async def shown(gateway: Gateway, conditional_id: str, query: str = "") -> ConditionalOrder:
    return ConditionalOrder.model_validate(await get(gateway, f"/v1/conditional-orders/{conditional_id}{query}"))


async def test_a_stop_is_held_by_the_engine_until_the_market_comes(gateway: Gateway) -> None:
    body = ConditionalOrder.model_validate(await post(gateway, STOP | {"client_order_id": "s-1"}))
    assert (body.status, body.held_at, body.order_class) == ("new", "engine", "simple")
    assert [(leg.leg, leg.type, leg.status) for leg in body.legs] == [("order", "stop", "armed")]
    assert not gateway.children
    await move(gateway, 5_890_000)
    found = await shown(gateway, body.conditional_id, "?nested=true")
    assert (found.status, found.legs[0].status, found.legs[0].cum_qty) == ("filled", "filled", Decimal("0.003"))
    assert found.legs[0].orders is not None
    assert [order.status for order in found.legs[0].orders] == ["filled"]
    order = Order.model_validate(await get(gateway, f"/v1/orders/{found.legs[0].order_ids[0]}"))
    assert order.conditional is not None
    assert (order.conditional.conditional_id, order.conditional.leg) == (body.conditional_id, "order")


async def test_a_repeat_answers_the_same_bytes_and_another_body_conflicts(gateway: Gateway) -> None:
    async with gateway.client() as client:
        first = await client.post("/v1/orders", json=BRACKET | {"client_order_id": "b-1"})
        await settle()
        again = await client.post("/v1/orders", json=BRACKET | {"client_order_id": "b-1", "qty": "0.0030"})
        other = await client.post("/v1/orders", json=BRACKET | {"client_order_id": "b-1", "qty": "0.004"})
        plain = await client.post(
            "/v1/orders",
            json={"symbol": "BTC/USDT", "side": "buy", "type": "market", "qty": "0.1", "client_order_id": "b-1"},
        )
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.content == again.content
    assert again.headers["idempotency-replayed"] == "true"
    assert other.status_code == plain.status_code == 409
    assert other.json()["code"] == plain.json()["code"] == "client_order_id_conflict"


async def test_a_bracket_protects_what_its_entry_has_filled_and_a_stop_ends_it(gateway: Gateway) -> None:
    placed = await post(gateway, BRACKET | {"response_type": "full", "wait_ms": 500})
    body = ConditionalOrder.model_validate(placed)
    legs = {leg.leg: leg for leg in body.legs}
    assert legs["entry"].cum_qty == Decimal("0.003")
    assert (legs["take_profit"].status, legs["stop_loss"].status) == ("armed", "armed")
    await move(gateway, 5_890_000)
    found = await shown(gateway, body.conditional_id)
    legs = {leg.leg: leg for leg in found.legs}
    assert (found.status, legs["stop_loss"].status, legs["take_profit"].status) == ("filled", "filled", "canceled")
    page = OrderPage.model_validate(await get(gateway, "/v1/orders?nested=true"))
    legs_of_page = {order.conditional.leg for order in page.data if order.conditional is not None}
    assert legs_of_page == {"entry", "stop_loss"}
    assert all(order.conditional is not None and order.conditional.legs is not None for order in page.data)


async def test_the_take_profit_of_an_oco_trades_at_its_limit_and_the_stop_is_gone(gateway: Gateway) -> None:
    body = await post(gateway, OCO)
    await move(gateway, 6_110_000)
    found = await shown(gateway, body["conditional_id"])
    assert {leg.leg: leg.status for leg in found.legs} == {"take_profit": "filled", "stop_loss": "canceled"}
    assert sum(child.qty_units for child in gateway.children) == 300
    await move(gateway, 5_800_000)
    assert sum(child.qty_units for child in gateway.children) == 300


async def test_an_amendment_takes_the_old_ones_place_at_once(gateway: Gateway) -> None:
    body = await post(gateway, OCO)
    path = f"/v1/conditional-orders/{body['conditional_id']}"
    change = {"if_version": 1, "qty": "0.002", "legs": [{"leg": "stop_loss", "stop_price": "58000"}]}
    async with gateway.client() as client:
        answer = await client.patch(path, json=change)
        stale = await client.patch(path, json=change)
        wrong = await client.patch(path, json={"legs": [{"leg": "take_profit", "stop_price": "1"}]})
        unknown = await client.patch(path, json={"legs": [{"leg": "third", "stop_price": "1"}]})
    assert answer.status_code == 200, answer.text
    assert (answer.json()["version"], answer.json()["legs"][1]["stop_price"]) == (2, "58000")
    assert (stale.status_code, stale.json()["code"]) == (409, "version_conflict")
    assert (wrong.status_code, unknown.status_code) == (422, 422)
    await move(gateway, 5_890_000)
    assert not gateway.children
    await move(gateway, 5_790_000)
    assert sum(child.qty_units for child in gateway.children) == 200


async def test_an_amended_entry_shows_its_own_limit_in_the_definition(gateway: Gateway) -> None:
    body = await post(gateway, BRACKET | {"type": "limit", "limit_price": "59500", "time_in_force": "gtc"})
    entry = next(leg for leg in (await shown(gateway, body["conditional_id"])).legs if leg.leg == "entry")
    async with gateway.client() as client:
        amended = await client.patch(f"/v1/orders/{entry.order_ids[0]}", json={"limit_price": "59600"})
    assert amended.status_code == 202, amended.text
    legs = {leg.leg: leg for leg in (await shown(gateway, body["conditional_id"])).legs}
    assert legs["entry"].limit_price == Decimal("59600")
    assert legs["take_profit"].limit_price == Decimal("61000")


async def test_what_has_triggered_or_ended_cannot_be_amended(gateway: Gateway) -> None:
    body = await post(gateway, OCO | {"stop_loss": {"stop_price": "59000", "limit_price": "58990"}})
    path = f"/v1/conditional-orders/{body['conditional_id']}"
    await move(gateway, 5_800_000)
    async with gateway.client() as client:
        triggered = await client.patch(path, json={"legs": [{"leg": "stop_loss", "stop_price": "58000"}]})
        canceled = await client.delete(path)
        done = await client.patch(path, json={"qty": "0.001"})
    assert (triggered.status_code, triggered.json()["code"]) == (409, "leg_triggered")
    assert (canceled.status_code, canceled.json()["status"]) == (202, "canceled")
    assert (done.status_code, done.json()["code"]) == (409, "conditional_done")


async def test_less_than_is_used_cannot_be_asked_for(gateway: Gateway) -> None:
    gateway.behave("silent")
    body = await post(gateway, OCO)
    await move(gateway, 6_110_000)
    async with gateway.client() as client:
        answer = await client.patch(f"/v1/conditional-orders/{body['conditional_id']}", json={"qty": "0.001"})
    assert (answer.status_code, answer.json()["code"]) == (409, "qty_in_use")


async def test_a_cancel_ends_the_group_and_what_is_at_venues_counts_until_they_speak(gateway: Gateway) -> None:
    gateway.behave("silent")
    body = await post(gateway, STOP)
    await move(gateway, 5_890_000)
    async with gateway.client() as client:
        answer = await client.delete(f"/v1/conditional-orders/{body['conditional_id']}")
    await settle()
    assert (answer.status_code, answer.json()["status"]) == (202, "pending_cancel")
    assert [c.client_id for v in gateway.venues.values() for c in v.canceled] == [c.client_id for c in gateway.children]
    for child in gateway.children:
        gateway.venues[child.venue].fill(child)
    await settle()
    found = await shown(gateway, body["conditional_id"])
    assert (found.status, found.legs[0].cum_qty) == ("filled", Decimal("0.003"))


async def test_a_canceled_order_of_a_leg_does_not_come_back(gateway: Gateway) -> None:
    gateway.behave("silent")
    body = await post(gateway, STOP)
    await move(gateway, 5_890_000)
    found = await shown(gateway, body["conditional_id"])
    gateway.behave("fill")
    async with gateway.client() as client:
        await client.delete(f"/v1/orders/{found.legs[0].order_ids[0]}")
    await settle()
    found = await shown(gateway, body["conditional_id"])
    assert (found.status, found.legs[0].status, len(found.legs[0].order_ids)) == ("canceled", "canceled", 1)


async def test_cancel_all_takes_the_definitions_first(gateway: Gateway) -> None:
    body = await post(gateway, OCO)
    async with gateway.client() as client:
        answer = await client.delete("/v1/orders")
    assert answer.status_code == 207
    assert [(row["order_id"], row["status"]) for row in answer.json()["data"]] == [(body["conditional_id"], "canceled")]


async def test_lists_are_pages_of_the_accounts_own(gateway: Gateway) -> None:
    ids = [(await post(gateway, OCO | {"client_order_id": f"o-{i}"}))["conditional_id"] for i in range(3)]
    first = ConditionalPage.model_validate(await get(gateway, "/v1/conditional-orders?limit=2"))
    rest = ConditionalPage.model_validate(
        await get(gateway, f"/v1/conditional-orders?limit=2&cursor={first.next_cursor}")
    )
    assert [row.conditional_id for row in (*first.data, *rest.data)] == ids[::-1]
    async with gateway.client("rival") as client:
        other = await client.get("/v1/conditional-orders")
        foreign = await client.get(f"/v1/conditional-orders/{ids[0]}")
        cancel = await client.delete(f"/v1/conditional-orders/{ids[0]}")
    assert other.json()["data"] == []
    assert foreign.status_code == cancel.status_code == 404
    assert (await shown(gateway, "client:o-1")).conditional_id == ids[1]


@pytest.mark.parametrize("source", ["last", "mark"])
async def test_a_source_that_nothing_feeds_is_refused(gateway: Gateway, source: str) -> None:
    problem = await post(gateway, STOP | {"trigger": {"source": source}}, 422)
    assert problem["code"] == "trigger_source_unavailable"
    assert problem["outcome"] == "none"


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"qty": None, "notional": "100"}, "/qty"),
        ({"stop_price": None}, "/stop_price"),
        ({"type": "stop_limit"}, "/limit_price"),
        ({"type": "trailing_stop"}, "/trail_amount"),
        ({"type": "trailing_stop", "stop_price": None, "trail_bps": "6000"}, "/trail_bps"),
        ({"time_in_force": "ioc"}, "/time_in_force"),
        ({"take_profit": {"limit_price": "1"}}, "/take_profit"),
        ({"trigger": {"source": "cross_venue"}}, "/trigger/venues"),
        ({"trigger": {"source": "mid", "venues": 2}}, "/trigger/venues"),
        ({"stop_price": "0"}, "/stop_price"),
        ({"order_class": "bracket"}, "/take_profit"),
        ({"order_class": "oto"}, "/legs"),
        ({"order_class": "oco"}, "/type"),
        ({"type": "limit", "limit_price": "1"}, "/stop_price"),
    ],
)
async def test_contradictions_are_named(gateway: Gateway, change: dict[str, Any], pointer: str) -> None:
    asked = {name: value for name, value in (STOP | change).items() if value is not None}
    problem = await post(gateway, asked, 422)
    assert pointer in [error["pointer"] for error in problem["errors"]]


async def test_a_stop_on_the_wrong_side_of_its_take_profit_is_refused(gateway: Gateway) -> None:
    problem = await post(gateway, OCO | {"stop_loss": {"stop_price": "62000"}}, 422)
    assert [(e["pointer"], e["code"]) for e in problem["errors"]] == [("/stop_loss/stop_price", "wrong_side")]


async def test_a_trail_wider_than_the_price_is_refused_for_it_would_never_trigger(gateway: Gateway) -> None:
    asked = {"symbol": "BTC/USDT", "side": "sell", "type": "trailing_stop", "qty": "0.003"}
    async with gateway.client() as client:
        wide = await client.post("/v1/orders", json=asked | {"trail_amount": "60001"})
        later = await client.post("/v1/orders", json=asked | {"trail_amount": "60001", "activation_price": "70000"})
        other = await client.post("/v1/orders", json=asked | {"side": "buy", "trail_amount": "60001"})
    assert (wide.status_code, wide.json()["errors"][0]["pointer"]) == (422, "/trail_amount")
    assert (later.status_code, other.status_code) == (201, 201), (later.text, other.text)


async def test_legs_share_one_reservation(gateway: Gateway) -> None:
    """The balance is a million bitcoin at each venue, the limit on an order's quantity a hundred."""
    await post(gateway, OCO | {"qty": "100"})
    problem = await post(gateway, OCO | {"qty": "101"}, 422)
    assert problem["code"] == "max_order_qty"


async def test_a_preview_places_nothing(gateway: Gateway) -> None:
    seq = gateway.seq
    async with gateway.client() as client:
        answer = await client.post("/v1/orders/preview", json=BRACKET)
    assert answer.status_code == 200, answer.text
    assert answer.json()["would_be_accepted"]
    assert gateway.seq == seq


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"trigger": {"source": "mark"}}, "trigger_source_unavailable"),
        ({"time_in_force": "gtd", "expire_at": "2020-01-01T00:00:00Z"}, "stale_request"),
    ],
)
async def test_a_preview_refuses_what_placing_refuses(gateway: Gateway, change: dict[str, Any], code: str) -> None:
    async with gateway.client() as client:
        answers = [await client.post(path, json=STOP | change) for path in ("/v1/orders", "/v1/orders/preview")]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(422, code)] * 2


async def test_every_fact_of_a_definition_is_told_as_an_event(gateway: Gateway) -> None:
    body = await post(gateway, STOP)
    await move(gateway, 5_890_000)
    events = (await get(gateway, "/v1/events?limit=1000"))["data"]
    mine = [e for e in events if e["data"].get("conditional_id") == body["conditional_id"]]
    assert [e["kind"] for e in mine] == [
        "conditional_accepted",
        "leg_triggered",
        "leg_ordered",
        "conditional_done",
    ]
    assert mine[0]["data"]["definition"]["legs"][0]["condition"]["price"] == "59000"


async def test_a_stop_that_no_venue_holds_is_refused_where_the_venue_was_asked_for(gateway: Gateway) -> None:
    at_venue = {"trigger": {"source": "mid", "location": "venue"}, "venues": {"include": ["ven_a"]}}
    problem = await post(gateway, STOP | at_venue, 422)
    assert problem["code"] == "trigger_location_unavailable"
    assert "ven_a holds no stops" in problem["detail"]


async def test_auto_says_what_was_asked_and_who_watches(gateway: Gateway) -> None:
    found = ConditionalOrder.model_validate(await post(gateway, STOP | {"trigger": {"location": "auto"}}))
    assert (found.trigger_location, found.held_at) == ("auto", "engine")
    assert found.legs[0].held_at == "engine"


async def test_a_stop_at_its_venue_is_shown_there(gateway: Gateway) -> None:
    gateway.behave("silent")
    tape = Tape()
    gateway.engine.core.world = replace(gateway.engine.core.world, stops={"ven_a": offer()}, volumes=tape)
    now_ns = gateway.clock.wall_ns()
    tape.take([TradePrint("ven_a", "BTC/USDT", 6_000_000, 1, Side.SELL, now_ns, now_ns)])
    at_venue = {"trigger": {"source": "last", "location": "venue"}, "venues": {"include": ["ven_a"]}}
    placed = await post(gateway, STOP | at_venue)
    found = await shown(gateway, placed["conditional_id"])
    assert (found.trigger_location, found.held_at, found.legs[0].held_at) == ("venue", "venue", "venue")
    assert found.legs[0].working_qty == found.legs[0].qty
    assert found.status == "working"
