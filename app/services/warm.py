"""Compiled kernels: what a service needs is there before it is ready, the exact search soon after, without its core.

Compiling holds the interpreter's lock, so what may come later is compiled by a process of its own and then loaded.
Until then plans are made without the exact search; `/readyz` lists that, and a line is written when it has come.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time

from app import observe
from app.kernels import jit

_STOP_TIMEOUT_S = 5.0


def start_helper(need: jit.Need) -> subprocess.Popen[bytes] | None:
    """A process that compiles into the same folder; None where it holds all that is needed at `need` or before."""
    if jit.is_cached(need):
        return None
    # A session of its own: the terminal's Ctrl-C reaches only us, and we end it.
    command = [sys.executable, "-m", "app.workers.warm", need.name]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)  # noqa: S603 - our own module


def stop_helper(helper: subprocess.Popen[bytes]) -> None:
    """Ends the process; what it has compiled stays."""
    helper.terminate()
    try:
        helper.wait(_STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        helper.kill()
        helper.wait()


def is_complete() -> bool:
    """Whether this process can call everything that a service calls, the exact search too, without compiling."""
    return jit.is_compiled(*(entry.dispatcher for entry in jit.registered() if entry.need <= jit.SOON))


class Warming:
    """The warm-up of one service process; `first` says what its plans cannot do without."""

    def __init__(self, first: jit.Need = jit.READY) -> None:
        self._first = first
        self._helper: subprocess.Popen[bytes] | None = None
        self._later: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Returns when nothing that a plan cannot do without is left to compile."""
        self._helper = await asyncio.to_thread(start_helper, max(self._first, jit.SOON))
        observe.exact_search(is_ready=False)
        await asyncio.to_thread(jit.warm, need=self._first)
        if self._helper is None or self._first >= jit.SOON:
            await asyncio.to_thread(jit.warm, need=jit.SOON)
            observe.exact_search(is_ready=True)
        else:
            self._later = asyncio.create_task(self._load_later(self._helper))

    async def _load_later(self, helper: subprocess.Popen[bytes]) -> None:
        started_s = time.monotonic()
        code = await asyncio.to_thread(helper.wait)
        if self._helper is None:
            return
        if code != 0:
            observe.exact_search_missing(code)
            return
        await asyncio.to_thread(jit.warm, need=jit.SOON)
        observe.exact_search_came(time.monotonic() - started_s)

    async def close(self) -> None:
        """Leaves no process and no task; what is half compiled is compiled again by the next start."""
        helper, self._helper = self._helper, None
        if helper is not None:
            await asyncio.to_thread(stop_helper, helper)
        if self._later is not None:
            await self._later
