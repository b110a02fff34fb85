"""Pausing, resuming and amending orders that live: what is added is judged again, what is out is never undone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.domain import events as ev
from app.domain.enums import DoneReason, KillAction, KillScope, Mode, RefusalCode, Side
from app.domain.errors import BadRequest, OrderRefused
from app.domain.schedule import ScheduleUrgency
from app.domain.scheduled import Amendment
from app.domain.units import NANO
from app.execution import inputs as inp
from app.execution.ledger import fold
from tests.conditionals import bracket, taken
from tests.execution.test_scheduled import S, begun, restarted, run, scheduled, settle, with_tape
from tests.worlds import LIMITS, Desk, held_order, make_desk, make_order, sent


@pytest.fixture
def desk() -> Desk:
    return make_desk()


def amended(desk: Desk, order_id: str, **changes: object) -> inp.Turn:
    return desk.turn(inp.Amend("desk", order_id, "test", Amendment(**changes)))  # type: ignore[arg-type]


def refused(turn: inp.Turn) -> BadRequest | OrderRefused:
    (reply,) = turn.replies
    assert isinstance(reply, inp.Failed), reply
    assert isinstance(reply.error, BadRequest | OrderRefused)
    return reply.error


def test_a_pause_releases_nothing_and_its_resume_plans_what_is_left_to_the_same_end(desk: Desk) -> None:
    order_id = begun(desk, scheduled())
    parent = desk.core.ledger.parents[order_id]
    desk.turn(inp.Pause("desk", order_id, "test"), inp.Pause("desk", order_id, "test"))
    assert sum(isinstance(f.event, ev.SchedulePaused) for f in desk.facts) == 1
    run(desk, order_id, ms=4_000)
    assert parent.cum_qty_units == 100
    restarted(desk)
    run(desk, order_id, ms=1_000)
    parent = desk.core.ledger.parents[order_id]
    assert parent.cum_qty_units == 100
    for child in sent(desk.turn(inp.Resume("desk", order_id, "test"))):
        desk.fill(child)
    assert parent.cum_qty_units == 280  # 900 over the five slices that are left
    run(desk, order_id, ms=5_000)
    assert parent.done_reason is DoneReason.FILLED
    assert fold(desk.facts) == desk.core.ledger


def test_an_order_still_paused_at_its_end_ends_with_what_it_has(desk: Desk) -> None:
    order_id = begun(desk, scheduled(seconds=3))
    desk.turn(inp.Pause("desk", order_id, "test"))
    run(desk, order_id, ms=3_200)
    parent = desk.core.ledger.parents[order_id]
    assert (parent.done_reason, parent.done_detail) == (DoneReason.EXPIRED, "end_at")


def test_more_quantity_and_a_later_end_are_planned_from_now(desk: Desk) -> None:
    order_id = begun(desk, scheduled())
    run(desk, order_id, ms=4_950)
    parent = desk.core.ledger.parents[order_id]
    assert parent.cum_qty_units == 500
    first = parent.accepted
    assert parent.schedule is not None
    settle(desk, amended(desk, order_id, qty_units=2_000, end_ns=parent.schedule.schedule.end_ns + 5 * S))
    assert parent.acknowledged is first
    assert parent.accepted.order.qty_units == 2_000
    run(desk, order_id, ms=10_200)
    assert (parent.done_reason, parent.cum_qty_units) == (DoneReason.FILLED, 2_000)
    assert fold(desk.facts) == desk.core.ledger


def test_less_than_is_out_is_refused_and_just_that_ends_it(desk: Desk) -> None:
    order_id = begun(desk, scheduled())
    parent = desk.core.ledger.parents[order_id]
    error = refused(amended(desk, order_id, qty_units=99))
    assert isinstance(error, BadRequest)
    assert error.pointer == "/qty"
    amended(desk, order_id, qty_units=100)
    assert (parent.done_reason, parent.cum_qty_units) == (DoneReason.FILLED, 100)


def test_what_an_amendment_adds_is_judged_and_what_it_takes_is_not(desk: Desk) -> None:
    order_id = begun(desk, scheduled())
    tight = replace(LIMITS, version=2, max_position_nano=NANO // 100)
    desk.turn(inp.SetLimits("desk", tight, "test"))
    error = refused(amended(desk, order_id, qty_units=1_001))
    assert isinstance(error, OrderRefused)
    assert error.code is RefusalCode.MAX_POSITION
    desk.turn(inp.SetKillSwitch("", KillScope.GLOBAL, "", KillAction.BLOCK, "drill", "ops"))
    assert isinstance(refused(amended(desk, order_id, qty_units=1_001)), OrderRefused)
    (reply,) = amended(desk, order_id, qty_units=900).replies
    assert isinstance(reply, inp.Done)
    committed = desk.core.memory.commitments.at(desk.core.ledger, desk.core.world.universe)
    assert committed.open_units[("desk", "BTC/USDT", Side.BUY)] == 800


def test_the_same_size_again_is_within_limits_that_it_just_fills(desk: Desk) -> None:
    """Its own old rest is not counted beside the new one."""
    desk.turn(
        inp.SetLimits("desk", replace(LIMITS, version=2, max_position_nano=NANO // 50, max_open_orders=1), "test")
    )
    order_id = begun(desk, scheduled())
    (reply,) = amended(desk, order_id, qty_units=2_000).replies
    assert isinstance(reply, inp.Done)
    assert isinstance(refused(amended(desk, order_id, qty_units=2_001)), OrderRefused)


def test_a_version_that_has_passed_is_a_conflict(desk: Desk) -> None:
    order_id = begun(desk, scheduled())
    parent = desk.core.ledger.parents[order_id]
    error = refused(amended(desk, order_id, qty_units=900, if_version=1))
    assert isinstance(error, BadRequest)
    assert error.code == "version_conflict"
    assert isinstance(amended(desk, order_id, qty_units=900, if_version=parent.version).replies[0], inp.Done)


def test_urgency_cap_and_would_price_change_what_is_due(desk: Desk) -> None:
    tape = with_tape(desk)
    order_id = begun(desk, scheduled())
    parent = desk.core.ledger.parents[order_id]
    amended(desk, order_id, cap_ppm=100_000, urgency=ScheduleUrgency.URGENT)
    run(desk, order_id, ms=2_000)
    assert parent.cum_qty_units == 100
    tape.units += 500
    run(desk, order_id, ms=1_000)
    assert parent.cum_qty_units == 150
    assert parent.schedule is not None
    assert parent.schedule.schedule.urgency is ScheduleUrgency.URGENT
    tape.units += 10_000
    for child in sent(amended(desk, order_id, would_price_units=6_001_000)):
        desk.fill(child)
    run(desk, order_id, ms=200)
    assert parent.cum_qty_units == 150  # the cap counts from the amendment
    tape.units += 10_000
    run(desk, order_id, ms=200)
    assert parent.done_reason is DoneReason.FILLED


def test_a_waiting_limit_order_takes_a_new_price_and_goes_when_that_crosses(desk: Desk) -> None:
    parent, children = desk.accepted(held_order(limit_price_units=5_990_000))
    assert not children
    turn = amended(desk, parent.order_id, limit_price_units=6_010_000, qty_units=200)
    children = sent(turn)
    assert sum(child.qty_units for child in children) == 200
    assert all(child.price_units <= 6_010_000 for child in children)
    for child in children:
        desk.fill(child)
    assert (parent.done_reason, parent.cum_qty_units) == (DoneReason.FILLED, 200)
    assert fold(desk.facts) == desk.core.ledger


def test_what_cannot_be_amended_says_why(desk: Desk) -> None:
    waiting, _ = desk.accepted(held_order(limit_price_units=5_990_000))
    at_once, _ = desk.accepted(make_order(qty_units=300))
    order_id = begun(desk, scheduled())
    far = refused(amended(desk, waiting.order_id, limit_price_units=9_000_000))
    assert isinstance(far, OrderRefused)
    assert far.code is RefusalCode.PRICE_COLLAR
    codes = [
        refused(amended(desk, waiting.order_id, end_ns=desk.now_ns + S)),
        refused(amended(desk, at_once.order_id, qty_units=400)),
        refused(amended(desk, order_id, limit_price_units=6_000_000)),
        refused(amended(desk, order_id, end_ns=desk.now_ns)),
        refused(amended(desk, order_id, cap_ppm=100)),
        refused(desk.turn(inp.Pause("desk", waiting.order_id, "test"))),
        refused(desk.turn(inp.Pause("rival", order_id, "test"))),
    ]
    assert [e.code for e in codes if isinstance(e, BadRequest)] == [
        "invalid_request",
        "not_amendable",
        "invalid_request",
        "invalid_request",
        "invalid_request",
        "not_amendable",
        "not_found",
    ]
    desk.turn(inp.Cancel("desk", order_id, "test"))
    late = refused(amended(desk, order_id, qty_units=2_000))
    assert isinstance(late, BadRequest)
    assert late.code == "not_amendable"
    assert desk.submit(make_order())[0] is not None
    assert desk.core.ledger.parents[order_id].mode is Mode.PAPER


def test_the_quantity_of_a_leg_is_the_definitions_and_its_limit_may_move(desk: Desk) -> None:
    asked, entry = bracket()
    held = replace(held_order(limit_price_units=5_900_000), client_order_id=entry.client_order_id)
    record, _ = taken(desk, asked, held)
    (order_id,) = record.legs[0].order_ids
    error = refused(amended(desk, order_id, qty_units=400))
    assert (error.code, error.pointer) == ("not_amendable", "/qty")
    amended(desk, order_id, limit_price_units=5_910_000)
    assert desk.core.ledger.parents[order_id].accepted.order.limit_price_units == 5_910_000


def test_less_than_is_out_is_told_in_the_symbols_own_unit(desk: Desk) -> None:
    order_id = begun(desk, scheduled())
    run(desk, order_id, ms=1_000)
    error = refused(amended(desk, order_id, qty_units=1))
    assert isinstance(error, BadRequest)
    assert "0.002 BTC" in error.detail
