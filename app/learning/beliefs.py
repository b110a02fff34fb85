"""What is believed of each venue from our own fills and children: decayed, shrunk, bounded; and who is demoted.

Each (measure, venue, symbol, side) keeps a decayed count, mean and variance. A belief is a normal posterior's mean: the
own mean shrunk to the mean over venues of the same measure, symbol and side, by how far venues really differ
(method of moments). A watch beside it (learning/watch.py) demotes and heals; at each of its words what was before it is
forgotten. Pure: observations in, changes out; the same observations give the same beliefs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import isnan
from typing import Final

from app.domain.belief import BeliefKey, Measure, Observation
from app.domain.enums import Side
from app.domain.ids import hash80
from app.domain.units import PPM
from app.learning.watch import LAWS, Law, Watch

HALF_LIFE_NS: Final = 6 * 3_600 * 1_000_000_000
# An own deviation is not trusted below so many observations; until then the law's range says how noisy one is.
N_TRUSTED: Final = 20
# After the watch spoke, so many of the newest observations are what is known of the new state.
N_RECENT: Final = 30.0
# ppm that a value of one is: a markout is in bps, the others are parts, or logarithms that are told as parts.
_PPM_OF: Final = {measure: 100 if measure is Measure.MARKOUT else PPM for measure in Measure}
Z95: Final = 1.96
# A demoted venue is tried in one order of twenty at least, in every other one when it is nearly seen to be well.
MIN_TRIED_PPM: Final = 50_000
MAX_TRIED_PPM: Final = 500_000


@dataclass(frozen=True, slots=True)
class Belief:
    """Posterior mean with its 95 % interval, in ppm (latency: the logarithm in ppm), after `n_observed`.

    `tried_ppm`: the propensity with which an order is routed as if the venue were not demoted; PPM where it is not.
    """

    ppm: int
    low_ppm: int
    high_ppm: int
    n_observed: int
    is_demoted: bool
    tried_ppm: int = PPM


@dataclass(slots=True)
class _Moments:
    """Decayed weight, mean and sum of squared deviations (West 1979)."""

    n_weight: float = 0.0
    mean_frac: float = 0.0
    square_frac: float = 0.0

    def fade(self, keep_frac: float) -> None:
        self.n_weight *= keep_frac
        self.square_frac *= keep_frac

    def add(self, value: float) -> None:
        self.n_weight += 1.0
        step = value - self.mean_frac
        self.mean_frac += step / self.n_weight
        self.square_frac += step * (value - self.mean_frac)

    def variance(self, law: Law) -> float:
        """Of one observation: the own one, mixed with that of the law's range while there are few."""
        prior = ((law.max_value - law.min_value) / 4.0) ** 2
        return (self.square_frac + N_TRUSTED * prior) / (self.n_weight + N_TRUSTED)


@dataclass(slots=True)
class _Evidence:
    watch: Watch
    long: _Moments = field(default_factory=_Moments)
    recent: _Moments = field(default_factory=_Moments)
    n_observed: int = 0
    last_ns: int = 0


