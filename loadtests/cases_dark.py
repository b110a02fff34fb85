"""The family `dark_pool` of ../shared/cases: app/routing/dark.py splits, app/learning/dark.py believes from fills."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from app.kernels import jit
from app.learning.dark import HiddenCounts, HopeLaw, counted, hopeful_tails, no_counts
from app.routing.dark import allocate

Case = Mapping[str, Any]


def setup() -> None:
    """Kernels are compiled before anything is timed."""
    jit.warm()


def true_tails(case: Case) -> npt.NDArray[np.float64]:
    """Chance of at least s + 1 hidden units at each venue, float64[k, volume]: an empty bin and a cut power law."""
    most = case["volume"]
    tails = np.zeros((len(case["venues"]), most))
    for k, venue in enumerate(case["venues"]):
        weights = np.arange(1, venue["s_max"] + 1, dtype=np.float64) ** -venue["beta"]
        tail = np.cumsum((weights * (1.0 - venue["p_zero"]) / weights.sum())[::-1])[::-1]
        n = min(most, tail.size)
        tails[k, :n] = np.minimum(tail[:n], 1.0)
    return tails


def dark_known(case: Case) -> list[int]:
    """Units per venue where the distributions are known; what no venue could fill stays out."""
    return list(map(int, allocate(true_tails(case), case["volume"])))


class DarkSession:
    """One run of rounds: what it knows is what filled."""

    def __init__(self, n_venues: int, volume: int, law: HopeLaw) -> None:
        self._law = law
        self._counts: HiddenCounts = no_counts(n_venues, volume)

    def allocate(self, volume: int) -> list[int]:
        return list(map(int, allocate(hopeful_tails(self._counts, self._law), volume)))

    def feedback(self, sent: Sequence[int], filled: Sequence[int]) -> None:
        self._counts = counted(self._counts, np.array(sent, np.int64), np.array(filled, np.int64), self._law)


def dark_session(case: Case) -> DarkSession:
    return DarkSession(len(case["venue_ids"]), case["volume"], HopeLaw())
