"""Both sides priced by one function: equal fills differ by nothing, every exclusion has its reason."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.enums import Side
from app.domain.shadow import (
    DeskParent,
    Excluded,
    Execution,
    FourMids,
    OwnOutcome,
    ShadowExclusion,
    ShadowReach,
)
from app.domain.units import NANO
from app.tca.shadow import Compared, compare_parent, cost_nano, fee_money_nano, scaled_mids
from tests.services.replay_scene import CLASSES, START_NS

SPOT, INVERSE = CLASSES["spot"], CLASSES["inverse"]
REACH = ShadowReach(100_000, 5, 10**9)
PARENT = DeskParent("p", SPOT.name, Side.BUY, 100_000, START_NS, START_NS + 10**9)
FILL = Execution("f", "alpha", START_NS + 1, 6_000_100, 100_000, 3 * NANO, "USDT")
MIDS = FourMids(12_000_000, 12_000_000, 12_000_000, 12_000_000)
OWN = OwnOutcome((FILL,), MIDS, 50_000, 10**8, 0, 1)


def compared(*fills: Execution, own: OwnOutcome = OWN, parent: DeskParent = PARENT) -> Compared:
    found = compare_parent(SPOT, parent, fills, own, REACH)
    assert isinstance(found, Compared)
    return found


@given(
    st.sampled_from(["spot", "linear", "inverse"]),
    st.sampled_from(list(Side)),
    st.lists(
        st.tuples(st.integers(50_000, 7_000_000), st.integers(1, 10**6), st.integers(-(10**9), 10**9)),
        min_size=1,
        max_size=6,
    ),
    st.integers(10**5, 10**7),
)
def test_equal_fills_differ_by_exactly_nothing(
    kind: str, side: Side, numbers: list[tuple[int, int, int]], mid_half: int
) -> None:
    symbol = CLASSES[kind]
    fills = tuple(
        Execution(f"f{i}", "alpha", START_NS, price, qty, fee, symbol.money_currency)
        for i, (price, qty, fee) in enumerate(numbers)
    )
    qty = sum(fill.qty_units for fill in fills)
    parent = DeskParent("p", symbol.name, side, qty, START_NS)
    own = OwnOutcome(fills, FourMids(mid_half, mid_half, mid_half, mid_half), 1, 1, 0, 1)
    found = compare_parent(symbol, parent, fills, own, REACH)
    assert isinstance(found, Compared)
    assert found.difference_bps == 0.0
    assert all(theirs == ours for _, theirs, ours in found.prices_nano)


def test_a_cost_is_money_and_fees_against_the_mid() -> None:
    # One coin at 60,001 with a fee of 3, mid 60,000: 1 + 3.
    assert cost_nano(SPOT, Side.BUY, (FILL,), 12_000_000) == 4 * NANO
    assert cost_nano(SPOT, Side.SELL, (FILL,), 12_000_000) == 2 * NANO
    assert compared(replace(FILL, fee_nano=6 * NANO)).difference_bps == pytest.approx(3 / 60_000 * 1e4)


def test_a_fee_in_the_base_is_money_at_the_fills_own_price() -> None:
    fill = replace(FILL, fee_nano=NANO // 1000, fee_currency="BTC")
    assert fee_money_nano(SPOT, fill) == 60_001 * NANO // 1000
    assert fee_money_nano(SPOT, replace(fill, fee_currency="BNB")) is None
    assert fee_money_nano(SPOT, replace(fill, fee_currency="BNB", fee_nano=0)) == 0
    assert fee_money_nano(INVERSE, replace(fill, fee_currency="BTC")) == NANO // 1000
    assert fee_money_nano(INVERSE, replace(fill, fee_currency="USD")) is None


def test_only_what_the_incumbent_filled_in_its_own_time_is_compared_at_our_average() -> None:
    half = replace(FILL, qty_units=50_000, fee_nano=3 * NANO // 2)
    late = replace(half, fill_id="late", ts_ns=PARENT.end_ts_ns + 1, price_units=9_000_000)
    found = compared(half, late)
    assert (found.qty_units, found.n_late_fills, found.difference_bps) == (50_000, 1, 0.0)
    assert found.own_nano == 2 * NANO


def test_every_reason_to_leave_a_parent_out() -> None:
    cases = [
        ((), OWN, ShadowExclusion.NO_FILLS),
        ((replace(FILL, ts_ns=START_NS + 2 * 10**9),), OWN, ShadowExclusion.NO_FILLS),
        ((replace(FILL, ts_ns=START_NS - 1),), OWN, ShadowExclusion.FILL_BEFORE_DECISION),
        ((replace(FILL, qty_units=100_001),), OWN, ShadowExclusion.OVERFILLED),
        ((replace(FILL, fee_currency="BNB"),), OWN, ShadowExclusion.FEE_CURRENCY),
        ((FILL,), replace(OWN, executions=()), ShadowExclusion.NO_BOOKS),
    ]
    for fills, own, reason in cases:
        found = compare_parent(SPOT, PARENT, fills, own, REACH)
        assert isinstance(found, Excluded)
        assert found.reason is reason


@pytest.mark.parametrize(
    ("change", "is_beyond"),
    [
        ({"displayed_ppm": 100_000}, False),
        ({"displayed_ppm": 100_001}, True),
        ({"displayed_ppm": -1}, True),
        ({"life_ns": 10**9}, False),
        ({"life_ns": 10**9 + 1}, True),
        ({"unpriced_units": 1}, True),
    ],
)
def test_the_reach_ends_exactly_where_it_is_declared(change: dict[str, int], is_beyond: bool) -> None:
    assert compared(FILL, own=replace(OWN, **change)).is_extrapolated is is_beyond  # type: ignore[arg-type]


def test_the_desks_own_price_moves_both_sides_alike() -> None:
    moved = compared(replace(FILL, fee_nano=0), own=scaled_mids(OWN, 5_999_000))
    plain = compared(replace(FILL, fee_nano=0), own=scaled_mids(OWN, None))
    assert moved.difference_bps == plain.difference_bps
    (_, theirs, ours), *others = moved.prices_nano
    assert (theirs, ours) == (11 * NANO, 14 * NANO)
    assert others == list(plain.prices_nano[1:])
