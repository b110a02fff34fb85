"""What orders cost and what estimates are worth, as the API publishes it."""

from __future__ import annotations

import pytest

from app.api.schemas.calibration import CalibrationInfo
from app.api.schemas.tca import Tca, TcaMarkouts, TcaSummary, TcaVenues
from tests.api.gateway import Gateway, place


async def test_the_calibration_is_published_and_says_that_a_day_is_no_evidence(gateway: Gateway) -> None:
    async with gateway.client() as client:
        answer = await client.get("/v1/tca/calibration")
    assert answer.status_code == 200
    info = CalibrationInfo.model_validate(answer.json())
    assert info.min_days == 20
    assert info.as_of == "2024-08-08"
    assert len(info.symbols) == 6
    for symbol in info.symbols:
        assert not symbol.is_evidence
        assert symbol.evidence == "n = 1 day, not evidence"
        assert symbol.n_parents > 1_000
        assert {row.dimension for row in symbol.coverage} >= {"all", "size", "side", "spread", "volatility"}
        assert {row.rival for row in symbol.skill} == {"constant", "constant_by_cell"}
        assert len(symbol.slippage.table) == 24


async def test_an_order_of_that_name_is_not_in_the_way(gateway: Gateway) -> None:
    async with gateway.client() as client:
        assert (await client.get("/v1/tca/orders/calibration")).status_code == 404


TABLES = {"summary": TcaSummary, "venues": TcaVenues, "markouts": TcaMarkouts}


@pytest.mark.parametrize("name", TABLES)
async def test_tables_have_their_shape_and_come_as_files(gateway: Gateway, name: str) -> None:
    order_id = (await place(gateway))["order_id"]
    async with gateway.client() as client:
        answer = await client.get(f"/v1/tca/{name}")
        told = TABLES[name].model_validate(answer.json())
        as_csv = await client.get(f"/v1/tca/{name}?format=csv")
        as_parquet = await client.get(f"/v1/tca/{name}?format=parquet")
    assert told.scope.n_orders == 1
    assert told.scope.n_fills > 0
    assert as_csv.headers["content-type"] == "text/csv; charset=utf-8"
    assert as_csv.headers["content-disposition"].endswith('.csv"')
    assert as_parquet.headers["content-type"] == "application/vnd.apache.parquet"
    assert as_parquet.content[:4] == b"PAR1"
    if name == "summary":
        assert told.data[0].order_id == order_id
        assert order_id in as_csv.text
        (waterfall,) = told.waterfalls
        assert waterfall.cost_bps is not None
        assert sum(part for _, part in waterfall.cost_bps) == waterfall.total_bps
        assert sum(waterfall.cost.values()) == waterfall.total_cost


async def test_filters_narrow_and_nonsense_is_refused(gateway: Gateway) -> None:
    await place(gateway)
    async with gateway.client() as client:
        for query, n_orders in (("side=buy", 1), ("side=sell", 0), ("symbol=BTC-USDT", 1), ("venue=nowhere", 0)):
            body = (await client.get(f"/v1/tca/summary?{query}")).json()
            assert body["scope"]["n_orders"] == n_orders, query
        early = (await client.get("/v1/tca/summary?from=2001-01-01T00:00:00Z&to=2001-01-02T00:00:00Z")).json()
        assert early["scope"]["n_orders"] == 0
        for query in ("from=yesterday", "format=xml", "start=1", "symbol=NOPE", "side=up"):
            assert (await client.get(f"/v1/tca/summary?{query}")).status_code == 422, query
        turned = await client.get("/v1/tca/summary?from=2002-01-01T00:00:00Z&to=2001-01-02T00:00:00Z")
        assert turned.status_code == 422


async def test_an_order_shows_benchmarks_arms_and_reach(gateway: Gateway) -> None:
    order_id = (await place(gateway))["order_id"]
    async with gateway.client() as client:
        told = Tca.model_validate((await client.get(f"/v1/tca/orders/{order_id}")).json())
    named = {b.name: b for b in told.benchmarks}
    assert set(named) == {"arrival", "decision", "twap", "vwap", "close", "opportunity"}
    assert named["arrival"].price is not None
    assert named["twap"].missing == "measured a minute after the end"
    assert sum(arm.is_chosen for arm in told.arms) == 1
    assert len(told.arms) > 1
    assert not told.reach.is_within
    assert told.reach.why == "not measured yet"


async def test_the_report_is_a_page_that_may_load_nothing(gateway: Gateway) -> None:
    order_id = (await place(gateway))["order_id"]
    async with gateway.client() as client:
        page = await client.get("/v1/tca/report")
        one = await client.get(f"/v1/tca/report?order={order_id}")
        missing = await client.get("/v1/tca/report?order=ord_none")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert order_id in page.text
    assert f"Order {order_id}" in one.text
    assert missing.status_code == 404


async def test_what_belongs_to_another_account_is_not_there(gateway: Gateway) -> None:
    order_id = (await place(gateway))["order_id"]
    async with gateway.client("rival") as client:
        assert (await client.get("/v1/tca/summary")).json()["scope"]["n_orders"] == 0
        assert (await client.get(f"/v1/tca/orders/{order_id}")).status_code == 404
        assert (await client.get(f"/v1/tca/report?order={order_id}")).status_code == 404
