"""The driver of the measuring road: looks while something is owed, has the answers written, never stops trading."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from app.domain.events import MarkoutsMeasured, StillMeasured
from app.domain.markouts import PathKind
from app.services.measure import EVERY_NS, MIN_GAP_NS, Measurer
from tests.api.gateway import Gateway, open_gateway, place
from tests.worlds import MS, VENUES, flat_book

STEP_NS = 50 * MS


async def pass_time(gateway: Gateway, measurer: Measurer, seconds: float) -> None:
    """Simulated time passes; books stay fresh; the measurer looks as often as it would."""
    for n in range(int(seconds * 1_000 * MS / STEP_NS)):
        gateway.clock.advance(STEP_NS)
        now_ns = gateway.clock.wall_ns()
        for venue in VENUES:
            gateway.engine.on_book(flat_book(venue, 6_000_000, now_ns, book_seq=1_000 + n))
        await measurer._look_around()


@pytest.fixture
def still_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time is the test's: a pause only gives way."""
    sleep = asyncio.sleep

    async def give_way(_: float) -> None:
        await sleep(0)

    monkeypatch.setattr("app.services.measure.asyncio.sleep", give_way)


async def test_fills_and_children_are_measured_and_written(still_sleep: None) -> None:
    async with open_gateway() as gateway:
        measurer = Measurer(gateway.engine)
        await measurer.open()
        assert measurer._task is not None
        measurer._task.cancel()  # the test looks itself
        body = await place(gateway)
        await pass_time(gateway, measurer, 110)
        record = gateway.engine.ledger.parents[body["order_id"]]
        kinds = [p.kind for p in record.paths]
        assert kinds.count(PathKind.FILL) == len(record.fills) > 0
        assert kinds.count(PathKind.CHILD) == len(record.children)
        assert record.interval is not None
        assert all(mid for p in record.paths for mid in (p.mid_half_units, *p.after_half_units))
        facts = [f.event for f in gateway.journal.read(0, 10_000)]
        assert sum(isinstance(e, MarkoutsMeasured) for e in facts) == 1
        still = [e for e in facts if isinstance(e, StillMeasured)]
        assert still
        assert {e.seed for e in still} == {measurer._tracker.seed}
        await measurer.close()


async def test_nothing_is_looked_at_while_nothing_is_owed() -> None:
    async with open_gateway() as gateway:
        measurer = Measurer(gateway.engine)
        await measurer.open()
        await asyncio.sleep(0.05)
        assert not measurer._last_ns
        assert not measurer._has_work.is_set()
        await measurer.close()


async def test_looks_are_never_closer_than_the_least_gap() -> None:
    async with open_gateway() as gateway:
        measurer = Measurer(gateway.engine)
        await measurer.open()
        seen = []
        gateway.clock.advance(10**9)
        for _ in range(40):
            measurer._look("BTC/USDT", MIN_GAP_NS)
            seen.append(measurer._last_ns["BTC/USDT"])
            gateway.clock.advance(MIN_GAP_NS // 4)
        gaps = {b - a for a, b in pairwise(seen) if b > a}
        assert min(gaps) >= MIN_GAP_NS
        assert EVERY_NS > MIN_GAP_NS
        measurer._look("NO/SUCH", MIN_GAP_NS)
        assert "NO/SUCH" not in measurer._last_ns
        await measurer.close()


async def test_a_look_that_breaks_is_told_and_does_not_end_the_looking(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, str]] = []
    n_looks = 0

    async def broken(self: Measurer) -> None:
        nonlocal n_looks
        n_looks += 1
        raise ValueError("no book")

    monkeypatch.setattr("app.services.measure.observe.measuring_failed", lambda *what: told.append(what))
    monkeypatch.setattr("app.services.measure.COLLECT_NS", 1_000_000)
    monkeypatch.setattr(Measurer, "_look_around", broken)
    async with open_gateway() as gateway:
        measurer = Measurer(gateway.engine)
        await measurer.open()
        await asyncio.sleep(0.05)
        assert n_looks > 1
        assert told[:2] == [("", "ValueError('no book')")] * 2
        await measurer.close()
        assert (await place(gateway))["order_id"]
