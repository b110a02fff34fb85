"""Coinbase Advanced as ccxt speaks it, against the local exchange."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import aiohttp
import pytest

from tests.venues.exchange import scenarios
from tests.venues.exchange.protocols.coinbase_words import trade_uuid
from tests.venues.exchange.protocols.tokens import claims, new_ed25519_key, new_es256_key
from tests.venues.exchange.scenarios import Case, World, refused
from tests.venues.exchange.server import LocalExchange

CASE = Case(
    "coinbase",
    market="BTC-USDT",
    secret=new_es256_key(),
    wrong_secret=new_es256_key(),
    key=lambda account: f"organizations/local/apiKeys/{account}",
    client_param="client_order_id",  # ccxt drops its own clientOrderId here
    duplicates="same",
    fetches_by_client_id=False,
    trade_id=trade_uuid,
    watches=("orders", "clock"),  # the venue's stream has no single fills
)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with LocalExchange(["coinbase"]) as server:
        yield World(server, CASE)
        assert not server.control.imbalance()
        assert not server.control.ledger("malformed")


@pytest.mark.parametrize("scenario", (*scenarios.ALL, scenarios.a_read_only_key_cannot_trade), ids=lambda s: s.__name__)
async def test_ccxt(world: World, scenario) -> None:
    await scenario(world)


def test_a_token_is_good_only_under_its_own_key() -> None:
    import ccxt

    for secret, other, settings in (
        (CASE.secret, CASE.wrong_secret, {"apiKey": "organizations/x"}),
        (new_ed25519_key(), new_ed25519_key(), {"apiKey": "a5ee10f0"}),
    ):
        client = ccxt.coinbase({**settings, "secret": secret})
        is_edwards = not secret.startswith("-----BEGIN")
        token = client.create_auth_token(client.seconds(), "GET", "https://api.coinbase.com/x", is_edwards)
        told = claims(token, secret)
        assert told is not None and told["sub"] == settings["apiKey"]
        assert claims(token, other) is None
        assert claims(token + "x", secret) is None or claims(token[:-4] + "AAAA", secret) is None


async def test_an_ed25519_key_opens_the_door_too(world: World) -> None:
    secret = new_ed25519_key()
    world.control.account("coinbase", "edwards", "a5ee10f0-edwards", secret, balances={"USD": "7"})
    import ccxt.pro

    from tests.venues.exchange.localise import localise

    client = localise(ccxt.pro.coinbase({"apiKey": "a5ee10f0-edwards", "secret": secret}), world.server.port)
    try:
        await world.load(client)
        assert (await client.fetch_balance({"v3": True}))["USD"]["total"] == 7
        assert (await client.v3PrivateGetBrokerageKeyPermissions())["can_transfer"] is False
    finally:
        await client.close()


async def test_sequence_numbers_count_every_message_of_a_connection(world: World) -> None:
    """Over all channels together, so that a message left out shows."""
    world.quote_book()
    world.control.freeze("coinbase", "BTC-USDT", False)
    url = f"ws://127.0.0.1:{world.server.port}/advanced-trade-ws.coinbase.com"
    async with aiohttp.ClientSession() as http, http.ws_connect(url) as socket:
        for channel in ("level2", "market_trades", "heartbeats"):
            await socket.send_json({"type": "subscribe", "product_ids": ["BTC-USDT"], "channel": channel})
        numbers = []
        for _ in range(20):
            numbers.append((await asyncio.wait_for(socket.receive_json(), 5))["sequence_num"])
            world.control.step("coinbase", "BTC-USDT")
        assert numbers == list(range(20))
        world.control.switch("book_gap", venue="coinbase", times=1)
        world.control.step("coinbase", "BTC-USDT", 60)
        while numbers[-1] == len(numbers) - 1:
            numbers.append((await asyncio.wait_for(socket.receive_json(), 5))["sequence_num"])
        assert numbers[-1] == len(numbers)
        world.control.clear()


async def test_words_are_coinbases(world: World) -> None:
    account = world.open_account()
    world.quote_book()
    async with world.client(account) as client:
        await world.load(client)
        await refused(client.cancel_order("none", CASE.symbol), "BadRequest")
        assert "not found" in str(await refused(client.fetch_order("none", CASE.symbol), "ExchangeError"))
        small = client.create_order(CASE.symbol, "limit", "buy", 0.001, 99)
        assert "INVALID_QUOTE_SIZE" in str(await refused(small, "ExchangeError"))
        order = await client.create_order(CASE.symbol, "limit", "buy", 1, 99)
        await client.edit_order(order["id"], CASE.symbol, "limit", "buy", 2, 98)
        assert world.control.orders("coinbase", account)[0]["qty"] == "2"
        spent = await client.create_order(CASE.symbol, "market", "buy", 100.5, None, {"cost": 100.5})
        assert (
            world.control.orders("coinbase", account)[1] | {"id": spent["id"], "filled": "1"}
            == (world.control.orders("coinbase", account)[1])
        )
