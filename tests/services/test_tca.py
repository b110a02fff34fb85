"""Finding an account's orders and having them judged."""

from __future__ import annotations

import pytest

from app.domain.enums import Side
from app.domain.errors import BadRequest
from app.services.tca import Wanted, as_parquet
from tests.api.gateway import Gateway, open_gateway, place

ALL = Wanted(0, 2**62)


async def three_orders(gateway: Gateway) -> list[str]:
    ids = []
    for n, side in enumerate(("buy", "sell", "buy")):
        price = "60100" if side == "buy" else "59900"
        ids.append((await place(gateway, client_order_id=f"t{n}", side=side, limit_price=price))["order_id"])
        gateway.clock.advance(10**9)
    return ids


async def test_orders_are_found_oldest_first_and_by_filter() -> None:
    async with open_gateway() as gateway:
        ids = await three_orders(gateway)
        tca = gateway.services.tca
        found = await tca.dossier("desk", ALL)
        assert [c.record.order_id for c in found.orders] == ids
        assert found.n_fills > 0
        assert not found.found.is_cut
        sells = await tca.dossier("desk", Wanted(0, 2**62, side=Side.SELL))
        assert [c.record.order_id for c in sells.orders] == ids[1:2]
        second = found.orders[1].record.created_ts_ns
        assert len((await tca.dossier("desk", Wanted(second, 2**62))).orders) == 2
        assert len((await tca.dossier("desk", Wanted(0, second))).orders) == 1
        assert (await tca.dossier("desk", Wanted(0, 2**62, symbol="ETH/USDT"))).orders == []
        assert (await tca.dossier("desk", Wanted(0, 2**62, venue="nowhere"))).orders == []
        assert (await tca.dossier("rival", ALL)).orders == []


async def test_too_many_orders_are_cut_and_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.services.tca.MAX_ORDERS", 2)
    async with open_gateway() as gateway:
        ids = await three_orders(gateway)
        found = await gateway.services.tca.dossier("desk", ALL)
        assert [c.record.order_id for c in found.orders] == ids[1:]
        assert found.found.is_cut


async def test_one_order_is_judged_by_the_others_errors() -> None:
    async with open_gateway() as gateway:
        ids = await three_orders(gateway)
        tca = gateway.services.tca
        costs = await tca.order("desk", "client:t1")
        assert costs.record.order_id == ids[1]
        assert (await tca.order_dossier("desk", ids[1])).orders[0].plan_error == costs.plan_error
        page = await tca.report(await tca.order_dossier("desk", ids[1]))
        assert ids[1].encode() in page
        with pytest.raises(BadRequest):
            await tca.order("rival", ids[1])


async def test_an_order_at_work_has_no_report_yet() -> None:
    async with open_gateway() as gateway:
        for venue in gateway.venues.values():
            venue.manner = "silent"
        body = await place(gateway)
        with pytest.raises(BadRequest, match="not done"):
            await gateway.services.tca.order_dossier("desk", body["order_id"])


def test_without_pyarrow_parquet_is_refused_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(BadRequest, match="not_installed") as refused:
        as_parquet([{"a": 1}])
    assert "replay" in str(refused.value.hint)
