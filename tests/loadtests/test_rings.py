"""The trips that are timed really go there and back."""

import numpy as np
import pytest

from app.kernels import jit
from app.routing import carry, search
from loadtests import rings

# The forked side only echoes; newer Pythons warn of any fork beside a thread.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


@pytest.fixture(scope="module", autouse=True)
def warm():
    jit.warm()


@pytest.mark.parametrize("spins", [rings.SPINS, 0])
def test_a_ring_trip_comes_back(spins):
    there, back = rings.ring_pair()
    trip = (rings.spinning_trip if spins else rings.sleeping_trip)(there, back)
    with rings.echoing(lambda: rings.echo_ring(there, back, spins)):
        trip()
        trip()
    assert there.pop() == back.pop() == []


def test_a_trip_through_an_event_loop_comes_back():
    there, back = rings.ring_pair()
    looping = rings.LoopTrip(there, back)
    with rings.echoing(lambda: rings.echo_ring(there, back, 0)):
        assert len(looping.many(5)) == 5
    looping.close()


@pytest.mark.parametrize("pair", [rings.bare_pair, rings.pipe_pair])
def test_the_rivals_trips_come_back(pair):
    serve, trip = pair()
    with rings.echoing(serve):
        trip()
        trip()


def test_the_estimate_ranks_what_is_worth_sending_away():
    """Plain problems stay, those that may use few of many venues go; every one of them can travel."""
    found = rings.problems()
    assert all(carry.pack(problem) is not None for made in found.values() for problem in made)
    expected = {name: search.problem_us(made[0]) for name, made in found.items()}
    assert expected["8x20"] < search.BREAK_EVEN_US < expected["24x12 at most 3"] < expected["48x12 at most 3"]
    assert expected["48x12 fixed costs"] < search.BREAK_EVEN_US
    assert np.all(np.diff([expected[name] for name in ("8x20", "32x20", "64x100")]) > 0)
