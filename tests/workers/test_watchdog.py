"""A dead or hanging engine's orders are canceled within three seconds, by a process that can do nothing else."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.shm import segment
from app.venues.cex.sweep import load_sweeps
from app.workers.watchdog import WatchedDesk, missing_sweeps
from tests.venues.exchange.server import LocalExchange
from tests.venues.vaults import ACCOUNT, CANARY, PASSPHRASE, make_home

from .engine_stand_in import N_ORDERS

VENUES = ("binance", "okx")
MARKETS = {"binance": "BTCUSDT", "okx": "BTC-USDT"}
CANCEL_S = 3.0


@dataclass
class Scene:
    """A local exchange, a stand-in engine with its signer and watchdog, and orders that rest."""

    server: LocalExchange
    engine: subprocess.Popen[str]
    signer_pid: int
    watchdog_pid: int

    def n_open(self, venue: str) -> int:
        return sum(order["state"] == "open" for order in self.server.control.orders(venue, ACCOUNT))

    def seconds_until_flat(self, limit_s: float = 10.0) -> float:
        begun_s = time.monotonic()
        while any(self.n_open(venue) for venue in VENUES):
            if time.monotonic() - begun_s > limit_s:
                pytest.fail(f"still open after {limit_s} s: {[self.n_open(venue) for venue in VENUES]}")
            time.sleep(0.02)
        return time.monotonic() - begun_s


@pytest.fixture(scope="module")
def server() -> Iterator[LocalExchange]:
    with LocalExchange(list(VENUES)) as server:
        yield server


@pytest.fixture
def scene(server, tmp_path) -> Iterator[Scene]:
    home = make_home(tmp_path, *VENUES)
    for venue in VENUES:
        rich = {"USDT": "1000000"}
        with contextlib.suppress(ValueError, KeyError):
            server.control.account(venue, ACCOUNT, f"key-of-{venue}", CANARY, PASSPHRASE, balances=rich)
        server.control.cancel_all(venue, ACCOUNT)
        server.control.set_book(venue, MARKETS[venue], [("100.00", "5")], [("100.50", "5")])
    server.control.clear()
    lease = f"test-lease-{os.getpid()}-{time.monotonic_ns()}"
    arguments = [f"http://127.0.0.1:{server.port}", str(home.folder), home.kek, lease, *VENUES]
    engine = subprocess.Popen(
        [sys.executable, "-m", "tests.workers.engine_stand_in", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert engine.stdout is not None
    words = engine.stdout.readline().split()
    assert words, "the stand-in engine did not start"
    scene = Scene(server, engine, int(words[1]), int(words[2]))
    assert [scene.n_open(venue) for venue in VENUES] == [N_ORDERS, N_ORDERS]
    yield scene
    for pid in (engine.pid, scene.watchdog_pid, scene.signer_pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    engine.communicate()
    segment.sweep()


def ended(pid: int, limit_s: float = 10.0) -> bool:
    """Whether a process is gone; one whose parent is dead is nobody's zombie for long."""
    begun_s = time.monotonic()
    while time.monotonic() - begun_s < limit_s:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.02)
    return False


def test_a_killed_engine_leaves_nothing_open(scene):
    scene.engine.kill()
    assert scene.seconds_until_flat() < CANCEL_S
    assert ended(scene.watchdog_pid)
    assert ended(scene.signer_pid)


def test_a_hanging_engine_leaves_nothing_open(scene):
    os.kill(scene.engine.pid, signal.SIGSTOP)
    assert scene.seconds_until_flat() < CANCEL_S
    os.kill(scene.engine.pid, signal.SIGCONT)
    time.sleep(0.3)
    assert not ended(scene.watchdog_pid, 0.1)


def test_an_engine_that_stops_in_order_is_left_alone(scene):
    scene.engine.communicate("", timeout=20)
    assert ended(scene.watchdog_pid)
    assert ended(scene.signer_pid)
    assert [scene.n_open(venue) for venue in VENUES] == [N_ORDERS, N_ORDERS]


def test_a_living_engine_keeps_its_orders_and_the_venues_switches_armed(scene):
    time.sleep(1.5)
    assert [scene.n_open(venue) for venue in VENUES] == [N_ORDERS, N_ORDERS]
    assert not ended(scene.watchdog_pid, 0.1)


def test_a_venue_that_fails_is_asked_until_it_answers(scene):
    scene.server.control.switch("error_before", venue="okx", account=ACCOUNT, value=503, times=4)
    scene.engine.kill()
    scene.seconds_until_flat()
    assert ended(scene.watchdog_pid)


def test_a_venue_that_cannot_be_emptied_is_named():
    desks = (WatchedDesk("okx", "a", "okx"), WatchedDesk("mine", "a", "nowhere"))
    assert missing_sweeps(desks, load_sweeps()) == ("mine",)
