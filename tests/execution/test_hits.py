"""Which venues are left out after our own fills, and for how long at most."""

from __future__ import annotations

import pytest

from app.domain.enums import Side
from app.execution.hits import Hits

BOUNDS = {"resilience_ns": 100, "max_hushed_ns": 250}


def at(hits: Hits, now_ns: int, side: Side = Side.BUY) -> set[str]:
    return set(hits.hushed("BTC/USDT", side, now_ns, **BOUNDS))


@pytest.mark.parametrize(("now_ns", "found"), [(0, {"a"}), (99, {"a"}), (100, set()), (101, set())])
def test_a_venue_is_left_out_for_the_resilience_time(now_ns: int, found: set[str]) -> None:
    hits = Hits()
    hits.note("BTC/USDT", "a", Side.BUY, 0, 100)
    assert at(hits, now_ns) == found


def test_each_side_symbol_and_venue_is_its_own() -> None:
    hits = Hits()
    hits.note("BTC/USDT", "a", Side.BUY, 0, 100)
    hits.note("ETH/USDT", "b", Side.BUY, 0, 100)
    assert at(hits, 1) == {"a"}
    assert at(hits, 1, Side.SELL) == set()


def test_who_trades_without_end_is_not_deaf_without_end_and_a_calm_begins_anew() -> None:
    hits = Hits()
    for now_ns in range(0, 500, 50):
        hits.note("BTC/USDT", "a", Side.BUY, now_ns, 100)
        assert at(hits, now_ns) == ({"a"} if now_ns < 250 else set())
    hits.note("BTC/USDT", "a", Side.BUY, 450 + 100, 100)
    assert at(hits, 550) == {"a"}
