"""What rests on a recording is held against it: each field of our message is in the venue's own, of the same JSON type.

Fields that the venue added after the recording was made are named here one by one; everything else has to be found.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import aiohttp
import pytest

from tests.venues.exchange.book import BUY, SELL
from tests.venues.exchange.markets import Market
from tests.venues.exchange.protocols import kraken_words, okx_words
from tests.venues.exchange.scenarios import Case, World
from tests.venues.exchange.server import LocalExchange
from tests.venues.exchange.units import atoms

pytestmark = pytest.mark.shared_data

BINANCE = Case("binance", options={"fetchMarkets": {"types": ["spot"]}})
OKX = Case("okx", market="BTC-USDT", passphrase="phrase", options={"fetchMarkets": {"types": ["spot"]}})
KRAKEN = Case("kraken", market="XBTUSDT", trade_id=kraken_words.trade_txid)


@pytest.fixture(scope="module")
def server() -> Iterator[LocalExchange]:
    with LocalExchange(["binance", "okx", "kraken", "deribit"]) as running:
        yield running


@pytest.fixture(scope="module")
def public(shared: Path) -> Path:
    return shared / "data" / "public"


def strangers(mine: Any, theirs: list[Any], known: set[str], path: str = "") -> list[str]:
    """Where `mine` has a field or a type that no sample has; `known` names the younger fields."""
    if isinstance(mine, dict):
        samples = [sample for sample in theirs if isinstance(sample, dict)]
        found = [] if samples else [f"{path}: not an object there"]
        for key, value in mine.items():
            there = [sample[key] for sample in samples if key in sample]
            if not there and key not in known:
                found.append(f"{path}.{key}: no such field")
            elif there:
                found += strangers(value, there, known, f"{path}.{key}")
        return found
    if isinstance(mine, list):
        rows = [row for sample in theirs if isinstance(sample, list) for row in sample]
        return [word for row in mine[:3] if rows for word in strangers(row, rows, known, f"{path}[]")]
    kinds = {_kind(sample) for sample in theirs}
    return [] if _kind(mine) in kinds or mine is None or kinds == {"null"} else [f"{path}: {mine!r}, there {kinds}"]


def _kind(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return "bool" if isinstance(value, bool) else "null"
    return "number" if isinstance(value, int | float) else type(value).__name__


def asked(server: LocalExchange, path: str) -> Any:
    with urlopen(f"http://127.0.0.1:{server.port}/{path}", timeout=20) as answer:
        return json.load(answer)


async def heard(server: LocalExchange, path: str, request: Any, market: tuple[str, str], wanted: str) -> list[Any]:
    """A socket's messages that hold `wanted`, while the crowd of a market moves."""
    messages: list[Any] = []
    async with aiohttp.ClientSession() as http, http.ws_connect(f"ws://127.0.0.1:{server.port}/{path}") as socket:
        if request is not None:
            await socket.send_json(request)
        server.control.step(*market)
        while len(messages) < 4:
            text = (await asyncio.wait_for(socket.receive(), 20)).data
            if wanted in text:
                messages.append(json.loads(text))
            server.control.step(*market)
    return messages


def wire(public: Path, folder: str, part: str, wanted: str, limit: int = 40) -> list[Any]:
    """Recorded messages or answers of a venue whose line holds `wanted`."""
    import pyarrow

    (path,) = (public / "wire" / folder).glob(f"*{part}.txt.zst")
    found = []
    with pyarrow.input_stream(str(path), compression="zstd") as stream:
        for line in stream.read().decode().splitlines():
            match = re.match(r"^(?:\S+ -> )?[\d.]+: (.*)$", line)
            if match and wanted in line:
                found.append(json.loads(match[1]))
                if len(found) == limit:
                    break
    assert found, (folder, part, wanted)
    return found


def packed(public: Path, name: str) -> Any:
    with gzip.open(public / "adapters" / name) as file:
        return json.load(file)


def test_binances_lists_and_depths(server: LocalExchange, public: Path) -> None:
    routes = packed(public, "gocryptotrader/binance_http.json.gz")["routes"]

    def answers(path: str) -> list[Any]:
        return [row["data"] for row in routes[path]["GET"]]

    spot = asked(server, "api.binance.com/api/v3/exchangeInfo")
    assert not strangers(
        spot, answers("/api/v3/exchangeInfo") + wire(public, "BINANCE", "BINANCE.0", "exchangeInfo"), set()
    )
    futures = asked(server, "fapi.binance.com/fapi/v1/exchangeInfo")
    assert not strangers(futures, wire(public, "BINANCE_FUTURES", "FUTURES.0", "exchangeInfo"), set())
    depth = asked(server, "api.binance.com/api/v3/depth?symbol=BTCUSDT")
    assert not strangers(depth, answers("/api/v3/depth"), set())
    depth = asked(server, "fapi.binance.com/fapi/v1/depth?symbol=BTCUSDT")
    assert not strangers(depth, answers("/fapi/v1/depth"), set())


