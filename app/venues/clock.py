"""The two clocks: the machine's, and one that is told. The wall clock is read here and nowhere else."""

from __future__ import annotations

import time
from dataclasses import dataclass

from app.domain.errors import InvariantBroken


@dataclass(frozen=True, slots=True)
class SystemClock:
    """The machine's own clocks."""

    def wall_ns(self) -> int:
        """UTC nanoseconds since 1970."""
        return time.time_ns()

    def monotonic_ns(self) -> int:
        """Nanoseconds that never run backwards; no epoch."""
        return time.monotonic_ns()


@dataclass(slots=True)
class VirtualClock:
    """A clock that stands still until it is moved: replay and tests. Both readings move together."""

    now_ns: int = 0
    _elapsed_ns: int = 0

    def wall_ns(self) -> int:
        return self.now_ns

    def monotonic_ns(self) -> int:
        return self._elapsed_ns

    def advance(self, step_ns: int) -> None:
        """Moves both readings by `step_ns`; time does not run backwards."""
        if step_ns < 0:
            raise InvariantBroken(reason="time runs backwards", step_ns=step_ns)
        self.now_ns += step_ns
        self._elapsed_ns += step_ns

    def move_to(self, wall_ns: int) -> None:
        """Moves to `wall_ns`, which is not before now."""
        self.advance(wall_ns - self.now_ns)
