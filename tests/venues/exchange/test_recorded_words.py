"""Bybit, Bitget, KuCoin, Gate and HTX held against what was recorded of them: see test_recordings."""

from __future__ import annotations

import ast
import asyncio
import gzip
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.venues.exchange.protocols.bitget_words import checksum
from tests.venues.exchange.scenarios import Case, World, until
from tests.venues.exchange.server import LocalExchange
from tests.venues.exchange.test_bitget import CASE as BITGET
from tests.venues.exchange.test_bybit import CASE as BYBIT
from tests.venues.exchange.test_gate import CASE as GATE
from tests.venues.exchange.test_htx import CASE as HTX
from tests.venues.exchange.test_kucoin import CASE as KUCOIN
from tests.venues.exchange.test_recordings import asked, packed, strangers, wire

pytestmark = pytest.mark.shared_data


@pytest.fixture(scope="module")
def server() -> Iterator[LocalExchange]:
    with LocalExchange(["bybit", "bitget", "kucoin", "gate", "htx"]) as running:
        yield running


@pytest.fixture(scope="module")
def public(shared: Path) -> Path:
    return shared / "data" / "public"


def lines(public: Path, name: str) -> list[Any]:
    with gzip.open(public / "adapters" / "gocryptotrader" / f"{name}.json.gz") as file:
        return [json.loads(line) for line in file if line.strip()]


async def heard(server: LocalExchange, path: str, request: Any, market: tuple[str, str], wanted: str) -> list[Any]:
    """Four messages of a socket that hold `wanted`, while the crowd of a market moves."""
    messages: list[Any] = []
    server.control.freeze(*market, False)
    async with aiohttp.ClientSession() as http, http.ws_connect(f"ws://127.0.0.1:{server.port}/{path}") as socket:
        await socket.send_json(request)
        async with asyncio.timeout(30):
            while len(messages) < 4:
                server.control.step(*market, 3)
                text = (await socket.receive()).data
                if wanted in text:
                    messages.append(json.loads(text))
    return messages


async def told(client: Any, symbol: str, **order: Any) -> dict[str, list[Any]]:
    """What the order and trade streams say, as it came, of an order that fills in part and is canceled."""
    rows: dict[str, list[Any]] = {"watch_orders": [], "watch_my_trades": []}

    async def collect(method: str) -> None:
        while True:
            rows[method] += [row["info"] for row in await getattr(client, method)(symbol)]

    client.newUpdates = True
    tasks = [asyncio.create_task(collect(method)) for method in rows]
    await asyncio.sleep(0.15)
    placed = await client.create_order(symbol, "limit", "buy", order["amount"], order["price"])
    await asyncio.sleep(0.1)
    await client.cancel_order(placed["id"], symbol)
    await asyncio.sleep(0.1)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert all(rows.values()), rows
    return rows


def opened(server: LocalExchange, case: Case) -> tuple[World, str]:
    world = World(server, case)
    account = world.open_account()
    world.quote_book()
    return world, account


async def test_bybits_private_topics(server: LocalExchange, public: Path) -> None:
    messages = lines(public, "bybit_wsAuth")

    def theirs(topic: str) -> list[Any]:
        return [row for message in messages if message["topic"] == topic for row in message["data"]]

    world, account = opened(server, BYBIT)
    world.control.set_book("bybit", "BTCUSDT.linear", (("1000", "5"),), (("1001", "1"),))
    async with world.client(account) as client:
        await world.load(client)
        rows = await told(client, BYBIT.swap, amount=2, price=1001)
        younger = {"cumFeeDetail", "createType", "feeCoin", "feeCurrency", "closedSize", "seq"}
        found = [word for row in rows["watch_orders"] for word in strangers(row, theirs("order"), younger)]
        found += [word for row in rows["watch_my_trades"] for word in strangers(row, theirs("execution"), younger)]
        wallet = server.protocols["bybit"].wallet(account)
        found += strangers(wallet, theirs("wallet"), {"bonus", "accruedInterest", "borrowAmount", "locked"})
    assert not found
    mine = server.protocols["bybit"].position_row(account, server.protocols["bybit"].markets[2])
    assert not strangers(mine, theirs("position"), {"avgPrice"})


async def test_bybits_answer_to_a_subscription(server: LocalExchange, public: Path) -> None:
    request = {"op": "subscribe", "args": ["orderbook.50.BTCUSDT"]}
    path = f"http://127.0.0.1:{server.port}/stream.bybit.com/v5/public/spot"
    async with aiohttp.ClientSession() as http, http.ws_connect(path) as socket:
        await socket.send_json(request)
        mine = await socket.receive_json()
    assert not strangers(mine, wire(public, "BYBIT", "ws.25.0", '"success"'), {"op", "req_id"})


