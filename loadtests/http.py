"""The service under HTTP: CPU of the server per order, beside an idle idiomatic service, and latency at fixed rates
(loadtests/load.py), the last of them several times, for one stall of the machine is a run's 99th percentile.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from app.cli.cpu import children, cpu_s
from loadtests import probe
from loadtests.load import LARGE, Rate, closed_loop, open_loop
from loadtests.running import Running, free_port, running_service

RATES_PER_S = (50, 100, 200, 500, 500, 500, 500, 500)
RATE_SECONDS = 5.0
CPU_ORDERS = 400
CPU_ROUNDS = 3
# Until the last order's rows are made: a batch gathers for a third of a second.
SETTLE_S = 0.7
LARGE_RATE_PER_S, LARGE_SECONDS = 5, 6.0
# An order is measured against the market until a minute after its end, and leaves the projector's memory then: what
# that costs beside new orders is seen from the second minute on.
LASTING_RATE_PER_S, LASTING_SECONDS, LASTING_GAP_S = 200, 10.0, 55.0


@dataclass(frozen=True, slots=True)
class Spent:
    """CPU seconds of a service by who spent them: the gateway that answers, its other processes, Postgres below it."""

    gateway_s: float
    beside_s: float
    database_s: float

    @property
    def own_s(self) -> float:
        """All but the database."""
        return self.gateway_s + self.beside_s

    def since(self, before: Spent) -> Spent:
        return Spent(
            self.gateway_s - before.gateway_s, self.beside_s - before.beside_s, self.database_s - before.database_s
        )


def spent(pid: int) -> Spent:
    """What the service of that process has spent, its living children and theirs included."""
    beside_s, database_s, waiting = 0.0, 0.0, children(pid)
    while waiting:
        child = waiting.pop()
        waiting += children(child)
        if _is_postgres(child):
            database_s += cpu_s(child)
        else:
            beside_s += cpu_s(child)
    return Spent(cpu_s(pid), beside_s, database_s)


def _is_postgres(pid: int) -> bool:
    with suppress(OSError):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        return words[0].startswith(b"postgres:") or words[0].rpartition(b"/")[2] == b"postgres"
    return False


def spent_on_orders(host: str, port: int, key: str, pid: int, idle_share: float = 0.0) -> tuple[int, Spent]:
    """(orders placed, what they cost in all), answers, executions, rows included.

    The last children fill and the last rows are made while nothing more comes: what an idle gateway takes then is off.
    """
    before = spent(pid)
    placed = closed_loop(host, port, key, CPU_ORDERS)
    time.sleep(SETTLE_S)
    if placed < CPU_ORDERS * 0.99:
        raise RuntimeError(f"only {placed} of {CPU_ORDERS} orders were placed")
    cost = spent(pid).since(before)
    return placed, replace(cost, gateway_s=cost.gateway_s - idle_share * SETTLE_S)


def cpu_per_order_us(host: str, port: int, key: str, pid: int) -> float:
    """CPU microseconds per order placed of the service, all its processes but the database."""
    placed, cost = spent_on_orders(host, port, key, pid)
    return cost.own_s / placed * 1e6


def cpu_per_split_us(host: str, port: int, key: str, pid: int, idle_share: float) -> float:
    """As `cpu_per_order_us` for large orders at a slow rate; what the idle service takes meanwhile is taken off."""
    before, started = spent(pid), time.monotonic()
    result = open_loop(host, port, key, LARGE_RATE_PER_S, LARGE_SECONDS, LARGE)
    time.sleep(0.5)
    if not result.latency_ms:
        raise RuntimeError("no large order was placed")
    cost_s = spent(pid).since(before).own_s - idle_share * (time.monotonic() - started)
    return cost_s / len(result.latency_ms) * 1e6


def idle_cpu_share(pid: int, seconds: float = 1.0) -> float:
    """CPU the service takes with no order at all: six simulated markets moving, heartbeats, timers."""
    before = spent(pid)
    time.sleep(seconds)
    return spent(pid).since(before).own_s / seconds


@contextmanager
def idiomatic_service() -> Iterator[tuple[int, int]]:
    """(port, pid) of the yardstick."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "loadtests.idiomatic", str(port)])
    try:
        for _ in range(400):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1):
                    break
            except OSError:
                time.sleep(0.05)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def _service() -> Iterator[Running]:
    with (
        tempfile.TemporaryDirectory(prefix="bestex-bench-") as folder,
        running_service(_enterable(Path(folder))) as service,
    ):
        yield service


