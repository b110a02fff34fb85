"""What every family keeps when we trade: priority, whole sums, books that do not cross, halts that hold."""

from random import Random

import pytest

from app.kernels import sim_words as w
from app.venues.markets.port import Force, Order, Told, Why

from .families import DARK, DEALER, FIRST, SECOND, mid_half

MS = 1_000_000
S = 1_000_000_000
LATENCY = {"latency_in_s": 0.005, "latency_out_s": 0.004, "latency_data_s": 0.003}


def busy(market, rng, n=150, step_ns=40 * MS):
    """Random orders and cancels at every venue; gives (numbers sent, everything told) and checks on the way."""
    sent, told = {}, []
    for _ in range(n):
        venue = rng.choice([FIRST, FIRST, SECOND, DARK])
        view = market.view(FIRST)
        if view.bids and view.asks and rng.random() < 0.7:
            sign, lots = rng.choice([-1, 1]), rng.randint(3, 60)
            side = view.bids if sign > 0 else view.asks
            price = side[0][0] + sign * rng.randint(-2, 2)
            force = rng.choice([Force.GTC, Force.GTC, Force.IOC, Force.FOK, Force.POST_ONLY])
            show = rng.choice([None, None, 0, max(1, lots // 4)])
            order = Order(venue, sign, price, lots, force, show, least_lots=rng.choice([0, 5]))
            sent[market.send(order)] = order
        elif sent:
            market.cancel(rng.choice(list(sent)))
        yield sent, told
        market.advance(market.now_ns + rng.randrange(step_ns))
        told += market.reports()
    market.advance(market.now_ns + S)
    told += market.reports()
    yield sent, told


@pytest.mark.parametrize("seed", range(3))
def test_every_lot_is_accounted_for(make, seed):
    """Fills and what is left are the order; each fill is in a public trade; a trade holds what it says of ours."""
    market = make(seed, LATENCY)
    prints = {}
    for sent, told in busy(market, Random(seed)):  # noqa: B007 - the last is used
        rows = market.world[w.PRINTS][: market.world[w.HEAD][w.N_PRINTS]].tolist()
        prints = {row[w.P_TRADE]: row for row in rows}
    fills = [report for report in told if report.told is Told.FILLED]
    assert {report.is_maker for report in fills} == {False, True}
    for number, order in sent.items():
        mine = [report for report in fills if report.number == number]
        left = [report.left_lots for report in sorted(mine, key=lambda one: one.left_lots)]
        assert sum(report.lots for report in mine) == order.qty_lots - (left[0] if left else order.qty_lots)
        assert all(order.sign * report.price_half_ticks <= 2 * order.sign * order.price_ticks for report in mine)
    told_ns = market.now_ns - 10 * MS  # what traded later may still be on its way to us
    for trade, row in prints.items():
        if row[w.P_NS] > told_ns:
            continue
        of_trade = [report for report in fills if report.trade == trade]
        assert sum(report.lots for report in of_trade if report.is_maker) == row[w.P_OWN_MAKER_LOTS]
        takers = [report for report in of_trade if not report.is_maker]
        assert [(one.number + 1, one.lots) for one in takers] == (
            [(row[w.P_OWN_TAKER], row[w.P_LOTS])] if takers else []
        )
        assert row[w.P_OWN_MAKER_LOTS] <= row[w.P_LOTS]
        assert all(report.price_half_ticks == row[w.P_HALF_TICKS] for report in of_trade)
        assert not (takers and row[w.P_OWN_MAKER_LOTS])  # never with ourselves


@pytest.mark.parametrize("seed", range(3))
def test_books_never_cross_and_places_never_fall_back(make, seed):
    market = make(10 + seed, LATENCY)
    places = {}
    world = market.world
    for _ in busy(market, Random(seed)):
        for venue in (FIRST, SECOND):
            view = market.true_view(venue)
            if view.bids and view.asks:
                assert view.bids[0][0] < view.asks[0][0]
            for side, sign in ((view.bids, -1), (view.asks, 1)):
                prices = [sign * price for price, _ in side]
                assert prices == sorted(prices)
                assert all(lots > 0 for _, lots in side)
            for row in world[w.LIVE][venue, 1 : 1 + world[w.LIVE][venue, 0]].tolist():
                own = world[w.OWN][row].tolist()
                key = (own[w.NUMBER], own[w.PRIORITY])  # an iceberg that shows again has a new priority
                assert own[w.AHEAD_LOTS] <= places.get(key, 1 << 60)
                places[key] = own[w.AHEAD_LOTS]
    assert len(places) > 10


def test_who_comes_first_is_filled_first(make):
    """Two orders of ours at one price: the later never trades while the earlier has lots."""
    n_filled = 0
    for seed in range(6):
        market = make(20 + seed)
        market.advance(S)
        price = market.true_view(FIRST).bids[0][0]
        early = market.send(Order(FIRST, 1, price, 15))
        market.advance(market.now_ns + 100 * MS)
        late = market.send(Order(FIRST, 1, price, 15))
        market.advance(market.now_ns + 60 * S)
        fills = [report for report in market.reports() if report.told is Told.FILLED]
        first_late = next((i for i, one in enumerate(fills) if one.number == late), None)
        if first_late is not None:
            assert sum(one.lots for one in fills[:first_late] if one.number == early) == 15
            n_filled += 1
    assert n_filled >= 3


def test_a_halted_venue_does_not_trade(make):
    market = make(3)
    market.advance(2 * S)
    price = market.true_view(FIRST).bids[0][0]
    resting = market.send(Order(FIRST, 1, price - 1, 5))
    market.advance(market.now_ns + MS)
    market.reports()
    begin = market.now_ns + 10 * MS
    market.halt(FIRST, begin, 20 * S)
    market.advance(begin + S)
    refused = market.send(Order(FIRST, 1, price, 5))
    market.cancel(resting)
    market.advance(begin + 2 * S)
    told = {report.number: report for report in market.reports()}
    assert (told[refused].told, told[refused].why) == (Told.REJECTED, Why.HALTED)
    assert told[resting].told is Told.CANCELED
    assert market.view(FIRST).is_halted
    market.advance(begin + 60 * S)
    times = [one.ts_ns for one in market.trades() if one.venue_i == FIRST]
    assert not [ts for ts in times if begin <= ts < begin + 20 * S]
    assert [ts for ts in times if ts >= begin + 20 * S]
    assert not market.view(FIRST).is_halted


def test_a_cancel_can_lose(make):
    """Cancels that meet a fill on their way: both endings occur, and each is told once."""
    endings = set()
    for seed in range(40):
        market = make(100 + seed, {"latency_in_s": 0.3})
        market.advance(S)
        view = market.true_view(FIRST)
        price = view.bids[0][0] + (1 if view.asks[0][0] - view.bids[0][0] > 1 else 0)
        number = market.send(Order(FIRST, 1, price, 3))
        market.advance(market.now_ns + S)
        market.cancel(number)
        market.advance(market.now_ns + 2 * S)
        told = [report for report in market.reports() if report.number == number]
        ends = [one.told for one in told if one.told in {Told.CANCELED, Told.CANCEL_REJECTED}]
        assert len(ends) == 1
        filled = sum(one.lots for one in told if one.told is Told.FILLED)
        assert (ends[0] is Told.CANCEL_REJECTED) == (filled == 3)
        endings.add(ends[0])
    assert endings == {Told.CANCELED, Told.CANCEL_REJECTED}


def test_dark_fills_are_at_the_lit_mid_and_large_enough(make):
    n_fills = 0
    for seed in range(4):
        market = make(40 + seed)
        market.advance(S)
        for sign in (1, -1):
            far = market.true_view(FIRST).asks[0][0] + sign * 500
            market.send(Order(DARK, sign, far, 40, least_lots=7))
            left = 40
            end = market.now_ns + 20 * S
            while market.advance_to_news(end) < end:
                for report in market.reports():
                    if report.told is not Told.FILLED:
                        continue
                    assert report.lots >= min(7, left)
                    left = report.left_lots
                    mids = [mid_half(market, venue) for venue in (FIRST, SECOND)]
                    assert report.price_half_ticks == sum(mids) // 2
                    n_fills += 1
    assert n_fills > 8


@pytest.mark.parametrize(("tolerance", "only"), [(1e9, Told.FILLED), (-1e9, Told.DECLINED), (0.0, None)])
def test_a_dealer_declines_only_what_moved_against_him(make, tolerance, only):
    seen = set()
    law = {"dealer_tolerance_ppm": tolerance, "hold_s": 0.5}
    for seed in range(6):
        market = make(60 + seed, None, {DEALER: law})
        market.advance(S)
        for sign in (1, -1, 1, -1):
            number = market.request_quote(DEALER, sign, 20)
            market.advance(market.now_ns)
            quote = market.reports()[0]
            then = sum(mid_half(market, venue) for venue in (FIRST, SECOND)) // 2
            assert quote.told is Told.QUOTE
            assert sign * (quote.price_half_ticks - then) > 0
            market.accept_quote(number)
            market.advance(market.now_ns + S // 2)
            end = market.reports()[0]
            now = sum(mid_half(market, venue) for venue in (FIRST, SECOND)) // 2
            if only is None:
                assert (end.told is Told.DECLINED) == (sign * (now - then) > 0)
            else:
                assert end.told is only
            seen.add(end.told)
            if end.told is Told.FILLED:
                assert (end.price_half_ticks, end.lots) == (quote.price_half_ticks, 20)
            market.advance(market.now_ns + S)
    assert seen == ({only} if only is not None else {Told.FILLED, Told.DECLINED})


def test_quotes_expire(make):
    market = make(5, None, {DEALER: {"quote_s": 0.2}})
    market.advance(S)
    number = market.request_quote(DEALER, 1, 20)
    market.advance(market.now_ns + S)
    market.accept_quote(number)
    market.advance(market.now_ns + S)
    assert [one.told for one in market.reports()] == [Told.QUOTE, Told.REJECTED]


def test_fees_are_the_venues(make):
    market = make(7, {"maker_fee_ppm": -15, "taker_fee_ppm": 75})
    market.advance(S)
    view = market.true_view(FIRST)
    market.send(Order(FIRST, 1, view.asks[0][0], 1, Force.IOC))
    market.send(Order(FIRST, -1, view.asks[0][0], 4))
    market.advance(market.now_ns + 60 * S)
    fills = [one for one in market.reports() if one.told is Told.FILLED]
    assert {one.is_maker for one in fills} == {True, False}
    for one in fills:
        ppm = -15 if one.is_maker else 75
        assert one.fee_utick_lots == ppm * one.price_half_ticks * one.lots // 2
