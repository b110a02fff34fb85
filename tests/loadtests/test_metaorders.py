"""Impact is ours alone: what other agents do cancels between the buyer's and the seller's world."""

import numpy as np

from app.venues.markets.propagator import PROPAGATOR, propagator_markets
from app.venues.markets.spec import drawn, read_world
from loadtests.metaorders import SIZES_LOTS, sweep


def test_the_power_of_a_world_that_has_one():
    table = drawn(read_world(PROPAGATOR), 1)
    law = {**table["propagator"], "meta_per_s": 0.0, "single_per_s": 0.0, "slope_lots": 1e4, "impact_power": 0.5}
    world = {**table, "propagator": law, "venue": {}, "venues": [{"venue": "a"}, {"venue": "b"}]}
    found = sweep(lambda seed, hidden: propagator_markets(world, seed, hidden), 60_000.0, (1, 2))
    assert found.impact_bp.shape == (len(SIZES_LOTS), 3)
    assert 0.4 < found.power < 0.6
    assert found.left_frac < 0.6
    assert (np.diff(found.impact_bp[:, 0]) > 0).all()