@dataclass(slots=True)
class BeliefBook:
    """All evidence of one process. Single writer."""

    half_life_ns: int = HALF_LIFE_NS
    laws: Mapping[Measure, Law] = field(default_factory=lambda: LAWS)
    _evidence: dict[BeliefKey, _Evidence] = field(default_factory=dict)
    _peers: dict[tuple[Measure, str, Side], list[BeliefKey]] = field(default_factory=dict)

    def take(self, seen: Observation) -> bool:
        """Notes one observation; whether the venue has just been demoted or healed."""
        law = self.laws[seen.key.measure]
        own = self._of(seen.key)
        cut = min(max(seen.value, law.min_value), law.max_value)
        if isnan(cut):
            own.watch.n_unwatched += 1
            return False
        if own.last_ns and seen.ts_ns > own.last_ns:
            own.long.fade(0.5 ** ((seen.ts_ns - own.last_ns) / self.half_life_ns))
        own.last_ns = max(own.last_ns, seen.ts_ns)
        own.recent.fade(1.0 - 1.0 / N_RECENT)
        own.long.add(cut)
        own.recent.add(cut)
        own.n_observed += 1
        has_changed = own.watch.take(seen.value, own.last_ns)
        if has_changed:
            recent = own.recent
            own.long = _Moments(recent.n_weight, recent.mean_frac, recent.square_frac)
        return has_changed

    def demote(self, keys: Iterable[BeliefKey]) -> None:
        """What the log says was demoted when this process took over, and nothing else, is so until that changes.

        A watch that evidence remembered from the log leaves in another state begins anew in the log's.
        """
        demoted = set(keys)
        for key in demoted | self._evidence.keys():
            self._of(key).watch.begin(is_sick=key in demoted)

    def belief(self, key: BeliefKey) -> Belief:
        """What is believed now; without any observation the venues' common mean, and 0 without those."""
        law, own = self.laws[key.measure], self._of(key)
        centre, centre_variance, spread = self._common(key, law)
        variance = own.long.variance(law)
        weight = own.long.n_weight / variance
        precision = weight + 1.0 / spread
        mean = (weight * own.long.mean_frac + centre / spread) / precision
        shrunk_frac = 1.0 / spread / precision
        deviation = (1.0 / precision + shrunk_frac**2 * centre_variance) ** 0.5
        scale = _PPM_OF[key.measure]
        low, high = mean - Z95 * deviation, mean + Z95 * deviation
        watch = own.watch
        more_ppm = round((MAX_TRIED_PPM - MIN_TRIED_PPM) * watch.healing_frac)
        tried_ppm = MIN_TRIED_PPM + more_ppm if watch.is_sick else PPM
        told = (round(mean * scale), round(low * scale), round(high * scale))
        return Belief(*told, own.n_observed, watch.is_sick, tried_ppm)

    def n_unwatched(self, key: BeliefKey) -> int:
        """Observations that no watch could look at: too close to others, or no numbers."""
        return self._of(key).watch.n_unwatched

    def _of(self, key: BeliefKey) -> _Evidence:
        own = self._evidence.get(key)
        if own is None:
            own = self._evidence[key] = _Evidence(Watch(self.laws[key.measure]))
            self._peers.setdefault((key.measure, key.symbol, key.side), []).append(key)
        return own

    def _common(self, key: BeliefKey, law: Law) -> tuple[float, float, float]:
        """Mean over healthy venues weighted by certainty, its variance, and how far venues differ beyond noise (again a
        variance).

        A demoted venue has nothing to say about what is common. Zero is one more observation of the mean: nothing is
        believed of anybody before it is seen. Venues are never taken for more alike than a fortieth of the law's range,
        or intervals would be too narrow.
        """
        rows = [self._evidence[k] for k in self._peers.get((key.measure, key.symbol, key.side), ())]
        known = [row for row in rows if row.long.n_weight > 0.0 and not row.watch.is_sick]
        weights = [row.long.n_weight / row.long.variance(law) for row in known]
        floor = ((law.max_value - law.min_value) / 40.0) ** 2
        total = sum(weights) + 1.0 / floor
        centre = sum(w * row.long.mean_frac for w, row in zip(weights, known, strict=True)) / total
        own = self._evidence[key]
        if own.watch.is_sick:
            return centre, 1.0 / total, (law.max_value - law.min_value) ** 2 / 16.0
        if len(known) < 2:
            return centre, 1.0 / total, floor
        off = sum(w * (row.long.mean_frac - centre) ** 2 for w, row in zip(weights, known, strict=True))
        sized = sum(weights) - sum(w * w for w in weights) / sum(weights)
        return centre, 1.0 / total, max((off - (len(known) - 1)) / sized, floor / 2.0)


def draw_ppm(order_id: str, venue: str) -> int:
    """A number in [0, PPM) of an order and a venue: below the propensity, a demoted venue is tried all the same.

    A hash of what names the order for ever, so that a replay tries the same orders and a client cannot choose.
    """
    return hash80("explore", order_id, venue) % PPM
