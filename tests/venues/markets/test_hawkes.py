"""What the Hawkes family claims of itself: clusters of the size asked for, informed takers, makers who learn."""

import numpy as np
import pytest

from app.domain.errors import BadRequest
from app.kernels import sim_words as w
from app.venues.markets.hawkes import HAWKES, HawkesValue, hawkes_markets
from app.venues.markets.port import Force, Order, Told
from app.venues.markets.spec import drawn, read_world

S = 1_000_000_000
ONE = [{"venue": "one"}]


def market_of(seed=1, venues=None, **more):
    """The file's first numbers on `venues` plain books; `more` are keys of [hawkes] and [value]."""
    table = drawn(read_world(HAWKES), 1)
    value = {**table["value"], **{k: v for k, v in more.items() if k in table["value"]}}
    law = {**table["hawkes"], **{k: v for k, v in more.items() if k not in table["value"]}}
    return hawkes_markets({"value": value, "hawkes": law, "venue": {}, "venues": venues or ONE}, seed, 1)


def orders(market):
    """Instants and signs of takers."""
    found = sorted({(one.ts_ns, one.sign) for one in market.trades()})
    return np.array([at for at, _ in found]) / S, np.array([sign for _, sign in found])


def only_takers(branch):
    return [[[branch, 0.0, 0.0], [0.0] * 3], [[0.0] * 3] * 2, [[0.0] * 3] * 2]


@pytest.mark.parametrize("branch", [0.0, 0.6])
def test_takers_have_as_many_children_as_asked(branch):
    # Deep books, no cancels and no makers' trades: every event is a print of its own.
    market = market_of(
        branch=only_takers(branch), taker_per_s=2.0, limit_per_s=0.0, cancel_per_s=0.0, usual_lots=1e6,
        informed_frac=0.0, learn_ticks=0.0, volatility_ticks=0.0, jumps_per_s=0.0, pull_per_s=0.0, take_log_sd=0.1,
    )  # fmt: skip
    market.advance(1_000 * S)
    expected = 4.0 * 1_000 / (1.0 - branch)
    # A cluster's size has variance branch / (1 - branch)^3.
    error = np.sqrt(4_000 * (branch / (1 - branch) ** 3 + 1 / (1 - branch) ** 2))
    assert abs(len(orders(market)[0]) - expected) < 5 * error + expected * 0.02


def test_children_keep_their_parents_side():
    quiet = {"informed_frac": 0.0, "learn_ticks": 0.0, "limit_per_s": 0.0, "cancel_per_s": 0.0, "usual_lots": 1e6}
    still = {"volatility_ticks": 0.0, "jumps_per_s": 0.0}
    for branch, low, high in ((0.0, -0.06, 0.06), (0.7, 0.2, 1.0)):
        market = market_of(branch=only_takers(branch), **quiet, **still)
        market.advance(1_500 * S)
        sign = orders(market)[1]
        assert low < np.corrcoef(sign[:-1], sign[1:])[0, 1] < high


def test_explosive_clusters_are_refused():
    value = drawn(read_world(HAWKES), 1)["value"]
    with pytest.raises(BadRequest):
        HawkesValue(**{**value, "branch": only_takers(1.0)}).children()


def test_informed_takers_know_where_the_value_is():
    """Their trades are followed by the value's side; uninformed ones are not, and those who learn follow both."""
    moved = {}
    for informed in (0.0, 1.0):
        found = []
        for seed in range(4):
            market = market_of(seed, informed_frac=informed, learn_ticks=0.0, branch=only_takers(0.0))
            for k in range(1, 4_000):
                market.advance(k * S // 20)
                mid = sum(market.true_view(0).bids[0][:1] + market.true_view(0).asks[0][:1]) / 2
                found += [one.sign * (market.value_ticks() - mid) for one in market.trades()[:1]]
        moved[informed] = (np.mean(found), np.std(found) / np.sqrt(len(found)))
    assert moved[1.0][0] > moved[0.0][0] + 5 * max(moved[1.0][1], moved[0.0][1])


def passive_markout(informed, seeds=12):
    """Ticks gained a second after passive fills: we always post one lot at both best prices."""
    gains = []
    for seed in range(seeds):
        market = market_of(seed, informed_frac=informed, branch=only_takers(0.0), taker_per_s=3.0, news_per_s=2.0)
        pending, bought = [], set()
        for k in range(5, 120):
            market.advance(k * S // 2)
            view = market.true_view(0)
            mid = (view.bids[0][0] + view.asks[0][0]) / 2
            gains += [sign * (mid - price) for at, sign, price in pending if k - at == 2]
            for report in market.reports():
                if report.told is Told.FILLED and report.is_maker:
                    sign = 1 if report.number in bought else -1
                    pending.append((k, sign, report.price_half_ticks / 2))
            bought.add(market.send(Order(0, 1, view.bids[0][0], 1, Force.POST_ONLY)))
            market.send(Order(0, -1, view.asks[0][0], 1, Force.POST_ONLY))
    return np.mean(gains), np.std(gains) / np.sqrt(len(gains))


def test_posting_gets_worse_when_takers_are_informed():
    clean, clean_error = passive_markout(0.0)
    toxic, toxic_error = passive_markout(0.9)
    assert toxic < clean - 2 * np.hypot(clean_error, toxic_error)


def half_the_difference(seed):
    """Ticks between a buyer's and a seller's world, just after five sweeps and a minute later."""
    paths = {}
    for sign in (1, -1):
        market = market_of(seed, news_per_s=0.5)
        market.advance(2 * S)
        for k in range(5):
            market.send(Order(0, sign, 60_000 + sign * 2_000, 300, Force.IOC))
            market.advance((3 + k) * S)
        mids = []
        for until in (7, 60):
            market.advance(until * S)
            mids.append(market.world[w.VENUES][0, w.BEST : w.BEST + 2].mean())
        paths[sign] = mids
    return [(paths[1][i] - paths[-1][i]) / 2 for i in (0, 1)]


def test_our_flow_moves_the_price_and_the_move_fades():
    at_once, later = np.mean([half_the_difference(seed) for seed in range(8)], axis=0)
    assert at_once > 1.0
    assert abs(later) < 0.6 * at_once
