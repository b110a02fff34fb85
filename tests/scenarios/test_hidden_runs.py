"""A whole service on simulated venues: orders ask dark venues first, what is left goes lit, through a new start."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.bootstrap import Process
from app.domain.enums import ChildState, DoneReason, Mode, OrderType, Remainder, Strategy, TimeInForce
from app.domain.hidden_facts import DarkAnswered, DarkAsked, DealerAnswered, DealerQuoted
from app.domain.orders import ParentOrder, VenueFilter
from app.domain.records import ChildRecord, ParentRecord
from app.domain.sweeps import SweepStyle, SweepTerms
from app.execution.inputs import Cancel
from app.execution.ledger import fold
from app.main import _hosting
from app.services.container import Services
from app.settings import RoutingSettings, Settings, SimulatedMarkets
from app.store.journal import JournalReader
from app.store.statehash import ledger_hash
from app.venues.faults import Faults
from app.venues.ledger import AcceptedLine, DoneLine, FillLine, LedgerLine, ledger_path, read_ledger
from app.venues.paper import PaperVenue
from app.venues.process import ServeOptions, serve
from tests.scenarios.test_resting_slices import until_done
from tests.test_bootstrap import wait_for_books
from tests.worlds import make_order

DARK = ("sim_golf", "sim_hotel")
DEALERS = ("sim_india", "sim_juliett")


def with_unlit(home: Path) -> Settings:
    return Settings(home=home, simulated=SimulatedMarkets(unlit=True))


def dark_order(i: int, now_ns: int, **changes: object) -> ParentOrder:
    base = make_order(
        account="demo",
        client_order_id=f"dark-{i}",
        qty_units=100_000 + i,
        strategy=Strategy.SOR,
        time_in_force=TimeInForce.IOC,
        sweep=SweepTerms(SweepStyle.DARK_THEN_LIT),
        received_ts_ns=now_ns,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


async def placed(services: Services, n: int, first_i: int = 0) -> list[ParentRecord]:
    done = []
    for i in range(first_i, first_i + n):
        accepted = await services.submit.place(dark_order(i, services.engine.now_ns()), Mode.PAPER)
        done.append(await until_done(services, accepted.fact.order_id, 20))
    return done


def lines_of(settings: Settings, venues: Iterable[str]) -> list[LedgerLine]:
    return [line for venue in venues for line in read_ledger(ledger_path(settings.venues_path, venue))]


def as_the_dark_venues_have_it(settings: Settings, parents: Iterable[ParentRecord]) -> int:
    """Every dark fill is theirs and ours alike, and none is below its order's least execution; how many there were."""
    lines = lines_of(settings, DARK)
    orders = {line.client_id: line for line in lines if isinstance(line, AcceptedLine)}
    theirs = {line.venue_trade_id: line for line in lines if isinstance(line, FillLine)}
    ours = {f.fill.venue_trade_id: f.fill for parent in parents for f in parent.fills if f.fill.venue in DARK}
    assert ours.keys() == theirs.keys()
    for trade_id, line in theirs.items():
        assert (line.qty_lots, line.fee_nano) == (ours[trade_id].qty_lots, ours[trade_id].fee_nano)
        assert line.qty_lots >= orders[line.client_id].min_qty_lots > 0
    return len(ours)


async def test_dark_first_then_lit_and_what_was_learned_outlives_the_process(tmp_path: Path) -> None:
    settings = with_unlit(tmp_path / "home")
    process = Process(settings)
    services = await process.open()
    try:
        await wait_for_books(services)
        parents = await placed(services, 6)
        while len(parents) < 20 and not any(f.fill.venue in DARK for parent in parents for f in parent.fills):
            await asyncio.sleep(0.5)  # what rests there is drawn twice a second, and often nothing is
            parents += await placed(services, 1, first_i=len(parents))
        plain = await services.submit.place(dark_order(90, services.engine.now_ns(), sweep=None), Mode.PAPER)
        lit_only = await until_done(services, plain.fact.order_id, 20)
        learned = services.engine.ledger.hidden
    finally:
        await process.close()
    facts = list(JournalReader(settings.journal_path).replay())
    asked = [f.event for f in facts if isinstance(f.event, DarkAsked)]
    answered = [f.event for f in facts if isinstance(f.event, DarkAnswered)]
    assert len(asked) == len(parents)
    assert all(a.asks for a in asked)  # one venue or both, by what was learned
    assert {answer.child_id for answer in answered} == {ask.child_id for a in asked for ask in a.asks}
    assert as_the_dark_venues_have_it(settings, parents)
    for parent in parents:
        assert parent.done_reason is DoneReason.FILLED or parent.cum_qty_units >= 100_000  # a rest below a lot
        first_lit = min((c.sent_ts_ns for c in parent.children.values() if c.child.venue not in DARK), default=0)
        assert not first_lit or all(
            c.updated_ts_ns <= first_lit for c in parent.children.values() if c.child.venue in DARK
        )
    assert not {c.child.venue for c in lit_only.children.values()} & set(DARK)
    assert not learned.open
    replayed = fold(facts)
    assert replayed.hidden == learned
    assert ledger_hash(replayed) == ledger_hash(services.engine.ledger)

    second = Process(settings)
    services = await second.open()
    try:
        await wait_for_books(services)
        assert services.engine.ledger.hidden.answers == learned.answers
        (again,) = await placed(services, 1, first_i=50)
        assert sum(len(a) for a in services.engine.ledger.hidden.answers.values()) > len(answered)
    finally:
        await second.close()
    as_the_dark_venues_have_it(settings, [*parents, again])


