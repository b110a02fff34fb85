"""Placing, looking at and canceling orders over HTTP, on the real engine."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from app.api.schemas import order as schema
from app.api.schemas.calibration import CalibrationInfo
from app.api.schemas.event import EventList
from app.api.schemas.route import Preview, RouteList
from app.domain.fills import ReportKind
from app.domain.pretrade import Basis
from app.execution import overdue
from app.learning.pretrade import CostEstimator
from app.services.pretrade import load_pretrade
from tests.api.gateway import GOOD, Gateway, place, settle


async def test_an_acknowledged_order_is_the_order_at_acceptance(gateway: Gateway) -> None:
    async with gateway.client() as client:
        answer = await client.post("/v1/orders", json=GOOD | {"client_order_id": "a-1", "tags": {"desk": "fx"}})
    body = schema.PlacedOrder.model_validate(answer.json())
    assert answer.status_code == 201
    assert answer.headers["bestex-mode"] == "paper"
    assert answer.headers["location"] == f"/v1/orders/{body.order_id}"
    assert (body.status, body.durability, body.client_order_id) == ("new", "local", "a-1")
    assert (body.qty, body.cum_qty, body.leaves_qty) == (Decimal("0.1"), 0, Decimal("0.1"))
    assert body.tags == {"desk": "fx"}
    assert body.last_seq > 0


async def test_the_short_path_is_the_same_door(gateway: Gateway) -> None:
    async with gateway.client() as client:
        first = await client.post("/v1/orders", json=GOOD | {"client_order_id": "a-1"})
        again = await client.post("/orders", json=GOOD | {"client_order_id": "a-1"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.content == again.content


async def test_a_repeat_answers_the_same_bytes_however_it_is_spelled(gateway: Gateway) -> None:
    async with gateway.client() as client:
        first = await client.post("/v1/orders", json=GOOD | {"client_order_id": "a-1"})
        await settle()
        spelled = {"qty": "0.10", "symbol": "BTC-USDT", "strategy": "sor", "account": "desk", "limit_price": "60100.00"}
        again = await client.post("/v1/orders", json=GOOD | {"client_order_id": "a-1"} | spelled)
        later = await client.post(
            "/v1/orders", json=GOOD | {"client_order_id": "a-1", "deadline": "2099-01-01T00:00:00Z"}
        )
    assert again.status_code == later.status_code == 200
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert first.content == again.content == later.content


async def test_another_body_under_the_same_id_is_a_conflict(gateway: Gateway) -> None:
    await place(gateway, client_order_id="a-1")
    seq = gateway.seq
    async with gateway.client() as client:
        other = await client.post("/v1/orders", json=GOOD | {"client_order_id": "a-1", "qty": "0.2"})
    assert other.status_code == 409
    assert other.json()["code"] == "client_order_id_conflict"
    assert other.json()["outcome"] == "none"
    assert gateway.seq == seq


async def test_the_same_id_of_two_accounts_is_two_orders(gateway: Gateway) -> None:
    one = await place(gateway, "desk", client_order_id="a-1")
    two = await place(gateway, "rival", client_order_id="a-1", qty="0.2")
    assert one["order_id"] != two["order_id"]


async def test_a_thousand_posts_of_one_id_are_one_order(gateway: Gateway) -> None:
    n_before = len(gateway.engine.ledger.parents)
    async with gateway.client() as client:
        answers = await asyncio.gather(
            *(client.post("/v1/orders", json=GOOD | {"client_order_id": "race"}) for _ in range(1_000))
        )
    assert sorted(answer.status_code for answer in answers) == [200] * 999 + [201]
    assert len({answer.content for answer in answers}) == 1
    assert len(gateway.engine.ledger.parents) == n_before + 1


async def test_result_and_full_say_how_it_ended(gateway: Gateway) -> None:
    async with gateway.client() as client:
        result = await client.post("/v1/orders", json=GOOD | {"response_type": "result", "wait_ms": 5_000})
        full = await client.post("/v1/orders", json=GOOD | {"response_type": "full", "wait_ms": 5_000})
    assert result.json()["status"] == "filled"
    assert "executions" not in result.json()
    body = schema.PlacedOrder.model_validate(full.json())
    assert body.status == "filled"
    assert body.executions is not None
    assert sum(e.last_qty for e in body.executions) == body.cum_qty == Decimal("0.1")
    assert body.route


async def test_the_order_lives_on_when_the_wait_ends(gateway: Gateway) -> None:
    gateway.behave("silent")
    async with gateway.client() as client:
        answer = await client.post("/v1/orders", json=GOOD | {"response_type": "result", "wait_ms": 20})
    assert answer.status_code == 201
    assert answer.json()["status"] == "working"


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"notional": "5"}, "/notional", "excluded"),
        ({"qty": None}, "/qty", "missing"),
        ({"limit_price": None}, "/limit_price", "missing"),
        ({"type": "market"}, "/limit_price", "excluded"),
        ({"time_in_force": "gtd"}, "/expire_at", "missing"),
        ({"expire_at": "2099-01-01T00:00:00Z"}, "/expire_at", "excluded"),
        ({"remainder": "held"}, "/remainder", "excluded"),
        ({"time_in_force": "fok", "remainder": "held"}, "/remainder", "excluded"),
        ({"venues": {"include": ["nowhere"]}}, "/venues/include/0", "unknown_venue"),
        ({"decision_price": "60000"}, "/decision_at", "missing"),
        ({"symbol": "DOGE/USDT"}, "/symbol", "unknown_symbol"),
        ({"qty": "0"}, "/qty", "zero"),
        ({"limit_price": "0.00"}, "/limit_price", "zero"),
        ({"max_slippage_bps": "0.001"}, "/max_slippage_bps", "increment"),
    ],
)
async def test_contradictions_are_named_and_nothing_is_journalled(
    gateway: Gateway, change: dict[str, object], pointer: str, code: str
) -> None:
    seq = gateway.seq
    async with gateway.client() as client:
        answer = await client.post("/v1/orders", json=GOOD | change)
    assert answer.status_code == 422
    errors = {error["pointer"]: error for error in answer.json()["errors"]}
    assert errors[pointer]["code"] == code
    assert errors[pointer]["hint"]
    assert gateway.seq == seq


async def test_a_quantity_between_lots_is_told_its_neighbours(gateway: Gateway) -> None:
    async with gateway.client() as client:
        between = await client.post("/v1/orders", json=GOOD | {"qty": "0.100000000000000001"})
        too_fine = await client.post("/v1/orders", json=GOOD | {"qty": "0.1000000000000000001"})
        price = await client.post("/v1/orders", json=GOOD | {"limit_price": "60100.001"})
    assert (between.json()["code"], between.json()["errors"][0]["code"]) == ("invalid_quantity", "increment")
    assert "0.1 or 0.10001" in between.json()["errors"][0]["hint"]
    assert (too_fine.json()["code"], too_fine.json()["errors"][0]["code"]) == ("invalid_quantity", "digits")
    assert price.json()["code"] == "invalid_price_increment"
    assert "60100 or 60100.01" in price.json()["errors"][0]["hint"]


async def test_a_late_request_is_refused_and_its_id_stays_free(gateway: Gateway) -> None:
    async with gateway.client() as client:
        late = await client.post("/v1/orders", json=GOOD | {"client_order_id": "a", "deadline": "2020-01-01T00:00:00Z"})
        again = await client.post("/v1/orders", json=GOOD | {"client_order_id": "a"})
    assert (late.status_code, late.json()["code"]) == (422, "stale_request")
    assert again.status_code == 201


async def test_a_refusal_is_a_fact_and_no_order(gateway: Gateway) -> None:
    async with gateway.client() as client:
        refused = await client.post("/v1/orders", json=GOOD | {"client_order_id": "big", "qty": "5000"})
        listed = (await client.get("/v1/refusals")).json()["data"]
        missing = await client.get("/v1/orders/client:big")
    body = refused.json()
    assert (refused.status_code, body["code"], body["outcome"]) == (422, "max_order_qty", "none")
    assert body["errors"][0]["hint"]
    assert [row["refusal_id"] for row in listed] == [body["refusal_id"]]
    assert missing.status_code == 404


async def test_preview_changes_nothing_and_calls_no_venue(gateway: Gateway) -> None:
    seq = gateway.seq
    async with gateway.client() as client:
        answer = await client.post("/v1/orders/preview", json=GOOD)
        refused = await client.post("/v1/orders/preview", json=GOOD | {"qty": "5000"})
    body = Preview.model_validate(answer.json())
    assert body.would_be_accepted
    assert body.route is not None
    assert body.route.allocated_qty == Decimal("0.1")
    assert all(check.ok for check in body.checks)
    no = Preview.model_validate(refused.json())
    assert not no.would_be_accepted
    assert [check.code for check in no.checks if not check.ok] == ["max_order_qty"]
    assert gateway.seq == seq
    assert not gateway.children


async def test_one_order_by_id_and_by_its_clients_id(gateway: Gateway) -> None:
    placed = await place(gateway, client_order_id="mine.1")
    async with gateway.client() as client:
        by_id = await client.get(f"/v1/orders/{placed['order_id']}")
        by_name = await client.get("/v1/orders/client:mine.1")
    assert by_id.json() == by_name.json()
    order = schema.Order.model_validate(by_id.json())
    assert order.status == "filled"
    assert order.avg_price
    assert order.fees


async def test_parts_of_an_order(gateway: Gateway) -> None:
    placed = await place(gateway)
    path = f"/v1/orders/{placed['order_id']}"
    async with gateway.client() as client:
        children = schema.ChildList.model_validate((await client.get(f"{path}/children")).json()).data
        fills = schema.ExecutionList.model_validate((await client.get(f"{path}/executions")).json()).data
        routes = RouteList.model_validate((await client.get(f"{path}/route")).json()).data
        events = EventList.model_validate((await client.get(f"{path}/events")).json()).data
    assert sum(c.cum_qty for c in children) == sum(f.last_qty for f in fills) == Decimal("0.1")
    assert {c.venue for c in children} == {a.venue for r in routes for a in r.allocations}
    assert [e.kind for e in events][:2] == ["order_accepted", "route_planned"]
    assert events[-1].order_status == "filled"
    assert [e.seq for e in events] == sorted(e.seq for e in events)


async def test_pages_are_gapless_in_both_directions(gateway: Gateway) -> None:
    ids = [(await place(gateway))["order_id"] for _ in range(7)]
    async with gateway.client() as client:
        for order, expected in (("asc", ids), ("desc", ids[::-1])):
            found, cursor = [], None
            while True:
                query = {"limit": 3, "order": order} | ({"cursor": cursor} if cursor else {})
                page = schema.OrderPage.model_validate((await client.get("/v1/orders", params=query)).json())
                found += [row.order_id for row in page.data]
                cursor = page.next_cursor
                assert page.has_more is (cursor is not None)
                if cursor is None:
                    break
            assert found == expected
        fills = (await client.get("/v1/executions", params={"limit": 200, "order": "asc"})).json()["data"]
        seqs = [fill["seq"] for fill in fills]
        paged, cursor = [], None
        while True:
            query = {"limit": 2, "order": "asc"} | ({"cursor": cursor} if cursor else {})
            body = (await client.get("/v1/executions", params=query)).json()
            paged += [fill["seq"] for fill in body["data"]]
            cursor = body["next_cursor"]
            if cursor is None:
                break
    assert paged == seqs == sorted(seqs)
    assert len(seqs) >= 7


async def test_open_and_closed_are_told_apart(gateway: Gateway) -> None:
    closed = await place(gateway)
    resting = await place(gateway, time_in_force="gtc", limit_price="58000")
    async with gateway.client() as client:
        opened = (await client.get("/v1/orders", params={"status": "open", "symbol": "BTCUSDT"})).json()["data"]
        done = (await client.get("/v1/orders", params={"status": "closed"})).json()["data"]
    assert [row["order_id"] for row in opened] == [resting["order_id"]]
    assert opened[0]["remainder"] == "held"
    assert [row["order_id"] for row in done] == [closed["order_id"]]


async def test_cancel_one(gateway: Gateway) -> None:
    resting = await place(gateway, time_in_force="gtc", limit_price="58000")
    async with gateway.client() as client:
        canceled = await client.delete(f"/v1/orders/{resting['order_id']}")
        again = await client.delete(f"/v1/orders/{resting['order_id']}")
    assert canceled.status_code == again.status_code == 202
    assert canceled.json()["status"] == "canceled"


async def test_cancel_all_answers_line_by_line(gateway: Gateway) -> None:
    kept = await place(gateway, side="sell", time_in_force="gtc", limit_price="62000", tags={"book": "b"})
    gone = [await place(gateway, time_in_force="gtc", limit_price="58000", tags={"book": "a"}) for _ in range(3)]
    rival = await place(gateway, "rival", time_in_force="gtc", limit_price="58000", tags={"book": "a"})
    async with gateway.client() as client:
        answer = await client.delete("/v1/orders", params={"tag": "book=a", "side": "buy", "symbol": "BTC-USDT"})
        none = await client.delete("/v1/orders", params={"venue": "ven_a"})
    assert answer.status_code == 207
    rows = schema.CanceledList.model_validate(answer.json()).data
    assert [row.order_id for row in rows] == [order["order_id"] for order in gone]
    assert {row.status for row in rows} == {"canceled"}
    assert none.json()["data"] == []
    assert set(gateway.engine.ledger.open_parents) == {kept["order_id"], rival["order_id"]}


async def test_a_cancel_of_an_unknown_child_proves_nothing(gateway: Gateway) -> None:
    gateway.behave("silent")
    placed = await place(gateway)
    for child in gateway.children:
        gateway.venues[child.venue].tell(child, ReportKind.UNKNOWN)
    await settle()
    async with gateway.client() as client:
        answer = await client.delete(f"/v1/orders/{placed['order_id']}")
    assert answer.json()["status"] == "unknown"


async def test_an_operator_resolves_an_unknown_child_with_evidence(gateway: Gateway) -> None:
    gateway.behave("silent")
    placed = await place(gateway)
    child = gateway.children[0]
    path = f"/v1/orders/{placed['order_id']}/children/{child.child_id}/resolve"
    body = {"evidence": "ticket 4711: never reached the book"}
    async with gateway.client("operator", params={"account": "desk"}) as operator, gateway.client() as desk:
        early = await operator.post(path, json=body)
        gateway.venues[child.venue].tell(child, ReportKind.UNKNOWN)
        await settle()
        forbidden = await desk.post(path, json=body)
        blank = await operator.post(path, json={"evidence": " "})
        missing = await operator.post(path.replace(child.child_id, "chd_none"), json=body)
        resolved = await operator.post(path, json=body)
    assert (early.status_code, early.json()["code"]) == (409, "not_unknown")
    assert forbidden.status_code == 403
    assert (blank.status_code, blank.json()["code"]) == (422, "evidence_missing")
    assert missing.status_code == 404
    assert resolved.status_code == 200
    assert schema.ChildOrder.model_validate(resolved.json()).status == "canceled"


async def test_an_overdue_child_is_named_by_readiness(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway.behave("silent")
    await place(gateway)
    child = gateway.children[0]
    gateway.venues[child.venue].tell(child, ReportKind.UNKNOWN)
    await settle()
    line = f"child overdue: {child.child_id} of {child.order_id} at {child.venue}"
    async with gateway.client() as client:
        assert line not in (await client.get("/readyz")).json()["degraded"]
        monkeypatch.setattr(overdue, "OVERDUE_NS", 0)
        state = (await client.get("/readyz")).json()
        counted = (await client.get("/metrics")).text
    assert line in state["degraded"]
    assert 'bestex_engine{what="overdue_children"}' in counted


async def test_nothing_of_another_account_is_found(gateway: Gateway) -> None:
    placed = await place(gateway, client_order_id="mine")
    paths = [placed["order_id"], "client:mine"]
    async with gateway.client("rival") as rival, gateway.client("operator") as operator:
        for path in paths:
            for part in ("", "/children", "/executions", "/route", "/events"):
                assert (await rival.get(f"/v1/orders/{path}{part}")).status_code == 404
            assert (await rival.delete(f"/v1/orders/{path}")).status_code == 404
        assert (await rival.get("/v1/orders")).json()["data"] == []
        assert (await rival.get("/v1/executions")).json()["data"] == []
        foreign = await rival.get("/v1/orders", params={"account": "desk"})
        unnamed = await operator.get(f"/v1/orders/{placed['order_id']}")
        named = await operator.get(f"/v1/orders/{placed['order_id']}", params={"account": "desk"})
        wrong = await operator.get(f"/v1/orders/{placed['order_id']}", params={"account": "rival"})
        order = await operator.post("/v1/orders", json=GOOD)
    assert foreign.status_code == 403
    assert (unnamed.status_code, unnamed.json()["code"]) == (422, "account_required")
    assert named.status_code == 200
    assert wrong.status_code == 404
    assert order.status_code == 403


async def test_a_preview_and_its_order_are_foretold_alike_and_the_record_is_published(gateway: Gateway) -> None:
    core = gateway.engine.core
    core.world = replace(core.world, costs=CostEstimator(load_pretrade()))
    async with gateway.client() as client:
        before = CalibrationInfo.model_validate((await client.get("/v1/tca/calibration")).json()).pretrade
        told = Preview.model_validate((await client.post("/v1/orders/preview", json=GOOD)).json()).estimate
        await place(gateway)
        after = CalibrationInfo.model_validate((await client.get("/v1/tca/calibration")).json()).pretrade
    assert told is not None
    assert told.basis is Basis.SIMULATED
    assert told.quantiles.p5 <= told.quantiles.p50 <= told.quantiles.p95
    assert before is not None
    assert after is not None
    assert (before.n, after.n) == (0, 1)
    assert after.artifact == told.artifact
    assert {row.group for row in after.rows} == {"all", "strategy", "artifact", "reach", "cell"}
    assert not after.is_evidence
