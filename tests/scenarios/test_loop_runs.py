"""The loop in a running service: markouts are measured of a simulated market, weigh in routes, and are told over HTTP.

The market is simulated: three venues that quote one mid. While a venue is toxic, each fill of ours there is followed by
a move of the whole class by 1 bp against us within the second.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from itertools import count

import pytest

from app.domain import events as ev
from app.domain.belief import BeliefKey, Measure
from app.domain.enums import Mode, Side
from app.execution import inputs as inp
from app.execution.ledger import fold
from app.services.measure import Measurer
from tests.api.gateway import Gateway, open_gateway
from tests.worlds import MS, VENUES, Desk, flat_book, make_desk, make_order, make_universe

STEP_NS = 100 * MS
TOXIC_UNITS = 600  # 1 bp of 60,000
KEY = BeliefKey(Measure.MARKOUT, "ven_c", "BTC/USDT", Side.BUY)


@dataclass
class Market:
    """One mid for all venues; `is_toxic`: it falls after we bought at ven_c."""

    gateway: Gateway
    measurer: Measurer
    mid_units: int = 6_000_000
    is_toxic: bool = False
    seqs: count = count(1_000)  # type: ignore[type-arg]  # noqa: RUF009 - one market a test

    async def step(self) -> None:
        self.gateway.clock.advance(STEP_NS)
        now_ns = self.gateway.clock.wall_ns()
        for venue in VENUES:
            self.gateway.engine.on_book(flat_book(venue, self.mid_units, now_ns, book_seq=next(self.seqs)))
        await self.measurer._look_around()

    async def buy(self, n: int) -> float:
        """`n` orders, 1.5 s apart; the part of them that went to ven_c."""
        there = 0
        for i in range(n):
            reply = await self.gateway.engine.ask(inp.Submit(make_order(), Mode.PAPER))
            assert isinstance(reply, inp.Accepted)
            await self.step()  # children leave and are filled
            filled = {f.fill.venue for f in self.gateway.engine.ledger.parents[reply.fact.order_id].fills}
            there += "ven_c" in filled
            self.mid_units += 200 if i % 2 else -200  # what the market does anyhow
            if self.is_toxic and "ven_c" in filled:
                self.mid_units -= TOXIC_UNITS
            for _ in range(14):
                await self.step()
        return there / n

    async def told(self) -> dict[str, object]:
        async with self.gateway.client("desk_read") as client:
            answer = await client.get("/v1/loop")
        rows = [r for r in answer.json()["beliefs"] if (r["measure"], r["venue"]) == ("markout", "ven_c")]
        return rows[0] if rows else {}


def level_desk() -> Desk:
    """ven_c is half a basis point cheaper than the others: it gets the orders while nothing speaks against it."""
    desk = make_desk()
    universe = make_universe({"ven_a": 250, "ven_b": 250, "ven_c": 200})
    desk.core.world = replace(desk.core.world, universe=universe, may_loop=True)
    return desk


@pytest.fixture
async def market(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Market]:
    sleep = asyncio.sleep
    monkeypatch.setattr("app.services.measure.asyncio.sleep", lambda _: sleep(0))
    async with open_gateway(desk=level_desk()) as gateway:
        measurer = Measurer(gateway.engine)
        await measurer.open()
        assert measurer._task is not None
        measurer._task.cancel()  # the test looks itself
        yield Market(gateway, measurer)
        await measurer.close()


async def test_a_toxic_venue_loses_its_share_and_gets_it_back_when_it_heals(market: Market) -> None:
    engine = market.gateway.engine
    assert engine.ledger.loop is not None
    assert engine.ledger.loop.actor == "setting"
    assert await market.buy(20) == 1.0

    market.is_toxic = True
    n_orders = 0
    while not (belief := engine.ledger.beliefs.get(KEY)) or not belief.is_demoted:
        await market.buy(5)
        n_orders += 5
        assert n_orders <= 200, "not caught"
    told = await market.told()
    assert told["is_demoted"]
    assert told["low_ppm"] > 25  # type: ignore[operator]  # above what is called healthy
    assert 60 <= told["ppm"] <= 130  # type: ignore[operator]  # planted: 100 ppm, and the belief is shrunk
    assert await market.buy(60) <= 0.25

    market.is_toxic = False
    for _ in range(120):
        await market.buy(5)
        if not engine.ledger.beliefs[KEY].is_demoted:
            break
    assert not (await market.told())["is_demoted"]
    assert await market.buy(20) == 1.0

    facts = market.gateway.journal.read(0, 1_000_000)
    told_facts = [f.event for f in facts if isinstance(f.event, ev.BeliefChanged)]
    assert [e.is_demoted for e in told_facts if e.reason in ("demoted", "healed")] == [True, False]
    again = fold(facts)
    assert again.beliefs == engine.ledger.beliefs
    fresh = level_desk()  # another process over the same log
    fresh.core.ledger = again
    fresh.now_ns = engine.now_ns()
    fresh.turn(inp.Start("s0", "epoch", "test", Mode.PAPER))
    book = fresh.core.memory.loop.book
    assert not book.belief(KEY).is_demoted
    assert book.belief(KEY).n_observed == engine.core.memory.loop.book.belief(KEY).n_observed > 100


async def test_without_the_loop_nothing_is_believed_of_a_toxic_venue(market: Market) -> None:
    await market.gateway.engine.ask(inp.SetLoop(False, "ops"))
    market.is_toxic = True
    assert await market.buy(120) == 1.0
    assert market.gateway.engine.ledger.beliefs == {}
    assert await market.told() == {}
