"""An order in two dollars over HTTP, from its body to its cost, its plan and a receipt that a stranger recomputes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from app.api.schemas import order as schema
from app.api.schemas.route import Preview, RouteList
from app.execution.ledger import fold
from app.store.codec import decode_fact, encode_fact
from app.store.statehash import ledger_hash
from bestex_verify.judge import verify_receipt
from tests.api.gateway import GOOD, Gateway, open_gateway, settle
from tests.pool_desk import pool_desk

POOL = {"currencies": ["USDT", "USDC"], "max_basis_bps": "5", "carrier": "desk"}
ORDER = GOOD | {"qty": "0.08", "quote_pool": POOL}


@pytest.fixture
async def pooled() -> AsyncIterator[Gateway]:
    async with open_gateway(desk=pool_desk()) as opened:
        yield opened


async def test_a_pooled_order_from_its_body_to_its_cost(pooled: Gateway) -> None:
    async with pooled.client() as client:
        answer = await client.post("/v1/orders", json=ORDER | {"client_order_id": "p-1"})
        assert answer.status_code == 201, answer.text
        placed = schema.PlacedOrder.model_validate(answer.json())
        again = await client.post("/v1/orders", json=ORDER | {"client_order_id": "p-1"})
        assert (again.status_code, again.content) == (200, answer.content)
        await settle()
        url = f"/v1/orders/{placed.order_id}"
        order = schema.Order.model_validate((await client.get(url)).json())
        children = schema.ChildList.model_validate((await client.get(f"{url}/children")).json()).data
        fills = schema.ExecutionList.model_validate((await client.get(f"{url}/executions")).json()).data
        route = RouteList.model_validate((await client.get(f"{url}/route")).json()).data[0]
        events = (await client.get(f"{url}/events")).json()["data"]
        tca = (await client.get(f"/v1/tca/orders/{placed.order_id}")).json()
        balances = (await client.get("/v1/balances")).json()["data"]
        positions = (await client.get("/v1/positions")).json()["data"]
    assert answer.json()["quote_pool"] == POOL
    assert order.status == "filled"
    assert {(child.venue, child.symbol) for child in children} == {("a", "BTC/USDC"), ("c", "BTC/USDC")}
    assert all(Decimal(59_990) < child.price < Decimal(60_000) for child in children)
    assert {(fill.symbol, fill.fee_currency) for fill in fills} == {("BTC/USDC", "USDC")}
    assert {fee.currency for fee in order.fees} == {"USDC"}
    # The rate is 1.00000: the order's money is the sum of its fills, in USDT.
    assert order.cum_notional == sum(fill.last_notional for fill in fills)
    assert {(item.venue, item.symbol) for item in route.allocations} == {("a", "BTC/USDC"), ("c", "BTC/USDC")}
    assert route.conversions is not None
    assert [(rate.currency, rate.rate, rate.pair) for rate in route.conversions] == [("USDC", Decimal(1), "USDC/USDT")]
    assert {book.venue for book in route.conversions[0].books} == {"b", "c"}
    assert {x.venue for x in route.excluded if x.symbol is None} == {"a", "b"}
    sending = [event["data"]["child"] for event in events if event["kind"] == "child_sending"]
    assert {Decimal(child["price"]) for child in sending} == {child.price for child in children}
    filled = [event["data"] for event in events if event["kind"] == "child_filled"]
    assert {Decimal(data["price"]) for data in filled} == {fill.last_price for fill in fills}
    assert {data["class_mid"] for data in filled} == {"60000"}
    parts = tca.get("cost_bps", tca)
    assert "basis" in str(parts)
    seeded = {"USDT": Decimal(1_000_000), "USDC": Decimal(1_000_000), "BTC": Decimal(1_000)}
    moved = {row["currency"] for row in balances if Decimal(row["amount"]) != seeded[row["currency"]]}
    assert moved == {"USDC", "BTC"}
    assert {row["symbol"] for row in positions if Decimal(row["qty"])} == {"BTC/USDC"}
    data = pooled.journal.receipt(route.certificate.receipt_sha256)
    assert data is not None
    assert verify_receipt(data).is_valid
    decoded = [decode_fact(encode_fact(fact)[:7]) for fact in pooled.journal.read(0, 10_000)]
    assert ledger_hash(fold(decoded)) == ledger_hash(pooled.engine.ledger)


async def test_a_preview_says_what_it_would_do(pooled: Gateway) -> None:
    async with pooled.client() as client:
        answer = await client.post("/v1/orders/preview", json=ORDER)
    preview = Preview.model_validate(answer.json())
    assert preview.would_be_accepted
    assert preview.route is not None
    assert preview.route.conversions is not None


async def test_an_order_without_a_pool_reads_as_it_always_did(pooled: Gateway) -> None:
    async with pooled.client() as client:
        answer = await client.post("/v1/orders", json=GOOD | {"response_type": "full", "wait_ms": 1_000})
    body = answer.json()
    assert "quote_pool" not in body
    assert all("conversions" not in route for route in body["route"])
    assert {item["symbol"] for route in body["route"] for item in route["allocations"]} == {"BTC/USDT"}


@pytest.mark.parametrize(
    ("changes", "pointer", "code"),
    [
        ({"currencies": ["USDT", "EURC"]}, "/quote_pool/currencies/1", "unknown_currency"),
        ({"currencies": ["USDC", "EURC"]}, "/quote_pool/currencies", "missing"),
        ({"currencies": ["USDT"]}, "/quote_pool/currencies", None),
        ({"currencies": ["usdt", "USDC"]}, "/quote_pool/currencies/0", None),
        ({"max_basis_bps": "NaN"}, "/quote_pool/max_basis_bps", None),
        ({"max_basis_bps": "-1"}, "/quote_pool/max_basis_bps", None),
        ({"max_basis_bps": "Infinity"}, "/quote_pool/max_basis_bps", None),
        ({"max_basis_bps": 5}, "/quote_pool/max_basis_bps", None),
        ({"max_basis_bps": "100.01"}, "/quote_pool/max_basis_bps", "too_wide"),
        ({"max_basis_bps": "0.001"}, "/quote_pool/max_basis_bps", "increment"),
        ({"carrier": "convert"}, "/quote_pool/carrier", "not_offered"),
        ({"carrier": "venue"}, "/quote_pool/carrier", None),
    ],
)
async def test_a_pool_that_cannot_be_is_refused(
    pooled: Gateway, changes: dict[str, object], pointer: str, code: str | None
) -> None:
    seq = pooled.seq
    async with pooled.client() as client:
        answer = await client.post("/v1/orders", json=ORDER | {"quote_pool": POOL | changes})
    assert answer.status_code == 422, answer.text
    errors = {error["pointer"]: error for error in answer.json()["errors"]}
    assert pointer in errors, errors
    assert errors[pointer]["hint"]
    assert code is None or errors[pointer]["code"] == code
    assert pooled.seq == seq


@pytest.mark.parametrize("changes", [{"time_in_force": "fok"}, {"require_full_fill": True}])
async def test_one_venue_fills_in_one_currency(pooled: Gateway, changes: dict[str, object]) -> None:
    async with pooled.client() as client:
        answer = await client.post("/v1/orders", json=ORDER | changes)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/quote_pool"]


async def test_another_pool_is_another_order(pooled: Gateway) -> None:
    async with pooled.client() as client:
        first = await client.post("/v1/orders", json=ORDER | {"client_order_id": "p-1"})
        turned = POOL | {"currencies": ["USDC", "USDT"], "max_basis_bps": "5.00"}
        same = await client.post("/v1/orders", json=ORDER | {"client_order_id": "p-1", "quote_pool": turned})
        other = await client.post(
            "/v1/orders", json=ORDER | {"client_order_id": "p-1", "quote_pool": POOL | {"max_basis_bps": "6"}}
        )
        none = await client.post("/v1/orders", json=GOOD | {"qty": "0.08", "client_order_id": "p-1"})
    assert (first.status_code, same.status_code, other.status_code, none.status_code) == (201, 200, 409, 409)
