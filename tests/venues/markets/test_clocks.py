"""Clocks that nobody started never ring."""

from app.kernels import sim_clocks as c
from app.kernels import sim_words as w
from app.venues.markets.clocks import new_clocks


def test_new_clocks_stand_still():
    clocks = new_clocks(3, 4)
    assert clocks[c.RATE].shape == (3, 4)
    assert (clocks[c.FIRE_NS] == w.NEVER_NS).all()
    assert (clocks[c.FIRST][:, 0] == w.NEVER_NS).all()
