"""The first five minutes: one command from nothing to a filled, explained order; Ctrl-C leaves nothing behind."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.cli.cpu import children
from app.cli.exits import Exit

pytestmark = pytest.mark.postgres

# Ctrl-C promises 5 s for everything together (its watchdog ends what takes longer); this machine may have other work.
STOP_S = 15.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def command(home: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "app.cli.main", "demo", "--home", str(home), *arguments]


@contextmanager
def started(home: Path, *arguments: str):
    with subprocess.Popen(
        command(home, *arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def read_until(process, text: str) -> str:
    seen = ""
    while text not in seen:
        line = process.stdout.readline()
        assert line, f"{seen}\n{process.stderr.read()}"
        seen += line
    return seen


def descendants(pid: int) -> set[int]:
    found = set(children(pid))
    return found.union(*(descendants(child) for child in found)) if found else found


def ctrl_c(process) -> None:
    """What a terminal does: the whole foreground group hears it, the process and whatever tool it has just started."""
    os.killpg(process.pid, signal.SIGINT)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_once_fills_explains_and_exits_0(home):
    ended = subprocess.run(
        command(home, "--once", "--port", str(free_port())),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    shown = ended.stdout
    for part in (
        "kernels",
        "database",
        "6 simulated",
        "filled",
        "planned cost",
        "best single venue",
        "fee aware greedy",
    ):
        assert part in shown, part
    for step in ("delay", "spread", "impact", "fee", "basis", "opportunity", "total"):
        assert re.search(rf"^ +{step} ", shown, re.M), step
    first_fill = re.search(
        r"first fill ([\d.]+) s after the command; CPU ([\d.]+) s .*, ([\d.]+) s \(database\)", shown
    )
    assert first_fill, shown
    assert re.search(r"^  vwap +filled: [\d.]+ in \d+ fills", shown, re.M), shown
    assert re.search(
        r"^  bracket +(take profit|stop loss) sold 0\.5 at [\d.]+, the (take profit|stop loss) is", shown, re.M
    )
    page = (home / "reports" / "tca-demo.html").read_text()
    assert "The longest order in time" in page
    assert "vwap" in page
    assert "PAPER MODE" in shown
    assert not ended.stderr, ended.stderr


def test_it_stays_up_works_offline_and_ctrl_c_leaves_nothing(home):
    """Also while its orders in time are at work: they are stopped with it, without a word of complaint."""
    port = free_port()
    with started(home, "--port", str(port)) as process:
        read_until(process, "take profit at")
        below = descendants(process.pid)
        assert below, "the database is a child"
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/docs", timeout=30) as answer:
            page = answer.read().decode()
        assert not re.findall(r"(?:src|href)=[\"']https?://", page), "the docs load something from elsewhere"
        stored = json.loads((home / "service.json").read_text())
        assert stored == {"url": f"http://127.0.0.1:{port}", "data": str(home / "demo")}
        began = time.monotonic()
        ctrl_c(process)
        process.wait(60)
        took_s = time.monotonic() - began
        assert took_s < STOP_S
        assert process.returncode == 0, process.stderr.read()
        assert not process.stderr.read()
        assert not [pid for pid in below if is_alive(pid)]


def test_it_ends_when_nobody_reads_it_any_more(home):
    """`make demo | head`: the thread that tells the story died without a word, and the port was held for ever."""
    with started(home, "--port", str(free_port())) as process:
        read_until(process, "first fill")
        below = descendants(process.pid)
        process.stdout.close()
        process.wait(60)
        assert process.returncode == Exit.CHECK_FAILED
        assert "nobody reads" in process.stderr.read()
        assert not [pid for pid in below if is_alive(pid)]


def test_ctrl_c_during_the_start_leaves_nothing(home):
    with started(home, "--port", str(free_port())) as process:
        read_until(process, "kernels")
        began = time.monotonic()
        below = descendants(process.pid)
        ctrl_c(process)
        process.wait(60)
        assert time.monotonic() - began < STOP_S
        time.sleep(0.1)
        assert not [pid for pid in below if is_alive(pid)]


def test_a_busy_port_is_named_and_never_replaced(home):
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        ended = subprocess.run(
            command(home, "--once", "--port", str(server.getsockname()[1])),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert ended.returncode == Exit.USAGE
    assert f"process {os.getpid()}" in ended.stderr
    assert not (home / "demo").exists()
