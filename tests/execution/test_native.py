"""Stops that rest at their venue, through whole turns of the real core. The test is the venue."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.domain import conditional_events as ce
from app.domain.conditions import Conditional, OrderClass, Trail, TriggerSource
from app.domain.enums import DoneReason, KillAction, KillScope, Mode, ParentState, RefusalCode, Side, TimeInForce
from app.domain.errors import BadRequest
from app.domain.fills import ReportKind
from app.domain.orders import VenueFilter
from app.domain.venue_stops import FOREVER_NS, StopSource, TriggerLocation
from app.execution import inputs as inp
from app.execution.context import Context, Memory
from app.execution.ledger import fold
from app.execution.native import offer_of
from app.risk.exposure import capped_price_units
from tests.conditionals import definition, limit, move, taken, touch, trail
from tests.native_stops import AT, ack, canceled, native, native_oco, stop_desk, stop_leg, trade
from tests.worlds import LIMITS, MS, Desk, make_order, sent


@pytest.fixture
def desk() -> Desk:
    return stop_desk()


def refused(desk: Desk, asked: Conditional) -> str:
    reply = desk.turn(inp.SubmitConditional(asked, None, Mode.PAPER)).replies[0]
    assert isinstance(reply, inp.Failed)
    assert isinstance(reply.error, BadRequest)
    return f"{reply.error.code}: {reply.error.detail}"


def look(desk: Desk, price: int, ms: int = 20) -> inp.Turn:
    """The market trades at `price` everywhere, and the engine ticks."""
    desk.now_ns += ms * MS
    desk.refresh(price)
    trade(desk, price)
    return desk.turn(inp.Tick())


def test_a_stop_leaves_for_its_venue_as_it_is_accepted(desk: Desk) -> None:
    record, children = taken(desk, native(stop_leg(5_900_000)))
    (child,) = children
    assert child.stop is not None
    assert (child.stop.price_ticks, child.stop.by, child.stop.replaces) == (5_900_000, StopSource.LAST, "")
    assert (child.venue, child.qty_units, child.time_in_force) == ("ven_a", 300, TimeInForce.IOC)
    assert child.rest_until_ns == FOREVER_NS
    assert child.price_units == 5_900_000 * (1_000_000 - LIMITS.default_slippage_ppm) // 1_000_000
    assert not record.legs[0].is_triggered


def test_while_the_venue_holds_it_the_engine_does_not_trigger_it(desk: Desk) -> None:
    record, (child,) = taken(desk, native(stop_leg(5_900_000)))
    ack(desk, child)
    assert not look(desk, 5_800_000).commands
    assert not record.legs[0].is_triggered


def test_a_fill_says_that_it_went_off_and_ends_it(desk: Desk) -> None:
    record, (child,) = taken(desk, native(stop_leg(5_900_000)))
    ack(desk, child)
    desk.fill(child)
    assert record.legs[0].is_triggered
    assert record.done_reason is DoneReason.FILLED
    assert fold(desk.facts) == desk.core.ledger


def test_what_a_stop_does_not_fill_is_placed_at_the_market_of_then(desk: Desk) -> None:
    record, (child,) = taken(desk, native(stop_leg(5_900_000)))
    ack(desk, child)
    desk.refresh(5_700_000)
    desk.fill(child, 100)
    rest = sent(desk.report(child, ReportKind.EXPIRED, cum_qty_lots=100))
    assert sum(c.qty_units for c in rest) == 200
    assert all(c.stop is None and c.price_units < 5_700_000 for c in rest)
    assert record.legs[0].is_triggered


def test_a_stop_that_went_off_and_took_nothing_has_triggered_all_the_same(desk: Desk) -> None:
    record, (child,) = taken(desk, native(stop_leg(5_900_000)))
    ack(desk, child)
    rest = sent(desk.report(child, ReportKind.EXPIRED, cum_qty_lots=0))
    assert record.legs[0].is_triggered
    assert sum(c.qty_units for c in rest) == 300


def test_a_stop_that_its_venue_refused_is_watched_here_and_tried_again(desk: Desk) -> None:
    record, (child,) = taken(desk, native(stop_leg(5_900_000)))
    desk.report(child, ReportKind.REJECTED, code="busy")
    assert not sent(look(desk, 5_950_000))  # a second has not passed
    (again,) = sent(look(desk, 5_950_000, ms=1_000))
    assert again.stop is not None
    desk.report(again, ReportKind.REJECTED, code="busy")
    there = sent(look(desk, 5_890_000))
    assert record.legs[0].is_triggered
    assert sum(c.qty_units for c in there) == 300
    assert all(c.stop is None for c in there)


def test_only_its_own_venues_trades_count_while_it_is_watched_here(desk: Desk) -> None:
    record, (child,) = taken(desk, native(stop_leg(5_900_000)))
    desk.report(child, ReportKind.REJECTED, code="busy")
    trade(desk, 5_000_000, "ven_b")
    desk.turn(inp.Tick())
    assert not record.legs[0].is_triggered


def test_a_stop_that_went_off_while_we_were_down_is_found_by_asking(desk: Desk) -> None:
    record, (child,) = taken(desk, native(stop_leg(5_900_000)))
    ack(desk, child)
    desk.core.ledger, desk.core.memory = fold(desk.facts), Memory()
    desk.turn(inp.Start("s0", "epoch", "test", Mode.PAPER))
    desk.now_ns += 20 * MS
    asked = desk.turn(inp.Tick())
    assert [c.child for c in asked.commands if isinstance(c, inp.QueryChild)] == [child]
    assert not sent(asked)
    desk.fill(child)
    record = desk.core.ledger.definitions.all[record.conditional_id]
    assert record.legs[0].is_triggered
    assert record.done_reason is DoneReason.FILLED


def test_a_stopping_process_leaves_it_there(desk: Desk) -> None:
    _, (child,) = taken(desk, native(stop_leg(5_900_000)))
    ack(desk, child)
    assert not canceled(desk.turn(inp.Drain()))
    assert desk.core.ledger.n_to_drain == 0


def test_the_other_leg_has_nothing_until_the_venue_has_given_the_stop_back(desk: Desk) -> None:
    record, (child,) = taken(desk, native_oco())
    ack(desk, child)
    turn = look(desk, 6_110_000)
    assert canceled(turn) == [child]
    assert not sent(turn)
    assert not canceled(look(desk, 6_110_000))  # once
    profit = sent(desk.report(child, ReportKind.CANCELED, cum_qty_lots=0))
    assert sum(c.qty_units for c in profit) == 300
    assert all(c.stop is None for c in profit)
    for one in profit:
        desk.fill(one)
    assert record.done_reason is DoneReason.FILLED
    assert not record.legs[1].is_triggered


def test_a_stop_that_wins_the_race_leaves_the_other_leg_only_the_rest(desk: Desk) -> None:
    record, (child,) = taken(desk, native_oco())
    ack(desk, child)
    look(desk, 6_110_000)
    desk.fill(child, 100)  # the cancel came too late for these
    rest = sent(desk.report(child, ReportKind.CANCELED, cum_qty_lots=100))
    assert sum(c.qty_units for c in rest) == 200
    assert record.legs[1].is_triggered


def test_what_the_other_leg_did_not_get_is_protected_again(desk: Desk) -> None:
    _, (child,) = taken(desk, native_oco())
    ack(desk, child)
    look(desk, 6_110_000)
    profit = sent(desk.report(child, ReportKind.CANCELED, cum_qty_lots=0))
    desk.refresh(6_000_000)
    desk.fill(profit[0], 50)
    desk.report(profit[0], ReportKind.CANCELED, cum_qty_lots=50)
    (again,) = sent(look(desk, 6_000_000, ms=1_000))
    assert again.stop is not None
    assert again.qty_units == 250


def test_a_brackets_stop_grows_with_its_entry(desk: Desk) -> None:
    legs = (
        replace(limit(6_100_000), name="entry", side=Side.BUY, limit_price_units=None),
        *native_oco().legs,
    )
    asked = native(*legs, kind=OrderClass.BRACKET, has_entry_order=True)
    entry = make_order(qty_units=300, venues=AT)
    _, (buy,) = taken(desk, asked, entry)
    (first,) = sent(desk.fill(buy, 100))
    (second,) = sent(desk.fill(buy, 200))
    assert [c.stop is not None and c.qty_units for c in (first, second)] == [100, 200]


def test_a_moved_stop_takes_the_others_place_at_the_venue(desk: Desk) -> None:
    record, (child,) = taken(desk, native(stop_leg(5_900_000)))
    ack(desk, child)
    changed = replace(record.definition, legs=(stop_leg(5_950_000),))
    turn = desk.turn(inp.AmendConditional("desk", record.conditional_id, changed, 1, "test"))
    (moved,) = sent(turn)
    assert moved.stop is not None
    assert (moved.stop.price_ticks, moved.stop.replaces, moved.qty_units) == (5_950_000, child.client_id, 300)
    assert not canceled(turn)
    ack(desk, moved)
    desk.report(child, ReportKind.CANCELED, cum_qty_lots=0)
    assert not look(desk, 6_000_000, ms=1_000).commands
    desk.fill(moved)
    assert record.done_reason is DoneReason.FILLED


def test_a_spot_seller_can_move_a_stop_that_holds_all_it_has() -> None:
    desk = stop_desk()
    for venue in ("ven_b", "ven_c"):
        desk.turn(inp.SetBalance("desk", venue, "BTC", 0, "test"))
    desk.turn(inp.SetBalance("desk", "ven_a", "BTC", 3_000_000, "test"))  # 300 units, to the last
    record, (child,) = taken(desk, native(stop_leg(5_900_000)))
    ack(desk, child)
    changed = replace(record.definition, legs=(stop_leg(5_950_000),))
    (moved,) = sent(desk.turn(inp.AmendConditional("desk", record.conditional_id, changed, 1, "test")))
    assert moved.qty_units == 300


def test_a_stop_that_went_off_before_it_was_moved_leaves_nothing_to_the_new_one(desk: Desk) -> None:
    record, (child,) = taken(desk, native(stop_leg(5_900_000)))
    ack(desk, child)
    changed = replace(record.definition, legs=(stop_leg(5_950_000),))
    (moved,) = sent(desk.turn(inp.AmendConditional("desk", record.conditional_id, changed, 1, "test")))
    desk.report(moved, ReportKind.REJECTED, code="replaced_order_done")
    desk.fill(child)
    assert record.done_reason is DoneReason.FILLED
    parents = [desk.core.ledger.parents[i] for i in record.legs[0].order_ids]
    assert sum(p.cum_qty_units for p in parents) == 300


def test_where_none_takes_anothers_place_the_old_one_goes_first_and_the_engine_watches() -> None:
    desk = stop_desk(can_replace=False)
    record, (child,) = taken(desk, native(stop_leg(5_900_000)))
    ack(desk, child)
    changed = replace(record.definition, legs=(stop_leg(5_950_000),))
    turn = desk.turn(inp.AmendConditional("desk", record.conditional_id, changed, 1, "test"))
    assert canceled(turn) == [child]
    assert not sent(turn)
    desk.report(child, ReportKind.CANCELED, cum_qty_lots=0)
    assert sum(c.qty_units for c in sent(look(desk, 5_949_000))) == 300  # through already: at once, from here
    assert record.legs[0].is_triggered


def test_a_kill_switch_takes_it_back_and_its_end_brings_another(desk: Desk) -> None:
    _, (child,) = taken(desk, native(stop_leg(5_900_000)))
    ack(desk, child)
    turn = desk.turn(inp.SetKillSwitch("", KillScope.GLOBAL, "", KillAction.BLOCK, "test", "test"))
    assert canceled(turn) == [child]
    desk.report(child, ReportKind.CANCELED, cum_qty_lots=0)
    assert not sent(look(desk, 5_990_000, ms=1_000))
    desk.turn(inp.ClearKillSwitch("", KillScope.GLOBAL, "", "test"))
    (again,) = sent(look(desk, 5_990_000))
    assert again.stop is not None


def test_one_that_somebody_else_took_back_is_placed_again(desk: Desk) -> None:
    """The watchdog's sweep, or a hand at the venue: nobody here wished it, and it did not go off."""
    record, (child,) = taken(desk, native(stop_leg(5_900_000)))
    ack(desk, child)
    assert not sent(desk.report(child, ReportKind.CANCELED))
    assert not record.legs[0].is_triggered
    (again,) = sent(look(desk, 6_000_000, ms=1_100))
    assert again.stop is not None
    assert (again.stop.price_ticks, again.qty_units) == (5_900_000, 300)
    assert fold(desk.facts) == desk.core.ledger


