"""Messages at a venue where nobody else acts: what is taken, what is refused and why."""

import pytest

from app.kernels import sim_book, sim_desk
from app.kernels import sim_words as w
from app.venues.markets.port import Force, Order, Told, Why
from app.venues.markets.spec import VenueSpec
from tests.venues.markets.still import still_market


def with_asks(*levels, **venue):
    """A book with shown asks (price, lots)."""
    market = still_market(**venue)
    for price, lots in levels:
        sim_book.put_crowd(market.world, 0, w.ASK, w.SHOWN, price, lots)
    return market


def told_after(market, order):
    market.send(order)
    market.advance(market.now_ns + 1)
    return [(one.told, one.why, one.lots, one.price_half_ticks) for one in market.reports()]


def test_a_taker_pays_each_level_and_cancels_the_rest():
    assert told_after(with_asks((101, 5), (102, 5), (104, 5)), Order(0, 1, 103, 20, Force.IOC)) == [
        (Told.ACCEPTED, Why.NONE, 0, 0),
        (Told.FILLED, Why.NONE, 5, 202),
        (Told.FILLED, Why.NONE, 5, 204),
        (Told.CANCELED, Why.IOC_REMAINDER, 0, 0),
    ]


@pytest.mark.parametrize(("lots", "is_whole"), [(9, True), (10, True), (11, False)])
def test_all_or_nothing(lots, is_whole):
    told = told_after(with_asks((101, 5), (102, 5), (104, 5)), Order(0, 1, 103, lots, Force.FOK))
    assert sum(one[2] for one in told) == (lots if is_whole else 0)
    assert (told[-1][1] is Why.FOK_NOT_WHOLE) != is_whole


@pytest.mark.parametrize(("price", "told"), [(100, Told.ACCEPTED), (101, Told.REJECTED), (102, Told.REJECTED)])
def test_post_only_never_takes(price, told):
    market = with_asks((101, 5))
    assert told_after(market, Order(0, 1, price, 3, Force.POST_ONLY))[0][0] is told
    assert market.true_view(0).asks == ((101, 5),)


def test_post_only_is_refused_by_what_is_hidden():
    market = with_asks((105, 5))
    sim_book.put_crowd(market.world, 0, w.ASK, w.HIDDEN, 103, 5)
    assert told_after(market, Order(0, 1, 103, 3, Force.POST_ONLY))[0][1] is Why.WOULD_TAKE


def test_our_resting_order_goes_before_we_trade_with_ourselves():
    market = still_market()
    resting = market.send(Order(0, -1, 101, 5))
    taking = market.send(Order(0, 1, 101, 5))
    market.advance(1)
    told = [(one.number, one.told, one.why) for one in market.reports()]
    assert (resting, Told.CANCELED, Why.SELF_TRADE) in told
    assert not [one for one in told if one[1] is Told.FILLED]
    assert market.true_view(0).bids == ((101, 5),)
    assert taking == 1


@pytest.mark.parametrize("min_lots", [3])
def test_least_order(min_lots):
    for lots in (2, 3, 4):
        told = told_after(still_market(min_lots=min_lots), Order(0, 1, 100, lots))
        assert (told[0][1] is Why.BAD_ORDER) == (lots < min_lots)


def test_resting_orders_are_bounded():
    market = still_market()
    for i in range(w.MOST_LIVE + 1):
        market.send(Order(0, 1, 100 - i % 50, 1))
    market.advance(1)
    reports = market.reports()
    assert [one.why for one in reports if one.told is Told.REJECTED] == [Why.TOO_MANY]
    assert reports[-1].number == w.MOST_LIVE


def test_a_cancel_of_what_is_done_is_told():
    market = with_asks((101, 5))
    number = market.send(Order(0, 1, 101, 5))
    market.cancel(number)
    market.advance(1)
    assert [one.told for one in market.reports()] == [Told.ACCEPTED, Told.FILLED, Told.CANCEL_REJECTED]


def test_published_books_are_what_was_shown_then():
    market = with_asks((101, 5), (104, 7), publish_s=0.1, latency_data_s=0.05)
    sim_book.put_crowd(market.world, 0, w.ASK, w.HIDDEN, 103, 5)
    market.send(Order(0, 1, 99, 3))
    market.advance(1)
    assert market.view(0).update_n == 0
    market.advance(60_000_000)
    assert market.view(0).asks == ((101, 5), (104, 7))
    assert market.view(0).bids == ()  # our order came after the first publication
    market.advance(149_999_999)
    assert market.view(0).bids == ()
    market.advance(150_000_000)
    assert market.view(0).bids == ((99, 3),)
    market.advance(1_000_000_000)
    assert market.view(0).update_n == 2  # nothing has changed since


def test_the_crowds_lots_can_be_counted():
    market = with_asks((101, 5))
    sim_book.put_crowd(market.world, 0, w.ASK, w.HIDDEN, 101, 4)
    assert sim_desk.crowd_lots(market.world, 0, w.ASK, w.SHOWN, 101) == 5
    assert sim_desk.crowd_lots(market.world, 0, w.ASK, w.HIDDEN, 101) == 4


def test_halts_of_a_venues_own_accord_come_at_its_rate():
    market = still_market(VenueSpec("calm"), halts_per_s=0.02, halt_s=5.0)
    halted = [0, 0]
    n = 40_000
    for _ in range(n):
        market.advance(market.now_ns + 500_000_000)
        for v in range(2):
            halted[v] += market.world[w.VENUES][v, w.HALTED_UNTIL_NS] != 0
    assert halted[1] == 0
    assert halted[0] / n == pytest.approx(1 - 1 / 1.1, abs=0.02)  # M/G/inf: 1 - exp(-0.1), 400 halts
