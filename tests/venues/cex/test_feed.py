"""Levels are said against us where they cannot be said exactly. The feed itself is in conformance/."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from app.venues.cex.adapter import listings_of
from app.venues.cex.budget import Budgets
from app.venues.cex.feed import CcxtFeed, levels_of
from app.venues.cex.health import Health
from app.venues.cex.profile_table import profile_of
from app.venues.clock import SystemClock
from tests.venues.cex.markets import universe_of

DECIMALS = st.decimals("0.0001", "100000", places=5)


def test_prices_move_against_us_and_dust_is_left_out():
    raw = [[100.019, 1.5, 1], ["100.011", "0.0004"], [100.01, 0.25], [100.0, 0.0]]
    assert levels_of(raw, (2, 3), {}, is_bid=True) == ((10_001, 1_750),)
    up = [[100.001, 1.5], [100.009, 2], [100.02, 1]]
    assert levels_of(up, (2, 3), {}, is_bid=False) == ((10_001, 3_500), (10_002, 1_000))


@given(st.lists(st.tuples(DECIMALS, DECIMALS), max_size=20), st.integers(0, 4), st.integers(0, 4))
def test_a_book_is_never_better_than_the_venues(raw, price_scale, qty_scale):
    bids = sorted(raw, reverse=True)
    found = levels_of(bids, (price_scale, qty_scale), {}, is_bid=True)
    assert list(found) == sorted(found, reverse=True)
    for price_units, _ in found:
        price = Decimal(price_units).scaleb(-price_scale)
        better = sum(q for p, q in bids if p >= price)
        said = sum(q for p, q in found if p >= price_units)
        assert Decimal(said).scaleb(-qty_scale) <= better
    asks = levels_of(sorted(raw), (price_scale, qty_scale), {}, is_bid=False)
    for price_units, _ in asks:
        price = Decimal(price_units).scaleb(-price_scale)
        assert Decimal(sum(q for p, q in asks if p <= price_units)).scaleb(-qty_scale) <= sum(
            q for p, q in raw if p <= price
        )


def test_remembered_prices_are_bounded():
    known: dict[object, int] = {}
    for n in range(3):
        levels_of([[n * 5_000 + i + 1, 1] for i in range(5_000)], (0, 0), known, is_bid=True)
    assert len(known) <= 8_192


class _Client:
    def __init__(self, url: str = "ws://venue") -> None:
        self.url, self.errors = url, []

    def on_error(self, error: Exception) -> None:
        self.errors.append(error)


class _Exchange:
    """What a feed touches of ccxt's: a client a URL, books by symbol."""

    def __init__(self) -> None:
        self.clients, self.orderbooks, self.markets = {}, {}, {"BTC/USDT": {}}

    def connect(self) -> _Client:
        self.clients["ws://venue"] = _Client()
        return self.clients["ws://venue"]


def _feed() -> tuple[CcxtFeed, _Exchange]:
    profile = profile_of("deribit")
    universe = universe_of("deribit", {"BTC/USDT": ("0.01", "0.0001")})
    clock, exchange = SystemClock(), _Exchange()
    health = Health("deribit", clock, Budgets().of(profile, key_id="", account=""))
    feed = CcxtFeed(profile, listings_of(universe, "deribit"), clock, health)
    feed._exchange, feed._on_book = exchange, lambda book: None
    return feed, exchange


def _book(kind: str, change_id: int, **before: int) -> dict[str, object]:
    data = {"type": kind, "instrument_name": "BTC_USDT", "change_id": change_id, **before}
    return {"method": "subscription", "params": {"channel": "book.BTC_USDT.raw", "data": data}}


def test_what_a_given_up_connection_still_brings_is_kept_from_the_next_book():
    feed, exchange = _feed()
    old = exchange.connect()
    assert feed.on_wire(old, _book("snapshot", 10))
    assert not feed.on_wire(old, _book("change", 14, prev_change_id=12))
    assert old.errors
    assert not feed.on_wire(old, _book("change", 15, prev_change_id=14))
    assert feed.on_wire(exchange.connect(), _book("snapshot", 20))


def test_a_new_connections_snapshot_finds_no_book_of_the_one_before():
    """ccxt lays Deribit's and Bitget's snapshots over the book that it has."""
    feed, exchange = _feed()
    old = exchange.connect()
    assert feed.on_wire(old, _book("snapshot", 10))
    exchange.orderbooks["BTC/USDT"] = "levels of before"
    assert feed.on_wire(exchange.connect(), _book("snapshot", 20))
    assert not exchange.orderbooks
    assert not feed.on_wire(old, _book("change", 11, prev_change_id=10))


def test_a_lost_stream_gives_up_the_connection_that_would_go_on():
    feed, exchange = _feed()
    client = exchange.connect()
    assert feed.on_wire(client, _book("snapshot", 10))
    feed._books["BTC/USDT"].is_gapped = False
    feed._lose("BTC/USDT", "UnsubscribeError")
    assert client.errors
    assert not feed.on_wire(client, _book("change", 11, prev_change_id=10))


def test_a_book_that_was_given_up_before_anybody_looked_is_not_shown():
    """The gap came in the same breath as the change before it: ccxt had already told the stream of that one."""
    feed, exchange = _feed()
    told: list[object] = []
    feed._on_book = told.append
    client, book = exchange.connect(), {"bids": [[100, 1]], "asks": [[101, 1]]}
    assert feed.on_wire(client, _book("snapshot", 10))
    exchange.orderbooks["BTC/USDT"] = book
    feed._take_current("BTC/USDT", book)
    assert not feed._books["BTC/USDT"].is_gapped
    assert feed.on_wire(client, _book("change", 11, prev_change_id=10))
    assert not feed.on_wire(client, _book("change", 14, prev_change_id=12))
    n_told = len(told)
    feed._take_current("BTC/USDT", book)
    assert feed._books["BTC/USDT"].is_gapped
    assert len(told) == n_told


def test_a_lost_stream_takes_the_book_with_it_that_it_never_told():
    """Else the connection went on, and the next changes alone would be taken for a book."""
    feed, exchange = _feed()
    client = exchange.connect()
    assert feed.on_wire(client, _book("snapshot", 10))
    exchange.orderbooks["BTC/USDT"] = "a snapshot nobody has seen"
    feed._lose("BTC/USDT", "CancelledError")
    assert not exchange.orderbooks
    assert client.errors
    assert not feed.on_wire(client, _book("change", 11, prev_change_id=10))
