"""Bybit v5 as ccxt speaks it, spot, linear and inverse, against the local exchange."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.venues.exchange import scenarios
from tests.venues.exchange.scenarios import Case, World, refused
from tests.venues.exchange.server import LocalExchange

CASE = Case(
    "bybit",
    watches=("orders", "trades", "clock"),
    options={"fetchOrder": {"acknowledged": True}, "fetchMarkets": {"types": ["spot", "linear", "inverse"]}},
    post_only="canceled",
    closes_as="closed",
    swap="BTC/USDT:USDT",
    swap_market="BTCUSDT.linear",
    fetches_by_client_id=False,
)
INVERSE = replace(CASE, swap="BTC/USD:BTC", swap_market="BTCUSD", swap_qty=2002)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with LocalExchange(["bybit"]) as server:
        yield World(server, CASE)
        assert not server.control.imbalance()
        assert not server.control.ledger("malformed")


@pytest.mark.parametrize("scenario", (*scenarios.ALL, *scenarios.PERPETUAL), ids=lambda s: s.__name__)
async def test_ccxt(world: World, scenario) -> None:
    await scenario(world)


async def test_inverse(world: World) -> None:
    await scenarios.a_perpetual_trades(World(world.server, INVERSE))


async def test_an_order_is_found_by_its_link_id_and_amended_by_it(world: World) -> None:
    account = world.open_account()
    world.quote_book()
    async with world.client(account) as client:
        await world.load(client)
        await client.create_order(CASE.symbol, "limit", "buy", 2, 99, {"clientOrderId": "mine"})
        (found,) = await client.fetch_open_orders(CASE.symbol, params={"orderLinkId": "mine"})
        assert found["clientOrderId"] == "mine"
        request = {"category": "spot", "symbol": "BTCUSDT", "orderLinkId": "mine", "qty": "1.5", "price": "98.5"}
        assert (await client.privatePostV5OrderAmend(request))["result"]["orderId"] == found["id"]
        row = world.control.orders("bybit", account)[0]
        assert (row["qty"], row["price"]) == ("1.5", "98.5")
        await client.cancel_all_orders(CASE.symbol)
        (closed,) = await client.fetch_canceled_and_closed_orders(CASE.symbol, params={"orderLinkId": "mine"})
        assert closed["status"] == "canceled"


async def test_market_buys_count_quote_unless_told_otherwise(world: World) -> None:
    account = world.open_account()
    world.quote_book()
    async with world.client(account) as client:
        await world.load(client)
        await client.create_order(CASE.symbol, "market", "buy", 1, params={"cost": 150.75})
        await client.create_order(CASE.symbol, "market", "buy", 0.25)
    rows = world.control.orders("bybit", account)
    assert [(row["filled"], row["state"]) for row in rows] == [("1.5", "filled"), ("0.25", "filled")]


@pytest.mark.parametrize(
    ("symbol", "amount", "price", "code"),
    [
        ("BTCUSDT", "1.0000001", "99", 170137),
        ("BTCUSDT", "1", "99.001", 170134),
        ("BTCUSDT", "0.01", "99", 170140),
        ("NOPEUSDT", "1", "99", 170121),
        ("BTCUSDT", "9000", "99", 170131),
    ],
)
async def test_refusals_bear_the_venues_codes_with_status_200(world: World, symbol, amount, price, code) -> None:
    account = world.open_account()
    async with world.client(account) as client:
        request = {"category": "spot", "symbol": symbol, "side": "Buy", "orderType": "Limit", "qty": amount}
        error = await refused(client.privatePostV5OrderCreate({**request, "price": price}), "ExchangeError")
    assert f'"retCode": {code}' in str(error)
    assert world.ledger(account, "refused") or code == 170121
    assert not world.control.orders("bybit", account)


async def test_a_request_from_the_past_or_without_the_right_is_refused(world: World) -> None:
    account = world.open_account()
    skew = world.control.switch("clock_skew", venue="bybit", account=account, value=9000)
    async with world.client(account) as client:
        await refused(client.privateGetV5AccountInfo(), "InvalidNonce")
        world.control.clear(skew)
        info = await client.privateGetV5AccountInfo()
        assert info["retCode"] == 0
        assert int(client.last_response_headers["X-Bapi-Limit-Status"]) < 20
    world.control.account("bybit", "reader", world.key("reader"), CASE.secret, permissions=["read"])
    async with world.client("reader") as client:
        request = {"category": "spot", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "1"}
        await refused(client.privatePostV5OrderCreate({**request, "price": "99"}), "PermissionDenied")
        assert (await client.privateGetV5UserQueryApi())["result"]["readOnly"] == 1


async def test_the_dead_man_switch_cancels_once_no_private_socket_is_left(world: World) -> None:
    account = world.open_account()
    world.quote_book()
    async with world.client(account) as client:
        await world.load(client)
        watching = asyncio.create_task(client.watch_orders(CASE.symbol))
        protocol = world.server.protocols["bybit"]
        await scenarios.until(lambda: any(protocol.hears_orders(s) for s in protocol.sessions), "the private socket")
        await client.create_order(CASE.symbol, "limit", "buy", 1, 90)
        await asyncio.wait_for(watching, 5)
        await client.create_order(CASE.swap, "limit", "buy", 0.01, 900)
        await client.cancel_all_orders_after(3000, {"type": "spot"})
        assert {row["state"] for row in world.control.orders("bybit", account)} == {"open"}
    await scenarios.until(lambda: world.control.orders("bybit", account)[0]["state"] == "canceled", "the switch", 8)
    assert world.control.orders("bybit", account)[1]["state"] == "open"  # ccxt's default product would be DERIVATIVES


async def test_self_trades_are_prevented_as_told(world: World) -> None:
    account = world.open_account()
    world.quote_book()
    async with world.client(account) as client:
        await world.load(client)
        await client.create_order(CASE.symbol, "limit", "sell", 1, 100.2)
        await client.create_order(CASE.symbol, "limit", "buy", 1, 100.2, {"smpType": "CancelMaker"})
        states = [row["state"] for row in world.control.orders("bybit", account)]
        assert states == ["canceled", "open"]
    assert not world.ledger(account, "fill")


async def test_conditional_orders_of_contracts_say_their_way_and_wait_under_one_id(world: World) -> None:
    account = world.open_account()
    market = CASE.swap_market
    calm = ([("100.0", "5")], [("100.5", "5")], "100.2")
    world.control.move("bybit", market, *calm)
    async with world.client(account) as client:
        await world.load(client)
        words = {"triggerPrice": "95", "triggerDirection": "descending", "triggerBy": "LastPrice", "timeInForce": "IOC"}
        asked = [client.create_order(CASE.swap, "limit", "sell", 1, 90, {**words, "triggerPrice": p}) for p in (95, 94)]
        off, gone = [(await each)["id"] for each in asked]
        rows = await client.fetch_open_orders(CASE.swap)
        assert {row["info"]["orderStatus"] for row in rows} == {"Untriggered"}
        assert {row["info"]["triggerDirection"] for row in rows} == {2}
        await client.cancel_order(gone, CASE.swap)
        world.control.move("bybit", market, [("94.0", "0.4")], [("94.5", "5")], "95.0")
        ended = {row["id"]: row["info"] for row in await client.fetch_canceled_and_closed_orders(CASE.swap)}
        assert (ended[gone]["orderStatus"], ended[off]["orderStatus"]) == ("Deactivated", "Cancelled")
        assert ended[off]["cumExecQty"] == "0.4"
        for side, price, way, code in (("sell", 95, "descending", 110093), ("buy", 93, "ascending", 110092)):
            words |= {"triggerPrice": str(price), "triggerDirection": way}
            error = await refused(client.create_order(CASE.swap, "limit", side, 1, 95, words), "InvalidOrder")
            assert f'"retCode": {code}' in str(error)
        spot = client.create_order(CASE.symbol, "limit", "sell", 1, 90, {"triggerPrice": 95})
        assert '"retCode": 10001' in str(await refused(spot, "BadRequest"))
    assert not world.control.imbalance()
