"""How an engine starts its watchdog and keeps its lease; test_watchdog.py shows what the watchdog does."""

from __future__ import annotations

import asyncio
import os
import time

import pytest

from app.domain.errors import InvariantBroken, Refused
from app.shm.lease import create_lease
from app.venues.cex.ccxt_sign import VenueSetup
from app.workers.signer_handle import SignerConfig, start_signer
from app.workers.watchdog import WatchedDesk
from app.workers.watchdog_handle import keep_lease, start_watchdog
from tests.venues.vaults import ACCOUNT, make_home


@pytest.fixture
def lease():
    lease = create_lease(f"test-handle-{os.getpid()}-{time.monotonic_ns()}")
    lease.take(os.getpid(), 1, time.monotonic_ns())
    yield lease
    lease.segment.unlink()


@pytest.fixture
def signer(tmp_path):
    home = make_home(tmp_path, "binance")
    handle = start_signer(SignerConfig(home.folder, home.kek, {"binance": VenueSetup("binance")}))
    yield handle
    handle.stop()


def test_a_watchdog_stands_down_when_the_lease_is_given_back(signer, lease):
    desk = WatchedDesk("binance", ACCOUNT, "binance", "http://127.0.0.1:9")
    watchdog = start_watchdog(signer, lease, (desk,), silence_ms=60_000)
    assert watchdog.is_alive()
    assert os.getsid(watchdog.process.pid) == watchdog.process.pid
    watchdog.stop()
    assert watchdog.process.returncode == 0


def test_a_watchdog_needs_a_lease_of_ours_and_a_way_to_empty_each_venue(signer, lease):
    with pytest.raises(Refused, match="venue_without_sweep"):
        start_watchdog(signer, lease, (WatchedDesk("mine", ACCOUNT, "nowhere"),))
    lease.give_back()
    with pytest.raises(InvariantBroken, match="not ours"):
        start_watchdog(signer, lease, ())


async def test_a_kept_lease_beats(lease):
    keeping = asyncio.create_task(keep_lease(lease))
    first_ns = lease.look().beat_ns
    await asyncio.sleep(0.25)
    assert lease.look().beat_ns > first_ns
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)
