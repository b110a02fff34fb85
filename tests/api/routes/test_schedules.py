"""Orders in time over HTTP, on the real engine: placed, worked by the clock, paused, amended."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from app.api.schemas import order as schema
from app.api.schemas.route import Preview
from app.api.wire.text import time_text
from app.domain.bending import Outlook
from app.domain.units import NANO, PPM
from app.execution.inputs import Tick
from tests.api.gateway import Gateway, settle
from tests.worlds import flat_book

S = NANO


def twap(gateway: Gateway, seconds: int = 10, params: dict[str, Any] | None = None, **members: Any) -> dict[str, Any]:
    end_at = time_text(gateway.clock.wall_ns() + seconds * S)
    body = {"symbol": "BTC/USDT", "side": "buy", "type": "market", "qty": "0.01", "strategy": "twap"}
    return body | {"strategy_params": {"end_at": end_at, "slice": "1"} | (params or {})} | members


async def placed(gateway: Gateway, body: dict[str, Any]) -> dict[str, Any]:
    async with gateway.client() as client:
        answer = await client.post("/v1/orders", json=body)
    assert answer.status_code == 201, answer.text
    await settle()
    found: dict[str, Any] = answer.json()
    return found


async def wait(gateway: Gateway, seconds: float) -> None:
    """Time passes in tenths: books are fresh, the engine ticks, venues answer."""
    for _ in range(round(seconds * 10)):
        gateway.clock.advance(S // 10)
        for venue in gateway.venues:
            seq = gateway.clock.wall_ns() // 1_000_000
            gateway.engine.on_book(flat_book(venue, 6_000_000, gateway.clock.wall_ns(), book_seq=seq))
        await gateway.engine.ask(Tick())
        await settle()


async def order_of(gateway: Gateway, order_id: str) -> schema.Order:
    async with gateway.client() as client:
        answer = await client.get(f"/v1/orders/{order_id}")
    return schema.Order.model_validate(answer.json())


async def test_a_twap_is_acknowledged_and_worked_to_its_end(gateway: Gateway) -> None:
    body = twap(gateway, seconds=3, client_order_id="t-1")
    ack = schema.PlacedOrder.model_validate(await placed(gateway, body))
    assert ack.schedule is not None
    assert (ack.schedule.strategy, str(ack.schedule.slice), ack.schedule.start_at) == ("twap", "1", None)
    assert str((await order_of(gateway, ack.order_id)).cum_qty) == "0.00333"
    await wait(gateway, 1.2)
    midway = await order_of(gateway, ack.order_id)
    assert midway.schedule is not None
    assert (str(midway.cum_qty), str(midway.schedule.released_qty)) == ("0.00667", "0.00667")
    await wait(gateway, 1.2)
    done = await order_of(gateway, ack.order_id)
    assert (done.status, str(done.cum_qty)) == ("filled", "0.01")
    async with gateway.client() as client:
        again = await client.post("/v1/orders", json=body)
        events = (await client.get(f"/v1/orders/{ack.order_id}/events")).json()["data"]
    assert again.status_code == 200
    assert again.json()["schedule"]["released_qty"] == "0"
    kinds = [event["kind"] for event in events]
    assert kinds[:3] == ["order_accepted", "schedule_begun", "slice_released"]
    assert kinds.count("slice_released") == 3


async def test_what_is_wrong_with_a_schedule_is_pointed_at(gateway: Gateway) -> None:
    async with gateway.client() as client:
        unknown = await client.post("/v1/orders", json=twap(gateway, params={"rate": "0.1"}))
        past = await client.post("/v1/orders", json=twap(gateway, seconds=-1))
        no_tape = await client.post("/v1/orders", json=twap(gateway, params={"participation_cap": "0.1"}))
    assert [e["pointer"] for e in unknown.json()["errors"]] == ["/strategy_params/rate"]
    assert {answer.status_code for answer in (unknown, past, no_tape)} == {422}
    assert [e["pointer"] for e in past.json()["errors"]] == ["/strategy_params/end_at"]
    assert [e["pointer"] for e in no_tape.json()["errors"]] == ["/strategy_params/participation_cap"]


async def test_a_pause_a_resume_and_an_amendment_over_http(gateway: Gateway) -> None:
    order_id = (await placed(gateway, twap(gateway, seconds=4, qty="0.04")))["order_id"]
    path = f"/v1/orders/{order_id}"
    async with gateway.client() as client:
        paused = await client.post(f"{path}/pause")
        await wait(gateway, 1.1)
        resumed = await client.post(f"{path}/resume")
        await settle()
        version = (await client.get(path)).json()["version"]
        amended = await client.patch(path, json={"qty": "0.05", "urgency": "urgent", "if_version": version})
        stale = await client.patch(path, json={"qty": "0.06", "if_version": version})
        nothing = await client.patch(path, json={"if_version": version})
        unknown = await client.patch(path, json={"rate": "0.1"})
        foreign = await gateway.client("rival").patch(path, json={"qty": "0.06"})
        reader = await gateway.client("desk_read").post(f"{path}/pause")
    assert (paused.status_code, paused.json()["schedule"]["is_paused"]) == (202, True)
    assert paused.json()["cum_qty"] == "0.01"
    assert (resumed.status_code, resumed.json()["schedule"]["is_paused"]) == (202, False)
    told = schema.Order.model_validate(amended.json())
    assert told.schedule is not None
    assert (amended.status_code, str(told.qty), told.schedule.urgency) == (202, "0.05", "urgent")
    assert (stale.status_code, stale.json()["code"]) == (409, "version_conflict")
    assert (nothing.status_code, unknown.status_code) == (422, 422)
    assert [e["pointer"] for e in unknown.json()["errors"]] == ["/rate"]
    assert (foreign.status_code, reader.status_code) == (404, 403)
    await wait(gateway, 3.2)
    done = await order_of(gateway, order_id)
    assert (done.status, str(done.cum_qty)) == ("filled", "0.05")
    async with gateway.client() as client:
        late = await client.patch(path, json={"qty": "1"})
        events = (await client.get(f"{path}/events")).json()["data"]
    assert (late.status_code, late.json()["code"]) == (409, "not_amendable")
    kinds = {event["kind"]: event["exec_type"] for event in events}
    assert kinds["order_amended"] == "replaced"
    assert kinds["schedule_paused"] == "suspended"
    assert kinds["schedule_resumed"] == "restated"


async def test_null_takes_a_would_price_away_and_silence_keeps_it(gateway: Gateway) -> None:
    order_id = (await placed(gateway, twap(gateway, params={"would_price": "50000"})))["order_id"]
    path = f"/v1/orders/{order_id}"
    async with gateway.client() as client:
        kept = await client.patch(path, json={"urgency": "urgent"})
        zero = await client.patch(path, json={"would_price": "0"})
        dropped = await client.patch(path, json={"would_price": None, "participation_cap": None})
        nothing = await client.patch(path, json={"qty": None})
    told = [schema.Order.model_validate(answer.json()).schedule for answer in (kept, dropped)]
    assert [None if s is None else s.would_price for s in told] == [Decimal(50_000), None]
    assert (zero.status_code, zero.json()["errors"][0]["code"]) == (422, "zero")
    assert nothing.json()["errors"][0]["code"] == "missing"


async def test_a_refused_amendment_changes_nothing(gateway: Gateway) -> None:
    order_id = (await placed(gateway, twap(gateway)))["order_id"]
    async with gateway.client() as client:
        refused = await client.patch(f"/v1/orders/{order_id}", json={"qty": "100000"})
        after = await client.get(f"/v1/orders/{order_id}")
    assert (refused.status_code, refused.json()["code"]) == (422, "max_order_qty")
    assert after.json()["qty"] == "0.01"


async def test_a_preview_shows_what_is_due_now_and_the_slices_after_it(gateway: Gateway) -> None:
    later = time_text(gateway.clock.wall_ns() + 3_600 * S)
    end_at = time_text(gateway.clock.wall_ns() + 3_604 * S)
    async with gateway.client("desk_read") as client:
        now = await client.post("/v1/orders/preview", json=twap(gateway, seconds=4))
        waiting = await client.post(
            "/v1/orders/preview", json=twap(gateway, params={"start_at": later, "end_at": end_at})
        )
        wrong = await client.post("/v1/orders/preview", json=twap(gateway, seconds=-1))
        refused = await client.post("/v1/orders/preview", json=twap(gateway, qty="100000"))
    told = Preview.model_validate(now.json())
    assert told.would_be_accepted
    assert told.slices is not None
    assert [str(item.qty) for item in told.slices] == ["0.0025"] * 4
    assert told.route is not None
    assert str(told.route.requested_qty) == "0.0025"
    told = Preview.model_validate(waiting.json())
    assert told.would_be_accepted
    assert told.route is None
    assert told.slices is not None
    assert len(told.slices) == 4
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "/strategy_params/end_at")
    assert not refused.json()["would_be_accepted"]
    assert not gateway.children


class Storm:
    """Nothing trades, spreads are wide: every slice is dear."""

    def outlook(self, symbol: str, horizon_ns: int) -> Outlook:
        return Outlook(PPM // 2, PPM * 3 // 2, PPM * 2, 600)


async def test_version_two_is_bent_and_says_how_far(gateway: Gateway) -> None:
    body = twap(gateway, seconds=10, qty="0.1", params={"version": 2, "urgency": "passive"})
    async with gateway.client() as client:
        refused = await client.post("/v1/orders", json=body)
    assert [e["pointer"] for e in refused.json()["errors"]] == ["/strategy_params/version"]
    engine = gateway.engine
    engine.core.world = replace(engine.core.world, outlooks=Storm())
    ack = await placed(gateway, body)
    assert (ack["schedule"]["version"], ack["schedule"]["max_tilt"], ack["schedule"]["lead_qty"]) == (2, "0.1", None)
    await wait(gateway, 2.2)
    told = await order_of(gateway, ack["order_id"])
    assert told.schedule is not None
    assert (str(told.schedule.lead_qty), str(told.cum_qty)) == ("-0.01", "0.02")
    async with gateway.client() as client:
        events = (await client.get(f"/v1/orders/{ack['order_id']}/events")).json()["data"]
        preview = (await client.post("/v1/orders/preview", json=body)).json()
    bent = [event["data"] for event in events if event["kind"] == "schedule_bent"]
    assert len(bent) == 3
    assert bent[0]["outlook"] == {"volume_bps": "5000", "spread_bps": "15000", "sigma_bps": "20000", "watched_s": 600}
    assert (bent[-1]["weight_bps"], bent[-1]["bend"]["lead_lots"]) == ("5000", -1_000)
    assert {item["qty"] for item in preview["slices"][:-1]} == {preview["slices"][0]["qty"]}, "version 1's plan"
    await wait(gateway, 8.0)
    done = await order_of(gateway, ack["order_id"])
    assert (done.status, str(done.cum_qty)) == ("filled", "0.1")


async def test_discretion_past_the_limit_over_http(gateway: Gateway) -> None:
    """The best ask is 60,000.01: two ticks beyond a limit of 59,999.99."""
    members = {"type": "limit", "limit_price": "59999.99", "qty": "0.003"}
    none = twap(gateway, seconds=2, params={"discretion_ticks": 2}, **members)
    body = twap(gateway, seconds=2, params={"discretion_ticks": 2, "discretion_past_limit": True}, **members)
    async with gateway.client() as client:
        refused = await client.post("/v1/orders", json=none)
        assert [e["pointer"] for e in refused.json()["errors"]] == ["/strategy_params/discretion_ticks"]
    ack = await placed(gateway, body)
    assert (ack["schedule"]["discretion"], ack["schedule"]["discretion_past_limit"]) == ("0.02", True)
    async with gateway.client() as client:
        events = (await client.get(f"/v1/orders/{ack['order_id']}/events")).json()["data"]
    (used,) = (event["data"] for event in events if event["kind"] == "discretion_used")
    assert (used["rest_price"], used["reach_price"], used["slice_qty"]) == ("59999.99", "60000.01", "0.0015")
