"""Amending a limit order that waits, over HTTP."""

from __future__ import annotations

from tests.api.gateway import GOOD, Gateway, settle


async def test_a_waiting_limit_order_takes_a_new_limit_and_fills(gateway: Gateway) -> None:
    async with gateway.client() as client:
        body = GOOD | {"limit_price": "59900", "time_in_force": "gtc", "client_order_id": "w-1"}
        placed = await client.post("/v1/orders", json=body)
        path = f"/v1/orders/{placed.json()['order_id']}"
        pause = await client.post(f"{path}/pause")
        amended = await client.patch(path, json={"limit_price": "60100", "qty": "0.05"})
        await settle()
        after = (await client.get(path)).json()
        again = await client.post("/v1/orders", json=body)
    assert (pause.status_code, pause.json()["code"]) == (409, "not_amendable")
    assert (amended.status_code, amended.json()["limit_price"]) == (202, "60100")
    assert (after["status"], after["cum_qty"], after["price_cap"]) == ("filled", "0.05", "60100")
    assert again.content == placed.content
