"""The service asks venues and the database; what they say reaches the engine, and a break opens and closes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from app.bootstrap import Process
from app.domain.enums import BreakKind, Mode, Side
from app.domain.errors import Unavailable
from app.domain.statement import VenueHealth, VenueOpenOrder, VenueState, VenueStatement
from app.domain.units import NANO
from app.execution.inputs import Accepted, Submit
from app.services.container import Services
from app.services.reconcile import Reconciler, Slots
from app.settings import Settings
from app.venues.base import VenueBase
from tests.worlds import make_order

VENUE = "sim_alpha"


@dataclass
class Lying:
    """Stands before a venue and tells something else of one account."""

    venue: VenueBase
    lie: VenueOpenOrder | None = None
    is_down: bool = False
    n_asked: int = 0

    @property
    def venue_id(self) -> str:
        return self.venue.venue_id

    async def statement(self, account: str) -> VenueStatement:
        self.n_asked += 1
        if self.is_down:
            raise Unavailable("venue_unavailable", "down")
        said = await self.venue.statement(account)
        orders = (*said.open_orders, self.lie) if self.lie else said.open_orders
        return VenueStatement(said.venue, said.as_of_ts_ns, said.balances, said.positions, orders)

    def health(self) -> VenueHealth:
        return VenueHealth(self.venue_id, VenueState.DOWN if self.is_down else VenueState.UP)

    def __getattr__(self, name: str) -> object:
        return getattr(self.venue, name)


@dataclass
class Rows:
    """A database that has what it is given."""

    seq: int = 0
    balances: Slots = field(default_factory=dict)
    positions: Slots = field(default_factory=dict)

    async def wait_for(self, seq: int, timeout_s: float) -> bool:
        return self.seq >= seq

    async def account_slots(self) -> tuple[int, Slots, Slots]:
        return self.seq, dict(self.balances), dict(self.positions)


@asynccontextmanager
async def running(home: Path) -> AsyncIterator[tuple[Services, Process]]:
    process = Process(Settings(home=home, reconcile_s=3_600.0))
    services = await process.open()
    try:
        yield services, process
    finally:
        await process.close()


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Services]:
    async with running(tmp_path) as (services, _):
        engine = services.engine
        n_books = len(engine.universe.instruments)
        await _until(lambda: len(engine.market.book_age_ns(engine.now_ns())) == n_books)
        yield services


async def _until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not is_so():  # noqa: ASYNC110 - nothing tells it
            await asyncio.sleep(0.02)


async def _traded(services: Services) -> None:
    order = make_order(account="demo", qty_units=100_000, side=Side.BUY)
    reply = await services.engine.ask(Submit(order, Mode.PAPER))
    assert isinstance(reply, Accepted), reply
    await _until(lambda: reply.fact.order_id not in services.engine.ledger.open_parents)


async def test_paper_venues_agree_after_trading_and_a_lie_is_a_break_until_it_ends(service: Services) -> None:
    engine = service.engine
    reconciler = Reconciler(engine, service.reads._reader, None)
    await _traded(service)
    await reconciler.check()
    assert engine.ledger.breaks == {}

    liar = Lying(engine.venues[VENUE], VenueOpenOrder("somebody", "x-1", "BTC/USDT", Side.BUY, 6_000_000, 5))
    await reconciler.check_venue(liar)
    assert liar.n_asked == 2  # a first difference is looked at again at once
    assert list(engine.ledger.breaks) == [("demo", VENUE, BreakKind.OPEN_ORDER, "x-1")]
    assert [record.found.item for record in service.reads.breaks("demo")] == ["x-1"]
    assert service.reads.breaks("other") == []

    liar.is_down = True
    await reconciler.check_venue(liar)  # a venue that does not answer proves nothing
    assert len(engine.ledger.breaks) == 1
    await reconciler.check()
    assert engine.ledger.breaks == {}


async def test_a_venue_whose_words_break_is_told_and_the_others_are_asked_on(service: Services) -> None:
    engine = service.engine

    class Broken(Lying):
        async def statement(self, account: str) -> VenueStatement:
            self.n_asked += 1
            raise KeyError("what no venue should say")

    broken, whole = Broken(engine.venues[VENUE]), Lying(engine.venues["sim_bravo"])
    engine.venues = {**engine.venues, VENUE: broken, "sim_bravo": whole}
    with capture_logs() as logs:
        await Reconciler(engine, service.reads._reader, None).check()
    assert (broken.n_asked, whole.n_asked) == (1, 1)
    assert [(line["venue"], line["call"]) for line in logs if line["event"] == "venue_call_failed"] == [
        (VENUE, "statement")
    ]


async def test_the_database_is_held_against_the_log_at_its_own_place(service: Services) -> None:
    engine = service.engine
    rows = Rows(engine.ledger.seq, dict(engine.ledger.balances), dict(engine.ledger.positions))
    reconciler = Reconciler(engine, service.reads._reader, rows)
    await reconciler.check_projection()
    assert engine.ledger.breaks == {}
    slot = ("demo", VENUE, "USDT")
    rows.balances[slot] += NANO
    rows.seq = engine.ledger.seq
    await reconciler.check_projection()
    (record,) = service.reads.breaks("demo")
    assert (record.found.what, record.found.theirs_nano - record.found.ours_nano) == (BreakKind.PROJECTION, NANO)
    rows.balances[slot] -= NANO
    rows.seq = engine.ledger.seq
    await reconciler.check_projection()
    assert engine.ledger.breaks == {}


async def test_what_the_database_has_beyond_the_copy_is_folded_in(service: Services) -> None:
    engine = service.engine

    class Late(Rows):
        async def wait_for(self, seq: int, timeout_s: float) -> bool:
            await _traded(service)  # the log runs on while the database is waited for
            await engine.durable()
            self.seq = engine.ledger.seq
            self.balances, self.positions = dict(engine.ledger.balances), dict(engine.ledger.positions)
            return True

    before = dict(engine.ledger.balances)
    await Reconciler(engine, service.reads._reader, Late()).check_projection()
    assert engine.ledger.balances != before
    assert engine.ledger.breaks == {}


async def test_a_venue_that_comes_back_is_asked_at_once(service: Services) -> None:
    engine = service.engine
    liar = Lying(engine.venues[VENUE])
    engine.venues = {**engine.venues, VENUE: liar}
    reconciler = Reconciler(engine, service.reads._reader, None)
    await reconciler.open()
    try:
        await _until(lambda: liar.n_asked > 0)
        liar.is_down, liar.n_asked = True, 0
        await asyncio.sleep(0.6)
        assert liar.n_asked == 0
        liar.is_down = False
        await _until(lambda: liar.n_asked > 0)
    finally:
        await reconciler.close()


async def test_a_round_that_broke_is_not_the_last(service: Services) -> None:
    class Broken(Rows):
        n_asked = 0

        async def account_slots(self) -> tuple[int, Slots, Slots]:
            Broken.n_asked += 1
            raise RuntimeError("a row that nobody foresaw")

    rows = Broken(service.engine.ledger.seq + 1_000_000)
    with capture_logs() as logs:
        reconciler = Reconciler(service.engine, service.reads._reader, rows, every_s=0.05)
        await reconciler.open()
        await _until(lambda: Broken.n_asked >= 2)
        await reconciler.close()
    assert [log["log_level"] for log in logs if log["event"] == "comparing_failed"][:2] == ["error", "error"]
