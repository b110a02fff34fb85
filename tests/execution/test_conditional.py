"""Definitions through whole turns of the real core. Random lives are in tests/scenarios/test_conditional_machine.py."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.domain import conditional_events as ce
from app.domain.conditions import Condition, ConditionKind, Leg, LegState, OrderClass, OtoTrigger, Trail, TriggerSource
from app.domain.enums import (
    DoneReason,
    KillAction,
    KillScope,
    Mode,
    OrderType,
    ParentState,
    RefusalCode,
    Remainder,
    Side,
    TimeInForce,
)
from app.domain.errors import BadRequest, InvariantBroken, OrderRefused
from app.domain.fills import ReportKind
from app.domain.orders import VenueFilter
from app.domain.universe import Universe
from app.execution import inputs as inp
from app.execution.context import Context, Memory
from app.execution.ledger import fold
from app.execution.shares import leg_state
from app.execution.stakes import account_view
from app.risk.exposure import AccountView
from tests.conditionals import bracket, definition, end, exhaust, limit, move, oco, stop, taken, touch, trail
from tests.worlds import LIMITS, MS, VENUES, Desk, flat_book, make_desk, make_order, sent


@pytest.fixture
def desk() -> Desk:
    return make_desk()


def reply_of(desk: Desk, item: inp.Input) -> inp.Reply:
    return desk.turn(item).replies[0]


def test_a_stop_sends_nothing_before_its_price_and_all_of_it_there(desk: Desk) -> None:
    record, children = taken(desk, definition(stop(5_900_000)))
    assert not children
    assert not move(desk, 5_900_100)
    children = move(desk, 5_900_000)
    assert sum(c.qty_units for c in children) == 300
    assert {c.side for c in children} == {Side.SELL}
    for child in children:
        desk.fill(child)
    assert record.done_reason is DoneReason.FILLED
    assert fold(desk.facts) == desk.core.ledger


@pytest.mark.parametrize(
    ("leg", "calm_units", "there_units"),
    [
        (stop(6_100_000, side=Side.BUY), 6_099_900, 6_100_000),
        (touch(6_100_000), 6_099_900, 6_100_000),
        (touch(5_900_000, side=Side.BUY), 5_900_100, 5_900_000),
        (limit(6_100_000, name="order"), 6_100_000, 6_100_200),
    ],
)
def test_every_kind_has_its_own_side(desk: Desk, leg: Leg, calm_units: int, there_units: int) -> None:
    taken(desk, definition(leg))
    assert not move(desk, calm_units)
    assert move(desk, there_units)


def test_a_gap_triggers_at_the_next_price_that_may_be_believed(desk: Desk) -> None:
    record, _ = taken(desk, definition(stop(5_900_000)))
    desk.now_ns += 3_000 * MS  # every book is stale: a halt
    assert not sent(desk.turn(inp.Tick()))
    assert not record.legs[0].is_triggered
    assert move(desk, 5_500_000)


def test_what_did_not_fill_is_placed_anew_at_the_market_of_then(desk: Desk) -> None:
    record, _ = taken(desk, definition(stop(5_900_000)))
    first = move(desk, 5_890_000)
    exhaust(desk, first)
    again = move(desk, 5_800_000, ms=100)
    assert sum(c.qty_units for c in again) == 300
    assert again[0].price_units < first[0].price_units
    assert len(record.legs[0].order_ids) == 2


def test_empty_orders_come_ever_more_slowly(desk: Desk) -> None:
    record, _ = taken(desk, definition(stop(5_900_000)))
    children = move(desk, 5_890_000)
    for pause_ms in (100, 200, 400, 800, 1_600, 1_600):
        exhaust(desk, children)
        assert not move(desk, 5_890_000, ms=pause_ms - 1)
        children = move(desk, 5_890_000, ms=1)
        assert children
    assert len(record.legs[0].order_ids) == 7


def test_a_stop_limit_rests_in_the_engine_while_the_market_is_beyond_its_limit(desk: Desk) -> None:
    record, _ = taken(desk, definition(stop(5_900_000, limit=5_899_000)))
    assert not move(desk, 5_890_000)
    assert record.legs[0].is_triggered
    children = move(desk, 5_901_000)
    assert sum(c.qty_units for c in children) == 300
    assert min(c.price_units for c in children) >= 5_899_000


def test_a_limit_that_a_gap_has_left_far_behind_is_kept_within_the_collar(desk: Desk) -> None:
    """A price judged at acceptance is no slip of a finger when the market jumps beyond it."""
    taken(desk, definition(limit(6_100_000, name="order")))
    children = move(desk, 7_000_000)
    assert children
    assert min(c.price_units for c in children) >= 6_650_000


def test_a_trail_follows_its_mark_and_never_goes_back(desk: Desk) -> None:
    record, _ = taken(desk, definition(trail(Trail(50_000, 0, 0))))
    for mid_units in (6_020_000, 6_100_000, 6_060_000, 6_050_100):
        assert not move(desk, mid_units)
    assert move(desk, 6_050_000)
    assert record.legs[0].mark_half_units == 2 * 6_100_000
    assert record.legs[0].stop_half_units == 2 * 6_050_000


def test_a_trail_by_share_waits_for_its_activation(desk: Desk) -> None:
    record, _ = taken(desk, definition(trail(Trail(0, 10_000, 5_900_000), side=Side.BUY)))
    assert not move(desk, 6_200_000)
    assert not record.legs[0].mark_half_units
    assert not move(desk, 5_900_000)
    assert not move(desk, 5_950_000)
    assert move(desk, 5_959_000)


def test_a_water_mark_outlives_the_process(desk: Desk) -> None:
    record, _ = taken(desk, definition(trail(Trail(50_000, 0, 0))))
    move(desk, 6_100_000)
    desk.core.ledger, desk.core.memory = fold(desk.facts), Memory()
    desk.turn(inp.Start("s0", "epoch", "test", Mode.PAPER))
    assert not move(desk, 6_051_000)
    assert move(desk, 6_049_000)
    assert record.legs[0].mark_half_units == 2 * 6_100_000


def test_a_slow_trail_writes_one_mark_a_second(desk: Desk) -> None:
    taken(desk, definition(trail(Trail(1_000_000, 0, 0))))
    for n in range(1, 101):
        move(desk, 6_000_000 + 100 * n)
    assert sum(isinstance(f.event, ce.TrailMarked) for f in desk.facts) == 3  # the first, and two seconds


def test_the_legs_of_an_oco_share_one_quantity_even_in_flight(desk: Desk) -> None:
    record, _ = taken(desk, oco())
    profit = move(desk, 6_100_200)
    assert sum(c.qty_units for c in profit) == 300
    assert not move(desk, 5_890_000)  # the stop has triggered, and all of it is at a venue
    assert record.legs[1].is_triggered
    lots = 1
    sends = end(desk, profit[0], lots)
    filled = lots * profit[0].lot_units
    assert sum(c.qty_units for c in sends) == 300 - filled
    for child in sends:
        desk.fill(child)
    assert record.done_reason is DoneReason.FILLED


def test_a_brackets_exits_are_as_large_as_its_entry_has_filled(desk: Desk) -> None:
    record, entry = taken(desk, *bracket(3_000))
    assert not move(desk, 5_890_000)
    assert not record.legs[2].is_triggered  # nothing to protect yet
    turn = desk.fill(entry[0], 1)
    exits = sent(turn)  # the stop is through already: covered in the very turn of the fill
    assert sum(c.qty_units for c in exits if c.side is Side.SELL) == entry[0].lot_units


def test_under_full_nothing_is_armed_before_the_whole_entry(desk: Desk) -> None:
    asked, order = bracket(3_000, oto_trigger=OtoTrigger.FULL)
    record, entry = taken(desk, asked, order)
    desk.fill(entry[0], 1)
    assert not [c for c in move(desk, 5_890_000) if c.side is Side.SELL]
    exhaust(desk, entry)
    for _ in range(12):  # the entry gives up in time, with a part of it: that part is protected
        exhaust(desk, [c for c in move(desk, 5_890_000, ms=1_000) if c.side is Side.BUY])
    assert record.legs[2].is_triggered
    sold = [p for p in desk.core.ledger.parents.values() if p.accepted.order.side is Side.SELL]
    assert {p.accepted.order.qty_units for p in sold} == {entry[0].lot_units}


def test_an_entry_that_ends_without_a_fill_ends_the_bracket(desk: Desk) -> None:
    asked, order = bracket()
    order = replace(order, order_type=OrderType.LIMIT, limit_price_units=5_900_000)
    record, children = taken(desk, asked, order)
    assert not children
    assert record.done_reason is DoneReason.CANCELED


def test_an_oto_arms_each_leg_in_proportion(desk: Desk) -> None:
    legs = (Leg("entry", Side.BUY, 1_000, None, None), stop(5_900_000, qty=500, name="leg_1"))
    asked = definition(*legs, kind=OrderClass.OTO, has_entry_order=True)
    record, entry = taken(desk, asked, make_order(qty_units=1_000))
    child = next(c for c in entry if c.qty_lots > 1)
    desk.fill(child, 2)
    exits = move(desk, 5_890_000)
    assert sum(c.qty_units for c in exits if c.side is Side.SELL) == child.lot_units
    assert not record.is_done


def test_an_oto_under_full_dies_with_an_entry_that_is_not(desk: Desk) -> None:
    legs = (Leg("entry", Side.BUY, 300, None, None), stop(5_900_000, name="leg_1"))
    asked = definition(*legs, kind=OrderClass.OTO, has_entry_order=True, oto_trigger=OtoTrigger.FULL)
    order = make_order(qty_units=300)
    record, entry = taken(desk, asked, order)
    sends = end(desk, entry[0], 1)
    while sends:
        sends = [more for child in sends for more in end(desk, child)]
    for _ in range(20):
        for child in move(desk, 6_000_000, ms=1_000):
            end(desk, child)
    assert (record.done_reason, record.done_detail) == (DoneReason.CANCELED, "entry_not_full")


def test_a_conditional_entry_triggers_and_arms(desk: Desk) -> None:
    legs = (stop(6_100_000, side=Side.BUY, name="entry"), limit(6_300_000), stop(6_000_000, name="stop_loss"))
    record, _ = taken(desk, definition(*legs, kind=OrderClass.BRACKET))
    for child in move(desk, 6_100_000):
        desk.fill(child)
    for child in move(desk, 6_300_200):
        desk.fill(child)
    assert record.done_reason is DoneReason.FILLED


@pytest.mark.parametrize("how", OtoTrigger)
def test_an_entry_whose_rest_no_venue_takes_is_over(desk: Desk, how: OtoTrigger) -> None:
    """A bracket stood open for ever with nothing to do: its entry waited for two units that are worth less than 5."""
    legs = (stop(6_100_000, side=Side.BUY, name="entry"), limit(6_300_000), stop(6_000_000, name="stop_loss"))
    asked = definition(*legs, kind=OrderClass.BRACKET, oto_trigger=how, venues=VenueFilter(include=("ven_a",)))
    record, _ = taken(desk, asked)
    (child,) = move(desk, 6_100_000)
    end(desk, child, 298)
    sold = 0
    for _ in range(5):
        for child in move(desk, 6_300_200, ms=1_000):
            sold += child.qty_units if child.side is Side.SELL else 0
            desk.fill(child)
    assert (sold, record.done_reason) == (298, DoneReason.FILLED)
    assert record.legs[0].cancel_reason == "residual_below_lot"
    assert fold(desk.facts) == desk.core.ledger


def test_n_venues_must_agree_across_venues(desk: Desk) -> None:
    condition = Condition(ConditionKind.STOP, TriggerSource.CROSS_VENUE, 2, 5_900_000)
    record, _ = taken(desk, definition(Leg("order", Side.SELL, 300, condition, None)))
    for n, venue in enumerate(VENUES[:2], 1):
        desk.now_ns += MS
        desk.board.write_snapshot(flat_book(venue, 5_890_000, desk.now_ns, book_seq=next(desk.book_seqs)))
        desk.turn(inp.Tick())
        assert record.legs[0].is_triggered is (n == 2)


@pytest.mark.parametrize("source", [TriggerSource.LAST, TriggerSource.MARK])
def test_trigger_source_unavailable(desk: Desk, source: TriggerSource) -> None:
    seq = desk.core.ledger.seq
    leg = Leg("order", Side.SELL, 300, Condition(ConditionKind.STOP, source, 0, 5_900_000), None)
    reply = reply_of(desk, inp.SubmitConditional(definition(leg), None, Mode.PAPER))
    assert isinstance(reply, inp.Failed)
    assert isinstance(reply.error, BadRequest)
    assert reply.error.code == "trigger_source_unavailable"
    assert desk.core.ledger.seq == seq


def test_legs_reserve_once_and_an_exit_only_what_is_armed(desk: Desk) -> None:
    taken(desk, oco())
    assert view_of(desk).open_sell_units == 300
    _, entry = taken(desk, *bracket(1_000))
    assert (view_of(desk).open_sell_units, view_of(desk).open_buy_units) == (300, 1_000)
    desk.fill(entry[0], 1)
    assert view_of(desk).open_sell_units == 300 + entry[0].lot_units
    assert view_of(desk).n_open_orders == 3  # two definitions and the entry


def view_of(desk: Desk) -> AccountView:
    ctx = Context(desk.core.world, desk.core.ledger, desk.core.memory, desk.now_ns, inp.Turn())
    return account_view(ctx, "desk", desk.core.world.universe.symbols["BTC/USDT"])


def test_an_oco_passes_where_its_sum_would_not_and_a_limit_is_a_limit() -> None:
    desk = make_desk(limits=replace(LIMITS, max_position_nano=5_000_000))  # 0.005
    taken(desk, oco(500))
    reply = reply_of(desk, inp.SubmitConditional(oco(100), None, Mode.PAPER))
    assert isinstance(reply, inp.Failed)
    assert isinstance(reply.error, OrderRefused)
    assert reply.error.code is RefusalCode.MAX_POSITION


def test_risk_is_asked_again_at_the_trigger_and_a_refusal_is_tried_again(desk: Desk) -> None:
    record, _ = taken(desk, definition(stop(5_900_000)))
    desk.turn(inp.SetLimits("desk", replace(LIMITS, version=2, max_order_qty_nano=1), "test"))
    assert not move(desk, 5_890_000)
    assert record.legs[0].refusal_code == "max_order_qty"
    assert not move(desk, 5_890_000, ms=249)
    assert record.legs[0].n_refused == 1
    desk.turn(inp.SetLimits("desk", replace(LIMITS, version=3), "test"))
    assert move(desk, 5_890_000, ms=1)
    assert not record.legs[0].refusal_code


def test_a_kill_switch_holds_legs_back_and_its_cancel_ends_definitions(desk: Desk) -> None:
    record, _ = taken(desk, definition(stop(5_900_000)))
    switch = ("desk", KillScope.ACCOUNT, "desk")
    desk.turn(inp.SetKillSwitch(*switch, KillAction.BLOCK, "drill", "test"))
    assert not move(desk, 5_890_000)
    assert record.legs[0].is_triggered
    assert not record.legs[0].n_refused
    desk.turn(inp.ClearKillSwitch(*switch, "test"))
    assert move(desk, 5_890_000)
    move(desk, 6_000_000)
    waiting, _ = taken(desk, oco())
    desk.turn(inp.SetKillSwitch(*switch, KillAction.CANCEL, "drill", "test"))
    assert (waiting.done_reason, waiting.done_detail) == (DoneReason.CANCELED, "kill_switch")
    assert record.is_canceling


def test_a_cancel_places_nothing_more_and_waits_for_the_venues(desk: Desk) -> None:
    record, _ = taken(desk, definition(stop(5_900_000)))
    (child,) = move(desk, 5_890_000)
    turn = desk.turn(inp.CancelConditional("desk", record.conditional_id, "test"))
    assert [c.child.client_id for c in turn.commands if isinstance(c, inp.CancelChild)] == [child.client_id]
    assert not record.is_done
    assert not end(desk, child, 1)
    assert not move(desk, 5_890_000, ms=1_000)
    assert record.done_reason is DoneReason.CANCELED


def test_a_cancel_that_loses_against_the_last_fill_ends_as_filled(desk: Desk) -> None:
    record, _ = taken(desk, definition(stop(5_900_000)))
    (child,) = move(desk, 5_890_000)
    desk.turn(inp.CancelConditional("desk", record.conditional_id, "test"))
    assert not record.is_done
    desk.fill(child)
    assert record.done_reason is DoneReason.FILLED


def test_a_canceled_order_of_a_leg_ends_that_leg_alone(desk: Desk) -> None:
    record, _ = taken(desk, oco())
    (child,) = move(desk, 6_100_200)
    desk.turn(inp.Cancel("desk", child.order_id, "test"))
    end(desk, child)
    assert record.legs[0].is_canceled
    assert not move(desk, 6_100_200, ms=5_000)
    assert move(desk, 5_890_000)


def test_past_its_time_a_definition_ends_but_not_the_protection_of_a_fill(desk: Desk) -> None:
    until_ns = desk.now_ns + 1_000 * MS
    record, _ = taken(desk, replace(oco(), expire_ts_ns=until_ns))
    asked, order = bracket(expire_ts_ns=until_ns)
    order = replace(order, time_in_force=TimeInForce.GTD, expire_ts_ns=until_ns, remainder=Remainder.HELD)
    order = replace(order, order_type=OrderType.LIMIT, limit_price_units=6_010_000)
    protected, entry = taken(desk, asked, order)
    for child in entry:
        desk.fill(child)
    move(desk, 6_000_000, ms=1_000)
    assert record.done_reason is DoneReason.EXPIRED
    assert not protected.is_done
    assert move(desk, 5_890_000)


def test_an_amendment_is_one_fact_and_a_stale_one_conflicts(desk: Desk) -> None:
    record, _ = taken(desk, definition(stop(5_900_000)))
    nearer = replace(record.definition, legs=(stop(5_950_000),))
    turn = desk.turn(inp.AmendConditional("desk", record.conditional_id, nearer, 1, "test"))
    assert [type(f.event) for f in turn.facts] == [ce.ConditionalAmended]
    reply = reply_of(desk, inp.AmendConditional("desk", record.conditional_id, nearer, 1, "test"))
    assert isinstance(reply, inp.Failed)
    assert isinstance(reply.error, BadRequest)
    assert reply.error.code == "version_conflict"
    assert move(desk, 5_940_000)


def test_a_desk_cannot_trip_the_engine_by_taking_a_legs_client_id(desk: Desk) -> None:
    record, _ = taken(desk, definition(stop(5_900_000)))
    desk.accepted(make_order(client_order_id=f"{record.conditional_id}.order.1"))
    children = move(desk, 5_890_000)
    order_id = record.legs[0].order_ids[0]
    assert children
    assert desk.core.ledger.parents[order_id].accepted.order.client_order_id.endswith(".order.2")


def test_what_no_venue_takes_is_left(desk: Desk) -> None:
    """0.00001 BTC is below every venue's minimum."""
    record, _ = taken(desk, definition(stop(5_900_000, qty=101)))
    children = move(desk, 5_890_000)
    for child in children:
        if child.qty_units > 1:
            desk.fill(child)
        else:
            end(desk, child)
    for _ in range(5):
        for child in move(desk, 5_890_000, ms=2_000):
            desk.fill(child)
    assert record.done_reason is DoneReason.FILLED
    assert all(desk.core.ledger.parents[i].state is ParentState.DONE for i in record.legs[0].order_ids)


