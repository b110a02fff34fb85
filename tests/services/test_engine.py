"""Nothing leaves before it is durable, in order; a broken journal or fold ends the process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace

import pytest

from app.domain.enums import ChildState, DoneReason, KillAction, KillScope, Mode
from app.domain.errors import BadRequest, OrderRefused, Unavailable
from app.domain.events import Fact
from app.domain.fills import ExecutionReport, ReportKind
from app.domain.orders import Approved, ChildOrder
from app.domain.ports import BookSink, ReportSink
from app.domain.statement import VenueHealth, VenueState, VenueStatement
from app.execution import inputs as inp
from app.routing import search
from app.routing.inline import InlinePlanQueue
from app.routing.router import Router
from app.services.engine import MIN_FREE_FACTS, RIDE_S, Engine
from app.services.marketdata import MarketData
from app.store.memory import Flushing, MemoryJournal
from app.venues.clock import VirtualClock
from tests.worlds import T0_NS, Desk, flat_book, held_order, make_desk, make_order, report


@dataclass
class ScriptedVenue:
    """A venue that only writes down what it is asked; the test speaks for it."""

    venue_id: str
    is_prompt: bool = True
    sent: list[ChildOrder] = field(default_factory=list)
    canceled: list[ChildOrder] = field(default_factory=list)
    queried: list[ChildOrder] = field(default_factory=list)
    breaks: bool = False
    state: VenueState = VenueState.UP

    async def start(self, on_report: ReportSink, on_book: BookSink) -> None:
        on_book(flat_book(self.venue_id, 6_000_000, T0_NS, book_seq=9))

    async def stop(self) -> None:
        pass

    async def send(self, approved: Approved[ChildOrder]) -> None:
        self.sent.append(approved.value)
        if self.breaks:
            raise ConnectionResetError

    async def cancel(self, child: ChildOrder) -> None:
        self.canceled.append(child)

    async def query(self, child: ChildOrder) -> None:
        self.queried.append(child)

    async def statement(self, account: str) -> VenueStatement:
        return VenueStatement(self.venue_id, 0, (), (), ())

    def health(self) -> VenueHealth:
        return VenueHealth(self.venue_id, self.state)

    async def open_client_ids(self) -> Sequence[str]:
        if self.breaks:
            raise Unavailable("venue", "down")
        return [c.client_id for c in self.sent]


@dataclass
class Rig:
    engine: Engine
    journal: MemoryJournal
    desk: Desk
    venues: dict[str, ScriptedVenue]
    batches: list[Sequence[Fact]]
    fatal: list[BaseException]

    @property
    def sent(self) -> list[ChildOrder]:
        return [child for venue in self.venues.values() for child in venue.sent]


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    desk = make_desk()
    clock = VirtualClock(desk.now_ns)
    venues = {v: ScriptedVenue(v) for v in desk.core.world.universe.venues}
    fatal: list[BaseException] = []
    engine = Engine(
        core=desk.core,
        clock=clock,
        market=MarketData(desk.board),
        venues=venues,
        start=inp.Start("s0", "epoch", "test", Mode.PAPER),
        on_fatal=fatal.append,
    )
    journal = MemoryJournal(on_durable=engine.on_durable, flushing=Flushing.ON_FLUSH)
    journal.append(desk.facts, [])
    journal.flush()
    batches: list[Sequence[Fact]] = []
    engine.add_listener(batches.append)
    opening = asyncio.create_task(engine.open(journal))
    await settle()
    journal.flush()
    await opening
    yield Rig(engine, journal, desk, venues, batches, fatal)
    journal.flush()
    closing = asyncio.create_task(engine.close(0))
    await settle()
    journal.flush()
    await closing


async def settle() -> None:
    """Everything that waits for a turn has had it, and what was held back has gone to the journal."""
    for _ in range(20):
        await asyncio.sleep(0)
    await asyncio.sleep(2 * RIDE_S)
    for _ in range(20):
        await asyncio.sleep(0)


async def test_no_reply_no_child_and_no_message_before_the_batch_is_durable(rig: Rig) -> None:
    n_batches = len(rig.batches)
    asking = asyncio.create_task(rig.engine.ask(inp.Submit(make_order(), Mode.PAPER)))
    await settle()
    assert not asking.done()
    assert not rig.sent
    assert len(rig.batches) == n_batches
    rig.journal.flush()
    await settle()
    assert isinstance(await asking, inp.Accepted)
    assert rig.sent
    assert len(rig.batches) == n_batches + 1


async def test_a_repeated_client_id_waits_for_the_first_to_be_durable(rig: Rig) -> None:
    order = make_order()
    first = asyncio.create_task(rig.engine.ask(inp.Submit(order, Mode.PAPER)))
    await settle()
    again = asyncio.create_task(rig.engine.ask(inp.Submit(order, Mode.PAPER)))
    await settle()
    assert not again.done()
    rig.journal.flush()
    one, two = await first, await again
    assert isinstance(one, inp.Accepted)
    assert isinstance(two, inp.Accepted)
    assert two.fact is one.fact
    assert two.is_replay


async def test_batches_leave_in_sequence_order(rig: Rig) -> None:
    asks = [asyncio.create_task(rig.engine.ask(inp.Submit(make_order(), Mode.PAPER))) for _ in range(90)]
    await settle()
    rig.journal.flush()
    await asyncio.gather(*asks)
    seqs = [fact.seq for batch in rig.batches for fact in batch]
    assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))


async def test_refusals_and_conflicts_are_raised_at_the_asker(rig: Rig) -> None:
    refused = asyncio.create_task(rig.engine.ask(inp.Submit(make_order(qty_units=10**9), Mode.PAPER)))
    missing = asyncio.create_task(rig.engine.ask(inp.Cancel("desk", "ord_none", "desk/key")))
    await settle()
    rig.journal.flush()
    with pytest.raises(OrderRefused):
        await refused
    with pytest.raises(BadRequest):
        await missing


async def test_a_broken_call_to_a_venue_is_an_unknown_child_and_a_question(rig: Rig) -> None:
    for venue in rig.venues.values():
        venue.breaks = True
    asking = asyncio.create_task(rig.engine.ask(inp.Submit(make_order(), Mode.PAPER)))
    await settle()
    rig.journal.flush()
    await asking
    await settle()
    rig.journal.flush()
    await settle()
    states = {record.state for record in rig.engine.ledger.live_children.values()}
    assert states == {ChildState.UNKNOWN}
    assert [c.client_id for v in rig.venues.values() for c in v.queried] == [c.client_id for c in rig.sent]


async def test_a_kill_switch_between_intent_and_wire_stops_the_child(rig: Rig) -> None:
    asking = asyncio.create_task(rig.engine.ask(inp.Submit(make_order(), Mode.PAPER)))
    await settle()
    kill = inp.SetKillSwitch("", KillScope.GLOBAL, "", KillAction.BLOCK, "drill", "ops")
    killing = asyncio.create_task(rig.engine.ask(kill))
    await settle()
    rig.journal.flush()
    await asyncio.gather(asking, killing)
    await settle()
    rig.journal.flush()
    assert not rig.sent
    stopped = [c for p in rig.engine.ledger.parents.values() for c in p.children.values()]
    assert {(c.state, c.code) for c in stopped} == {(ChildState.REJECTED, "not_sent")}


async def test_a_kill_switch_that_overtakes_a_release_in_the_same_pass_of_the_loop_stops_the_child(rig: Rig) -> None:
    """The order is durable and its sends are on the loop when the switch is decided: they look again."""
    for venue in rig.venues.values():
        venue.is_prompt = False  # its sends are tasks, with a gap that a switch may fall into
    asking = asyncio.create_task(rig.engine.ask(inp.Submit(make_order(), Mode.PAPER)))
    await settle()
    kill = inp.SetKillSwitch("", KillScope.GLOBAL, "", KillAction.BLOCK, "drill", "ops")
    rig.journal.flush()  # spawns the sends
    killing = asyncio.create_task(rig.engine.ask(kill))
    rig.engine.core.turn([kill], rig.desk.now_ns)  # the switch's turn comes before their first step
    await settle()
    assert not rig.sent
    asking.cancel()
    killing.cancel()


async def test_a_child_that_the_disk_kept_past_its_deadline_never_leaves(rig: Rig) -> None:
    asking = asyncio.create_task(rig.engine.ask(inp.Submit(make_order(), Mode.PAPER)))
    await settle()
    rig.engine.clock.now_ns += 5_000_000_000  # type: ignore[attr-defined]
    rig.journal.flush()
    await asking
    await settle()
    assert not rig.sent
    stopped = [c for p in rig.engine.ledger.parents.values() for c in p.children.values()]
    assert {(c.state, c.code) for c in stopped} == {(ChildState.REJECTED, "not_sent")}


async def test_a_child_of_an_order_that_was_canceled_before_it_left_never_leaves(rig: Rig) -> None:
    asking = asyncio.create_task(rig.engine.ask(inp.Submit(make_order(), Mode.PAPER)))
    await settle()
    (order_id,) = rig.engine.ledger.open_parents
    canceling = asyncio.create_task(rig.engine.ask(inp.Cancel("desk", order_id, "desk/key")))
    await settle()
    rig.journal.flush()
    await asyncio.gather(asking, canceling)
    await settle()
    rig.journal.flush()
    assert not rig.sent
    assert rig.engine.ledger.parents[order_id].done_reason is DoneReason.CANCELED


async def test_a_listener_that_breaks_ends_the_process_and_takes_no_report_with_it(rig: Rig) -> None:
    def broken(_: object) -> None:
        raise RuntimeError("no room")

    asking = asyncio.create_task(rig.engine.ask(inp.Submit(make_order(), Mode.PAPER)))
    await settle()
    rig.journal.flush()
    await asking
    await settle()
    rig.engine.add_report_listener(broken)
    rig.engine.on_report(report(rig.sent[0], ReportKind.ACKED))
    await settle()
    assert [type(error) for error in rig.fatal] == [RuntimeError]
    assert rig.engine.ledger.child(rig.sent[0].child_id).state is ChildState.ACKED
    rig.engine.add_listener(broken)
    rig.journal.flush()
    assert len(rig.fatal) == 2


async def test_an_overfill_halts_its_venue_and_is_alarmed(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    alarms: list[tuple[object, ...]] = []
    monkeypatch.setattr("app.observe.kill_switch_changed", lambda *told: alarms.append(told))
    asking = asyncio.create_task(rig.engine.ask(inp.Submit(make_order(), Mode.PAPER)))
    await settle()
    rig.journal.flush()
    await asking
    await settle()
    child = rig.sent[0]
    told = {"venue_trade_id": "t1", "price_ticks": child.price_ticks, "qty_lots": child.qty_lots + 1}
    rig.engine.on_report(report(child, ReportKind.FILLED, **told))
    await settle()
    rig.journal.flush()
    assert [alarm[:4] for alarm in alarms] == [("set", "venue", child.venue, "engine")]
    assert rig.engine.health().n_overfills == 1


async def test_a_book_of_what_is_not_listed_breaks_nothing(rig: Rig) -> None:
    rig.engine.on_book(flat_book("ven_a", 6_000_000, T0_NS, book_seq=99))
    stranger = replace(flat_book("ven_a", 6_000_000, T0_NS), venue="ven_z")
    rig.engine.on_book(stranger)
    rig.engine.on_book(replace(stranger, venue="ven_a", symbol="DOGE/USDT"))
    assert not rig.fatal


async def test_reports_become_facts_and_listeners_hear_them(rig: Rig) -> None:
    heard: list[ExecutionReport] = []
    rig.engine.add_report_listener(heard.append)
    asking = asyncio.create_task(rig.engine.ask(inp.Submit(make_order(), Mode.PAPER)))
    await settle()
    rig.journal.flush()
    await asking
    await settle()
    for child in rig.sent:
        rig.engine.on_report(report(child, ReportKind.ACKED))
    await settle()
    rig.journal.flush()
    assert {r.state for r in rig.engine.ledger.live_children.values()} == {ChildState.ACKED}
    assert len(heard) == len(rig.sent)


async def test_a_broken_fold_ends_the_process_and_answers_nobody(rig: Rig) -> None:
    rig.engine.ledger.seq += 5  # the memory no longer matches the log
    asking = asyncio.create_task(rig.engine.ask(inp.Submit(make_order(), Mode.PAPER)))
    await settle()
    assert rig.fatal
    assert not asking.done()
    asking.cancel()
    rig.engine.ledger.seq -= 5


async def test_a_stopping_service_refuses_new_orders_and_says_so(rig: Rig) -> None:
    rig.engine.is_draining = True
    with pytest.raises(Unavailable, match="shutting_down"):
        await rig.engine.ask(inp.Submit(make_order(), Mode.PAPER))


async def test_a_full_disk_queue_refuses_before_anything_happens(rig: Rig) -> None:
    seq = rig.engine.ledger.seq
    rig.journal._max_queued_facts = 10
    with pytest.raises(Unavailable, match="storage_degraded"):
        await rig.engine.ask(inp.Submit(make_order(), Mode.PAPER))
    rig.journal._max_queued_facts = 65_536
    assert rig.engine.ledger.seq == seq


async def test_venues_that_cannot_be_asked_say_none(rig: Rig) -> None:
    rig.venues["ven_a"].breaks = True
    assert (await rig.engine.open_client_ids())["ven_a"] is None


async def test_health_counts_what_is_open(rig: Rig) -> None:
    asking = asyncio.create_task(rig.engine.ask(inp.Submit(make_order(), Mode.PAPER)))
    await settle()
    assert rig.engine.health().durable_seq < rig.engine.health().seq
    rig.journal.flush()
    await asking
    health = rig.engine.health()
    assert (health.n_open_orders, health.n_live_children) == (1, len(rig.sent))
    assert health.durable_seq == health.seq
    assert health.book_age_ns[("ven_a", "BTC/USDT")] == 0


async def test_a_book_that_comes_within_a_waiting_limit_sends_children_without_a_tick(rig: Rig) -> None:
    asking = asyncio.create_task(rig.engine.ask(inp.Submit(held_order(limit_price_units=5_990_000), Mode.PAPER)))
    await settle()
    rig.journal.flush()
    await asking
    assert not rig.sent
    rig.engine.on_book(flat_book("ven_a", 5_980_000, rig.desk.now_ns, book_seq=10))
    await settle()
    rig.journal.flush()
    await settle()
    assert [child.venue for child in rig.sent] == ["ven_a"]


async def test_what_nobody_waits_for_rides_along_with_what_somebody_does(rig: Rig) -> None:
    """A venue's ack is held for a moment; an order that comes meanwhile takes it to the journal in one group."""
    groups = record_groups(rig)
    child = await one_child(rig)
    n_groups = len(groups)
    rig.engine.on_report(report(child, ReportKind.ACKED))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(groups) == n_groups
    asking = asyncio.create_task(rig.engine.ask(inp.Submit(make_order(), Mode.PAPER)))
    await settle()
    assert len(groups) == n_groups + 1
    kinds = [fact.event.KIND for fact in groups[-1]]
    assert kinds[:2] == ["child_acked", "order_accepted"]
    rig.journal.flush()
    await asking


