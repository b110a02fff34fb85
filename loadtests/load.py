"""Orders sent to a service: by the clock, whether or not earlier ones have been answered, or a few at a time.

By the clock, each is timed from the instant it should have left, so that a stall counts for every order it delays (no
coordinated omission). One thread, plain sockets and a wait that is exact to microseconds: a loop that sleeps in whole
milliseconds, or that costs a core a tenth of its time, would be measured along with the service. Beside it a thread
writes and syncs a few bytes on the service's own disk now and then: a disk that stands still is told as such.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

N_CONNECTIONS: Final = 8
# How long after the last order was due answers are waited for.
GIVE_UP_S: Final = 10.0
SYNC_EVERY_S: Final = 0.02
_SYNC_BYTES: Final = b"\1" * 8_192
# In BTC. A small order fits the top of one book; a large one is split over several and leaves the books time to refill.
SMALL, LARGE = "0.01", "1"


class Bodies:
    """Market orders of one size, ioc, buys and sells in turn, each with its own client id."""

    def __init__(self, prefix: str, qty: str = SMALL) -> None:
        self._prefix, self._qty, self._n = prefix, qty, 0

    def next(self) -> bytes:
        self._n += 1
        order = {
            "client_order_id": f"{self._prefix}-{self._n}",
            "symbol": "BTC/USDT",
            "side": "buy" if self._n % 2 else "sell",
            "type": "market",
            "time_in_force": "ioc",
            "qty": self._qty,
            "max_slippage_bps": "25",
        }
        return json.dumps(order).encode()

    def some(self, n_orders: int) -> list[bytes]:
        return [self.next() for _ in range(n_orders)]


@dataclass(slots=True)
class Rate:
    """One fixed rate: latencies in ms from the instant an order was due, what came back, and bare syncs meanwhile."""

    rate_per_s: int
    latency_ms: list[float] = field(default_factory=list)
    n_errors: int = 0
    late_ms: list[float] = field(default_factory=list)
    sync_ms: list[float] = field(default_factory=list)

    @classmethod
    def joined(cls, runs: Sequence[Rate]) -> Rate:
        """Runs at one rate as if they had been one."""
        whole = cls(runs[0].rate_per_s)
        for run in runs:
            whole.latency_ms += run.latency_ms
            whole.n_errors += run.n_errors
            whole.late_ms += run.late_ms
            whole.sync_ms += run.sync_ms
        return whole

    def row(self) -> dict[str, object]:
        values = sorted(self.latency_ms)
        return {
            "rate_per_s": self.rate_per_s,
            "n_orders": len(values) + self.n_errors,
            "n_errors": self.n_errors,
            "p50_ms": _at(values, 0.5),
            "p90_ms": _at(values, 0.9),
            "p99_ms": _at(values, 0.99),
            "max_ms": _at(values, 1.0),
            "generator_late_ms_p99": _at(sorted(self.late_ms), 0.99),
            "bare_sync_ms_max": _at(sorted(self.sync_ms), 1.0),
        }


def _at(values: list[float], fraction: float) -> float:
    return round(values[min(len(values) - 1, int(len(values) * fraction))], 2) if values else float("nan")


class Line:
    """One keep-alive HTTP/1.1 connection with at most one order under way, due at `due_s` of the monotonic clock."""

    def __init__(self, host: str, port: int) -> None:
        self.socket = socket.create_connection((host, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.due_s = 0.0
        self._read = b""

    def status(self) -> int:
        """Reads what is there: the answer's status once it is whole, 0 before. Raises OSError at a hang-up."""
        more = self.socket.recv(65_536)
        if not more:
            raise ConnectionResetError
        self._read += more
        head, ended, body = self._read.partition(b"\r\n\r\n")
        lowered = head.lower()
        at = lowered.find(b"content-length:")
        if not ended or at < 0 or len(body) < int(lowered[at + 15 :].partition(b"\r\n")[0]):
            return 0
        self._read = b""
        return int(head[9:12])


