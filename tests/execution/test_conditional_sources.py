"""What a definition looks at: the last trade, and never what our own fills have just done."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.domain import conditional_events as ce
from app.domain.conditions import Condition, ConditionKind, Leg, Trail, TriggerSource
from app.domain.enums import ContractKind, Mode, Side
from app.domain.errors import BadRequest
from app.domain.orders import VenueFilter
from app.domain.trade import MarkPrice, TradePrint
from app.execution import inputs as inp
from app.services.marks import MarkBoard
from app.services.tape import Tape
from tests.conditionals import definition, move, stop, taken, trail
from tests.worlds import MS, VENUES, Desk, contract_world, flat_book, make_desk, make_order


@pytest.fixture
def desk() -> Desk:
    return make_desk()


def with_tape(desk: Desk) -> Tape:
    tape = Tape()
    tape.expect("ven_a", ["BTC/USDT"], shows_own=False)
    desk.core.world = replace(desk.core.world, volumes=tape)
    return tape


def trade(desk: Desk, price_units: int, venue: str = "ven_a") -> TradePrint:
    return TradePrint(venue, "BTC/USDT", price_units, 5, None, desk.now_ns, desk.now_ns)


def test_the_last_trade_triggers_and_its_price_is_in_the_fact(desk: Desk) -> None:
    """The mid never moves: only trades do."""
    tape = with_tape(desk)
    leg = Leg("order", Side.SELL, 300, Condition(ConditionKind.STOP, TriggerSource.LAST, 0, 5_900_000), None)
    record, children = taken(desk, definition(leg))
    assert not children  # no trade was heard yet
    for price_units in (6_000_000, 5_900_001):
        tape.take([trade(desk, price_units)])
        desk.wait(20)
        assert not record.legs[0].is_triggered
    tape.take([trade(desk, 5_899_000, "ven_b")])
    desk.wait(20)
    assert record.legs[0].is_triggered
    facts = [f.event for f in desk.facts if isinstance(f.event, ce.LegTriggered)]
    assert [e.level_half_units for e in facts] == [2 * 5_899_000]


@pytest.mark.parametrize(("late_ns", "is_triggered"), [(0, True), (1, False)])
def test_a_last_trade_that_is_too_old_triggers_nothing(desk: Desk, late_ns: int, is_triggered: bool) -> None:
    tape = with_tape(desk)
    tape.take([trade(desk, 5_899_000)])
    desk.now_ns += desk.core.world.timing.max_last_age_ns + late_ns
    desk.refresh()
    leg = Leg("order", Side.SELL, 300, Condition(ConditionKind.STOP, TriggerSource.LAST, 0, 5_900_000), None)
    record, _ = taken(desk, definition(leg))
    assert record.legs[0].is_triggered is is_triggered
    tape.take([trade(desk, 5_899_500)])  # the feed is back
    desk.wait(20)
    assert record.legs[0].is_triggered


def test_a_trail_follows_the_last_trade(desk: Desk) -> None:
    tape = with_tape(desk)
    tape.take([trade(desk, 6_000_000)])
    condition = Condition(ConditionKind.TRAIL, TriggerSource.LAST, 0, 0, Trail(1_000, 0, 0))
    record, _ = taken(desk, definition(Leg("order", Side.SELL, 300, condition, None)))
    for price_units, is_triggered in ((6_050_000, False), (6_049_001, False), (6_049_000, True)):
        tape.take([trade(desk, price_units)])
        desk.wait(20)
        assert record.legs[0].is_triggered is is_triggered


def dip(desk: Desk, venue: str, mid_units: int, ms: int = 20) -> None:
    """Time passes; `venue` alone quotes around `mid_units`, the others around 60,000."""
    desk.now_ns += ms * MS
    desk.refresh()
    desk.board.write_snapshot(flat_book(venue, mid_units, desk.now_ns, book_seq=next(desk.book_seqs)))
    desk.turn(inp.Tick())


def sold_at_one_venue(desk: Desk) -> str:
    _, children = desk.accepted(make_order(side=Side.SELL))
    assert len(children) == 1
    desk.fill(children[0])
    return children[0].venue


def stop_of_one(price: int, side: Side = Side.SELL) -> Leg:
    return Leg("order", side, 300, Condition(ConditionKind.STOP, TriggerSource.CROSS_VENUE, 1, price), None)


def test_a_stop_does_not_chase_what_our_own_sale_did_and_is_deaf_for_a_bounded_time(desk: Desk) -> None:
    """One venue must agree; the one we sold at shows the dip of our own sale."""
    venue = sold_at_one_venue(desk)
    record, _ = taken(desk, definition(stop_of_one(5_990_000)))
    resilience_ms = desk.core.world.timing.resilience_ns // MS
    dip(desk, venue, 5_980_000)
    assert not record.legs[0].is_triggered
    dip(desk, venue, 5_980_000, resilience_ms - 21)
    assert not record.legs[0].is_triggered
    dip(desk, venue, 5_980_000, 1)  # it stayed there: that is the market
    assert record.legs[0].is_triggered


def test_another_venue_and_the_other_side_are_heard_at_once(desk: Desk) -> None:
    venue = sold_at_one_venue(desk)
    other = next(v for v in VENUES if v != venue)
    falling, _ = taken(desk, definition(stop_of_one(5_990_000)))
    rising, _ = taken(desk, definition(stop_of_one(6_010_000, Side.BUY)))
    dip(desk, venue, 6_020_000)  # our sale cannot have lifted it
    assert rising.legs[0].is_triggered
    dip(desk, other, 5_980_000)
    assert falling.legs[0].is_triggered


def test_where_we_sold_everywhere_every_venue_answers(desk: Desk) -> None:
    """A stop is never deaf because we were too busy."""
    for venue in VENUES:
        _, children = desk.accepted(make_order(side=Side.SELL, venues=VenueFilter(include=(venue,))))
        desk.fill(children[0])
    record, _ = taken(desk, definition(stop(5_990_000)))
    assert move(desk, 5_980_000)
    assert record.legs[0].is_triggered


@pytest.mark.parametrize(("side", "does_follow"), [(Side.SELL, False), (Side.BUY, True)])
def test_a_buyers_mark_does_not_follow_our_own_sales_down(desk: Desk, side: Side, does_follow: bool) -> None:
    record, _ = taken(desk, definition(trail(Trail(20_000, 0, 0), side=Side.BUY)))
    before_half = record.legs[0].mark_half_units
    for venue in VENUES[:2]:
        _, children = desk.accepted(make_order(side=side, venues=VenueFilter(include=(venue,))))
        desk.fill(children[0])
    desk.now_ns += 20 * MS
    for venue in VENUES[:2]:
        book = flat_book(venue, 5_900_000, desk.now_ns, book_seq=next(desk.book_seqs))
        desk.board.write_snapshot(book)
    desk.turn(inp.Tick())
    assert (record.legs[0].mark_half_units < before_half) is does_follow


def with_marks(desk: Desk) -> MarkBoard:
    """The symbol is a perpetual, and some venue tells marks of it."""
    contract_world(desk, ContractKind.LINEAR)
    board = MarkBoard()
    board.expect(["BTC/USDT"])
    desk.core.world = replace(desk.core.world, marks=board)
    return board


def mark(desk: Desk, price_units: int, venue: str = "ven_a") -> MarkPrice:
    return MarkPrice(venue, "BTC/USDT", price_units, desk.now_ns, desk.now_ns)


def by_mark(price: int = 5_900_000, trailing: Trail | None = None) -> Leg:
    kind = ConditionKind.STOP if trailing is None else ConditionKind.TRAIL
    condition = Condition(kind, TriggerSource.MARK, 0, price if trailing is None else 0, trailing)
    return Leg("order", Side.SELL, 300, condition, None)


def test_the_mark_triggers_whatever_books_and_trades_say(desk: Desk) -> None:
    board = with_marks(desk)
    record, children = taken(desk, definition(by_mark()))
    assert not children
    assert not move(desk, 5_500_000)  # no mark was heard: books have no say
    board.take([mark(desk, 5_900_001)])
    assert not move(desk, 5_500_000)
    board.take([mark(desk, 5_900_000)])
    assert move(desk, 5_950_000)
    facts = [f.event for f in desk.facts if isinstance(f.event, ce.LegTriggered)]
    assert [e.level_half_units for e in facts] == [2 * 5_900_000]
    assert record.legs[0].is_triggered


def test_of_several_venues_the_median_mark_counts_and_of_named_ones_theirs(desk: Desk) -> None:
    board = with_marks(desk)
    anywhere, _ = taken(desk, definition(by_mark()))
    named, _ = taken(desk, definition(by_mark(), venues=VenueFilter(include=("ven_c",))))
    board.take([mark(desk, 5_000_000, "ven_a"), mark(desk, 5_950_000, "ven_b"), mark(desk, 5_960_000, "ven_c")])
    move(desk, 6_000_000)
    assert not anywhere.legs[0].is_triggered  # one that runs away decides nothing
    board.take([mark(desk, 5_890_000, "ven_c")])
    move(desk, 6_000_000)
    assert anywhere.legs[0].is_triggered
    assert named.legs[0].is_triggered


@pytest.mark.parametrize(("late_ns", "is_triggered"), [(0, True), (1, False)])
def test_a_mark_that_is_too_old_triggers_nothing(desk: Desk, late_ns: int, is_triggered: bool) -> None:
    board = with_marks(desk)
    board.take([mark(desk, 5_000_000)])
    desk.now_ns += desk.core.world.timing.max_last_age_ns + late_ns
    desk.refresh()
    record, _ = taken(desk, definition(by_mark()))
    assert record.legs[0].is_triggered is is_triggered


def test_a_trail_follows_the_mark(desk: Desk) -> None:
    board = with_marks(desk)
    record, _ = taken(desk, definition(by_mark(trailing=Trail(50_000, 0, 0))))
    for price_units in (6_000_000, 6_100_000, 6_050_001):
        board.take([mark(desk, price_units)])
        assert not move(desk, 6_000_000)
    board.take([mark(desk, 6_050_000)])
    assert move(desk, 6_000_000)
    assert record.legs[0].mark_half_units == 2 * 6_100_000


def test_where_nobody_tells_a_mark_it_is_refused(desk: Desk) -> None:
    for marks in (None, MarkBoard()):
        desk.core.world = replace(desk.core.world, marks=marks)
        reply = desk.turn(inp.SubmitConditional(definition(by_mark()), None, Mode.PAPER)).replies[0]
        assert isinstance(reply, inp.Failed)
        assert isinstance(reply.error, BadRequest)
        assert reply.error.code == "trigger_source_unavailable"
