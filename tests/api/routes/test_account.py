"""Money, limits, refusals, the journal, costs."""

from __future__ import annotations

from decimal import Decimal

import pytest

from app.api.schemas import account as schema
from app.api.schemas.event import EventPage
from app.api.schemas.tca import Tca
from app.domain.enums import ExecType, OrderStatus
from tests.api.gateway import GOOD, Gateway, place, settle


async def test_balances_and_positions_follow_fills(gateway: Gateway) -> None:
    async with gateway.client() as client:
        before = schema.BalanceList.model_validate((await client.get("/v1/balances")).json())
        await place(gateway, qty="0.5")
        after = schema.BalanceList.model_validate((await client.get("/v1/balances")).json())
        positions = schema.PositionList.model_validate((await client.get("/v1/positions")).json())
        fills = (await client.get("/v1/executions")).json()["data"]

    def total(balances: schema.BalanceList, currency: str) -> Decimal:
        return sum((row.amount for row in balances.data if row.currency == currency), Decimal(0))

    spent = sum(Decimal(f["last_notional"]) + Decimal(f["fee"]) for f in fills)
    assert total(after, "BTC") - total(before, "BTC") == Decimal("0.5") == sum(p.qty for p in positions.data)
    assert total(before, "USDT") - total(after, "USDT") == spent
    assert after.last_seq > before.last_seq


async def test_limits_are_replaced_as_a_whole_by_the_next_version(gateway: Gateway) -> None:
    async with gateway.client() as desk, gateway.client("desk_read") as reader:
        limits = (await desk.get("/v1/risk/limits")).json()
        wanted = {name: value for name, value in limits.items() if name != "account"}
        wanted |= {"version": 2, "max_order_qty": "0.05", "max_slippage_bps": "100.01"}
        forbidden = await reader.put("/v1/risk/limits", json=wanted)
        changed = await desk.put("/v1/risk/limits", json=wanted)
        again = await desk.put("/v1/risk/limits", json=wanted)
        refused = await desk.post("/v1/orders", json=GOOD)
    assert forbidden.status_code == 403
    assert schema.Limits.model_validate(changed.json()).max_order_qty == Decimal("0.05")
    assert changed.json() == {"account": "desk"} | wanted
    assert (again.status_code, again.json()["code"]) == (409, "version_conflict")
    assert refused.json()["code"] == "max_order_qty"


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"max_order_qty": "0.0000000001"}, "/max_order_qty"),
        ({"price_collar_bps": "0.001"}, "/price_collar_bps"),
        ({"price_collar_bps": "10000"}, "/price_collar_bps"),
        ({"default_slippage_bps": "9999"}, "/default_slippage_bps"),
        ({"max_open_orders": -1}, "/max_open_orders"),
        ({"max_open_orders": "5"}, "/max_open_orders"),
        ({"allowed_symbols": ["DOGE/USDT"]}, "/allowed_symbols/0"),
        ({"message_rate_per_s": 0}, "/message_rate_per_s"),
        ({"venue_credit": "99999999999999999999"}, "/venue_credit"),
    ],
)
async def test_limits_that_do_not_fit_are_named(gateway: Gateway, change: dict[str, object], pointer: str) -> None:
    async with gateway.client() as client:
        limits = (await client.get("/v1/risk/limits")).json()
        del limits["account"]
        answer = await client.put("/v1/risk/limits", json=limits | {"version": 2} | change)
    assert answer.status_code == 422
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]


async def test_an_account_without_limits_has_none(gateway: Gateway) -> None:
    async with gateway.client("operator", params={"account": "nobody"}) as operator:
        assert (await operator.get("/v1/risk/limits")).status_code == 404
        assert (await operator.get("/v1/risk/usage")).status_code == 404


async def test_usage_says_what_is_left(gateway: Gateway) -> None:
    await place(gateway, qty="0.5")
    await place(gateway, time_in_force="gtc", limit_price="58000")
    async with gateway.client() as client:
        usage = schema.UsageList.model_validate((await client.get("/v1/risk/usage")).json())
    rows = {row.code: row for row in usage.data}
    assert rows["max_open_orders"].used == 1
    assert rows["max_position"].used == Decimal("0.6")
    assert all(row.headroom == row.limit - row.used for row in usage.data)


