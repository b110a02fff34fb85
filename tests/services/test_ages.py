"""Touches as the engine's world reads their ages."""

from __future__ import annotations

from app.domain.belief import Measure
from app.domain.enums import Side
from app.services.ages import open_ages
from tests.api.gateway import open_gateway
from tests.worlds import flat_book


async def test_every_book_that_comes_is_aged_on_both_sides() -> None:
    async with open_gateway() as gateway:
        assert open_ages(gateway.engine, is_wanted=False) is None
        assert gateway.engine.market.ages is None
        ages = open_ages(gateway.engine, is_wanted=True)
        assert ages is not None
        assert gateway.engine.core.world.ages is ages
        now_ns = gateway.clock.wall_ns()
        assert ages.measure("ven_a", "BTC/USDT", Side.BUY, now_ns) is Measure.FADE
        gateway.engine.on_book(flat_book("ven_a", 6_000_000, now_ns, book_seq=10**6))
        for side in Side:
            assert ages.measure("ven_a", "BTC/USDT", side, now_ns) is Measure.FADE_NEW
            assert ages.measure("ven_a", "BTC/USDT", side, now_ns + 10**9) is Measure.FADE
