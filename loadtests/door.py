"""The hot door in one process: CPU of an order up to its durable answer, and of everything that comes after it.

The application, its engine, its simulated venues and its journal file are the product's; only the socket is left out:
requests are ASGI calls. Venues are held shut while orders are placed, so that what an answer costs (parse, prove who
asks, gate, plan, facts, group commit, answer) is told apart from what follows it (venues, acks, fills, the order's
end, its cost report). CPU is that of the whole process, the journal's writer thread included; what the simulated
markets and timers take meanwhile is measured and taken off.

    python -m loadtests.door
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvloop

from app.domain.orders import Approved, ChildOrder
from app.domain.ports import VenuePort
from app.main import create_app
from app.services.engine import Engine
from app.settings import Settings
from loadtests.http import Bodies

Row = dict[str, object]
CONCURRENCY = (1, 8, 32)
N_ORDERS = 160
N_ROUNDS = 3
SETTLE_S = 10.0


@dataclass(slots=True)
class HeldVenue:
    """A venue whose door can be held shut: children wait here until `release`."""

    inner: VenuePort
    is_held: bool = False
    _waiting: list[Approved[ChildOrder]] = field(default_factory=list)

    async def send(self, approved: Approved[ChildOrder]) -> None:
        if self.is_held:
            self._waiting.append(approved)
        else:
            await self.inner.send(approved)

    async def release(self) -> None:
        self.is_held = False
        waiting, self._waiting = self._waiting, []
        for approved in waiting:
            await self.inner.send(approved)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


@dataclass(slots=True)
class Door:
    """A running application with its venues in our hands."""

    app: Any
    engine: Engine
    venues: list[HeldVenue]
    head: list[tuple[bytes, bytes]]

    async def post(self, body: bytes) -> tuple[int, bytes]:
        """One order as the server would hand it over: (status, body of the answer)."""
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": "/v1/orders",
            "raw_path": b"/v1/orders",
            "query_string": b"",
            "root_path": "",
            "headers": [*self.head, (b"content-length", b"%d" % len(body))],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 2),
            "state": {},
        }
        said: list[Any] = []

        async def receive() -> dict[str, object]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            said.append(message)

        await self.app(scope, receive, send)
        return said[0]["status"], said[1]["body"]

    async def place(self, bodies: Bodies, n_orders: int) -> None:
        """`n_orders` at once, as so many connections would; raises RuntimeError where one is not placed."""
        answers = await asyncio.gather(*(self.post(bodies.next()) for _ in range(n_orders)))
        for status, answer in answers:
            if status != 201:
                raise RuntimeError(f"an order was not placed: {status} {answer.decode()[:300]}")

    async def settle(self) -> None:
        """Until no order is open; raises TimeoutError."""
        async with asyncio.timeout(SETTLE_S):
            while self.engine.ledger.open_parents:  # noqa: ASYNC110 - a bounded wait of a bench
                await asyncio.sleep(0.002)


@asynccontextmanager
async def open_door(home: Path) -> AsyncIterator[Door]:
    """The gateway over a journal file in `home`, without a database."""
    app = create_app(Settings(home=home, database_url="", log_level="warning"))
    async with app.router.lifespan_context(app):
        engine: Engine = app.state.services.engine
        held = {name: HeldVenue(venue) for name, venue in engine.venues.items()}
        engine.venues = held
        key = (home / "demo.key").read_text().strip()
        head = [
            (b"host", b"127.0.0.1"),
            (b"authorization", b"Bearer " + key.encode()),
            (b"content-type", b"application/json"),
        ]
        door = Door(app, engine, list(held.values()), head)
        while not _has_books(engine):  # noqa: ASYNC110 - the first books are on their way
            await asyncio.sleep(0.01)
        try:
            yield door
        finally:
            for venue in door.venues:
                await venue.release()


def _has_books(engine: Engine) -> bool:
    return all(sequence > 0 for sequence in engine.books("BTC/USDT").book_seq.tolist())


async def idle_share(seconds: float = 1.0) -> float:
    """CPU share of the process while nothing is asked of it."""
    before_s, began_s = time.process_time(), time.perf_counter()
    await asyncio.sleep(seconds)
    return (time.process_time() - before_s) / (time.perf_counter() - began_s)


@dataclass(slots=True)
class Cpu:
    """CPU seconds of one phase, what idles beside it taken off."""

    idle: float
    total_s: float = 0.0

    @contextlib.contextmanager
    def __call__(self) -> Any:
        before_s, began_s = time.process_time(), time.perf_counter()
        yield
        elapsed_s = time.perf_counter() - began_s
        self.total_s += time.process_time() - before_s - self.idle * elapsed_s


async def measure_round(door: Door, n_at_once: int, n_orders: int, idle: float) -> tuple[float, float]:
    """(us of CPU per order until answered, us per order afterwards), `n_at_once` orders in flight."""
    bodies = Bodies(f"door{n_at_once}-{time.monotonic_ns()}")
    placing, after = Cpu(idle), Cpu(idle)
    for _ in range(n_orders // n_at_once):
        for venue in door.venues:
            venue.is_held = True
        with placing():
            await door.place(bodies, n_at_once)
        with after():
            for venue in door.venues:
                await venue.release()
            await door.settle()
    n_placed = n_orders // n_at_once * n_at_once
    return placing.total_s / n_placed * 1e6, after.total_s / n_placed * 1e6


async def measure(home: Path, n_orders: int = N_ORDERS, n_rounds: int = N_ROUNDS) -> list[Row]:
    """A row for each number of orders in flight; medians of interleaved rounds."""
    found: dict[int, list[tuple[float, float]]] = {n: [] for n in CONCURRENCY}
    async with open_door(home) as door:
        planner = _Timed(door)
        for n in CONCURRENCY:  # what is loaded and compiled lazily
            await measure_round(door, n, 64, 0.0)
        idle = await idle_share()
        for _ in range(n_rounds):
            for n in CONCURRENCY:
                found[n].append(await measure_round(door, n, n_orders, idle))
    plan_us = planner.us()
    rows: list[Row] = []
    for n, pairs in found.items():
        door_us = statistics.median(pair[0] for pair in pairs)
        rows.append(
            {
                "orders_at_once": n,
                "door_us": round(door_us, 1),
                "plan_us": round(plan_us, 1),
                "door_without_plan_us": round(door_us - plan_us, 1),
                "after_us": round(statistics.median(pair[1] for pair in pairs), 1),
            }
        )
    return rows


class _Timed:
    """Stands before the planner and adds up the CPU of its thread."""

    def __init__(self, door: Door) -> None:
        world = door.engine.core.world
        self._inner = world.planner
        self._n, self._ns = 0, 0
        object.__setattr__(world, "planner", self)

    def plan(self, request: Any, books: Any) -> Any:
        began_ns = time.thread_time_ns()
        planned = self._inner.plan(request, books)
        self._ns += time.thread_time_ns() - began_ns
        self._n += 1
        return planned

    def us(self) -> float:
        return self._ns / max(1, self._n) / 1e3


def rows() -> list[Row]:
    """The bench's table."""
    with tempfile.TemporaryDirectory(prefix="bestex-door-") as folder:
        return uvloop.run(measure(Path(folder)))


def main() -> None:
    """Prints the table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", action="store_true")
    found = rows()
    if parser.parse_args().json:
        print(json.dumps(found))
        return
    for row in found:
        print("  ".join(f"{name} {value}" for name, value in row.items()))


if __name__ == "__main__":
    main()
