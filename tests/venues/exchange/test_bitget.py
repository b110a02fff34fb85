"""Bitget v2 as ccxt speaks it, spot and USDT futures, against the local exchange."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.venues.exchange import scenarios
from tests.venues.exchange.scenarios import Case, World, refused
from tests.venues.exchange.server import LocalExchange

CASE = Case(
    "bitget",
    watches=("orders", "trades", "clock"),
    passphrase="open sesame",
    post_only="canceled",
    swap="BTC/USDT:USDT",
    swap_market="BTCUSDT.mix",
    swap_params={"type": "swap", "productType": "USDT-FUTURES"},
)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with LocalExchange(["bitget"]) as server:
        yield World(server, CASE)
        assert not server.control.imbalance()
        assert not server.control.ledger("malformed")


@pytest.mark.parametrize("scenario", (*scenarios.ALL, *scenarios.PERPETUAL), ids=lambda s: s.__name__)
async def test_ccxt(world: World, scenario) -> None:
    await scenario(world)


async def test_a_bad_checksum_ends_the_clients_subscription(world: World) -> None:
    async with world.client() as client:
        await world.load(client)
        world.control.freeze("bitget", "BTCUSDT", False)
        await asyncio.wait_for(client.watch_order_book(CASE.symbol), 5)
        rule = world.control.switch("bad_checksum", venue="bitget")
        watching = asyncio.create_task(client.watch_order_book(CASE.symbol))
        await asyncio.sleep(0)
        world.control.step("bitget", "BTCUSDT", 3)
        # ccxt unsubscribes first, and that is what the waiting call hears
        await refused(asyncio.wait_for(watching, 5), "ChecksumError", "UnsubscribeError")
        world.control.clear(rule)


async def test_a_market_buy_spends_quote(world: World) -> None:
    account = world.open_account()
    world.quote_book()
    async with world.client(account) as client:
        await world.load(client)
        order = await client.create_order(CASE.symbol, "market", "buy", 1.5, 100.5)
        seen = await client.fetch_order(order["id"], CASE.symbol)
    row = world.control.orders("bitget", account)[0]
    assert (row["filled"], row["state"], seen["status"], seen["filled"]) == ("1.5", "filled", "closed", 1.5)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"size": "1.0000001"}, "40808"),
        ({"price": "99.001"}, "40808"),
        ({"size": "0.001"}, "45110"),
        ({"symbol": "NOPEUSDT"}, "40034"),
        ({"size": "9000"}, "43012"),
        ({"clientOid": "x" * 41}, "40305"),
        ({"force": "never"}, "40017"),
    ],
)
async def test_refusals_bear_the_venues_codes(world: World, change, code) -> None:
    account = world.open_account()
    async with world.client(account) as client:
        request = {"symbol": "BTCUSDT", "side": "buy", "orderType": "limit", "size": "1", "price": "99"}
        error = await refused(client.privateSpotPostV2SpotTradePlaceOrder(request | change), "ExchangeError")
    assert f'"code": "{code}"' in str(error)
    assert not world.control.orders("bitget", account)


async def test_a_wrong_passphrase_or_clock_is_refused_and_the_key_tells_its_rights(world: World) -> None:
    account = world.open_account()
    async with world.client(account) as client:
        skew = world.control.switch("clock_skew", venue="bitget", account=account, value=40_000)
        await refused(client.privateSpotGetV2SpotAccountInfo(), "InvalidNonce")
        world.control.clear(skew)
        rights = (await client.privateSpotGetV2SpotAccountInfo())["data"]["authorities"]
        assert "stow" in rights
        assert "wtow" not in rights
        client.password = "wrong"
        await refused(client.privateSpotGetV2SpotAccountInfo(), "AuthenticationError")


async def test_an_amended_order_is_another_one(world: World) -> None:
    account = world.open_account()
    world.quote_book()
    async with world.client(account) as client:
        await world.load(client)
        for symbol, price in ((CASE.symbol, 90), (CASE.swap, 900)):
            order = await client.create_order(symbol, "limit", "buy", 1, price)
            fresh = await client.edit_order(
                order["id"], symbol, "limit", "buy", 2, price + 1, {"newClientOid": f"n{price}"}
            )
            (mine,) = await client.fetch_open_orders(symbol)
            assert (mine["id"], mine["amount"], mine["clientOrderId"]) == (fresh["id"], 2, f"n{price}")
            assert fresh["id"] != order["id"]
    states = [row["state"] for row in world.control.orders("bitget", account)]
    assert states == ["canceled", "open"] * 2
