"""The queue-reactive family: prices follow a value with a lag, informed flow hurts who posts, books come back."""

import numpy as np
import pytest

from app.kernels import sim_queue as q
from app.venues.markets.port import Force, Order, Told
from app.venues.markets.queue_reactive import QUEUE_REACTIVE, queue_reactive_markets
from app.venues.markets.spec import read_world

S = 1_000_000_000
TABLE = read_world(QUEUE_REACTIVE)
VENUES = [{"venue": "lead", "queue_reactive": {"lag_s": 0.0}}, {"venue": "late", "queue_reactive": {"lag_s": 1.0}}]


def market_of(seed, value=None, **crowd):
    table = {
        "venue": {"publish_s": 0.1, "peak_lots": 10},
        "venues": VENUES,
        "value": {**TABLE["value"], "volatility_ticks": 4.0, "jumps_per_s": 0.0, **(value or {})},
        "queue_reactive": {**TABLE["queue_reactive"], **crowd},
    }
    return queue_reactive_markets(table, seed, 1)


def mid(market, venue=0):
    view = market.true_view(venue)
    return (view.bids[0][0] + view.asks[0][0]) / 2


def paths(market, n, step_ns):
    rows = []
    for _ in range(n):
        market.advance(market.now_ns + step_ns)
        rows.append((market.value_ticks(), mid(market, 0), mid(market, 1)))
    return np.array(rows).T


def test_prices_follow_the_value_and_the_late_venue_follows_later():
    value, lead, late = paths(market_of(1), 3000, S // 5)
    assert np.sqrt(np.mean((lead - value) ** 2)) < 4
    ahead = [np.corrcoef(np.diff(lead)[: len(lead) - 1 - k], np.diff(late)[k:])[0, 1] for k in range(11)]
    assert 3 <= int(np.argmax(ahead)) <= 8  # of 200 ms: about a second
    back = np.corrcoef(np.diff(late)[:-5], np.diff(lead)[5:])[0, 1]
    assert max(ahead) > 0.3 > abs(back) + 0.1


def test_queues_stay_what_they_are_and_do_not_run_away():
    market = market_of(2)
    depths = []
    for _ in range(600):
        market.advance(market.now_ns + S)
        view = market.true_view(0)
        depths.append((sum(lots for _, lots in view.bids[:20]), sum(lots for _, lots in view.asks[:20])))
    depth = np.array(depths, float)
    assert depth[300:].mean() == pytest.approx(depth[:300].mean(), rel=0.3)
    assert depth[:, 0].mean() == pytest.approx(depth[:, 1].mean(), rel=0.15)


def markout_ticks(market, n_s):
    """Signed ticks for us 10 s after each resting fill, both best prices always posted for 8 lots."""
    open_orders, fills = {}, []
    for _ in range(n_s):
        for number in open_orders.values():
            market.cancel(number)
        view = market.true_view(0)
        open_orders = {
            1: market.send(Order(0, 1, view.bids[0][0], 8, Force.POST_ONLY)),
            -1: market.send(Order(0, -1, view.asks[0][0], 8, Force.POST_ONLY)),
        }
        sides = {number: sign for sign, number in open_orders.items()}
        market.advance(market.now_ns + S)
        fills += [
            (one.ts_ns // S, sides[one.number], one.price_half_ticks / 2)
            for one in market.reports()
            if one.told is Told.FILLED and one.number in sides
        ]
        fills.append((market.now_ns // S, 0, mid(market)))
    mids = {second: price for second, sign, price in fills if sign == 0}
    return [sign * (mids[at + 10] - price) for at, sign, price in fills if sign and at + 10 in mids]


def test_always_posting_loses_once_the_flow_is_informed():
    still = {"volatility_ticks": 0.0}
    calm = markout_ticks(market_of(3, still, informed_per_s=0.0, impact_ticks=0.0), 600)
    toxic = markout_ticks(market_of(3, informed_per_s=2.0), 600)
    assert min(len(calm), len(toxic)) > 150
    assert np.mean(calm) > 0  # the spread is earned where nobody knows more
    assert np.mean(toxic) < -0.5


def test_a_sweep_moves_the_price_and_the_book_comes_back():
    """Arms with and without it on the same noise: pushed at once, most of it gone, a part of it stays; both signs."""
    moved = []
    for sign in (1, -1):
        for seed in range(12):
            arms = [market_of(seed, {"volatility_ticks": 1.0}, impact_ticks=0.3) for _ in range(2)]
            for market in arms:
                market.advance(5 * S)
            arms[1].send(Order(0, sign, round(mid(arms[1])) + 15 * sign, 2000, Force.IOC))
            row = []
            for wait_ns in (1, S, 30 * S):
                for market in arms:
                    market.advance(5 * S + wait_ns)
                row.append(sign * (mid(arms[1]) - mid(arms[0])))
            moved.append(row)
    at_once, later, last = np.mean(moved, axis=0)
    assert at_once > 5
    assert later < at_once
    assert 0.3 < last < 0.7 * at_once


def test_hidden_lots_and_icebergs_are_there():
    shown_only, all_kinds = (market_of(4, hidden_frac=frac, iceberg_frac=frac) for frac in (0.0, 0.3))
    got = []
    for market in (shown_only, all_kinds):
        market.advance(60 * S)
        view = market.true_view(0)
        limit = view.asks[5][0]
        market.send(Order(0, 1, limit, 100_000, Force.IOC))
        market.advance(market.now_ns + 1)
        filled = sum(one.lots for one in market.reports() if one.told is Told.FILLED)
        got.append(filled / sum(lots for price, lots in view.asks if price <= limit))
    assert got[0] == 1.0
    assert got[1] > 1.1


def test_agents_fit_their_numbers():
    assert q.QUEUE_AGENTS == 4 * q.NEAR + 8