def test_canceling_the_definition_cancels_it_at_the_venue(desk: Desk) -> None:
    record, (child,) = taken(desk, native(stop_leg(5_900_000)))
    ack(desk, child)
    assert canceled(desk.turn(inp.CancelConditional("desk", record.conditional_id, "test"))) == [child]
    assert record.done_reason is None
    desk.report(child, ReportKind.CANCELED, cum_qty_lots=0)
    assert record.done_reason is DoneReason.CANCELED


def test_nothing_is_sent_twice_while_an_outcome_is_unknown(desk: Desk) -> None:
    record, (child,) = taken(desk, native(stop_leg(5_900_000)))
    desk.report(child, ReportKind.UNKNOWN, code="timeout")
    assert not sent(look(desk, 5_800_000))
    assert not record.legs[0].is_triggered
    late_ns = child.deadline_ts_ns + 1
    desk.now_ns = late_ns + 1_000 * MS
    desk.refresh(5_800_000)
    trade(desk, 5_800_000)
    there = sent(desk.report(child, ReportKind.NOT_FOUND, venue_ts_ns=late_ns))
    assert sum(c.qty_units for c in there) == 300
    assert record.legs[0].is_triggered


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (native(stop_leg(5_900_000), venues=VenueFilter()), "name it alone"),
        (native(stop_leg(5_900_000), venues=VenueFilter(include=("ven_b",))), "holds no stops"),
        (native(touch(6_100_000)), "no such stop"),
        (native(trail(Trail(50_000, 0, 0))), "no such stop"),
        (
            native(stop_leg(5_900_000), stop_leg(6_100_000, side=Side.BUY, name="other"), kind=OrderClass.OCO),
            "two stops",
        ),
    ],
)
def test_what_the_venue_cannot_hold_is_refused_where_it_was_asked_for(desk: Desk, asked: Conditional, why: str) -> None:
    told = refused(desk, asked)
    assert told.startswith("trigger_location_unavailable")
    assert why in told


