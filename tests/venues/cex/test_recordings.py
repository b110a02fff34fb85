"""L0: the venues' own recorded answers, served on loopback where ccxt asks for them, and read by ccxt's parsers.

The recordings are of 2019-2026. Where ccxt asks a path that the recording does not have, the venue is named in RETIRED
with both paths: refused with a reason.
"""

from __future__ import annotations

import gzip
import json
import re
import warnings
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pyarrow as pa
import pytest

from app.venues.cex.profile_table import profile_of

from .captured import CatchAll, Recorded, catch_all, credentials, localised

pytestmark = pytest.mark.shared_data

WIRE = {
    "binance": "BINANCE",
    "binanceus": "BINANCE_US",
    "binanceusdm": "BINANCE_FUTURES",
    "binancecoinm": "BINANCE_DELIVERY",
    "coinbaseexchange": "COINBASE",
    "gemini": "GEMINI",
    "kraken": "KRAKEN",
    "krakenfutures": "KRAKEN_FUTURES",
    "okx": "OKX",
    "upbit": "UPBIT",
}
# venue: (its folder, what ccxt asks for now instead of the recorded path)
RETIRED = {
    "bitget": ("BITGET", "/api/v2/spot/public/symbols"),
    "bithumb": ("BITHUMB", "/v1/market/all"),
    "bitstamp": ("BITSTAMP", "/api/v2/markets/"),
    "bybit": ("BYBIT", "/v5/market/instruments-info"),
    "cryptocom": ("CRYPTO.COM", "/exchange/v1/public/get-instruments"),
    "deribit": ("DERIBIT", "/api/v2/public/get_instruments"),
    "hitbtc": ("HITBTC", "/api/3/public/symbol"),
    "bequant": ("BEQUANT", "/api/3/public/symbol"),
    "kucoin": ("KUCOIN", "/api/v2/symbols"),
    "phemex": ("PHEMEX", "/public/products"),
}
# Options under which ccxt asks for the recorded part of a venue's markets alone.
ALONE = {"binance": {"fetchMarkets": {"types": ["spot"]}}}
_REST = re.compile(r"^(https?://\S+) -> [\d.]+: (.*)$")


@pytest.fixture(scope="module")
def ccxt_module() -> ModuleType:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("ccxt", reason="needs the cex extra")


@pytest.fixture(scope="module")
def server() -> Iterator[CatchAll]:
    with catch_all() as state:
        yield state


@pytest.fixture
def venue(ccxt_module: ModuleType, server: CatchAll) -> Iterator[Any]:
    """Makes an exchange of ccxt on loopback that is answered by `recorded`."""
    made = []

    def make(name: str, recorded: list[Recorded], *markets: tuple[str, str]) -> Any:
        server.recorded[:] = recorded
        keys = credentials(name) if markets else {}
        exchange = getattr(ccxt_module, name)({**keys, "enableRateLimit": False})
        exchange.options.update(ALONE.get(name, {}) | dict(profile_of(name).options))
        made.append(localised(exchange, server.port))
        if markets:
            exchange.set_markets([_market(exchange, market_id, symbol) for market_id, symbol in markets], {})
        return exchange

    yield make
    for exchange in made:
        exchange.close()


def _market(exchange: Any, market_id: str, symbol: str) -> dict[str, Any]:
    base, quote = symbol.split("/")
    step = 8 if exchange.precisionMode != 4 else 1e-8
    row = {"id": market_id, "symbol": symbol, "base": base, "quote": quote, "type": "spot", "spot": True}
    ids = {"baseId": base, "quoteId": quote, "precision": {"amount": step, "price": step}, "active": True, "info": {}}
    return dict(exchange.safe_market_structure({**row, **ids}))


def _wire(shared: Path, folder: str) -> list[Recorded]:
    """The REST answers of one venue's wire captures, in order."""
    found = []
    for path in sorted((shared / "data/public/wire" / folder).glob("*.zst")):
        for line in pa.input_stream(str(path), compression="zstd").read().decode("utf-8", "replace").split("\n"):
            match = _REST.match(line)
            if match:
                split = urlsplit(match[1])
                found.append(Recorded(split.path, frozenset(parse_qsl(split.query)), match[2]))
    return found


