"""The life of an order through whole turns of the real core."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.domain import events as ev
from app.domain.enums import (
    ChildState,
    DoneReason,
    KillAction,
    KillScope,
    Mode,
    OrderStatus,
    OrderType,
    ParentState,
    RefusalCode,
    Remainder,
    Side,
    Strategy,
    TimeInForce,
)
from app.domain.errors import BadRequest, OrderRefused
from app.domain.fills import ReportKind
from app.domain.orders import VenueFilter
from app.domain.units import NANO
from app.execution import inputs as inp
from app.execution.ledger import fold
from tests.worlds import LIMITS, Desk, make_desk, make_order, sent


@pytest.fixture
def desk() -> Desk:
    return make_desk()


def test_one_turn_accepts_plans_and_intends(desk: Desk) -> None:
    turn = desk.turn(inp.Submit(make_order(qty_units=5_000), Mode.PAPER))
    kinds = [type(f.event).__name__ for f in turn.facts]
    assert kinds[:2] == ["OrderAccepted", "RoutePlanned"]
    assert set(kinds[2:]) == {"ChildSending"}
    assert len(sent(turn)) == len(kinds) - 2 > 0
    assert len(turn.receipts) == 1


def test_an_order_that_fills_is_done_and_judged_in_the_same_turn(desk: Desk) -> None:
    parent, children = desk.accepted(make_order(qty_units=300))
    for child in children:
        turn = desk.fill(child)
    assert parent.done_reason is DoneReason.FILLED
    assert parent.status is OrderStatus.FILLED
    assert [type(f.event) for f in turn.facts[-2:]] == [ev.OrderDone, ev.TcaReported]
    assert parent.cum_qty_units == 300 == sum(f.fill.qty_units for f in parent.fills)


def test_what_did_not_fill_is_routed_again_to_what_is_left(desk: Desk) -> None:
    parent, children = desk.accepted(make_order(qty_units=300))
    first = children[0]
    desk.fill(first, lots=1)
    turn = desk.report(first, ReportKind.CANCELED, cum_qty_lots=1)
    again = sent(turn)
    if len(children) == 1:
        assert sum(c.qty_units for c in again) == 300 - first.lot_units
        assert {c.wave for c in again} == {2}
    assert parent.cum_qty_units + parent.in_flight_qty_units <= 300


def test_an_ioc_that_finds_nothing_within_its_limit_ends_canceled_at_once(desk: Desk) -> None:
    order = make_order(order_type=OrderType.LIMIT, limit_price_units=5_990_000)
    parent, children = desk.accepted(order)
    assert not children
    assert parent.state is ParentState.DONE
    assert parent.done_reason is DoneReason.CANCELED


def test_a_held_limit_order_waits_and_goes_when_the_book_crosses(desk: Desk) -> None:
    order = make_order(
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTC,
        remainder=Remainder.HELD,
        limit_price_units=5_999_000,
    )
    parent, children = desk.accepted(order)
    assert not children
    assert not sent(desk.wait(200))
    assert parent.status is OrderStatus.WORKING
    desk.now_ns += 200_000_000
    desk.refresh(mid_units=5_998_000)
    assert sent(desk.turn(inp.Tick()))


def test_a_good_till_date_order_expires(desk: Desk) -> None:
    order = make_order(
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTD,
        remainder=Remainder.HELD,
        limit_price_units=5_990_000,
        expire_ts_ns=desk.now_ns + 1_000_000_000,
    )
    parent, _ = desk.accepted(order)
    desk.wait(999)
    assert parent.state is ParentState.WORKING
    desk.wait(2)
    assert parent.done_reason is DoneReason.EXPIRED


def test_a_sweep_is_one_wave(desk: Desk) -> None:
    parent, children = desk.accepted(make_order(strategy=Strategy.SWEEP, qty_units=300))
    for child in children:
        desk.report(child, ReportKind.CANCELED, cum_qty_lots=0)
    assert parent.n_waves == 1
    assert parent.done_reason is DoneReason.CANCELED


def test_waves_are_bounded(desk: Desk) -> None:
    parent, children = desk.accepted(make_order(qty_units=300))
    for _ in range(20):
        if parent.state is ParentState.DONE:
            break
        sends: list = []
        for child in children:
            sends += sent(desk.report(child, ReportKind.CANCELED, cum_qty_lots=0))
        children = sends or sent(desk.wait(100))
    assert parent.state is ParentState.DONE
    assert parent.n_waves <= desk.core.world.timing.max_waves


def test_fill_or_kill_goes_to_one_venue_as_fok(desk: Desk) -> None:
    _, children = desk.accepted(make_order(time_in_force=TimeInForce.FOK, qty_units=200))
    assert [c.time_in_force for c in children] == [TimeInForce.FOK]


def test_fill_or_kill_beyond_any_single_venue_is_refused(desk: Desk) -> None:
    reply, _ = desk.submit(make_order(time_in_force=TimeInForce.FOK, qty_units=50_000))
    assert isinstance(reply, inp.Failed)
    assert isinstance(reply.error, OrderRefused)
    assert reply.error.code is RefusalCode.FOK_NO_SINGLE_VENUE


def test_require_full_fill_is_never_claimed_over_several_venues(desk: Desk) -> None:
    reply, _ = desk.submit(make_order(is_full_fill_required=True, qty_units=50_000))
    assert isinstance(reply, inp.Failed)
    assert isinstance(reply.error, OrderRefused)
    assert reply.error.code is RefusalCode.NOT_ATOMIC


def test_the_same_client_id_gives_the_same_fact_and_another_body_conflicts(desk: Desk) -> None:
    order = make_order()
    first, _ = desk.submit(order)
    n_facts = len(desk.facts)
    again, children = desk.submit(order)
    assert isinstance(first, inp.Accepted)
    assert isinstance(again, inp.Accepted)
    assert again.is_replay
    assert again.fact is first.fact
    assert not children
    assert len(desk.facts) == n_facts
    other, _ = desk.submit(make_order(client_order_id=order.client_order_id, body_hash="other"))
    assert isinstance(other, inp.Failed)
    assert isinstance(other.error, BadRequest)
    assert other.error.code == "client_order_id_conflict"


def test_a_refusal_is_a_fact_but_not_an_order_and_does_not_use_up_the_client_id(desk: Desk) -> None:
    order = make_order(qty_units=100_000_000)
    reply, _ = desk.submit(order)
    assert isinstance(reply, inp.Failed)
    assert isinstance(desk.facts[-1].event, ev.OrderRefused)
    again = make_order(client_order_id=order.client_order_id, qty_units=100)
    accepted, _ = desk.submit(again)
    assert isinstance(accepted, inp.Accepted)


def test_beyond_ten_a_second_refusals_are_counted_not_written(desk: Desk) -> None:
    n_before = len(desk.facts)
    for _ in range(25):
        desk.submit(make_order(qty_units=100_000_000))
    refused = [f for f in desk.facts[n_before:] if isinstance(f.event, ev.OrderRefused)]
    assert len(refused) == 10
    desk.wait(1_001)
    counted = [f.event for f in desk.facts[n_before:] if isinstance(f.event, ev.RefusalsAggregated)]
    assert [c.n_refused for c in counted] == [15]


def test_a_fill_counts_once_however_often_it_is_told(desk: Desk) -> None:
    parent, children = desk.accepted(make_order(qty_units=300))
    for _ in range(3):
        desk.fill(children[0], lots=1, trade_id="same")
    assert parent.cum_qty_units == children[0].lot_units
    assert desk.core.memory.n_duplicate_fills == 2


def test_a_late_fill_changes_quantities_and_never_the_state(desk: Desk) -> None:
    parent, children = desk.accepted(make_order(strategy=Strategy.SWEEP, qty_units=100))
    child = children[0]
    for c in children:
        desk.report(c, ReportKind.CANCELED, cum_qty_lots=0)
    assert parent.done_reason is DoneReason.CANCELED
    turn = desk.fill(child, lots=1)
    assert parent.done_reason is DoneReason.CANCELED
    assert parent.cum_qty_units == child.lot_units
    assert parent.children[child.child_id].state is ChildState.CANCELED
    fills = [f.event for f in turn.facts if isinstance(f.event, ev.ChildFilled)]
    assert [f.is_late for f in fills] == [True]
    assert isinstance(turn.facts[-1].event, ev.TcaReported)


def test_an_overfill_is_recorded_and_never_dropped(desk: Desk) -> None:
    parent, children = desk.accepted(make_order(qty_units=100))
    child = children[0]
    desk.fill(child, lots=child.qty_lots + 3)
    assert desk.core.ledger.n_overfills == 1
    assert parent.cum_qty_units == child.qty_units + 3 * child.lot_units


def test_a_terminal_word_with_fills_missing_is_answered_by_a_question(desk: Desk) -> None:
    parent, children = desk.accepted(make_order(qty_units=300))
    child = children[0]
    turn = desk.report(child, ReportKind.CANCELED, cum_qty_lots=1)
    assert not parent.children[child.child_id].state.is_terminal
    assert any(isinstance(c, inp.QueryChild) for c in turn.commands)
    desk.fill(child, lots=1)
    desk.report(child, ReportKind.CANCELED, cum_qty_lots=1)
    assert parent.children[child.child_id].state is ChildState.CANCELED


def test_an_unknown_child_keeps_its_exposure_and_is_never_sent_again(desk: Desk) -> None:
    parent, children = desk.accepted(make_order(qty_units=100))
    child = children[0]
    desk.report(child, ReportKind.UNKNOWN, code="timeout")
    assert parent.children[child.child_id].state is ChildState.UNKNOWN
    for _ in range(30):
        turn = desk.wait(100)
        assert not sent(turn)
    assert parent.in_flight_qty_units == 100
    assert parent.status is OrderStatus.UNKNOWN


def test_a_miss_before_the_deadline_proves_nothing_and_after_it_frees_the_quantity(desk: Desk) -> None:
    parent, children = desk.accepted(make_order(qty_units=100))
    child = children[0]
    desk.report(child, ReportKind.UNKNOWN)
    desk.report(child, ReportKind.NOT_FOUND)
    assert parent.children[child.child_id].state is ChildState.UNKNOWN
    desk.now_ns = child.deadline_ts_ns + desk.core.world.timing.clock_skew_ns + 1
    desk.refresh()
    turn = desk.report(child, ReportKind.NOT_FOUND, evidence="query", venue_ts_ns=child.deadline_ts_ns + 1)
    assert parent.children[child.child_id].state is ChildState.REJECTED
    assert parent.children[child.child_id].code == "not_accepted"
    assert all(c.client_id != child.client_id for c in sent(turn))


def test_a_child_the_venue_once_showed_is_never_closed_by_a_miss(desk: Desk) -> None:
    parent, children = desk.accepted(make_order(qty_units=100))
    child = children[0]
    desk.report(child, ReportKind.ACKED)
    desk.now_ns = child.deadline_ts_ns + 10_000_000_000
    desk.refresh()
    desk.report(child, ReportKind.NOT_FOUND)
    assert parent.children[child.child_id].state is ChildState.UNKNOWN


def test_silence_past_the_deadline_makes_a_child_unknown_and_asks(desk: Desk) -> None:
    parent, children = desk.accepted(make_order(qty_units=100))
    turn = desk.wait(2_500)
    assert parent.children[children[0].child_id].state is ChildState.UNKNOWN
    assert any(isinstance(c, inp.QueryChild) for c in turn.commands)


def test_a_cancel_of_an_order_without_live_children_ends_it_at_once(desk: Desk) -> None:
    order = make_order(
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTC,
        remainder=Remainder.HELD,
        limit_price_units=5_990_000,
    )
    parent, _ = desk.accepted(order)
    desk.turn(inp.Cancel("desk", parent.order_id, "desk/key"))
    assert parent.done_reason is DoneReason.CANCELED


def test_a_cancel_never_ends_an_order_whose_child_is_unknown(desk: Desk) -> None:
    parent, children = desk.accepted(make_order(qty_units=100))
    desk.report(children[0], ReportKind.UNKNOWN)
    desk.turn(inp.Cancel("desk", parent.order_id, "desk/key"))
    desk.wait(60_000)
    assert parent.state is ParentState.WORKING


def test_a_foreign_account_cannot_cancel(desk: Desk) -> None:
    parent, _ = desk.accepted()
    turn = desk.turn(inp.Cancel("other", parent.order_id, "other/key"))
    assert isinstance(turn.replies[0], inp.Failed)


def test_a_kill_switch_blocks_then_cancels_and_no_child_is_born_after_it(desk: Desk) -> None:
    held = make_order(
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTC,
        remainder=Remainder.HELD,
        limit_price_units=5_990_000,
    )
    parent, _ = desk.accepted(held)
    desk.turn(inp.SetKillSwitch("", KillScope.GLOBAL, "", KillAction.CANCEL, "drill", "ops"))
    kill_seq = desk.facts[-1].seq
    assert parent.done_reason is DoneReason.CANCELED
    reply, children = desk.submit()
    assert isinstance(reply, inp.Failed)
    assert isinstance(reply.error, OrderRefused)
    assert reply.error.code is RefusalCode.TRADING_HALTED
    assert not children
    desk.turn(inp.ClearKillSwitch("", KillScope.GLOBAL, "", "ops"))
    accepted, _ = desk.submit()
    assert isinstance(accepted, inp.Accepted)
    cleared_seq = next(f.seq for f in desk.facts if isinstance(f.event, ev.KillSwitchCleared))
    sending = [f.seq for f in desk.facts if isinstance(f.event, ev.ChildSending)]
    assert not [s for s in sending if kill_seq < s < cleared_seq]


def test_the_last_gate_stops_a_child_that_a_kill_switch_overtook(desk: Desk) -> None:
    _, children = desk.accepted()
    assert not desk.core.why_stopped(children[0], desk.now_ns)
    desk.turn(inp.SetKillSwitch("", KillScope.VENUE, children[0].venue, KillAction.BLOCK, "drill", "ops"))
    assert desk.core.why_stopped(children[0], desk.now_ns) == "kill_switch"


def test_a_disabled_venue_gets_nothing_and_is_named(desk: Desk) -> None:
    desk.turn(inp.SetVenue("ven_c", False, "ops"))
    parent, children = desk.accepted(make_order(qty_units=300))
    assert "ven_c" not in {c.venue for c in children}
    excluded = {x.venue: x.code.value for x in parent.routes[0][1].plan.excluded}
    assert excluded["ven_c"] == "disabled"


def test_venue_filters_bind(desk: Desk) -> None:
    _, children = desk.accepted(
        make_order(qty_units=300, venues=VenueFilter(include=("ven_a", "ven_b"), exclude=("ven_b",)))
    )
    assert {c.venue for c in children} == {"ven_a"}


def test_an_operator_resolves_only_what_is_unknown_and_only_with_evidence(desk: Desk) -> None:
    parent, children = desk.accepted(make_order(strategy=Strategy.SWEEP, qty_units=100))
    child = children[0]
    known = desk.turn(inp.Resolve("desk", parent.order_id, child.child_id, "ops", "ticket 1"))
    assert isinstance(known.replies[0], inp.Failed)
    desk.report(child, ReportKind.UNKNOWN)
    empty = desk.turn(inp.Resolve("desk", parent.order_id, child.child_id, "ops", " "))
    assert isinstance(empty.replies[0], inp.Failed)
    desk.turn(inp.Resolve("desk", parent.order_id, child.child_id, "ops", "venue statement 17"))
    assert parent.children[child.child_id].state is ChildState.CANCELED


def test_a_notional_buy_never_spends_more_than_asked(desk: Desk) -> None:
    order = make_order(qty_units=None, notional_nano=50_000 * NANO)
    parent, children = desk.accepted(order)
    worst = sum(
        desk.core.world.universe.symbols["BTC/USDT"].notional_nano(c.price_units, c.qty_units) for c in children
    )
    assert 0 < worst <= 50_000 * NANO
    while children:
        children = [again for child in children for again in sent(desk.fill(child))]
    assert parent.cum_notional_nano <= 50_000 * NANO
    assert parent.done_reason is DoneReason.FILLED


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
def test_balances_move_by_fills_and_fees(desk: Desk, side: Side) -> None:
    before = dict(desk.core.ledger.balances)
    parent, children = desk.accepted(make_order(side=side, qty_units=300))
    for child in children:
        desk.fill(child)
    after = desk.core.ledger.balances
    base = sum(after[k] - before[k] for k in before if k[2] == "BTC")
    quote = sum(after[k] - before[k] for k in before if k[2] == "USDT")
    assert base == side.sign * 300 * 10_000
    assert quote == -side.sign * parent.cum_money_nano - sum(parent.fees_nano.values())


def test_a_restart_loses_live_children_and_asks_their_venues(desk: Desk) -> None:
    _, children = desk.accepted(make_order(qty_units=300))
    desk.core.ledger = fold(desk.facts)
    desk.turn(inp.Start("s0", "epoch", "test", Mode.PAPER))
    turn = desk.turn(inp.Tick())
    asked = {c.child.client_id for c in turn.commands if isinstance(c, inp.QueryChild)}
    assert asked == {c.client_id for c in children}
    assert all(r.state is ChildState.UNKNOWN for r in desk.core.ledger.live_children.values())


def test_limits_move_one_version_at_a_time(desk: Desk) -> None:
    turn = desk.turn(inp.SetLimits("desk", LIMITS, "ops"))
    assert isinstance(turn.replies[0], inp.Failed)


def test_no_limit_passes_the_configured_ceiling(desk: Desk) -> None:
    desk.core.world = replace(desk.core.world, ceilings={"max_order_notional_nano": LIMITS.max_order_notional_nano})
    wider = replace(LIMITS, version=2, max_order_notional_nano=LIMITS.max_order_notional_nano + 1)
    reply = desk.turn(inp.SetLimits("desk", wider, "ops")).replies[0]
    assert isinstance(reply, inp.Failed)
    assert isinstance(reply.error, BadRequest)
    assert reply.error.code == "over_ceiling"
    same = desk.turn(inp.SetLimits("desk", replace(LIMITS, version=2), "ops")).replies[0]
    assert isinstance(same, inp.Done)