async def test_dealers_compete_with_lit_books_and_decline_some(tmp_path: Path) -> None:
    settings = with_unlit(tmp_path / "home")
    process = Process(settings)
    services = await process.open()
    try:
        await wait_for_books(services)
        parents = []
        for i in range(12):
            terms = SweepTerms(SweepStyle.SWEEP, asks_dealers=True)
            order = dark_order(i, services.engine.now_ns(), qty_units=400_000 + i, sweep=terms)
            accepted = await services.submit.place(order, Mode.PAPER)
            parents.append(await until_done(services, accepted.fact.order_id, 20))
    finally:
        await process.close()
    facts = list(JournalReader(settings.journal_path).replay())
    quotes = [f.event for f in facts if isinstance(f.event, DealerQuoted)]
    looks = [f.event for f in facts if isinstance(f.event, DealerAnswered)]
    assert len(quotes) == 24
    assert all(quote.quote_id and quote.hold_ns for quote in quotes)
    assert {look.outcome for look in looks} >= {"filled"}
    priced = {quote.quote_id: quote for quote in quotes}
    lines = lines_of(settings, DEALERS)
    orders = {line.client_id: line for line in lines if isinstance(line, AcceptedLine)}
    theirs = {line.venue_trade_id: line for line in lines if isinstance(line, FillLine)}
    ours = {f.fill.venue_trade_id: f.fill for parent in parents for f in parent.fills if f.fill.venue in DEALERS}
    assert ours.keys() == theirs.keys()
    assert ours
    for trade_id, fill in ours.items():
        quote = priced[orders[theirs[trade_id].client_id].quote_id]
        assert (fill.price_units, fill.qty_lots) == (quote.price_units, theirs[trade_id].qty_lots)
        assert fill.qty_units <= quote.qty_units
    for parent in parents:
        assert parent.cum_qty_units <= parent.accepted.order.qty_units  # type: ignore[operator]
        for _, route in parent.routes:
            used = {a.venue for a in route.plan.allocations} & set(DEALERS)
            estimated = dict(route.plan.certificate.estimated_terms)
            assert bool(used) == ("last_look" in estimated)
    assert ledger_hash(fold(facts)) == ledger_hash(services.engine.ledger)
    assert fold(facts).hidden == services.engine.ledger.hidden


