"""HTX spot as ccxt speaks it, against the local exchange."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.venues.exchange import scenarios
from tests.venues.exchange.scenarios import Case, World, refused
from tests.venues.exchange.server import LocalExchange

CASE = Case(
    "htx",
    watches=("orders", "trades", "clock"),
    market="btcusdt",
    options={"fetchMarkets": {"types": {"spot": True, "linear": False, "inverse": False}}},
    post_only="canceled",
)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with LocalExchange(["htx"]) as server:
        yield World(server, CASE)
        assert not server.control.imbalance()
        assert not server.control.ledger("malformed")


@pytest.mark.parametrize("scenario", (*scenarios.ALL, scenarios.a_read_only_key_cannot_trade), ids=lambda s: s.__name__)
async def test_spot(world: World, scenario) -> None:
    await scenario(world)


async def test_orders_are_canceled_by_client_id_together_and_by_a_timer(world: World) -> None:
    account = world.open_account()
    world.quote_book()
    async with world.client(account) as client:
        await world.load(client)
        for n in range(3):
            await client.create_order(CASE.symbol, "limit", "buy", 1, 90, {"clientOrderId": f"mine-{account}-{n}"})
        request = {"client-order-id": f"mine-{account}-1"}
        assert (await client.spotPrivatePostV1OrderOrdersSubmitCancelClientOrder(request))["data"] == 10
        assert (await client.spotPrivatePostV1OrderOrdersSubmitCancelClientOrder(request))["data"] == 7
        gone = (await client.cancel_all_orders(CASE.symbol))[0]["info"]
        assert gone["success-count"] == 2
        order = await client.create_order(CASE.symbol, "limit", "buy", 1, 90)
        await client.cancel_all_orders_after(1000)
        await scenarios.until(lambda: world.control.orders("htx", account)[-1]["state"] == "canceled", "the timer", 4)
        await refused(client.cancel_order(order["id"], CASE.symbol), "OrderNotFound")
        await client.create_order(CASE.symbol, "market", "buy", 2, 100.5)
        assert world.control.orders("htx", account)[-1]["filled"] == "2"


async def test_frames_are_gzip_and_changes_are_linked(world: World) -> None:
    import aiohttp

    channel = "market.btcusdt.mbp.150"
    url = f"http://127.0.0.1:{world.server.port}/api.huobi.pro/feed"

    def read(message: Any) -> Any:
        assert message.type is aiohttp.WSMsgType.BINARY
        return json.loads(gzip.decompress(message.data))

    world.control.freeze("htx", "btcusdt", False)
    async with aiohttp.ClientSession() as http, http.ws_connect(url) as socket:
        await socket.send_json({"sub": channel, "id": "1"})
        assert read(await socket.receive())["subbed"] == channel
        await socket.send_json({"req": channel, "id": "2"})
        snapshot = read(await socket.receive())
        assert (snapshot["rep"], snapshot["id"]) == (channel, "2")
        last = snapshot["data"]["seqNum"]
        world.control.step("htx", "btcusdt", 10)
        for _ in range(5):
            tick = read(await asyncio.wait_for(socket.receive(), 20))["tick"]
            assert tick["prevSeqNum"] == last
            last = tick["seqNum"]
        await socket.send_json({"sub": "market.nope.mbp.150", "id": "3"})
        while (answer := read(await asyncio.wait_for(socket.receive(), 20))).get("id") != "3":
            pass
        assert (answer["status"], answer["err-code"]) == ("error", "bad-request")


async def test_a_client_that_answers_no_ping_is_cut_off(world: World) -> None:
    """The beats are counted by hand: five to a ping, and the third ping finds two unanswered."""
    import aiohttp

    protocol, url = world.server.protocols["htx"], f"http://127.0.0.1:{world.server.port}/api.huobi.pro/ws"

    def beat() -> None:
        for session in list(protocol.sessions):
            for _ in range(15):
                protocol.on_second(session)

    async with aiohttp.ClientSession() as http, http.ws_connect(url) as socket:
        await scenarios.until(lambda: bool(protocol.sessions), "the session")
        world.server.call(beat)
        kinds = [(await asyncio.wait_for(socket.receive(), 20)).type for _ in range(3)]
    assert kinds == [aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.CLOSE]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"amount": "1.0000001"}, "order-orderamount-precision-error"),
        ({"price": "99.001"}, "order-orderprice-precision-error"),
        ({"amount": "0.001"}, "order-value-min-error"),
        ({"symbol": "nopeusdt"}, "base-symbol-error"),
        ({"amount": "9000"}, "account-frozen-balance-insufficient-error"),
        ({"client-order-id": "x" * 65}, "invalid-client-order-id"),
        ({"type": "buy-now"}, "invalid-type"),
        ({"account-id": "1"}, "account-get-accounts-inexistent-error"),
    ],
)
async def test_refusals_bear_the_venues_codes(world: World, change, code) -> None:
    account = world.open_account()
    async with world.client(account) as client:
        number = (await client.spotPrivateGetV1AccountAccounts())["data"][1]["id"]
        request = {"account-id": number, "symbol": "btcusdt", "type": "buy-limit", "amount": "1", "price": "99"}
        error = await refused(client.spotPrivatePostV1OrderOrdersPlace(request | change), "ExchangeError")
    assert f'"err-code": "{code}"' in str(error)
    assert not world.control.orders("htx", account)


async def test_a_late_clock_is_refused_and_limits_are_told(world: World) -> None:
    account = world.open_account()
    async with world.client(account) as client:
        skew = world.control.switch("clock_skew", venue="htx", account=account, value=400_000)
        await refused(client.spotPrivateGetV1AccountAccounts(), "AuthenticationError")
        world.control.clear(skew)
        await client.spotPrivateGetV1AccountAccounts()
        assert int(client.last_response_headers["X-HB-RateLimit-Requests-Remain"]) < 100
