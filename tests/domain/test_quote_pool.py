"""Rates and what they do to prices and money: exact ratios, rounded against the desk."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.enums import ContractKind, Side
from app.domain.instrument import FungibilityClass
from app.domain.quote_pool import (
    Carrier,
    Conversion,
    QuotePool,
    RateQuote,
    may_pool,
    rate_of,
    source_of,
    symbol_of,
    venue_of,
)

POOL = QuotePool(("USDT", "USDC"), 500, Carrier.DESK)


def spot(base: str, quote: str) -> FungibilityClass:
    return FungibilityClass(base, quote, quote, ContractKind.SPOT)


def rate(num: int, den: int, price_scale: int = 2) -> Conversion:
    return Conversion("BTC/USDC", "USDC", price_scale, num, den, "USDC/USDT", 5, is_inverse=False, quotes=())


RATES = st.builds(rate, st.integers(90_000, 110_000), st.integers(90_000, 110_000), st.integers(0, 4))


@given(RATES, st.integers(1, 10**9), st.integers(0, 4), st.sampled_from(list(Side)), st.integers(1, 1_000))
def test_a_tick_of_its_own_is_never_worse_than_the_price_it_came_from(
    conversion: Conversion, price_units: int, scale: int, side: Side, tick_units: int
) -> None:
    ticks = conversion.own_ticks(price_units, scale, side, tick_units)
    own = Fraction(ticks * tick_units, 10**conversion.price_scale)
    back = own * conversion.quote_units / conversion.currency_units
    assert side.sign * (back - Fraction(price_units, 10**scale)) <= 0
    worse = (
        Fraction((ticks + side.sign) * tick_units, 10**conversion.price_scale)
        * conversion.quote_units
        / conversion.currency_units
    )
    assert side.sign * (worse - Fraction(price_units, 10**scale)) > 0, "and none nearer"


@given(RATES, st.integers(1, 10**9), st.integers(0, 4), st.sampled_from(list(Side)), st.integers(1, 1_000))
def test_a_level_within_the_converted_price_is_within_its_own_limit(
    conversion: Conversion, ticks: int, scale: int, side: Side, tick_units: int
) -> None:
    """What the plan counts on can be traded: the limit made of a converted level reaches that level."""
    price_units = conversion.price_units(ticks * tick_units, scale, side)
    if price_units > 0:
        assert side.sign * (conversion.own_ticks(price_units, scale, side, tick_units) - ticks) >= 0


@given(RATES, st.integers(0, 10**18))
def test_money_is_rounded_against_the_desk(conversion: Conversion, amount_nano: int) -> None:
    exact = Fraction(amount_nano * conversion.quote_units, conversion.currency_units)
    up, down = conversion.in_quote_nano(amount_nano, Side.BUY), conversion.in_quote_nano(amount_nano, Side.SELL)
    assert up - 1 < exact <= up
    assert down <= exact < down + 1


@pytest.mark.parametrize(
    ("side", "is_inverse", "expected"),
    [
        (Side.BUY, False, (100_002, 100_000)),
        (Side.SELL, False, (99_999, 100_000)),
        (Side.BUY, True, (100_000, 99_999)),
        (Side.SELL, True, (100_000, 100_002)),
    ],
)
def test_the_desk_pays_the_far_side(side: Side, is_inverse: bool, expected: tuple[int, int]) -> None:
    quotes = (RateQuote("a", 1, 0, 1, 99_998, 100_002), RateQuote("b", 1, 0, 1, 99_999, 100_003))
    assert rate_of(quotes, side, 5, is_inverse=is_inverse) == expected
    assert rate_of((), side, 5, is_inverse=is_inverse) == (0, 1)


@pytest.mark.parametrize(
    ("num", "den", "ppm"), [(1, 1, 0), (1_001, 1_000, 1_000), (999, 1_000, 1_000), (3, 2_999_998, 999_999)]
)
def test_the_basis_is_rounded_away_from_par(num: int, den: int, ppm: int) -> None:
    assert rate(num, den).basis_ppm == ppm


def test_what_may_be_pooled() -> None:
    own = spot("BTC", "USDT")
    assert may_pool(own, spot("BTC", "USDC"), POOL)
    assert not may_pool(own, spot("BTC", "USDC"), None)
    assert not may_pool(own, own, POOL)
    assert not may_pool(own, spot("ETH", "USDC"), POOL)
    assert not may_pool(own, spot("BTC", "EUR"), POOL)
    linear = FungibilityClass("BTC", "USDC", "USDC", ContractKind.LINEAR)
    assert not may_pool(own, linear, POOL)
    assert not may_pool(linear, spot("BTC", "USDT"), POOL)


def test_a_source_names_venue_and_symbol() -> None:
    source = source_of("kraken", "BTC/USDC")
    assert (venue_of(source), symbol_of(source, "BTC/USDT")) == ("kraken", "BTC/USDC")
    assert (venue_of("kraken"), symbol_of("kraken", "BTC/USDT")) == ("kraken", "BTC/USDT")