async def test_what_rides_alone_is_held_for_a_moment_only_and_told_when_durable(rig: Rig) -> None:
    groups = record_groups(rig)
    child = await one_child(rig)
    n_groups, n_batches = len(groups), len(rig.batches)
    rig.engine.on_report(report(child, ReportKind.ACKED))
    await settle()
    assert [fact.event.KIND for fact in groups[-1]] == ["child_acked"]
    assert len(groups) == n_groups + 1
    assert len(rig.batches) == n_batches
    rig.journal.flush()
    assert [fact.event.KIND for fact in rig.batches[-1]] == ["child_acked"]


async def test_a_read_does_not_wait_for_the_ride(rig: Rig) -> None:
    child = await one_child(rig)
    rig.engine.on_report(report(child, ReportKind.ACKED))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    reading = asyncio.create_task(rig.engine.durable())
    await settle()
    assert not reading.done()
    rig.journal.flush()
    await asyncio.wait_for(reading, 1)


async def test_what_is_held_counts_against_the_journals_room(rig: Rig) -> None:
    child = await one_child(rig)
    rig.journal._max_queued_facts = MIN_FREE_FACTS + len(rig.journal._facts) - rig.journal.durable_seq
    rig.engine.on_report(report(child, ReportKind.ACKED))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await rig.engine.ask(inp.Submit(make_order(), Mode.PAPER))
    await settle()


