"""Clocks of a family's agents as arrays: app/kernels/sim_clocks.py."""

from __future__ import annotations

from typing import Any

import numpy as np

from app.kernels import sim_words as w


def new_clocks(n_groups: int, n_agents: int) -> tuple[Any, ...]:
    """Clocks that are not yet started: nobody's turn ever comes."""
    shape = (n_groups, n_agents)
    return (
        np.zeros(shape),
        np.zeros(shape),
        np.zeros(shape, np.int64),
        np.full(shape, w.NEVER_NS, np.int64),
        np.zeros(shape, np.int64),
        np.full((n_groups, 2), w.NEVER_NS, np.int64),
    )
