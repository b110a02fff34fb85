"""Tells when a venue has become bad and when it is well again, with a false-alarm rate that holds for any noise.

An e-detector of the Shiryaev-Roberts kind (Shin, Ramdas, Rinaldo 2022): for bets b, M = (1 + M) x (1 + b (x - bound)).
Law: while the mean of what comes, given the past, is within the bound, E[M after n] <= n, so that
P(alarm within n observations) <= n / `n_alarm`, whatever the distribution. Values are cut to [min_value, max_value],
and the law is about the cut ones. Markouts of fills within one horizon overlap: such fills go to different lanes, each
a detector of its own with no overlap, and the bound is the sum over the lanes, hence the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isfinite, log
from typing import Final

from app.domain.belief import Measure

# Parts of the largest bet that cannot lose all: small bets find small changes late, large ones large changes at once.
BETS: Final = (0.125, 0.25, 0.5, 0.9)
N_LANES: Final = 4


@dataclass(frozen=True, slots=True)
class Law:
    """What is healthy, what is sick, and how rarely the two may be mistaken.

    Healthy: mean at most `max_healthy`. Well again: mean below `min_sick`. At most one false alarm in `n_alarm`
    observations, one false healing in `n_healing`. Observations within `horizon_ns` of one another overlap.
    """

    min_value: float
    max_value: float
    max_healthy: float
    min_sick: float
    n_alarm: float
    n_healing: float
    horizon_ns: int = 0


# A part that is believed and discounted, and never demotes: every mean is healthy.
_BELIEVED: Final = Law(0.0, 1.0, 1.0, 1.0, 40_000.0, 500.0)
# A markout of 0.25 bp is not worth an alarm, 1.0 bp is one; 3 bp is 2.5 deviations of recorded one-second moves.
# Recorded books fade by 2 to 5 % at 100 ms; a third that is not there is another venue. Half again as slow is a
# bad day.
LAWS: Final = {
    Measure.MARKOUT: Law(-3.0, 3.0, 0.25, 0.5, 40_000.0, 500.0, 1_000_000_000),
    Measure.FADE: Law(0.0, 1.0, 0.10, 0.15, 40_000.0, 500.0),
    Measure.FADE_NEW: _BELIEVED,
    Measure.FADE_YOUNG: _BELIEVED,
    Measure.GONE: _BELIEVED,
    Measure.GONE_NEW: _BELIEVED,
    Measure.GONE_YOUNG: _BELIEVED,
    Measure.REJECT: Law(0.0, 1.0, 0.05, 0.10, 40_000.0, 500.0),
    Measure.LATENCY: Law(-1.5, 1.5, 0.4, 0.6, 40_000.0, 500.0),
}


@dataclass(slots=True)
class _Lane:
    free_ns: int = 0
    evidence: list[float] = field(default_factory=lambda: [0.0] * len(BETS))


@dataclass(slots=True)
class Watch:
    """One venue, one measure. Healthy at first; `take` says whether it has changed."""

    law: Law
    is_sick: bool = False
    n_watched: int = 0
    n_unwatched: int = 0
    _lanes: list[_Lane] = field(default_factory=lambda: [_Lane() for _ in range(N_LANES)])

    def take(self, value: float, ts_ns: int) -> bool:
        """Whether this observation has turned healthy into sick, or sick into well. What is no number is not looked at.

        `ts_ns` does not fall. With every lane busy an observation is left out and counted.
        """
        lane = next((lane for lane in self._lanes if lane.free_ns <= ts_ns), None)
        if lane is None or not isfinite(value):
            self.n_unwatched += 1
            return False
        law = self.law
        self.n_watched += 1
        lane.free_ns = ts_ns + law.horizon_ns
        cut = min(max(value, law.min_value), law.max_value)
        if self.is_sick:
            over, most, n_bound = law.min_sick - cut, law.max_value - law.min_sick, law.n_healing
        else:
            over, most, n_bound = cut - law.max_healthy, law.max_healthy - law.min_value, law.n_alarm
        evidence = lane.evidence
        for i, part in enumerate(BETS):
            evidence[i] = (1.0 + evidence[i]) * (1.0 + part * over / most)
        if sum(evidence) < n_bound * len(BETS):
            return False
        self.begin(is_sick=not self.is_sick)
        return True

    def begin(self, *, is_sick: bool) -> None:
        """In this state from here on; where it is another one, what spoke for leaving the old one is forgotten."""
        if self.is_sick is not is_sick:
            for lane in self._lanes:
                lane.evidence = [0.0] * len(BETS)
        self.is_sick = is_sick

    @property
    def healing_frac(self) -> float:
        """How near a sick venue is to being called well: 0 at first and where it is healthy, 1 at the bound."""
        if not self.is_sick:
            return 0.0
        most = max(sum(lane.evidence) for lane in self._lanes) / len(BETS)
        return min(log(most) / log(self.law.n_healing), 1.0) if most > 1.0 else 0.0
