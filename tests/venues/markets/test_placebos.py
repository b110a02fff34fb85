"""Placebos of the families: where there is nothing to find, nothing is found, and what must lose loses."""

import math

import numpy as np
import pytest

from app.kernels import sim_words as w
from app.venues.markets.hawkes import HAWKES, hawkes_markets
from app.venues.markets.port import Force, Order, Told
from app.venues.markets.propagator import PROPAGATOR, propagator_markets
from app.venues.markets.spec import read_world

S = 1_000_000_000
FAMILIES = {"hawkes": (HAWKES, hawkes_markets), "propagator": (PROPAGATOR, propagator_markets)}
TWINS = [{"venue": "one"}, {"venue": "two"}]
SIZES = [pytest.param((4, 250), id="small"), pytest.param((40, 2_500), id="soak", marks=pytest.mark.soak)]


def world(family, seed, venues=TWINS, **shared):
    path, make = FAMILIES[family]
    return make({**read_world(path), "venue": shared, "venues": venues}, seed, seed)


def mid_of(market, venue_i):
    best = market.world[w.VENUES][venue_i, w.BEST : w.BEST + 2]
    return best.mean() if best[0] != w.NO_BID and best[1] != w.NO_ASK else math.nan


def crossing_costs(family, n_worlds, n_orders):
    """bp against the mid of both venues, [venue][side]: a lot crosses each second, venues and sides in turn."""
    costs = {(v, sign): [] for v in (0, 1) for sign in (1, -1)}
    for seed in range(n_worlds):
        market = world(family, 1_000 + seed)
        for k in range(n_orders):
            market.advance((k + 2) * S)
            v, sign, mid = k % 2, 1 if k % 4 < 2 else -1, (mid_of(market, 0) + mid_of(market, 1)) / 2
            market.send(Order(v, sign, round(60_000 * (1 + 0.02 * sign)), 1, Force.IOC))
            market.advance((k + 2) * S + 1)
            for report in market.reports():
                if report.told is Told.FILLED and not math.isnan(mid):
                    costs[v, sign].append(sign * (report.price_half_ticks / 2 - mid) / mid * 1e4)
    return costs


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("family", FAMILIES)
def test_identical_venues_save_nothing_and_sides_cost_the_same(family, size):
    costs = crossing_costs(family, *size)
    by_venue = [np.array(costs[v, 1] + costs[v, -1]) for v in (0, 1)]
    by_side = [np.array(costs[0, sign] + costs[1, sign]) for sign in (1, -1)]
    for one, other in (by_venue, by_side):
        error = np.hypot(one.std() / np.sqrt(len(one)), other.std() / np.sqrt(len(other)))
        assert abs(one.mean() - other.mean()) < 0.1 + 2 * error
        assert error < 0.1


def posting_edges(family, n_worlds, n_orders, **shared):
    """bp earned a second after each passive fill, both sides posted at the best prices for a second."""
    edges = []
    for seed in range(n_worlds):
        market, pending, sign_of = world(family, 2_000 + seed, TWINS[:1], **shared), [], {}
        for k in range(n_orders):
            market.advance((k + 2) * S)
            mid = mid_of(market, 0)
            edges += [sign * (mid - price) / price * 1e4 for sign, price in pending if not math.isnan(mid)]
            pending = [
                (sign_of[one.number], one.price_half_ticks / 2)
                for one in market.reports()
                if one.told is Told.FILLED and one.is_maker
            ]
            for number in list(sign_of)[-2:]:
                market.cancel(number)
            best = market.world[w.VENUES][0, w.BEST : w.BEST + 2].tolist()
            if not math.isnan(mid):
                for sign, price in ((1, best[0]), (-1, best[1])):
                    sign_of[market.send(Order(0, sign, price, 1, Force.POST_ONLY))] = sign
    return np.array(edges)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("family", FAMILIES)
def test_always_posting_loses_once_flow_is_toxic(family, size):
    clean, toxic = posting_edges(family, *size), posting_edges(family, *size, toxic_ppm=200.0)
    error = np.hypot(clean.std() / np.sqrt(len(clean)), toxic.std() / np.sqrt(len(toxic)))
    assert toxic.mean() < -2 * toxic.std() / np.sqrt(len(toxic))
    assert toxic.mean() < clean.mean() - 3 * error


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("family", FAMILIES)
def test_prices_drift_nowhere(family, size):
    n_worlds, seconds = 6 * size[0], size[1] // 5
    moves = []
    for seed in range(n_worlds):
        market = world(family, 3_000 + seed)
        market.advance(seconds * S)
        moves.append(market.value_ticks() - 60_000)
    assert abs(np.mean(moves)) < 4 * np.std(moves) / np.sqrt(n_worlds)