def test_a_source_that_the_venue_does_not_watch_is_refused(desk: Desk) -> None:
    leg = stop_leg(5_900_000)
    assert leg.condition is not None
    mid = replace(leg, condition=replace(leg.condition, source=TriggerSource.MID))
    assert "watches last, not mid" in refused(desk, native(mid))


def test_auto_takes_the_venue_where_it_can_and_the_engine_elsewhere(desk: Desk) -> None:
    auto = native(stop_leg(5_900_000), trigger_location=TriggerLocation.AUTO)
    _, (child,) = taken(desk, auto)
    assert child.stop is not None
    _, none = taken(desk, replace(auto, client_order_id="elsewhere", venues=VenueFilter()))
    assert not none
    _, none = taken(desk, definition(stop_leg(5_900_000), venues=AT))  # the default: the engine
    assert not none


def test_a_refusal_of_the_gate_is_a_fact_and_leaves_the_engine_watching(desk: Desk) -> None:
    record, (child,) = taken(desk, native(stop_leg(5_900_000)))
    ack(desk, child)
    desk.turn(inp.SetLimits("desk", replace(LIMITS, version=2, max_open_orders=0), "test"))
    desk.report(child, ReportKind.CANCELED, cum_qty_lots=0)  # the venue threw it out
    assert not sent(look(desk, 5_990_000, ms=1_000))
    assert any(isinstance(f.event, ce.LegRefused) for f in desk.facts)
    desk.turn(inp.SetLimits("desk", replace(LIMITS, version=3), "test"))
    assert sent(look(desk, 5_890_000))[0].stop is None
    assert record.legs[0].is_triggered