async def test_what_a_sweep_leaves_rests_through_a_new_start_until_it_is_canceled(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", routing=RoutingSettings(posting=True))
    process = Process(settings)
    services = await process.open()
    try:
        await wait_for_books(services)
        reference = services.engine.books("BTC/USDT")
        best = max(int(reference.price_units[row, 0, 0]) for row in range(len(reference.venues)))
        order = dark_order(
            0,
            services.engine.now_ns(),
            order_type=OrderType.LIMIT,
            time_in_force=TimeInForce.GTC,
            remainder=Remainder.HELD,
            limit_price_units=best * 995 // 1000,  # half a per cent away: nothing is within it
            sweep=SweepTerms(SweepStyle.SWEEP_POST),
        )
        order_id = (await services.submit.place(order, Mode.PAPER)).fact.order_id
        await rests(services, order_id)
    finally:
        await process.close()
    second = Process(settings)
    services = await second.open()
    try:
        await wait_for_books(services)
        child = await rests(services, order_id)
        assert child.child.price_units <= order.limit_price_units  # type: ignore[operator]
        await services.engine.ask(Cancel("demo", order_id, "desk"))
        parent = await until_done(services, order_id, 20)
    finally:
        await second.close()
    assert parent.done_reason is DoneReason.CANCELED
    lines = lines_of(settings, services.engine.universe.venues)
    accepted = {line.client_id for line in lines if isinstance(line, AcceptedLine)}
    assert accepted == {line.client_id for line in lines if isinstance(line, DoneLine)}
    assert len(accepted) == 2  # one before the stop, one after the start
    assert ledger_hash(fold(JournalReader(settings.journal_path).replay())) == ledger_hash(services.engine.ledger)


async def rests(services: Services, order_id: str) -> ChildRecord:
    """The one child that its venue has taken to rest."""
    for _ in range(400):
        children = services.engine.ledger.parents[order_id].children.values()
        found = [record for record in children if record.child.rests and record.state is ChildState.ACKED]
        if found:
            return found[-1]
        await asyncio.sleep(0.02)
    raise TimeoutError("nothing rests")


@pytest.mark.parametrize("how", ["served", "process"])
async def test_venues_in_processes_of_their_own_are_asked_the_same_way(tmp_path: Path, how: str) -> None:
    async with far_side(tmp_path, how) as (settings, hosting):
        process = Process(settings, hosting=hosting)
        services = await process.open()
        try:
            await wait_for_books(services)
            terms = SweepTerms(SweepStyle.DARK_THEN_LIT, wait_ns=1_000_000_000, asks_dealers=True)
            order = dark_order(0, services.engine.now_ns(), qty_units=400_000, sweep=terms)
            accepted = await services.submit.place(order, Mode.PAPER)
            parent = await until_done(services, accepted.fact.order_id, 20)
        finally:
            await process.close()
    assert parent.children
    as_the_dark_venues_have_it(settings, [parent])
    facts = [f.event for f in JournalReader(settings.journal_path).replay()]
    (asked,) = [event for event in facts if isinstance(event, DarkAsked)]
    assert asked.asks
    quotes = [event for event in facts if isinstance(event, DealerQuoted)]
    assert {(quote.venue, bool(quote.quote_id)) for quote in quotes} == {(venue, True) for venue in DEALERS}


@asynccontextmanager
async def far_side(folder: Path, how: str) -> AsyncIterator[tuple[Settings, Any]]:
    """Simulated venues behind a socket of this loop, or in a process of their own."""
    settings = with_unlit(folder / "home")
    if how == "process":
        settings = settings.model_copy(update={"venues": "process", "shard": "test-hidden"})
        yield settings, _hosting(settings)
        return
    ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve(ServeOptions(settings.venues_path, 0, 7), ready.set_result))
    yield settings.model_copy(update={"venues": f"tcp://127.0.0.1:{await ready}"}), None
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)


async def test_a_dark_venue_that_never_answers_keeps_its_exposure_and_the_rest_goes_lit(tmp_path: Path) -> None:
    settings = with_unlit(tmp_path / "home")
    process = Process(settings)
    services = await process.open()
    try:
        await wait_for_books(services)
        silent = services.engine.venues["sim_golf"]
        assert isinstance(silent, PaperVenue)
        silent.exchange.set_faults(Faults(lose_request_ppm=1_000_000, is_silent=True, is_down=True))
        order = dark_order(0, services.engine.now_ns(), venues=VenueFilter(exclude=("sim_hotel",)))
        order_id = (await services.submit.place(order, Mode.PAPER)).fact.order_id
        parent = services.engine.ledger.parents[order_id]
        (asked,) = [c for c in parent.children.values() if c.child.venue == "sim_golf"]
        await until(lambda: parent.cum_qty_units == 100_000 - asked.child.qty_units)  # the rest, lit, and no more
        assert not asked.state.is_terminal
        assert parent.in_flight_qty_units == asked.child.qty_units
        await until(lambda: asked.state is ChildState.UNKNOWN)
        assert parent.in_flight_qty_units == asked.child.qty_units
        silent.exchange.set_faults(Faults())
        parent = await until_done(services, order_id, 20)  # the venue swears that it never had it
    finally:
        await process.close()
    assert asked.state is ChildState.REJECTED
    assert parent.cum_qty_units == 100_000
    facts = list(JournalReader(settings.journal_path).replay())
    (answer,) = [f.event for f in facts if isinstance(f.event, DarkAnswered)]
    assert answer.asked_units == 0  # nothing was seen, nothing is learned
    assert ledger_hash(fold(facts)) == ledger_hash(services.engine.ledger)


async def until(is_so: Callable[[], bool]) -> None:
    for _ in range(500):
        if is_so():
            return
        await asyncio.sleep(0.02)
    raise TimeoutError