async def test_binances_diffs(server: LocalExchange, public: Path) -> None:
    for host, market, folder in (
        ("stream.binance.com:9443", "BTCUSDT", "BINANCE"),
        ("fstream.binance.com", "BTCUSDT_PERP", "BINANCE_FUTURES"),
    ):
        path = f"{host}/stream?streams=btcusdt@depth@100ms"
        mine = await heard(server, path, None, ("binance", market), "depthUpdate")
        theirs = wire(public, folder, "ws.1.0", "depthUpdate")
        assert not [word for message in mine for word in strangers(message, theirs, set())]
        assert set(mine[0]["data"]) == set(theirs[0]["data"])


async def test_binances_account_and_orders(server: LocalExchange, public: Path) -> None:
    routes = packed(public, "gocryptotrader/binance_http.json.gz")["routes"]
    world = World(server, BINANCE)
    account = world.open_account()
    world.quote_book()
    younger = {"orderListId", "origQuoteOrderQty", "workingTime", "selfTradePreventionMode"}
    async with world.client(account) as client:
        await world.load(client)
        order = await client.create_order(BINANCE.symbol, "limit", "buy", 1, 99)
        for ask, path, verb in (
            (lambda: client.privateGetOrder({"symbol": "BTCUSDT", "orderId": order["id"]}), "/api/v3/order", "GET"),
            (lambda: client.privateGetOpenOrders({"symbol": "BTCUSDT"}), "/api/v3/openOrders", "GET"),
            (lambda: client.privateGetAllOrders({"symbol": "BTCUSDT"}), "/api/v3/allOrders", "GET"),
            (client.privateGetAccount, "/api/v3/account", "GET"),
            (
                lambda: client.privateDeleteOrder({"symbol": "BTCUSDT", "orderId": order["id"]}),
                "/api/v3/order",
                "DELETE",
            ),
        ):
            await ask()
            theirs = [row["data"] for row in routes[path][verb]]
            known = younger | ({"commissionRates", "permissions", "uid"} if "account" in path else set())
            if verb == "DELETE":  # recorded without what queries add
                known |= {"icebergQty", "isWorking", "stopPrice", "time", "updateTime"}
            assert not strangers(json.loads(client.last_http_response), theirs, known), path


async def test_okxs_instruments_books_and_orders(server: LocalExchange, public: Path) -> None:
    younger = {"instFamily", "maxLmtAmt", "maxMktAmt", "ruleType"}
    for kind in ("SPOT", "SWAP"):
        mine = asked(server, f"www.okx.com/api/v5/public/instruments?instType={kind}")
        theirs = wire(public, "OKX", "OKX.0", f"instType={kind} ")
        assert not strangers(mine, theirs, younger)
    request = {"op": "subscribe", "args": [{"channel": "books", "instId": "BTC-USDT"}]}
    mine = await heard(server, "ws.okx.com:8443/ws/v5/public", request, ("okx", "BTC-USDT"), '"action"')
    theirs = wire(public, "OKX", "ws.1.0", '"action"')
    assert not [word for message in mine for word in strangers(message, theirs, {"seqId", "prevSeqId"})]
    await _okxs_orders(server, public)


async def _okxs_orders(server: LocalExchange, public: Path) -> None:
    with gzip.open(public / "adapters" / "gocryptotrader" / "okx_wsOrders.json.gz") as file:
        theirs = [json.loads(line) for line in file if line.strip()]
    world = World(server, OKX)
    account = world.open_account()
    world.quote_book()
    async with world.client(account) as client:
        await world.load(client)
        watching = asyncio.create_task(client.watch_orders(OKX.symbol))
        await asyncio.sleep(0.1)
        await client.create_order(OKX.symbol, "limit", "buy", 1, 100.5)
        (order,) = await asyncio.wait_for(watching, 5)
    assert not strangers(order["info"], [row for message in theirs for row in message["data"]], {"lastPx"})


async def test_krakens_lists_and_records(server: LocalExchange, public: Path) -> None:
    fixtures = packed(public, "xchange/kraken.json.gz")

    def fixture(name: str) -> Any:
        (path,) = (key for key in fixtures if key.endswith(f"/{name}"))
        return fixtures[path] if not isinstance(fixtures[path], str) else json.loads(fixtures[path])

    pairs = asked(server, "api.kraken.com/0/public/AssetPairs")["result"]
    theirs = list(wire(public, "KRAKEN", "KRAKEN.0", "AssetPairs")[0]["result"].values())
    younger = {"cost_decimals", "costmin", "tick_size", "status"}
    assert not [word for pair in pairs.values() for word in strangers(pair, theirs, younger)]
    (depth,) = asked(server, "api.kraken.com/0/public/Depth?pair=XBTUSDT")["result"].values()
    assert not strangers(depth, list(fixture("example-depth-data.json")["result"].values()), set())
    world = World(server, KRAKEN)
    account = world.open_account()
    world.quote_book()
    async with world.client(account) as client:
        await world.load(client)
        await client.create_order(KRAKEN.symbol, "limit", "buy", 3, 100.5, {"clientOrderId": "x"})
        placed = json.loads(client.last_http_response)
        assert not strangers(placed, [fixture("example-addorder-response-data.json")], set())
        await client.fetch_open_orders()
        rows = json.loads(client.last_http_response)["result"]["open"].values()
        theirs = list(fixture("example-openorders-data.json")["result"]["open"].values())
        known = {"cl_ord_id", "stopprice", "limitprice", "trades", "close"}
        assert not [word for row in rows for word in strangers(row, theirs, known)]
        await client.fetch_my_trades()
        rows = json.loads(client.last_http_response)["result"]["trades"].values()
        theirs = list(fixture("example-tradehistory-data.json")["result"]["trades"].values())
        known = {"trade_id", "maker", "leverage", "postxid"}
        assert not [word for row in rows for word in strangers(row, theirs, known)]


