"""Two readings of a venue differ by what an order would notice, and by nothing else."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from app.domain.enums import ContractKind
from app.domain.instrument import FungibilityClass
from app.domain.listing import Listing
from app.domain.listing_changes import Changed, ListingChange, changes

SPOT = FungibilityClass("BTC", "USDT", "USDT", ContractKind.SPOT)
OLD = Listing("a", "BTCUSDT", "BTC/USDT", SPOT, Decimal("0.01"), Decimal("0.001"))


def test_the_same_reading_has_no_changes():
    assert changes([OLD], [replace(OLD, tick=Decimal("0.010"))]) == []


@pytest.mark.parametrize(
    ("new", "what", "was", "now"),
    [
        ({"tick": Decimal("0.1")}, ListingChange.TICK, "0.01", "0.1"),
        ({"lot": Decimal("0.01")}, ListingChange.LOT, "0.001", "0.01"),
        ({"min_qty": Decimal(1)}, ListingChange.MIN_QTY, "0", "1"),
        ({"min_notional": Decimal(5)}, ListingChange.MIN_NOTIONAL, "0", "5"),
        ({"expiry_ts_ns": 7}, ListingChange.EXPIRY, "0", "7"),
        ({"is_active": False}, ListingChange.HALTED, "", ""),
        (
            {"fungible": replace(SPOT, multiplier_nano=1000 * 10**9)},
            ListingChange.CLASS,
            "BTC/USDT x 1000000000",
            "BTC/USDT x 1000000000000",
        ),
    ],
)
def test_each_difference_has_its_name(new, what, was, now):
    assert changes([OLD], [replace(OLD, **new)]) == [Changed("a", "BTCUSDT", "BTC/USDT", what, was, now)]


def test_new_and_gone_and_resumed():
    other = replace(OLD, venue_symbol="ETHUSDT", unified="ETH/USDT")
    assert [each.what for each in changes([OLD], [other])] == [ListingChange.NEW, ListingChange.GONE]
    assert [each.what for each in changes([replace(OLD, is_active=False)], [OLD])] == [ListingChange.RESUMED]