async def test_refusals_page_and_are_aggregated(gateway: Gateway) -> None:
    async with gateway.client() as client:
        for i in range(14):
            await client.post("/v1/orders", json=GOOD | {"qty": "5000", "client_order_id": f"big{i}"})
        gateway.clock.advance(1_500_000_000)
        await client.post("/v1/orders", json=GOOD | {"qty": "5000", "client_order_id": "late"})
        await settle()
        rows = []
        cursor = None
        while True:
            page = await client.get("/v1/refusals", params={"limit": 5} | ({"cursor": cursor} if cursor else {}))
            listed = schema.RefusalPage.model_validate(page.json())
            rows += listed.data
            cursor = listed.next_cursor
            if cursor is None:
                break
        foreign = await client.get("/v1/refusals", params={"cursor": "bm9wZQ=="})
    assert sum(row.n_refused for row in rows) == 15
    assert [row.seq for row in rows] == sorted((row.seq for row in rows), reverse=True)
    assert len([row for row in rows if row.refusal_id is None]) == 1
    assert foreign.status_code == 422


async def test_events_are_the_accounts_gapless_journal(gateway: Gateway) -> None:
    await place(gateway)
    async with gateway.client() as client, gateway.client("rival") as rival:
        seqs, events = [], []
        after_seq = 0
        while True:
            body = (await client.get("/v1/events", params={"after_seq": after_seq, "limit": 3})).json()
            page = EventPage.model_validate(body)
            seqs += [event.seq for event in page.data]
            events += page.data
            if not page.has_more:
                break
            after_seq = page.data[-1].seq
        beyond = (await client.get("/v1/events", params={"after_seq": 10_000})).json()
        others = (await rival.get("/v1/events")).json()
    assert seqs == list(range(1, page.last_seq + 1))
    assert beyond["data"] == []
    assert not [e for e in others["data"] if e["order_id"]]
    kinds = [event.kind for event in events]
    assert kinds.index("order_accepted") < kinds.index("route_planned") < kinds.index("order_done")
    fill = next(event for event in events if event.kind == "child_filled")
    assert fill.exec_type is ExecType.TRADE
    assert fill.order_status is not None
    assert events[kinds.index("order_done")].order_status is OrderStatus.FILLED


async def test_no_event_shows_a_keys_hash(gateway: Gateway) -> None:
    async with gateway.client() as client:
        text = (await client.get("/v1/events", params={"limit": 1000})).text
    assert "key_created" in text
    assert "sha256" not in text
    for key in gateway.engine.ledger.keys.values():
        assert key.key_sha256 not in text


async def test_the_stream_has_the_events_of_the_page(gateway: Gateway) -> None:
    await place(gateway)
    async with gateway.client() as client:
        page = (await client.get("/v1/events", params={"limit": 1000})).json()
        bad = await client.get("/v1/events", headers={"Accept": "text/event-stream", "Last-Event-ID": "x"})
        far = await client.get("/v1/events?after_seq=9999", headers={"Accept": "text/event-stream"})
    assert page["data"]
    assert (bad.status_code, far.status_code) == (422, 422)
    assert bad.headers["content-type"] == "application/problem+json"


async def test_the_cost_of_a_done_order_adds_up(gateway: Gateway) -> None:
    placed = await place(gateway, decision_at="2025-10-09T08:53:19Z", decision_price="59990")
    resting = await place(gateway, time_in_force="gtc", limit_price="58000")
    async with gateway.client() as client, gateway.client("rival") as rival:
        body = (await client.get(f"/v1/tca/orders/{placed['order_id']}")).json()
        early = await client.get(f"/v1/tca/orders/{resting['order_id']}")
        foreign = await rival.get(f"/v1/tca/orders/{placed['order_id']}")
    report = Tca.model_validate(body)
    assert report.reference == "decision"
    assert report.cost_bps is not None
    assert sum(part for _, part in report.cost_bps) == report.total_bps
    assert sum(body["cost_nano"].values()) == body["total_cost_nano"]
    assert sum(report.cost.values()) == report.total_cost
    assert early.status_code == foreign.status_code == 404