def record_groups(rig: Rig) -> list[Sequence[Fact]]:
    """Every group that goes to the journal from now on."""
    groups: list[Sequence[Fact]] = []
    append = rig.journal.append

    def noted(facts: Sequence[Fact], receipts: Sequence[tuple[str, bytes]]) -> None:
        groups.append(facts)
        append(facts, receipts)

    rig.journal.append = noted  # type: ignore[method-assign]
    return groups


async def one_child(rig: Rig) -> ChildOrder:
    """A child that has left, and a journal with nothing to do."""
    asking = asyncio.create_task(rig.engine.ask(inp.Submit(make_order(), Mode.PAPER)))
    await settle()
    rig.journal.flush()
    await asking
    await settle()
    return rig.sent[0]


async def test_a_search_that_is_sent_away_leaves_after_the_commit_and_its_children_after_its_own(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "BREAK_EVEN_US", 0.0)
    world, router = rig.desk.core.world, Router()
    fees = {venue: replace(fee, fixed_nano=10_000_000) for venue, fee in world.universe.fees.items()}
    rig.desk.core.world = replace(world, universe=replace(world.universe, fees=fees), planner=router, away=router)
    rig.engine.queue = InlinePlanQueue(asyncio.get_running_loop().call_soon)
    await rig.engine.queue.start(rig.engine.on_found)
    asking = asyncio.create_task(rig.engine.ask(inp.Submit(make_order(qty_units=5_000), Mode.PAPER)))
    await settle()
    assert not asking.done()
    rig.journal.flush()
    await settle()
    reply = await asking
    assert isinstance(reply, inp.Accepted)
    assert not rig.sent, "its plan is not durable yet"
    rig.journal.flush()
    await settle()
    assert rig.sent
    assert [type(fact.event).__name__ for fact in rig.batches[-2]] == ["OrderAccepted"]
    assert type(rig.batches[-1][0].event).__name__ == "RoutePlanned"


