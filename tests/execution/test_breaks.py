"""Statements against the log: what is explained, what becomes a break, what a break bars, and when it closes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain import events as ev
from app.domain.enums import BreakKind, ExclusionCode, Mode, RefusalCode, Side
from app.domain.fills import ReportKind
from app.domain.orders import ChildOrder, VenueFilter
from app.domain.statement import VenueBalance, VenueOpenOrder, VenueStatement
from app.domain.units import NANO
from app.execution import inputs as inp
from app.execution.ledger import fold
from tests.worlds import MS, Desk, make_desk, make_order

VENUE = "ven_a"


@pytest.fixture
def desk() -> Desk:
    return make_desk()


def held(desk: Desk) -> dict[str, int]:
    return {c: n for (a, v, c), n in desk.core.ledger.balances.items() if (a, v) == ("desk", VENUE)}


def statement(desk: Desk, balances: dict[str, int], *orders: VenueOpenOrder) -> VenueStatement:
    """A paper venue knows what trades moved; what was credited is ours alone."""
    credited = {c: n for (a, v, c), n in desk.core.ledger.deposits.items() if (a, v) == ("desk", VENUE)}
    rows = tuple(VenueBalance(c, nano - credited[c], nano - credited[c]) for c, nano in balances.items())
    return VenueStatement(VENUE, 7, rows, (), orders)


def look(desk: Desk, said: VenueStatement) -> list[ev.Event]:
    """One look: asked, a quarter of a second, answered."""
    desk.turn(inp.StatementAsked("desk", VENUE))
    desk.now_ns += 250 * MS
    turn = desk.turn(inp.StatementTaken("desk", said))
    return [fact.event for fact in turn.facts]


def only_at(venue: str, **more: object) -> object:
    return make_order(venues=VenueFilter(include=(venue,)), **more)


def test_a_statement_that_agrees_writes_nothing(desk: Desk) -> None:
    for _ in range(3):
        assert look(desk, statement(desk, held(desk))) == []


def test_a_difference_becomes_a_break_at_the_second_look_and_keeps_its_age(desk: Desk) -> None:
    said = statement(desk, held(desk) | {"BTC": held(desk)["BTC"] - 2 * NANO})
    assert look(desk, said) == []
    (found,) = look(desk, said)
    assert isinstance(found, ev.BreakFound)
    assert (found.what, found.item, found.venue) == (BreakKind.BALANCE, "BTC", VENUE)
    assert (found.theirs_nano - found.ours_nano, found.explained_nano) == (-2 * NANO, 0)
    opened_ts_ns = desk.now_ns
    assert look(desk, said) == []  # told once
    (again,) = look(desk, statement(desk, held(desk) | {"BTC": held(desk)["BTC"] - 3 * NANO}))
    assert isinstance(again, ev.BreakFound)
    record = desk.core.ledger.breaks["desk", VENUE, BreakKind.BALANCE, "BTC"]
    assert (record.opened_ts_ns, record.found) == (opened_ts_ns, again)
    assert fold(desk.facts).breaks == desk.core.ledger.breaks


def test_a_difference_that_goes_away_was_none(desk: Desk) -> None:
    wrong, right = statement(desk, held(desk) | {"BTC": 0}), statement(desk, held(desk))
    assert look(desk, wrong) == look(desk, right) == look(desk, wrong) == []
    assert desk.core.ledger.breaks == {}


def test_a_lot_is_rounding_and_more_is_not(desk: Desk) -> None:
    lot_nano = 10_000  # 0.00001 BTC
    within = statement(desk, held(desk) | {"BTC": held(desk)["BTC"] + lot_nano})
    beyond = statement(desk, held(desk) | {"BTC": held(desk)["BTC"] + lot_nano + 1})
    assert look(desk, within) == look(desk, within) == []
    assert look(desk, beyond) == []
    assert len(look(desk, beyond)) == 1


def test_a_break_bars_the_venue_for_this_account_and_nothing_else(desk: Desk) -> None:
    said = statement(desk, held(desk) | {"USDT": 0})
    look(desk, said)
    look(desk, said)
    reply, children = desk.submit(only_at(VENUE))
    assert isinstance(reply, inp.Failed)
    assert reply.error.code is RefusalCode.VENUE_UNAVAILABLE
    assert reply.error.value == f"not_included,{ExclusionCode.RECONCILIATION_BREAK.value}"
    assert children == []
    reply, children = desk.submit(make_order())
    assert isinstance(reply, inp.Accepted)
    assert children
    assert VENUE not in {child.venue for child in children}
    preview = desk.core.preview(make_order(account="other"), Mode.PAPER, desk.now_ns)
    assert preview.checks[-1].code is RefusalCode.NOT_AUTHORISED  # the other account is stopped by its own lack only


def test_cancels_pass_while_a_break_is_open(desk: Desk) -> None:
    parent, (child,) = desk.accepted(only_at(VENUE, qty_units=100))
    desk.report(child, ReportKind.ACKED)
    far = statement(desk, held(desk) | {"USDT": 0, "BTC": 0})
    look(desk, far)
    assert len(look(desk, far)) == 2
    turn = desk.turn(inp.Cancel("desk", parent.order_id, "desk/key"))
    assert [c.child for c in turn.commands if isinstance(c, inp.CancelChild)] == [child]


def test_agreement_closes_a_break_and_opens_the_venue(desk: Desk) -> None:
    said = statement(desk, held(desk) | {"USDT": 0})
    look(desk, said)
    look(desk, said)
    (closed,) = look(desk, statement(desk, held(desk)))
    assert closed == ev.BreakClosed("desk", VENUE, BreakKind.BALANCE, "USDT", 250 * MS)
    _, children = desk.submit(only_at(VENUE))
    assert {child.venue for child in children} == {VENUE}
    assert fold(desk.facts).n_broken == {}


def test_an_operators_word_on_a_balance_ends_the_break(desk: Desk) -> None:
    world = desk.core.world
    venues = {v: replace(venue, mode=Mode.LIVE) for v, venue in world.universe.venues.items()}
    desk.core.world = replace(world, universe=replace(world.universe, venues=venues))
    said = VenueStatement(
        VENUE, 7, tuple(VenueBalance(c, n, n) for c, n in (held(desk) | {"USDT": 5 * NANO}).items()), (), ()
    )
    look(desk, said)
    assert len(look(desk, said)) == 1
    desk.turn(inp.SetBalance("desk", VENUE, "USDT", 5 * NANO, "withdrawal 4711"))
    assert [type(event) for event in look(desk, said)] == [ev.BreakClosed]


def test_a_fill_not_heard_of_is_explained_by_the_child_that_is_open(desk: Desk) -> None:
    before = held(desk)
    _, (child,) = desk.accepted(only_at(VENUE, qty_units=1_000))
    spent_nano = child.price_units * 1_000 * 100
    said = statement(desk, before | {"BTC": before["BTC"] + NANO // 100, "USDT": before["USDT"] - spent_nano})
    assert look(desk, said) == look(desk, said) == []
    beyond = statement(desk, before | {"BTC": before["BTC"] + NANO // 50, "USDT": before["USDT"] - spent_nano})
    assert look(desk, beyond) == []
    (found,) = look(desk, beyond)
    assert isinstance(found, ev.BreakFound)
    assert (found.item, found.explained_nano) == ("BTC", NANO // 100)


def test_a_fill_folded_while_the_venue_was_asked_may_be_in_its_answer_or_not(desk: Desk) -> None:
    _, (child,) = desk.accepted(only_at(VENUE, qty_units=1_000))
    before = held(desk)
    desk.turn(inp.StatementAsked("desk", VENUE))
    desk.fill(child)
    after = held(desk)
    assert before != after
    for said in (before, after):
        desk.turn(inp.StatementAsked("desk", VENUE))
        desk.core.memory.asked["desk", VENUE] = dict(before)
        assert desk.turn(inp.StatementTaken("desk", statement(desk, said))).facts == []
        assert desk.core.memory.suspects == {}


def open_order(child: ChildOrder | None = None, *, client_id: str = "", lots: int = 3) -> VenueOpenOrder:
    return VenueOpenOrder(
        child.client_id if child else client_id, "v-2" if child else "v-1", "BTC/USDT", Side.BUY, 6_000_000, lots
    )


def test_orders_of_ours_are_expected_and_others_are_breaks(desk: Desk) -> None:
    _, (child,) = desk.accepted(only_at(VENUE, qty_units=100))
    desk.report(child, ReportKind.ACKED)
    assert look(desk, statement(desk, held(desk), open_order(child))) == []
    external = statement(desk, held(desk), open_order(client_id="somebody"))
    assert look(desk, external) == []
    (found,) = look(desk, external)
    assert isinstance(found, ev.BreakFound)
    assert (found.what, found.item, found.theirs_nano) == (BreakKind.OPEN_ORDER, "v-1", 30_000)
    assert found.detail.startswith("external")
    desk.fill(child)
    closed_here = statement(desk, held(desk), open_order(child))
    look(desk, closed_here)
    (found,) = look(desk, closed_here)
    assert isinstance(found, ev.BreakFound)
    assert (found.item, found.detail) == ("v-2", "closed here, open at the venue")


def test_an_unknown_child_counts_at_its_full_leaves(desk: Desk) -> None:
    before = held(desk)
    _, (child,) = desk.accepted(only_at(VENUE, qty_units=1_000))
    desk.report(child, ReportKind.UNKNOWN)
    for share in (0, 400, 1_000):  # whatever it did at the venue
        spent_nano = child.price_units * share * 100
        said = statement(desk, before | {"BTC": before["BTC"] + share * 10_000, "USDT": before["USDT"] - spent_nano})
        assert look(desk, said) == look(desk, said) == []


def test_the_projection_is_told_apart_and_bars_nothing(desk: Desk) -> None:
    differing = (("ven_b", "BTC", 3, 4),)
    (fact,) = desk.turn(inp.ProjectionCompared("desk", differing)).facts
    assert isinstance(fact.event, ev.BreakFound)
    assert fact.event.what is BreakKind.PROJECTION
    assert desk.turn(inp.ProjectionCompared("desk", differing)).facts == []
    assert desk.core.ledger.n_broken == {}
    assert look(desk, statement(desk, held(desk))) == []  # a venue's word does not close it
    (closed,) = desk.turn(inp.ProjectionCompared("desk", ())).facts
    assert isinstance(closed.event, ev.BreakClosed)
    assert fold(desk.facts).breaks == {}


def test_deposits_are_what_no_fill_brought(desk: Desk) -> None:
    slot = ("desk", VENUE, "USDT")
    seeded_nano = desk.core.ledger.deposits[slot]
    _, (child,) = desk.accepted(only_at(VENUE, qty_units=1_000))
    desk.fill(child)
    moved_nano = desk.core.ledger.balances[slot] - seeded_nano
    assert moved_nano < 0
    desk.turn(inp.SetBalance(*slot, 9 * NANO, "correction"))
    ledger = desk.core.ledger
    assert ledger.deposits[slot] + moved_nano == ledger.balances[slot] == 9 * NANO


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["buy", "sell", "look"]), st.integers(0, 3), st.booleans()), min_size=1, max_size=12
    )
)
def test_a_venue_that_tells_the_truth_late_never_makes_a_break(steps: list[tuple[str, int, bool]]) -> None:
    """The venue books at once, we hear of it later or at once: no order of events is ever a break."""
    desk = make_desk()
    truth, unheard = held(desk), list[ChildOrder]()
    for what, lots, is_heard in steps:
        if what == "look":
            assert look(desk, statement(desk, truth)) == []
        else:
            side = Side.BUY if what == "buy" else Side.SELL
            desk.refresh()  # many looks take longer than a book may age
            reply, children = desk.submit(only_at(VENUE, qty_units=100 * (1 + lots), side=side))
            assert isinstance(reply, inp.Accepted)
            for child in children:
                sign, money_nano = side.sign, child.price_units * child.qty_units * 100
                truth["BTC"] += sign * child.qty_units * 10_000
                truth["USDT"] -= sign * money_nano + 1_000
                unheard.append(child)
        while unheard and is_heard:
            desk.fill(unheard.pop(0))
    while unheard:
        desk.fill(unheard.pop(0))
    assert held(desk) == truth
    assert look(desk, statement(desk, truth)) == look(desk, statement(desk, truth)) == []
