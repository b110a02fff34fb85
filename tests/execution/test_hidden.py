"""Dark first, then lit: who is asked, for how much, how often, and what is left for lit books."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.enums import ChildState, DoneReason, KillAction, KillScope, ParentState, Side, Strategy
from app.domain.fills import ReportKind
from app.domain.orders import ChildOrder, VenueFilter
from app.execution import inputs as inp
from app.execution.hidden import MINUTE_NS
from app.execution.ledger import fold
from app.store.codec import decode, encode
from tests.execution.hidden_desk import DARK, HiddenDesk, dark_order, hidden_desk, venues_of
from tests.worlds import MS, VENUES, make_order, sent


@pytest.fixture
def desk() -> HiddenDesk:
    return hidden_desk()


def ended(desk: HiddenDesk, child: ChildOrder, lots: int) -> inp.Turn:
    """The child fills `lots` in one execution and what is left is canceled."""
    if lots:
        turn = desk.fill(child, lots=lots)
        if lots == child.qty_lots:
            return turn
    return desk.report(child, ReportKind.CANCELED, cum_qty_lots=lots)


def test_dark_venues_come_first_with_a_least_execution(desk: HiddenDesk) -> None:
    parent, children = desk.accepted(dark_order())
    assert set(venues_of(children)) == set(DARK)
    (asked,) = desk.asked
    assert asked.unit_units == 500  # the largest least execution of the two
    for ask, child in zip(asked.asks, children, strict=True):
        assert (ask.venue, ask.qty_units, ask.min_units) == (child.venue, child.qty_units, 500)
        assert child.min_qty_lots == 50
        assert 0 < ask.expected_units <= ask.qty_units
    assert sum(child.qty_units for child in children) == 10_000
    turn = ended(desk, children[0], 100)
    assert not sent(turn)  # the other one has time to answer
    turn = ended(desk, children[1], 0)
    lit = sent(turn)
    assert set(venues_of(lit)) <= set(VENUES)
    assert sum(child.qty_units for child in lit) == 9_000
    for child in lit:
        ended(desk, child, child.qty_lots)
    assert parent.done_reason is DoneReason.FILLED
    assert [(a.asked_units, a.filled_units) for a in desk.answered] == [(5_000, 1_000), (5_000, 0)]
    assert not desk.core.ledger.hidden.open
    assert not desk.core.ledger.hidden.n_waves
    assert fold(desk.facts) == desk.core.ledger
    for fact in desk.facts:
        assert decode(fact.event.KIND, fact.event.V, encode(fact.event)) == fact.event


def test_a_sell_is_the_same_the_other_way(desk: HiddenDesk) -> None:
    _, children = desk.accepted(dark_order(side=Side.SELL))
    assert set(venues_of(children)) == set(DARK)
    assert all(child.price_units < 6_000_000 for child in children)  # down to what the lit touch comes to


def test_an_order_that_does_not_ask_meets_lit_books_only(desk: HiddenDesk) -> None:
    parent, children = desk.accepted(make_order(qty_units=10_000))
    assert set(venues_of(children)) <= set(VENUES)
    plan = parent.routes[0][1].plan
    assert {e.venue: e.code.value for e in plan.excluded if e.venue in DARK} == dict.fromkeys(DARK, "unlit")
    assert not desk.asked


def test_a_sweep_has_one_lit_wave_after_the_dark_one(desk: HiddenDesk) -> None:
    parent, children = desk.accepted(dark_order(strategy=Strategy.SWEEP))
    for child in children:
        turn = ended(desk, child, 0)
    for child in sent(turn):
        ended(desk, child, 0)
    assert (parent.done_reason, parent.done_detail) == (DoneReason.CANCELED, "one_wave")
    assert parent.n_waves == 2


def test_who_does_not_answer_in_time_is_left_behind_with_all_its_exposure(desk: HiddenDesk) -> None:
    parent, children = desk.accepted(dark_order(sweep={"wait_ns": 250 * MS}))
    silent, other = children
    assert not sent(ended(desk, other, 0))
    assert not sent(desk.wait(200))
    lit = sent(desk.wait(100))
    assert sum(child.qty_units for child in lit) == 5_000  # what is in flight in the dark is not sent again
    for child in lit:
        ended(desk, child, child.qty_lots)
    assert parent.state is not ParentState.DONE
    desk.wait(3_000)
    assert parent.children[silent.child_id].state is ChildState.UNKNOWN
    assert parent.in_flight_qty_units == 5_000
    assert not sent(desk.wait(1_000))
    desk.fill(silent)  # it had taken it all the same
    assert (parent.done_reason, parent.cum_qty_units) == (DoneReason.FILLED, 10_000)
    assert [a.filled_units for a in desk.answered] == [0, 5_000]


def test_an_answer_that_is_none_says_nothing(desk: HiddenDesk) -> None:
    _, children = desk.accepted(dark_order())
    desk.report(children[0], ReportKind.REJECTED, code="closed")
    assert [a.asked_units for a in desk.answered] == [0]
    assert not desk.core.ledger.hidden.answers


def test_pings_are_within_their_budget() -> None:
    desk = hidden_desk(max_pings=3)
    for _ in range(6):
        _, children = desk.accepted(dark_order())
        for child in children:
            turn = ended(desk, child, 0)
        lit = sent(turn) if children and children[0].venue in DARK else children
        for child in lit:
            ended(desk, child, child.qty_lots)
    assert [len(a.asks) for a in desk.asked] == [2, 2, 2, 0, 0, 0]
    assert dict(desk.asked[-1].left_out) == dict.fromkeys(DARK, "ping_budget")
    desk.now_ns += MINUTE_NS + 1
    desk.refresh()
    _, children = desk.accepted(dark_order())
    assert len(children) == 2


def test_nobody_is_probed_with_less_than_a_least_execution(desk: HiddenDesk) -> None:
    _, children = desk.accepted(dark_order(qty_units=190))
    assert set(venues_of(children)) <= set(VENUES)
    assert set(dict(desk.asked[0].left_out).values()) == {"below_least"}


def test_the_orders_own_least_execution_counts(desk: HiddenDesk) -> None:
    _, children = desk.accepted(dark_order(sweep={"min_qty_units": 4_000}))
    assert [child.min_qty_lots * child.lot_units for child in children] == [4_000] * len(children)
    assert all(child.qty_units % 4_000 == 0 for child in children)


def test_where_a_fill_would_save_nothing_nobody_is_asked() -> None:
    desk = hidden_desk(fee_ppm=500)
    _, children = desk.accepted(dark_order())
    assert set(venues_of(children)) <= set(VENUES)
    assert dict(desk.asked[0].left_out) == dict.fromkeys(DARK, "saves_nothing")


def test_filters_kills_and_switches_hold_for_dark_venues(desk: HiddenDesk) -> None:
    _, children = desk.accepted(dark_order(venues=VenueFilter(exclude=("dark_x",))))
    assert venues_of(children) == ["dark_y"]
    desk.turn(inp.SetVenue("dark_y", is_enabled=False, actor="op"))
    _, children = desk.accepted(dark_order())
    assert venues_of(children) == ["dark_x"]
    desk.turn(inp.SetKillSwitch("", KillScope.VENUE, "dark_x", KillAction.BLOCK, "test", "op"))
    _, children = desk.accepted(dark_order())
    assert set(venues_of(children)) <= set(VENUES)
    assert dict(desk.asked[-1].left_out) == {"dark_x": "killed", "dark_y": "disabled"}


def test_nothing_is_asked_beyond_what_the_account_can_pay_for() -> None:
    desk = hidden_desk(balance=700)  # 0.0116 BTC at each venue
    _, children = desk.accepted(dark_order(qty_units=2_000))
    assert [child.qty_units for child in children if child.venue in DARK] == [1_000, 1_000]


def test_a_restart_asks_what_became_of_open_questions(desk: HiddenDesk) -> None:
    parent, children = desk.accepted(dark_order())
    ended(desk, children[0], 50)
    learned = desk.core.ledger.hidden
    desk.restart()
    assert desk.core.ledger.hidden == learned
    parent = desk.core.ledger.parents[parent.order_id]
    assert parent.children[children[1].child_id].state is ChildState.UNKNOWN
    turn = ended(desk, children[1], 0)
    assert len(desk.answered) == 2
    assert sum(child.qty_units for child in sent(turn)) == 9_500
    assert len(desk.asked) == 1  # an order asks once


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 400), st.booleans(), st.integers(0, 1_000_000)), min_size=1, max_size=8),
    st.integers(0, 2_000),
    st.integers(0, 5),
)
def test_laws_of_every_split(orders: list[tuple[int, bool, int]], min_qty_units: int, max_pings: int) -> None:
    """Whole units, never more than is wanted, never below a least, never oftener than the budget; replay is equal."""
    desk = hidden_desk(max_pings=max_pings)
    for qty_lots, is_buy, fill_ppm in orders:
        side = Side.BUY if is_buy else Side.SELL
        order = dark_order(qty_units=qty_lots * 50, side=side, sweep={"min_qty_units": min_qty_units})
        parent, children = desk.accepted(order)
        asked = desk.asked[-1]
        dark = [child for child in children if child.venue in DARK]
        assert {a.venue for a in asked.asks} | set(dict(asked.left_out)) == set(DARK)
        assert sum(child.qty_units for child in dark) <= qty_lots * 50
        for child in dark:
            assert child.qty_units % asked.unit_units == 0
            assert child.min_qty_lots * child.lot_units == asked.unit_units >= max(500 * (len(dark) > 1), min_qty_units)
            lots = child.qty_lots * fill_ppm // 1_000_000
            ended(desk, child, lots if lots >= child.min_qty_lots else 0)
        live = [c.child for c in parent.children.values() if not c.state.is_terminal]
        for child in live:
            ended(desk, child, child.qty_lots)
        assert parent.cum_qty_units <= qty_lots * 50
        assert sum(a.filled_units for a in desk.answered) <= sum(a.asked_units for a in desk.answered)
    pings = [ask.venue for asked in desk.asked for ask in asked.asks]
    assert all(pings.count(venue) <= max_pings for venue in DARK)
    assert fold(desk.facts) == desk.core.ledger


def test_a_venue_that_executes_below_the_least_is_halted(desk: HiddenDesk) -> None:
    _, children = desk.accepted(dark_order())
    desk.fill(children[0], lots=children[0].min_qty_lots)
    assert not desk.core.ledger.kills
    desk.fill(children[1], lots=children[1].min_qty_lots - 1)
    assert list(desk.core.ledger.kills) == [(KillScope.VENUE, children[1].venue)]
