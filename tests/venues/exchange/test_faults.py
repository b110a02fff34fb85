"""Every fault on its switch: by count, by account and route, by seed, and over real HTTP and WebSocket."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import aiohttp
import pytest

from tests.venues.exchange.faults import Fault, Faults
from tests.venues.exchange.server import LocalExchange
from tests.venues.exchange.world import RICH, Case, World, until

CASE = Case("binance", options={"fetchMarkets": {"types": ["spot"]}})


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with LocalExchange(["binance"]) as server:
        yield World(server, CASE)


@pytest.fixture(autouse=True)
def calm(world: World) -> Iterator[None]:
    yield
    world.control.clear()


def test_a_fault_strikes_where_it_is_aimed_and_as_often_as_told():
    faults = Faults()
    rule = faults.switch("lost_ack", venue="okx", account="a", route="place", times=2, skip=1)
    assert faults.strike(Fault.LOST_ACK, "kraken", "a", "place") is None
    assert faults.strike(Fault.LOST_ACK, "okx", "b", "place") is None
    assert faults.strike(Fault.LOST_ACK, "okx", "a", "cancel") is None
    assert faults.strike(Fault.LOST_REQUEST, "okx", "a", "place") is None
    struck = [faults.strike(Fault.LOST_ACK, "okx", "a", "place") is not None for _ in range(4)]
    assert (struck, rule.hits) == ([False, True, True, False], 2)
    faults.clear(rule.id)
    assert not faults.rules()


def test_the_same_seed_gives_the_same_faults():
    def strikes(seed: int) -> list[bool]:
        faults = Faults(seed)
        faults.switch("error_after", probability=0.3)
        return [faults.strike(Fault.ERROR_AFTER, "okx", "a", "place") is not None for _ in range(200)]

    assert strikes(1) == strikes(1) != strikes(2)
    assert 30 < sum(strikes(1)) < 90


def test_an_unknown_fault_is_refused():
    with pytest.raises(ValueError, match="no_such"):
        Faults().switch("no_such")


async def test_slow_requests_are_done_late_and_slow_answers_told_late(world: World) -> None:
    account = world.open_account()
    world.quote_book()
    async with world.client(account) as client:
        await world.load(client)
        for fault, done_early in (("slow_request", False), ("slow_answer", True)):
            before = len(world.control.orders("binance", account))
            world.control.switch(fault, account=account, route="place", times=1, value=0.3)
            began = time.monotonic()
            task = asyncio.create_task(client.create_order(CASE.symbol, "limit", "buy", 1, 99))
            await asyncio.sleep(0.15)
            assert (len(world.control.orders("binance", account)) > before) is done_early
            await task
            assert time.monotonic() - began >= 0.3


async def test_limits_name_when_to_come_back(world: World) -> None:
    account = world.open_account()
    async with world.client(account) as client:
        await world.load(client)
        for fault, status in (("rate_limit", 429), ("banned", 418)):
            world.control.switch(fault, account=account, times=1, value=7)
            with pytest.raises(Exception, match=str(status)):
                await client.fetch_balance()
            assert client.last_response_headers["Retry-After"] == "7"
        await client.fetch_balance()
        assert int(client.last_response_headers["X-MBX-USED-WEIGHT-1M"]) > 0


async def test_the_announced_weight_is_enforced_when_asked(world: World) -> None:
    protocol = world.server.protocols["binance"]
    url = f"http://127.0.0.1:{world.server.port}/api.binance.com/api/v3/exchangeInfo"
    world.server.call(lambda: setattr(protocol, "limits_on", True))
    try:
        async with aiohttp.ClientSession() as http:
            for _ in range(400):
                async with http.get(url) as answer:
                    if answer.status == 429:
                        assert answer.headers["Retry-After"]
                        break
            else:
                pytest.fail("the weight of a minute was never used up")
    finally:
        world.server.call(lambda: setattr(protocol, "limits_on", False))


async def test_sockets_close_stay_mute_or_never_open(world: World) -> None:
    url = f"ws://127.0.0.1:{world.server.port}/stream.binance.com:9443/ws/btcusdt@depth"
    world.control.freeze("binance", "BTCUSDT", False)
    async with aiohttp.ClientSession() as http:
        world.control.switch("refuse_connection", venue="binance", times=1)
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await http.ws_connect(url)
        async with http.ws_connect(url) as socket:
            world.control.step("binance", "BTCUSDT")
            assert (await asyncio.wait_for(socket.receive_json(), 5))["e"] == "depthUpdate"
            rule = world.control.switch("disconnect", venue="binance", times=1)
            world.control.step("binance", "BTCUSDT")
            async with asyncio.timeout(30):
                while (await socket.receive()).type is aiohttp.WSMsgType.TEXT:
                    pass
            assert socket.closed
            world.control.clear(rule)
        async with http.ws_connect(url, autoping=False) as socket:
            mute = world.control.switch("silence", venue="binance")
            await socket.ping()
            world.control.step("binance", "BTCUSDT", 3)
            await until(lambda: world.control.rules()[0]["hits"] == 1, "the silence")
            world.control.clear(mute)
            world.control.step("binance", "BTCUSDT", 3)  # once mute, mute for ever, as a dead peer is
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(socket.receive(), 0.2)
            assert not socket.closed
            assert world.control.drop("binance") == 1


async def test_an_order_message_can_be_missing_while_its_fill_comes(world: World) -> None:
    account = world.open_account()
    world.quote_book()
    url = f"ws://127.0.0.1:{world.server.port}/ws-api.binance.com:443/ws-api/v3"
    async with world.client(account) as client, aiohttp.ClientSession() as http, http.ws_connect(url) as socket:
        await world.load(client)
        request = {"id": 1, "method": "userDataStream.subscribe.signature", "params": client.sign_params({})}
        await socket.send_json(request)
        assert (await socket.receive_json())["status"] == 200
        world.control.switch("missing_order", account=account, times=1)
        await client.create_order(CASE.symbol, "limit", "buy", 1, 100.5)
        seen = []
        while "TRADE" not in seen:
            seen.append((await asyncio.wait_for(socket.receive_json(), 5))["event"].get("x"))
        assert "NEW" not in seen


async def test_a_skewed_clock_refuses_honest_requests(world: World) -> None:
    account = world.open_account()
    async with world.client(account) as client:
        await world.load(client)
        rule = world.control.switch("clock_skew", account=account, value=-60_000)
        with pytest.raises(Exception, match="-1021"):
            await client.fetch_balance()
        world.control.clear(rule)
        await client.fetch_balance()
        world.control.switch("clock_skew", venue="binance", value=5_000)
        assert abs(await client.fetch_time() - client.milliseconds() - 5_000) < 1_000


async def test_a_campaign_by_seed_leaves_the_ledger_whole(world: World) -> None:
    """Every fault of requests and fills at random: what the client was told may be wrong, the exchange never is."""
    account = world.open_account()
    world.quote_book()
    late = ("refused_but_taken", "lost_but_taken")
    kinds = ("lost_request", "lost_ack", "error_before", "error_after", "rate_limit", *late)
    for fault in kinds:
        world.control.switch(
            fault, account=account, route="place", probability=0.12, value=0.01 if "_but_" in fault else None
        )
    import ccxt

    told = 0
    async with world.client(account) as client:
        await world.load(client)
        for i in range(120):
            try:
                side, price = ("buy", 100.5) if i % 2 else ("sell", 100)
                await client.create_order(CASE.symbol, "limit", side, 0.1, price, {"clientOrderId": f"c{i}"})
                told += 1
            except ccxt.BaseError:
                continue
    await asyncio.sleep(0.05)
    orders = world.control.orders("binance", account)
    struck = {row["fault"]: row["hits"] for row in world.control.rules()}
    assert all(struck[fault] > 3 for fault in kinds), struck
    unheard = sum(struck[fault] for fault in ("lost_ack", "error_after", *late))
    assert len(orders) == told + unheard
    assert len({row["client_id"] for row in orders}) == len(orders)
    assert not world.control.imbalance()
    assert set(world.control.balances("binance", account)) == set(RICH)
