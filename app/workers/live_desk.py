"""What live money needs beside venue processes: one account's guard (signer, lease, watchdog) and the signer's tokens.

Nothing live starts without all of it, and nothing new goes while a part of it is dead. A venue process gets a channel
that signs for its own venues alone.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from app.domain.errors import Unavailable
from app.domain.orders import ChildOrder
from app.domain.universe import Universe
from app.risk.token import TokenMint
from app.venues.cex.ccxt_sign import VenueSetup
from app.venues.cex.profile_table import profile_of
from app.workers.live_guard import LiveGuard, start_guard
from app.workers.signer_handle import SignerConfig


@dataclass(frozen=True, slots=True)
class DeskOptions:
    """`kek`: where the key-encryption key is, as `file:PATH`. `base_urls`: as in GroupSpec."""

    vault_folder: Path
    kek: str
    account: str
    shard: str
    base_urls: Mapping[str, str]
    is_sandbox: bool = False

    def setup(self, venue_id: str) -> VenueSetup:
        """How `venue_id` is reached."""
        base_url = self.base_urls.get(venue_id, self.base_urls.get("*", ""))
        return VenueSetup(profile_of(venue_id).ccxt_id, self.is_sandbox, base_url)


class LiveDesk:
    """One account's live trading. Started once, stopped once."""

    def __init__(self, options: DeskOptions, universe: Universe) -> None:
        self._options, self._universe = options, universe
        self._guard: LiveGuard | None = None
        self._mint: TokenMint | None = None
        self._beating: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Raises as `start_guard` does, and Unavailable naming the venues at which the account has no key."""
        options = self._options
        setups = {venue_id: options.setup(venue_id) for venue_id in self._universe.venues}
        config = SignerConfig(options.vault_folder, options.kek, setups, options.shard)
        guard = await asyncio.to_thread(start_guard, config)
        missing = [v for v in self._universe.venues if (v, options.account) not in guard.signer.keys]
        if missing:
            await asyncio.to_thread(guard.stop)
            raise Unavailable(
                "venue_key_missing",
                f"Account {options.account} has no key at {', '.join(missing)}: add one with `bestex keys venue add`, "
                "or leave the venue out of live.venues.",
            )
        self._guard, self._mint = guard, guard.mint(self._universe)
        self._beating = asyncio.get_running_loop().create_task(guard.keep())

    async def stop(self) -> None:
        """Ends the watchdog in order, then the signer. Call it when the venue processes have ended."""
        if self._guard is not None:
            await asyncio.to_thread(self._guard.stop)
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.gather(self._beating, return_exceptions=True)

    @property
    def signer_pid(self) -> int:
        """0 before the start."""
        return self._guard.signer.process.pid if self._guard is not None else 0

    def lack(self) -> str:
        """Why nothing new may be placed; empty where signer and watchdog live."""
        is_whole = self._guard is not None and self._guard.is_whole()
        return "" if is_whole else "The signer or the watchdog has ended: start the service again."

    def channel(self, venues: tuple[str, ...]) -> socket.socket:
        """A new channel's end for the process of these venues. Raises Unavailable where the signer is gone."""
        if self._guard is None:
            raise Unavailable("signer_unavailable", "The signer is not started.")
        return self._guard.channel(venues)

    def token_of(self, child: ChildOrder, limits_version: int, decision_seq: int) -> bytes:
        """The gate's proof of `child` as the signer checks it."""
        if self._mint is None:
            raise Unavailable("signer_unavailable", "The signer is not started.")
        return msgspec.json.encode(self._mint.token_of(child, limits_version, decision_seq))
