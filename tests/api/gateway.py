"""The whole API over the real engine: books that stand still, venues that do as they are told, a log in memory."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from app.api.router import build_api
from app.domain.enums import Mode, Scope
from app.domain.errors import Unavailable
from app.domain.fills import ReportKind
from app.domain.orders import Approved, ChildOrder
from app.domain.ports import BookSink, ReportSink
from app.domain.statement import VenueHealth, VenueState, VenueStatement
from app.domain.units import NANO
from app.execution import inputs as inp
from app.services.accounts import OPERATOR_ACCOUNT, Accounts
from app.services.admin import AdminService
from app.services.amend import AmendService
from app.services.archive import Archive
from app.services.calibration import load_calibration
from app.services.cancel import CancelService
from app.services.conditional import ConditionalService
from app.services.container import Services
from app.services.engine import RIDE_S, Engine
from app.services.estimate import EstimateService
from app.services.marketdata import MarketData
from app.services.reads import Reads
from app.services.shadow import ShadowService
from app.services.streams import Streams
from app.services.submit import SubmitService
from app.services.tca import TcaService
from app.store.memory import MemoryJournal
from app.store.recalls import RecallFile
from app.venues.clock import VirtualClock
from tests.rows_twin import RowsTwin
from tests.worlds import LIMITS, VENUES, Desk, flat_book, make_desk, report

ACCOUNTS = ("desk", "rival")
GOOD = {
    "symbol": "BTC/USDT",
    "side": "buy",
    "type": "limit",
    "qty": "0.1",
    "limit_price": "60100",
    "time_in_force": "ioc",
}


@dataclass
class ToldVenue:
    """Fills, ignores or rejects what it is sent; `holds` are the client ids it says it has open."""

    venue_id: str
    clock: VirtualClock
    manner: str = "fill"
    sent: list[ChildOrder] = field(default_factory=list)
    canceled: list[ChildOrder] = field(default_factory=list)
    holds: list[str] = field(default_factory=list)
    is_down: bool = False
    is_prompt: bool = True
    state: VenueState = VenueState.UP
    on_report: ReportSink | None = None
    n_trades: int = 0

    async def start(self, on_report: ReportSink, on_book: BookSink) -> None:
        self.on_report = on_report
        if self.venue_id in VENUES:
            on_book(flat_book(self.venue_id, 6_000_000, self.clock.wall_ns(), book_seq=900))

    async def stop(self) -> None:
        pass

    async def send(self, approved: Approved[ChildOrder]) -> None:
        child = approved.value
        self.sent.append(child)
        if self.manner == "silent":
            self.holds.append(child.client_id)
        elif self.manner == "reject":
            self.tell(child, ReportKind.REJECTED, code="venue_says_no", text="not today", evidence="m1")
        elif self.manner == "fill":
            self.fill(child)

    def fill(self, child: ChildOrder, lots: int = 0) -> None:
        self.n_trades += 1
        self.tell(child, ReportKind.ACKED)
        self.tell(
            child,
            ReportKind.FILLED,
            venue_trade_id=f"{self.venue_id}-{self.n_trades}",
            price_ticks=child.price_ticks,
            qty_lots=lots or child.qty_lots,
            fee_nano=1_000,
            fee_currency=child.symbol.partition("/")[2],
            mid_half_units=1_199_800 if child.symbol == "BTC/USDC" else 12_000_000,
        )

    def tell(self, child: ChildOrder, kind: ReportKind, **more: object) -> None:
        assert self.on_report is not None
        if child.client_id in self.holds:
            self.holds.remove(child.client_id)
        self.on_report(report(child, kind, **more))

    async def cancel(self, child: ChildOrder) -> None:
        self.canceled.append(child)
        if self.manner != "silent":
            self.tell(child, ReportKind.CANCELED, evidence="m2")

    async def query(self, child: ChildOrder) -> None:
        pass

    async def statement(self, account: str) -> VenueStatement:
        return VenueStatement(self.venue_id, 0, (), (), ())

    def health(self) -> VenueHealth:
        return VenueHealth(self.venue_id, self.state)

    async def open_client_ids(self) -> Sequence[str]:
        if self.is_down:
            raise Unavailable("venue_unreachable", "down")
        return list(self.holds)


@dataclass
class NoDatabase:
    """What a process without a database says of it."""

    watermark_seq: int = 0
    lag_facts: int = 0
    is_connected: bool = False
    error: str = ""


@dataclass
class Gateway:
    """An app that is up, its parts, and one client per key."""

    app: FastAPI
    engine: Engine
    services: Services
    journal: MemoryJournal
    venues: dict[str, ToldVenue]
    clock: VirtualClock
    tokens: dict[str, str]
    archive: Archive | None = None
    rows: RowsTwin | None = None

    @property
    def seq(self) -> int:
        return self.engine.ledger.seq

    def client(self, key: str = "desk", **more: Any) -> httpx.AsyncClient:
        """A client with `key`'s token; "" for none."""
        headers = {"Authorization": f"Bearer {self.tokens[key]}"} if key else {}
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://bestex", headers=headers, **more)

    def behave(self, manner: str) -> None:
        for venue in self.venues.values():
            venue.manner = manner

    @property
    def children(self) -> list[ChildOrder]:
        return [child for venue in self.venues.values() for child in venue.sent]


