"""The one door: what it proves before it calls, and what it refuses to be built from."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.routing import APIRouter

from app.api.door import Call, Reply, Spec, answer, build
from app.api.schemas.order import OrderBody
from app.domain.enums import Mode, Scope
from tests.api.gateway import GOOD, Gateway, place


async def fine(call: Call, order_id: str, body: OrderBody) -> dict[str, Any]:
    return {"id": order_id}


async def stray(call: Call, order_id: str, other: str) -> None:
    """Takes what is nowhere in the path."""


async def headless(order_id: str) -> None:
    """Does not take the call."""


async def shapeless(call: Call, body: str) -> None:
    """Takes a body without a shape."""


def test_a_route_is_built_from_a_whole_declaration() -> None:
    router = APIRouter()
    door = build(router, Spec("POST", "/x/{order_id}", fine, Scope.TRADE, None, "x"))
    assert door.methods == {"POST"}
    assert door.spec.operation_id == "fine"


@pytest.mark.parametrize("endpoint", [stray, headless, shapeless])
def test_an_endpoint_keeps_the_convention_or_is_refused(endpoint: Any) -> None:
    with pytest.raises(TypeError):
        build(APIRouter(), Spec("POST", "/x/{order_id}", endpoint, Scope.TRADE, None, "x"))


def test_a_scope_cannot_be_forgotten() -> None:
    with pytest.raises(TypeError):
        Spec("GET", "/x", fine, answer=None, tag="x")  # type: ignore[call-arg]


def test_answers_carry_the_same_headers() -> None:
    response = answer(b"{}", 201, "application/json", Mode.PAPER, {"Location": "/v1/orders/ord_1"})
    assert response.status_code == 201
    assert response.headers["bestex-mode"] == "paper"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["location"] == "/v1/orders/ord_1"
    assert Reply({}).status == 200


async def test_the_key_is_proven_before_the_body_is_read(gateway: Gateway) -> None:
    async with gateway.client("") as client:
        refused = await client.post("/v1/orders", content=b"x" * 100, headers={"content-type": "text/plain"})
    assert refused.status_code == 401


async def test_a_route_without_query_takes_none(gateway: Gateway) -> None:
    async with gateway.client() as client:
        refused = await client.get("/v1/fees", params={"venue": "x"})
        posted = await client.post("/v1/orders?dry_run=true", json=GOOD)
    assert refused.status_code == posted.status_code == 422
    assert posted.json()["errors"][0]["pointer"] == "/query/dry_run"


async def test_what_is_shown_is_durable(gateway: Gateway, monkeypatch) -> None:
    """The answer is encoded first and leaves when everything in it is on disk."""
    placed = await place(gateway)
    steps: list[str] = []
    durable = gateway.engine.durable

    async def noted(_: object) -> None:
        steps.append("durable")
        await durable()

    monkeypatch.setattr(type(gateway.engine), "durable", noted)
    async with gateway.client() as client:
        await client.get(f"/v1/orders/{placed['order_id']}")
    assert steps == ["durable"]


async def test_each_problem_has_its_own_request_id(gateway: Gateway) -> None:
    async with gateway.client() as client:
        ids = {(await client.get("/v1/orders/ord_none")).json()["request_id"] for _ in range(50)}
    assert len(ids) == 50
    assert all(request_id.startswith("req_") for request_id in ids)
