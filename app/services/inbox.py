"""What waits for a turn: in the order in which it came while that is little, else first what somebody waits for.

A turn holds the loop. When orders come quicker than turns end, one that took everything held each order's answer up
for all the words of venues that had come before it, and for every order taken with it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Final

from app.execution.inputs import BookReached, Input, Reply

Asker = asyncio.Future[Reply] | None

# Up to so many inputs are one turn, some two milliseconds, as they came.
MAX_SHORT_TURN: Final = 8
# Of more, a turn takes so many of those that are waited for and of the others, so that neither kind starves.
MAX_AWAITED, MAX_TOLD = 4, 2
# With so much waiting nothing overtakes any more, and the largest turns, which cost the least an input, work it off.
MAX_OVERTAKEN: Final = 256
MAX_TURN_INPUTS: Final = 64


@dataclass(slots=True)
class Inbox:
    """Inputs with their askers. Waited for: what has an asker, and a book that reaches a waiting order's limit."""

    _awaited: deque[tuple[int, Input, Asker]] = field(default_factory=deque)
    _told: deque[tuple[int, Input, Asker]] = field(default_factory=deque)
    _n_put: int = 0

    def __len__(self) -> int:
        return len(self._awaited) + len(self._told)

    @property
    def has_awaited(self) -> bool:
        """Whether somebody waits for a turn."""
        return bool(self._awaited)

    def put(self, item: Input, asker: Asker) -> None:
        """`item` behind all of its kind."""
        self._n_put += 1
        kind = self._told if asker is None and type(item) is not BookReached else self._awaited
        kind.append((self._n_put, item, asker))

    def take(self) -> list[tuple[Input, Asker]]:
        """The inputs of the next turn, in the order in which they came; each kind's order is kept from turn to turn."""
        awaited, told = self._awaited, self._told
        n_awaited, n_told = len(awaited), len(told)
        if n_told > MAX_OVERTAKEN:
            return [self._first() for _ in range(MAX_TURN_INPUTS)]
        if n_awaited + n_told > MAX_SHORT_TURN:
            n_awaited = min(n_awaited, MAX_AWAITED)
            n_told = min(n_told, MAX_TOLD if n_awaited else MAX_SHORT_TURN)
        taken = [awaited.popleft() for _ in range(n_awaited)] + [told.popleft() for _ in range(n_told)]
        if n_awaited and n_told:
            taken.sort(key=_number)
        return [(item, asker) for _, item, asker in taken]

    def clear(self) -> None:
        """Forgets everything that waits."""
        self._awaited.clear()
        self._told.clear()

    def _first(self) -> tuple[Input, Asker]:
        awaited, told = self._awaited, self._told
        kind = awaited if awaited and (not told or awaited[0][0] < told[0][0]) else told
        _, item, asker = kind.popleft()
        return item, asker


def _number(entry: tuple[int, Input, Asker]) -> int:
    return entry[0]
