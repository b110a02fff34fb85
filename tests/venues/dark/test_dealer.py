"""A simulated dealer: firm quotes around the lit mid, his hold, and what he declines."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.domain.enums import Side, TimeInForce
from app.domain.instrument import Instrument
from app.domain.orders import ChildOrder
from app.domain.quotes import Quote, QuoteRequest
from app.venues.dark.dealer import QUOTES_KEPT, Dealer, DealerLaw
from app.venues.simulated_market import Sides
from tests.venues.dark.lit import Lit
from tests.worlds import BTC_USDT, MS, T0_NS

LISTING = Instrument("deal", "BTC/USDT", "BTCUSDT", BTC_USDT.fungible, 10, 10, min_qty_lots=20, max_qty_lots=50_000)
LAW = DealerLaw(100, 20, 100_000, 500 * MS, 50 * MS, 30, 0.0)


def dealer(lit: Lit | None = None, **law: Any) -> Dealer:
    laws = {"BTC/USDT": replace(LAW, **law)}
    return Dealer("deal", lit or Lit(), {"BTC/USDT": ("a", "b")}, {"BTC/USDT": LISTING}, laws, 7)


def request(side: Side = Side.BUY, *, qty_lots: int = 1_000, number: int = 1) -> QuoteRequest:
    return QuoteRequest(f"rfq_{number}", "deal", "desk", "BTC/USDT", side, qty_lots)


def accepting(quote: Quote, side: Side = Side.BUY, **changes: Any) -> ChildOrder:
    child = ChildOrder(
        "chd_1",
        "1",
        "o",
        "desk",
        1,
        "deal",
        "BTC/USDT",
        side,
        TimeInForce.IOC,
        quote.price_ticks,
        quote.qty_lots,
        10,
        10,
        0,
    )
    return replace(child, quote_id=quote.quote_id, **changes)


def test_a_quote_is_away_from_the_mid_his_way_and_more_for_size() -> None:
    mid = 12_000_200  # twice
    buy, sell = (dealer().quote(request(side), T0_NS) for side in (Side.BUY, Side.SELL))
    assert buy.price_ticks * 20 == pytest.approx(mid * (1 + 102e-6), abs=20)
    assert sell.price_ticks * 20 == pytest.approx(mid * (1 - 102e-6), abs=20)
    assert buy.price_ticks * 20 >= mid * (1 + 102e-6)
    assert sell.price_ticks * 20 <= mid * (1 - 102e-6)
    assert dealer().quote(request(qty_lots=50_000), T0_NS).price_ticks > buy.price_ticks
    assert (buy.valid_until_ns, buy.hold_ns, buy.qty_lots) == (T0_NS + 500 * MS, 50 * MS, 1_000)


def test_sizes_and_markets_without_a_price_are_not_quoted() -> None:
    assert dealer().quote(request(qty_lots=19), T0_NS).code == "size"
    assert dealer().quote(request(qty_lots=50_001), T0_NS).code == "size"
    assert dealer().quote(replace(request(), symbol="X/Y"), T0_NS).code == "unknown_symbol"
    empty = replace(dealer(), lit_venues={"BTC/USDT": ("empty",)})
    assert empty.quote(request(), T0_NS) == Quote("rfq_1", "deal", code="no_price")


def test_an_accepted_quote_trades_once_at_its_price() -> None:
    desk = dealer()
    quote = desk.quote(request(), T0_NS)
    child = accepting(quote, qty_lots=400)
    assert desk.trade(child, T0_NS + 60 * MS) == ((quote.price_ticks * 10, 4_000),)
    assert not desk.trade(child, T0_NS + 61 * MS)


def test_he_declines_what_went_against_him_and_keeps_what_went_his_way() -> None:
    for side in Side:
        for moved_units, is_filled in ((0, True), (170, True), (190, False), (-5_000, True)):
            lit = Lit()
            desk = dealer(lit)
            quote = desk.quote(request(side), T0_NS)
            lit.moved_units = side.sign * moved_units
            assert bool(desk.trade(accepting(quote, side), T0_NS + 60 * MS)) is is_filled


def test_late_foreign_or_larger_acceptances_are_declined() -> None:
    for changed, after_ms in (({}, 551), ({"account": "x"}, 60), ({"qty_lots": 1_001}, 60), ({"side": Side.SELL}, 60)):
        desk = dealer()
        assert not desk.trade(accepting(desk.quote(request(), T0_NS), **changed), T0_NS + after_ms * MS)
    desk = dealer()
    quote = desk.quote(request(), T0_NS)
    assert not desk.trade(accepting(quote, price_ticks=quote.price_ticks - 1), T0_NS + 60 * MS)
    assert dealer().trade(accepting(quote), T0_NS) == ()  # never given


def test_whims_are_as_often_as_said_and_the_same_for_the_same_seed() -> None:
    def outcomes() -> list[bool]:
        desk = dealer(whim_frac=0.3)
        quotes = [desk.quote(request(number=i), T0_NS) for i in range(2_000)]
        return [bool(desk.trade(accepting(quote), T0_NS + 60 * MS)) for quote in quotes]

    found = outcomes()
    assert found == outcomes()
    assert sum(found) / 2_000 == pytest.approx(0.7, abs=0.04)


def test_old_quotes_are_forgotten() -> None:
    desk = dealer()
    first = desk.quote(request(number=0), T0_NS)
    for i in range(1, QUOTES_KEPT + 1):
        desk.quote(request(number=i), T0_NS)
    assert not desk.trade(accepting(first), T0_NS + 60 * MS)


def test_he_shows_nothing() -> None:
    assert dealer().sides("deal", "BTC/USDT", 0) == Sides(0, (), ())
    assert (dealer().refill_ns("deal", "BTC/USDT"), dealer().next_move_ns("deal", 0)) == (0, 0)
