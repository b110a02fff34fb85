"""The book of counts does what the book of explicit queues does: the same fills, the same places in the queue."""

from random import Random

import pytest

from app.kernels import sim_book
from app.kernels import sim_words as w
from app.venues.markets.port import Force, Order, Told, Why
from tests.reference import sim_book as twin
from tests.venues.markets.still import still_market

LAYERS = {"shown": w.SHOWN, "hidden": w.HIDDEN, "reserve": w.RESERVE}
PEAK = 3


class Both:
    """One market and its twin, given the same things."""

    def __init__(self):
        self.market = still_market(peak_lots=PEAK)
        self.twin = twin.Book(PEAK)
        self.fills = []
        self.canceled = []
        self.sent = 0

    def heard(self):
        self.market.advance(self.market.now_ns + 1)
        for report in self.market.reports():
            if report.told is Told.FILLED:
                self.fills.append((report.number, report.price_half_ticks // 2, report.lots))
            if report.why is Why.SELF_TRADE:
                self.canceled.append(report.number)

    def put(self, side, layer, price, lots):
        best = self.twin.top(1 - side)
        if best is not None and (price >= best if side == twin.BID else price <= best):
            return  # the parts put nothing that crosses
        sim_book.put_crowd(self.market.world, 0, side, LAYERS[layer], price, lots)
        self.twin.put(side, layer, price, lots)

    def offer(self, side, price, lots):
        done = sim_book.offer_crowd(self.market.world, 0, side, w.SHOWN, price, lots)
        taken = self.twin.take(1 if side == twin.BID else -1, price, lots)
        self.twin.put(side, "shown", price, lots - taken)
        assert done == taken

    def leave(self, side, layer, price, lots, place):
        gone = sim_book.cancel_crowd(self.market.world, 0, side, LAYERS[layer], price, lots, place)
        assert gone == self.twin.cancel_crowd(side, layer, price, lots, place)

    def take(self, sign, limit, lots):
        assert sim_book.take(self.market.world, 0, sign, limit, lots, -1) == self.twin.take(sign, limit, lots)

    def send(self, sign, price, lots, show, force):
        number = self.market.send(Order(0, sign, price, lots, force, show))
        self.heard()
        self.twin.send(number, sign, price, lots, show, force is Force.GTC)

    def cancel(self, number):
        self.market.cancel(number)
        self.heard()
        self.twin.cancel_own(number)

    def check(self):
        self.heard()
        assert sorted(merged(self.fills)) == sorted(merged(self.twin.fills))
        assert sorted(self.canceled) == sorted(self.twin.canceled)
        world = self.market.world
        rows = {int(world[w.OWN][row, w.NUMBER]): row for row in world[w.LIVE][0, 1 : 1 + world[w.LIVE][0, 0]]}
        assert set(rows) == set(self.twin.own)
        for number, row in rows.items():
            assert world[w.OWN][row, w.LEFT_LOTS] == self.twin.own[number].left
            assert world[w.OWN][row, w.AHEAD_LOTS] == self.twin.ahead(number)
        view = self.market.true_view(0)
        for side, shown in enumerate((view.bids, view.asks)):
            wanted = {price: len(level.shown) for price, level in self.twin.levels[side].items() if level.shown}
            assert dict(shown) == wanted


def merged(fills):
    """Fills of one order at one price, whatever the pieces: the kernel fills an iceberg piece by piece."""
    total = {}
    for number, price, lots in fills:
        total[number, price] = total.get((number, price), 0) + lots
    return [(*key, lots) for key, lots in total.items()]


def do_something(both, rng):
    """Mostly around few prices where the crowd and we stand together; sometimes across the spread."""
    side = rng.randrange(2)
    price = (98 - rng.randrange(2)) if side == twin.BID else (101 + rng.randrange(2))
    near = price if rng.random() < 0.8 else price + rng.randrange(-3, 4)
    layer = rng.choice(["shown", "shown", "shown", "hidden", "reserve"])
    what = rng.randrange(13)
    if what <= 2:
        both.put(side, layer, price, rng.randint(1, 9))
    elif what == 3:
        both.take(rng.choice([-1, 1]), near, rng.randint(1, 30))
    elif what == 4:
        both.offer(side, near, rng.randint(1, 9))
    elif what <= 6:
        both.leave(side, layer, price, rng.randint(1, 9), rng.random())
    elif what == 7:
        both.take(1 if side == twin.ASK else -1, price, rng.randint(1, 30))
    elif what <= 11:
        lots = rng.randint(1, 9)
        show = rng.choice([0, lots, min(lots, 2)])
        both.send(1 if side == twin.BID else -1, near, lots, show, rng.choice([Force.GTC, Force.GTC, Force.IOC]))
    elif both.twin.own:
        both.cancel(rng.choice(sorted(both.twin.own)))


def places(book):
    return {number: book.ahead(number) for number in book.own}


def test_the_walks_meet_what_they_are_meant_to_test():
    """Cancels of the crowd that let us move up, and those behind us; fills of ours; meetings with ourselves."""
    moved = stayed = fills = canceled = 0
    for seed in range(10):
        rng, both = Random(seed), Both()
        leave = both.twin.cancel_crowd

        def counted(side, layer, price, *more, both=both, leave=leave):
            nonlocal moved, stayed
            before = places(both.twin)
            gone = leave(side, layer, price, *more)
            stand = [n for n, own in both.twin.own.items() if (own.side, own.price) == (side, price)]
            n_moved = sum(before[n] != both.twin.ahead(n) for n in stand)
            moved += n_moved
            stayed += (len(stand) - n_moved) if gone else 0
            return gone

        both.twin.cancel_crowd = counted
        for _ in range(200):
            do_something(both, rng)
        fills += len(both.twin.fills)
        canceled += len(both.twin.canceled)
    assert min(moved, stayed, fills) > 50
    assert canceled >= 3


@pytest.mark.parametrize("seed", range(40))
def test_fills_and_places_are_the_twins(seed):
    rng, both = Random(seed), Both()
    for _ in range(200):
        do_something(both, rng)
        both.check()


def test_prices_a_window_apart_do_not_meet():
    both = Both()
    sim_book.put_crowd(both.market.world, 0, w.BID, w.SHOWN, 100, 5)
    sim_book.put_crowd(both.market.world, 0, w.BID, w.SHOWN, 100 + w.WINDOW, 7)
    assert sim_book.crowd_at(both.market.world, 0, w.BID, w.SHOWN, 100) == 0
    assert sim_book.crowd_at(both.market.world, 0, w.BID, w.SHOWN, 100 + w.WINDOW) == 7
    assert sim_book.best_price(both.market.world, 0, w.BID) == 100 + w.WINDOW