def _routes(shared: Path, name: str, *, numbered: bool = False) -> list[Recorded]:
    """The recorded answers of one venue by route, the last of each; `numbered` has an order's number in its path."""
    text = gzip.decompress((shared / f"data/public/adapters/gocryptotrader/{name}_http.json.gz").read_bytes())
    found = []
    for path, methods in json.loads(text)["routes"].items():
        for method, answers in methods.items():
            good = [each["data"] for each in answers if each["data"] is not None]
            if good and not (method in ("DELETE", "PUT") and numbered):
                found.append(Recorded(path, frozenset(), json.dumps(good[0])))
    return found


def _files(shared: Path, name: str, paths: dict[str, str]) -> list[Recorded]:
    """Answers of `name` by the end of their file's name: each is served for the path beside it."""
    table = json.loads(gzip.decompress((shared / f"data/public/adapters/xchange/{name}.json.gz").read_bytes()))
    return [
        Recorded(path, frozenset(), json.dumps(next(body for file, body in table.items() if file.endswith(end))))
        for end, path in paths.items()
    ]


def _check_orders(name: str, orders: list[dict[str, Any]]) -> None:
    """Each has an id, a side and a status word that the table knows."""
    profile = profile_of(name)
    assert orders
    for order in orders:
        assert order["id"]
        assert order["side"] in ("buy", "sell")
        word = next((order["info"][key] for key in ("status", "state") if key in order["info"]), None)
        assert word is None or word in profile.ends or word in profile.open_words, f"{word} is in no list of the table"


def _check_trades(trades: list[dict[str, Any]]) -> None:
    assert trades
    for trade in trades:
        assert trade["id"]
        assert trade["side"] in ("buy", "sell")
        assert Decimal(str(trade["price"])) > 0
        assert Decimal(str(trade["amount"])) > 0


def _check_book(book: dict[str, Any]) -> None:
    bids, asks = book["bids"], book["asks"]
    assert bids and asks
    assert [level[0] for level in bids] == sorted((level[0] for level in bids), reverse=True)
    assert [level[0] for level in asks] == sorted(level[0] for level in asks)
    assert bids[0][0] < asks[0][0]


@pytest.mark.parametrize("name", WIRE)
def test_recorded_instruments_and_books_are_read_whole(name, shared, venue):
    recorded = _wire(shared, WIRE[name])
    exchange = venue(name, recorded)
    markets = exchange.fetch_markets()
    exchange.set_markets(markets)
    assert len(markets) >= {"krakenfutures": 17, "binancecoinm": 36, "gemini": 60}.get(name, 100)
    assert len({market["symbol"] for market in markets}) >= 0.9 * len(markets)
    books = 0
    for answer in recorded:
        asked = dict(answer.query)
        if answer.path.endswith("/depth"):
            symbol = exchange.markets_by_id[asked["symbol"]][0]["symbol"]
            _check_book(exchange.fetch_order_book(symbol, int(asked["limit"])))
            books += 1
    assert books >= (4 if name.startswith("binance") else 0)


@pytest.mark.parametrize("name", RETIRED)
def test_a_retired_path_is_refused_by_name(name, shared, venue, server, ccxt_module):
    """The venue's recorded instruments are of a path that is no more; nothing of them is taken for today's."""
    folder, path = RETIRED[name]
    server.take()
    with pytest.raises(ccxt_module.BaseError):
        venue(name, _wire(shared, folder)).fetch_markets()
    asked = [request.path for request in server.take()]
    assert any(each.endswith(path) for each in asked), f"ccxt asks {asked} now"


def test_binances_recorded_account_is_read(shared, venue):
    exchange = venue("binance", _routes(shared, "binance"), ("BTCUSDT", "BTC/USDT"), ("LTCBTC", "LTC/BTC"))
    _check_orders("binance", [exchange.fetch_order("1337", "LTC/BTC")])
    _check_orders("binance", exchange.fetch_open_orders("LTC/BTC"))
    _check_orders("binance", exchange.fetch_orders("LTC/BTC"))
    _check_trades(exchange.fetch_trades("BTC/USDT"))
    _check_book(exchange.fetch_order_book("BTC/USDT"))
    assert exchange.fetch_balance()["info"]["accountType"] == "MARGIN"


def test_poloniex_recorded_account_is_read(shared, venue):
    recorded = _routes(shared, "poloniex", numbered=True)
    exchange = venue("poloniex", recorded, ("BTC_USDT", "BTC/USDT"), ("LINK_USDT", "LINK/USDT"))
    _check_orders("poloniex", exchange.fetch_open_orders())
    _check_orders("poloniex", [exchange.fetch_order("12345", "BTC/USDT")])
    _check_trades(exchange.fetch_order_trades("1234"))
    _check_book(exchange.fetch_order_book("BTC/USDT"))