async def test_bitgets_v2_answers(server: LocalExchange, public: Path) -> None:
    fixtures = packed(public, "xchange/bitget.json.gz")

    def fixture(*words: str) -> list[Any]:
        return [
            body for name, body in fixtures.items() if name.startswith("__files/") and all(w in name for w in words)
        ]

    mine = asked(server, "api.bitget.com/api/v2/spot/public/symbols")
    assert not strangers(mine, fixture("public_symbols"), set())
    mine = asked(server, "api.bitget.com/api/v2/mix/market/contracts?productType=USDT-FUTURES")
    younger = {"symbolType", "symbolStatus", "deliveryTime", "launchTime", "minLever", "maxLever", "minTradeUSDT"}
    assert not strangers(mine, wire(public, "BITGET", "BITGET.0", "umcbl"), younger | {"sizeMultiplier"})
    world, account = opened(server, BITGET)
    async with world.client(account) as client:
        await world.load(client)
        placed = await client.create_order(BITGET.symbol, "market", "buy", 1.5, 100.5)
        assert not strangers(json.loads(client.last_http_response), fixture("place-"), set())
        await client.fetch_order(placed["id"], BITGET.symbol)
        seen = json.loads(client.last_http_response)
        assert not strangers(seen, fixture("orderinfo"), {"cancelReason"})
        fees = json.loads(seen["data"][0]["feeDetail"])["BTC"]
        assert not strangers(
            fees, [json.loads(b["data"][0]["feeDetail"]).get("BGB", {}) for b in fixture("orderinfo")], set()
        )
        await client.fetch_my_trades(BITGET.symbol)
        assert not strangers(json.loads(client.last_http_response), fixture("trade_fills"), set())


async def test_bitgets_books(server: LocalExchange, public: Path) -> None:
    request = {"op": "subscribe", "args": [{"instType": "SPOT", "channel": "books", "instId": "BTCUSDT"}]}
    mine = await heard(server, "ws.bitget.com/v2/ws/public", request, ("bitget", "BTCUSDT"), '"action"')
    theirs = wire(public, "BITGET", "ws.1.0", '"channel":"books"')
    assert not [
        word for message in mine for word in strangers(message, theirs, {"seq"}) if word != ".ts: no such field"
    ]


def test_bitgets_checksum_is_the_venues_own_on_every_recorded_message(public: Path) -> None:
    """Books rebuilt from the captures, counted by the function that our messages are counted by."""
    checked = 0
    for part in ("ws.1.0", "ws.2.0"):
        books: dict[str, dict[str, dict[Decimal, tuple[str, str]]]] = {}
        for message in wire(public, "BITGET", part, '"channel":"books"', 10**6):
            if "action" not in message:
                continue
            name, (data,) = message["arg"]["instId"], message["data"]
            if message["action"] == "snapshot":
                books[name] = {"bids": {}, "asks": {}}
            for word, side in books[name].items():
                for price, qty in data[word]:
                    side.pop(Decimal(price), None)
                    if Decimal(qty):
                        side[Decimal(price)] = (price, qty)
            bids = [row for _, row in sorted(books[name]["bids"].items(), reverse=True)]
            asks = [row for _, row in sorted(books[name]["asks"].items())]
            assert checksum(bids, asks) == data["checksum"], (name, checked)
            checked += 1
    assert checked == 637


async def test_kucoins_symbols_books_and_orders(server: LocalExchange, public: Path) -> None:
    mine = asked(server, "api.kucoin.com/api/v2/symbols")
    assert not strangers(mine, wire(public, "KUCOIN", "KUCOIN.0", '"code"'), {"minFunds"})
    (row,) = packed(public, "gocryptotrader/kucoin_http.json.gz")["routes"].values()
    assert row  # of the unified account only: the classic book was not recorded over REST
    messages = lines(public, "kucoin_wsHandleData")

    def theirs(topic: str) -> list[Any]:
        return [message for message in messages if message.get("topic", "").startswith(topic)]

    token = await _token(server)
    request = {"id": 1, "type": "subscribe", "topic": "/market/level2:BTC-USDT", "response": True}
    path = f"ws-api-spot.kucoin.com/?token={token}"
    mine = await heard(server, path, request, ("kucoin", "BTC-USDT"), "l2update")
    assert not [w for m in mine for w in strangers(m, wire(public, "KUCOIN", "ws.1.0", "l2update"), {"time"})]
    world, account = opened(server, KUCOIN)
    async with world.client(account) as client:
        await world.load(client)
        rows = await told(client, KUCOIN.symbol, amount=3, price=100.5)
    orders = [message["data"] for message in theirs("/spotMarket/tradeOrders")]
    known = {"feeType", "canceledSize"}
    assert {row["type"] for row in rows["watch_orders"]} == {"open", "match", "canceled"}
    assert not [word for row in rows["watch_orders"] for word in strangers(row, orders, known)]


