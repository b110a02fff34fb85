"""When a parent goes on, waits and ends."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.domain import events as ev
from app.domain.enums import ChildState, DoneReason, KillAction, KillScope, ParentState, Side, Strategy, TimeInForce
from app.domain.errors import InvariantBroken
from app.domain.fills import ReportKind
from app.domain.orders import VenueFilter
from app.domain.plan import Planned, PlanRequest
from app.domain.units import NANO
from app.execution import inputs as inp
from app.execution.context import remaining_notional_nano
from app.shm.books import SymbolBooks
from tests.worlds import BTC_USDT, MS, Desk, flat_book, held_order, make_desk, make_order, sent


@pytest.fixture
def desk() -> Desk:
    return make_desk()


def kill(desk: Desk, scope: KillScope = KillScope.GLOBAL, target: str = "") -> None:
    desk.turn(inp.SetKillSwitch("", scope, target, KillAction.BLOCK, "drill", "ops"))


@pytest.mark.parametrize(
    ("scope", "target"), [(KillScope.GLOBAL, ""), (KillScope.ACCOUNT, "desk"), (KillScope.SYMBOL, "BTC/USDT")]
)
def test_a_held_order_under_a_kill_switch_plans_nothing_and_wakes_when_it_is_cleared(
    desk: Desk, scope: KillScope, target: str
) -> None:
    parent, _ = desk.accepted(held_order(limit_price_units=5_999_000))
    kill(desk, scope, target)
    n_facts = len(desk.facts)
    for _ in range(50):
        desk.now_ns += 100 * MS
        desk.refresh(mid_units=5_998_000)  # it crosses now
        assert not sent(desk.turn(inp.Tick()))
    assert len(desk.facts) == n_facts, "nothing is decided, so nothing is written"
    assert parent.state is ParentState.WORKING
    desk.turn(inp.ClearKillSwitch("", scope, target, "ops"))
    desk.now_ns += 100 * MS
    desk.refresh(mid_units=5_998_000)
    assert sent(desk.turn(inp.Tick()))


def test_an_immediate_order_under_a_kill_switch_ends_with_what_it_has(desk: Desk) -> None:
    parent, children = desk.accepted(make_order(qty_units=300))
    kill(desk)
    for child in children:
        turn = desk.report(child, ReportKind.REJECTED, code="not_sent", evidence="local:kill_switch")
        assert not sent(turn)
    assert parent.done_reason is DoneReason.REJECTED
    assert parent.n_waves == 1


def test_what_fits_another_venue_later_is_no_dust(desk: Desk) -> None:
    """Only the venue of big lots crosses: a held order below its lot waits for the others, it does not end."""
    desk.now_ns += 100 * MS
    for venue, mid in (("ven_a", 6_100_000), ("ven_b", 6_100_000), ("ven_c", 5_990_000)):
        desk.board.write_snapshot(flat_book(venue, mid, desk.now_ns, book_seq=next(desk.book_seqs)))
    parent, children = desk.accepted(held_order(qty_units=50, limit_price_units=6_000_050))
    assert not children
    assert parent.state is ParentState.WORKING
    desk.now_ns += 100 * MS
    desk.refresh(mid_units=5_990_000)
    assert sum(c.qty_units for c in sent(desk.turn(inp.Tick()))) == 50


def test_a_rest_that_no_venue_could_ever_take_ends(desk: Desk) -> None:
    """Five units are 3 USDT at the order's own limit, and every venue asks for 5."""
    only = VenueFilter(include=("ven_a",))
    parent, (child,) = desk.accepted(held_order(qty_units=100, limit_price_units=6_010_000, venues=only))
    desk.fill(child, lots=95)
    desk.report(child, ReportKind.CANCELED, cum_qty_lots=95)
    desk.wait(100)
    assert (parent.done_reason, parent.done_detail) == (DoneReason.CANCELED, "below_minimum")


def test_a_sellers_notional_in_doubt_is_not_sold_twice(desk: Desk) -> None:
    """The limit of a sale is only the least it may bring: what is in flight counts at no less than the mid."""
    order = make_order(side=Side.SELL, qty_units=None, notional_nano=6_000 * NANO, max_slippage_ppm=10_000)
    parent, children = desk.accepted(order)
    for child in children:
        desk.report(child, ReportKind.UNKNOWN)
    sold = sum(BTC_USDT.notional_nano(6_000_000, c.qty_units) for c in children)
    assert (remaining_notional_nano(parent, BTC_USDT) or 0) <= 6_000 * NANO - sold
    n_before = len(parent.children)
    for _ in range(10):
        desk.wait(100)
    assert len(parent.children) == n_before


def test_a_held_notional_order_whose_rest_buys_no_lot_ends_filled_and_writes_no_empty_waves(desk: Desk) -> None:
    order = held_order(qty_units=None, notional_nano=1_000 * NANO, limit_price_units=6_010_000)
    parent, children = desk.accepted(order)
    for _ in range(60):
        again = [c for child in children for c in sent(desk.fill(child))]
        children = again + sent(desk.wait(100))
        if parent.state is ParentState.DONE:
            break
    assert (parent.done_reason, parent.done_detail) == (DoneReason.FILLED, "residual_below_lot")
    waves = {r.plan.wave for _, r in parent.routes}
    assert waves == {c.child.wave for c in parent.children.values()}, "every wave that was written sent something"


