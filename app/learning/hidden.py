"""What is believed of liquidity that no book shows, from the answers to our own questions, newest answers most.

Chances by Kaplan-Meier with hope (learning/dark.py), one venue at a time, forgetting as it goes, so that a venue that
drifts or plays with us is believed by what it does now. The cost of a question that was not filled (what it tells the
market) is the mean adverse move after such answers, shrunk to a prior and bounded. Pure: the same answers, the same
beliefs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from app.domain.hidden_facts import DarkAnswered
from app.learning.dark import HopeLaw, counted, hopeful_tails, no_counts

Float64Array = npt.NDArray[np.float64]

# Half of what is known is of the newest 34 answers.
DRIFTING: Final = HopeLaw(keep_frac=0.98)
# Before it is measured, an unfilled question costs so much, with the weight of so many answers.
PRIOR_LEAK_PPM: Final = 10
N_PRIOR_ANSWERS: Final = 20
MAX_LEAK_PPM: Final = 300


@dataclass(frozen=True, slots=True)
class HiddenBelief:
    """`tail_frac`: float64[m], chance that there are at least s + 1 units; falling. `leak_ppm`: of an unfilled unit."""

    tail_frac: Float64Array
    leak_ppm: int
    n_answers: int


def believe(answers: Iterable[DarkAnswered], unit_units: int, max_units: int, law: HopeLaw = DRIFTING) -> HiddenBelief:
    """What `answers` of one venue (oldest first) say in units of `unit_units` symbol units, up to `max_units` of them.

    An answer under a larger least execution than a unit says nothing of smaller ones and is left out. Raises BadRequest
    where `max_units` is out of range.
    """
    counts = no_counts(1, max_units)
    kept = [a for a in answers if a.min_units <= unit_units <= a.asked_units]
    for answer in kept:
        asked = min(answer.asked_units // unit_units, max_units)
        filled = min(answer.filled_units // unit_units, asked)
        counts = counted(counts, np.array([asked], np.int64), np.array([filled], np.int64), law)
    return HiddenBelief(hopeful_tails(counts, law)[0], leak_ppm(kept), len(kept))


def leak_ppm(answers: Iterable[DarkAnswered]) -> int:
    """Mean adverse move between question and answer of those that were not filled whole, shrunk and bounded below 0."""
    moves = [answer.moved_ppm for answer in answers if answer.filled_units < answer.asked_units]
    total = N_PRIOR_ANSWERS * PRIOR_LEAK_PPM + sum(min(max(m, -MAX_LEAK_PPM), MAX_LEAK_PPM) for m in moves)
    return min(max(total // (N_PRIOR_ANSWERS + len(moves)), 0), MAX_LEAK_PPM)


def worth(belief: HiddenBelief, saving_ppm: int) -> Float64Array:
    """What one more unit is worth to ask for, in parts of what its fill saves: float64[m], between 0 and 1, falling.

    A unit that fills saves `saving_ppm`, one that does not costs the leak. Nothing where nothing is saved.
    """
    if saving_ppm <= 0:
        return np.zeros_like(belief.tail_frac)
    tail = belief.tail_frac
    return np.clip(tail - (1.0 - tail) * (belief.leak_ppm / saving_ppm), 0.0, 1.0)


def expected_units(belief: HiddenBelief, n_units: int, unit_units: int) -> int:
    """Symbol units that are expected to fill of `n_units` units of `unit_units` each."""
    return round(float(belief.tail_frac[:n_units].sum()) * unit_units)
