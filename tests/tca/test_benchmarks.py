"""Money at mids and basis points as text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.enums import ContractKind
from app.domain.errors import InvariantBroken
from app.domain.instrument import FungibilityClass, Symbol
from app.tca.benchmarks import cost_bps, mid_money_nano, mid_text

SPOT = Symbol("BTC/USDT", FungibilityClass("BTC", "USDT", "USDT", ContractKind.SPOT), 2, 5)
LINEAR = Symbol(
    "BTC/USDT:USDT",
    FungibilityClass("BTC", "USDT", "USDT", ContractKind.LINEAR, multiplier_nano=10**6),
    1,
    0,
)
INVERSE = Symbol(
    "BTC/USD:BTC",
    FungibilityClass("BTC", "USD", "BTC", ContractKind.INVERSE, multiplier_nano=100 * 10**9),
    1,
    0,
)


@pytest.mark.parametrize("symbol", [SPOT, LINEAR, INVERSE], ids=lambda s: s.fungible.kind.value)
@settings(deadline=None)
@given(price_units=st.integers(1, 10**8), qty_units=st.integers(0, 10**9))
def test_money_at_a_whole_mid_is_the_trades_own_money(symbol: Symbol, price_units: int, qty_units: int) -> None:
    assert mid_money_nano(symbol, 2 * price_units, qty_units) == symbol.money_nano(price_units, qty_units)


@settings(deadline=None)
@given(price_units=st.integers(1, 10**8), qty_units=st.integers(0, 10**9))
def test_money_at_a_half_tick_lies_between_its_neighbours(price_units: int, qty_units: int) -> None:
    for symbol in (SPOT, LINEAR):
        low, high = symbol.money_nano(price_units, qty_units), symbol.money_nano(price_units + 1, qty_units)
        assert low <= mid_money_nano(symbol, 2 * price_units + 1, qty_units) <= high
    dear = INVERSE.money_nano(price_units, qty_units)
    cheap = INVERSE.money_nano(price_units + 1, qty_units)
    assert cheap <= mid_money_nano(INVERSE, 2 * price_units + 1, qty_units) <= dear


def test_a_mid_that_is_not_positive_is_an_invariant_broken() -> None:
    with pytest.raises(InvariantBroken):
        mid_money_nano(SPOT, 0, 1)


@pytest.mark.parametrize(
    ("cost", "reference", "text"),
    [
        (0, 0, "0"),
        (0, 10**12, "0"),
        (10**9, 10**13, "1"),
        (-(10**9), 10**13, "-1"),
        (10**9, 3 * 10**13, "0.3333"),
        (5, 10**9, "0"),  # 0.00005 bp: a tie goes to the even 0
        (15, 10**9, "0.0002"),  # 0.00015 bp: a tie goes to the even 2
        (-15, 10**9, "-0.0002"),
        (16, 10**9, "0.0002"),
    ],
)
def test_basis_points_are_plain_decimals_rounded_half_to_even(cost: int, reference: int, text: str) -> None:
    assert cost_bps(cost, reference) == text


def test_a_cost_without_a_reference_has_no_basis_points() -> None:
    with pytest.raises(InvariantBroken):
        cost_bps(1, 0)


def test_a_half_tick_mid_is_written_exactly() -> None:
    assert mid_text(2 * 6400000 + 1, 2) == "64000.005"
    assert mid_text(2 * 6400000, 2) == "64000"
