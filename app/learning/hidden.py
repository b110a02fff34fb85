"""What is believed of liquidity that no book shows, from the answers to our own questions, newest answers most.

Chances by Kaplan-Meier with hope (learning/dark.py), one venue at a time, forgetting as it goes, so that a venue that
drifts or plays with us is believed by what it does now. The cost of a question that was not filled (what it tells the
market) is the mean adverse move after such answers, shrunk to a prior and bounded. Pure: the same answers, the same
beliefs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt
from typing import Final

import numpy as np
import numpy.typing as npt

from app.domain.hidden_facts import DarkAnswered, DealerAnswered
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


# Before anything is known, one accepted quote in five is declined, with the weight of five; a move is believed to be
# what volatility makes of the hold, and at least so much, with the weight of ten.
N_PRIOR_LOOKS: Final = 5.0
PRIOR_DECLINED: Final = 1.0
N_PRIOR_MOVES: Final = 10.0
LEAST_MOVE_PPM: Final = 10.0
LOOK_KEEP_FRAC: Final = 0.98
_PPM_PER_BP: Final = 100.0
_Z95: Final = 1.96


@dataclass(frozen=True, slots=True)
class LookBelief:
    """A dealer's last look. `hit_frac`: of accepted quotes that are filled. `move_ppm`: against us, when he declines.

    `cost_ppm` with its interval: what a quote costs beyond its price because it may be declined. `n_looks`: seen.
    """

    hit_frac: float
    move_ppm: float
    cost_ppm: int
    low_ppm: int
    high_ppm: int
    n_looks: int


def believe_look(looks: Iterable[DealerAnswered], sigma_bps_sqrt_s: float, hold_ns: int) -> LookBelief:
    """What `looks` at one dealer's quotes (oldest first) say of the next one, held for `hold_ns`.

    He keeps what went our way and declines what did not: the cost is the chance to be declined times the mean adverse
    move of those that were. Newest looks count most. `sigma_bps_sqrt_s` 0: volatility is not known.
    """
    weight, declined, moves, move_weight, n_looks = 0.0, 0.0, 0.0, 0.0, 0
    for look in looks:
        weight, declined = weight * LOOK_KEEP_FRAC + 1.0, declined * LOOK_KEEP_FRAC
        moves, move_weight, n_looks = moves * LOOK_KEEP_FRAC, move_weight * LOOK_KEEP_FRAC, n_looks + 1
        if look.outcome == "declined":
            declined += 1.0
            move_weight += 1.0
            moves += max(look.moved_ppm, 0)
    prior_ppm = max(LEAST_MOVE_PPM, sigma_bps_sqrt_s * sqrt(hold_ns * 1e-9) * _PPM_PER_BP)
    n = weight + N_PRIOR_LOOKS
    declined_frac = (declined + PRIOR_DECLINED) / n
    move_ppm = (moves + N_PRIOR_MOVES * prior_ppm) / (move_weight + N_PRIOR_MOVES)
    error_frac = _Z95 * sqrt(declined_frac * (1.0 - declined_frac) / n)
    low, high = max(0.0, declined_frac - error_frac), min(1.0, declined_frac + error_frac)
    costs = [round(frac * move_ppm) for frac in (declined_frac, low, high)]
    return LookBelief(1.0 - declined_frac, move_ppm, costs[0], costs[1], costs[2], n_looks)
