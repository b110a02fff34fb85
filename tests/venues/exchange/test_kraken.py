"""Kraken as ccxt speaks it, against the local exchange."""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import Iterator
from decimal import Decimal

import aiohttp
import pytest

from tests.venues.exchange import scenarios
from tests.venues.exchange.protocols.kraken_words import trade_txid
from tests.venues.exchange.scenarios import Case, World, refused
from tests.venues.exchange.server import LocalExchange

CASE = Case(
    "kraken",
    market="XBTUSDT",
    wrong_signature="ExchangeError",  # ccxt has no class for EAPI:Invalid signature
    post_only="canceled",
    depth=10,
    fetches_by_client_id=False,
    trade_id=trade_txid,
    told_trade_id=trade_txid,
    tells_partials=False,
    tells_client_id=False,
)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with LocalExchange(["kraken"]) as server:
        yield World(server, CASE)
        assert not server.control.imbalance()
        assert not server.control.ledger("malformed")


@pytest.mark.parametrize("scenario", (*scenarios.ALL, scenarios.a_read_only_key_cannot_trade), ids=lambda s: s.__name__)
async def test_ccxt(world: World, scenario) -> None:
    await scenario(world)


@pytest.mark.parametrize("depth", [10, 25])
async def test_every_book_message_carries_the_checksum_of_the_book_it_leaves(world: World, depth: int) -> None:
    """From the raw digits of the JSON, as the documents say: a client that reads floats cannot do it."""
    world.quote_book()
    world.control.freeze("kraken", "XBTUSDT", False)
    books: dict[str, dict[Decimal, str]] = {"asks": {}, "bids": {}}

    def digits(text: str) -> str:
        return text.replace(".", "").lstrip("0")

    url = f"ws://127.0.0.1:{world.server.port}/ws.kraken.com/v2"
    async with aiohttp.ClientSession() as http, http.ws_connect(url) as socket:
        params = {"channel": "book", "symbol": ["BTC/USDT"], "depth": depth}
        await socket.send_json({"method": "subscribe", "params": params, "req_id": 1})
        seen = 0
        while seen < 25:
            raw = (await asyncio.wait_for(socket.receive(), 20)).data
            message = json.loads(raw, parse_float=str, parse_int=str)
            if message.get("channel") != "book":
                world.control.step("kraken", "XBTUSDT")
                continue
            (row,) = message["data"]
            for side, held in books.items():
                for level in row[side]:
                    held.pop(Decimal(level["price"]), None)
                    if Decimal(level["qty"]):
                        held[Decimal(level["price"])] = digits(level["price"]) + digits(level["qty"])
                keep = sorted(held, reverse=side == "bids")[:depth]
                books[side] = {price: held[price] for price in keep}
            payload = "".join("".join(list(books[side].values())[:10]) for side in ("asks", "bids"))
            assert zlib.crc32(payload.encode()) == int(row["checksum"])
            seen += 1
            world.control.step("kraken", "XBTUSDT")


async def test_words_are_krakens(world: World) -> None:
    account = world.open_account()
    world.quote_book()
    async with world.client(account) as client:
        await world.load(client)
        assert "Unknown order" in str(await refused(client.cancel_order("OXXXXX", CASE.symbol), "OrderNotFound"))
        order = await client.create_order(CASE.symbol, "limit", "buy", 1, 99, {"clientOrderId": "mine"})
        assert order["id"].startswith("O0")
        found = await client.fetch_open_orders(params={"clientOrderId": "mine"})
        assert [row["id"] for row in found] == [order["id"]]
        await client.cancel_order(None, CASE.symbol, {"clientOrderId": "mine"})
        closed = await client.fetch_closed_orders(params={"clientOrderId": "mine"})
        assert [(row["id"], row["status"]) for row in closed] == [(order["id"], "canceled")]
        await client.create_order(CASE.symbol, "limit", "buy", 1, 99)
        await client.cancel_all_orders_after(1000)
        await scenarios.until(
            lambda: world.control.orders("kraken", account)[-1]["state"] == "canceled", "the deadline"
        )
        long = client.create_order(CASE.symbol, "limit", "buy", 1, 99, {"clientOrderId": "x" * 19})
        assert "cl_ord_id" in str(await refused(long, "ExchangeError"))
        small = client.create_order(CASE.symbol, "limit", "buy", 0.00001, 99)
        assert "minimum not met" in str(await refused(small, "InvalidOrder"))
        client.incrementing_nonce = lambda: 1
        assert "Invalid nonce" in str(await refused(client.fetch_balance(), "InvalidNonce"))


async def test_orders_over_the_socket(world: World) -> None:
    account = world.open_account()
    world.quote_book()
    async with world.client(account) as client:
        await world.load(client)
        order = await client.create_order_ws(CASE.symbol, "limit", "buy", 1, 99)
        assert [row["id"] for row in world.control.orders("kraken", account)] == [order["id"]]
        await client.cancel_order_ws(order["id"])
        assert world.control.orders("kraken", account)[0]["state"] == "canceled"