@asynccontextmanager
async def open_gateway(
    database: NoDatabase | None = None, desk: Desk | None = None, keep_ns: int = 0
) -> AsyncIterator[Gateway]:
    """Accounts `desk` and `rival` with limits and money, and keys: desk, desk_read, desk_trade, rival, operator.

    `desk`: another world than three venues of BTC/USDT. `keep_ns`: how long closed orders stay in memory, 0: for ever.
    """
    desk = desk or make_desk()
    fund(desk, "rival")
    clock = VirtualClock(desk.now_ns)
    venues = {v: ToldVenue(v, clock) for v in desk.core.world.universe.venues}
    engine = Engine(
        core=desk.core,
        clock=clock,
        market=MarketData(desk.board),
        venues=venues,
        start=inp.Start("s0", "epoch", "test", Mode.PAPER),
        on_fatal=stop_test,
    )
    journal = MemoryJournal(on_durable=engine.on_durable)
    journal.append(desk.facts, [])
    rows = RowsTwin(journal)
    archive = Archive(engine, rows, rows, keep_ns, recalls_in_memory()) if keep_ns else None
    await engine.open(journal)
    services = make_services(engine, journal, rows, archive, database)
    wanted = {
        "desk": ("desk", [Scope.READ, Scope.TRADE, Scope.RISK]),
        "desk_read": ("desk", [Scope.READ]),
        "desk_trade": ("desk", [Scope.TRADE]),
        "desk_risk": ("desk", [Scope.RISK]),
        "rival": ("rival", [Scope.READ, Scope.TRADE, Scope.RISK]),
        "operator": (OPERATOR_ACCOUNT, list(Scope)),
    }
    tokens = {name: (await services.accounts.create(a, s, Mode.PAPER))[0] for name, (a, s) in wanted.items()}
    app = build_api()
    app.state.services = services
    if archive is not None:
        await archive.open()
    try:
        yield Gateway(app, engine, services, journal, venues, clock, tokens, archive, rows)
    finally:
        if archive is not None:
            await archive.close()
        await services.shadow.close()
        await engine.close(0)
        services.streams.close()


def recalls_in_memory() -> RecallFile:
    """A file of recalls that is nowhere on a disk."""
    fd = os.memfd_create("recalls")
    try:
        return RecallFile(Path(f"/proc/self/fd/{fd}"))
    finally:
        os.close(fd)


def make_services(
    engine: Engine, journal: MemoryJournal, rows: RowsTwin, archive: Archive | None, database: NoDatabase | None
) -> Services:
    """Every use case, as the bootstrap joins them."""
    reads, streams = Reads(engine, rows, journal), Streams(engine, journal)
    if archive is not None:
        archive.on_late.append(streams.remember)
        archive.on_left.append(reads.forget)
        archive.on_back.append(reads.remember)
    return Services(
        release="test",
        engine=engine,
        submit=SubmitService(engine, archive),
        cancel=CancelService(engine),
        amend=AmendService(engine, archive),
        conditionals=ConditionalService(engine, archive),
        estimate=EstimateService(engine),
        reads=reads,
        admin=AdminService(engine, archive),
        accounts=Accounts(engine),
        streams=streams,
        database=database or NoDatabase(),
        calibration=load_calibration(),
        tca=TcaService(engine, reads),
        shadow=ShadowService(engine),
    )


def fund(desk: Desk, account: str) -> None:
    """Limits and money for one more account."""
    seeds: list[inp.Input] = [inp.SetLimits(account, LIMITS, "test")]
    for venue in desk.core.world.universe.venues:
        seeds += [inp.SetBalance(account, venue, currency, 1_000_000 * NANO, "test") for currency in ("USDT", "BTC")]
    desk.turn(*seeds)


def stop_test(error: BaseException) -> None:
    raise error


async def settle() -> None:
    """Lets everything that is ready happen, and what was held back for a group's sake, too."""
    for _ in range(3):
        for _ in range(30):
            await asyncio.sleep(0)
        await asyncio.sleep(2 * RIDE_S)


async def place(gateway: Gateway, key: str = "desk", **changes: Any) -> dict[str, Any]:
    """A placed order's acknowledgement, after its children had their turn."""
    async with gateway.client(key) as client:
        answer = await client.post("/v1/orders", json=GOOD | changes)
    assert answer.status_code == 201, answer.text
    await settle()
    body: dict[str, Any] = answer.json()
    return body
