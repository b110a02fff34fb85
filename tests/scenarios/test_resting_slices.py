"""A whole service on simulated venues: slices rest, fill as makers or cross, through a stop and a new start."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from app.bootstrap import Process
from app.domain import events as ev
from app.domain.enums import ChildState, DoneReason, Liquidity, Mode, ParentState, Strategy, TimeInForce
from app.domain.placement_facts import ChildPulled, SlicePosted, SliceSplit
from app.domain.posting import OneTouch
from app.domain.records import ParentRecord
from app.domain.schedule import ScheduleUrgency
from app.domain.scheduled import Schedule
from app.execution.ledger import fold
from app.services.container import Services
from app.settings import RoutingSettings, Settings, SimulatedMarkets
from app.store.journal import JournalReader
from app.store.statehash import ledger_hash
from app.venues.ledger import DoneLine, FillLine, ledger_path, read_ledger
from tests.test_bootstrap import wait_for_books
from tests.worlds import make_order

S = 1_000_000_000
Family = Literal["basic", "queue_reactive"]


def on(home: Path, family: Family = "basic") -> Settings:
    return Settings(home=home, routing=RoutingSettings(posting=True), simulated=SimulatedMarkets(family=family))


async def begin(services: Services, *, seconds: int, slice_s: int) -> ParentRecord:
    await wait_for_books(services)
    end_ns = services.engine.now_ns() + seconds * S
    schedule = Schedule(Strategy.TWAP, 1, 0, end_ns, slice_s * S, ScheduleUrgency.PASSIVE)
    order = make_order(
        account="demo",
        client_order_id="rests",
        qty_units=50_000,
        strategy=Strategy.TWAP,
        time_in_force=TimeInForce.GTC,
        schedule=schedule,
    )
    accepted = await services.submit.place(replace(order, received_ts_ns=services.engine.now_ns()), Mode.PAPER)
    return services.engine.ledger.parents[accepted.fact.order_id]


async def until_done(services: Services, order_id: str, timeout_s: float) -> ParentRecord:
    loop = asyncio.get_running_loop()
    give_up_s = loop.time() + timeout_s
    while services.engine.ledger.parents[order_id].state is not ParentState.DONE:
        assert loop.time() < give_up_s, "it does not end"
        await asyncio.sleep(0.05)
    return services.engine.ledger.parents[order_id]


def as_the_venues_have_it(settings: Settings, parent: ParentRecord) -> None:
    """Every child is closed at its venue with just the fills that we hold, makers' fees and all."""
    lines = [
        line
        for venue in {c.child.venue for c in parent.children.values()}
        for line in read_ledger(ledger_path(settings.venues_path, venue))
    ]
    ours = {c.child.client_id for c in parent.children.values()}
    theirs = {line.venue_trade_id: line for line in lines if isinstance(line, FillLine) and line.client_id in ours}
    assert theirs.keys() == {fill.fill.venue_trade_id for fill in parent.fills}
    for fill in parent.fills:
        line = theirs[fill.fill.venue_trade_id]
        assert (line.qty_lots, line.fee_nano) == (fill.fill.qty_lots, fill.fill.fee_nano)
        assert line.is_maker == (fill.fill.liquidity is Liquidity.MAKER)
    closed = {line.client_id for line in lines if isinstance(line, DoneLine)}
    assert {c.child.client_id for c in parent.children.values() if c.acked_ts_ns} <= closed


def least_units(services: Services, parent: ParentRecord) -> int:
    """The least that any venue takes of the order's symbol at the price of its last fill."""
    universe, order = services.engine.universe, parent.accepted.order
    symbol, price_units = universe.symbols[order.symbol], parent.fills[-1].fill.price_units
    least = []
    for listing in universe.listings(order.symbol).values():
        lots = max(1, listing.min_qty_lots)
        while symbol.notional_nano(price_units, lots * listing.lot_units) < listing.min_notional_nano:
            lots += 1
        least.append(lots * listing.lot_units)
    return min(least)


