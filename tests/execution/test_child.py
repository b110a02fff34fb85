"""What a venue's word proves, and what it does not."""

from __future__ import annotations

import pytest

from app.domain.enums import ChildState, DoneReason, KillScope, ParentState, Side, Strategy
from app.domain.events import ChildFilled
from app.domain.fills import UNHELD, ExecutionReport, ReportKind
from app.domain.orders import VenueFilter
from app.execution import inputs as inp
from app.execution.ledger import fold
from tests.worlds import MS, Desk, held_order, make_desk, make_order, sent


@pytest.fixture
def desk() -> Desk:
    return make_desk()


def test_a_miss_that_was_looked_up_before_the_deadline_proves_nothing_however_late_it_arrives(desk: Desk) -> None:
    parent, (child, *_) = desk.accepted(make_order(qty_units=100))
    desk.report(child, ReportKind.UNKNOWN)
    desk.now_ns = child.deadline_ts_ns + 60_000 * MS
    desk.refresh()
    turn = desk.report(child, ReportKind.NOT_FOUND, venue_ts_ns=child.deadline_ts_ns, code="may_still_arrive")
    assert parent.children[child.child_id].state is ChildState.UNKNOWN
    assert not sent(turn)
    desk.report(child, ReportKind.NOT_FOUND)  # an untimed answer proves nothing either
    assert parent.children[child.child_id].state is ChildState.UNKNOWN
    desk.report(child, ReportKind.NOT_FOUND, venue_ts_ns=child.deadline_ts_ns + 1)
    assert parent.children[child.child_id].state is ChildState.REJECTED


def test_the_fixed_part_of_a_charge_is_the_orders_gas(desk: Desk) -> None:
    parent, children = desk.accepted(make_order(qty_units=100))
    for child in children:
        told = {"price_ticks": child.price_ticks, "qty_lots": child.qty_lots, "venue_trade_id": child.client_id}
        desk.report(child, ReportKind.FILLED, fee_nano=900, gas_nano=700, fee_currency="USDT", **told)
    assert parent.tca is not None
    assert (parent.tca.fee_nano, parent.tca.gas_nano) == (200 * len(children), 700 * len(children))
    assert parent.fees_nano == {"USDT": 900 * len(children)}


def test_another_venue_cannot_speak_about_a_child(desk: Desk) -> None:
    parent, (child, *_) = desk.accepted(make_order(qty_units=100))
    other = "ven_a" if child.venue != "ven_a" else "ven_b"
    for kind in (ReportKind.REJECTED, ReportKind.CANCELED, ReportKind.FILLED):
        report = ExecutionReport(kind, other, child.client_id, venue_trade_id="t", price_ticks=1, qty_lots=1)
        desk.turn(inp.Report(report))
    assert parent.children[child.child_id].state is ChildState.SENDING
    assert parent.cum_qty_units == 0
    assert desk.core.memory.n_foreign_reports == 3


@pytest.mark.parametrize(
    "broken",
    [
        {"venue_trade_id": ""},
        {"qty_lots": 0},
        {"qty_lots": -3},
        {"price_ticks": 0},
    ],
)
def test_a_fill_that_cannot_be_counted_is_not_and_its_venue_is_asked(desk: Desk, broken: dict[str, object]) -> None:
    parent, (child, *_) = desk.accepted(make_order(qty_units=100))
    told = {"venue_trade_id": "t1", "price_ticks": child.price_ticks, "qty_lots": 1, **broken}
    turn = desk.report(child, ReportKind.FILLED, **told)
    assert parent.cum_qty_units == 0
    assert parent.children[child.child_id].state is ChildState.UNKNOWN
    assert [type(c) for c in turn.commands] == [inp.QueryChild]


def test_a_rejection_of_what_has_filled_is_a_contradiction_to_ask_about(desk: Desk) -> None:
    parent, (child, *_) = desk.accepted(make_order(qty_units=300))
    desk.fill(child, lots=1)
    turn = desk.report(child, ReportKind.REJECTED, code="no")
    assert parent.children[child.child_id].state is ChildState.UNKNOWN
    assert any(isinstance(c, inp.QueryChild) for c in turn.commands)


@pytest.mark.parametrize("excess", ["quantity", "price"])
def test_a_venue_that_fills_beyond_what_it_was_asked_gets_nothing_more(desk: Desk, excess: str) -> None:
    parent, (child, *_) = desk.accepted(make_order(qty_units=100))
    if excess == "quantity":
        desk.fill(child, lots=child.qty_lots + 1)
        assert desk.core.ledger.n_overfills == 1
    else:
        price_ticks = child.price_ticks + 1
        desk.report(child, ReportKind.FILLED, venue_trade_id="t", price_ticks=price_ticks, qty_lots=child.qty_lots)
    assert parent.done_reason is DoneReason.FILLED
    assert (KillScope.VENUE, child.venue) in desk.core.ledger.kills
    _, children = desk.submit(make_order(qty_units=100))
    assert child.venue not in {c.venue for c in children}


def test_the_question_about_missing_fills_is_paced(desk: Desk) -> None:
    _, (child, *_) = desk.accepted(make_order(qty_units=300))
    n_asked = 0
    for _ in range(50):
        turn = desk.report(child, ReportKind.CANCELED, cum_qty_lots=1)
        n_asked += sum(isinstance(c, inp.QueryChild) for c in turn.commands)
    assert n_asked == 1


