"""The hot door in one process: CPU of an order up to its durable answer, and of everything that comes after it.

The application, its engine, its simulated venues and its journal file are the product's; only the socket is left out:
requests are ASGI calls. Venues are held shut while orders are placed, so that what an answer costs (parse, prove who
asks, gate, plan, facts, group commit, answer) is told apart from what follows it (venues, acks, fills, the order's
end, its cost report). CPU is that of the whole process, the journal's writer thread included; what the simulated
markets and timers take meanwhile is measured and taken off. Beside it, in the same rounds and the same way, run two
yardsticks: the idiomatic route of loadtests/idiomatic.py, which parses the same body and answers, and does nothing
else; and that of loadtests/idiomatic_whole.py, which also proves who asks, checks, splits and stores before it answers.

    python -m loadtests.door
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import json
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import uvloop

from app.domain.orders import Approved, ChildOrder
from app.domain.ports import VenuePort
from app.main import create_app
from app.services.engine import Engine
from app.settings import Settings
from loadtests import idiomatic, idiomatic_whole
from loadtests.load import Bodies

Row = dict[str, object]
CONCURRENCY = (1, 8, 32)
N_ORDERS = 160
N_ROUNDS = 3
SETTLE_S = 10.0
SYMBOL = "BTC/USDT"


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

    async def post(self, app: Any, body: bytes) -> tuple[int, bytes]:
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

        await app(scope, receive, send)
        return said[0]["status"], said[1]["body"]

    async def place(self, app: Any, bodies: Sequence[bytes]) -> None:
        """All at once, as so many connections would; raises RuntimeError where one is not placed."""
        answers = await asyncio.gather(*(self.post(app, body) for body in bodies))
        for status, answer in answers:
            if status != 201:
                raise RuntimeError(f"an order was not placed: {status} {answer.decode()[:300]}")

    async def settle(self) -> None:
        """Until no order is open and every fact is durable and told to its listeners; raises TimeoutError."""
        async with asyncio.timeout(SETTLE_S):
            while self.engine.ledger.open_parents:  # noqa: ASYNC110 - a bounded wait of a bench
                await asyncio.sleep(0.002)
            await self.engine.durable()
            await asyncio.sleep(0)

    def show_market(self) -> None:
        """Gives the whole yardstick the books of this instant."""
        books, symbol = self.engine.books(SYMBOL), self.engine.universe.symbols[SYMBOL]
        price, qty = Decimal(1).scaleb(-symbol.price_scale), Decimal(1).scaleb(-symbol.qty_scale)
        for i, name in enumerate(books.venues):
            bids, asks = (
                [
                    (p * price, q * qty)
                    for p, q in zip(
                        books.price_units[i, side, : books.n_levels[i, side]].tolist(),
                        books.qty_units[i, side, : books.n_levels[i, side]].tolist(),
                        strict=True,
                    )
                ]
                for side in (0, 1)
            )
            listing, fee = self.engine.universe.instruments[name, SYMBOL], self.engine.universe.fees[name]
            rich = Decimal(10**9)
            idiomatic_whole.app.state.desk.venues[name] = idiomatic_whole.Venue(
                bids, asks, Decimal(fee.taker_fee_ppm), listing.lot_units * qty, rich, rich
            )


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
        keys = {hashlib.sha256(key.encode()).hexdigest(): "demo"}
        database = idiomatic_whole.open_database(home / "idiomatic.db")
        idiomatic_whole.app.state.desk = idiomatic_whole.Desk(database, keys)
        while not _has_books(engine):  # noqa: ASYNC110 - the first books are on their way
            await asyncio.sleep(0.01)
        try:
            yield door
        finally:
            for venue in door.venues:
                await venue.release()
            database.close()


def _has_books(engine: Engine) -> bool:
    return all(sequence > 0 for sequence in engine.books(SYMBOL).book_seq.tolist())


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


@dataclass(slots=True)
class Batch:
    """CPU us per order of a batch: until answered (`plan_us` of it, wall, in the planner), afterwards, yardsticks."""

    door_us: float
    plan_us: float
    after_us: float
    idiomatic_us: float
    whole_us: float
    n_groups: float


async def measure_batches(door: Door, n_at_once: int, n_orders: int, idle: float) -> list[Batch]:
    """`n_orders` in batches of `n_at_once`."""
    bodies = Bodies(f"door{n_at_once}-{time.monotonic_ns()}")
    planner, journal = timed_planner(door), CountedJournal(door)
    batches = []
    for _ in range(n_orders // n_at_once):
        placing, after, twin, whole = Cpu(idle), Cpu(idle), Cpu(idle), Cpu(idle)
        planner.ns = journal.n_groups = 0
        for venue in door.venues:
            venue.is_held = True
        ours, theirs, whole_ones = (bodies.some(n_at_once) for _ in range(3))  # their making is nobody's cost
        planner.is_on = journal.is_on = True
        with placing():
            await door.place(door.app, ours)
        planner.is_on = journal.is_on = False
        with after():
            for venue in door.venues:
                await venue.release()
            await door.settle()
        with twin():
            await door.place(idiomatic.app, theirs)
        door.show_market()
        with whole():
            await door.place(idiomatic_whole.app, whole_ones)
        door_us, after_us, twin_us, whole_us = (1e6 * c.total_s / n_at_once for c in (placing, after, twin, whole))
        plan_us = planner.ns / n_at_once / 1e3
        batches.append(Batch(door_us, plan_us, after_us, twin_us, whole_us, journal.n_groups / n_at_once))
    journal.leave()
    return batches


async def measure(home: Path, n_orders: int = N_ORDERS, n_rounds: int = N_ROUNDS) -> list[Row]:
    """A row for each number of orders in flight, from interleaved rounds."""
    found: dict[int, list[Batch]] = {n: [] for n in CONCURRENCY}
    async with open_door(home) as door:
        for n in CONCURRENCY:  # what is loaded and compiled lazily
            await measure_batches(door, n, 64, 0.0)
        idle = await idle_share()
        for _ in range(n_rounds):
            for n in CONCURRENCY:
                found[n] += await measure_batches(door, n, n_orders, idle)
    return [row_of(n, batches) for n, batches in found.items()]


def row_of(n_at_once: int, batches: Sequence[Batch]) -> Row:
    """Microseconds are the batches' tenth percentile (neighbours on the cores only add), ratios are their medians."""

    def low(value: Callable[[Batch], float]) -> float:
        values = sorted(value(each) for each in batches)
        return round(values[len(values) // 10], 1)

    def median(value: Callable[[Batch], float]) -> float:
        return round(float(statistics.median(value(each) for each in batches)), 2)

    return {
        "orders_at_once": n_at_once,
        "door_us": low(lambda each: each.door_us),
        "plan_us": low(lambda each: each.plan_us),
        "door_without_plan_us": low(lambda each: each.door_us - each.plan_us),
        "after_us": low(lambda each: each.after_us),
        "idiomatic_us": low(lambda each: each.idiomatic_us),
        "whole_us": low(lambda each: each.whole_us),
        "door_over_whole": median(lambda each: each.door_us / each.whole_us),
        "door_over_idiomatic": median(lambda each: each.door_us / each.idiomatic_us),
        "without_plan_over_idiomatic": median(lambda each: (each.door_us - each.plan_us) / each.idiomatic_us),
        "commits_per_order": median(lambda each: each.n_groups),
    }


@dataclass(slots=True)
class TimedPlanner:
    """Stands before the planner and adds up how long it takes: it waits for nothing, and a thread's own clock would
    cost ten times as much, in what is measured.
    """

    inner: Any
    is_on: bool = False
    ns: int = 0

    def plan(self, request: Any, books: Any) -> Any:
        if not self.is_on:
            return self.inner.plan(request, books)
        began_ns = time.perf_counter_ns()
        planned = self.inner.plan(request, books)
        self.ns += time.perf_counter_ns() - began_ns
        return planned


def timed_planner(door: Door) -> TimedPlanner:
    """A fresh watch before the engine's planner."""
    world = door.engine.core.world
    inner = world.planner.inner if isinstance(world.planner, TimedPlanner) else world.planner
    planner = TimedPlanner(inner)
    door.engine.core.world = replace(world, planner=planner)
    return planner


class CountedJournal:
    """Counts the groups that the engine hands to its journal."""

    def __init__(self, door: Door) -> None:
        self._engine, self._journal = door.engine, door.engine.journal
        self.is_on, self.n_groups = False, 0
        door.engine.journal = self

    def append(self, facts: Any, receipts: Any) -> None:
        assert self._journal is not None
        self.n_groups += self.is_on
        self._journal.append(facts, receipts)

    def leave(self) -> None:
        self._engine.journal = self._journal

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)


def rows(*, is_quick: bool = False) -> list[Row]:
    """The bench's table; quick is no quicker: batches are short already."""
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
