"""A whole service on simulated venues that hold stops: one goes off, one is moved, one goes off while we are down.

The venue's own ledger is the oracle. Simulated venues, and called so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from app.bootstrap import Process
from app.domain.conditional_records import ConditionalRecord
from app.domain.conditions import Conditional, Leg, OrderClass, TriggerSource
from app.domain.enums import ContractKind, DoneReason, Mode
from app.domain.fills import ExecutionReport
from app.domain.orders import VenueFilter
from app.domain.venue_stops import StopSource, TriggerLocation
from app.execution import inputs as inp
from app.execution.ledger import fold
from app.execution.simulator import Listing
from app.services.container import Services
from app.services.marks import MarkBoard
from app.settings import Settings
from app.store.journal import JournalReader
from app.store.statehash import ledger_hash
from app.venues.clock import SystemClock, VirtualClock
from app.venues.exchange import PaperExchange
from app.venues.exchange_spec import ExchangeSpec
from app.venues.ledger import DoneLine, FillLine, TriggeredLine, ledger_path, read_ledger
from app.venues.paper import make_exchanges
from app.venues.registry import load_universe
from tests.conditionals import limit
from tests.native_stops import native, offer, stop_desk, stop_leg
from tests.test_bootstrap import wait_for_books
from tests.venues.test_resting import MovingBook, trade
from tests.worlds import MS, Desk, contract_world

VENUE, SYMBOL, QTY = "sim_alpha", "BTC/USDT", 50_000


async def place(services: Services, *legs: Leg, kind: OrderClass = OrderClass.SIMPLE) -> ConditionalRecord:
    asked: Conditional = native(*legs, kind=kind, account="demo", venues=VenueFilter(include=(VENUE,)))
    taken = await services.conditionals.place(replace(asked, received_ts_ns=services.engine.now_ns()), None, Mode.PAPER)
    return services.engine.ledger.definitions.all[taken.fact.conditional_id]


async def until(is_so: Callable[[], bool], timeout_s: float = 20) -> None:
    give_up_s = asyncio.get_running_loop().time() + timeout_s
    while not is_so():
        assert asyncio.get_running_loop().time() < give_up_s, "it does not come"
        await asyncio.sleep(0.02)


def mid_units(services: Services) -> int:
    books = services.engine.books(SYMBOL)
    row = books.venues.index(VENUE)
    return int(books.price_units[row, 0, 0] + books.price_units[row, 1, 0]) // 2


def traded_units(settings: Settings, services: Services, record: ConditionalRecord) -> int:
    """What the venue itself says that the definition has traded."""
    lot_units = services.engine.universe.instruments[(VENUE, SYMBOL)].lot_units
    ours = {
        c.child.client_id
        for leg in record.legs
        for order_id in leg.order_ids
        for c in services.engine.ledger.parents[order_id].children.values()
    }
    lines = read_ledger(ledger_path(settings.venues_path, VENUE))
    return sum(line.qty_lots * lot_units for line in lines if isinstance(line, FillLine) and line.client_id in ours)


async def test_it_goes_off_at_the_venue_and_an_oco_trades_its_quantity_once(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    process = Process(settings)
    services = await process.open()
    try:
        await wait_for_books(services)
        mid = mid_units(services)
        near = stop_leg(mid * 99_995 // 100_000, qty=QTY, name="stop_loss")
        record = await place(services, limit(mid * 100_005 // 100_000, qty=QTY), near, kind=OrderClass.OCO)
        view = await services.conditionals.view(record)
        assert view.legs[1].is_at_venue
        assert view.legs[1].working_units == QTY
        await until(lambda: record.is_done, 60)
        assert record.done_reason is DoneReason.FILLED
        assert traded_units(settings, services, record) == QTY
        far = await place(services, stop_leg(mid * 9 // 10, qty=QTY))
        (order_id,) = far.legs[0].order_ids
        await until(lambda: all(c.acked_ts_ns for c in services.engine.ledger.parents[order_id].children.values()))
        moved = replace(far.definition, legs=(stop_leg(mid * 11 // 10, qty=QTY),))  # through already
        await services.conditionals.amend(far, moved, far.version, "test")
        await until(lambda: far.is_done)
        assert traded_units(settings, services, far) == QTY
        lines = read_ledger(ledger_path(settings.venues_path, VENUE))
        assert any(isinstance(line, DoneLine) and line.code == "replaced" for line in lines)
        assert any(isinstance(line, TriggeredLine) for line in lines)
    finally:
        await process.close()
    replayed = fold(JournalReader(settings.journal_path).replay())
    assert ledger_hash(replayed) == ledger_hash(services.engine.ledger)


async def test_one_that_goes_off_while_we_are_down_is_found_at_the_next_start(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    process = Process(settings)
    services = await process.open()
    await wait_for_books(services)
    stop = mid_units(services) * 9 // 10
    record = await place(services, stop_leg(stop, qty=QTY))
    (order_id,) = record.legs[0].order_ids
    await until(lambda: all(c.acked_ts_ns for c in services.engine.ledger.parents[order_id].children.values()))
    began_s = asyncio.get_running_loop().time()
    await process.close()
    assert asyncio.get_running_loop().time() - began_s < settings.drain_s  # nobody waits for a stop to go off
    await crash(settings, stop)
    again = Process(settings)
    services = await again.open()
    try:
        record = services.engine.ledger.definitions.all[record.conditional_id]
        await until(lambda: record.is_done)
        assert record.legs[0].is_triggered
        assert record.done_reason is DoneReason.FILLED
        assert record.legs[0].order_ids == [order_id]
        assert traded_units(settings, services, record) == QTY
    finally:
        await again.close()


async def crash(settings: Settings, stop_units: int) -> None:
    """The venue alone, while nobody hears: the market falls through the stop."""
    universe = load_universe()
    spec = make_exchanges(universe, SystemClock(), settings.venues_path, settings.seed)[VENUE].spec
    lot_units = universe.instruments[(VENUE, SYMBOL)].lot_units
    book = MovingBook(
        ((stop_units - 100, QTY // lot_units * lot_units),),
        ((stop_units, QTY // lot_units * lot_units),),
        (replace(trade(stop_units - 100, 1), venue=VENUE),),
    )
    venue = PaperExchange(spec, book, SystemClock(), flows={SYMBOL: book})  # type: ignore[dict-item]
    venue.open()
    await until(lambda: venue.ledger.n_fills > 0 and not venue.ledger.open_orders())
    await venue.close()


def perpetual_venue(desk: Desk, board: MarkBoard, clock: VirtualClock, book: MovingBook, ledger: Path) -> PaperExchange:
    """The desk's symbol is a linear contract; ven_a, a paper venue, holds stops by the mark that `board` hears."""
    contract_world(desk, ContractKind.LINEAR)
    clock.advance(desk.now_ns)
    held = offer(sources=frozenset({StopSource.MARK}))
    desk.core.world = replace(desk.core.world, stops={"ven_a": held}, marks=board)
    universe = desk.core.world.universe
    listing = Listing(universe.symbols[SYMBOL], universe.instruments["ven_a", SYMBOL], universe.fees["ven_a"])
    here = replace(universe.venues["ven_a"], latency_ns=0)
    spec = ExchangeSpec(here, {SYMBOL: listing}, ledger, 0, 50_000_000, 7, stops=held)
    return PaperExchange(spec, book, clock)


