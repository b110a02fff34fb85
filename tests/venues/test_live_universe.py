"""The shipped table of live markets is sound, large enough, and refuses what it does not have."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from decimal import Decimal

import pytest

from app.domain.enums import ContractKind, MarketKind, Mode
from app.domain.errors import BadRequest
from app.domain.instrument import FungibilityClass
from app.domain.listing import Listing
from app.domain.venue import EvidenceLevel
from app.venues.cex.profile_table import profiles
from app.venues.live_universe import (
    ListingFacts,
    PaperPace,
    evidence_for,
    facts_of,
    load_live_universe,
    pace_of,
    read_live,
)


def test_majors_are_there_on_at_least_ten_venues_each_with_fee_and_evidence() -> None:
    universe = load_live_universe()
    assert len(universe.venues) >= 10
    assert len(universe.listings("BTC/USDT")) >= 10
    for venue_id, venue in universe.venues.items():
        assert venue_id in profiles()
        assert venue.evidence is not None
        assert venue.evidence.level in EvidenceLevel
        assert venue.mode is Mode.PAPER
        assert not venue.is_simulated
        assert universe.fees[venue_id].taker_fee_ppm > 0
        schedule = universe.schedules.get((venue_id, MarketKind.SPOT))
        assert schedule is None or schedule.tiers[0].taker_fee_ppm == universe.fees[venue_id].taker_fee_ppm
    assert all(symbol.fungible.kind is ContractKind.SPOT for symbol in universe.symbols.values())


def test_a_choice_of_venues_and_symbols_leaves_the_rest_out() -> None:
    universe = load_live_universe(("kraken", "okx", "coinbase"), ("BTC/USDT",), Mode.LIVE, max_book_age_ms=500)
    assert set(universe.venues) == {"kraken", "okx"}  # coinbase does not list it
    assert set(universe.instruments) == {("kraken", "BTC/USDT"), ("okx", "BTC/USDT")}
    assert universe.venues["okx"].mode is Mode.LIVE
    assert universe.venues["okx"].max_book_age_ns == 500_000_000


@pytest.mark.parametrize(("venues", "symbols", "code"), [(("mtgox",), (), "venue"), ((), ("BTC/GBP",), "symbol")])
def test_what_is_not_in_the_table_is_refused_by_name(venues, symbols, code) -> None:
    with pytest.raises(BadRequest) as refused:
        load_live_universe(venues, symbols)
    assert refused.value.code == f"unknown_{code}"


def test_every_fact_says_whether_it_was_recorded() -> None:
    rows = [row for listings in read_live()["venues"].values() for row in listings.values()]
    assert all(row["recorded"] == 0 or 2020 < row["recorded"] < 2027 for row in rows)


def test_a_venue_that_the_profiles_do_not_have_has_no_evidence() -> None:
    with pytest.raises(BadRequest):
        evidence_for("mtgox")


def test_the_engine_reads_all_this_without_loading_ccxt() -> None:
    words = "import sys, app.main, app.venues.group, app.workers.venue_worker as w;"
    words += "from app.venues.live_universe import load_live_universe; load_live_universe();"
    words += "print([m for m in sys.modules if m.split('.')[0] in ('ccxt', 'aiohttp')])"
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_what_was_read_since_goes_over_the_table_and_never_over_the_scales() -> None:
    facts = (
        ListingFacts("okx", "BTC/USDT", "BTC-USDT", "0.0005", "0.00000003", "0.00002", "7"),
        ListingFacts("bitfinex", "BTC/USDT", "tBTCUST", "0.5", "0.0001", "0", "0"),
        ListingFacts("nobody", "BTC/USDT", "X", "1", "1", "0", "0"),
        ListingFacts("okx", "DOGE/USDT", "DOGE-USDT", "1", "1", "0", "0"),
    )
    universe = load_live_universe(("okx", "bitfinex"), ("BTC/USDT",), facts=facts)
    okx, bitfinex = (universe.instruments[(v, "BTC/USDT")] for v in ("okx", "bitfinex"))
    symbol = universe.symbols["BTC/USDT"]
    assert (symbol.price_scale, symbol.qty_scale) == (2, 6)
    assert (okx.tick_units, okx.lot_units, okx.min_qty_lots, okx.min_notional_nano) == (1, 3, 7, 7_000_000_000)
    assert (bitfinex.tick_units, bitfinex.lot_units, bitfinex.venue_symbol) == (50, 100, "tBTCUST")
    assert "bitfinex" not in load_live_universe(facts=facts).venues  # a venue is added where it is named
    assert universe.venues["bitfinex"].title == "Bitfinex"


def test_listings_of_other_classes_and_halted_ones_are_no_facts() -> None:
    spot = FungibilityClass("BTC", "USDT", "USDT", ContractKind.SPOT)
    swap = FungibilityClass("BTC", "USDT", "USDT", ContractKind.LINEAR)
    step = Decimal("0.01")
    listed = Listing("okx", "BTC-USDT", "BTC/USDT", spot, step, step)
    others = (
        replace(listed, is_active=False),
        replace(listed, unified="BTC/USDT:USDT", fungible=swap),
        replace(listed, unified="LTC/USDT"),
    )
    assert facts_of([listed, *others]) == (ListingFacts("okx", "BTC/USDT", "BTC-USDT", "0.01", "0.01", "0", "0"),)


def test_a_venues_own_pace_goes_before_everybodys_and_that_before_the_tables():
    table, paces = read_live(), {"*": {"refill_ms": 9_000}, "kraken": {"refill_ms": 20_000, "latency_ms": 80}}
    assert pace_of("kraken", table, paces) == PaperPace(80, table["processing_ms"], 20_000)
    assert pace_of("okx", table, paces) == PaperPace(table["latency_ms"], table["processing_ms"], 9_000)
    assert pace_of("okx", table, {}).refill_ms == table["refill_ms"]
    venues = load_live_universe(("kraken", "okx"), paces=paces).venues
    assert venues["kraken"].latency_ns == 80_000_000
    assert venues["okx"].latency_ns == table["latency_ms"] * 1_000_000
