"""A fill's key tells one fill from another, and both sides of a trade with oneself apart."""

from __future__ import annotations

from app.domain.events import fill_key


def test_a_fills_key_has_its_side() -> None:
    buy, sale = (fill_key("binance", "desk", "BTC/USDT", "t1", sign) for sign in (5, -5))
    assert buy != sale
    assert buy == fill_key("binance", "desk", "BTC/USDT", "t1", 1)
    assert len({buy, fill_key("okx", *buy[1:]), fill_key("binance", "other", *buy[2:])}) == 3