def test_a_book_that_reaches_a_stop_brings_a_turn_at_once(desk: Desk) -> None:
    record, _ = taken(desk, oco())
    core = desk.core
    assert core.is_awaited("BTC/USDT")
    assert not core.is_reached("BTC/USDT", 5_999_900, 6_000_100)
    assert core.is_reached("BTC/USDT", 5_899_900, 5_900_000)
    assert core.is_reached("BTC/USDT", 6_100_000, 6_100_100)
    assert not core.is_reached("BTC/USDT", 0, 6_000_100)
    desk.turn(inp.CancelConditional("desk", record.conditional_id, "test"))
    assert not core.is_awaited("BTC/USDT")


def test_a_universe_that_lost_a_definitions_symbol_is_refused(desk: Desk) -> None:
    taken(desk, oco())
    desk.core.world = replace(desk.core.world, universe=Universe({}, {}, {}, {}))
    with pytest.raises(InvariantBroken):
        desk.turn(inp.Start("s0", "epoch", "test", Mode.PAPER))


def test_a_fill_in_a_halt_is_covered_by_the_first_book_after_it(desk: Desk) -> None:
    record, entry = taken(desk, *bracket())
    move(desk, 5_890_000)
    desk.now_ns += 3_000 * MS
    assert not sent(desk.fill(entry[0], 1))
    assert not record.legs[2].is_triggered
    assert move(desk, 5_890_000)


def test_a_canceled_entry_leaves_its_fills_protected(desk: Desk) -> None:
    asked, order = bracket(3_000)
    held = {"order_type": OrderType.LIMIT, "time_in_force": TimeInForce.GTC, "remainder": Remainder.HELD}
    order = replace(order, limit_price_units=6_010_000, **held)  # type: ignore[arg-type]
    record, entry = taken(desk, asked, order)
    desk.fill(entry[0], 1)
    desk.turn(inp.Cancel("desk", entry[0].order_id, "test"))
    for child in entry:
        lots = desk.core.ledger.child(child.child_id).cum_qty_units // child.lot_units
        desk.report(child, ReportKind.CANCELED, cum_qty_lots=lots)
    assert not record.is_done
    assert leg_state(desk.core.ledger, record, 0) is LegState.CANCELED
    exits = move(desk, 5_890_000)
    assert sum(c.qty_units for c in exits) == entry[0].lot_units
    for child in exits:
        desk.fill(child)
    assert record.done_reason is DoneReason.FILLED
