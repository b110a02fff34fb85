"""A listing becomes integers that the venue takes: our tick and lot are multiples of its own, whatever the scales."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.enums import ContractKind
from app.domain.errors import BadRequest, InvariantBroken
from app.domain.instrument import FungibilityClass
from app.domain.listing import (
    Listing,
    by_class,
    class_of_unified,
    instrument_of,
    is_coarser,
    symbol_of,
    unified_symbol,
)

SPOT = FungibilityClass("BTC", "USDT", "USDT", ContractKind.SPOT)
PERPETUAL = FungibilityClass("BTC", "USDT", "USDT", ContractKind.LINEAR, multiplier_nano=10_000_000)
DATED = FungibilityClass("BTC", "USD", "BTC", ContractKind.INVERSE, "2021-09-24", 100_000_000_000)


def listing(tick, lot, fungible=SPOT, venue="a", **more):
    return Listing(venue, "BTCUSDT", unified_symbol(fungible), fungible, Decimal(tick), Decimal(lot), **more)


@pytest.mark.parametrize(
    ("fungible", "unified"),
    [(SPOT, "BTC/USDT"), (PERPETUAL, "BTC/USDT:USDT"), (DATED, "BTC/USD:BTC-210924")],
)
def test_a_unified_symbol_names_its_class_both_ways(fungible, unified):
    assert unified_symbol(fungible) == unified
    assert class_of_unified(unified, fungible.multiplier_nano) == fungible


@pytest.mark.parametrize(
    "text", ["BTCUSDT", "/USDT", "BTC/", "BTC/USDT:", "BTC/USD:BTC-2109", "BTC/USD:BTC-210924-40000-C", ""]
)
def test_a_text_of_another_form_is_refused(text):
    with pytest.raises(BadRequest, match="bad_symbol"):
        class_of_unified(text, 1)


def test_spot_scales_sum_to_nine_and_the_finer_lot_gets_coarser():
    fine = listing("0.01", "0.00000001", min_qty=Decimal("0.00001"), min_notional=Decimal(5))
    symbol = symbol_of([fine])
    assert (symbol.price_scale, symbol.qty_scale) == (2, 7)
    instrument = instrument_of(fine, symbol)
    assert (instrument.tick_units, instrument.lot_units) == (1, 1)  # 0.0000001, ten of the venue's lots
    assert instrument.min_qty_lots == 100
    assert instrument.min_notional_nano == 5_000_000_000
    assert is_coarser(fine, symbol)
    assert not is_coarser(listing("0.01", "0.00001"), symbol)


def test_contracts_keep_their_own_scales():
    symbol = symbol_of([listing("0.0000001", "0.00001", PERPETUAL)])
    assert (symbol.price_scale, symbol.qty_scale) == (7, 5)


def test_the_finest_venue_sets_the_scales():
    coarse, fine = listing("0.5", "0.01"), listing("0.01", "0.0001", venue="b")
    symbol = symbol_of([coarse, fine])
    assert (symbol.price_scale, symbol.qty_scale) == (2, 4)
    assert instrument_of(coarse, symbol).tick_units == 50
    assert instrument_of(coarse, symbol).lot_units == 100


def test_a_minimum_is_never_rounded_down():
    one = listing("0.01", "0.001", min_qty=Decimal("0.0015"))
    assert instrument_of(one, symbol_of([one])).min_qty_lots == 2
    none = listing("0.01", "0.001")
    assert instrument_of(none, symbol_of([none])).min_qty_lots == 1


def test_two_classes_are_never_one_symbol():
    with pytest.raises(InvariantBroken, match="several classes"):
        symbol_of([listing("1", "1"), listing("1", "1", PERPETUAL)])
    assert [len(same) for same in by_class([listing("1", "1"), listing("1", "1", PERPETUAL)]).values()] == [1, 1]


@pytest.mark.parametrize("bad", [("0", "1"), ("1", "0"), ("-1", "1")])
def test_a_step_that_is_none_is_refused(bad):
    with pytest.raises(InvariantBroken):
        listing(*bad)


steps = st.builds(lambda digits, exponent: Decimal(digits).scaleb(-exponent), st.integers(1, 500), st.integers(0, 12))


@given(st.lists(st.tuples(steps, steps), min_size=1, max_size=5))
def test_what_we_send_is_a_multiple_of_the_venues_own_steps(pairs):
    listings = [listing(tick, lot, venue=str(i)) for i, (tick, lot) in enumerate(pairs)]
    symbol = symbol_of(listings)
    assert symbol.price_scale + symbol.qty_scale <= 9
    for one in listings:
        instrument = instrument_of(one, symbol)
        assert Decimal(instrument.tick_units).scaleb(-symbol.price_scale) % one.tick == 0
        assert Decimal(instrument.lot_units).scaleb(-symbol.qty_scale) % one.lot == 0
