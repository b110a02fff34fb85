"""A dead signer or watchdog is started again, and nothing new goes meanwhile; a new key is taken without a restart."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import pytest

from app.domain.ids import prefixed_ulid
from app.domain.orders import ChildOrder
from app.domain.proof import RiskToken
from app.venues.cex.permit import Role
from app.workers import live_desk
from app.workers.live_desk import DeskOptions, LiveDesk
from tests.venues.cex.markets import universe_of
from tests.venues.cex.test_reports import CHILD
from tests.venues.exchange.server import LocalExchange
from tests.venues.vaults import ACCOUNT, CANARY, PASSPHRASE, KeyHome, key_row, make_home, secrets

UNIVERSE = universe_of("okx", {"BTC/USDT": ("0.1", "0.00001")})


class Scene:
    """A live desk at the local OKX."""

    def __init__(self, home: KeyHome, desk: LiveDesk) -> None:
        self.home, self.desk = home, desk

    @property
    def guard(self):
        assert self.desk._guard is not None
        return self.desk._guard

    async def tended(self, is_true: Callable[[], bool], timeout_s: float = 40.0) -> None:
        """As the host does, every turn."""
        async with asyncio.timeout(timeout_s):
            while not is_true():
                self.desk.tend()
                await asyncio.sleep(0.02)

    def epoch(self) -> int:
        child = ChildOrder(
            "chd_1", prefixed_ulid("chd", 1, "a", 1).partition("_")[2], "ord_1", ACCOUNT, 1, "okx", "BTC/USDT",
            CHILD.side, CHILD.time_in_force, 10_050, 3, 1, 1, 2**60,
        )  # fmt: skip
        return msgspec.json.decode(self.desk.token_of(child, 1, 1), type=RiskToken).epoch

    def key_id(self) -> str:
        client = self.guard.signer.client(Role.READ, ("okx",))
        try:
            return client.key_id("okx", ACCOUNT)
        finally:
            client.close()


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    home = make_home(tmp_path, "okx")
    with LocalExchange(["okx"]) as server:
        server.control.account("okx", ACCOUNT, "key-of-okx", CANARY, PASSPHRASE, permissions=("read", "trade"))
        options = DeskOptions(home.folder, home.kek, ACCOUNT, "desk", {"*": f"http://127.0.0.1:{server.port}"})
        desk = LiveDesk(options, UNIVERSE)
        await desk.start()
        yield Scene(home, desk)
        await desk.stop()


async def test_a_dead_watchdog_and_a_dead_signer_are_started_again(scene: Scene) -> None:
    desk, guard = scene.desk, scene.guard
    assert desk.lack() == ""
    first, signer_pid = scene.epoch(), desk.signer_pid
    os.kill(guard.watchdog.process.pid, signal.SIGKILL)
    await scene.tended(lambda: bool(desk.lack()), 5)
    await scene.tended(lambda: not desk.lack())
    assert (scene.epoch(), desk.signer_pid) == (first, signer_pid), "the signer lives and goes on"
    watchdog_pid = guard.watchdog.process.pid
    os.kill(signer_pid, signal.SIGKILL)
    await scene.tended(lambda: bool(desk.lack()), 5)
    await scene.tended(lambda: not desk.lack())
    assert desk.signer_pid != signer_pid
    assert guard.watchdog.process.pid != watchdog_pid
    assert scene.epoch() == first + 1 == guard.lease.look().epoch
    desk.channel(("okx",)).close()


async def test_a_vault_that_does_not_open_keeps_everything_barred(scene: Scene, monkeypatch) -> None:
    monkeypatch.setattr(live_desk, "REVIVE_PAUSE_S", 0.1)
    kek = scene.home.kek_path.rename(scene.home.kek_path.with_suffix(".away"))
    os.kill(scene.desk.signer_pid, signal.SIGKILL)
    await scene.tended(lambda: scene.desk._revive_at_s > 0)
    assert scene.desk.lack()
    kek.rename(scene.home.kek_path)
    await scene.tended(lambda: not scene.desk.lack())


async def test_a_new_version_of_a_key_is_taken_when_told(scene: Scene) -> None:
    assert scene.key_id() == "key-of-okx"
    scene.home.vault.rotate(key_row("okx", "second-key"), secrets())
    assert scene.key_id() == "key-of-okx"
    scene.desk.turn_keys()
    await scene.tended(lambda: scene.key_id() == "second-key", 5)
    assert scene.desk.lack() == ""
