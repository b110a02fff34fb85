"""Binance as ccxt speaks it, spot and USD-M, against the local exchange."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.venues.exchange import scenarios
from tests.venues.exchange.scenarios import Case, World, refused
from tests.venues.exchange.server import LocalExchange

CASE = Case(
    "binance",
    options={"fetchMarkets": {"types": ["spot", "linear"]}},
    watches=("orders", "trades", "clock"),
    swap="BTC/USDT:USDT",
    swap_market="BTCUSDT_PERP",
    swap_params={"type": "swap"},
)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with LocalExchange(["binance"]) as server:
        yield World(server, CASE)
        assert not server.control.imbalance()
        assert not server.control.ledger("malformed")


@pytest.mark.parametrize("scenario", (*scenarios.ALL, *scenarios.PERPETUAL), ids=lambda s: s.__name__)
async def test_ccxt(world: World, scenario) -> None:
    await scenario(world)


async def test_codes_are_binances(world: World) -> None:
    """What an adapter must tell apart: -2011 on cancel, -2013 on query, -2010 and its words on a new order."""
    account = world.open_account()
    world.quote_book()
    async with world.client(account) as client:
        await world.load(client)
        assert "-2011" in str(await refused(client.cancel_order("1", CASE.symbol), "OrderNotFound"))
        assert "-2013" in str(await refused(client.fetch_order("1", CASE.symbol), "OrderNotFound"))
        poor = client.create_order(CASE.symbol, "limit", "sell", 51, 100)
        assert "insufficient balance" in str(await refused(poor, "InsufficientFunds"))
        small = client.create_order(CASE.symbol, "limit", "buy", 0.01, 99)
        assert "NOTIONAL" in str(await refused(small, "ExchangeError"))
        world.control.switch("error_after", venue="binance", account=account, value=504, times=1)
        unknown = client.create_order(CASE.symbol, "limit", "buy", 1, 99)
        assert "-1007" in str(await refused(unknown, "RequestTimeout"))
        world.control.switch("banned", venue="binance", account=account, value=3, times=1)
        assert "418" in str(await refused(client.fetch_balance(), "DDoSProtection"))
        assert client.last_response_headers["Retry-After"] == "3"
        assert (await client.sapiGetAccountApiRestrictions())["enableWithdrawals"] is False


async def test_a_cancel_tells_both_client_ids(world: World) -> None:
    """`c` of a canceled executionReport is the cancel's id, `C` the order's: who reads only `c` loses the order."""
    import aiohttp

    account = world.open_account()
    world.quote_book()
    async with world.client(account) as client, aiohttp.ClientSession() as http:
        await world.load(client)
        url = f"ws://127.0.0.1:{world.server.port}/ws-api.binance.com:443/ws-api/v3"
        async with http.ws_connect(url) as socket:
            params = client.sign_params({})
            await socket.send_json({"id": "1", "method": "userDataStream.subscribe.signature", "params": params})
            assert (await socket.receive_json())["result"] == {"subscriptionId": 0}
            order = await client.create_order(CASE.symbol, "limit", "buy", 1, 99, {"clientOrderId": "mine"})
            await client.cancel_order(order["id"], CASE.symbol)
            events = []
            while not events or events[-1].get("x") != "CANCELED":
                events.append((await asyncio.wait_for(socket.receive_json(), 5))["event"])
        assert events[-1]["C"] == "mine" != events[-1]["c"]
        params = client.sign_params({"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quoteOrderQty": "250"})
        async with http.ws_connect(url) as socket:
            await socket.send_json({"id": 2, "method": "order.place", "params": params})
            assert (await socket.receive_json())["result"]["status"] == "FILLED"
            await socket.send_json({"id": 3, "method": "order.place", "params": params | {"signature": "0"}})
            assert (await socket.receive_json())["error"]["code"] == -1022


async def test_a_spot_order_is_replaced_and_bad_words_are_told(world: World) -> None:
    account = world.open_account()
    world.quote_book()
    async with world.client(account) as client:
        await world.load(client)
        order = await client.create_order(CASE.symbol, "limit", "buy", 1, 99)
        fresh = await client.edit_order(order["id"], CASE.symbol, "limit", "buy", 2, 98)
        rows = world.control.orders("binance", account)
        assert [(row["state"], row["qty"]) for row in rows] == [("canceled", "1"), ("open", "2")]
        assert rows[1]["id"] == fresh["id"]
        gone = client.edit_order(order["id"], CASE.symbol, "limit", "buy", 2, 98)
        assert "-2011" in str(await refused(gone, "ExchangeError"))
        stop = client.privatePostOrder({"symbol": "BTCUSDT", "side": "BUY", "type": "STOP_LOSS", "quantity": "1"})
        assert "-1116" in str(await refused(stop, "ExchangeError"))
        assert (await client.fetch_trading_fee(CASE.symbol))["taker"] == 0.001


async def test_futures_amend_and_count_down(world: World) -> None:
    account = world.open_account()
    market = {"symbol": "BTCUSDT"}
    world.control.set_book("binance", "BTCUSDT_PERP", [("1000", "5")], [("1001", "5")])
    async with world.client(account) as client:
        await world.load(client)
        order = await client.create_order(CASE.swap, "limit", "buy", 1, 900)
        await client.edit_order(order["id"], CASE.swap, "limit", "buy", 2, 910)
        assert world.control.orders("binance", account)[0]["price"] == "910"
        await client.fapiPrivatePostCountdownCancelAll({**market, "countdownTime": 50})
        await scenarios.until(
            lambda: world.control.orders("binance", account)[0]["state"] == "canceled", "the countdown"
        )
        low = client.create_order(CASE.swap, "limit", "buy", 0.01, 900)
        assert "-4164" in str(await refused(low, "ExchangeError"))
