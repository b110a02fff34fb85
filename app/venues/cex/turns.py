"""One signed request of a key at a time, where the venue refuses a nonce below one that it has seen.

Two requests under way at once may overtake each other, and the one that comes second is turned down. The most urgent
that waits goes next. Whoever is not answered within HOLD_S lets the next one go: it may then be overtaken, which costs
a refusal and never an order, while waiting longer would hold up every cancel behind it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from heapq import heappop, heappush
from itertools import count
from typing import Final

HOLD_S: Final = 1.0
_RANKS: Final = {"place": 0, "cancel": 1}  # what does not commit money waits for what does


class TurnNotCome(Exception):
    """It was not this request's turn within its time."""


class Turns:
    """All methods belong to one loop."""

    def __init__(self, hold_s: float = HOLD_S) -> None:
        self._hold_s = hold_s
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._numbers = count(1)
        self._holder = 0  # the number of the request under way, 0: none

    @asynccontextmanager
    async def turn(self, name: str, may_wait_s: float) -> AsyncIterator[None]:
        """The block runs when nothing else is under way. Raises TurnNotCome where that takes longer."""
        number = next(self._numbers)
        if self._holder:
            await self._wait(_RANKS.get(name, len(_RANKS)), number, may_wait_s)
        self._holder = number
        handle = asyncio.get_running_loop().call_later(self._hold_s, self._pass_on, number)
        try:
            yield
        finally:
            handle.cancel()
            self._pass_on(number)

    async def _wait(self, rank: int, number: int, may_wait_s: float) -> None:
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heappush(self._waiting, (rank, number, granted))
        try:
            async with asyncio.timeout(may_wait_s):
                await granted
        except BaseException as error:
            if self._holder == number:  # its turn came while it was giving up
                self._pass_on(number)
            granted.cancel()
            if isinstance(error, TimeoutError):
                raise TurnNotCome from error
            raise

    def _pass_on(self, number: int) -> None:
        """The next one's turn, unless it has come already."""
        if self._holder != number:
            return
        self._holder = 0
        while self._waiting:
            _, following, granted = heappop(self._waiting)
            if not granted.done():
                self._holder = following
                granted.set_result(None)
                return