async def test_deribits_instruments_and_books(server: LocalExchange, public: Path) -> None:
    mine = asked(server, "www.deribit.com/api/v2/public/get_instruments")["result"]
    theirs = [row for answer in wire(public, "DERIBIT", "DERIBIT.0", "get_instruments") for row in answer["result"]]
    younger = {"tick_size_steps", "instrument_type"}
    for row in mine:
        same = [there for there in theirs if there["kind"] == row["kind"]] or theirs  # spot came later
        assert not strangers(row, same, younger), row["instrument_name"]
    request = {
        "jsonrpc": "2.0",
        "id": 0,
        "method": "public/subscribe",
        "params": {"channels": ["book.BTC-PERPETUAL.100ms"]},
    }
    path = "www.deribit.com/ws/api/v2"
    told = await heard(server, path, request, ("deribit", "BTC-PERPETUAL"), '"change_id"')
    theirs = wire(public, "DERIBIT", "ws.1.0", '"change_id"', 400)
    assert not [word for message in told for word in strangers(message, theirs, set())]
    changes = [message["params"]["data"] for message in theirs if message["params"]["data"]["type"] == "change"]
    assert set(told[-1]["params"]["data"]) == set(changes[0])


class Rebuilt:
    """A recorded book, message by message, in the form that the protocols' checksums read."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self._sides: dict[int, dict[int, tuple[int, str, str]]] = {BUY: {}, SELL: {}}

    def take(self, side: int, price: str, qty: str) -> None:
        ticks, lots = atoms(price) // self.market.tick_atoms, atoms(qty) // self.market.lot_atoms
        self._sides[side].pop(ticks, None)
        if lots:
            self._sides[side][ticks] = (lots, price, qty)

    def _best(self, side: int, depth: int) -> list[int]:
        return sorted(self._sides[side], reverse=side == BUY)[:depth]

    def levels(self, side: int, depth: int) -> list[tuple[int, int]]:
        return [(ticks, self._sides[side][ticks][0]) for ticks in self._best(side, depth)]

    def strings(self, side: int, depth: int) -> list[tuple[str, str]]:
        return [self._sides[side][ticks][1:] for ticks in self._best(side, depth)]


def test_okxs_checksum_is_the_venues(public: Path) -> None:
    """Our function over the recorded books gives the number the venue sent, message by message."""
    books: dict[str, Rebuilt] = {}
    messages = wire(public, "OKX", "ws.1.0", '"action"', 1500)
    for message in messages:
        name, (row,) = message["arg"]["instId"], message["data"]
        if message["action"] == "snapshot":
            books[name] = Rebuilt(Market(name, "A", "B", "0.00001", "0.00000001", "1"))
        for side, word in ((BUY, "bids"), (SELL, "asks")):
            for price, qty, *_ in row[word]:
                books[name].take(side, price, qty)
        assert okx_words.checksum(books[name]) == row["checksum"]
    assert len(messages) > 250 and len(books) == 3


def test_krakens_checksum_is_the_venues(public: Path) -> None:
    """The recording is of the first version of the stream; the second sends numbers instead of strings, same rule."""
    books: dict[str, Rebuilt] = {}
    checked = 0
    for message in wire(public, "KRAKEN", "ws.50.0", '"book-', 1500):
        if not isinstance(message, list):
            continue
        parts = [part for part in message[1:-2] if isinstance(part, dict)]
        book = books.setdefault(message[-1], Rebuilt(Market("X", "A", "B", "0.00001", "0.00000001", "1")))
        digits = max(len(row[0].partition(".")[2]) for part in parts for key in part if key != "c" for row in part[key])
        if any("as" in part for part in parts):
            book.market = Market("X", "A", "B", f"{10**-digits:.{digits}f}", "0.00000001", "1")
        for part in parts:
            for side, words in ((SELL, ("as", "a")), (BUY, ("bs", "b"))):
                for price, qty, *_ in (row for word in words for row in part.get(word, ())):
                    book.take(side, price, qty)
        told = [part["c"] for part in parts if "c" in part]
        if told:
            assert kraken_words.checksum(book) == int(told[0])
            checked += 1
    assert checked > 1000
