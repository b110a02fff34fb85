"""What fills say about hidden sizes: counts per venue and unit, and the hopeful chances that a split is made from.

Kaplan-Meier on censored fills (Ganchev, Nevmyvaka, Kearns, Vaughan, UAI 2009) with a bonus for what was hardly asked.
The polite shell of kernels/dark.py. Values in, values out: a round gives new counts, so the log can be folded again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from app.domain.errors import BadRequest, InvariantBroken
from app.kernels import dark as kernel
from app.kernels.status import OK

Float64Array = npt.NDArray[np.float64]
Int64Array = npt.NDArray[np.int64]

MAX_UNITS_ASKED: Final = 4_096


@dataclass(frozen=True, slots=True)
class HopeLaw:
    """How hope turns into knowledge. The prior counts as `n_prior_rounds` rounds in which a venue was empty with
    `empty_frac` and ended at each further unit with `end_frac`; `bonus_frac` standard errors are added; `keep_frac` of
    all counts stays from round to round (1 forgets nothing).

    The values were chosen on 80 made-up cases (docs/results/cases_time.md); regret hardly depends on them.
    """

    n_prior_rounds: float = 8.0
    end_frac: float = 0.02
    empty_frac: float = 0.3
    bonus_frac: float = 0.05
    keep_frac: float = 1.0

    def __post_init__(self) -> None:
        is_right = self.n_prior_rounds > 0.0 and self.bonus_frac >= 0.0 and 0.0 < self.keep_frac <= 1.0
        if not (is_right and 0.0 <= self.end_frac < 1.0 and 0.0 <= self.empty_frac < 1.0):
            raise BadRequest("invalid_request", "a prior counts for something and its chances are below 1")


@dataclass(frozen=True, slots=True)
class HiddenCounts:
    """How often each unit of each venue was asked for and how often it was where a fill ended: float64[k, m]."""

    n_rounds: int
    at_risk: Float64Array
    ended: Float64Array


def no_counts(n_venues: int, max_units: int) -> HiddenCounts:
    """Nothing seen yet of `n_venues` that are asked for at most `max_units` each."""
    if not (n_venues >= 1 and 1 <= max_units <= MAX_UNITS_ASKED):
        raise BadRequest("invalid_request", f"venues are asked for 1 to {MAX_UNITS_ASKED} units")
    return HiddenCounts(0, np.zeros((n_venues, max_units)), np.zeros((n_venues, max_units)))


def counted(counts: HiddenCounts, sent_units: Int64Array, filled_units: Int64Array, law: HopeLaw) -> HiddenCounts:
    """The counts after one more round; int64[k] each. Raises InvariantBroken for a fill of more than was sent."""
    at_risk, ended = counts.at_risk.copy(), counts.ended.copy()
    if kernel.count_fills(sent_units, filled_units, law.keep_frac, at_risk, ended) != OK:
        raise InvariantBroken(reason="hidden fill", sent_units=sent_units.tolist(), filled_units=filled_units.tolist())
    return HiddenCounts(counts.n_rounds + 1, at_risk, ended)


def hopeful_tails(counts: HiddenCounts, law: HopeLaw) -> Float64Array:
    """Chance, believed with hope, that each venue hides at least s + 1 units: float64[k, m], falling in s."""
    numbers = np.array((law.n_prior_rounds, law.end_frac, law.empty_frac, law.bonus_frac))
    tail = np.empty_like(counts.at_risk)
    # What is forgotten is doubtful again: rounds count as much as their counts do.
    kept = counts.n_rounds if law.keep_frac == 1.0 else min(counts.n_rounds, 1.0 / (1.0 - law.keep_frac))
    kernel.believe_tails(counts.at_risk, counts.ended, numbers, float(kept), tail)
    return tail
