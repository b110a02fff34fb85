"""The parts that several protocols share: windows of a book, meters of requests, numbers as venues print them."""

from __future__ import annotations

import random
import zlib

import pytest

from tests.venues.exchange.book import BUY, SELL
from tests.venues.exchange.engine import Exchange, Ticket
from tests.venues.exchange.maker import Maker
from tests.venues.exchange.markets import Habits, Kind, Market
from tests.venues.exchange.protocols.bitget_words import checksum, spell
from tests.venues.exchange.protocols.meter import Meter
from tests.venues.exchange.protocols.window import Window
from tests.venues.exchange.protocols.wording import average, rate
from tests.venues.exchange.settlement import HOUSE
from tests.venues.exchange.units import atoms

SPOT = Market("BTCUSDT", "BTC", "USDT", "0.01", "0.000001", "60000")
INVERSE = Market("BTCUSD", "BTC", "USD", "0.5", "1", "60000", Kind.INVERSE, "BTC")


@pytest.mark.parametrize("depth", [1, 3, 50, 0])
def test_a_reader_of_the_changes_always_knows_the_window(depth: int) -> None:
    """Levels that enter from below or are pushed out are told, though no order of theirs changed."""
    exchange = Exchange("test", (SPOT,), Habits())
    maker, book, chance = Maker(exchange, SPOT, 3), exchange.books["BTCUSDT"], random.Random(depth)
    maker.open()
    window = Window(book, depth)
    known = {BUY: dict(window.rows(BUY)), SELL: dict(window.rows(SELL))}
    updates = window.updates
    for _ in range(300):
        if chance.random() < 0.1:
            side = chance.choice((BUY, SELL))
            exchange.place(HOUSE, Ticket("BTCUSDT", side, "1.5", SPOT.price(book.best(-side) or 1), "IOC"))
        maker.step()
        rows = window.advance()
        for side, changed in zip((BUY, SELL), rows or ([], []), strict=True):
            for price, qty in changed:
                known[side].pop(price, None)
                if qty != "0":
                    known[side][price] = qty
        updates += rows is not None
        for side in (BUY, SELL):
            assert known[side] == dict(book.strings(side, depth))
    assert window.updates == updates > 50


def test_a_checksum_is_signed_and_counts_digits_as_printed() -> None:
    bids, asks = [("43231.1", "4"), ("43231", "6")], [("43232.8", "9")]
    crc = zlib.crc32(b"43231.1:4:43232.8:9:43231:6")
    assert checksum(bids, asks) == (crc - 2**32 if crc >= 2**31 else crc)
    assert checksum([("1", "1.0")], []) != checksum([("1", "1")], [])
    sums = [checksum([(str(n), "1")], []) for n in range(20)]
    assert min(sums) < 0 < max(sums)
    assert spell(SPOT, 100, 1000) == ("1.00", "0.001000")


def test_a_meter_counts_each_key_in_its_window_and_forgets() -> None:
    meter = Meter(limit=3, window_ms=1000)
    assert [meter.count("a", 10), meter.count("a", 900), meter.count("b", 900)] == [2, 1, 2]
    assert [meter.count("a", 999, weight=5), meter.ends_ms(999)] == [0, 1000]
    assert meter.count("a", 1000) == 2


def test_means_and_rates_are_exact_decimals() -> None:
    assert average(SPOT, 3_000_000, atoms("301.1")) == "100.36666666"
    assert average(INVERSE, 2002, atoms("2")) == "1001"
    assert average(SPOT, 0, 0) == ""
    assert (rate(550), rate(-100)) == ("0.00055", "-0.0001")
