"""How a venue's connection is: its clock against ours, when each stream was last heard, and a breaker on its answers.

The state is routing input: nothing new goes to a venue that is not UP, cancels and questions do.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from app.domain.ports import Clock
from app.domain.statement import VenueHealth, VenueState
from app.venues.cex.budget import SessionBudget

_NS_PER_S: Final = 1_000_000_000
# The best of the last readings counts: the quickest round trip bounds the error best.
_N_READINGS: Final = 8
# Requests are stamped with the venue's own time as we know it, so an offset hurts nobody; one so large is our fault.
_MAX_OFFSET_NS: Final = 30 * _NS_PER_S
# More than the roads there and back can differ by: the clock was set.
_STEP_NS: Final = 250_000_000
_MAX_FAILURES: Final = 3
_FIRST_OPEN_NS: Final = 1 * _NS_PER_S
_MAX_OPEN_NS: Final = 30 * _NS_PER_S


@dataclass(slots=True)
class ClockOffset:
    """The venue's clock minus ours, from round trips: known to half of the quickest, and to the venue's own grain."""

    readings: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=_N_READINGS))  # (error, offset)

    def take(self, asked_ns: int, venue_ns: int, answered_ns: int) -> None:
        """One round trip: our time before and after, and what the venue said between.

        A time of whole seconds is taken for one that was cut to them. A reading that cannot be true together with those
        before it means that a clock was set: they are forgotten.
        """
        trip_ns = max(0, answered_ns - asked_ns) // 2
        grain_ns = _NS_PER_S // 2 if venue_ns % _NS_PER_S == 0 else 0
        error_ns, offset_ns = trip_ns + grain_ns, venue_ns + grain_ns - asked_ns - trip_ns
        if self.readings and abs(offset_ns - self.offset_ns) > error_ns + self.error_ns + _STEP_NS:
            self.readings.clear()
        self.readings.append((error_ns, offset_ns))

    @property
    def offset_ns(self) -> int:
        return min(self.readings)[1] if self.readings else 0

    @property
    def error_ns(self) -> int:
        return min(self.readings)[0] if self.readings else 0


@dataclass(slots=True)
class Breaker:
    """Opens after some failures in a row, each time for longer; one success closes it."""

    n_failures: int = 0
    n_opened: int = 0
    open_until_ns: int = 0

    def failed(self, now_ns: int) -> None:
        self.n_failures += 1
        if self.n_failures >= _MAX_FAILURES and now_ns >= self.open_until_ns:
            self.open_until_ns = now_ns + min(_FIRST_OPEN_NS << min(self.n_opened, 8), _MAX_OPEN_NS)
            self.n_opened += 1

    def succeeded(self) -> None:
        self.n_failures = self.n_opened = self.open_until_ns = 0

    def is_open(self, now_ns: int) -> bool:
        """While open nothing new is tried; afterwards the next call is the trial."""
        return now_ns < self.open_until_ns


class Health:
    """One connection's health. `silence_ns`: by stream, how long it may say nothing before it is taken for dead."""

    def __init__(self, venue_id: str, clock: Clock, budget: SessionBudget) -> None:
        self._venue_id = venue_id
        self._clock = clock
        self._budget = budget
        self.offset = ClockOffset()
        self.breaker = Breaker()
        self.heard_ts_ns: dict[str, int] = {}
        self._needs: dict[str, str] = {"connect": "not connected yet"}  # what is missing, by part
        self._without: dict[str, str] = {}
        self._last: tuple[VenueState, str] = (VenueState.DOWN, "")
        self._since_ns = clock.wall_ns()

    def heard(self, stream: str) -> None:
        self.heard_ts_ns[stream] = self._clock.wall_ns()

    def lacks(self, part: str, why: str) -> None:
        """`part` does not work now."""
        self._needs[part] = why
        self._note()

    def has(self, part: str) -> None:
        """`part` works again."""
        self._needs.pop(part, None)
        self._without.pop(part, None)
        self._note()

    def does_without(self, part: str, why: str) -> None:
        """`part` does not work now, and something else does its work: said, and bars nothing."""
        self._needs.pop(part, None)
        self._without[part] = why
        self._note()

    def answered(self) -> None:
        self.breaker.succeeded()
        self._note()

    def unanswered(self) -> None:
        self.breaker.failed(self._clock.monotonic_ns())
        self._note()

    def state(self) -> tuple[VenueState, str]:
        """The state of now and its reason."""
        now_ns = self._clock.monotonic_ns()
        if "connect" in self._needs:
            return VenueState.DOWN, self._needs["connect"]
        if self.breaker.is_open(now_ns):
            return VenueState.DOWN, "no answers"
        if paused_ns := self._budget.paused_ns(now_ns):
            return VenueState.DOWN, f"told to stop for {paused_ns // 1_000_000} ms"
        if abs(self.offset.offset_ns) - self.offset.error_ns > _MAX_OFFSET_NS:
            return VenueState.DEGRADED, f"clock {self.offset.offset_ns // 1_000_000} ms off"
        for part, why in self._needs.items():
            return VenueState.DEGRADED, f"{part}: {why}"
        return VenueState.UP, "; ".join(f"{part}: {why}" for part, why in self._without.items())

    def _note(self) -> None:
        state = self.state()
        if state != self._last:
            if state[0] is not self._last[0]:
                self._since_ns = self._clock.wall_ns()
            self._last = state

    def report(self) -> VenueHealth:
        self._note()
        state, reason = self._last
        return VenueHealth(
            self._venue_id,
            state,
            reason,
            self._since_ns,
            self.offset.offset_ns,
            self._budget.left_ppm(self._clock.monotonic_ns()),
            dict(self.heard_ts_ns),
        )