@pytest.mark.parametrize(
    ("folder", "part", "wanted", "first", "last", "messages"),
    [
        ("KUCOIN", "ws.1.0", "trade.l2update", "sequenceStart", "sequenceEnd", 3853),
        ("GATEIO", "ws.1.0", "depthUpdate", "U", "u", 172),
        ("GATEIO_FUTURES", "ws.1.0", 'order_book_update","event":"update"', "U", "u", 352),
    ],
)
def test_recorded_changes_follow_without_holes(public: Path, folder, part, wanted, first, last, messages) -> None:
    """The rule by which we number ours, and by which a client feels a gap."""
    before: dict[str, int] = {}
    changes = [m.get("data", m.get("result")) for m in wire(public, folder, part, wanted, 10**6)]
    assert len(changes) == messages
    for change in changes:
        name = change.get("symbol") or change["s"]
        assert before.get(name, change[first] - 1) == change[first] - 1
        before[name] = change[last]


async def _token(server: LocalExchange) -> str:
    url = f"http://127.0.0.1:{server.port}/api.kucoin.com/api/v1/bullet-public"
    async with aiohttp.ClientSession() as http, http.post(url) as answer:
        return (await answer.json())["data"]["token"]


async def test_gates_spot_answers(server: LocalExchange, public: Path) -> None:
    fixtures = packed(public, "xchange/gateio-v4.json.gz")

    def fixture(word: str) -> list[Any]:
        return [body for name, body in fixtures.items() if name.startswith("__files/") and word in name]

    mine = asked(server, "api.gateio.ws/api/v4/spot/currency_pairs")
    assert not strangers(mine, fixture("currency_pairs"), {"base_name", "quote_name", "max_quote_amount", "type"})
    depth = asked(server, "api.gateio.ws/api/v4/spot/order_book?currency_pair=BTC_USDT&with_id=true")
    assert not strangers(depth, wire(public, "GATEIO", "http.0.0", "order_book") + fixture("order_book"), set())
    world, account = opened(server, GATE)
    async with world.client(account) as client:
        await world.load(client)
        resting = await client.create_order(GATE.symbol, "limit", "buy", 3, 100.5)
        order = json.loads(client.last_http_response)
        theirs = fixture("v4_spot_orders-") + fixture("buy-order-details")
        assert not strangers(order, theirs, {"filled_amount"})
        await client.fetch_open_orders(GATE.symbol)
        assert not strangers(json.loads(client.last_http_response)[0]["orders"][0], theirs, {"filled_amount"})
        await client.fetch_my_trades(GATE.symbol)
        assert not strangers(json.loads(client.last_http_response), fixture("my_trades"), {"text"})
        await client.fetch_balance()
        assert not strangers(json.loads(client.last_http_response), fixture("spot_accounts"), {"update_id"})
        await client.cancel_order(resting["id"], GATE.symbol)
        assert not strangers(json.loads(client.last_http_response), theirs, {"filled_amount"})


async def test_gates_books_and_futures(server: LocalExchange, public: Path) -> None:
    request = {"time": 1, "channel": "spot.order_book_update", "event": "subscribe", "payload": ["BTC_USDT", "100ms"]}
    mine = await heard(server, "api.gateio.ws/ws/v4/", request, ("gate", "BTC_USDT"), "depthUpdate")
    theirs = wire(public, "GATEIO", "ws.1.0", "depthUpdate")
    assert not [word for message in mine for word in strangers(message, theirs, {"time_ms"})]
    request |= {"channel": "futures.order_book_update", "payload": ["BTC_USDT", "100ms", "100"]}
    mine = await heard(server, "fx-ws.gateio.ws/v4/ws/usdt", request, ("gate", "BTC_USDT.futures"), '"U"')
    theirs = wire(public, "GATEIO_FUTURES", "ws.1.0", 'order_book_update","event":"update"')
    assert not [word for message in mine for word in strangers(message, theirs, set())]
    depth = asked(server, "api.gateio.ws/api/v4/futures/usdt/order_book?contract=BTC_USDT&with_id=true")
    assert not strangers(depth, wire(public, "GATEIO_FUTURES", "http.0.0", "order_book"), set())
    contracts = wire(public, "GATEIO_FUTURES", "FUTURES.0", '"name"')
    listed = asked(server, "api.gateio.ws/api/v4/futures/usdt/contracts")
    assert not strangers(listed, contracts, {"status", "enable_decimal", "create_time"})


