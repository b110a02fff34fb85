"""A reader of the log that tells, while it is folded, how far it has come and how long the rest may take."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from app.domain.events import Fact
from app.store.chain import GENESIS
from app.store.journal import JournalReader

EVERY_S: Final = 2.0
LOOK_EVERY: Final = 1_024  # facts between two looks at the clock, some ten milliseconds

# How far a fold has come: (seq, the log's last seq, seconds until then at this pace).
Tell = Callable[[int, int, float], None]


class FoldingReader(JournalReader):
    """As a JournalReader; `tell` hears of every replay that takes longer than EVERY_S, and that often."""

    def __init__(self, path: Path, tell: Tell, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        """Raises as JournalReader."""
        super().__init__(path)
        self._tell = tell
        self._monotonic_s = monotonic_s

    def replay(self, after_seq: int = 0, chain_hash: bytes = GENESIS) -> Iterator[Fact]:
        """As JournalReader's; what is done with each fact is part of the pace."""
        last_seq, began_s = self.head()[0], self._monotonic_s()
        due_s = began_s + EVERY_S
        for n, fact in enumerate(super().replay(after_seq, chain_hash), 1):
            yield fact
            if n % LOOK_EVERY == 0 and (now_s := self._monotonic_s()) >= due_s:
                due_s = now_s + EVERY_S
                self._tell(fact.seq, last_seq, (now_s - began_s) / n * max(0, last_seq - fact.seq))
