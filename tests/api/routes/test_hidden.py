"""Hidden liquidity over HTTP: an order says what it asks for, the beliefs are readable, a retry is a replay."""

from __future__ import annotations

from typing import Any

from app.api.schemas.hidden import HiddenInfo
from app.api.schemas.market import VenueList
from app.api.schemas.order import Order
from tests.api.gateway import GOOD, Gateway, open_gateway
from tests.execution.hidden_desk import DARK, DEALERS, hidden_desk
from tests.worlds import VENUES

ASKED: dict[str, Any] = GOOD | {
    "client_order_id": "dark-1",
    "response_type": "result",
    "wait_ms": 5_000,
    "strategy_params": {"sweep_style": "dark_then_lit", "min_qty": "0.01", "wait": "0.5"},
}


async def test_an_order_goes_dark_first_and_reads_as_it_was_asked() -> None:
    async with open_gateway(desk=hidden_desk()) as gateway, gateway.client() as client:
        answer = await client.post("/v1/orders", json=ASKED)
        again = await client.post("/v1/orders", json=ASKED)
        other = await client.post("/v1/orders", json=ASKED | {"strategy_params": {"sweep_style": "dark_then_lit"}})
        order = Order.model_validate(answer.json())
        children = (await client.get(f"/v1/orders/{order.order_id}/children")).json()["data"]
        events = (await client.get(f"/v1/orders/{order.order_id}/events")).json()["data"]
        told = HiddenInfo.model_validate((await client.get("/v1/hidden")).json())
        async with gateway.client("rival") as rival, gateway.client("operator") as operator:
            strange = HiddenInfo.model_validate((await rival.get("/v1/hidden")).json())
            whole = HiddenInfo.model_validate((await operator.get("/v1/hidden")).json())
        venues = VenueList.model_validate((await client.get("/v1/venues")).json())
    assert answer.status_code == 201
    assert order.status.value == "filled"
    assert order.sweep is not None
    assert (str(order.sweep.min_qty), str(order.sweep.wait)) == ("0.01", "0.5")
    assert {child["venue"] for child in children} <= set(DARK)
    assert {child["min_qty"] for child in children} == {"0.01"}
    assert again.status_code == 200
    assert other.json()["code"] == "client_order_id_conflict"
    kinds = {event["kind"]: event["exec_type"] for event in events}
    assert (kinds["dark_asked"], kinds["dark_answered"]) == ("order_status", "order_status")
    filled = {row.venue: row.filled_qty for row in told.dark if row.side.value == "buy" and row.n_answers}
    assert sum(filled.values()) == order.cum_qty
    assert not any(
        row.asked_qty or row.filled_qty for row in strange.dark
    )  # beliefs are everybody's, quantities are not
    assert [row.chances for row in strange.dark] == [row.chances for row in told.dark]
    assert whole.dark == told.dark
    assert {row.venue for row in told.dealers} == set(DEALERS)
    assert {v.venue: v.kind.value for v in venues.data} == {
        **dict.fromkeys(VENUES, "lit"),
        **dict.fromkeys(DARK, "dark"),
        **dict.fromkeys(DEALERS, "dealer"),
    }


async def test_a_preview_asks_nobody_and_says_so() -> None:
    async with open_gateway(desk=hidden_desk()) as gateway, gateway.client() as client:
        told = (await client.post("/v1/orders/preview", json=ASKED)).json()
        plain = (await client.post("/v1/orders/preview", json=GOOD)).json()
        resting = ASKED | {"time_in_force": "gtc", "strategy_params": {"sweep_style": "sweep_post"}}
        nowhere = await client.post("/v1/orders/preview", json=resting)
        assert not gateway.children
    assert [w["code"] for w in told["warnings"]] == ["hidden_not_asked"]
    assert plain["warnings"] == []
    assert {one["venue"] for one in told["route"]["allocations"]} <= set(VENUES)
    assert nowhere.status_code == 422


async def test_dealers_without_an_answer_hold_nothing_up() -> None:
    asked = ASKED | {"strategy_params": {"dealers": True}}
    async with open_gateway(desk=hidden_desk()) as gateway, gateway.client() as client:
        order = Order.model_validate((await client.post("/v1/orders", json=asked)).json())
        assert order.status.value == "filled"
        assert {child.venue for child in gateway.children} <= set(VENUES)


async def test_where_there_are_none_nothing_is_believed(gateway: Gateway) -> None:
    async with gateway.client() as client:
        told = HiddenInfo.model_validate((await client.get("/v1/hidden")).json())
        lit = await client.post("/v1/orders", json=ASKED)
    assert (told.dark, told.dealers) == ([], [])
    assert Order.model_validate(lit.json()).status.value == "filled"  # nobody to ask: all of it is lit


async def test_what_cannot_stand_is_refused_with_its_pointer(gateway: Gateway) -> None:
    wrong = ASKED | {"time_in_force": "fok", "strategy_params": {"sweep_style": "dark_then_lit", "wait": "11"}}
    async with gateway.client() as client:
        problem = (await client.post("/v1/orders", json=wrong)).json()
        post = ASKED | {"time_in_force": "gtc", "strategy_params": {"sweep_style": "sweep_post"}}
        nowhere = (await client.post("/v1/orders", json=post)).json()
    assert {e["pointer"] for e in problem["errors"]} == {"/time_in_force", "/strategy_params/wait"}
    assert [e["pointer"] for e in nowhere["errors"]] == ["/strategy_params/sweep_style"]
