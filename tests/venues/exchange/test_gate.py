"""Gate v4 as ccxt speaks it, spot and USDT futures, against the local exchange."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.venues.exchange import scenarios
from tests.venues.exchange.scenarios import Case, World, refused
from tests.venues.exchange.server import LocalExchange

CASE = Case(
    "gate",
    watches=("orders", "trades", "clock"),
    market="BTC_USDT",
    client_id=lambda n: f"t-bx{n:08d}",
    duplicates="allowed",
    swap="BTC/USDT:USDT",
    swap_market="BTC_USDT.futures",
    swap_params={"type": "swap"},
    uid="1",
)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with LocalExchange(["gate"]) as server:
        yield World(server, CASE)
        assert not server.control.imbalance()
        assert not server.control.ledger("malformed")


@pytest.mark.parametrize("scenario", (*scenarios.ALL, *scenarios.PERPETUAL), ids=lambda s: s.__name__)
async def test_ccxt(world: World, scenario) -> None:
    await scenario(world)


async def test_orders_are_amended_counted_down_and_canceled_together(world: World) -> None:
    account = world.open_account()
    world.quote_book()
    async with world.client(account) as client:
        await world.load(client)
        order = await client.create_order(CASE.symbol, "limit", "buy", 1, 90, {"text": "t-mine"})
        await client.edit_order(order["id"], CASE.symbol, "limit", "buy", 2, 91)
        row = world.control.orders("gate", account)[0]
        assert (row["qty"], row["price"], row["client_id"]) == ("2", "91", "t-mine")
        await client.cancel_all_orders(CASE.symbol)
        contracts = await client.create_order(CASE.swap, "limit", "buy", 10, 900)
        await client.edit_order(contracts["id"], CASE.swap, "limit", "buy", 20, 910)
        assert world.control.orders("gate", account)[1]["qty"] == "20"
        await client.cancel_all_orders(CASE.swap)
        await client.create_order(CASE.symbol, "limit", "sell", 1, 200)
        assert len(await client.fetch_open_orders()) == 1
        await client.privateSpotPostCountdownCancelAll({"timeout": 1})
        await scenarios.until(
            lambda: world.control.orders("gate", account)[2]["state"] == "canceled", "the countdown", 4
        )
        market = await client.create_order(CASE.symbol, "market", "buy", 2, 100.5)
        assert (market["status"], market["filled"]) == ("closed", 2)


async def test_the_full_update_channel_has_no_holes(world: World) -> None:
    import aiohttp

    url = f"http://127.0.0.1:{world.server.port}/api.gateio.ws/ws/v4/"
    async with aiohttp.ClientSession() as http, http.ws_connect(url) as socket:
        request = {"id": 1, "time": 1, "channel": "spot.order_book_update", "event": "subscribe"}
        await socket.send_json(request | {"payload": ["BTC_USDT", "100ms"]})
        assert (await socket.receive_json())["result"] == {"status": "success"}
        world.control.freeze("gate", "BTC_USDT", False)
        world.control.step("gate", "BTC_USDT", 10)
        last = 0
        for _ in range(5):
            told = (await asyncio.wait_for(socket.receive_json(), 5))["result"]
            assert last in {0, told["U"] - 1}
            assert len(told["b"]) + len(told["a"]) == told["u"] - told["U"] + 1
            last = told["u"]
        await socket.send_json(request | {"channel": "spot.orders", "payload": ["!all"]})
        while "error" not in (answer := await asyncio.wait_for(socket.receive_json(), 5)):
            pass
        assert answer["error"]["code"] == 4


@pytest.mark.parametrize(
    ("change", "label"),
    [
        ({"amount": "1.0000001"}, "INVALID_PRECISION"),
        ({"price": "99.01"}, "INVALID_PRECISION"),
        ({"amount": "0.001"}, "INVALID_PARAM_VALUE"),
        ({"currency_pair": "NOPE_USDT"}, "INVALID_CURRENCY_PAIR"),
        ({"amount": "9000"}, "BALANCE_NOT_ENOUGH"),
        ({"text": "mine"}, "INVALID_PARAM_VALUE"),
        ({"time_in_force": "day"}, "INVALID_PARAM_VALUE"),
    ],
)
async def test_refusals_bear_the_venues_labels(world: World, change, label) -> None:
    account = world.open_account()
    async with world.client(account) as client:
        request = {"currency_pair": "BTC_USDT", "side": "buy", "type": "limit", "amount": "1", "price": "99"}
        error = await refused(client.privateSpotPostOrders(request | change), "ExchangeError")
    assert f'"label": "{label}"' in str(error)
    assert not world.control.orders("gate", account)


async def test_a_late_clock_is_refused_and_limits_are_told(world: World) -> None:
    account = world.open_account()
    async with world.client(account) as client:
        skew = world.control.switch("clock_skew", venue="gate", account=account, value=90_000)
        assert "REQUEST_EXPIRED" in str(await refused(client.privateAccountGetDetail(), "ExchangeError"))
        world.control.clear(skew)
        assert (await client.privateAccountGetDetail())["key"]["mode"] == 1
        assert int(client.last_response_headers["X-Gate-RateLimit-Requests-Remain"]) < 200
