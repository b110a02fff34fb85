"""The placebo: nobody knows more, so nothing is to be gained or lost but the spread."""

import numpy as np

from tests.venues.markets.contract.families import FAMILIES, FIRST

S = 1_000_000_000


def test_prices_stay_where_they_began():
    market = FAMILIES["steady"](1)
    mids = []
    for _ in range(500):
        market.advance(market.now_ns + S)
        view = market.true_view(FIRST)
        if view.bids and view.asks:
            mids.append((view.bids[0][0] + view.asks[0][0]) / 2)
    assert len(mids) > 450
    assert abs(np.mean(mids) - 59_999.5) < 0.5
    assert market.value_ticks() == 60_000


def test_trades_come_at_the_rate_of_takers():
    market = FAMILIES["steady"](2)
    market.advance(300 * S)
    at_first = [one for one in market.trades() if one.venue_i == FIRST]
    takers = len({one.ts_ns for one in at_first})
    assert abs(takers / 300 - 20.0) < 1.0  # five standard errors and a few takers who found nothing
    assert abs(np.mean([one.sign for one in at_first])) < 0.1
