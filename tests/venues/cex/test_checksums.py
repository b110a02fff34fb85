"""A book that differs from the venue's by one digit is told by the checksum."""

from __future__ import annotations

from dataclasses import replace
from zlib import crc32

import pytest

from app.venues.cex.checksums import ChecksumWatch
from app.venues.cex.profile_table import profile_of

RULE = profile_of("okx").book


class Connection:
    """Something that can be pointed to weakly."""


def places(market: str) -> tuple[int, int]:
    return 1, 8


def signed(text: str) -> int:
    found = crc32(text.encode())
    return found - (1 << 32) if found >= 1 << 31 else found


def message(action, bids, asks, text):
    row = {"bids": bids, "asks": asks, "checksum": signed(text)}
    return {"arg": {"channel": "books", "instId": "BTC-USDT"}, "action": action, "data": [row]}


SNAPSHOT = message(
    "snapshot",
    [["3366.1", "7", "0", "3"], ["3366", "6", "0", "1"]],
    [["3366.8", "9", "10", "3"], ["3368", "8", "0", "1"], ["3370", "1", "0", "1"]],
    "3366.1:7:3366.8:9:3366:6:3368:8:3370:1",
)


def test_the_venues_own_example_and_a_change():
    watch, connection = ChecksumWatch(RULE, places), Connection()
    assert watch.is_right(connection, SNAPSHOT)
    change = message(
        "update", [["3366.1", "0", "0", "0"], ["3365", "2", "0", "1"]], [], "3366:6:3366.8:9:3365:2:3368:8:3370:1"
    )
    assert watch.is_right(connection, change)
    assert not watch.is_right(connection, message("update", [["3364", "1", "0", "1"]], [], "3366:6"))
    assert watch.is_right(connection, SNAPSHOT)


@pytest.mark.parametrize("other", ["pong", {"event": "subscribe"}, {"arg": {}, "data": [{"last": "1"}]}])
def test_what_is_no_book_passes(other):
    assert ChecksumWatch(RULE, places).is_right(Connection(), other)


def test_a_venue_that_ccxt_checks_is_left_to_it():
    wrong = message("snapshot", [["1", "1"]], [["2", "1"]], "nonsense")
    assert ChecksumWatch(replace(RULE, checksum=""), places).is_right(Connection(), wrong)
    assert not ChecksumWatch(RULE, places).is_right(Connection(), wrong)


def test_krakens_rule_with_its_decimals_and_its_depth():
    """The worked example of the venue's own page: ten levels a side of BTC/USD, and what is summed."""
    rule = replace(profile_of("kraken").book, depth=2, checksum_levels=2)
    asks = [{"price": 45285.2, "qty": 0.001}, {"price": 45286.4, "qty": 1.54571953}]
    bids = [{"price": 45283.5, "qty": 0.1}, {"price": 45283.4, "qty": 1.54582015}]
    digits = "452852" + "100000" + "452864" + "154571953" + "452835" + "10000000" + "452834" + "154582015"
    row = {"symbol": "BTC/USD", "bids": bids, "asks": asks, "checksum": crc32(digits.encode())}
    watch, connection = ChecksumWatch(rule, places), Connection()
    assert watch.is_right(connection, {"channel": "book", "type": "snapshot", "data": [row]})
    better = [{"price": 45285.1, "qty": 2}]  # the second ask falls out of the depth
    digits = "452851" + "200000000" + "452852" + "100000" + "452835" + "10000000" + "452834" + "154582015"
    row = {"symbol": "BTC/USD", "bids": [], "asks": better, "checksum": crc32(digits.encode())}
    assert watch.is_right(connection, {"channel": "book", "type": "update", "data": [row]})
    assert not watch.is_right(connection, {"channel": "book", "type": "update", "data": [{**row, "checksum": 1}]})
    assert watch.is_right(connection, {"channel": "heartbeat"})
