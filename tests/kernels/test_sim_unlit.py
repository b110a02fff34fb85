"""Dark crosses and dealers where nobody else acts: mids, least executions, lives, holds, leaks."""

import pytest

from app.kernels import sim_book, sim_unlit
from app.kernels import sim_words as w
from app.venues.markets.port import Force, Order, Told, VenueKind, Why
from app.venues.markets.spec import VenueSpec
from tests.venues.markets.still import still_market

S = 1_000_000_000
LIT, OTHER, DARK, DEALER = 0, 1, 2, 3


def desk(**unlit):
    specs = (
        VenueSpec("other"),
        VenueSpec("dark", kind=VenueKind.DARK, min_lots=unlit.pop("min_lots", 1)),
        VenueSpec("dealer", kind=VenueKind.RFQ, **unlit),
    )
    market = still_market(*specs)
    lay(market, LIT, 999_990, 1_000_010)
    lay(market, OTHER, 999_980, 1_000_010)
    return market


def lay(market, venue, bid, ask):
    for side, price in ((w.BID, bid), (w.ASK, ask)):
        sim_book.clear_crowd(market.world, venue, side, int(market.world[w.VENUES][venue, w.BEST + side]))
        sim_book.put_crowd(market.world, venue, side, w.SHOWN, price, 10)


def stock(market, side, lots, until_ns=S):
    market.world[w.VENUES][DARK, w.STOCK + side] = lots
    market.world[w.VENUES][DARK, w.STOCK_END_NS + side] = until_ns


def told_after(market, order):
    market.send(order)
    market.advance(market.now_ns + 1)
    return [(one.told, one.lots, one.price_half_ticks) for one in market.reports() if one.told is not Told.ACCEPTED]


def test_the_mid_is_the_mean_of_open_books_with_two_sides():
    market = desk()
    assert sim_unlit.lit_mid_half_ticks(market.world) == (2_000_000 + 1_999_990) // 2
    market.halt(OTHER, 0, S)
    market.advance(1)
    assert sim_unlit.lit_mid_half_ticks(market.world) == 2_000_000
    sim_book.clear_crowd(market.world, LIT, w.BID, 999_990)
    assert sim_unlit.lit_mid_half_ticks(market.world) == 0


@pytest.mark.parametrize(("limit", "lots"), [(999_996, 0), (999_997, 0), (999_998, 4)])
def test_a_cross_is_within_the_limit(limit, lots):
    market = desk()
    stock(market, w.ASK, 4)
    told = told_after(market, Order(DARK, 1, limit, 9, Force.IOC))
    assert sum(one[1] for one in told if one[0] is Told.FILLED) == lots
    assert told[-1][0] is Told.CANCELED


@pytest.mark.parametrize(("there", "lots"), [(4, 0), (5, 5), (6, 6)])
def test_a_cross_is_of_the_least_execution(there, lots):
    for market, least in ((desk(min_lots=5), 0), (desk(), 5)):
        stock(market, w.BID, there)
        told = told_after(market, Order(DARK, -1, 1, 9, Force.IOC, least_lots=least))
        assert sum(one[1] for one in told if one[0] is Told.FILLED) == lots


def test_what_rests_hidden_leaves():
    market = desk()
    stock(market, w.ASK, 9, until_ns=S)
    market.advance(S + 1)
    assert told_after(market, Order(DARK, 1, 2_000_000, 9, Force.IOC)) == [(Told.CANCELED, 0, 0)]


def quoted(market, sign, lots=10):
    number = market.request_quote(DEALER, sign, lots)
    market.advance(market.now_ns + 1)
    return number, market.reports()[0]


@pytest.mark.parametrize("sign", [1, -1])
def test_a_quote_is_the_mid_and_more_for_size(sign):
    law = {"dealer_half_ppm": 10.0, "dealer_slope_ppm": 4.0, "mean_lots": 5.0}
    mid = 1_999_995
    for lots, ppm in ((5, 14), (10, 18)):
        _, quote = quoted(desk(**law), sign, lots)
        assert quote.price_half_ticks == mid + sign * -(-mid * ppm // 1_000_000)


@pytest.mark.parametrize(("moved", "told"), [(19, Told.FILLED), (21, Told.DECLINED), (-500, Told.FILLED)])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_dealer_looks_again_after_the_hold(sign, moved, told):
    """Tolerance of 20 ppm of two millions: 40 half ticks of the mid."""
    market = desk(dealer_tolerance_ppm=20.0, hold_s=0.1)
    number, _ = quoted(market, sign)
    market.accept_quote(number)
    for venue in (LIT, OTHER):
        lay(market, venue, 999_990 + sign * moved, 1_000_005 + sign * moved)
    market.advance(S // 10)
    assert not market.reports()
    market.advance(S)
    assert [one.told for one in market.reports()] == [told]


def test_a_dealer_without_a_price_says_so():
    market = desk()
    for venue in (LIT, OTHER):
        sim_book.clear_crowd(market.world, venue, w.ASK, 1_000_010)
    assert quoted(market, 1)[1].why is Why.NO_PRICE


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("whim", [0.0, 1.0])
def test_a_dealer_leaks_whether_he_trades_or_not(sign, whim):
    market = desk(leak_ppm=100.0, toxic_delay_s=0.5, dealer_refusal_frac=whim)
    number, _ = quoted(market, sign)
    market.accept_quote(number)
    market.advance(S // 4)
    assert market.reports()[0].told is (Told.DECLINED if whim else Told.FILLED)
    assert market.value_ticks() == 10_000
    market.advance(S)
    assert market.value_ticks() == pytest.approx(10_000 * (1 + sign * 1e-4))


def test_a_second_acceptance_trades_nothing_more():
    market = desk()
    number, _ = quoted(market, 1)
    market.accept_quote(number)
    market.accept_quote(number)
    market.advance(S)
    assert [one.told for one in market.reports()] == [Told.FILLED]
