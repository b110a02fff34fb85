"""Everything that real orders need beside the engine, in the order of their lives: signer, lease, watchdog.

A start in live mode calls `start_guard`, hands `channel(venues)` to each venue process, mints with `mint(universe)`
where a child leaves the engine, keeps `keep()` running on the engine's loop, and calls `stop()` when nothing is open.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from app import observe
from app.domain.errors import Refused
from app.domain.universe import Universe
from app.risk.token import TokenMint
from app.shm.lease import Lease, create_lease
from app.venues.cex.permit import Role
from app.workers.key_check import recheck_rights
from app.workers.signer_handle import SignerConfig, SignerHandle, start_signer
from app.workers.watchdog import WatchedDesk
from app.workers.watchdog_handle import WatchdogHandle, keep_lease, start_watchdog


@dataclass(slots=True)
class LiveGuard:
    """One engine's. `unreached`: keys that no venue could be asked about at this start."""

    signer: SignerHandle
    lease: Lease
    watchdog: WatchdogHandle
    unreached: tuple[tuple[str, str], ...]
    config: SignerConfig

    def mint(self, universe: Universe) -> TokenMint:
        return TokenMint(self.signer.token_key, universe)

    def channel(self, venues: tuple[str, ...]) -> socket.socket:
        """For one venue process: pass its descriptor, then close it here."""
        return self.signer.open_channel(Role.TRADE, venues)

    def keep(self) -> Coroutine[Any, Any, None]:
        return keep_lease(self.lease)

    def is_whole(self) -> bool:
        """Whether signer and watchdog live. Without either, nothing new may be placed."""
        return self.signer.is_alive() and self.watchdog.is_alive()

    def revive(self) -> None:
        """Starts again what of it has ended; blocks. Raises as `start_guard`, and is then as little whole as before.

        A successor of the signer has its own epoch: it does not know which tokens were spent, so none minted before is
        taken. A watchdog whose signer died can cancel nothing and is replaced with it.
        """
        if not self.signer.is_alive():
            self.watchdog.kill()
            signer = start_signer(self.config)
            try:
                self.unreached = recheck_rights(signer, self.config.setups)
            except BaseException:
                signer.stop()
                raise
            self.signer.stop()
            self.signer = signer
            observe.signer_started(signer.token_key.epoch, len(signer.keys), signer.protections)
        if not self.watchdog.is_alive():
            self.watchdog.kill()
            self.lease.take(os.getpid(), self.signer.token_key.epoch, time.monotonic_ns())
            self.watchdog = start_watchdog(self.signer, self.lease, _desks(self.signer, self.config))

    def stop(self) -> None:
        """In order: the watchdog stands down, then the signer ends."""
        self.watchdog.stop()
        self.signer.stop()
        self.lease.segment.unlink()


def start_guard(config: SignerConfig) -> LiveGuard:
    """Raises Refused where the vault does not open, holds no key of these venues, or holds one that can move money out;
    Unavailable where a process does not start. Whatever was started is ended again then.
    """
    signer = start_signer(config)
    observe.signer_started(signer.token_key.epoch, len(signer.keys), signer.protections)
    lease: Lease | None = None
    try:
        if not signer.keys:
            raise Refused(reason="no_venue_keys", venues=", ".join(config.setups))
        unreached = recheck_rights(signer, config.setups)
        lease = create_lease(f"lease-{config.shard}-{os.getpid()}")
        lease.take(os.getpid(), signer.token_key.epoch, time.monotonic_ns())
        watchdog = start_watchdog(signer, lease, _desks(signer, config))
    except BaseException:
        signer.stop()
        if lease is not None:
            lease.segment.unlink()
        raise
    return LiveGuard(signer, lease, watchdog, unreached, config)


def _desks(signer: SignerHandle, config: SignerConfig) -> tuple[WatchedDesk, ...]:
    return tuple(
        WatchedDesk(venue, account, config.setups[venue].ccxt_id, config.setups[venue].base_url)
        for venue, account in signer.keys
    )
