"""What live money needs beside venue processes: a signer with the account's keys, tokens for it, and a watchdog.

Nothing live starts without all three. A venue process gets a channel that signs for its own venues alone.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from app.domain.errors import Unavailable
from app.domain.orders import ChildOrder
from app.domain.ports import Clock
from app.domain.universe import Universe
from app.risk.token import TokenMint
from app.shm.lease import Lease, create_lease
from app.venues.cex.ccxt_sign import VenueSetup
from app.venues.cex.permit import Role
from app.venues.cex.profile_table import profile_of
from app.workers.signer_handle import SignerConfig, SignerHandle, start_signer
from app.workers.watchdog import WatchedDesk
from app.workers.watchdog_handle import WatchdogHandle, keep_lease, start_watchdog


@dataclass(frozen=True, slots=True)
class DeskOptions:
    """`kek`: where the key-encryption key is, as `file:PATH`. `base_urls`: as in GroupSpec. `name`: of this process."""

    vault_folder: Path
    kek: str
    account: str
    shard: str
    name: str
    base_urls: Mapping[str, str]
    is_sandbox: bool = False


class LiveDesk:
    """One account's live trading. Made once, started once, stopped once."""

    def __init__(self, options: DeskOptions, universe: Universe, clock: Clock) -> None:
        """Starts the signer. Raises Refused where the vault says no, Unavailable where it or a key is not there."""
        self._options, self._clock = options, clock
        setups = {venue_id: self._setup(venue_id) for venue_id in universe.venues}
        config = SignerConfig(options.vault_folder, options.kek, setups, options.shard)
        self._signer: SignerHandle = start_signer(config)
        missing = [v for v in universe.venues if (v, options.account) not in self._signer.keys]
        if missing:
            self._signer.stop()
            raise Unavailable(
                "venue_key_missing",
                f"Account {options.account} has no key at {', '.join(missing)}: add one with `bestex keys venue add`, "
                "or leave the venue out of live.venues.",
            )
        self._mint = TokenMint(self._signer.token_key, universe)
        self._desks = tuple(
            WatchedDesk(venue_id, options.account, setup.ccxt_id, setup.base_url) for venue_id, setup in setups.items()
        )
        self._lease: Lease | None = None
        self._watchdog: WatchdogHandle | None = None
        self._beating: asyncio.Task[None] | None = None

    def _setup(self, venue_id: str) -> VenueSetup:
        urls = self._options.base_urls
        base_url = urls.get(venue_id, urls.get("*", ""))
        return VenueSetup(profile_of(venue_id).ccxt_id, self._options.is_sandbox, base_url)

    async def start(self) -> None:
        """Takes the lease and lets the watchdog look at it. Raises as `start_watchdog` does."""
        self._lease = create_lease(f"{self._options.name}-lease")
        self._lease.take(os.getpid(), self._signer.token_key.epoch, self._clock.monotonic_ns())
        self._beating = asyncio.get_running_loop().create_task(keep_lease(self._lease))
        self._watchdog = await asyncio.to_thread(start_watchdog, self._signer, self._lease, self._desks)

    async def stop(self) -> None:
        """Ends the watchdog in order, then the signer. Call it when the venue processes have ended."""
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.gather(self._beating, return_exceptions=True)
        if self._watchdog is not None:
            await asyncio.to_thread(self._watchdog.stop)
        await asyncio.to_thread(self._signer.stop)
        if self._lease is not None:
            self._lease.segment.unlink()

    def channel(self, venues: tuple[str, ...]) -> socket.socket:
        """A new channel's end for the process of these venues. Raises Unavailable where the signer is gone."""
        return self._signer.open_channel(Role.TRADE, venues)

    def token_of(self, child: ChildOrder, limits_version: int, decision_seq: int) -> bytes:
        """The gate's proof of `child` as the signer checks it."""
        return msgspec.json.encode(self._mint.token_of(child, limits_version, decision_seq))