@dataclass(slots=True)
class _Sender:
    """Sends and takes what is answered; a line that is busy is never waited for, another one is opened."""

    host: str
    port: int
    key: str
    bodies: Bodies
    result: Rate
    lines: dict[int, Line] = field(default_factory=dict)
    idle: list[Line] = field(default_factory=list)
    answers: select.epoll = field(default_factory=select.epoll)

    def send(self, due_s: float) -> None:
        body = self.bodies.next()
        head = f"POST /v1/orders HTTP/1.1\r\nHost: {self.host}:{self.port}\r\nAuthorization: Bearer {self.key}\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self.result.late_ms.append((time.monotonic() - due_s) * 1e3)
        try:
            line = self.idle.pop() if self.idle else self.opened()
        except OSError:
            self.result.n_errors += 1
            return
        line.due_s = due_s
        with contextlib.suppress(ConnectionError):  # a line that hung up is let go of when that is read
            line.socket.sendall(head.encode() + body)

    def opened(self) -> Line:
        line = Line(self.host, self.port)
        self.answers.register(line.socket, select.EPOLLIN)
        self.lines[line.socket.fileno()] = line
        return line

    def take(self, wait_s: float) -> bool:
        """Takes what comes within `wait_s`; whether anything did. (epoll itself waits for whole milliseconds.)"""
        if not select.select([self.answers], [], [], max(0.0, wait_s))[0]:
            return False
        for descriptor, _ in self.answers.poll(0):
            line = self.lines[descriptor]
            try:
                status = line.status()
            except OSError:
                self.let_go(line)
                continue
            if status == 201:
                self.result.latency_ms.append((time.monotonic() - line.due_s) * 1e3)
            elif status:
                self.result.n_errors += 1
            if status:
                self.idle.append(line)
        return True

    @property
    def n_busy(self) -> int:
        return len(self.lines) - len(self.idle)

    def let_go(self, line: Line) -> None:
        """The service has hung up: an order under way there has failed."""
        if line in self.idle:
            self.idle.remove(line)
        else:
            self.result.n_errors += 1
        del self.lines[line.socket.fileno()]
        line.socket.close()

    def close(self) -> None:
        self.result.n_errors += self.n_busy
        for line in self.lines.values():
            line.socket.close()
        self.answers.close()


def open_loop(
    host: str, port: int, key: str, rate_per_s: int, seconds: float, qty: str = SMALL, home: Path | None = None
) -> Rate:
    """Orders at `rate_per_s`; `home`: a folder on the service's disk, where bare syncs are timed meanwhile."""
    result = Rate(rate_per_s)
    bodies = Bodies(f"rate{rate_per_s}-{time.monotonic_ns()}", qty)
    sender = _Sender(host, port, key, bodies, result)
    with _syncing(home, result.sync_ms), contextlib.closing(sender):
        sender.idle += [sender.opened() for _ in range(N_CONNECTIONS)]
        begin_s = time.monotonic() + 0.1
        for number in range(int(rate_per_s * seconds)):
            due_s = begin_s + number / rate_per_s
            while (wait_s := due_s - time.monotonic()) > 0:
                sender.take(wait_s)
            sender.send(due_s)
            sender.take(0.0)
        give_up_s = time.monotonic() + GIVE_UP_S
        while sender.n_busy and (wait_s := give_up_s - time.monotonic()) > 0:
            sender.take(wait_s)
    return result


def closed_loop(host: str, port: int, key: str, n_orders: int) -> int:
    """`n_orders`, N_CONNECTIONS at a time, as fast as they are answered; how many were placed."""
    result, n_sent = Rate(0), 0
    with contextlib.closing(_Sender(host, port, key, Bodies(f"cpu-{time.monotonic_ns()}"), result)) as sender:
        while n_sent < n_orders or sender.n_busy:
            while n_sent < n_orders and sender.n_busy < N_CONNECTIONS:
                sender.send(time.monotonic())
                n_sent += 1
            if sender.n_busy and not sender.take(GIVE_UP_S):
                break
    return len(result.latency_ms)


@contextlib.contextmanager
def _syncing(home: Path | None, sync_ms: list[float]) -> Iterator[None]:
    """Times a bare write and sync on the disk of `home` every SYNC_EVERY_S while the block runs."""
    if home is None:
        yield
        return
    ended = threading.Event()

    def sync_for_ever(descriptor: int) -> None:
        while not ended.wait(SYNC_EVERY_S):
            began_s = time.monotonic()
            os.pwrite(descriptor, _SYNC_BYTES, 0)
            os.fdatasync(descriptor)
            sync_ms.append((time.monotonic() - began_s) * 1e3)

    with tempfile.TemporaryFile(dir=home) as beside:
        os.pwrite(beside.fileno(), _SYNC_BYTES, 0)
        os.fsync(beside.fileno())
        thread = threading.Thread(target=sync_for_ever, args=(beside.fileno(),), daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
