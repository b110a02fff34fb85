"""How volume is spread over the day: a rate per time-of-day bin, shrunk towards flat, learned as trades come.

A bin's rate is (what was seen + prior x the mean rate) / (time watched + prior): what was never watched is flat, and a
bin needs `PRIOR_S` of watching to be believed half. The level of today scales what is expected of the rest of it.
Source: docs/schedules.md#the-learned-curve.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

_NS_PER_S: Final = 1_000_000_000
DAY_NS: Final = 86_400 * _NS_PER_S
N_BINS: Final = 288
BIN_NS: Final = DAY_NS // N_BINS
# So much watching of a bin counts as much as the belief that the day is flat: three days' visits of five minutes.
PRIOR_S: Final = 900.0
# Today's level is believed against the usual one once about this much of a day was watched.
LEVEL_PRIOR_S: Final = 3_600.0
# A bin that was watched for longer is scaled down to this, so that old days fade: twenty days of five minutes.
MAX_WATCHED_S: Final = 6_000.0
WEIGHT_SCALE: Final = 1_000_000


@dataclass(slots=True)
class VolumeCurve:
    """One symbol's volume by time of day. `observe` in time order; everything else only looks."""

    seen_units: list[float] = field(default_factory=lambda: [0.0] * N_BINS)
    watched_s: list[float] = field(default_factory=lambda: [0.0] * N_BINS)
    _last_ns: int = 0
    _day_i: int = -1
    _today_units: float = 0.0
    _today_expected_units: float = 0.0
    _changed: set[int] = field(default_factory=set)
    _sums: tuple[float, float] = field(init=False)  # of seen_units and watched_s: every trade asks for their ratio

    def __post_init__(self) -> None:
        self._sums = sum(self.seen_units), sum(self.watched_s)

    def observe(self, now_ns: int, qty_units: int) -> None:
        """`qty_units` were traded since the observation before; the first one only starts the watch.

        What was traded over several bins is spread evenly over the time between. Time that runs backwards is no time.
        """
        from_ns, self._last_ns = self._last_ns, max(now_ns, self._last_ns)
        if not from_ns or self._last_ns == from_ns:
            if from_ns:
                self._add(_bin(from_ns), 0.0, float(qty_units))
            return
        span_ns = self._last_ns - from_ns
        for bin_i, part_ns in _parts(from_ns, self._last_ns):
            self._note_level(self._last_ns // DAY_NS, bin_i, part_ns / _NS_PER_S, qty_units * part_ns / span_ns)
            self._add(bin_i, part_ns / _NS_PER_S, qty_units * part_ns / span_ns)

    def news(self, *, is_all: bool = False) -> list[tuple[int, int, int]]:
        """(bin, units seen, milliseconds watched) of the bins that changed since they were last asked for and are over;
        `is_all`: of the one that is being watched, too.
        """
        current_i = _bin(self._last_ns)
        told = sorted(bin_i for bin_i in self._changed if is_all or bin_i != current_i)
        self._changed.difference_update(told)
        return [(i, round(self.seen_units[i]), round(self.watched_s[i] * 1_000)) for i in told]

    def restore(self, bin_i: int, seen_units: int, watched_ms: int) -> None:
        """A bin as an earlier process had told it, added to what this one has seen of it since."""
        self._set(bin_i, self.watched_s[bin_i] + watched_ms / 1_000, self.seen_units[bin_i] + seen_units)

    def rate_units_per_s(self, at_ns: int) -> float:
        """Volume a second expected at this time of day; 0 before anything was seen."""
        return self._rate(_bin(at_ns))

    def expected_units(self, from_ns: int, to_ns: int) -> float:
        """Volume expected from `from_ns` to `to_ns`, scaled by how today compares with the usual day so far."""
        return self.usual_units(from_ns, to_ns) * self.today_frac()

    def usual_units(self, from_ns: int, to_ns: int) -> float:
        """Volume that the usual day has from `from_ns` to `to_ns`."""
        return sum(self._rate(bin_i) * part_ns / _NS_PER_S for bin_i, part_ns in _parts(from_ns, to_ns))

    def today_frac(self) -> float:
        """Today's volume over what the curve expected of the time that was watched; 1 where nothing is known."""
        prior_units = LEVEL_PRIOR_S * self._mean_rate()
        if prior_units <= 0.0:
            return 1.0
        return (self._today_units + prior_units) / (self._today_expected_units + prior_units)

    def weights(self, from_ns: int, to_ns: int, n_bins: int) -> tuple[int, ...]:
        """Volume expected in `n_bins` equal bins, as integers about WEIGHT_SCALE; flat if nothing is known.

        Today's level scales all of them alike, so it is not in them.
        """
        edges = [from_ns + (to_ns - from_ns) * i // n_bins for i in range(n_bins + 1)]
        volumes = [
            sum(self._rate(bin_i) * part_ns for bin_i, part_ns in _parts(edges[i], edges[i + 1])) for i in range(n_bins)
        ]
        total = sum(volumes)
        if total <= 0.0:
            return (WEIGHT_SCALE,) * n_bins
        return tuple(max(1, round(volume / total * n_bins * WEIGHT_SCALE)) for volume in volumes)

    def _rate(self, bin_i: int) -> float:
        return (self.seen_units[bin_i] + PRIOR_S * self._mean_rate()) / (self.watched_s[bin_i] + PRIOR_S)

    def _mean_rate(self) -> float:
        seen_units, watched_s = self._sums
        return seen_units / watched_s if watched_s > 0.0 else 0.0

    def _add(self, bin_i: int, watched_s: float, units: float) -> None:
        self._changed.add(bin_i)
        self._set(bin_i, self.watched_s[bin_i] + watched_s, self.seen_units[bin_i] + units)

    def _set(self, bin_i: int, watched_s: float, units: float) -> None:
        if watched_s > MAX_WATCHED_S:
            units, watched_s = units * MAX_WATCHED_S / watched_s, MAX_WATCHED_S
        seen_sum, watched_sum = self._sums
        self._sums = seen_sum + units - self.seen_units[bin_i], watched_sum + watched_s - self.watched_s[bin_i]
        self.seen_units[bin_i], self.watched_s[bin_i] = units, watched_s

    def _note_level(self, day_i: int, bin_i: int, watched_s: float, units: float) -> None:
        if day_i != self._day_i:
            self._day_i, self._today_units, self._today_expected_units = day_i, 0.0, 0.0
        self._today_units += units
        self._today_expected_units += self._rate(bin_i) * watched_s


def _bin(at_ns: int) -> int:
    return at_ns % DAY_NS // BIN_NS


def _parts(from_ns: int, to_ns: int) -> list[tuple[int, int]]:
    """(bin, nanoseconds in it) of the time between, in order."""
    parts = []
    while from_ns < to_ns:
        until_ns = min(to_ns, (from_ns // BIN_NS + 1) * BIN_NS)
        parts.append((_bin(from_ns), until_ns - from_ns))
        from_ns = until_ns
    return parts
