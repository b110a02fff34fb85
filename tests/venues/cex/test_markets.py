"""A venue's markets over real HTTP: listings of its kinds, what is refused, and what ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal

import pytest

from app.domain.calendar import CalendarKind
from app.domain.errors import Unavailable
from app.venues.cex.markets import calendar_of, of_markets, read_markets
from app.venues.cex.profile_table import profile_of
from app.venues.cex.symbols import market_listing

from .captured import CatchAll, Recorded, catch_all


def perpetual(symbol: str, **more: object) -> dict[str, object]:
    """One row of Binance's USD-M exchangeInfo."""
    row = {
        "symbol": symbol,
        "pair": "BTCUSDT",
        "contractType": "PERPETUAL",
        "status": "TRADING",
        "baseAsset": "BTC",
        "quoteAsset": "USDT",
        "marginAsset": "USDT",
        "deliveryDate": 4133404800000,
        "onboardDate": 1569398400000,
        "pricePrecision": 2,
        "quantityPrecision": 3,
        "orderTypes": ["LIMIT", "MARKET"],
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "0.1", "maxPrice": "900000", "tickSize": "0.10"},
            {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "1000", "stepSize": "0.001"},
            {"filterType": "MIN_NOTIONAL", "notional": "100"},
        ],
    }
    return row | more


def answer(*rows: dict[str, object]) -> Recorded:
    return Recorded("/fapi/v1/exchangeInfo", frozenset(), json.dumps({"symbols": rows}))


@pytest.fixture
def server() -> Iterator[CatchAll]:
    with catch_all() as state:
        yield state


async def test_a_venue_is_read_through_its_own_protocol(server):
    dated = {"contractType": "CURRENT_QUARTER", "deliveryDate": 1806048000000, "pair": "BTCUSDT"}
    leaving = {"baseAsset": "OLD", "deliveryDate": 1800000000000, "pair": "OLDUSDT"}
    server.recorded.append(
        answer(perpetual("BTCUSDT"), perpetual("BTCUSDT_270326", **dated), perpetual("OLDUSDT", **leaving))
    )
    read = await read_markets(profile_of("binanceusdm"), base_url=f"http://127.0.0.1:{server.port}")
    found = {each.venue_symbol: each for each in read.listings}
    assert found["BTCUSDT"].unified == "BTC/USDT:USDT"
    assert (found["BTCUSDT"].tick, found["BTCUSDT"].min_notional) == (Decimal("0.1"), Decimal(100))
    assert found["BTCUSDT_270326"].unified == "BTC/USDT:USDT-270326"
    assert [(each.venue_symbol, each.kind) for each in read.calendar] == [
        ("BTCUSDT_270326", CalendarKind.EXPIRY),
        ("OLDUSDT", CalendarKind.DELISTING),
    ]
    hosts = [request.path.split("/")[1] for request in server.take()]
    assert hosts[0] == "fapi.binance.com"
    assert all(host.endswith("binance.com") for host in hosts)


async def test_maintenance_is_an_entry_for_the_whole_venue(server):
    status = Recorded("/sapi/v1/system/status", frozenset(), '{"status": 1, "msg": "system maintenance"}')
    server.recorded += [answer(perpetual("BTCUSDT")), status]
    read = await read_markets(profile_of("binanceusdm"), base_url=f"http://127.0.0.1:{server.port}")
    assert [(each.venue_symbol, each.kind) for each in read.calendar] == [("", CalendarKind.MAINTENANCE)]


async def test_a_venue_that_answers_nonsense_is_unavailable(server):
    base_url = f"http://127.0.0.1:{server.port}"
    with pytest.raises(Unavailable, match="binanceusdm: DDoSProtection"):
        await read_markets(profile_of("binanceusdm"), base_url=base_url)
    server.recorded.append(answer())
    with pytest.raises(Unavailable, match="lists nothing of 0 markets"):
        await read_markets(profile_of("binanceusdm"), base_url=base_url)


async def test_a_venue_that_is_not_there_is_unavailable(server):
    with pytest.raises(Unavailable, match="binanceusdm: ExchangeNotAvailable"):
        await read_markets(profile_of("binanceusdm"), base_url="http://127.0.0.1:1")


def market(**more: object) -> dict[str, object]:
    plain = {"id": "AB", "base": "A", "quote": "USDT", "precision": {"price": 0.1, "amount": 1.0}, "limits": {}}
    return {**plain, "spot": True, **more}


def test_only_the_venues_kinds_are_kept_and_the_rest_is_counted():
    option = market(spot=False, option=True)
    swap = market(spot=False, swap=True, settle="USDT", linear=True, contractSize=1)
    read = of_markets(profile_of("kraken"), [market(), market(id="AB.d"), option, swap], 4)
    assert [each.venue_symbol for each in read.listings] == ["AB"]
    assert read.refused == {"option": 1, "twice": 1}


@pytest.mark.parametrize(
    ("venue", "info", "ends_s"),
    [
        ("gate", {"delisting_time": 1_800_000_000}, 1_800_000_000),
        ("gate", {"delisting_time": 0}, 0),
        ("okx", {"expTime": "1800000000000"}, 1_800_000_000),
        ("okx", {"expTime": ""}, 0),
        ("bitget", {"offTime": "-1"}, 0),
        ("kraken", {"expTime": "1800000000000"}, 0),
        ("okx", "BTC-USDT", 0),
    ],
)
def test_a_delisting_is_read_where_a_venue_states_it(venue, info, ends_s):
    row = market(info=info)
    found = calendar_of(market_listing(venue, row, 4), row)
    assert [each.from_ts_ns for each in found] == ([ends_s * 10**9] if ends_s else [])
