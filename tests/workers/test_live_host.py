"""Live venue processes outlive their signer, and take a new key without a restart of the service."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from app.domain.statement import VenueState
from app.venues.cex.permit import Role
from app.venues.clock import SystemClock
from app.venues.group import GroupKind, GroupSpec, universe_of
from app.workers.live_desk import DeskOptions, LiveDesk
from app.workers.venue_host import VenueProcesses
from tests.venues.exchange.server import LocalExchange
from tests.venues.vaults import ACCOUNT, CANARY, PASSPHRASE, KeyHome, key_row, make_home, secrets


@pytest.fixture
def home(tmp_path: Path) -> KeyHome:
    return make_home(tmp_path, "okx")


@pytest.fixture
async def host(home: KeyHome, tmp_path: Path) -> AsyncIterator[VenueProcesses]:
    with LocalExchange(["okx"], beat_s=0.05) as server:
        server.control.account("okx", ACCOUNT, "key-of-okx", CANARY, PASSPHRASE, balances={"USDT": "1000"})
        urls = {"*": f"http://127.0.0.1:{server.port}"}
        spec = GroupSpec(
            GroupKind.LIVE, ("okx",), str(tmp_path), symbols=("BTC/USDT",), base_urls=urls, account=ACCOUNT
        )
        universe = universe_of(spec)
        desk = LiveDesk(DeskOptions(home.folder, home.kek, ACCOUNT, "host", urls), universe)
        made = VenueProcesses(f"test-live-host-{os.getpid()}", universe, [spec], SystemClock(), desk=desk)
        await made.start(lambda rows: None)
        yield made
        await made.stop()


async def until(is_true: Callable[[], bool], timeout_s: float = 60.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not is_true():  # noqa: ASYNC110 - bounded
            await asyncio.sleep(0.02)


async def test_a_signer_that_dies_is_replaced_with_its_venue_processes(host: VenueProcesses, home: KeyHome) -> None:
    desk, venue, group = host.desk, host.ports["okx"], host.groups[0]
    assert desk is not None
    await until(lambda: venue.health().state is VenueState.UP)
    signer_pid, process = desk.signer_pid, group.process
    os.kill(signer_pid, signal.SIGKILL)
    await until(lambda: venue.health().state is not VenueState.UP, 5)
    await until(lambda: not desk.lack() and venue.health().state is VenueState.UP)
    assert desk.signer_pid == group.signer_pid != signer_pid
    assert group.process is not process
    home.vault.rotate(key_row("okx", "second-key"), secrets())
    os.kill(os.getpid(), signal.SIGHUP)
    assert desk._guard is not None
    client = desk._guard.signer.client(Role.READ, ("okx",))
    await until(lambda: client.key_id("okx", ACCOUNT) == "second-key", 10)
    client.close()
