"""KuCoin as ccxt speaks it, high-frequency and classic spot accounts, against the local exchange."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.venues.exchange import scenarios
from tests.venues.exchange.scenarios import Case, World, refused
from tests.venues.exchange.server import LocalExchange

CASE = Case(
    "kucoin",
    watches=("orders", "trades", "clock"),
    market="BTC-USDT",
    passphrase="open sesame",
    post_only="canceled",
    options={"hf": True},
)
CLASSIC = replace(CASE, options={"hf": False})
ASKING = replace(CASE, options={})  # ccxt asks whether the account is a high-frequency one


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with LocalExchange(["kucoin"]) as server:
        yield World(server, CASE)
        assert not server.control.imbalance()
        assert not server.control.ledger("malformed")


@pytest.fixture
def classic(world: World) -> Iterator[World]:
    """The same venue with accounts that have not opened high-frequency trading."""
    protocol = world.server.protocols["kucoin"]
    protocol.is_high_frequency = False
    yield World(world.server, CLASSIC)
    protocol.is_high_frequency = True


@pytest.mark.parametrize("scenario", (*scenarios.ALL, scenarios.a_read_only_key_cannot_trade), ids=lambda s: s.__name__)
async def test_high_frequency(world: World, scenario) -> None:
    await scenario(world)


@pytest.mark.parametrize(
    "scenario",
    [scenarios.an_order_lives, scenarios.immediate_orders_do_not_rest, scenarios.streams_tell_orders_and_fills],
    ids=lambda s: s.__name__,
)
async def test_classic(classic: World, scenario) -> None:
    await scenario(classic)


async def test_orders_are_canceled_by_client_id_and_all_at_once(world: World) -> None:
    asking = World(world.server, ASKING)
    account = asking.open_account()
    world.quote_book()
    async with asking.client(account) as client:
        await client.load_markets()
        assert client.options["hf"] is True
        for n in range(3):
            await client.create_order(CASE.symbol, "limit", "buy", 1, 90, {"clientOrderId": f"mine-{n}"})
        gone = await client.cancel_order(None, CASE.symbol, {"clientOrderId": "mine-1"})
        assert gone["clientOrderId"] == "mine-1"
        await client.cancel_all_orders(CASE.symbol)
        assert [row["state"] for row in world.control.orders("kucoin", account)] == ["canceled"] * 3
        assert "not_exist" in str(await refused(client.cancel_order("nope", CASE.symbol), "OrderNotFound"))
        market = await client.create_order(CASE.symbol, "market", "buy", 1, params={"cost": 150.75})
        done = await client.fetch_closed_orders(CASE.symbol)
        assert {order["id"] for order in done if order["status"] == "closed"} == {market["id"]}
        assert world.control.orders("kucoin", account)[-1]["filled"] == "1.5"


async def test_a_socket_needs_a_token_and_a_private_topic_an_account(world: World) -> None:
    import aiohttp

    base = f"http://127.0.0.1:{world.server.port}"
    async with aiohttp.ClientSession() as http:
        async with http.ws_connect(f"{base}/ws-api-spot.kucoin.com/?token=guess&connectId=1") as socket:
            assert (await socket.receive_json())["type"] == "error"
            assert (await asyncio.wait_for(socket.receive(), 20)).type is aiohttp.WSMsgType.CLOSE
        async with http.post(f"{base}/api.kucoin.com/api/v1/bullet-public") as answer:
            data = (await answer.json())["data"]
        async with http.ws_connect(f"{data['instanceServers'][0]['endpoint']}?token={data['token']}") as socket:
            assert (await socket.receive_json())["type"] == "welcome"
            topic = {"id": 1, "type": "subscribe", "topic": "/spotMarket/tradeOrders", "privateChannel": True}
            await socket.send_json(topic)
            assert (await socket.receive_json())["code"] == 403
            await socket.send_json({"id": 2, "type": "subscribe", "topic": "/market/level2:BTC-USDT", "response": True})
            assert await socket.receive_json() == {"id": 2, "type": "ack"}
            world.control.freeze("kucoin", "BTC-USDT", False)
            world.control.step("kucoin", "BTC-USDT", 20)
            last, blanks = 0, 0
            for _ in range(8):
                told = (await asyncio.wait_for(socket.receive_json(), 5))["data"]
                assert last in {0, told["sequenceStart"] - 1}
                last = told["sequenceEnd"]
                blanks += any(row[0] == "0" for rows in told["changes"].values() for row in rows)
                numbers = sorted(int(row[2]) for rows in told["changes"].values() for row in rows)
                assert numbers == list(range(told["sequenceStart"], last + 1))
            assert blanks


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"size": "1.000000001"}, "400100"),
        ({"price": "99.01"}, "400100"),
        ({"size": "0.000001"}, "400100"),
        ({"symbol": "NOPE-USDT"}, "400600"),
        ({"size": "9000"}, "200004"),
        ({"clientOid": "with space"}, "400100"),
        ({"side": "hold"}, "400100"),
    ],
)
async def test_refusals_bear_the_venues_codes(world: World, change, code) -> None:
    account = world.open_account()
    async with world.client(account) as client:
        request = {"symbol": "BTC-USDT", "side": "buy", "type": "limit", "size": "1", "price": "99", "clientOid": "a"}
        error = await refused(client.privatePostHfOrders(request | change), "ExchangeError")
    assert f'"code": "{code}"' in str(error)
    assert not world.control.orders("kucoin", account)


async def test_a_wrong_passphrase_or_clock_is_refused(world: World) -> None:
    account = world.open_account()
    async with world.client(account) as client:
        skew = world.control.switch("clock_skew", venue="kucoin", account=account, value=9000)
        await refused(client.privateGetUserApiKey(), "InvalidNonce")
        world.control.clear(skew)
        assert (await client.privateGetUserApiKey())["data"]["permission"] == "General,Spot"
        assert int(client.last_response_headers["gw-ratelimit-remaining"]) < 4000
        client.password = "wrong"
        await refused(client.privateGetUserApiKey(), "AuthenticationError")