def test_a_notional_fill_or_kill_is_whole_up_to_a_lot(desk: Desk) -> None:
    order = make_order(time_in_force=TimeInForce.FOK, qty_units=None, notional_nano=100 * NANO)
    parent, children = desk.accepted(order)
    assert [c.time_in_force for c in children] == [TimeInForce.FOK]
    desk.fill(children[0])
    assert parent.done_reason is DoneReason.FILLED
    assert parent.cum_notional_nano <= 100 * NANO


def test_a_parent_with_a_child_in_doubt_is_not_planned_again_at_every_tick() -> None:
    desk = make_desk()
    n_plans = 0
    plan = desk.core.world.planner.plan

    class Counting:
        def plan(self, request: PlanRequest, books: SymbolBooks) -> Planned:
            nonlocal n_plans
            n_plans += 1
            return plan(request, books)

    desk.core.world = replace(desk.core.world, planner=Counting())
    parent, children = desk.accepted(make_order(qty_units=50_000, max_slippage_ppm=100))
    for child in children:
        desk.report(child, ReportKind.UNKNOWN)
    n_plans = 0
    for _ in range(50):
        desk.wait(20)
    assert parent.state is ParentState.WORKING
    assert n_plans <= 11


def test_a_plan_beyond_its_parent_stops_the_shard(desk: Desk) -> None:
    plan = desk.core.world.planner.plan

    class Greedy:
        def plan(self, request: PlanRequest, books: SymbolBooks) -> Planned:
            planned = plan(request, books)
            more = [replace(a, qty_lots=a.qty_lots * 10) for a in planned.plan.allocations]
            return replace(planned, plan=replace(planned.plan, allocations=tuple(more)))

    desk.core.world = replace(desk.core.world, planner=Greedy())
    with pytest.raises(InvariantBroken, match="parent_oversend"):
        desk.submit(make_order(qty_units=300))


def test_resolving_one_order_touches_no_other(desk: Desk) -> None:
    one, children = desk.accepted(make_order(strategy=Strategy.SWEEP, qty_units=100))
    other, _ = desk.accepted(held_order(limit_price_units=5_999_000))
    for child in children:
        desk.report(child, ReportKind.UNKNOWN)
    desk.now_ns += 200 * MS
    desk.refresh(mid_units=5_998_000)  # the other one would go at the next tick
    reply = None
    for child in children:
        turn = desk.turn(inp.Resolve("desk", one.order_id, child.child_id, "ops", "statement 17"))
        reply = turn.replies[0]
        assert not sent(turn)
    assert isinstance(reply, inp.Done)
    assert isinstance(reply.events[0], ev.ChildResolved)
    assert one.state is ParentState.DONE
    assert not other.children
    assert {c.state for c in one.children.values()} == {ChildState.CANCELED}


def test_every_plan_names_its_order_and_wave(desk: Desk) -> None:
    parent, children = desk.accepted(make_order(qty_units=300))
    for child in children:
        desk.report(child, ReportKind.CANCELED, cum_qty_lots=0)
    assert len(parent.routes) == 2
    assert [(route.plan.order_id, route.plan.wave) for _, route in parent.routes] == [
        (parent.order_id, 1),
        (parent.order_id, 2),
    ]


def reached(desk: Desk) -> bool:
    return any(desk.core.is_reached("BTC/USDT", *desk.board.touch(v, "BTC/USDT")) for v in ("ven_a", "ven_b", "ven_c"))


def test_an_order_beyond_the_books_is_looked_at_when_one_comes_within_its_limit(desk: Desk) -> None:
    _, children = desk.accepted(held_order(limit_price_units=5_999_000))
    assert not children
    desk.now_ns += MS
    desk.refresh(mid_units=5_999_500)
    assert not reached(desk)
    desk.refresh(mid_units=5_998_000)
    assert reached(desk)
    assert sent(desk.turn(inp.BookReached("BTC/USDT"))), "no tick and no pause in between"
    assert not reached(desk), "it waits for its children now, not for a book"


def test_a_seller_waits_for_the_bid(desk: Desk) -> None:
    desk.accepted(held_order(side=Side.SELL, limit_price_units=6_001_000))
    desk.refresh(mid_units=6_000_500)
    assert not reached(desk)
    desk.refresh(mid_units=6_002_000)
    assert reached(desk)


def test_a_book_that_is_reached_by_nobody_who_may_use_it_leaves_the_order_waiting(desk: Desk) -> None:
    parent, _ = desk.accepted(held_order(limit_price_units=5_999_000))
    assert not sent(desk.turn(inp.BookReached("BTC/USDT")))
    assert desk.core.memory.awaited["BTC/USDT"] == {parent.order_id: (1, 5_999_000)}


def test_what_ends_is_waited_for_no_more(desk: Desk) -> None:
    parent, _ = desk.accepted(held_order(limit_price_units=5_999_000))
    desk.turn(inp.Cancel("desk", parent.order_id, "desk"))
    assert parent.state is ParentState.DONE
    assert not desk.core.memory.awaited
