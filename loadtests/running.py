"""A real service for load and benchmarks: `bestex up` as its own process on a free port, with a home of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 15.0


@dataclass(frozen=True, slots=True)
class Running:
    """A service that is ready: where it listens, its process, its home with the journal and the keys."""

    url: str
    host: str
    port: int
    pid: int
    home: Path

    @property
    def key(self) -> str:
        return (self.home / "demo.key").read_text().strip()

    @property
    def operator_key(self) -> str:
        return (self.home / "operator.key").read_text().strip()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_service(home: Path, environment: Mapping[str, str] | None = None) -> Iterator[Running]:
    """`bestex up` until the block ends. Raises RuntimeError with its own words where it does not become ready."""
    port = free_port()
    home.mkdir(parents=True, exist_ok=True)
    log = home / "service.log"
    given = {"BESTEX_LOG_LEVEL": "warning", **os.environ, **(environment or {}), "BESTEX_HOME": str(home)}
    with log.open("wb") as out:
        command = [sys.executable, "-m", "app.cli.main", "up", "--port", str(port)]
        process = subprocess.Popen(command, env=given, stdout=out, stderr=out, start_new_session=True)
    try:
        _wait_until_ready(process, port, log)
        yield Running(f"http://127.0.0.1:{port}", "127.0.0.1", port, process.pid, home)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1):
                return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"the service did not become ready:\n{log.read_text(errors='replace')[-4_000:]}")
