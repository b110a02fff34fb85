"""What the propagator family claims of itself: the power law of decay, long memory of signs, a latent book."""

import numpy as np
import pytest

from app.domain.errors import BadRequest
from app.kernels import sim_words as w
from app.venues.markets.port import Force, Order
from app.venues.markets.propagator import PROPAGATOR, PropagatorPrice, propagator_markets
from app.venues.markets.spec import drawn, read_world

S = 1_000_000_000


def price_of(**more):
    return PropagatorPrice(**{**drawn(read_world(PROPAGATOR), 1)["price"], **more})


def market_of(seed=1, venues=None, **more):
    table = drawn(read_world(PROPAGATOR), 1)
    price = {**table["price"], **{k: v for k, v in more.items() if k in table["price"]}}
    law = {**table["propagator"], **{k: v for k, v in more.items() if k not in table["price"]}}
    return propagator_markets(
        {"price": price, "propagator": law, "venue": {}, "venues": venues or [{"venue": "one"}]}, seed, 1
    )


@pytest.mark.parametrize("power", [0.3, 0.5, 0.7])
def test_the_modes_are_the_power_law(power):
    price = price_of(decay_power=power, decay_s=0.5)
    modes = price.modes()
    assert modes[:, 0].sum() == pytest.approx(1.0)
    for t_s in (0.0, 0.1, 1.0, 10.0, 100.0, 600.0):
        left = (modes[:, 0] * modes[:, 1] ** (t_s / price.step_s)).sum()
        assert left == pytest.approx((1.0 + t_s / 0.5) ** -power, rel=0.1 if power <= 0.5 else 0.15)


def test_a_power_beyond_its_bounds_is_refused():
    for more in ({"decay_power": 1.0}, {"pieces_power": 1.0}, {"decay_s": 0.0}):
        with pytest.raises(BadRequest):
            price_of(**more)


def moved_by(lots, after_s, **more):
    """Half the difference of the reference price after a buyer and after a seller, in a world without other takers."""
    quiet = {"meta_per_s": 0.0, "single_per_s": 0.0, "noise_ticks": 0.0, "slope_lots": 1e5, **more}
    found = []
    for sign in (1, -1):
        market = market_of(**quiet)
        market.advance(S)
        market.send(Order(0, sign, 60_000 + sign * 2_000, lots, Force.IOC))
        market.advance(S + 1)
        market.advance(S + round(after_s * S))
        found.append(market.value_ticks())
    return (found[0] - found[1]) / 2


def test_impact_is_a_power_of_size_and_decays_as_told():
    law = {"impact_ticks": 4.0, "impact_power": 0.5, "take_lots": 50.0, "decay_power": 0.5, "decay_s": 0.5}
    assert moved_by(50, 0.0, **law) == pytest.approx(4.0)
    assert moved_by(800, 0.0, **law) == pytest.approx(16.0)
    for after in (2.0, 30.0):
        assert moved_by(50, after, **law) == pytest.approx(4.0 * (1 + after / 0.5) ** -0.5, rel=0.08)


def test_signs_remember_for_long():
    market = market_of(meta_per_s=1.0, single_per_s=0.0, slope_lots=1e5, show_per_s=0.0, hide_per_s=0.0)
    market.advance(2_000 * S)
    signs = np.array([sign for _, sign in sorted({(one.ts_ns, one.sign) for one in market.trades()})], np.float64)
    found = [np.corrcoef(signs[:-k], signs[k:])[0, 1] for k in (1, 10, 50)]
    assert found[0] > found[1] > found[2] > 0.02


def test_what_is_taken_comes_back_out_of_the_latent_book():
    market = market_of(meta_per_s=0.0, single_per_s=0.0, noise_ticks=0.0, impact_ticks=0.0)
    market.advance(5 * S)

    def near():
        return sum(lots for price, lots in market.true_view(0).asks if price < 60_010)

    before = near()
    market.send(Order(0, 1, 60_010, 10**6, Force.IOC))
    market.advance(5 * S + 1)
    after = near()
    market.advance(60 * S)
    assert after < 0.05 * before
    assert 0.5 * before < near() < 2.0 * before


def test_latent_density_grows_with_distance():
    market = market_of(meta_per_s=0.0, single_per_s=0.0, noise_ticks=0.0)
    market.advance(30 * S)
    book = market.world[w.BOOK][0, w.ASK]
    lots = [book[: w.TAG, (60_001 + d) & w.MASK].sum() for d in range(1, 49)]
    assert np.corrcoef(np.arange(48), lots)[0, 1] > 0.6
