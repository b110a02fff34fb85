"""What time alone asks for: silence, polling, lost wishes to cancel, restarts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.domain import events as ev
from app.domain.enums import ChildState, DoneReason, Mode, ParentState, Strategy, TimeInForce
from app.domain.errors import InvariantBroken
from app.domain.fills import ReportKind
from app.domain.orders import VenueFilter
from app.domain.universe import Universe
from app.execution import inputs as inp
from app.execution import reconcile
from app.execution.context import Memory
from app.execution.ledger import fold
from app.execution.reconcile import LAST_WORDS_NS
from app.execution.working_set import put_away
from tests.worlds import MS, Desk, held_order, make_desk, make_order


@pytest.fixture
def desk() -> Desk:
    return make_desk()


def restart(desk: Desk) -> inp.Turn:
    """Only the log survives."""
    desk.core.ledger, desk.core.memory = fold(desk.facts), Memory()
    return desk.turn(inp.Start("s0", "other", "test", Mode.PAPER))


def test_a_child_its_venue_says_is_open_is_polled_and_writes_no_storm_of_facts(desk: Desk) -> None:
    parent, (child, *_) = desk.accepted(make_order(qty_units=100))
    desk.report(child, ReportKind.ACKED)
    desk.now_ns = child.deadline_ts_ns
    n_facts, n_asked = len(desk.facts), 0
    for _ in range(500):  # ten seconds
        turn = desk.wait(20)
        asked = [c for c in turn.commands if isinstance(c, inp.QueryChild)]
        n_asked += len(asked)
        for _ in asked:
            desk.report(child, ReportKind.ACKED)
    assert parent.children[child.child_id].state is ChildState.ACKED
    assert 15 <= n_asked <= 21
    assert len(desk.facts) - n_facts <= 2


def test_a_venue_that_falls_silent_again_makes_it_unknown(desk: Desk) -> None:
    parent, (child, *_) = desk.accepted(make_order(qty_units=100))
    desk.report(child, ReportKind.ACKED)
    for _ in range(4):
        desk.wait(1_000)
    assert parent.children[child.child_id].state is ChildState.UNKNOWN


def test_a_wish_to_cancel_that_was_lost_is_told_again(desk: Desk) -> None:
    parent, (child, *_) = desk.accepted(make_order(qty_units=100))
    desk.report(child, ReportKind.ACKED)
    desk.turn(inp.Cancel("desk", parent.order_id, "desk/key"))
    wishes = []
    for _ in range(60):
        turn = desk.wait(100)
        wishes += [c for c in turn.commands if isinstance(c, inp.CancelChild)]
    assert {c.child.child_id for c in wishes} == {child.child_id}
    assert 2 < len(wishes) < 12
    restart(desk)
    turn = desk.turn(inp.Tick())
    assert any(isinstance(c, inp.CancelChild) for c in turn.commands)


def test_a_good_till_date_that_passed_while_the_service_was_down_expires(desk: Desk) -> None:
    expire_ts_ns = desk.now_ns + 1_000 * MS
    order = held_order(time_in_force=TimeInForce.GTD, expire_ts_ns=expire_ts_ns, limit_price_units=5_990_000)
    parent, _ = desk.accepted(order)
    desk.now_ns += 3_600_000 * MS
    restart(desk)
    desk.turn(inp.Tick())
    parent = desk.core.ledger.parents[parent.order_id]
    assert parent.done_reason is DoneReason.EXPIRED


def test_an_expired_order_waits_for_the_child_in_doubt(desk: Desk) -> None:
    expire_ts_ns = desk.now_ns + 1_000 * MS
    order = replace(held_order(qty_units=300, limit_price_units=6_010_000), expire_ts_ns=expire_ts_ns)
    order = replace(order, time_in_force=TimeInForce.GTD)
    parent, (child, *_) = desk.accepted(order)
    desk.report(child, ReportKind.UNKNOWN)
    desk.wait(5_000)
    assert parent.state is ParentState.WORKING
    desk.fill(child, lots=1)
    desk.report(child, ReportKind.CANCELED, cum_qty_lots=1)
    assert parent.done_reason is DoneReason.EXPIRED
    assert parent.cum_qty_units == child.lot_units


def test_an_immediate_order_that_a_crash_left_between_two_waves_ends(desk: Desk) -> None:
    parent, children = desk.accepted(make_order(qty_units=300))
    for child in children:
        desk.report(child, ReportKind.UNKNOWN)
    desk.now_ns += 60_000 * MS
    desk.refresh()
    restart(desk)
    for child in children:
        desk.report(child, ReportKind.CANCELED, cum_qty_lots=0)
    parent = desk.core.ledger.parents[parent.order_id]
    assert (parent.done_reason, parent.done_detail) == (DoneReason.CANCELED, "max_working_time")


def test_a_start_without_a_venue_that_open_orders_need_is_refused_by_name(desk: Desk) -> None:
    _, (child, *_) = desk.accepted(make_order(qty_units=100))
    desk.core.ledger = fold(desk.facts)
    universe = desk.core.world.universe
    left = {key: listing for key, listing in universe.instruments.items() if key[0] != child.venue}
    smaller = Universe(universe.venues, universe.symbols, left, universe.fees)
    desk.core.world = replace(desk.core.world, universe=smaller)
    with pytest.raises(InvariantBroken, match=child.venue):
        desk.turn(inp.Start("s0", "other", "test", Mode.PAPER))
    assert not [f for f in desk.facts if isinstance(f.event, ev.ChildUnknown)]


def asked_about(turn: inp.Turn) -> list[str]:
    return [command.child.child_id for command in turn.commands if isinstance(command, inp.QueryChild)]


def test_what_ended_short_just_before_a_crash_is_asked_about_once(desk: Desk) -> None:
    orders = [(100, "ven_a"), (200, "ven_b"), (300, "ven_c")]
    children = [
        desk.accepted(make_order(qty_units=qty, strategy=Strategy.SWEEP, venues=VenueFilter(include=(venue,))))[1][0]
        for qty, venue in orders
    ]
    short, whole = children[0], children[1]
    desk.fill(whole)
    desk.fill(whole)
    desk.fill(short, lots=1)
    desk.report(short, ReportKind.CANCELED, cum_qty_lots=1)
    for child in children[2:]:
        desk.report(child, ReportKind.CANCELED, cum_qty_lots=0)
    others = {child.child_id for child in children} - {whole.child_id}
    desk.now_ns += 60_000 * MS  # the service was down
    restart(desk)
    desk.core.memory.unreachable = {short.venue}
    desk.refresh()
    turn = desk.turn(inp.Tick())
    assert set(asked_about(turn)) == others - {short.child_id}
    desk.core.memory.unreachable = set()
    assert asked_about(desk.turn(inp.Tick())) == [short.child_id]
    assert not asked_about(desk.turn(inp.Tick()))
    parent = desk.core.ledger.parents[short.order_id]
    desk.fill(short, lots=1, trade_id="said-while-down")
    assert parent.children[short.child_id].cum_qty_units == 2 * short.lot_units


def test_what_has_left_memory_meanwhile_is_asked_about_all_the_same(desk: Desk) -> None:
    _, children = desk.accepted(make_order(qty_units=100, strategy=Strategy.SWEEP))
    for child in children:
        desk.report(child, ReportKind.CANCELED, cum_qty_lots=0)
    restart(desk)
    put_away(desk.core.ledger, desk.core.ledger.parents[children[0].order_id])
    desk.refresh()
    assert set(asked_about(desk.turn(inp.Tick()))) == {child.child_id for child in children}


def test_what_ended_long_before_is_not(desk: Desk) -> None:
    _, children = desk.accepted(make_order(qty_units=100, strategy=Strategy.SWEEP))
    for child in children:
        desk.report(child, ReportKind.CANCELED, cum_qty_lots=0)
    for _ in range(2):
        desk.now_ns += LAST_WORDS_NS + 1
        restart(desk)  # of which the first is a fact, ten seconds after
    desk.refresh()
    assert not asked_about(desk.turn(inp.Tick()))


def test_of_a_venue_only_the_newest_are_asked_about(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconcile, "MAX_LAST_WORDS", 2)
    ended = []
    for n in range(5):
        venue = "ven_a" if n < 4 else "ven_b"
        order = make_order(qty_units=100 * (n + 1), strategy=Strategy.SWEEP, venues=VenueFilter(include=(venue,)))
        _, (child, *_) = desk.accepted(order)
        desk.now_ns += MS
        desk.report(child, ReportKind.CANCELED, cum_qty_lots=0)
        desk.refresh()  # or the venue counts as empty for the next one
        ended.append(child.child_id)
    restart(desk)
    desk.refresh()
    assert sorted(asked_about(desk.turn(inp.Tick()))) == sorted(ended[2:])
