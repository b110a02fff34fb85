"""Cancels what a dead or hanging engine left open, with a channel to the signer that can do nothing else.

`python -m app.workers.watchdog CHANNEL_FD`, its orders (WatchOrders) on its input. It looks at the engine's lease every
few tens of milliseconds and at the engine's process; when either is gone it cancels everything at every desk, over and
over until each venue says that nothing is open. While the lease lives it keeps the venues' own dead-man switches armed,
so that they fire even where this process and the machine die as well. watchdog_handle.py has the other end.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import sys
import time
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from app import observe
from app.domain.errors import Refused, Unavailable
from app.shm.lease import Lease, attach_lease
from app.venues.cex.signing import SignedRequest, SignRequest
from app.venues.cex.sweep import Desk, Step, Sweep, cancels, failure_of, first_request, load_sweeps
from app.venues.signer import SignerClient, signer_channel

LOOK_S: Final = 0.05
REQUEST_S: Final = 2.0
RETRY_S: Final = 0.25
# A hanging engine may wake and send: what it places is swept again this often until it beats or dies.
RESWEEP_S: Final = 1.0
# After that a person must look; the venue's own switch, where it has one, has long fired.
MAX_SWEEP_S: Final = 600.0


class WatchedDesk(msgspec.Struct, frozen=True):
    """One account at one venue. `base_url`: instead of the real hosts, which become its first path segment."""

    venue: str
    account: str
    ccxt_id: str
    base_url: str = ""


class WatchOrders(msgspec.Struct, frozen=True):
    """What to watch, how long a silence is one, and which desks to empty.

    `dead_man_s`: how long the venues' own switches are armed for; 0: as the table of sweeps has it.
    """

    lease: str
    engine_pid: int
    silence_ms: int
    desks: tuple[WatchedDesk, ...]
    dead_man_s: int = 0


class Watchdog:
    """One engine's. `run` ends when the engine gave its lease back, or when it is dead and nothing is open."""

    def __init__(self, orders: WatchOrders, lease: Lease, signer: SignerClient) -> None:
        self._orders, self._lease, self._signer = orders, lease, signer
        self._sweeps = load_sweeps()
        self._engine = _process(orders.engine_pid)
        self._begun_ns = time.monotonic_ns()
        self._last_beat_ns = 0
        self._session: Any = None

    async def run(self) -> None:
        import aiohttp  # of the extra `cex`

        timeout = aiohttp.ClientTimeout(total=REQUEST_S)
        async with aiohttp.ClientSession(timeout=timeout, auto_decompress=True) as session:
            self._session = session
            arming = asyncio.create_task(self._arm_for_ever())
            try:
                await self._watch()
            finally:
                arming.cancel()
                await asyncio.gather(arming, return_exceptions=True)
            if self._lease.look().pid == 0:  # after the last arming: an order to disarm must not be overtaken
                await self._arm(timeout_s=0)

    async def _watch(self) -> None:
        is_lost = False
        while True:
            if self._lease.look().pid == 0:
                return
            if self._is_dead() or self._is_silent():
                if not is_lost:  # once a loss is enough
                    observe.lease_lost(self._orders.engine_pid, self._silent_ms(), len(self._orders.desks))
                is_lost = True
                await self._sweep_all()
                if self._is_dead():
                    return
                await asyncio.sleep(RESWEEP_S)
            else:
                is_lost = False
                await asyncio.sleep(LOOK_S)

    def _silent_ms(self) -> int:
        self._last_beat_ns = max(self._last_beat_ns, self._lease.look().beat_ns)
        return (time.monotonic_ns() - max(self._last_beat_ns, self._begun_ns)) // 1_000_000

    def _is_silent(self) -> bool:
        return self._silent_ms() > self._orders.silence_ms

    def _is_dead(self) -> bool:
        return self._engine < 0 or bool(select.select([self._engine], [], [], 0)[0])

    # sweeping

    async def _sweep_all(self) -> None:
        await asyncio.gather(*(self._sweep_desk(desk) for desk in self._orders.desks))

    async def _sweep_desk(self, watched: WatchedDesk) -> None:
        """Until the venue says that nothing is open, or the engine is back."""
        begun_s, n_canceled, last_error = time.monotonic(), 0, ""
        sweep = self._sweeps[watched.ccxt_id]
        while time.monotonic() - begun_s < MAX_SWEEP_S:
            try:
                n_open = await self._sweep_once(watched, sweep)
            except (Refused, Unavailable, OSError, ValueError, KeyError, TypeError) as error:
                if str(error) != last_error:  # once an outage is enough
                    observe.venue_call_failed(watched.venue, "sweep", error)
                n_open, last_error = -1, str(error)
            n_canceled += max(n_open, 0)
            if n_open == 0:
                break
            if not self._is_dead() and not self._is_silent():
                break
            await asyncio.sleep(RETRY_S if n_open < 0 else LOOK_S)
        if n_canceled or last_error:
            elapsed_ms = int(1_000 * (time.monotonic() - begun_s))
            observe.desk_swept(watched.venue, watched.account, n_canceled, elapsed_ms)

    async def _sweep_once(self, watched: WatchedDesk, sweep: Sweep) -> int:
        """One round over all steps; how many cancels it took. A cancel that fails shows in the next round's list."""
        n_open = 0
        for step in sweep.steps:
            answer = await self._ask(watched, first_request(_desk(watched), step))
            requests = list(cancels(_desk(watched), step, answer))
            n_open += len(requests)
            await asyncio.gather(*(self._ask(watched, request) for request in requests), return_exceptions=True)
        return n_open

    # dead-man switches

    async def _arm_for_ever(self) -> None:
        """Every venue's switch on its own: one that does not answer holds up no other."""
        await asyncio.gather(*(self._keep_armed(desk) for desk in self._orders.desks))

    async def _keep_armed(self, watched: WatchedDesk) -> None:
        """Three times as often as it needs; a venue that does not answer is asked again."""
        sweep = self._sweeps[watched.ccxt_id]
        timeout_s = self._orders.dead_man_s or sweep.timeout_s
        while sweep.dead_man:
            pause_s = LOOK_S
            if self._lease.look().pid and not self._is_dead() and not self._is_silent():
                is_armed = await self._arm_desk(watched, sweep.dead_man, timeout_s)
                pause_s = timeout_s / 3 if is_armed else RETRY_S
            await asyncio.sleep(pause_s)

    async def _arm(self, timeout_s: int) -> None:
        for watched in self._orders.desks:
            await self._arm_desk(watched, self._sweeps[watched.ccxt_id].dead_man, timeout_s)

    async def _arm_desk(self, watched: WatchedDesk, steps: tuple[Step, ...], timeout_s: int) -> bool:
        try:
            for step in steps:
                await self._ask(watched, first_request(_desk(watched), step, timeout_s))
        except (Refused, Unavailable, OSError, ValueError) as error:
            observe.venue_call_failed(watched.venue, "dead_man", error)
            return False
        return True

    # requests

    async def _ask(self, watched: WatchedDesk, request: SignRequest) -> Any:
        """The venue's answer, parsed. Raises OSError (TimeoutError is one), and ValueError for what is no answer."""
        import aiohttp

        signed = self._signer.sign(request)
        url = _localised(watched, signed)
        sent = self._session.request(
            signed.method, url, headers=dict(signed.headers), data=signed.body, allow_redirects=False
        )
        try:
            async with sent as response:
                body = await response.read()
                status = response.status
        except aiohttp.ClientError as error:
            raise OSError(type(error).__name__) from None
        if status >= 400:  # its text is the venue's, and could repeat what it was sent
            raise ValueError(f"status {status}")
        try:
            answer = msgspec.json.decode(body)
        except msgspec.MsgspecError:
            raise ValueError("not JSON") from None
        if failure := failure_of(answer):
            raise ValueError(failure)
        return answer


