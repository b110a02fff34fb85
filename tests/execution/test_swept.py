"""Sweep, then post: what is within the cap is taken, what is left rests at it, and nothing is sent twice."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.enums import (
    ChildState,
    DoneReason,
    KillAction,
    KillScope,
    OrderType,
    ParentState,
    Remainder,
    Side,
    Strategy,
    TimeInForce,
)
from app.domain.errors import BadRequest
from app.domain.fills import ReportKind
from app.domain.orders import ChildOrder, ParentOrder
from app.domain.placement_facts import ChildPulled, SlicePosted
from app.domain.posting import Posting
from app.domain.records import ParentRecord
from app.domain.scheduled import Amendment
from app.domain.sweeps import SweepStyle, SweepTerms
from app.execution import inputs as inp
from app.execution.ledger import fold
from app.execution.swept import FOR_EVER_NS, MAX_POSTS_PER_S, post_rest, posts_rest, require_posting, watch
from tests.execution.hidden_desk import HiddenDesk, hidden_desk
from tests.worlds import MS, VENUES, make_order, sent

CAP = 5_990_000  # below every bid: nothing to take


@pytest.fixture
def desk() -> HiddenDesk:
    return posting_desk()


def posting_desk() -> HiddenDesk:
    desk = hidden_desk()
    posting = Posting(frozenset(VENUES), min_reprice_ns=200 * MS)
    desk.core.world = replace(desk.core.world, posting=posting)
    return desk


def swept_order(limit_units: int = CAP, **changes: object) -> ParentOrder:
    more: dict[str, object] = {
        "order_type": OrderType.LIMIT,
        "time_in_force": TimeInForce.GTC,
        "remainder": Remainder.HELD,
        "strategy": Strategy.SWEEP,
        "qty_units": 10_000,
        "limit_price_units": limit_units,
        "sweep": SweepTerms(SweepStyle.SWEEP_POST),
    }
    return make_order(**(more | changes))


def resting(desk: HiddenDesk, **changes: object) -> tuple[ParentRecord, ChildOrder]:
    parent, (child,) = desk.accepted(swept_order(**changes))  # type: ignore[arg-type]
    desk.report(child, ReportKind.ACKED)
    return parent, child


def pulled(desk: HiddenDesk) -> list[str]:
    return [event.reason for event in desk.told(ChildPulled)]


def test_where_nothing_is_within_the_cap_all_of_it_rests_there(desk: HiddenDesk) -> None:
    parent, child = resting(desk)
    assert (child.price_units, child.qty_units) == (CAP, 10_000)
    assert (child.rests, child.is_post_only, child.rest_until_ns) == (True, True, FOR_EVER_NS)
    assert child.venue == "ven_c"  # the least maker fee
    assert len(desk.told(SlicePosted)) == 1
    for _ in range(20):
        assert not sent(desk.wait(1_000))
    desk.fill(child, lots=40)
    desk.fill(child, lots=60)
    assert (parent.done_reason, parent.cum_qty_units) == (DoneReason.FILLED, 10_000)
    assert fold(desk.facts) == desk.core.ledger


def test_what_is_within_the_cap_is_taken_first(desk: HiddenDesk) -> None:
    parent, children = desk.accepted(swept_order(6_000_020, qty_units=100_000))
    assert children
    assert not any(child.rests for child in children)
    for child in children:
        desk.fill(child)
    taken_units = parent.cum_qty_units
    assert 0 < taken_units < 100_000
    (rest,) = sent(desk.turn_at(6_001_000, ms=150))  # what was within the cap is gone
    assert rest.rests
    assert rest.price_units == 6_000_000  # the cap in whole ticks of the venue
    assert rest.qty_units == (100_000 - taken_units) // rest.lot_units * rest.lot_units


def test_another_venues_offer_within_the_cap_is_swept(desk: HiddenDesk) -> None:
    parent, child = resting(desk)
    turn = desk.turn_at(CAP - 5_000, ms=300)
    assert pulled(desk) == ["crossable"]
    assert [c.child for c in turn.commands if isinstance(c, inp.CancelChild)] == [child]
    turn = desk.report(child, ReportKind.CANCELED, cum_qty_lots=0)
    later = sent(turn) or sent(desk.turn_at(CAP - 5_000, ms=150))
    assert later
    assert not any(c.rests for c in later)
    assert sum(c.qty_units for c in later) <= 10_000
    assert parent.state is not ParentState.DONE


def test_what_the_account_cannot_pay_is_no_offer(desk: HiddenDesk) -> None:
    """Else it would be taken back and posted again for as long as the offer stands."""
    _, child = resting(desk)
    for venue in desk.core.world.universe.venues:
        if venue != child.venue:
            desk.turn(inp.SetBalance("desk", venue, "USDT", 0, "test"))
    desk.turn_at(CAP - 5_000, ms=300)
    desk.turn_at(CAP - 5_000, ms=600)
    assert pulled(desk) == []


def test_kills_bars_cancels_and_drains_take_it_back(desk: HiddenDesk) -> None:
    _, child = resting(desk)
    desk.turn(inp.SetKillSwitch("", KillScope.VENUE, child.venue, KillAction.BLOCK, "test", "op"))
    assert pulled(desk) == ["kill_switch"]
    other = posting_desk()
    _, child = resting(other)
    other.turn(inp.SetVenue(child.venue, is_enabled=False, actor="op"))
    other.wait(50)
    assert pulled(other) == ["venue_barred"]
    third = posting_desk()
    parent, child = resting(third)
    third.turn(inp.Drain())
    assert pulled(third) == ["draining"]
    turn = third.report(child, ReportKind.CANCELED, cum_qty_lots=0)
    assert not sent(turn)
    assert not sent(third.wait(500))
    assert parent.state is ParentState.WORKING  # the next process posts it again
    third.restart()
    assert sent(third.wait(500))


def test_a_cancel_ends_it_once_the_venue_has_spoken(desk: HiddenDesk) -> None:
    parent, child = resting(desk)
    turn = desk.turn(inp.Cancel("desk", parent.order_id, "desk"))
    assert [c.child for c in turn.commands if isinstance(c, inp.CancelChild)] == [child]
    assert parent.state is not ParentState.DONE
    desk.fill(child, lots=10)
    desk.report(child, ReportKind.CANCELED, cum_qty_lots=10)
    assert (parent.done_reason, parent.cum_qty_units) == (DoneReason.CANCELED, 1_000)


def test_it_expires_at_its_time(desk: HiddenDesk) -> None:
    expire_ns = desk.now_ns + 5_000 * MS
    parent, child = resting(desk, time_in_force=TimeInForce.GTD, expire_ts_ns=expire_ns)
    assert child.rest_until_ns == expire_ns
    desk.wait(5_000)
    assert pulled(desk) == ["rest_over"]
    desk.report(child, ReportKind.CANCELED, cum_qty_lots=0)
    assert parent.done_reason is DoneReason.EXPIRED


def test_a_new_limit_moves_it(desk: HiddenDesk) -> None:
    parent, child = resting(desk)
    desk.turn(inp.Amend("desk", parent.order_id, "desk", Amendment(limit_price_units=CAP - 10_000)))
    desk.wait(50)
    assert pulled(desk) == ["amended"]
    turn = desk.report(child, ReportKind.CANCELED, cum_qty_lots=0)
    (again,) = sent(turn) or sent(desk.wait(150))
    assert again.price_units == CAP - 10_000


def test_a_restart_finds_it_where_it_rests(desk: HiddenDesk) -> None:
    parent, child = resting(desk)
    desk.restart()
    parent = desk.core.ledger.parents[parent.order_id]
    assert parent.children[child.child_id].state is ChildState.UNKNOWN
    assert not sent(desk.wait(100))  # its exposure is kept
    desk.report(child, ReportKind.ACKED)
    assert parent.children[child.child_id].state is ChildState.ACKED
    for _ in range(5):
        assert not sent(desk.wait(1_000))


def test_a_book_that_runs_away_is_not_hammered(desk: HiddenDesk) -> None:
    _, (child,) = desk.accepted(swept_order())
    times_ns = [desk.now_ns]
    for _ in range(40):
        turn = desk.report(child, ReportKind.REJECTED, code="post_only")
        while not sent(turn):
            turn = desk.wait(50)
        (child,) = sent(turn)
        times_ns.append(desk.now_ns)
    for i, ts_ns in enumerate(times_ns):
        assert sum(ts_ns <= later_ns < ts_ns + 1_000 * MS for later_ns in times_ns[i:]) <= MAX_POSTS_PER_S


def test_where_nothing_may_rest_the_order_is_refused() -> None:
    reply, children = hidden_desk().submit(swept_order())
    assert isinstance(reply, inp.Failed)
    assert isinstance(reply.error, BadRequest)
    assert reply.error.pointer == "/strategy_params/sweep_style"
    assert not children


def test_other_orders_rest_nowhere(desk: HiddenDesk) -> None:
    parent, children = desk.accepted(swept_order(sweep=None, strategy=Strategy.SOR))
    assert not children
    assert not desk.told(SlicePosted)
    assert not posts_rest(parent.accepted.order)
    assert all(callable(each) for each in (post_rest, require_posting, watch))


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 300),
    st.booleans(),
    st.lists(st.tuples(st.integers(-8_000, 8_000), st.integers(0, 1_000_000), st.booleans()), max_size=12),
)
def test_never_more_than_was_asked_whatever_the_market_does(
    lots: int, is_buy: bool, moves: list[tuple[int, int, bool]]
) -> None:
    """Random markets, fills, refusals: what is filled and in flight never passes the order; replay is equal."""
    desk = posting_desk()
    side = Side.BUY if is_buy else Side.SELL
    order = swept_order(6_000_000 - side.sign * 1_000, side=side, qty_units=lots * 100, strategy=Strategy.SOR)
    parent, _ = desk.accepted(order)
    for move, fill_ppm, is_refused in moves:
        desk.turn_at(6_000_000 + move, ms=250)
        for record in [c for c in parent.children.values() if not c.state.is_terminal]:
            child, left_lots = record.child, record.leaves_qty_units // record.child.lot_units
            filled = left_lots * fill_ppm // 1_000_000
            if is_refused and child.rests and not record.cum_qty_units:
                desk.report(child, ReportKind.REJECTED, code="post_only")
                continue
            if filled:
                desk.fill(child, lots=filled)
            if not record.state.is_terminal and (not child.rests or record.is_canceling):
                desk.report(child, ReportKind.CANCELED, cum_qty_lots=record.cum_qty_units // child.lot_units)
            elif not record.state.is_terminal:
                desk.report(child, ReportKind.ACKED)
            assert parent.cum_qty_units + parent.in_flight_qty_units <= lots * 100
    for record in parent.children.values():
        assert record.child.side.sign * (record.child.price_units - order.limit_price_units) <= 0  # type: ignore[operator]
    assert fold(desk.facts) == desk.core.ledger
