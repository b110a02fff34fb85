"""Our bounds hold the exact fill between them, on a simulated venue; hftbacktest agrees where it can be asked."""

import os

import numpy as np
import pytest

from loadtests.hft_queue import MAKERS, PYTHON_VARIABLE, ask_hftbacktest, play


@pytest.mark.parametrize("family", MAKERS)
def test_exact_fills_lie_between_the_bounds(family):
    played = play(family, 3, 60.0)
    filled = played.exact_ns >= 0
    assert len(filled) >= 15
    assert filled.mean() > 0.2
    # Whoever is filled by trades alone is filled exactly, and never earlier.
    lower = played.lower_ns >= 0
    assert (played.exact_ns[lower & filled] <= played.lower_ns[lower & filled]).all()
    assert (lower & ~filled).sum() <= 1
    assert (filled & (played.upper_ns < 0)).sum() <= 2


@pytest.mark.skipif(PYTHON_VARIABLE not in os.environ, reason=f"{PYTHON_VARIABLE} names no interpreter: hft_queue.py")
def test_hftbacktest_fills_what_we_fill():
    played = play("hawkes", 3, 60.0)
    for at in ask_hftbacktest(played, os.environ[PYTHON_VARIABLE]).values():
        assert np.mean((at >= 0) == (played.exact_ns >= 0)) > 0.85