def test_a_venue_that_only_says_unknown_is_not_asked_in_a_loop(desk: Desk) -> None:
    _, (child, *_) = desk.accepted(make_order(qty_units=100))
    turns = [desk.report(child, ReportKind.UNKNOWN) for _ in range(50)]
    assert sum(isinstance(c, inp.QueryChild) for turn in turns for c in turn.commands) == 1


def test_a_late_fill_is_judged_at_the_mid_of_the_orders_end(desk: Desk) -> None:
    parent, children = desk.accepted(make_order(strategy=Strategy.SWEEP, qty_units=100))
    for child in children:
        desk.report(child, ReportKind.CANCELED, cum_qty_lots=0)
    assert parent.tca is not None
    closing = parent.tca.closing_mid_half_units
    desk.now_ns += 5_000 * MS
    desk.refresh(mid_units=6_600_000)
    desk.fill(children[0], lots=1)
    assert parent.tca.filled_qty_units > 0
    assert parent.tca.closing_mid_half_units == closing


def test_an_order_that_ends_without_a_valid_book_says_so(desk: Desk) -> None:
    parent, children = desk.accepted(make_order(strategy=Strategy.SWEEP, qty_units=100))
    desk.now_ns += 60_000 * MS  # every book is stale
    for child in children:
        desk.report(child, ReportKind.CANCELED, cum_qty_lots=0)
    assert parent.state is ParentState.DONE
    assert parent.tca is not None
    assert parent.tca.closing_mid_half_units == 0


def test_an_acknowledgement_after_a_fill_does_not_forget_it(desk: Desk) -> None:
    parent, (child, *_) = desk.accepted(make_order(qty_units=300))
    desk.fill(child, lots=1)
    desk.report(child, ReportKind.UNKNOWN)
    desk.report(child, ReportKind.ACKED)
    assert parent.children[child.child_id].state is ChildState.PARTIALLY_FILLED


def test_an_unknown_child_learns_its_venue_order_id_from_a_fill(desk: Desk) -> None:
    parent, (child, *_) = desk.accepted(make_order(qty_units=300))
    desk.report(child, ReportKind.UNKNOWN)
    desk.fill(child, lots=1)
    assert parent.children[child.child_id].venue_order_id == f"v-{child.client_id}"
    assert parent.children[child.child_id].state is ChildState.PARTIALLY_FILLED


def test_a_venue_that_always_rejects_is_never_hammered_by_a_held_order(desk: Desk) -> None:
    """Each rejection doubles the venue's pause, up to about a minute: ten minutes of saying no are a dozen children."""
    only = VenueFilter(include=("ven_a",))
    parent, children = desk.accepted(held_order(limit_price_units=6_010_000, venues=only))
    born_s = []
    for second in range(600):
        for child in children:
            born_s.append(second)
            desk.report(child, ReportKind.REJECTED, code="no")
        children = sent(desk.wait(1_000))
    assert parent.state is ParentState.WORKING
    assert born_s[:5] == [0, 1, 3, 7, 15]
    assert len(parent.children) < 18


def test_both_sides_of_a_trade_with_oneself_count(desk: Desk) -> None:
    """The venue gives them one trade id; each counts once, and the one does not hide the other."""
    _, (buy, *_) = desk.accepted(make_order(qty_units=100))
    _, (sale, *_) = desk.accepted(make_order(side=Side.SELL, qty_units=100))
    assert buy.venue == sale.venue
    for child in (buy, sale, buy, sale):
        desk.fill(child, lots=1, trade_id="t-of-both")
    ledger = desk.core.ledger
    fills = [fact.event for fact in desk.facts if isinstance(fact.event, ChildFilled)]
    assert [fill.child_id for fill in fills] == [buy.child_id, sale.child_id]
    assert len({fill.exec_id for fill in fills}) == 2
    assert ledger.positions[buy.account, buy.venue, buy.symbol] == 0
    assert desk.core.memory.n_duplicate_fills == 2
    assert fold(desk.facts).fill_keys == ledger.fill_keys


def test_a_venue_that_speaks_of_a_child_which_its_adapter_lacks_is_asked(desk: Desk) -> None:
    parent, (child, *_) = desk.accepted(make_order(qty_units=100, strategy=Strategy.SWEEP))
    desk.report(child, ReportKind.CANCELED, cum_qty_lots=0)
    n_facts = len(desk.facts)
    silent = desk.report(child, ReportKind.UNKNOWN, code="timeout")
    asked = desk.report(child, ReportKind.UNKNOWN, code=UNHELD)
    assert not [command for command in silent.commands if isinstance(command, inp.QueryChild)]
    assert [command.child for command in asked.commands if isinstance(command, inp.QueryChild)] == [child]
    assert len(desk.facts) == n_facts, "nothing has happened yet"
    desk.fill(child, lots=1)
    assert parent.children[child.child_id].cum_qty_units == child.lot_units


def test_of_a_live_child_it_proves_nothing(desk: Desk) -> None:
    parent, (child, *_) = desk.accepted(make_order(qty_units=100))
    turn = desk.report(child, ReportKind.UNKNOWN, code=UNHELD)
    assert parent.children[child.child_id].state is ChildState.UNKNOWN
    assert any(isinstance(command, inp.QueryChild) for command in turn.commands)
