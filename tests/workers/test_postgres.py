"""The embedded server starts anywhere, keeps what was committed, and never outlives its owner."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import asyncpg
import pytest

from app.cli.cpu import children
from app.store.orders import LOST
from app.workers import postgres as postgres_module
from app.workers.postgres import NOBODY, EmbeddedPostgres, PostgresFailed
from tests.conftest import REPOSITORY, run_apart

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="no /proc here: processes cannot be looked for"),
]
is_root = os.geteuid() == 0
START = """
import sys, time
from pathlib import Path
from app.workers.postgres import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]))
print(server.start(), server.pid, flush=True)
time.sleep(float(sys.argv[2]))
server.stop()
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that everybody may enter."""
    yield from new_folder()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Path]:
    """The folder of a cluster that these tests share one after the other: making one is the slow part."""
    for path in new_folder():
        made = EmbeddedPostgres(path / "data")
        made.start()
        made.stop()
        yield path / "data"


@pytest.fixture
def server(cluster: Path) -> Iterator[EmbeddedPostgres]:
    """A server over the shared cluster, not started."""
    made = EmbeddedPostgres(cluster)
    yield made
    made.stop()


def new_folder() -> Iterator[Path]:
    path = Path(mkdtemp(prefix="bestex-test-pg-"))
    path.chmod(0o711)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def query(url: str, statement: str) -> object:
    async def run() -> object:
        connection = await asyncpg.connect(url, timeout=5)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    return run_apart(run())


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until_gone(pid: int, data: Path) -> None:
    deadline = time.monotonic() + 10
    while is_running(pid) or postgres_module._servers_in(data):
        assert time.monotonic() < deadline, f"process {pid} is still there"
        time.sleep(0.02)


def test_a_cluster_is_made_once_and_starts_again_fast(server: EmbeddedPostgres) -> None:
    url = server.start()
    assert url.startswith("postgresql://bestex:") and url.endswith("/bestex") and "@127.0.0.1:" in url
    assert server.start() == url
    assert query(url, "select current_user || ' ' || current_database()") == "bestex bestex"
    query(url, "create table if not exists kept (n int)")
    started_s = time.monotonic()
    server.stop()
    assert time.monotonic() - started_s < 3
    assert server.pid == 0
    with pytest.raises(OSError):
        query(url, "select 1")
    assert server.start() == url  # the same address, so that clients find it again
    assert query(url, "select count(*) from kept") == 0
    again = EmbeddedPostgres(server.home)
    server.stop()
    assert query(again.start(), "select count(*) from kept") == 0
    again.stop()
    again.stop()


def test_only_the_owner_gets_in(server: EmbeddedPostgres) -> None:
    url = server.start()
    with pytest.raises(asyncpg.InvalidPasswordError):
        query(url.replace("bestex:", "bestex:x", 1), "select 1")
    assert query(url, "show password_encryption") == "scram-sha-256"
    assert query(url, "show listen_addresses") == "127.0.0.1"
    assert query(url, "show unix_socket_directories") == ""
    password = url.partition("bestex:")[2].partition("@")[0]
    assert (server.home / "password").stat().st_mode & 0o077 == 0
    for pid in postgres_module._servers_in(server.home / "pgdata"):
        for name in ("cmdline", "environ"):
            assert password.encode() not in Path(f"/proc/{pid}/{name}").read_bytes()


def test_the_server_is_durable_and_in_its_own_session(server: EmbeddedPostgres) -> None:
    url = server.start()
    for setting in ("fsync", "synchronous_commit", "full_page_writes", "data_checksums"):
        assert query(url, f"show {setting}") == "on"
    assert os.getsid(server.pid) == server.pid != os.getsid(0)
    for pid in (server.pid, *children(server.pid)):
        assert os.sched_getscheduler(pid) == os.SCHED_BATCH, "no order waits for a row"
    uid = Path(f"/proc/{server.pid}").stat().st_uid
    assert uid == (NOBODY if is_root else os.geteuid())


def test_what_was_committed_survives_kill_9_of_every_process(server: EmbeddedPostgres) -> None:
    url = server.start()

    async def insert_until_killed() -> int:
        connection = await asyncpg.connect(url)
        await connection.execute("drop table if exists numbers; create table numbers (n bigint primary key)")
        killer = asyncio.get_running_loop().run_in_executor(None, lambda: (time.sleep(0.3), server.crash()))
        n_acked = 0
        try:
            while True:
                await connection.execute("insert into numbers values ($1)", n_acked + 1)
                n_acked += 1
        except LOST:
            pass
        await killer
        return n_acked

    n_acked = run_apart(insert_until_killed())
    assert server.pid == 0
    assert not postgres_module._servers_in(server.home / "pgdata")
    found = query(server.start(), "select count(*) from numbers where n <= 1000000")
    assert isinstance(found, int)
    assert found >= n_acked > 0


def test_no_server_outlives_an_owner_that_is_killed(cluster: Path) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", START, str(cluster), "60"], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    url, pid = owner.stdout.readline().split()
    assert query(url, "select 1") == 1
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    owner.stdout.close()
    successor = EmbeddedPostgres(cluster)  # at once: it waits for the dying one
    assert query(successor.start(), "select 1") == 1
    assert not is_running(int(pid))
    successor.stop()
    wait_until_gone(int(pid), cluster / "pgdata")


def test_a_server_started_from_a_thread_that_ends_stays(server: EmbeddedPostgres) -> None:
    async def start() -> str:
        return server.start()

    url = run_apart(start())
    time.sleep(0.2)
    assert query(url, "select 1") == 1


def test_a_folder_in_use_is_refused_with_the_pid(server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch) -> None:
    server.start()
    monkeypatch.setattr(postgres_module, "PREDECESSOR_TIMEOUT_S", 0.1)
    with pytest.raises(PostgresFailed, match="in use by process"):
        EmbeddedPostgres(server.home).start()


def test_a_stale_pid_file_of_a_living_stranger_is_no_obstacle(server: EmbeddedPostgres) -> None:
    server.start()
    pid_file = server.home / "pgdata" / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    server.crash()
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    assert query(server.start(), "select 1") == 1


def test_a_half_made_cluster_is_made_anew_and_forget_leaves_nothing(folder: Path) -> None:
    (folder / "data" / "pgdata" / "base").mkdir(parents=True)
    server = EmbeddedPostgres(folder / "data")
    try:
        assert query(server.start(), "select 1") == 1
    finally:
        server.forget()
    assert not list(server.home.iterdir())
    assert not postgres_module._servers_in(server.home / "pgdata")


def test_another_major_version_is_refused_and_untouched(server: EmbeddedPostgres) -> None:
    version_file = server.home / "pgdata" / "PG_VERSION"
    version = version_file.read_text()
    version_file.write_text("14\n")
    try:
        with pytest.raises(PostgresFailed, match="PostgreSQL 14"):
            server.start()
    finally:
        version_file.write_text(version)


def test_a_server_that_cannot_start_says_why(cluster: Path) -> None:
    server = EmbeddedPostgres(cluster, {"shared_buffers": "nonsense"})
    with pytest.raises(PostgresFailed, match="shared_buffers"):
        server.start()
    assert server.pid == 0


def test_a_port_that_was_taken_meanwhile_is_given_up(server: EmbeddedPostgres) -> None:
    import socket

    url = server.start()
    server.stop()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", int(url.rpartition(":")[2].partition("/")[0])))
        taken.listen()
        other = server.start()
        assert other != url
        assert query(other, "select 1") == 1


@pytest.mark.skipif(not is_root, reason="only root has folders that its server cannot enter")
def test_under_a_folder_of_root_alone_the_cluster_lies_elsewhere(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_module, "_ROOT_HOMES", folder / "var")
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    server = EmbeddedPostgres(closed / "demo" / "postgres")
    try:
        assert query(server.start(), "select 1") == 1
        assert server.home.parent == folder / "var"
        assert closed.stat().st_mode & 0o777 == 0o700
        server.stop()
        again = EmbeddedPostgres(closed / "demo" / "postgres")
        again.start()
        assert again.home == server.home
        again.stop()
    finally:
        server.stop()


@pytest.mark.skipif(not is_root, reason="only root has binaries that its server cannot reach")
def test_binaries_that_the_server_cannot_reach_are_copied_once(
    server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_enter = postgres_module._may_others_enter
    monkeypatch.setattr(
        postgres_module, "_may_others_enter", lambda path: "site-packages" not in path.parts and may_enter(path)
    )
    previous = os.umask(0o077)
    try:
        assert query(server.start(), "select 1") == 1
        executable = Path(f"/proc/{server.pid}/exe").readlink()
        assert executable.is_relative_to(server.home / "binaries")
        made_ns = executable.stat().st_ctime_ns
        server.stop()
        server.start()
        assert executable.stat().st_ctime_ns == made_ns
    finally:
        os.umask(previous)


AS_NOBODY: dict[str, Any] = {"user": NOBODY, "group": NOBODY, "extra_groups": []}


def python_of_everybody() -> str:
    """A Python of this version that an ordinary user may run, empty if there is none."""
    check = f"import sys; sys.exit(sys.version_info[:2] != {sys.version_info[:2]!r})"
    for candidate in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        with contextlib.suppress(OSError):
            if subprocess.run([candidate, "-c", check], check=False, capture_output=True, **AS_NOBODY).returncode == 0:
                return candidate
    return ""


@pytest.mark.skipif(not is_root, reason="this is an ordinary user already")
def test_an_ordinary_user_needs_nothing_of_root(folder: Path) -> None:
    python = python_of_everybody()
    if not python:
        pytest.skip(f"no Python {sys.version_info[0]}.{sys.version_info[1]} that an ordinary user may run")
    home = folder / "home"
    home.mkdir()
    os.chown(home, NOBODY, NOBODY)
    packages = Path(asyncpg.__file__).parents[1]
    ran = subprocess.run(
        [python, "-c", START, str(home / "data"), "0.1"],
        cwd="/",
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "PYTHONPATH": f"{REPOSITORY}:{packages}",
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **AS_NOBODY,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("postgresql://bestex:")
    assert (home / "data" / "pgdata").stat().st_uid == NOBODY
