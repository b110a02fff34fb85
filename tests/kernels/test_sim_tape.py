"""What is due comes in order of time, of equals in the order in which it was put."""

from random import Random

from app.kernels import sim_tape
from app.kernels import sim_words as w
from tests.venues.markets.still import still_market


def test_events_come_in_order():
    rng, market = Random(3), still_market()
    world = market.world
    while world[w.HEAD][w.N_QUEUED]:
        sim_tape.pop_event(world)
    put = []
    for i in range(500):
        at = rng.randrange(50)
        put.append((at, i))
        sim_tape.push_event(world, at, w.EV_PUSH, 0, i, 0)
        assert world[w.HEAD][w.DUE_NS] == min(put)[0]
        if rng.random() < 0.4:
            sim_tape.pop_event(world)
            first = min(put)
            put.remove(first)
            assert (world[w.EVENT][w.Q_NS], world[w.EVENT][w.Q_A]) == first
    while put:
        sim_tape.pop_event(world)
        first = min(put)
        put.remove(first)
        assert (world[w.EVENT][w.Q_NS], world[w.EVENT][w.Q_A]) == first
    assert world[w.HEAD][w.DUE_NS] == w.NEVER_NS


def test_an_overflow_is_noted_and_not_swallowed():
    world = still_market().world
    free = world[w.QUEUE].shape[0] - world[w.HEAD][w.N_QUEUED]
    for i in range(free):
        sim_tape.push_event(world, i, w.EV_PUSH, 0, i, 0)
    assert world[w.HEAD][w.IS_FULL] == 0
    sim_tape.push_event(world, 1, w.EV_PUSH, 0, 1, 0)
    assert world[w.HEAD][w.IS_FULL] == 1