async def test_an_order_whose_queue_takes_nothing_is_planned_in_the_next_turn(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "BREAK_EVEN_US", 0.0)
    world, router = rig.desk.core.world, Router()
    fees = {venue: replace(fee, fixed_nano=10_000_000) for venue, fee in world.universe.fees.items()}
    rig.desk.core.world = replace(world, universe=replace(world.universe, fees=fees), planner=router, away=router)
    rig.engine.queue = InlinePlanQueue(asyncio.get_running_loop().call_soon)  # not started: it takes nothing
    asking = asyncio.create_task(rig.engine.ask(inp.Submit(make_order(qty_units=5_000), Mode.PAPER)))
    for _ in range(2):
        await settle()
        rig.journal.flush()
    await settle()
    assert asking.done()
    assert rig.sent


async def test_a_task_that_breaks_stops_the_shard(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Venues' failures are taken where they happen; anything else is our own bug, and nobody would hear of it."""

    def broken(*_: object) -> None:
        raise KeyError("a bug")

    for venue in rig.venues.values():
        venue.is_prompt, venue.breaks = False, True
    monkeypatch.setattr("app.observe.venue_call_failed", broken)
    asking = asyncio.create_task(rig.engine.ask(inp.Submit(make_order(), Mode.PAPER)))
    await settle()
    rig.journal.flush()
    await asking
    await settle()
    assert {type(error) for error in rig.fatal} == {KeyError}
    n_facts = rig.engine.ledger.seq
    rig.engine.on_report(ExecutionReport(ReportKind.UNKNOWN, "ven_a", "x"))
    await settle()
    assert rig.engine.ledger.seq == n_facts
