"""The shell refuses what no venue could take, and remembers what it must."""

import pytest

from app.domain.errors import BadRequest, InvariantBroken
from app.kernels import sim_words as w
from app.venues.markets.port import Force, Order, Told
from app.venues.markets.spec import VenueSpec
from app.venues.markets.world import N_ORDERS, new_world
from tests.venues.markets.still import still_market

S = 1_000_000_000


@pytest.mark.parametrize(
    "bad",
    [
        Order(0, 0, 100, 1),
        Order(0, 1, 0, 1),
        Order(0, 1, 100, 0),
        Order(0, 1, 100, 5, show_lots=6),
        Order(0, 1, 100, 129, show_lots=2),
        Order(1, 1, 100, 1),
        Order(-1, 1, 100, 1),
    ],
)
def test_orders_that_make_no_sense_are_refused(bad):
    market = still_market()
    with pytest.raises(BadRequest):
        market.send(bad)
    assert market.world[w.HEAD][w.N_ORDERS] == 0


def test_an_iceberg_of_the_least_tip_is_taken():
    market = still_market()
    market.send(Order(0, 1, 100, 128, show_lots=2))
    market.advance(1)
    assert market.true_view(0).bids == ((100, 2),)


def test_numbers_that_were_never_given_are_refused():
    market = still_market()
    for ask in (market.cancel, market.accept_quote):
        with pytest.raises(BadRequest):
            ask(0)
    for sign, lots in ((0, 1), (1, 0)):
        with pytest.raises(BadRequest):
            market.request_quote(0, sign, lots)
    for venue, at, length in ((1, 0, 1), (0, -1, 1), (0, 0, 0)):
        with pytest.raises(BadRequest):
            market.halt(venue, at, length)


def test_an_open_order_is_never_forgotten():
    """The table of orders is a ring: meeting an order that is still open is an error, not another order."""
    market = still_market()
    market.send(Order(0, 1, 100, 1))
    for i in range(N_ORDERS - 1):
        market.send(Order(0, 1, 99, 1, Force.IOC))
        if i % 1000 == 0:
            market.advance(market.now_ns + 1)
    market.advance(market.now_ns + 1)
    with pytest.raises(InvariantBroken):
        market.send(Order(0, 1, 99, 1, Force.IOC))
    market.cancel(0)
    market.advance(market.now_ns + 1)
    assert market.send(Order(0, 1, 99, 1, Force.IOC)) == N_ORDERS
    with pytest.raises(BadRequest):
        market.cancel(0)


def test_too_many_events_at_once_are_an_error():
    market = still_market(latency_in_s=1.0)
    for _ in range(5000):
        market.send(Order(0, 1, 100, 1, Force.IOC))
    with pytest.raises(InvariantBroken):
        market.advance(2 * S)


def test_a_long_way_is_read_on_the_way():
    """More reports than the ring holds, in one call."""
    market = still_market()
    for _ in range(12):
        for _ in range(1000):
            market.send(Order(0, 1, 100, 1, Force.IOC))
        market.advance(market.now_ns + 1)
    assert [one.told for one in market.reports()] == [Told.ACCEPTED, Told.CANCELED] * 12_000


def test_a_world_begins_empty():
    world = new_world((VenueSpec("a"), VenueSpec("b", latency_in_s=0.5)), 3)
    assert world[w.HEAD][w.SEED] == 3
    assert world[w.VENUES][1, w.LATENCY_IN_NS] == S // 2
    assert world[w.VENUES][0, w.BEST] == w.NO_BID
    assert world[w.VENUES][0, w.BEST + 1] == w.NO_ASK
