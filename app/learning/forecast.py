"""What one symbol's market is about to do, against what is usual: volume, spread and volatility of the next slice.

The polite shell of kernels/forecast.py. Looks come every second or so; a gap starts the watch of moves anew. Loadings
were fitted by least squares, none negative, on simulated worlds of seeds that no result uses, by
`python -m loadtests.adaptive --fit`; what they are worth, and where they lose, is on docs/results/adaptive.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import log, sqrt
from typing import Final

import numpy as np

from app.domain.bending import Outlook
from app.domain.units import PPM
from app.kernels import forecast, jit

_NS_PER_S: Final = 1_000_000_000
# Spans in seconds, shortest first; the last one is what is usual.
HALF_LIFE_S: Final = np.array((10.0, 60.0, 600.0, 3_600.0))
VOLUME, SPREAD, VARIANCE = 0, 1, 2
N_SERIES: Final = 3
# How far a span's deviation from the usual is believed, by series.
LOADING_FRAC: Final = np.array(((0.521, 0.0, 0.0, 0.0), (0.098, 0.045, 0.0, 0.0), (0.07, 0.095, 0.072, 0.0)))
# So long a market must have been watched before anything is forecast of it.
LEAST_WATCHED_S: Final = 60.0
# A longer pause between two looks is a gap: what happened in it is not known.
MAX_GAP_S: Final = 30.0
_MOST_PPM: Final = 10 * PPM


def is_ready() -> bool:
    """Whether a look can be taken without compiling first."""
    return jit.is_compiled(forecast.note_mean, forecast.expect_part)


@dataclass(frozen=True, slots=True)
class Look:
    """A market at one instant. `traded_units` since the look before, `usual_units` what the time of day expects of that
    time (0: not known). `spread_ppm`: mean of its venues, `mid_half_units`: twice the mid; 0 where no book is valid.
    """

    at_ns: int
    traded_units: float
    usual_units: float
    spread_ppm: float
    mid_half_units: float


@dataclass(slots=True)
class Forecaster:
    """One symbol's. `take` in time order; `outlook` only looks."""

    _mean: list[np.ndarray] = field(default_factory=lambda: [np.zeros(HALF_LIFE_S.size) for _ in range(N_SERIES)])
    _weight: list[np.ndarray] = field(default_factory=lambda: [np.zeros(HALF_LIFE_S.size) for _ in range(N_SERIES)])
    _last_ns: int = 0
    _last_mid_half_units: float = 0.0
    _watched_s: float = 0.0

    def take(self, look: Look) -> None:
        """One look more. The first, and the first after a gap, only start the watch."""
        passed_s = (look.at_ns - self._last_ns) / _NS_PER_S
        before_half_units, is_first = self._last_mid_half_units, not self._last_ns
        if passed_s <= 0.0 and not is_first:
            return
        self._last_ns, self._last_mid_half_units = look.at_ns, look.mid_half_units
        if is_first or passed_s > MAX_GAP_S:
            return
        self._watched_s += passed_s
        if look.usual_units > 0.0:
            self._note(VOLUME, look.traded_units / look.usual_units, passed_s)
        if look.spread_ppm > 0.0:
            self._note(SPREAD, look.spread_ppm, passed_s)
        if look.mid_half_units > 0.0 and before_half_units > 0.0:
            self._note(VARIANCE, log(look.mid_half_units / before_half_units) ** 2 / passed_s, passed_s)

    def outlook(self, horizon_s: float) -> Outlook:
        """The next `horizon_s` seconds as parts of the usual; as usual before enough was watched."""
        if self._watched_s < LEAST_WATCHED_S:
            return Outlook(watched_s=int(self._watched_s))
        volume, spread, variance = (self.expected_part(series_i, horizon_s) for series_i in range(N_SERIES))
        return Outlook(_ppm(volume), _ppm(spread), _ppm(sqrt(variance)), int(self._watched_s))

    def expected_part(self, series_i: int, horizon_s: float) -> float:
        """Of VOLUME, SPREAD or VARIANCE: what is expected over the horizon, as a part of the usual."""
        mean, weight = self._mean[series_i], self._weight[series_i]
        part: float = forecast.expect_part(horizon_s, HALF_LIFE_S, LOADING_FRAC[series_i], mean, weight)
        return part

    def deviations(self, series_i: int, horizon_s: float) -> list[float]:
        """What each loading is multiplied with in `expected_part`: what a fit regresses on."""
        found = []
        for j in range(HALF_LIFE_S.size - 1):
            loading = np.zeros(HALF_LIFE_S.size)
            loading[j] = 1e-3  # small: nothing is cut off at zero
            mean, weight = self._mean[series_i], self._weight[series_i]
            part: float = forecast.expect_part(horizon_s, HALF_LIFE_S, loading, mean, weight)
            found.append((part - 1.0) * 1e3)
        return found

    def usual(self, series_i: int) -> float:
        """The longest span's mean: what parts are parts of."""
        return float(self._mean[series_i][-1])

    def _note(self, series_i: int, value: float, passed_s: float) -> None:
        forecast.note_mean(value, passed_s, HALF_LIFE_S, self._mean[series_i], self._weight[series_i])


def _ppm(part: float) -> int:
    return min(max(round(part * PPM), 0), _MOST_PPM)