async def test_a_perpetual_is_stopped_by_the_mark_there_and_here(tmp_path: Path) -> None:
    """The real core and a real paper venue of a linear contract: its book falls, its mark follows within the bound."""
    desk, board, clock, book = stop_desk(), MarkBoard(), VirtualClock(0), MovingBook()
    venue = perpetual_venue(desk, board, clock, book, tmp_path / "ledger")
    reports: list[ExecutionReport] = []
    venue.attach(reports.append, lambda _: None, None, board.take)
    venue.open()

    async def look(mid: int) -> None:
        """The venue shows and marks its book; then we look, and everybody hears everybody."""
        book.bids, book.asks = ((mid - 1, 5_000),), ((mid + 1, 5_000),)
        desk.now_ns += 20 * MS
        clock.advance(20 * MS)
        venue._publish(SYMBOL)
        await asyncio.sleep(0.02)
        desk.refresh(mid)
        await hear(desk.turn(inp.Tick()))

    async def hear(turn: inp.Turn) -> None:
        for command in turn.commands:
            if isinstance(command, inp.SendChild):
                venue.submit(command.approved.value, 1, 1)
            elif isinstance(command, inp.CancelChild):
                venue.cancel(command.child)
        await asyncio.sleep(0.02)
        while reports:
            await hear(desk.turn(inp.Report(reports.pop(0))))

    try:
        await look(6_000_000)
        leg, found = stop_leg(5_900_000), []
        assert leg.condition is not None
        by_mark = replace(leg, condition=replace(leg.condition, source=TriggerSource.MARK))
        for location in (TriggerLocation.VENUE, TriggerLocation.ENGINE):
            turn = desk.turn(inp.SubmitConditional(native(by_mark, trigger_location=location), None, Mode.PAPER))
            reply = turn.replies[0]
            assert isinstance(reply, inp.ConditionalTaken), reply
            found.append(desk.core.ledger.definitions.all[reply.fact.conditional_id])
            await hear(turn)
        await look(5_900_100)
        assert not any(record.legs[0].is_triggered for record in found)
        for _ in range(4):
            await look(5_900_000)
        assert [record.done_reason for record in found] == [DoneReason.FILLED, DoneReason.FILLED]
        lines = read_ledger(venue.spec.ledger_path)
        (off,) = [line for line in lines if isinstance(line, TriggeredLine)]
        assert off.price_units == 5_900_000
        assert sum(line.qty_lots for line in lines if isinstance(line, FillLine)) == 600
        assert fold(desk.facts) == desk.core.ledger
    finally:
        await venue.close()
