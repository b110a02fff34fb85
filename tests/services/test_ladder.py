"""One ladder: sorted, complete, all-in exact, venues out for a reason."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.enums import KillAction, KillScope
from app.domain.events import KillSwitchSet
from app.services.ladder import build_ladder
from tests.api.gateway import Gateway, open_gateway
from tests.worlds import BTC_USDT, FEES_PPM, flat_book


@pytest.fixture
async def gateway():
    async with open_gateway() as opened:
        yield opened


@settings(max_examples=15, deadline=None)
@given(
    mids=st.lists(st.integers(5_990_000, 6_010_000), min_size=3, max_size=3),
    n_levels=st.integers(1, 20),
    is_all_in=st.booleans(),
)
async def test_levels_are_sorted_and_nothing_better_is_left_out(
    mids: list[int], n_levels: int, is_all_in: bool
) -> None:
    async with open_gateway() as gateway:
        for venue, mid_units in zip(FEES_PPM, mids, strict=True):
            gateway.engine.on_book(flat_book(venue, mid_units, gateway.clock.wall_ns(), book_seq=901))
        whole = build_ladder(gateway.engine, BTC_USDT, 100, is_all_in=is_all_in)
        part = build_ladder(gateway.engine, BTC_USDT, n_levels, is_all_in=is_all_in)
    assert len(whole.asks) == len(whole.bids) == 15
    assert list(part.asks) == list(whole.asks[:n_levels])
    assert list(part.bids) == list(whole.bids[:n_levels])
    for levels, sign in ((whole.asks, 1), (whole.bids, -1)):
        prices = [sign * (level.all_in_e12 if is_all_in else level.price_units) for level in levels]
        assert prices == sorted(prices)
        for level in levels:
            fee = Fraction(sign * FEES_PPM[level.venue], 1_000_000)
            assert Fraction(level.all_in_e12, 10**12) == Fraction(level.price_units, 100) * (1 + fee)


async def test_a_venue_that_may_not_be_used_says_why(gateway: Gateway) -> None:
    await gateway.services.admin.set_venue("ven_a", "op", is_enabled=False)
    await gateway.services.admin.kill("", KillSwitchSet("", KillScope.VENUE, "ven_b", KillAction.BLOCK, "x", "op"))
    ladder = build_ladder(gateway.engine, BTC_USDT, 5, is_all_in=False)
    assert ladder.excluded == {"ven_a": "disabled", "ven_b": "killed"}
    assert {level.venue for level in ladder.asks} == {"ven_c"} == {use.venue for use in ladder.used}