def test_bitstamps_recorded_account_is_read(shared, venue):
    exchange = venue("bitstamp", _routes(shared, "bitstamp"), ("btcusd", "BTC/USD"))
    _check_orders("bitstamp", exchange.fetch_open_orders())
    assert exchange.cancel_order("1453282316578816", "BTC/USD")["id"] == "1453282316578816"


def test_geminis_recorded_account_is_read(shared, venue):
    exchange = venue("gemini", _routes(shared, "gemini"), ("btcusd", "BTC/USD"))
    _check_trades(exchange.fetch_my_trades("BTC/USD"))
    order = exchange.fetch_order("1", "BTC/USD")
    assert order["side"] in ("buy", "sell")
    assert order["id"]
    _check_book(exchange.fetch_order_book("BTC/USD"))
    assert exchange.fetch_balance()["BTC"]["total"] == 2015


def test_krakens_recorded_account_is_read(shared, venue):
    paths = {
        "example-depth-data.json": "/0/public/Depth",
        "example-openorders-data.json": "/0/private/OpenOrders",
        "example-tradehistory-data.json": "/0/private/TradesHistory",
        "example-addorder-response-data.json": "/0/private/AddOrder",
    }
    exchange = venue("kraken", _files(shared, "kraken", paths), ("XXBTZEUR", "BTC/EUR"), ("XXBTZUSD", "BTC/USD"))
    _check_orders("kraken", exchange.fetch_open_orders())
    _check_trades(exchange.fetch_my_trades())
    assert exchange.create_order("BTC/USD", "limit", "buy", 1, 1)["id"]
    bids = exchange.fetch_order_book("BTC/EUR")["bids"]
    assert len(bids) > 1


def test_bitgets_recorded_account_is_read(shared, venue):
    paths = {
        "__files/api_v2_spot_trade_fills.json": "/api/v2/spot/trade/fills",
        "__files/api_v2_spot_trade_orderinfo-t-valid-market-sell-order.json": "/api/v2/spot/trade/orderInfo",
        "__files/api_v2_spot_trade_place-buy-order.json": "/api/v2/spot/trade/place-order",
    }
    exchange = venue("bitget", _files(shared, "bitget", paths), ("BGBUSDT", "BGB/USDT"), ("BTCUSDT", "BTC/USDT"))
    _check_trades(exchange.fetch_my_trades("BTC/USDT"))
    order = exchange.fetch_order("1", "BGB/USDT")
    _check_orders("bitget", [order])
    assert order["clientOrderId"] == "t-valid-market-sell-order"
    placed = exchange.create_order("BGB/USDT", "limit", "buy", 1, 1)
    assert (placed["id"], placed["clientOrderId"]) == ("1214189703404097539", "t-valid-market-buy-order")


def test_gates_recorded_account_is_read(shared, venue):
    paths = {
        "__files/api_v4_spot_my_trades.json": "/api/v4/spot/my_trades",
        "__files/api_v4_spot_orders-valid-limit-buy-order.json": "/api/v4/spot/orders",
        "__files/api_v4_spot_order_book.json": "/api/v4/spot/order_book",
    }
    exchange = venue("gate", _files(shared, "gateio-v4", paths), ("BTC_USDT", "BTC/USDT"))
    _check_trades(exchange.fetch_my_trades("BTC/USDT"))
    placed = exchange.create_order("BTC/USDT", "limit", "buy", 1, 1)
    _check_orders("gate", [placed])
    assert placed["clientOrderId"].startswith("t-")
    _check_book(exchange.fetch_order_book("BTC/USDT"))


def test_gates_recorded_refusal_proves_that_nothing_was_placed(shared):
    (answer,) = _files(shared, "gateio-v4", {"api_v4_spot_orders-balance-not-enough.json": "/"})
    refusal = json.loads(answer.body)
    assert profile_of("gate").is_proof_of_refusal(refusal["label"], refusal["message"])
    (answer,) = _files(shared, "gateio-v4", {"api_v4_wallet_withdraw_status_internal-server-error.json": "/"})
    assert not profile_of("gate").is_proof_of_refusal(json.loads(answer.body)["label"])
