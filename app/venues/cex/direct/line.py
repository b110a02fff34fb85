"""A websocket that stays up: opened again after every loss, given up when it falls silent, its text left as bytes."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from app.domain.ports import Clock
from app.venues.cex.direct.wire import Wire

Say = Callable[[str], None]

BACKOFF_S: Final = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0)
# What held for so long failed for a reason of its own: the next try is not held against it.
STEADY_S: Final = 5.0


class Listener(Protocol):
    """Who hears a line. Its calls must not block: the line reads on only when they return."""

    def on_open(self, say: Say) -> None:
        """The socket is new: say what is wanted."""
        ...

    def on_message(self, text: bytes, received_ns: int) -> None: ...

    def on_lost(self) -> None:
        """Nothing that was heard holds any longer."""
        ...


@dataclass(frozen=True, slots=True)
class LineRule:
    """`silent_s`: a line without a word for so long is dead. `ask_s`: after so long `ask` is said, if there is one."""

    silent_s: float = 10.0
    ask_s: float = 5.0
    ask: str = ""
    open_s: float = 5.0


class Line:
    """One socket and its reader. It ends with `stop` alone."""

    def __init__(self, url: str, listener: Listener, clock: Clock, rule: LineRule = LineRule()) -> None:
        self._url, self._listener, self._clock, self._rule = url, listener, clock, rule
        self._task: asyncio.Task[None] | None = None
        self.n_opened = 0
        self.heard_ns = 0
        self.last_error = ""

    async def start(self) -> None:
        """Begins to open; returns at once."""
        if self._task is None:
            self._task = asyncio.create_task(self._keep_up(), name=f"line {self._url[:60]}")

    async def stop(self) -> None:
        """Closes the socket and ends the reader."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _keep_up(self) -> None:
        failures, loop = 0, asyncio.get_running_loop()
        while True:
            began_s = loop.time()
            try:
                await self._read_one()
            except Exception as lost:  # noqa: BLE001 - a reader's rim: books are gapped and the line is opened anew
                self.last_error = f"{type(lost).__name__}: {lost}"[:200]
            finally:
                self._listener.on_lost()
            failures = 0 if loop.time() - began_s > STEADY_S else failures + 1
            pause_s = BACKOFF_S[min(failures, len(BACKOFF_S) - 1)]
            await asyncio.sleep(pause_s * random.uniform(0.8, 1.2))

    async def _read_one(self) -> None:
        """One socket from its opening to its end."""
        rule = self._rule
        async with asyncio.timeout(rule.open_s):
            wire = await Wire.connect(self._url, self._hear)
        try:
            self.n_opened += 1
            self._listener.on_open(wire.say)
            await self._watch(wire)
        finally:
            wire.abort()

    def _hear(self, text: bytes) -> None:
        self.heard_ns = now_ns = self._clock.wall_ns()
        self._listener.on_message(text, now_ns)

    async def _watch(self, wire: Wire) -> None:
        """Waits for the socket's end; asks a quiet venue for a word, and ends the socket of a silent one."""
        rule = self._rule
        seen_ns, quiet_s = self.heard_ns, 0.0
        step_s = min(rule.ask_s, rule.silent_s) / 4
        while True:
            done, _ = await asyncio.wait({wire.closed}, timeout=step_s)
            if done:
                self.last_error = wire.closed.result()
                return
            quiet_s = 0.0 if self.heard_ns != seen_ns else quiet_s + step_s
            seen_ns = self.heard_ns
            if quiet_s >= rule.silent_s:
                self.last_error = "silent"
                return
            if quiet_s >= rule.ask_s:
                wire.ping()
                if rule.ask:
                    wire.say(rule.ask)
