"""The gateway's handle on the projector's process: tells it how far the log is, hears how far the rows are."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import msgspec

from app.domain.errors import Unavailable
from app.store.projector import Standing
from app.workers.ending import end_within
from app.workers.projector import BEAT_S, Expect, Start
from app.workers.yielding import give_way

# It gives way to the process that answers where both want the same core, from its first import on.
NICE: Final = 5
# A batch gathers for longer than this: word of the log's end need not travel more often.
TELL_S: Final = 0.1
# Beats that may stay out, its start with all that it imports among them, before it counts as hung.
SILENT_S: Final = 30 * BEAT_S
_COMMAND: Final = (sys.executable, "-m", "app.workers.projector")

_encode: Final = msgspec.json.Encoder().encode
_standing_of: Final = msgspec.json.Decoder(Standing).decode


@dataclass(slots=True)
class ProjectorProcess:
    """One process at a time. Implements `Apart`; `silent_s`: how long it may say nothing."""

    start: Start
    silent_s: float = SILENT_S
    _process: subprocess.Popen[bytes] | None = None
    _told_seq: int = 0
    _known_seq: int = 0
    _timer: asyncio.TimerHandle | None = None
    _is_ending: bool = False
    _ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def pid(self) -> int:
        """Of the process that runs, 0 where none does."""
        return self._process.pid if self._process is not None else 0

    async def run(self, hear: Callable[[Standing], None]) -> None:
        """Raises Unavailable where it could not be started, hung, or said what is no standing."""
        try:
            process = await asyncio.to_thread(_start)
        except OSError as error:
            raise Unavailable("projector_unavailable", f"the projector did not start: {error}") from error
        self._process, self._told_seq = process, 0
        try:
            if not self._is_ending:
                self._write(self.start)
                await self._listen(process, hear)
        finally:
            self._forget_timer()
            process.kill()
            await asyncio.to_thread(process.wait)
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()
            self._process = None
            self._ended.set()

    def expect(self, seq: int, *, is_awaited: bool) -> None:
        """Told at once where somebody waits, with what comes within TELL_S otherwise."""
        self._known_seq = max(self._known_seq, seq)
        if is_awaited:
            self._write(Expect(self._known_seq, is_awaited=True))
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(TELL_S, self._tell)

    async def end(self, timeout_s: float) -> None:
        """Closes its input, which it takes as its end; kills it where it has not gone after `timeout_s`."""
        self._is_ending = True
        process = self._process
        if process is None:
            return
        self._forget_timer()
        if process.stdin is not None:
            process.stdin.close()
        await asyncio.to_thread(end_within, process, timeout_s)
        await self._ended.wait()

    def _tell(self) -> None:
        self._timer = None
        if self._known_seq > self._told_seq:
            self._told_seq = self._known_seq
            self._write(Expect(self._known_seq))

    def _forget_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _write(self, word: Start | Expect) -> None:
        """Some hundred bytes: the pipe is not full while it reads, and where it does not, what is lost is no loss."""
        process = self._process
        if process is None or process.stdin is None or process.stdin.closed:
            return
        with contextlib.suppress(BrokenPipeError):  # it is dead, which `run` sees; the next one reads the log itself
            process.stdin.write(_encode(word) + b"\n")

    async def _listen(self, process: subprocess.Popen[bytes], hear: Callable[[Standing], None]) -> None:
        words = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        assert process.stdout is not None
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(words), process.stdout)
        try:
            while line := await asyncio.wait_for(words.readline(), self.silent_s):
                hear(_standing_of(line))
        except TimeoutError as error:
            raise Unavailable("projector_unavailable", f"the projector said nothing for {self.silent_s:g} s") from error
        except msgspec.MsgspecError as error:
            raise Unavailable("projector_unavailable", f"the projector said what is no standing: {error}") from error
        finally:
            transport.close()


def _start() -> subprocess.Popen[bytes]:
    """On a thread: starting a process takes the loop's time. A session of its own: the terminal's Ctrl-C is ours."""
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
        _COMMAND,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
        start_new_session=True,
    )
    give_way(NICE, process.pid)
    assert process.stdin is not None
    os.set_blocking(process.stdin.fileno(), False)
    return process
