"""What a stop's placement says at each exchange, and why one does not leave."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.domain.enums import ContractKind, Side, TimeInForce
from app.domain.instrument import FungibilityClass, Instrument, Symbol
from app.domain.orders import ChildOrder
from app.domain.venue_stops import FOREVER_NS, StopSource, VenueStop
from app.venues.cex.profile_table import profile_of
from app.venues.cex.stops import barred_stop, dialect_of, stop_params
from app.venues.stop_offers import load_offers, served_offers

BTC = FungibilityClass("BTC", "USDT", "USDT", ContractKind.SPOT)
SYMBOL = Symbol("BTC/USDT", BTC, price_scale=2, qty_scale=6)
LISTING = Instrument("binance", SYMBOL.name, "BTCUSDT", BTC, tick_units=1, lot_units=10)
PLAIN = ChildOrder(
    "c", "01J", "o", "acme", 1, "binance", SYMBOL.name, Side.SELL, TimeInForce.IOC, 5_841_000, 3, 1, 10, 99
)
STOP = replace(PLAIN, stop=VenueStop(5_900_050, StopSource.LAST), rest_until_ns=FOREVER_NS)
REAL = sorted(venue for venue in served_offers() if not venue.startswith("sim_"))


def test_a_stops_trigger_leaves_exactly_and_a_plain_child_says_nothing() -> None:
    assert stop_params("binance", STOP, SYMBOL, LISTING) == {"stopLossPrice": "59000.5"}
    assert stop_params("binance", PLAIN, SYMBOL, LISTING) == {}


@pytest.mark.parametrize("venue", REAL)
def test_what_is_served_is_spoken(venue: str) -> None:
    """A venue that stops are given to has words for each source that its offer names, and signs what they say."""
    offer, dialect = load_offers()[venue], dialect_of(profile_of(venue).ccxt_id)
    assert dialect is not None
    assert offer.sources <= dialect.by.keys()
    for kind in offer.kinds:
        assert barred_stop(venue, profile_of(venue).ccxt_id, kind, replace(STOP, venue=venue)) == ""


@pytest.mark.parametrize(
    ("venue", "kind", "stop", "why"),
    [
        ("binance", ContractKind.LINEAR, VenueStop(1, StopSource.LAST), "has not been shown"),
        ("binance", ContractKind.SPOT, VenueStop(1, StopSource.MARK), "mark price"),
        ("binance", ContractKind.SPOT, VenueStop(1, StopSource.LAST, "01J"), "in one step"),
        ("mexc", ContractKind.SPOT, VenueStop(1, StopSource.LAST), "has not been shown"),
    ],
)
def test_what_a_venue_does_not_hold_does_not_leave(venue: str, kind: ContractKind, stop: VenueStop, why: str) -> None:
    assert why in barred_stop(venue, profile_of(venue).ccxt_id, kind, replace(STOP, stop=stop))
