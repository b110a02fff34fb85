"""Rates by formula or by table, in the places where the kernel looks for them; what cannot be is refused."""

import numpy as np
import pytest

from app.domain.errors import BadRequest
from app.kernels import sim_queue as q
from app.venues.markets.queue_reactive import QUEUE_REACTIVE, QueueParameters, QueueValue, queue_reactive_markets
from app.venues.markets.spec import read_world

PLAIN = {
    "mean_lots": 10.0,
    "limit_per_s": (4.0, 3.0, 2.0, 1.0),
    "cancel_per_s": (0.4, 0.3, 0.2, 0.1),
    "market_per_s": 0.5,
}


def test_rates_by_formula():
    rates = QueueParameters(**PLAIN, limit_fade=0.1, cancel_power=0.5, market_fade=0.2).rates()
    assert rates[q.LIMIT, 1, 5] == pytest.approx(3.0 / 1.5)
    assert rates[q.CANCEL, 2, 9] == pytest.approx(0.2 * 3)
    assert rates[q.MARKET, 0, 3] == pytest.approx(0.5 * np.exp(-0.4))
    assert (rates[q.CANCEL, :, 0] == 0).all()


def test_rates_by_table():
    table = tuple(tuple(float(level * 100 + b) for b in range(q.BUCKETS)) for level in range(q.NEAR))
    rates = QueueParameters(**PLAIN, cancel_table=table).rates()
    assert (rates[q.CANCEL] == np.array(table)).all()
    assert rates[q.LIMIT, 0, 0] == 4.0


@pytest.mark.parametrize(
    "bad",
    [
        {"limit_per_s": (1.0,)},
        {"n_deep": q.NEAR},
        {"n_deep": 1001},
        {"mean_lots": 0.5},
        {"limit_table": ((1.0,),)},
    ],
)
def test_what_cannot_be_is_refused(bad):
    with pytest.raises(BadRequest):
        QueueParameters(**{**PLAIN, **bad})


@pytest.mark.parametrize("bad", [{"step_s": 0.0}, {"step_s": 2.0}, {"start_ticks": 10.0}, {"volatility_ticks": -1.0}])
def test_a_value_that_cannot_be_is_refused(bad):
    with pytest.raises(BadRequest):
        QueueValue(**{"start_ticks": 60_000.0, "volatility_ticks": 1.0, "step_s": 0.02, **bad})


def test_hidden_seeds_give_other_worlds_of_the_same_noise():
    table = read_world(QUEUE_REACTIVE)
    worlds = [queue_reactive_markets(table, 1, hidden) for hidden in (1, 2, 1)]
    for market in worlds:
        market.advance(10_000_000_000)
    assert worlds[0].true_view(0) == worlds[2].true_view(0) != worlds[1].true_view(0)


@pytest.mark.parametrize("n", [1, 16])
def test_a_world_of_one_venue_and_of_sixteen(n):
    table = read_world(QUEUE_REACTIVE)
    market = queue_reactive_markets({**table, "venues": [{"venue": f"v{i}"} for i in range(n)]}, 1, 1)
    market.advance(30_000_000_000)
    assert market.n_venues == n
    for venue in range(n):
        view = market.view(venue)
        assert view.bids[0][0] < view.asks[0][0]
        assert abs(view.bids[0][0] - market.value_ticks()) < 30
    assert {one.venue_i for one in market.trades()} == set(range(n))