def _localised(watched: WatchedDesk, signed: SignedRequest) -> Any:
    import yarl

    url = signed.url
    if watched.base_url and not url.startswith(watched.base_url):
        url = f"{watched.base_url}/{url.partition('://')[2]}"
    return yarl.URL(url, encoded=True)


def _desk(watched: WatchedDesk) -> Desk:
    return Desk(watched.venue, watched.account)


def _process(pid: int) -> int:
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        return -1


def missing_sweeps(desks: tuple[WatchedDesk, ...], sweeps: Mapping[str, Sweep]) -> tuple[str, ...]:
    """Venues that the table cannot empty: nothing may be placed there live."""
    return tuple(sorted({desk.venue for desk in desks if desk.ccxt_id not in sweeps}))


def main(arguments: list[str]) -> int:
    """The process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's Ctrl-C is the engine's
    observe.configure()
    orders = msgspec.json.decode(sys.stdin.buffer.read(), type=WatchOrders)
    missing = missing_sweeps(orders.desks, load_sweeps())
    if missing:
        sys.stderr.write(f"watchdog: no way to empty {', '.join(missing)}\n")
        return 2
    signer = signer_channel(int(arguments[0]))
    sys.stdout.write("watching\n")
    sys.stdout.flush()
    with contextlib.closing(signer):
        asyncio.run(Watchdog(orders, attach_lease(orders.lease), signer).run())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
