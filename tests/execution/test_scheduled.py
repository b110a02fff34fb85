"""Scheduled parents through whole turns of the real core: slices by the clock, given back, restarted, ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from app.domain import events as ev
from app.domain.enums import DoneReason, KillAction, KillScope, Mode, ParentState, Side, Strategy, TimeInForce
from app.domain.errors import BadRequest, OrderRefused
from app.domain.fills import ReportKind
from app.domain.orders import ParentOrder
from app.domain.schedule import Disguise
from app.domain.scheduled import Schedule
from app.execution import inputs as inp
from app.execution import slicer
from app.execution.context import Context
from app.execution.ledger import fold
from app.execution.scheduled import parameters
from app.execution.step import Core
from tests.worlds import MS, T0_NS, Desk, flat_book, make_desk, make_order, sent

S = 1_000 * MS
CROWD_UNITS = (10, 10, 20, 35, 60, 10, 120, 400, 15, 30) * 6


def scheduled(strategy: Strategy = Strategy.TWAP, *, seconds: int = 10, **changes: object) -> ParentOrder:
    """A market buy of 0.01 BTC over `seconds`, a slice a second."""
    terms = {"start_ns": T0_NS, "end_ns": T0_NS + seconds * S, "slice_ns": S}
    schedule = Schedule(strategy, 1, **(terms | dict(changes.pop("schedule", {}))))  # type: ignore[call-overload]
    more = {"strategy": strategy, "time_in_force": TimeInForce.GTC, "qty_units": 1_000, "schedule": schedule}
    return make_order(**(more | changes))


@dataclass
class Tape:
    """Others' volume, in the test's hand."""

    units: int = 0
    weights: tuple[int, ...] = field(default=(1, 2, 3))

    def lasts(self, symbol: str) -> Mapping[str, tuple[int, int]]:
        return {}

    def sizes_units(self, symbol: str) -> tuple[int, ...]:
        return CROWD_UNITS

    def others_units(self, symbol: str) -> int | None:
        return self.units

    def curve(self, symbol: str, start_ns: int, end_ns: int) -> tuple[int, ...]:
        return self.weights

    def expected_units(self, symbol: str, start_ns: int, end_ns: int) -> float:
        return 0.0


def with_tape(desk: Desk) -> Tape:
    from dataclasses import replace

    tape = Tape()
    desk.core.world = replace(desk.core.world, volumes=tape)
    return tape


def restarted(desk: Desk) -> None:
    """Another process takes the log over: the ledger is folded from the facts, memory is new."""
    desk.core = Core(desk.core.world, fold(desk.facts))
    desk.turn(inp.Start("s0", "epoch", "test", Mode.PAPER))


def run(desk: Desk, parent_id: str, *, ms: int, fills: bool = True, step_ms: int = 100) -> None:
    """Time passes; every child fills whole (or is canceled unfilled) at once."""
    for _ in range(ms // step_ms):
        settle(desk, desk.wait(step_ms), fills=fills)


def settle(desk: Desk, turn: inp.Turn, *, fills: bool = True) -> None:
    children = sent(turn)
    while children:
        child = children.pop()
        done = desk.fill(child) if fills else desk.report(child, ReportKind.CANCELED, cum_qty_lots=0)
        children += sent(done)


@pytest.fixture
def desk() -> Desk:
    return make_desk()


def begun(desk: Desk, order: ParentOrder, *, fills: bool = True) -> str:
    turn = desk.turn(inp.Submit(order, Mode.PAPER))
    reply = turn.replies[0]
    assert isinstance(reply, inp.Accepted), reply
    settle(desk, turn, fills=fills)
    return reply.fact.order_id


def releases(desk: Desk) -> list[ev.SliceReleased]:
    return [f.event for f in desk.facts if isinstance(f.event, ev.SliceReleased)]


def test_a_twap_gives_out_a_tenth_each_second_and_is_filled_at_its_last_slice(desk: Desk) -> None:
    order_id = begun(desk, scheduled())
    parent = desk.core.ledger.parents[order_id]
    assert parent.cum_qty_units == 100
    run(desk, order_id, ms=4_500)
    assert parent.cum_qty_units == 500
    run(desk, order_id, ms=5_000)
    assert parent.done_reason is DoneReason.FILLED
    assert [r.slice_qty_units for r in releases(desk)] == [100] * 10
    assert fold(desk.facts) == desk.core.ledger


def test_what_a_child_did_not_fill_is_due_again(desk: Desk) -> None:
    order_id = begun(desk, scheduled(), fills=False)
    parent = desk.core.ledger.parents[order_id]
    run(desk, order_id, ms=200)
    given_back = [f.event for f in desk.facts if isinstance(f.event, ev.ScheduleGivenBack)]
    assert [g.unfilled_qty_units for g in given_back] == [100]
    assert parent.cum_qty_units == 100
    assert parent.schedule is not None
    assert parent.schedule.progress.released_lots == 100


def test_a_restart_continues_where_the_clock_is(desk: Desk) -> None:
    order_id = begun(desk, scheduled())
    run(desk, order_id, ms=2_200)
    desk.now_ns += 3_000 * MS
    restarted(desk)
    run(desk, order_id, ms=200)
    parent = desk.core.ledger.parents[order_id]
    assert parent.cum_qty_units == 600
    run(desk, order_id, ms=5_000)
    assert parent.done_reason is DoneReason.FILLED
    assert sum(r.slice_qty_units for r in releases(desk)) == 1_000


def test_an_unknown_child_keeps_its_lots_out_of_the_schedule(desk: Desk) -> None:
    order = scheduled()
    turn = desk.turn(inp.Submit(order, Mode.PAPER))
    lost, *rest = sent(turn)
    for child in rest:
        desk.fill(child)
    desk.report(lost, ReportKind.UNKNOWN, code="ambiguous")
    reply = turn.replies[0]
    assert isinstance(reply, inp.Accepted)
    parent = desk.core.ledger.parents[reply.fact.order_id]
    run(desk, parent.order_id, ms=12_000)
    assert parent.state is not ParentState.DONE
    assert parent.cum_qty_units + lost.qty_units == 1_000
    settle(desk, desk.report(lost, ReportKind.CANCELED, cum_qty_lots=0))
    run(desk, parent.order_id, ms=200)
    assert parent.done_reason is DoneReason.FILLED
    assert parent.cum_qty_units == 1_000


def test_a_late_fill_takes_again_what_was_given_back(desk: Desk) -> None:
    turn = desk.turn(inp.Submit(scheduled(), Mode.PAPER))
    reply = turn.replies[0]
    assert isinstance(reply, inp.Accepted)
    children = sent(turn)
    for child in children:
        desk.report(child, ReportKind.CANCELED, cum_qty_lots=0)
    desk.now_ns += 100 * MS
    desk.fill(children[0])
    run(desk, reply.fact.order_id, ms=10_500)
    parent = desk.core.ledger.parents[reply.fact.order_id]
    assert parent.cum_qty_units == 1_000
    assert parent.done_reason is DoneReason.FILLED


def test_beyond_its_limit_nothing_leaves_and_the_end_says_so(desk: Desk) -> None:
    order_id = begun(desk, scheduled(limit_price_units=5_990_000, seconds=2))
    run(desk, order_id, ms=2_100)
    parent = desk.core.ledger.parents[order_id]
    assert not parent.children
    assert (parent.done_reason, parent.done_detail) == (DoneReason.EXPIRED, "beyond_limit")


def test_a_kill_switch_holds_it_and_its_clear_lets_it_catch_up(desk: Desk) -> None:
    order_id = begun(desk, scheduled())
    desk.turn(inp.SetKillSwitch("", KillScope.SYMBOL, "BTC/USDT", KillAction.BLOCK, "drill", "ops"))
    run(desk, order_id, ms=3_000)
    parent = desk.core.ledger.parents[order_id]
    assert parent.cum_qty_units == 100
    desk.turn(inp.ClearKillSwitch("", KillScope.SYMBOL, "BTC/USDT", "ops"))
    run(desk, order_id, ms=200)
    assert parent.cum_qty_units == 400


def test_a_cancel_ends_it_with_what_it_has(desk: Desk) -> None:
    order_id = begun(desk, scheduled())
    desk.turn(inp.Cancel("desk", order_id, "test"))
    parent = desk.core.ledger.parents[order_id]
    assert parent.done_reason is DoneReason.CANCELED
    assert parent.cum_qty_units == 100


def test_a_pov_follows_the_tape_slice_by_slice_and_leaves_its_rest(desk: Desk) -> None:
    tape = with_tape(desk)
    order_id = begun(desk, scheduled(Strategy.POV, seconds=5, schedule={"rate_ppm": 100_000}))
    parent = desk.core.ledger.parents[order_id]
    assert not parent.children
    tape.units += 2_000
    run(desk, order_id, ms=900)
    assert not parent.children
    run(desk, order_id, ms=200)
    assert parent.cum_qty_units == 200
    tape.units = 0  # a new process counts from nothing
    restarted(desk)
    parent = desk.core.ledger.parents[order_id]
    run(desk, order_id, ms=100)
    tape.units += 1_000
    run(desk, order_id, ms=1_000)
    assert parent.cum_qty_units == 300
    run(desk, order_id, ms=5_000)
    assert (parent.done_reason, parent.done_detail) == (DoneReason.EXPIRED, "end_at")
    assert len(releases(desk)) == 2


def test_a_cap_holds_beyond_the_end_and_ends_it_unfilled(desk: Desk) -> None:
    tape = with_tape(desk)
    order_id = begun(desk, scheduled(seconds=2, schedule={"cap_ppm": 100_000}))
    tape.units += 3_000
    run(desk, order_id, ms=1_900)
    parent = desk.core.ledger.parents[order_id]
    assert parent.cum_qty_units == 300
    run(desk, order_id, ms=11_000)
    assert (parent.done_reason, parent.done_detail) == (DoneReason.EXPIRED, "participation_cap")


def test_a_vwap_without_a_curve_takes_the_learned_one_into_its_fact(desk: Desk) -> None:
    with_tape(desk)
    order_id = begun(desk, scheduled(Strategy.VWAP, seconds=6))
    (fact,) = (f.event for f in desk.facts if isinstance(f.event, ev.ScheduleBegun))
    assert fact.state.schedule.weights == (1, 2, 3)
    run(desk, order_id, ms=6_000)
    parent = desk.core.ledger.parents[order_id]
    assert parent.done_reason is DoneReason.FILLED
    slices = [r.slice_qty_units for r in releases(desk)]
    assert slices == [83, 84, 166, 167, 250, 250]


def test_without_a_tape_what_follows_volume_is_refused(desk: Desk) -> None:
    for order in (
        scheduled(Strategy.POV, schedule={"rate_ppm": 100_000}),
        scheduled(schedule={"cap_ppm": 100_000}),
    ):
        reply, _ = desk.submit(order)
        assert isinstance(reply, inp.Failed)
        assert isinstance(reply.error, BadRequest)
    assert not desk.core.ledger.parents


def test_the_whole_quantity_is_what_the_gate_judges(desk: Desk) -> None:
    reply, _ = desk.submit(scheduled(qty_units=100_000_000))
    assert isinstance(reply, inp.Failed)
    assert isinstance(reply.error, OrderRefused)
    order_id = begun(desk, scheduled(qty_units=10_000))
    committed = desk.core.memory.commitments.at(desk.core.ledger, desk.core.world.universe)
    assert committed.open_units[("desk", "BTC/USDT", Side.BUY)] == 9_000
    assert desk.core.ledger.parents[order_id].cum_qty_units == 1_000


def test_at_its_would_price_all_of_it_goes(desk: Desk) -> None:
    order_id = begun(desk, scheduled(schedule={"would_price_units": 6_001_000}))
    assert desk.core.ledger.parents[order_id].done_reason is DoneReason.FILLED


def test_an_end_that_has_passed_is_refused(desk: Desk) -> None:
    desk.now_ns += 20 * S
    desk.refresh()
    reply, _ = desk.submit(scheduled())
    assert isinstance(reply, inp.Failed)
    assert isinstance(reply.error, BadRequest)
    assert reply.error.pointer == "/strategy_params/end_at"


def test_a_disguised_parent_leaves_in_clips_and_fills_whole_across_a_restart(desk: Desk) -> None:
    with_tape(desk)
    order = scheduled(seconds=60, schedule={"disguise": Disguise.ON})
    parent, children = desk.accepted(order)
    assert parent.schedule is not None
    assert parent.schedule.schedule.crowd_units == CROWD_UNITS
    order_id, sent_at_ms = parent.order_id, []
    expected = scheduled_clips(desk, order_id)
    for ms in range(0, 70_000, 20):
        if ms == 30_000:
            restarted(desk)
            assert scheduled_clips(desk, order_id) == expected
        children += sent(desk.wait(20))
        if children:
            sent_at_ms.append(ms + 20)
        for child in children:
            desk.fill(child)
        children = []
    parent = desk.core.ledger.parents[order_id]
    assert parent.done_reason is DoneReason.FILLED
    assert parent.cum_qty_units == 1_000
    slices = [f.event for f in desk.facts if isinstance(f.event, ev.SliceReleased)]
    clips_ms = {(at_ns - T0_NS) // MS for at_ns, _ in expected}
    # Each slice leaves at the first look (20 ms) at or after its clip; off the grid of a slice a second.
    assert all(any(0 <= at_ms - clip_ms <= 21 for clip_ms in clips_ms) for at_ms in sent_at_ms)
    assert sum(at_ms % 1_000 > 20 for at_ms in sent_at_ms) > len(sent_at_ms) // 2
    assert len({e.slice_qty_units for e in slices}) > 3


def scheduled_clips(desk: Desk, order_id: str) -> list[tuple[int, int]]:
    """The clips that the log alone says, by another process."""
    core = Core(desk.core.world, fold(desk.facts))
    parent = core.ledger.parents[order_id]
    state = parent.schedule
    assert state is not None
    ctx = Context(core.world, core.ledger, core.memory, desk.now_ns, inp.Turn())
    found, at_ns = [], state.schedule.start_ns - 1
    while at_ns := slicer.next_due_ns(parameters(ctx, parent, state), state.progress, at_ns):
        found.append((at_ns, 0))
    return found


def test_a_disguise_is_refused_where_too_few_trades_were_heard(desk: Desk) -> None:
    seq = desk.core.ledger.seq
    reply, _ = desk.submit(scheduled(schedule={"disguise": Disguise.ON}))
    assert isinstance(reply, inp.Failed)
    assert isinstance(reply.error, BadRequest)
    assert reply.error.pointer == "/strategy_params/disguise"
    assert desk.core.ledger.seq == seq


@pytest.mark.parametrize(("waited_ms", "is_out"), [(20, False), (1_000, True)])
def test_a_would_price_is_not_brought_near_by_our_own_sale(desk: Desk, waited_ms: int, is_out: bool) -> None:
    """The asks come down at the one venue where the desk has just sold; after the resilience time it is the market."""
    _, children = desk.accepted(make_order(side=Side.SELL))
    desk.fill(children[0])
    venue = children[0].venue
    terms = {"start_ns": T0_NS, "end_ns": T0_NS + 3_600 * S, "slice_ns": 60 * S, "would_price_units": 5_990_000}
    parent, children = desk.accepted(scheduled(schedule=terms))
    for child in children:
        desk.fill(child)
    out_units = parent.cum_qty_units
    desk.now_ns += waited_ms * MS
    desk.refresh()
    book = flat_book(venue, 5_980_000, desk.now_ns, book_seq=next(desk.book_seqs))
    desk.board.write_snapshot(book)
    desk.core.memory.next_replan_ns.clear()
    assert bool(sent(desk.turn(inp.Tick()))) is is_out
    assert parent.cum_qty_units == out_units
