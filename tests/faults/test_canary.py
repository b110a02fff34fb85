"""Secrets planted as venue keys are used, refused, crashed over, and found nowhere but in the signer's own memory."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import httpx
import pytest

from app.shm import segment
from tests.conftest import run_apart
from tests.service_home import service_home
from tests.venues.exchange.server import LocalExchange
from tests.venues.vaults import ACCOUNT

MARKETS = ("binance", "okx")

ENVIRONMENT = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PATH": os.defpath}
ORDER = {"symbol": "BTC/USDT", "side": "buy", "type": "market", "qty": "0.5", "time_in_force": "ioc"}
CHUNK = 1 << 20


@dataclass
class Canary:
    """A secret of its own for each venue, and a passphrase; `texts` are what must be nowhere."""

    keys: dict[str, str] = field(default_factory=dict)
    passphrase: str = ""

    def __post_init__(self) -> None:
        self.keys = {venue: base64.b64encode(secrets.token_bytes(33)).decode() for venue in MARKETS}
        self.passphrase = f"phrase{secrets.token_hex(12)}"

    @property
    def secret_bytes(self) -> list[bytes]:
        return [form for key in self.keys.values() for form in (key.encode(), base64.b64decode(key))]

    def found_in(self, content: bytes) -> list[str]:
        return [repr(form[:4]) for form in (*self.secret_bytes, self.passphrase.encode()) if form in content]


@dataclass
class Scene:
    canary: Canary
    home: Path
    log: Path
    url: str
    database_url: str
    service: subprocess.Popen[str]
    signer_pid: int
    watchdog_pid: int
    venue_pids: list[int]
    bodies: list[bytes] = field(default_factory=list)

    def call(self, method: str, path: str, *, key: str = "", **what: object) -> httpx.Response:
        answer = httpx.request(
            method, f"{self.url}{path}", headers={"Authorization": f"Bearer {key or self.key}"}, timeout=10, **what
        )
        self.bodies.append(answer.content + repr(answer.headers).encode())
        return answer

    @property
    def key(self) -> str:
        return (self.home / "desk.key").read_text().strip()


def plant(home: Path, canary: Canary, base_url: str) -> list[bytes]:
    """The keys, added as a desk adds them. Returns what the command said, and what could be seen of it from outside."""
    seen = []
    for venue, secret in canary.keys.items():
        told = {"key": f"key{venue}{ACCOUNT}", "secret": secret, "passphrase": canary.passphrase}
        command = [sys.executable, "-m", "app.cli.main", "keys", "venue", "add", venue, "--account", ACCOUNT, "--stdin"]
        process = subprocess.Popen(
            [*command, "--home", str(home), "--base-url", base_url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=ENVIRONMENT,
        )
        seen += [Path(f"/proc/{process.pid}/{name}").read_bytes() for name in ("cmdline", "environ")]
        output, _ = process.communicate(json.dumps(told).encode(), timeout=60)
        assert process.returncode == 0, output
        seen.append(output)
    return seen


@contextlib.contextmanager
def scene(server: LocalExchange, canary: Canary, home: Path, database_url: str) -> Iterator[Scene]:
    base_url = f"http://127.0.0.1:{server.port}"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    log = home / "service.log"
    with log.open("wb") as file:
        service = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.canary_service", str(home), database_url, str(port), base_url],
            stdout=subprocess.PIPE,
            stderr=file,
            text=True,
            env=ENVIRONMENT,
            cwd=Path.cwd(),
        )
    try:
        assert service.stdout is not None
        pids = [int(word) for word in service.stdout.readline().split()[1:]]
        assert len(pids) > 2, log.read_text()[-2_000:]
        yield Scene(canary, home, log, f"http://127.0.0.1:{port}", database_url, service, *pids[:2], pids[2:])
    finally:
        service.kill()
        service.communicate()
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        segment.sweep()


def wait_for(check, what: str, limit_s: float = 20.0, scene: Scene | None = None) -> None:
    begun_s = time.monotonic()
    while not check():
        said = (scene.bodies[-1:], scene.log.read_text()[-1_500:]) if scene else ""
        assert time.monotonic() - begun_s < limit_s, (what, said)
        time.sleep(0.05)


def is_up(scene: Scene) -> bool:
    with contextlib.suppress(httpx.HTTPError, FileNotFoundError):
        return scene.call("GET", "/v1/balances").status_code == 200 and scene.call("GET", "/readyz").status_code == 200
    return False


def trade(scene: Scene, server: LocalExchange) -> None:
    """Orders that fill at venues, orders that are refused, requests that are none."""

    def filled() -> bool:
        answer = scene.call("POST", "/v1/orders", json=ORDER | {"client_order_id": secrets.token_hex(8)})
        time.sleep(0.5)
        return answer.status_code < 300 and any(server.control.ledger("fill", ACCOUNT, venue) for venue in MARKETS)

    wait_for(filled, "no order was filled", scene=scene)
    for body in ({"qty": "-1"}, {"qty": "1e400"}, {"symbol": "X/Y"}, {"surprise": 1}):
        assert scene.call("POST", "/v1/orders", json=ORDER | body).status_code >= 400
    assert scene.call("GET", "/v1/orders", key="bx_wrong").status_code == 401
    scene.service.send_signal(signal.SIGUSR1)
    wait_for(lambda: b"provoked" in scene.log.read_bytes(), "nothing was provoked")


def memory_holds(pid: int, forms: list[bytes]) -> list[bytes]:
    """Which of `forms` lie in a process's memory."""
    found = set()
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            matched = re.match(r"([0-9a-f]+)-([0-9a-f]+) r", line)
            if not matched or line.endswith(("[vvar]", "[vsyscall]", "[vvar_vclock]")):
                continue
            begin, end = int(matched[1], 16), int(matched[2], 16)
            for at in range(begin, end, CHUNK):
                try:
                    memory.seek(at)
                    content = memory.read(min(CHUNK + 128, end - at))
                except OSError:
                    continue
                found |= {form for form in forms if form in content}
    return sorted(found)


