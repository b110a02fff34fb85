"""Streams that are meant to run for ever: awaited again and again, watched for silence, and told of their gaps.

A stream that fails, ends or falls silent is a gap: whoever listens fills it over REST once the stream is back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

from ccxt.base import errors as ccxt_errors

from app import observe
from app.domain.errors import Refused, Unavailable

_FIRST_BACKOFF_S: Final = 0.05
_MAX_BACKOFF_S: Final = 0.5
# What a stream may die of: everything that a venue, a wire or a parser can do to it.
STREAM_ERRORS: Final = (
    ccxt_errors.BaseError,
    Unavailable,
    Refused,
    OSError,
    TimeoutError,
    ArithmeticError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)


@dataclass(slots=True)
class Stream:
    """One endless await. `next_words` gives what came; `on_words` takes it; the two others hear of its state.

    A stream that may rightly be quiet is taken for up after `open_after_s` without an error while `is_open`.
    """

    venue_id: str
    name: str
    next_words: Callable[[], Awaitable[Any]]
    on_words: Callable[[Any], None]
    on_lost: Callable[[str], None] = lambda why: None
    on_back: Callable[[], None] = lambda: None
    is_open: Callable[[], bool] = lambda: False
    open_after_s: float = 0.0
    is_up: bool = field(default=False, init=False)
    n_losses: int = field(default=0, init=False)

    async def run(self) -> None:
        """Until canceled. Each loss is told once, as is each return."""
        backoff_s = _FIRST_BACKOFF_S
        while True:
            try:
                words = await self._awaited()
                self.back()
                self.on_words(words)
            except asyncio.CancelledError as error:
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    raise
                self._lose(error)  # ccxt cancels its futures when it closes a connection
            except STREAM_ERRORS as error:
                self._lose(error)
            else:
                backoff_s = _FIRST_BACKOFF_S
                continue
            await asyncio.sleep(backoff_s)
            backoff_s = min(2 * backoff_s, _MAX_BACKOFF_S)

    async def _awaited(self) -> Any:
        if self.is_up or not self.open_after_s:
            return await self.next_words()
        waiting = asyncio.ensure_future(self.next_words())
        try:
            while not waiting.done() and not self.is_up:
                await asyncio.wait({waiting}, timeout=self.open_after_s)
                if not waiting.done() and self.is_open():
                    self.back()
            return await waiting
        finally:
            waiting.cancel()

    def back(self) -> None:
        """It is known to be open: words came, or its login was answered."""
        if not self.is_up:
            self.is_up = True
            self.on_back()

    def _lose(self, error: BaseException) -> None:
        if self.is_up or self.n_losses == 0:
            observe.venue_call_failed(self.venue_id, self.name, error)
        self.n_losses += 1
        self.is_up = False
        self.on_lost(type(error).__name__)


class Tasks:
    """Tasks that belong to one connection and end with it."""

    def __init__(self, venue_id: str) -> None:
        self._venue_id = venue_id
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, work: Any, name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=f"{self._venue_id} {name}")
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            observe.venue_call_failed(self._venue_id, task.get_name(), error)

    async def stop(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def close_silent(exchange: Any, url: str, why: str) -> None:
    """Ends one connection of ccxt's from our side; whoever waits on it hears of it at once."""
    client = exchange.clients.get(url)
    if client is not None:
        client.on_error(ccxt_errors.NetworkError(why))
