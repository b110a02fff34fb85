"""How long a caller may stand still for the disk: a share of its time, saved for a moment, spent commit by commit.

Handing a group to another thread and back takes 0.2 ms where both cores are free and far longer where they are not, so
that a commit of half a millisecond is quicker made on the spot. Each one is paid for out of the share; what took longer
than a quick one is paid for SLOW_FACTOR times, so that a disk that is slow for good is waited for less.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

# Of the caller's time at most an eighth for quick commits, hence a sixteenth for slow ones.
SHARE: Final = 0.125
SLOW_FACTOR: Final = 2
# What can be saved up: so many of the slowest quick commits in a row.
N_SAVED: Final = 2


@dataclass(slots=True)
class Allowance:
    """`quick_s`: what counts as quick; 0: nothing is ever allowed. Times are of one clock that never runs back."""

    quick_s: float
    _saved_s: float = field(init=False)
    _seen_s: float = field(default=float("-inf"), init=False)

    def __post_init__(self) -> None:
        self._saved_s = N_SAVED * self.quick_s

    def allows(self, now_s: float) -> bool:
        """Whether the caller may wait for a commit now."""
        most_s = N_SAVED * self.quick_s
        self._saved_s = min(most_s, self._saved_s + SHARE * (now_s - self._seen_s))
        self._seen_s = now_s
        return self._saved_s > 0

    def spend(self, began_s: float, ended_s: float) -> None:
        """Pays for a commit that the caller has waited for."""
        took_s = ended_s - began_s
        self._saved_s -= took_s if took_s <= self.quick_s else SLOW_FACTOR * took_s
        self._seen_s = ended_s