def test_a_stop_limit_keeps_its_limit_at_the_venue_and_here(desk: Desk) -> None:
    record, (child,) = taken(desk, native(stop_leg(5_900_000, limit_units=5_899_000)))
    assert child.price_units == 5_899_000
    ack(desk, child)
    desk.refresh(5_890_000)
    assert not sent(desk.report(child, ReportKind.EXPIRED, cum_qty_lots=0))
    assert record.legs[0].is_triggered
    assert not move(desk, 5_890_000)
    assert min(c.price_units for c in move(desk, 5_901_000, ms=200)) >= 5_899_000


def test_the_offer_is_that_of_the_one_venue(desk: Desk) -> None:
    ctx = Context(desk.core.world, desk.core.ledger, desk.core.memory, desk.now_ns, inp.Turn())
    asked = native(stop_leg(5_900_000))
    found = offer_of(ctx, asked, asked.legs[0])
    assert found is not None
    assert found.venue == "ven_a"
    assert offer_of(ctx, asked, limit(6_100_000)) is None


@pytest.mark.parametrize("side", Side)
def test_a_stop_at_an_uncertified_venue_is_within_the_cap_of_one_child(desk: Desk, side: Side) -> None:
    """Judged as the last gate judges it, at the market of now: a seller's stop lies below it. The rest is one more."""
    price = 5_900_000 if side is Side.SELL else 6_100_000
    cap_nano = desk.core.world.universe.symbols["BTC/USDT"].notional_nano(6_000_000, 200)
    desk.core.world = replace(desk.core.world, child_cap_nano={"ven_a": cap_nano})
    record, children = taken(desk, native(stop_leg(price, side=side)))
    for child in list(children):
        ack(desk, child)
    children += sent(look(desk, 6_000_000))
    mid_half_units = 2 * 6_000_000
    worth = [capped_price_units(child.price_units, side, mid_half_units) * child.qty_units for child in children]
    assert max(worth) <= 6_000_000 * 200
    assert sum(child.qty_units for child in children) == 300
    assert len(children) == 2
    assert all(child.stop is not None for child in children)
    assert not record.legs[0].is_triggered
    assert fold(desk.facts) == desk.core.ledger


def test_a_cap_that_has_shrunk_below_the_smallest_order_leaves_the_engine_watching(desk: Desk) -> None:
    record, (child,) = taken(desk, native(stop_leg(5_900_000)))
    desk.core.world = replace(desk.core.world, child_cap_nano={"ven_a": 1})
    desk.report(child, ReportKind.REJECTED, code="no")
    assert not sent(look(desk, 6_000_000, ms=1_100))
    (refusal,) = [fact.event for fact in desk.facts if isinstance(fact.event, ce.LegRefused)]
    assert refusal.code is RefusalCode.CREDIT_LIMIT
    assert look(desk, 5_800_000).commands == []
    assert record.legs[0].is_triggered


def test_it_is_an_order_without_a_plan(desk: Desk) -> None:
    record, (child,) = taken(desk, native(stop_leg(5_900_000)))
    parent = desk.core.ledger.parents[record.legs[0].order_ids[0]]
    assert parent.is_stop
    assert parent.state is ParentState.WORKING
    assert not parent.routes
    assert child.wave == 1
