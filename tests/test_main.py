from __future__ import annotations

import asyncio
import contextlib
import os
from pathlib import Path

import httpx
import pytest

from app.domain.book import BookSnapshot
from app.main import create_app
from app.routing import search
from app.services.engine import Engine
from app.settings import Settings, SimulatedMarkets
from app.shm.segment import FOLDER
from app.store.projector import ProjectionState
from app.store.recording import ParquetRecording, open_recording
from app.workers.plan_queue import RingPlanQueue
from app.workers.venue_host import VenueProcesses


async def test_the_app_serves_between_start_and_stop_of_its_lifespan(tmp_path: Path) -> None:
    app = create_app(Settings(home=tmp_path))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client,
    ):
        assert (await client.get("/livez")).status_code == 200
        key = (tmp_path / "demo.key").read_text().strip()
        answer = await client.get("/v1/balances", headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code == 200
        assert answer.json()["data"]


async def test_route_workers_start_and_end_with_the_lifespan(tmp_path: Path) -> None:
    app = create_app(Settings(home=tmp_path, route_workers=1, shard="test-main"))
    async with app.router.lifespan_context(app):
        queue = app.state.services.engine.queue
        assert isinstance(queue, RingPlanQueue)
        async with asyncio.timeout(90):
            while not queue.supervisor.n_up:  # noqa: ASYNC110 - workers come up while the service runs
                await asyncio.sleep(0.02)
        pid = queue.supervisor.workers[0].pid
        assert list(FOLDER.glob("bestex-test-main-*"))
    assert not list(FOLDER.glob("bestex-test-main-*"))
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_an_order_over_http_is_searched_by_a_route_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A venue of the paper market takes a fixed cost; with a break-even of nothing every search goes away."""
    monkeypatch.setattr(search, "BREAK_EVEN_US", 0.0)
    monkeypatch.setenv("BESTEX_ROUTE_WORKERS", "1")
    app = create_app(Settings(home=tmp_path, shard="test-away"))
    order = {"symbol": "BTC/USDT", "side": "buy", "type": "market", "qty": "0.2", "time_in_force": "ioc"}
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client,
        asyncio.timeout(120),
    ):
        engine = app.state.services.engine
        assert any(fee.fixed_nano for fee in engine.universe.fees.values())
        supervisor = engine.queue.supervisor
        while not supervisor.n_up:  # noqa: ASYNC110 - workers come up while the service runs
            await asyncio.sleep(0.02)
        key = (tmp_path / "demo.key").read_text().strip()
        headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": "away-1"}
        answer = await client.post("/v1/orders", json=order, headers=headers)
        assert answer.status_code == 201, answer.text
        parent = engine.ledger.parents[answer.json()["order_id"]]
        while parent.done_reason is None:  # noqa: ASYNC110 - the order ends by itself
            await asyncio.sleep(0.02)
        assert (supervisor.counts.n_submitted, supervisor.counts.n_answered) == (1, 1)
        assert (supervisor.counts.n_failed, supervisor.counts.n_damaged, supervisor.counts.n_deaths) == (0, 0, 0)
        assert parent.n_waves >= 1
        assert parent.children


async def test_without_the_setting_there_is_no_queue_and_no_process(tmp_path: Path) -> None:
    app = create_app(Settings(home=tmp_path))
    async with app.router.lifespan_context(app):
        assert app.state.services.engine.queue is None
        assert app.state.services.engine.core.world.away is None


@pytest.mark.postgres
@pytest.mark.parametrize("where", ["process", "inline"])
async def test_rows_are_made_where_the_settings_say(tmp_path: Path, database_url: str, where: str) -> None:
    app = create_app(Settings(home=tmp_path, database_url=database_url, projector=where))
    async with app.router.lifespan_context(app):
        services = app.state.services
        database = services.database
        seq = services.engine.ledger.seq
        assert await database.wait_for(seq, 60.0), database.standing
        assert bool(_projectors()) is (where == "process")
        assert database.watermark_seq >= seq > 0
    assert database.state is ProjectionState.CLOSED
    assert not _projectors()


def _projectors() -> list[str]:
    """Projectors below this process."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == os.getpid() and b"app.workers.projector" in (path / "cmdline").read_bytes():
                found.append(path.name)
    return found


def seen_by(engine: Engine) -> set[str]:
    """Venues of which the engine has a book of BTC/USDT."""
    books = engine.books("BTC/USDT")
    return {venue for venue, seq in zip(books.venues, books.book_seq.tolist(), strict=True) if seq}


async def test_venues_in_a_process_of_their_own_start_and_end_with_the_lifespan(tmp_path: Path) -> None:
    """Those without a book among them: they are up, and nothing waits for a book of theirs."""
    simulated = SimulatedMarkets(unlit=True)
    app = create_app(Settings(home=tmp_path, venues="process", shard="test-venues", simulated=simulated))
    async with app.router.lifespan_context(app):
        engine = app.state.services.engine
        assert isinstance(engine.host, VenueProcesses)
        running = engine.host.groups[0].process
        assert running is not None
        assert list(FOLDER.glob("bestex-test-venues-*"))
        lit = {venue_id for venue_id, venue in engine.universe.venues.items() if venue.is_lit}
        async with asyncio.timeout(60):
            while engine.core.memory.unreachable or seen_by(engine) != lit:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert {venue for venue, _ in engine.market.book_age_ns(engine.now_ns())} == lit
        assert len(lit) < len(engine.universe.venues)
    assert not list(FOLDER.glob("bestex-test-venues-*"))
    assert running.returncode == 0


async def test_books_of_venue_processes_are_recorded_as_the_engine_saw_them(tmp_path: Path) -> None:
    app = create_app(Settings(home=tmp_path, venues="process", shard="test-record", record_to=tmp_path / "day"))
    async with app.router.lifespan_context(app):
        engine = app.state.services.engine
        lit = {place for place in engine.universe.instruments if engine.universe.venues[place[0]].is_lit}
        async with asyncio.timeout(60):
            while len(engine.market.book_age_ns(0)) < len(lit):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        await asyncio.sleep(0.5)
    recording = open_recording(tmp_path / "day")
    assert isinstance(recording, ParquetRecording)
    books = [event for market in recording.markets for event in recording.events(market)]
    assert all(isinstance(book, BookSnapshot) for book in books)
    assert {(book.venue, book.symbol) for book in books} == lit
