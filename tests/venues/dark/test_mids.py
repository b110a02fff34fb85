"""The lit mid: whole books only."""

from __future__ import annotations

from app.venues.dark.mids import lit_mid
from tests.venues.dark.lit import Lit


def test_it_is_the_mean_of_whole_books() -> None:
    assert lit_mid(Lit(), ["a", "b"], "BTC/USDT", 0) == 12_000_200
    assert lit_mid(Lit(), ["a", "empty", "crossed"], "BTC/USDT", 0) == 12_000_100
    assert lit_mid(Lit(), ["empty"], "BTC/USDT", 0) == 0
    assert lit_mid(Lit(), [], "BTC/USDT", 0) == 0
