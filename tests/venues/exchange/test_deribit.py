"""Deribit as ccxt speaks it: spot, perpetuals, a dated future and options, against the local exchange."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import aiohttp
import pytest

from tests.venues.exchange import scenarios
from tests.venues.exchange.scenarios import Case, World, exact, refused
from tests.venues.exchange.server import LocalExchange

CASE = Case(
    "deribit",
    market="BTC_USDT",
    client_param="label",  # ccxt passes Deribit's own word through and reads it back nowhere
    read_client_id=lambda order: order["info"]["label"],
    duplicates="allowed",
    fetches_by_client_id=False,
    watches=("orders", "trades", "clock"),
    one_try=True,  # orders are GETs here: see the test of the resent order
    swap="BTC/USDC:USDC",
    swap_market="BTC_USDC-PERPETUAL",
    swap_qty=1,
)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with LocalExchange(["deribit"]) as server:
        yield World(server, CASE)
        assert not server.control.imbalance()
        assert not server.control.ledger("malformed")


@pytest.mark.parametrize("scenario", (*scenarios.ALL, *scenarios.PERPETUAL), ids=lambda s: s.__name__)
async def test_ccxt(world: World, scenario) -> None:
    await scenario(world)


async def test_options_and_futures_are_listed_and_trade(world: World) -> None:
    account = world.open_account()
    option = "BTC-31DEC32-60000-C"
    world.control.set_book("deribit", option, [("0.1", "10")], [("0.2", "10")])
    async with world.client(account) as client:
        await world.load(client)
        listed = client.markets_by_id[option][0]
        assert (listed["symbol"], listed["option"], listed["strike"]) == ("BTC/USD:BTC-321231-60000-C", True, 60000)
        assert client.markets["BTC/USD:BTC-321231"]["future"] and client.markets["BTC/USD:BTC"]["inverse"]
        await client.create_order(listed["symbol"], "limit", "buy", 2, 0.2)
        (trade,) = await client.fetch_my_trades(listed["symbol"])
        assert exact(trade["fee"]["cost"]) == exact("0.0006")  # 0.03 % of two bitcoins, below an eighth of the premium
        world.control.set_book("deribit", "BTC-PERPETUAL", [("50000", "100000")], [("50000.5", "100000")])
        await client.create_order("BTC/USD:BTC", "limit", "sell", 1000, 50000, {"timeInForce": "IOC"})
        held = {p["symbol"]: p for p in await client.fetch_positions()}
        assert held["BTC/USD:BTC"]["side"] == "short" and exact(held["BTC/USD:BTC"]["entryPrice"]) == 50000
        assert exact(held[listed["symbol"]]["entryPrice"]) == exact("0.2")


async def test_post_only_moves_the_price_unless_told_to_reject(world: World) -> None:
    account = world.open_account()
    world.quote_book()
    async with world.client(account) as client:
        await world.load(client)
        words = {"instrument_name": "BTC_USDT", "amount": 1, "type": "limit", "price": 100.5, "post_only": "true"}
        moved = await client.privateGetBuy(dict(words))
        assert moved["result"]["order"]["price"] == 100.49
        rejected = client.privateGetBuy({**words, "reject_post_only": "true"})
        assert "11054" in str(await refused(rejected, "InvalidOrder", "ExchangeError"))


async def test_aiohttp_itself_sends_a_lost_get_order_again(world: World) -> None:
    """ccxt places Deribit orders by GET, and aiohttp repeats a GET whose kept-alive connection ended without an answer:
    one create_order, two orders. Who trades here turns that off, as `one_try` does, or speaks over the socket.
    """
    account = world.open_account()
    world.quote_book()
    async with world.client(account) as client:
        await world.load(client)
        await client.fetch_balance()  # a connection that is kept alive
        client.session._retry_connection = True  # aiohttp's default
        world.control.switch("lost_ack", venue="deribit", account=account, route="place", times=1)
        await client.create_order(CASE.symbol, "limit", "buy", 1, 99, {"label": "once"})
        assert [row["client_id"] for row in world.control.orders("deribit", account)] == ["once", "once"]


async def test_labels_find_orders_and_several_may_share_one(world: World) -> None:
    account = world.open_account()
    world.quote_book()
    async with world.client(account) as client:
        await world.load(client)
        for price in (98, 99):
            await client.create_order(CASE.symbol, "limit", "buy", 1, price, {"label": "twin"})
        found = await client.request(
            "get_order_state_by_label", ["private"], "GET", {"currency": "BTC", "label": "twin"}
        )
        assert [row["price"] for row in found["result"]] == [98, 99]
        assert "11044" in str(await refused(_cancel_twice(client, found["result"][0]["order_id"]), "ExchangeError"))
        assert "10004" in str(await refused(client.cancel_order("1", CASE.symbol), "ExchangeError"))


async def _cancel_twice(client, order_id: str) -> None:
    await client.cancel_order(order_id, CASE.symbol)
    await client.cancel_order(order_id, CASE.symbol)


async def test_a_raw_book_chains_change_ids_and_a_lost_session_cancels(world: World) -> None:
    account = world.open_account()
    world.quote_book()
    world.control.freeze("deribit", "BTC_USDT", False)
    url = f"ws://127.0.0.1:{world.server.port}/www.deribit.com/ws/api/v2"
    async with aiohttp.ClientSession() as http:
        async with http.ws_connect(url) as socket:

            async def ask(method: str, params: dict) -> dict:
                await socket.send_json({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
                while True:
                    answer = await asyncio.wait_for(socket.receive_json(), 5)
                    if answer.get("id") == 1:
                        return answer

            channels = {"channels": ["book.BTC_USDT.raw"]}
            assert (await ask("public/subscribe", channels))["error"]["code"] == 13778
            wrong = {"grant_type": "client_credentials", "client_id": world.key(account), "client_secret": "no"}
            assert (await ask("public/auth", wrong))["error"]["code"] == 13004
            granted = await ask("public/auth", wrong | {"client_secret": CASE.secret})
            assert "wallet:none" in granted["result"]["scope"]
            await ask("public/subscribe", channels)
            last, levels = None, {"bids": {}, "asks": {}}
            for _ in range(20):
                data = (await asyncio.wait_for(socket.receive_json(), 5))["params"]["data"]
                assert data.get("prev_change_id") == last
                last = data["change_id"]
                for side, held in levels.items():
                    for action, price, amount in data[side]:
                        assert (price in held) is (action != "new")
                        held[price] = amount
                        if action == "delete":
                            del held[price]
                world.control.step("deribit", "BTC_USDT")
            await ask("private/enable_cancel_on_disconnect", {})
            bought = await ask("private/buy", {"instrument_name": "BTC_USDT", "amount": 1, "price": 50, "label": "x"})
            assert bought["result"]["order"]["order_state"] == "open"
        await scenarios.until(lambda: world.control.orders("deribit", account)[0]["state"] == "canceled", "the cancel")


async def test_a_trigger_order_waits_under_an_id_of_its_own_and_what_comes_of_it_names_it(world: World) -> None:
    account = world.open_account()
    world.control.move("deribit", "BTC_USDT", [("100.0", "5")], [("100.5", "5")], "100.2")
    async with world.client(account) as client:
        await world.load(client)
        words = {"stopLossPrice": 95, "label": "mine", "timeInForce": "IOC"}
        off = await client.create_order(CASE.symbol, "limit", "sell", 1, 90, words)
        gone = await client.create_order(CASE.symbol, "limit", "sell", 1, 90, words | {"label": "other"})
        assert (off["info"]["order_state"], off["info"]["trigger_price"]) == ("untriggered", 95)
        assert {row["id"] for row in await client.fetch_open_orders(CASE.symbol)} == {off["id"], gone["id"]}
        assert (await client.cancel_order(gone["id"], CASE.symbol))["status"] == "canceled"
        world.control.move("deribit", "BTC_USDT", [("94.0", "0.4")], [("94.5", "5")], "95.0")
        by_label = {"currency": "USDT", "label": "mine"}
        stop, made = (await client.private_get_get_order_state_by_label(by_label))["result"]
        assert (stop["order_id"], stop["order_state"]) == (off["id"], "triggered")
        assert (made["trigger_order_id"], made["order_state"], made["filled_amount"]) == (off["id"], "cancelled", 0.4)
        assert [row["id"] for row in await client.fetch_closed_orders(CASE.symbol)] == [made["order_id"]]
        assert (await client.fetch_order(gone["id"], CASE.symbol))["status"] == "canceled"
        assert "11044" in str(await refused(client.cancel_order(off["id"], CASE.symbol), "ExchangeError"))
        late = client.create_order(CASE.symbol, "limit", "sell", 1, 90, words)
        assert "11036" in str(await refused(late, "ExchangeError"))
    assert not world.control.imbalance()
