"""Levels are said against us where they cannot be said exactly. The feed itself is in conformance/."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from app.venues.cex.feed import levels_of

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
