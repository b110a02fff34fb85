from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

import pytest

from app.domain.errors import Refused
from app.venues.cex.ccxt_sign import VenueSetup
from app.venues.signer import SignerClient
from app.workers.live_guard import start_guard
from app.workers.signer_handle import SignerConfig
from tests.venues.exchange.server import LocalExchange
from tests.venues.vaults import ACCOUNT, CANARY, PASSPHRASE, key_row, make_home, secrets
from tests.worlds import make_universe


@pytest.fixture(scope="module")
def server() -> Iterator[LocalExchange]:
    with LocalExchange(["okx"]) as server:
        server.control.account("okx", ACCOUNT, "key-of-okx", CANARY, PASSPHRASE, permissions=("read", "trade"))
        server.control.account("okx", "rich", "rich", CANARY, PASSPHRASE, permissions=("trade", "withdraw"))
        yield server


def config(home, server, *venues: str) -> SignerConfig:
    base_url = f"http://127.0.0.1:{server.port}"
    return SignerConfig(home.folder, home.kek, {v: VenueSetup(v, base_url=base_url) for v in venues}, "guard")


async def test_a_guard_signs_watches_and_stops_in_order(tmp_path, server):
    guard = start_guard(config(make_home(tmp_path, "okx"), server, "okx"))
    keeping = asyncio.create_task(guard.keep())
    await asyncio.sleep(0.3)
    assert guard.is_whole()
    assert guard.unreached == ()
    client = SignerClient(guard.channel(("okx",)))
    assert client.key_id("okx", ACCOUNT) == "key-of-okx"
    client.close()
    assert guard.mint(make_universe()).key.epoch == guard.lease.look().epoch == guard.signer.token_key.epoch
    keeping.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await keeping
    await asyncio.to_thread(guard.stop)
    assert not guard.signer.is_alive()
    assert guard.watchdog.process.returncode == 0
    assert not guard.lease.segment.path.exists()


def test_a_key_that_learned_to_withdraw_stops_the_start(tmp_path, server):
    home = make_home(tmp_path)
    home.vault.add(key_row("okx", "rich"), secrets())
    with pytest.raises(Refused, match="key_can_withdraw"):
        start_guard(config(home, server, "okx"))


def test_a_start_without_keys_or_without_a_way_to_empty_a_venue_is_refused(tmp_path, server):
    home = make_home(tmp_path)
    with pytest.raises(Refused, match="no_venue_keys"):
        start_guard(config(home, server, "okx"))
    home.vault.add(key_row("poloniex"), secrets())
    with pytest.raises(Refused, match="venue_without_sweep"):
        start_guard(config(home, server, "poloniex"))


def test_a_venue_that_is_away_does_not_stop_the_start(tmp_path, server):
    home = make_home(tmp_path, "okx")
    away = SignerConfig(home.folder, home.kek, {"okx": VenueSetup("okx", base_url="http://127.0.0.1:9")}, "guard")
    guard = start_guard(away)
    assert guard.unreached == (("okx", ACCOUNT),)
    guard.lease.beat(2**62)
    guard.stop()
