"""Markets become listings of the right class, or are refused by name; two readings of one answer agree row by row."""

from __future__ import annotations

import re
import warnings
from decimal import Decimal
from urllib.parse import parse_qsl, urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.domain.enums import ContractKind
from app.domain.errors import InvariantBroken
from app.domain.instrument import FungibilityClass
from app.venues.cex.symbols import (
    STABLE_GROUPS,
    NotRouted,
    SymbolTable,
    currency_of,
    market_listing,
    recorded_listing,
    stable_group,
    unique_listings,
)

from .captured import Recorded, catch_all, localised

NAN = float("nan")
ROW = {
    "venue": "binance",
    "symbol": "BTCUSDT",
    "base": "BTC",
    "quote": "USDT",
    "kind": "spot",
    "tick": 0.01,
    "lot": 1e-05,
    "min_qty": 1e-05,
    "min_notional": 10.0,
    "contract_size": NAN,
    "expiry_ms": -1,
}
# venue: (its wire captures, how many of its recorded rows ccxt's reading of the same answer must agree with)
SAME_ANSWER = {
    "binance": ("BINANCE", 1695),
    "binanceus": ("BINANCE_US", 121),
    "binanceusdm": ("BINANCE_FUTURES", 122),
    "binancecoinm": ("BINANCE_DELIVERY", 36),
    "kraken": ("KRAKEN", 300),
    "okx": ("OKX", 1479),
}


def _class(**more):
    made = recorded_listing({**ROW, **more})
    return made if isinstance(made, NotRouted) else made.fungible


def _inverse(base, multiplier, expiry=""):
    return FungibilityClass(base, "USD", base, ContractKind.INVERSE, expiry, multiplier)


def _linear(base, quote, settle, multiplier):
    return FungibilityClass(base, quote, settle, ContractKind.LINEAR, "", multiplier)


@pytest.mark.parametrize(
    ("row", "fungible"),
    [
        ({}, FungibilityClass("BTC", "USDT", "USDT", ContractKind.SPOT)),
        (
            {"venue": "kraken", "base": "XXBT", "quote": "ZUSD"},
            FungibilityClass("BTC", "USD", "USD", ContractKind.SPOT),
        ),
        ({"venue": "binanceusdm", "kind": "perp"}, _linear("BTC", "USDT", "USDT", 10**9)),
        ({"venue": "okx", "kind": "perp", "contract_size": 0.01}, _linear("BTC", "USDT", "USDT", 10**7)),
        ({"venue": "okx", "kind": "perp", "quote": "USD", "contract_size": 100.0}, _inverse("BTC", 100 * 10**9)),
        ({"venue": "bybit", "kind": "perp", "quote": "USD"}, _inverse("BTC", 10**9)),
        # Deribit states a contract of 10 USD and counts an order in USD: a lot of 10 units of 1 USD.
        ({"venue": "deribit", "kind": "perp", "quote": "USD", "contract_size": 10.0}, _inverse("BTC", 10**9)),
        ({"venue": "dydx", "kind": "perp", "quote": "USD"}, _linear("BTC", "USD", "USDC", 10**9)),
        (
            {"venue": "bitmex", "base": "XBT", "quote": "USD", "kind": "perp", "contract_size": -1e8},
            _inverse("BTC", 10**9),
        ),
        (
            {
                "venue": "bitmex",
                "base": "ETH",
                "quote": "XBT",
                "kind": "future",
                "contract_size": 1e8,
                "expiry_ms": 1632484800000,
            },
            FungibilityClass("ETH", "BTC", "BTC", ContractKind.LINEAR, "2021-09-24", 10**9),
        ),
        (
            {
                "venue": "binancecoinm",
                "quote": "USD",
                "kind": "future",
                "contract_size": 100.0,
                "expiry_ms": 1632470400000,
            },
            _inverse("BTC", 100 * 10**9, "2021-09-24"),
        ),
        # A date in 2100 is how a venue writes "never".
        ({"venue": "bitcom", "kind": "perp", "expiry_ms": 4102444800000}, _linear("BTC", "USDT", "USDT", 10**9)),
    ],
)
def test_a_recorded_row_has_its_class(row, fungible):
    assert _class(**row) == fungible


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"kind": "option"}, NotRouted.OPTION),
        ({"kind": "spreads"}, NotRouted.OTHER_CONTRACT),
        ({"venue": "bitmex", "kind": "perp", "contract_size": 100.0}, NotRouted.QUANTO),
        ({"venue": "bybit", "kind": "future", "quote": "USD"}, NotRouted.EXPIRY_NOT_STATED),
        ({"venue": "okx", "kind": "perp"}, NotRouted.SIZE_NOT_STATED),
        ({"venue": "bitgetmix", "kind": "perp", "quote": "USD"}, NotRouted.SETTLEMENT_NOT_STATED),
        ({"venue": "hitbtc", "kind": "perp"}, NotRouted.SETTLEMENT_NOT_STATED),
    ],
)
def test_what_is_not_stated_is_refused_by_name(row, reason):
    assert _class(**row) is reason


def test_floats_of_the_file_are_read_as_written():
    made = recorded_listing(ROW)
    assert (made.tick, made.lot, made.min_notional) == (Decimal("0.01"), Decimal("0.00001"), Decimal(10))
    assert recorded_listing({**ROW, "min_qty": NAN}).min_qty == 0


