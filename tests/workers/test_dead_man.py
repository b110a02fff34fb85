"""The venues' own switches fire when nobody of ours is left, and only then."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Iterator

import pytest

from app.shm.lease import create_lease
from app.venues.cex.ccxt_sign import VenueSetup
from app.venues.cex.sweep import load_sweeps
from app.workers.signer_handle import SignerConfig, start_signer
from app.workers.watchdog import WatchedDesk
from app.workers.watchdog_handle import keep_lease, start_watchdog
from tests.venues.exchange.book import BUY
from tests.venues.exchange.engine import Ticket
from tests.venues.exchange.server import LocalExchange
from tests.venues.vaults import ACCOUNT, CANARY, PASSPHRASE, make_home

MARKETS = {"okx": "BTC-USDT", "kraken": "XXBTZUSD", "gate": "BTC_USDT", "htx": "btcusdt"}
# Venues take ten seconds and more; the local exchange takes what it is told.
DEAD_MAN_S = 2


@pytest.fixture
def server() -> Iterator[LocalExchange]:
    with LocalExchange(list(MARKETS)) as running:
        for venue, market in MARKETS.items():
            rich = {"USDT": "1000000", "USD": "1000000"}
            running.control.account(venue, ACCOUNT, f"key-of-{venue}", CANARY, PASSPHRASE, balances=rich)
            running.control.set_book(venue, market, [("100.0", "5")], [("101.0", "5")])
            ticket = Ticket(market, BUY, "1", "90.0")
            running.call(lambda venue=venue, ticket=ticket: running.exchanges[venue].place(ACCOUNT, ticket))
        yield running


def n_open(server: LocalExchange) -> dict[str, int]:
    return {v: sum(order["state"] == "open" for order in server.control.orders(v, ACCOUNT)) for v in MARKETS}


async def test_switches_are_kept_armed_and_fire_when_engine_and_watchdog_are_dead(tmp_path, server) -> None:
    assert {venue for venue, sweep in load_sweeps().items() if sweep.dead_man} == set(MARKETS)
    home, base_url = make_home(tmp_path, *MARKETS), f"http://127.0.0.1:{server.port}"
    setups = {venue: VenueSetup(venue, base_url=base_url) for venue in MARKETS}
    signer = await asyncio.to_thread(start_signer, SignerConfig(home.folder, home.kek, setups, "deadman"))
    lease = create_lease(f"test-dead-man-{os.getpid()}")
    lease.take(os.getpid(), signer.token_key.epoch, time.monotonic_ns())
    beating = asyncio.create_task(keep_lease(lease))
    desks = tuple(WatchedDesk(venue, ACCOUNT, venue, base_url) for venue in MARKETS)
    try:
        watchdog = await asyncio.to_thread(start_watchdog, signer, lease, desks, 5_000, dead_man_s=DEAD_MAN_S)
        await asyncio.sleep(2.5 * DEAD_MAN_S)
        assert n_open(server) == dict.fromkeys(MARKETS, 1), "armed anew in time, or not at all"
        watchdog.kill()
    finally:
        beating.cancel()
        await asyncio.gather(beating, return_exceptions=True)
        await asyncio.to_thread(signer.stop)
        with contextlib.suppress(FileNotFoundError):
            lease.segment.unlink()
    for _ in range(100):
        if not any(n_open(server).values()):
            break
        await asyncio.sleep((DEAD_MAN_S + 1) / 100)
    assert n_open(server) == dict.fromkeys(MARKETS, 0)
