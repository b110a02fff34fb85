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
from typing import Final

import msgspec

from app import observe
from app.domain.errors import Refused, Unavailable
from app.domain.orders import ChildOrder
from app.domain.universe import Universe
from app.risk.token import TokenMint
from app.venues.cex.ccxt_sign import VenueSetup
from app.venues.cex.profile_table import profile_of
from app.workers.live_guard import LiveGuard, start_guard
from app.workers.signer_handle import SignerConfig

# After a failure to start signer or watchdog again.
REVIVE_PAUSE_S: Final = 2.0


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
        self._reviving: asyncio.Task[None] | None = None
        self._revive_at_s = 0.0
        self._turning: set[asyncio.Task[None]] = set()

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
        under_way = [*self._turning, *([self._reviving] if self._reviving is not None else [])]
        await asyncio.gather(*under_way, return_exceptions=True)
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
        is_reviving = self._reviving is not None and not self._reviving.done()
        return "" if is_whole and not is_reviving else "The signer or the watchdog has ended and is started again."

    def tend(self) -> None:
        """Called ever again: a dead signer or watchdog is started again, with a pause after each failure."""
        loop = asyncio.get_running_loop()
        if self._guard is None or not self.lack() or loop.time() < self._revive_at_s:
            return
        if self._reviving is None or self._reviving.done():
            self._reviving = loop.create_task(self._revive(self._guard))

    async def _revive(self, guard: LiveGuard) -> None:
        try:
            await asyncio.to_thread(guard.revive)
        except (Refused, Unavailable, OSError) as error:
            observe.venue_call_failed("", "guard", error)
            self._revive_at_s = asyncio.get_running_loop().time() + REVIVE_PAUSE_S
        else:
            self._mint = guard.mint(self._universe)

    def turn_keys(self) -> None:
        """Has the signer read the vault again, after `bestex keys venue` changed it; venue processes follow by
        themselves."""
        task = asyncio.get_running_loop().create_task(self._turn_keys())
        self._turning.add(task)
        task.add_done_callback(self._turning.discard)

    async def _turn_keys(self) -> None:
        if self._guard is None:
            return
        try:
            keys = await asyncio.to_thread(self._guard.signer.reload)
        except (Refused, Unavailable) as error:
            observe.venue_call_failed("", "keys", error)  # the keys of before go on
        else:
            observe.venue_keys_read(len(keys))

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