async def dumped(database_url: str) -> bytes:
    """Every row of every table, as text."""
    connection = await asyncpg.connect(database_url, timeout=10)
    try:
        names = await connection.fetch("select tablename from pg_tables where schemaname = 'public'")
        rows = [await connection.fetch(f'select t::text from "{name[0]}" t') for name in names]
    finally:
        await connection.close()
    return "\n".join(row[0] for table in rows for row in table).encode()


@pytest.mark.postgres
def test_planted_secrets_are_nowhere_but_in_the_signer(database_url: str) -> None:
    canary = Canary()
    with LocalExchange(list(MARKETS)) as server, service_home() as home:
        for venue in MARKETS:
            rich = {"USDT": "1000000", "BTC": "100"}
            server.control.account(
                venue, ACCOUNT, f"key{venue}{ACCOUNT}", canary.keys[venue], canary.passphrase, balances=rich
            )
        seen = plant(home, canary, f"http://127.0.0.1:{server.port}")
        with scene(server, canary, home, database_url) as live:
            wait_for(lambda: is_up(live), "the service did not start")
            trade(live, server)
            mine = [live.service.pid, live.watchdog_pid, *live.venue_pids]
            for pid in (*mine, live.signer_pid):
                seen += [Path(f"/proc/{pid}/{name}").read_bytes() for name in ("cmdline", "environ")]
            for pid in mine:
                assert memory_holds(pid, canary.secret_bytes) == []
            # The search can find: what the adapters do know lies in their process.
            key_id = f"keybinance{ACCOUNT}".encode()
            assert [pid for pid in live.venue_pids if memory_holds(pid, [key_id])]
            os.kill(live.signer_pid, signal.SIGSEGV)
            answer = live.call("POST", "/v1/orders", json=ORDER | {"client_order_id": secrets.token_hex(8)})
            assert answer.status_code
            time.sleep(0.5)
            # Without its signer the service replaces its venue processes: those that are there are looked at.
            assert memory_holds(live.service.pid, canary.secret_bytes) == []
            for pid in (live.watchdog_pid, *live.venue_pids):
                with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                    assert memory_holds(pid, canary.secret_bytes) == []
            wait_for(lambda: run_apart(dumped(database_url)).count(b"BTC/USDT") > 0, "nothing was projected")
            live.service.send_signal(signal.SIGABRT)
            live.service.wait(10)
            artefacts = {str(path): path.read_bytes() for path in home.rglob("*") if path.is_file()}
            artefacts |= {f"body {i}": body for i, body in enumerate(live.bodies)}
            artefacts |= {f"seen {i}": each for i, each in enumerate(seen)}
            artefacts["postgres"] = run_apart(dumped(database_url))
    assert any("journal.db" in name for name in artefacts)
    assert b"not_allowed" in artefacts[str(live.log)]
    assert {name: canary.found_in(content) for name, content in artefacts.items() if canary.found_in(content)} == {}
    assert not list(Path.cwd().glob("core*"))