@pytest.mark.parametrize("family", ["basic", "queue_reactive"])
async def test_slices_rest_then_cross_and_add_up(tmp_path: Path, family: Family) -> None:
    settings = on(tmp_path / "home", family)
    process = Process(settings)
    services = await process.open()
    try:
        order_id = (await begin(services, seconds=4, slice_s=1)).order_id
        parent = await until_done(services, order_id, 20)
    finally:
        await process.close()
    left_units = 50_000 - sum(f.fill.qty_units for f in parent.fills)
    assert parent.cum_qty_units == 50_000 - left_units
    if parent.done_reason is not DoneReason.FILLED:  # what is left is more than nothing and too little for any venue
        assert parent.done_reason is DoneReason.EXPIRED
        assert 0 < left_units < least_units(services, parent)
    resting = [c for c in parent.children.values() if c.child.rests]
    assert len(resting) >= 4
    assert all(c.state.is_terminal for c in resting)
    assert {c.code for c in resting if c.state is ChildState.REJECTED} <= {"post_only"}
    for record in resting:
        fills = [f.fill for f in parent.fills if f.fill.child_id == record.child.child_id]
        assert {fill.liquidity for fill in fills} <= {Liquidity.MAKER}
        # A family has ticks of its own, coarser than the venue's: a child rests at the last of them within its price.
        sign = record.child.side.sign
        assert all(sign * (fill.price_units - record.child.price_units) <= 0 for fill in fills)
    as_the_venues_have_it(settings, parent)
    assert not any(isinstance(f.event, ev.FeeDeviated) for f in JournalReader(settings.journal_path).replay())
    replayed = fold(JournalReader(settings.journal_path).replay())
    assert ledger_hash(replayed) == ledger_hash(services.engine.ledger)


async def test_a_stop_takes_back_what_rests_and_the_next_start_goes_on(tmp_path: Path) -> None:
    settings = on(tmp_path / "home")
    process = Process(settings)
    services = await process.open()
    parent = await begin(services, seconds=8, slice_s=4)
    order_id = parent.order_id
    for _ in range(2_000):
        if any(c.child.rests and c.state is ChildState.ACKED for c in parent.children.values()):
            break
        await asyncio.sleep(0.001)
    await process.close()
    parent = services.engine.ledger.parents[order_id]
    assert parent.state is not ParentState.DONE
    assert all(c.state.is_terminal for c in parent.children.values())
    facts = [fact.event for fact in JournalReader(settings.journal_path).replay()]
    assert any(isinstance(event, ChildPulled) and event.reason == "draining" for event in facts)
    again = Process(settings)
    services = await again.open()
    try:
        parent = await until_done(services, order_id, 25)
    finally:
        await again.close()
    assert parent.done_reason is DoneReason.FILLED
    as_the_venues_have_it(settings, parent)
    facts = [fact.event for fact in JournalReader(settings.journal_path).replay()]
    assert sum(isinstance(event, SlicePosted) for event in facts) >= 2
    assert not any(isinstance(event, ev.OverfillRecorded) for event in facts)


async def test_once_queues_are_measured_slices_are_split_by_what_they_lose(tmp_path: Path) -> None:
    settings = on(tmp_path / "home")
    process = Process(settings)
    services = await process.open()
    try:
        order_id = (await begin(services, seconds=14, slice_s=1)).order_id
        parent = await until_done(services, order_id, 35)
        ledger = services.engine.ledger
    finally:
        await process.close()
    facts = [fact.event for fact in JournalReader(settings.journal_path).replay()]
    rules = [event.rule for event in facts if isinstance(event, SlicePosted)]
    splits = [event for event in facts if isinstance(event, SliceSplit)]
    assert rules[0] is OneTouch.UNMEASURED
    assert splits
    for split in splits:
        assert sum(row.limit_qty_units for row in split.queues) + split.cross_qty_units == split.qty_units
        assert all(row.outflow_units == tuple(sorted(row.outflow_units)) for row in split.queues)
    assert parent.cum_qty_units == sum(f.fill.qty_units for f in parent.fills)
    as_the_venues_have_it(settings, parent)
    assert ledger_hash(fold(JournalReader(settings.journal_path).replay())) == ledger_hash(ledger)