def measure_cpu(*, is_quick: bool = False) -> list[dict[str, object]]:
    """CPU per order in interleaved rounds beside the yardstick: one row."""
    with _service() as service, idiomatic_service() as (port, pid):
        return [_cpu(service, port, pid, 1 if is_quick else CPU_ROUNDS)]


def measure_rates(*, is_quick: bool = False) -> list[dict[str, object]]:
    """Latencies at the fixed rates, a contention probe beside each: one row a rate."""
    with _service() as service:
        return _rates(service, RATE_SECONDS / 2 if is_quick else RATE_SECONDS)


def measure_lasting(*, is_quick: bool = False) -> list[dict[str, object]]:
    """One rate held for more than a minute: a row of its beginning, one of what comes after; quick is no quicker."""
    rows = []
    with _service() as service:
        closed_loop(service.host, service.port, service.key, CPU_ORDERS)  # what is loaded lazily
        for after_s, wait_s in ((0.0, 0.0), (LASTING_SECONDS + LASTING_GAP_S, LASTING_GAP_S)):
            if wait_s:
                open_loop(service.host, service.port, service.key, LASTING_RATE_PER_S, wait_s)
            rows.append({"after_s": after_s} | _lasting_row(service))
    return rows


def _lasting_row(service: Running) -> dict[str, object]:
    before = spent(service.pid)
    result = open_loop(service.host, service.port, service.key, LASTING_RATE_PER_S, LASTING_SECONDS, home=service.home)
    cost, n = spent(service.pid).since(before), LASTING_RATE_PER_S * LASTING_SECONDS
    names = ("rate_per_s", "n_orders", "n_errors", "p50_ms", "p99_ms", "bare_sync_ms_max")
    latency = {name: value for name, value in result.row().items() if name in names}
    parts = {"gateway_us": cost.gateway_s, "beside_us": cost.beside_s, "database_us": cost.database_s}
    return latency | {name: round(each_s / n * 1e6) for name, each_s in parts.items()}


def _enterable(folder: Path) -> Path:
    """As root, the database runs as somebody who must enter the folder."""
    folder.chmod(0o711)
    return folder


def _cpu(service: Running, twin_port: int, twin_pid: int, n_rounds: int) -> dict[str, object]:
    ours, theirs, parts = [], [], list[tuple[float, float]]()
    cpu_per_order_us(service.host, service.port, service.key, service.pid)  # first orders load what is loaded lazily
    cpu_per_order_us("127.0.0.1", twin_port, "twin", twin_pid)
    idle_share = idle_cpu_share(service.pid)
    for _ in range(n_rounds):
        placed, cost = spent_on_orders(service.host, service.port, service.key, service.pid, idle_share)
        ours.append(cost.own_s / placed * 1e6)
        parts.append((cost.gateway_s / placed * 1e6, cost.database_s / placed * 1e6))
        theirs.append(cpu_per_order_us("127.0.0.1", twin_port, "twin", twin_pid))
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    split_us = cpu_per_split_us(service.host, service.port, service.key, service.pid, idle_share)
    return {
        "order_us": round(statistics.median(ours)),
        "gateway_us": round(statistics.median(gateway_us for gateway_us, _ in parts)),
        "database_us": round(statistics.median(database_us for _, database_us in parts)),
        "idiomatic_us": round(statistics.median(theirs)),
        "order_over_idiomatic": round(statistics.median(ratios), 2),
        "split_order_us": round(split_us),
        "idle_cpu_percent": round(100 * idle_share, 1),
    }


def _rates(service: Running, seconds: float) -> list[dict[str, object]]:
    """A row a run, then one of all the runs of the last rate together: a run alone has a dozen orders in its tail."""
    rows, runs, looks = [], list[Rate](), list[probe.Probe]()
    for rate in RATES_PER_S:
        looks.append(probe.look())
        runs.append(open_loop(service.host, service.port, service.key, rate, seconds, home=service.home))
        rows.append(_rate_row(1, runs[-1], looks[-1:]))
    n = RATES_PER_S.count(RATES_PER_S[-1])
    return [*rows, _rate_row(n, Rate.joined(runs[-n:]), looks[-n:])]


def _rate_row(n_runs: int, result: Rate, looks: Sequence[probe.Probe]) -> dict[str, object]:
    return result.row() | {
        "n_runs": n_runs,
        "probe_p50": statistics.median(look.stretch_p50 for look in looks),
        "probe_p99": max(look.stretch_p99 for look in looks),
        "far_ns": statistics.median(look.far_ns for look in looks),
    }
