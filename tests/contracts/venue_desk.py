"""Two ways to reach a paper venue, behind one face: in process, and as a real process over TCP."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

from app.domain.book import BookDelta, BookSnapshot
from app.domain.enums import Side, TimeInForce
from app.domain.fills import ExecutionReport, ReportKind
from app.domain.orders import Approved, ChildOrder
from app.domain.universe import Universe
from app.venues.base import VenueBase
from app.venues.clock import SystemClock
from app.venues.faults import Faults
from app.venues.ledger import AcceptedLine, LedgerLine, ledger_path, read_ledger
from app.venues.paper import PaperVenue, make_paper_venues
from app.venues.registry import load_universe
from app.venues.remote import RemoteVenue

ROOT = Path(__file__).resolve().parents[2]
VENUE = "sim_bravo"
SYMBOL = "BTC/USDT"
_ids = count(1)


class VenueProcess:
    """`python -m app.venues.process` on a folder of ledgers; stopped by its own process id."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = 0
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        options = ["--dir", str(self.folder), "--port", str(self.port), "--seed", "7", "--may-fail"]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "app.venues.process", *options], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        word, port = self._process.stdout.readline().split()
        assert word == "ready"
        self.port = int(port)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        assert self._process is not None
        assert self._process.stdout is not None
        self._process.send_signal(how)
        code = self._process.wait(10)
        self._process.stdout.close()
        return code


@dataclass
class VenueDesk:
    """One adapter of `VENUE` with everything it said. `process` None: in process, ledgers in `folder`."""

    folder: Path
    process: VenueProcess | None
    family: str = "basic"
    universe: Universe = field(default_factory=load_universe)
    clock: SystemClock = field(default_factory=SystemClock)
    reports: list[ExecutionReport] = field(default_factory=list)
    books: list[BookSnapshot] = field(default_factory=list)
    venue: VenueBase = field(init=False)

    async def open(self) -> None:
        self.venue = self._make()
        await self.venue.start(self.reports.append, self._on_book)
        await self.until(lambda: self.book() is not None)

    async def close(self) -> None:
        await self.set_faults(Faults())
        await self.venue.stop()

    async def restart(self) -> None:
        """The venue's own process (or object) ends and comes back on the same ledger."""
        await self.venue.stop()
        if self.process is not None:
            await asyncio.to_thread(self.process.stop)
            await asyncio.to_thread(self.process.start)
        self.reports.clear()
        self.books.clear()
        await self.open()

    async def another_gateway(self) -> VenueDesk:
        """A second adapter of the same venue that knows nothing of the first; its reports are its own."""
        other = VenueDesk(self.folder, self.process)
        if self.process is None:
            assert isinstance(self.venue, PaperVenue)
            other.venue = PaperVenue(self.venue.exchange, self.clock)
            self.venue.exchange.attach(other.reports.append, other._on_book)
            return other
        await other.open()
        return other

    def _make(self) -> VenueBase:
        if self.process is not None:
            return RemoteVenue(VENUE, self.clock, "127.0.0.1", self.process.port)
        return make_paper_venues(self.universe, self.clock, self.folder, 7, family=self.family)[VENUE]

    def _on_book(self, book: BookSnapshot | BookDelta) -> None:
        assert isinstance(book, BookSnapshot)
        self.books.append(book)

    async def set_faults(self, faults: Faults) -> None:
        if isinstance(self.venue, PaperVenue):
            self.venue.exchange.set_faults(faults)
        elif isinstance(self.venue, RemoteVenue) and self.venue.is_connected:
            await self.venue.set_faults(faults)
            # Requests of one connection are obeyed in order: an answer proves that the switch was thrown.
            if not faults.is_down:
                await self.venue.open_client_ids()

    def book(self) -> BookSnapshot | None:
        return next((book for book in reversed(self.books) if book.symbol == SYMBOL), None)

    def child(self, *, bps: float = 100, qty: str = "small", side: Side = Side.BUY, **changes: object) -> ChildOrder:
        """A child `bps` through the best price; `small` fits the touch, `huge` is more than the book holds."""
        book, instrument = self.book(), self.universe.instruments[(VENUE, SYMBOL)]
        assert book is not None
        best = (book.asks if side is Side.BUY else book.bids)[0][0]
        price_ticks = round(best * (1 + side.sign * bps * 1e-4)) // instrument.tick_units
        n = next(_ids)
        base = ChildOrder(
            child_id=f"chd_{n}",
            client_id=f"C{n:025d}",
            order_id="ord_1",
            account="desk",
            wave=1,
            venue=VENUE,
            symbol=SYMBOL,
            side=side,
            time_in_force=TimeInForce.IOC,
            price_ticks=price_ticks,
            qty_lots={"small": 2, "huge": 10_000_000}[qty],
            tick_units=instrument.tick_units,
            lot_units=instrument.lot_units,
            deadline_ts_ns=self.clock.wall_ns() + 1_500_000_000,
        )
        return replace(base, **changes)  # type: ignore[arg-type]

    async def send(self, child: ChildOrder) -> None:
        await self.venue.send(Approved(child, 1, 1))

    async def until(self, is_true: Callable[[], bool], timeout_s: float = 5.0) -> None:
        deadline_s = asyncio.get_running_loop().time() + timeout_s
        while not is_true():
            assert asyncio.get_running_loop().time() < deadline_s, "it did not happen in time"
            await asyncio.sleep(0.002)

    def of(self, child: ChildOrder) -> list[ExecutionReport]:
        return [report for report in self.reports if report.client_id == child.client_id]

    def kinds(self, child: ChildOrder) -> list[ReportKind]:
        return [report.kind for report in self.of(child)]

    async def ended(self, child: ChildOrder) -> list[ExecutionReport]:
        """Waits for the venue's last word on `child`, and gives all its words."""
        ends = {ReportKind.CANCELED, ReportKind.EXPIRED, ReportKind.REJECTED, ReportKind.UNKNOWN, ReportKind.NOT_FOUND}
        await self.until(lambda: any(r.kind in ends or r.cum_qty_lots == child.qty_lots for r in self.of(child)))
        return self.of(child)

    async def told_again(self, child: ChildOrder) -> list[ExecutionReport]:
        """The answer to a query, apart from what was said before."""
        n_before = len(self.of(child))
        await self.venue.query(child)
        await self.until(lambda: len(self.of(child)) > n_before)
        await asyncio.sleep(0.01)
        return self.of(child)[n_before:]

    def ledger(self) -> list[LedgerLine]:
        return read_ledger(ledger_path(self.folder, VENUE))

    def n_accepted(self, child: ChildOrder) -> int:
        return sum(isinstance(line, AcceptedLine) and line.client_id == child.client_id for line in self.ledger())
