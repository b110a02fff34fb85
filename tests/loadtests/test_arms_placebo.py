"""What must not be found, and what must: venues that are the same save nothing, and posting into toxic flow loses."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from app.venues.markets.families import family_of
from app.venues.markets.spec import read_world
from loadtests.arms.beliefs import learn_in
from loadtests.arms.desk import Desk
from loadtests.arms.figures import compare
from loadtests.arms.protocol import load_protocol
from loadtests.arms.scheduled import work_parent
from loadtests.arms.takers import take_parent

PROTOCOL = load_protocol()
PROTOCOL = replace(
    PROTOCOL,
    worlds={**PROTOCOL.worlds, "n_tuning": 1, "tuning_s": 30},
    parents={**PROTOCOL.parents, "horizon_s": 30},
)
SEEDS = range(60, 72)
TOXIC_PPM = 60.0
NAMES = ("lead", "second", "far", "fading")


def same(family, seed, toxic_ppm=0.0):
    """A world of the family with four venues that are one another's copies: no way to them, no fade, no halt."""
    chosen = family_of(family)
    table = read_world(chosen.path)
    still = {"latency_in_s": 0.0, "latency_out_s": 0.0, "latency_data_s": 0.0, "jitter_s": 0.0, "toxic_ppm": toxic_ppm}
    venues = [{"venue": name} for name in NAMES]
    return chosen.make({**table, "venue": {**table["venue"], **still}, "venues": venues}, seed, seed)


@pytest.mark.parametrize("family", PROTOCOL.families)
def test_the_same_venues_without_toxicity_or_delay_save_nothing(family):
    beliefs = learn_in(partial(same, family), PROTOCOL)
    lots = max(1, round(0.05 * beliefs.volume_lots_per_s * PROTOCOL.parents["taker_volume_s"]))
    used, every = PROTOCOL.uses["A5"][family]["medium"], PROTOCOL.terms["A5"]
    rival = np.array([taken(family, seed, "A3", (), lots, beliefs) for seed in SEEDS])
    found = compare(rival - [taken(family, seed, "A5", used, lots, beliefs) for seed in SEEDS], PROTOCOL)
    assert found.low > -0.1
    assert found.high < 0.1
    # All terms at once may lose here: a discount for what does not fade is dear. None of them may find an edge.
    assert compare(rival - [taken(family, seed, "A5", every, lots, beliefs) for seed in SEEDS], PROTOCOL).high < 0.1


def taken(family, seed, arm, terms, lots, beliefs):
    """What both sides paid on the same path, bps."""
    paid = []
    for sign in (1, -1):
        desk = Desk(same(family, seed), sign, lots)
        desk.wait(PROTOCOL.warm_ns)
        mid = desk.mid_half_ticks()
        take_parent(desk, arm, frozenset(terms), beliefs, PROTOCOL)
        paid.append(desk.cost_bps(mid))
    return np.mean(paid)


def marked(seed, arm, toxic_ppm, beliefs):
    """What both sides paid against the mid two seconds after the end: bps."""
    paid = []
    for sign in (1, -1):
        lots = max(1, round(0.05 * beliefs.volume_lots_per_s * PROTOCOL.parents["horizon_s"]))
        desk = Desk(same("queue_reactive", seed, toxic_ppm), sign, lots)
        desk.wait(PROTOCOL.warm_ns)
        work_parent(desk, arm, frozenset(), beliefs, PROTOCOL, seed)
        fills = list(desk.fills)
        desk.wait(desk.market.now_ns + 2_000_000_000)
        after = desk.mid_half_ticks()
        fees = sum(one.fee_utick_lots for one in fills) * 1e-6
        price = sum(sign * (one.price_half_ticks - after) / 2 * one.lots for one in fills)
        paid.append((price + fees) / (after / 2 * lots) * 1e4)
    return np.mean(paid)


def test_always_posting_pays_in_calm_flow_and_loses_in_toxic_flow():
    beliefs = learn_in(partial(same, "queue_reactive"), PROTOCOL)
    gaps = {
        toxic_ppm: np.array(
            [marked(seed, "B0", toxic_ppm, beliefs) - marked(seed, "B1", toxic_ppm, beliefs) for seed in range(80, 92)]
        )
        for toxic_ppm in (0.0, TOXIC_PPM)
    }
    calm, toxic = (compare(gap, PROTOCOL) for gap in gaps.values())
    assert calm.low > 0.0
    assert toxic.high < 0.0