async def test_gates_futures_streams(server: LocalExchange, public: Path) -> None:
    messages = lines(public, "gateio_wsFutures")

    def theirs(channel: str) -> list[Any]:
        return [row for message in messages if message.get("channel") == channel for row in message["result"]]

    world, account = opened(server, GATE)
    world.control.set_book("gate", "BTC_USDT.futures", (("1000", "50"),), (("1001", "20"),))
    async with world.client(account) as client:
        await world.load(client)
        del client.options["ws"]["options"]["headers"]  # sizes as the recording has them
        rows = await told(client, GATE.swap, amount=30, price=1001)
    # the recording has numbers where today's documents and ccxt have strings
    known = {
        "user",
        "price",
        "fill_price",
        "mkfr",
        "tkfr",
        "fee",
        "point_fee",
        "create_time",
        "finish_time",
        "close_size",
    }
    found = [word for row in rows["watch_orders"] for word in strangers(row, theirs("futures.orders"), set())]
    found += [
        word for row in rows["watch_my_trades"] for word in strangers(row, theirs("futures.usertrades"), {"close_size"})
    ]
    assert not [word for word in found if word.split(":")[0].lstrip(".") not in known]


async def test_htxs_symbols_depths_and_streams(server: LocalExchange, public: Path) -> None:
    mine = asked(server, "api.huobi.pro/v1/common/symbols")["data"]
    theirs = wire(public, "HUOBI", "HUOBI.0", '"symbol-partition"')[0]["data"]
    assert not strangers(mine, [theirs], set())
    depth = asked(server, "api.huobi.pro/market/depth?symbol=btcusdt&type=step0")
    assert not strangers(depth, [packed(public, "gocryptotrader/huobi_wsOrderbook.json.gz")], {"status"})
    recorded = _frames(public)
    world, account = opened(server, HTX)
    url = f"http://127.0.0.1:{server.port}/api.huobi.pro/ws"
    async with aiohttp.ClientSession() as http, http.ws_connect(url) as socket:
        await socket.send_json({"sub": "market.btcusdt.trade.detail", "id": 1})
        answer = json.loads(gzip.decompress((await socket.receive()).data))
        assert not strangers(answer, [frame for frame in recorded if "subbed" in frame], set())
        async with world.client(account) as client:
            await world.load(client)
            rows = await told(client, HTX.symbol, amount=3, price=100.5)
        trade = json.loads(gzip.decompress((await asyncio.wait_for(socket.receive(), 20)).data))
    assert not strangers(trade, [frame for frame in recorded if ".trade.detail" in frame.get("ch", "")], set())
    orders = [message["data"] for message in lines(public, "huobi_wsMyOrders")]
    created = [row for row in rows["watch_orders"] if row["eventType"] == "creation"]
    assert not [word for row in created for word in strangers(row, orders, set())]
    money = [message["data"] for message in lines(public, "huobi_wsMyAccount")]
    assert not strangers(await _first_money(server, world, account), money, set())
    clearing = [packed(public, "gocryptotrader/huobi_wsMyTrades.json.gz")["data"]]
    # the recording spells feeDeduct with a space behind it
    known = {"feeDeduct", "orderType"}
    assert not [word for row in rows["watch_my_trades"] for word in strangers(row, clearing, known)]


async def _first_money(server: LocalExchange, world: World, account: str) -> Any:
    """What a subscriber to accounts.update is told first; ccxt's own watch_balance cannot read it."""
    async with world.client(account) as client:
        await world.load(client)
        url = client.get_url_by_market_type("spot", True, True)
        await client.authenticate({"type": "spot", "url": url, "hostname": client.urls["hostnames"]["spot"]})
        heard: list[Any] = []
        client.handle_balance = lambda _, message: heard.append(message["data"])
        await client.client(url).send({"action": "sub", "ch": "accounts.update#2"})
        await until(lambda: bool(heard), "the balances")
    return heard[0]


def _frames(public: Path) -> list[Any]:
    """HTX's recorded frames: Python byte strings of gzip."""
    import pyarrow

    (path,) = (public / "wire" / "HUOBI").glob("*ws.44.0.txt.zst")
    with pyarrow.input_stream(str(path), compression="zstd") as stream:
        texts = [line.split(": ", 1)[1] for line in stream.read().decode().splitlines() if ": b" in line[:24]]
    return [json.loads(gzip.decompress(ast.literal_eval(text))) for text in texts[:400]]