def test_a_code_is_not_a_coin():
    assert currency_of("hitbtc", "STX") == "STOX"
    assert currency_of("binance", "STX") == "STX"
    assert currency_of("htx", "btc") == "BTC"
    assert currency_of("kraken", "XREP") != currency_of("kraken", "REPV2") == "REP"
    assert currency_of("nowhere", "XBT") == "BTC"


def test_stable_groups_do_not_overlap():
    coins = [coin for group in STABLE_GROUPS.values() for coin in group]
    assert len(coins) == len(set(coins))
    assert stable_group("USDT") == stable_group("USDC") == stable_group("USD") == "USD"
    assert stable_group("EURC") == "EUR"
    assert stable_group("USTC") == stable_group("BTC") == ""


def _market(**more):
    precision, limits = {"price": 0.1, "amount": 0.001}, {"amount": {"min": 0.001}, "cost": {"min": 5}}
    plain = {"id": "X", "base": "BTC", "quote": "USDT", "settle": "USDT", "precision": precision, "limits": limits}
    return {**plain, "swap": True, "linear": True, "inverse": False, "contractSize": 1.0, **more}


def test_ccxts_market_is_a_listing_in_the_venues_own_decimals():
    made = market_listing("bybit", _market(active=False), 4)
    assert made.unified == "BTC/USDT:USDT"
    assert (made.tick, made.lot, made.min_qty, made.min_notional) == tuple(map(Decimal, ("0.1", "0.001", "0.001", "5")))
    assert not made.is_active
    assert market_listing("bybit", _market(precision={"price": 2, "amount": 8}), 2).lot == Decimal("1E-8")


def test_deribit_counts_currency_whatever_its_contract_is():
    made = market_listing(
        "deribit", _market(quote="USD", settle="BTC", linear=False, inverse=True, contractSize=10.0), 4
    )
    assert made.fungible == _inverse("BTC", 10**9)


@pytest.mark.parametrize(
    ("more", "mode", "reason"),
    [
        ({"swap": False, "option": True}, 4, NotRouted.OPTION),
        ({"swap": False}, 4, NotRouted.OTHER_CONTRACT),
        ({"settle": None}, 4, NotRouted.SETTLEMENT_NOT_STATED),
        ({"settle": "BTC", "base": "ETH", "quote": "USD"}, 4, NotRouted.QUANTO),
        ({"swap": False, "future": True}, 4, NotRouted.EXPIRY_NOT_STATED),
        ({"contractSize": None}, 4, NotRouted.SIZE_NOT_STATED),
        ({}, 3, NotRouted.NO_TICK),
        ({"precision": {"price": None, "amount": 1}}, 4, NotRouted.NO_TICK),
    ],
)
def test_a_market_that_is_no_listing_says_why(more, mode, reason):
    assert market_listing("here", _market(**more), mode) is reason


def test_one_name_is_one_listing():
    first = recorded_listing({**ROW, "venue": "kraken", "symbol": "XBT/USDT"})
    dark = recorded_listing({**ROW, "venue": "kraken", "symbol": "XBTUSDT.d"})
    kept, twice = unique_listings([first, dark])
    assert (kept, twice) == ([first], [dark])
    with pytest.raises(InvariantBroken):
        SymbolTable.of([first, dark])
    assert SymbolTable.of(kept).by_unified["kraken", "BTC/USDT"] is first


@pytest.mark.shared_data
@pytest.mark.parametrize("venue", SAME_ANSWER)
def test_ccxts_reading_of_the_recorded_answer_agrees_row_by_row(venue, shared):
    """The recorded rows were made from these answers by somebody else's parser, the markets here by ccxt's."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ccxt = pytest.importorskip("ccxt", reason="needs the cex extra")
    folder, n_expected = SAME_ANSWER[venue]
    with catch_all() as server:
        for path in sorted((shared / "data/public/wire" / folder).glob("*.0.txt.zst")):
            for line in pa.input_stream(str(path), compression="zstd").read().decode("utf-8", "replace").split("\n"):
                if match := re.match(r"^(https?://\S+) -> [\d.]+: (.*)$", line):
                    split = urlsplit(match[1])
                    server.recorded.append(Recorded(split.path, frozenset(parse_qsl(split.query)), match[2]))
        exchange = localised(getattr(ccxt, venue)({"enableRateLimit": False}), server.port)
        if venue == "binance":
            exchange.options["fetchMarkets"] = {"types": ["spot"]}
        markets = exchange.fetch_markets()
        exchange.close()
    read = {}
    for market in markets:
        read[market["id"]] = read[market["info"].get("wsname", "")] = market_listing(
            venue, market, exchange.precisionMode
        )
    rows = pq.read_table(shared / "data/public/reference/instruments.parquet").to_pylist()
    agreed = 0
    for row in rows:
        if row["venue"] != venue or row["base"] == "XREP":
            continue
        ours, theirs = recorded_listing(row), read[row["symbol"]]
        if isinstance(ours, NotRouted) or isinstance(theirs, NotRouted):
            assert ours is theirs
        else:
            same = ("fungible", "unified", "tick", "lot", "min_qty")
            assert [getattr(ours, each) for each in same] == [getattr(theirs, each) for each in same]
        agreed += 1
    assert agreed == n_expected
