"""The engine's side of its watchdog: starts it with a channel that can only cancel, and keeps the lease."""

from __future__ import annotations

import asyncio
import os
import select
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Final

import msgspec

from app.domain.errors import InvariantBroken, Refused, Unavailable
from app.shm.lease import Lease
from app.venues.cex.permit import Role
from app.venues.cex.sweep import load_sweeps
from app.workers.ending import end_within
from app.workers.signer_handle import SignerHandle
from app.workers.watchdog import WatchedDesk, WatchOrders, missing_sweeps

BEAT_S: Final = 0.1
# Ten beats: a loop that is late by so much is one that no longer looks after its orders.
SILENCE_MS: Final = 1_000
START_S: Final = 15.0
END_S: Final = 5.0


@dataclass(slots=True)
class WatchdogHandle:
    """A running watchdog. It outlives this process, however that ends."""

    process: subprocess.Popen[bytes]
    lease: Lease

    def is_alive(self) -> bool:
        return self.process.poll() is None

    def kill(self) -> None:
        """Ends it at once, with the lease as it is: for one that can no longer sign, before its successor."""
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()

    def stop(self) -> None:
        """Gives the lease back and waits for the watchdog to stand down. Call it when nothing is open any more."""
        self.lease.give_back()
        try:
            end_within(self.process, END_S)
        finally:
            if self.process.stdout is not None:
                self.process.stdout.close()


def start_watchdog(
    signer: SignerHandle,
    lease: Lease,
    desks: tuple[WatchedDesk, ...],
    silence_ms: int = SILENCE_MS,
    *,
    dead_man_s: int = 0,
) -> WatchdogHandle:
    """A watchdog that looks at `lease`, which this process has taken. Raises Refused for a venue that it could not
    empty, Unavailable where it does not start."""
    if lease.look().pid != os.getpid():
        raise InvariantBroken(reason="the lease is not ours", pid=lease.look().pid)
    missing = missing_sweeps(desks, load_sweeps())
    if missing:
        raise Refused(reason="venue_without_sweep", venues=", ".join(missing))
    channel = signer.open_channel(Role.CANCEL, tuple(sorted({desk.venue for desk in desks})))
    try:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-m", "app.workers.watchdog", str(channel.fileno())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=[channel.fileno()],
            env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            start_new_session=True,
        )
    finally:
        channel.close()
    assert process.stdin is not None
    assert process.stdout is not None
    orders = WatchOrders(lease.segment.name, os.getpid(), silence_ms, desks, dead_man_s)
    process.stdin.write(msgspec.json.encode(orders))
    process.stdin.close()
    is_heard = bool(select.select([process.stdout], [], [], START_S)[0])
    if not is_heard or process.stdout.readline() != b"watching\n":
        process.kill()
        process.wait()
        process.stdout.close()
        raise Unavailable("watchdog_unavailable", "The watchdog did not start.")
    return WatchdogHandle(process, lease)


async def keep_lease(lease: Lease) -> None:
    """Beats for ever on the engine's own loop: a loop that hangs does not beat."""
    while True:
        lease.beat(time.monotonic_ns())
        await asyncio.sleep(BEAT_S)
