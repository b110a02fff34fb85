"""OKX as ccxt speaks it, spot and swaps, against the local exchange."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Iterator

import aiohttp
import pytest

from tests.venues.exchange import scenarios
from tests.venues.exchange.scenarios import Case, World, refused
from tests.venues.exchange.server import LocalExchange

CASE = Case(
    "okx",
    market="BTC-USDT",
    passphrase="phrase",
    options={"fetchMarkets": {"types": ["spot", "swap"]}},
    client_id=lambda n: f"bx{n:08d}",
    post_only="canceled",
    watches=("orders", "trades", "clock"),
    swap="BTC/USDT:USDT",
    swap_market="BTC-USDT-SWAP",
)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with LocalExchange(["okx"]) as server:
        yield World(server, CASE)
        assert not server.control.imbalance()
        assert not server.control.ledger("malformed")


@pytest.mark.parametrize("scenario", (*scenarios.ALL, *scenarios.PERPETUAL), ids=lambda s: s.__name__)
async def test_ccxt(world: World, scenario) -> None:
    await scenario(world)


async def test_every_book_message_carries_the_checksum_of_the_book_it_leaves(world: World) -> None:
    world.quote_book()
    world.control.freeze("okx", "BTC-USDT", False)
    url = f"ws://127.0.0.1:{world.server.port}/ws.okx.com:8443/ws/v5/public"
    books: dict[str, dict[str, str]] = {"bids": {}, "asks": {}}

    def crc() -> int:
        sides = [
            sorted(books[s].items(), key=lambda r: float(r[0]), reverse=s == "bids")[:25] for s in ("bids", "asks")
        ]
        parts = [":".join(side[i]) for i in range(25) for side in sides if i < len(side)]
        value = zlib.crc32(":".join(parts).encode())
        return value - 2**32 if value >= 2**31 else value

    def follow(message: dict) -> bool:
        (row,) = message["data"]
        for side in ("bids", "asks"):
            for price, size, *_rest in row[side]:
                if size == "0":
                    books[side].pop(price, None)
                else:
                    books[side][price] = size
        return crc() == row["checksum"]

    async with aiohttp.ClientSession() as http, http.ws_connect(url) as socket:
        await socket.send_json({"op": "subscribe", "args": [{"channel": "books", "instId": "BTC-USDT"}]})
        assert (await socket.receive_json())["event"] == "subscribe"
        seq = -1
        for _ in range(30):
            message = await asyncio.wait_for(socket.receive_json(), 5)
            assert message["data"][0]["prevSeqId"] == seq
            seq = message["data"][0]["seqId"]
            assert follow(message)
            world.control.step("okx", "BTC-USDT")
        rule = world.control.switch("bad_checksum", venue="okx", times=1)
        world.control.step("okx", "BTC-USDT", 2)
        told: list[bool] = []
        while not told or told[-1]:
            message = await asyncio.wait_for(socket.receive_json(), 5)
            told.append(follow(message))
        assert [row["hits"] for row in world.control.rules() if row["id"] == rule] == [1]
        world.control.clear()


async def test_codes_are_okxs(world: World) -> None:
    account = world.open_account()
    world.quote_book()
    async with world.client(account) as client:
        await world.load(client)
        assert "51400" in str(await refused(client.cancel_order("1", CASE.symbol), "OrderNotFound"))
        assert "51603" in str(await refused(client.fetch_order("1", CASE.symbol), "OrderNotFound"))
        bad = client.create_order(CASE.symbol, "limit", "buy", 1, 99, {"clientOrderId": "with-dash"})
        assert "51000" in str(await refused(bad, "ExchangeError"))
        rows = [
            {
                "instId": "BTC-USDT",
                "tdMode": "cash",
                "side": "buy",
                "ordType": "limit",
                "sz": "1",
                "px": px,
                "clOrdId": c,
            }
            for px, c in (("99", "a1"), ("99", "a1"))
        ]
        answer = await client.privatePostTradeBatchOrders(rows)
        assert answer["code"] == "2"
        assert [row["sCode"] for row in answer["data"]] == ["0", "51016"]
        await client.privatePostTradeCancelAllAfter({"timeOut": "1"})
        await scenarios.until(
            lambda: world.control.orders("okx", account)[-1]["state"] == "canceled", "cancel-all-after"
        )
        config = await client.privateGetAccountConfig()
        assert config["data"][0]["perm"] == "read_only,trade"


async def test_an_order_past_its_exp_time_is_refused(world: World) -> None:
    account = world.open_account()
    world.quote_book()
    async with world.client(account) as client:
        await world.load(client)
        client.headers = {"expTime": str(client.milliseconds() - 1000)}
        await refused(client.create_order(CASE.symbol, "limit", "buy", 1, 99), "ExchangeError")
        client.headers = {"expTime": str(client.milliseconds() + 5000)}
        order = await client.create_order(CASE.symbol, "limit", "buy", 1, 99)
        client.headers = {}
        assert [row["id"] for row in world.control.orders("okx", account)] == [order["id"]]
        assert int(order["id"]) > 2**53


async def test_orders_over_the_socket(world: World) -> None:
    account = world.open_account()
    world.quote_book()
    async with world.client(account) as client:
        await world.load(client)
        order = await client.create_order_ws(CASE.symbol, "limit", "buy", 1, 99, {"clientOrderId": "ws1"})
        await client.edit_order_ws(order["id"], CASE.symbol, "limit", "buy", 2, 98)
        assert (
            world.control.orders("okx", account)[0] | {"price": "98", "qty": "2", "client_id": "ws1"}
            == (world.control.orders("okx", account)[0])
        )
        await client.cancel_order_ws(order["id"], CASE.symbol, {"instId": "BTC-USDT"})
        assert world.control.orders("okx", account)[0]["state"] == "canceled"
