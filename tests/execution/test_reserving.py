"""What is reserved may leave ahead of its facts, and whatever then happens is found again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import pytest

from app.domain.enums import (
    ChildState,
    DoneReason,
    KillAction,
    KillScope,
    Mode,
    Side,
    TimeInForce,
)
from app.domain.errors import InvariantBroken
from app.domain.events import ChildrenReserved, ChildSending, ChildUnknown, Fact
from app.domain.fills import ReportKind
from app.domain.orders import ChildOrder
from app.domain.records import ParentRecord
from app.domain.scheduled import Amendment
from app.domain.units import NANO
from app.domain.universe import Universe
from app.execution import inputs as inp
from app.execution.ledger import fold
from app.execution.reserve_record import MAX_OF_ACCOUNT, MAX_ORDERS, MAY_HAVE_LEFT, NEVER_LEFT, may_leave_ahead
from app.execution.reserving import FAR_PPM, MAX_CHILDREN, NEAR_PPM
from app.execution.step import Core
from app.store.codec import decode_fact, encode_fact
from tests.execution import test_later_wave
from tests.worlds import MS, VENUES, Desk, flat_book, held_order, make_desk, report, sent

BTC, MID = "BTC/USDT", 6_000_000


def reserving_desk(**changes: object) -> Desk:
    desk = make_desk(**changes)  # type: ignore[arg-type]
    desk.core.world = replace(desk.core.world, may_reserve=True)
    return desk


def waiting(desk: Desk, off_units: int = 50, **changes: object) -> ParentRecord:
    """An order that waits so far from the mid."""
    side = changes.get("side", Side.BUY)
    assert isinstance(side, Side)
    parent, children = desk.accepted(held_order(limit_price_units=MID - side.sign * off_units, **changes))
    assert not children
    return parent


def standing(desk: Desk, parent: ParentRecord) -> tuple[ChildOrder, ...]:
    event = desk.core.ledger.reserved.by_order.get(parent.order_id)
    return () if event is None else event.children


def reach(desk: Desk, venue: str, parent: ParentRecord, lots: int) -> inp.Turn:
    """One venue shows so many of its lots at the order's limit, in a book of its own."""
    order = parent.accepted.order
    assert order.limit_price_units is not None
    limit_units, listing = order.limit_price_units, desk.core.world.universe.instruments[venue, BTC]
    level = (limit_units, lots * listing.lot_units)
    beyond = (limit_units - order.side.sign * listing.tick_units, level[1])
    book = flat_book(venue, MID, desk.now_ns, book_seq=next(desk.book_seqs))
    asks, bids = ((level,), (beyond,)) if order.side is Side.BUY else ((beyond,), (level,))
    desk.board.write_snapshot(replace(book, asks=asks, bids=bids))
    return desk.turn(inp.BookReached(BTC))


@pytest.mark.parametrize("side", list(Side))
def test_an_order_that_waits_near_has_one_child_reserved_at_each_venue(side: Side) -> None:
    desk = reserving_desk()
    parent = waiting(desk, side=side, qty_units=350)
    children = standing(desk, parent)
    assert desk.facts[-1].event == ChildrenReserved("", parent.order_id, children)
    assert {child.venue for child in children} == set(VENUES)
    assert len({child.client_id for child in children}) == len(VENUES)
    for child in children:
        assert child.qty_units == 350 // child.lot_units * child.lot_units
        assert 0 <= side.sign * (parent.accepted.price_cap_units - child.price_units) < child.tick_units
        assert child.time_in_force is TimeInForce.IOC
        assert not child.rests
    fact = desk.facts[-1]
    assert decode_fact(encode_fact(fact)) == fact
    assert not parent.children
    assert parent.in_flight_qty_units == 0


def test_nothing_is_reserved_by_default_nor_twice_nor_far_off_nor_for_money() -> None:
    desk = make_desk()
    assert standing(desk, waiting(desk)) == ()
    desk = reserving_desk()
    parent = waiting(desk)
    n_facts = len(desk.facts)
    for _ in range(5):
        desk.wait(100)
    assert len(desk.facts) == n_facts
    far = waiting(desk, off_units=MID * (NEAR_PPM + 100) // 50_000_000 * 50)
    money = waiting(desk, qty_units=None, notional_nano=3_000 * NANO)
    assert standing(desk, far) == standing(desk, money) == ()
    assert standing(desk, parent)


def test_what_is_reserved_is_given_up_when_the_market_leaves_and_comes_again_with_it() -> None:
    desk = reserving_desk()
    parent = waiting(desk)
    first = standing(desk, parent)
    desk.now_ns += 100 * MS
    desk.refresh(MID + MID * (FAR_PPM + 500) // 1_000_000)
    desk.turn(inp.Tick())
    assert standing(desk, parent) == ()
    assert desk.facts[-1].event == ChildrenReserved("", parent.order_id, ())
    desk.wait(100)
    again = standing(desk, parent)
    assert [(c.venue, c.qty_lots, c.price_ticks) for c in again] == [
        (c.venue, c.qty_lots, c.price_ticks) for c in first
    ]
    assert {c.client_id for c in again}.isdisjoint(c.client_id for c in first)


def test_so_many_orders_may_hold_reservations_and_a_stopping_process_holds_none() -> None:
    desk = reserving_desk()
    parents = [waiting(desk, qty_units=20) for _ in range(MAX_OF_ACCOUNT + 3)]
    assert [bool(standing(desk, parent)) for parent in parents] == [True] * MAX_OF_ACCOUNT + [False] * 3
    assert len(standing(desk, parents[0])) <= MAX_CHILDREN
    desk.turn(inp.Cancel("desk", parents[0].order_id, "t", "t"))
    assert standing(desk, parents[0]) == ()
    desk.wait(100)
    assert sum(bool(standing(desk, parent)) for parent in parents) == MAX_OF_ACCOUNT
    record = desk.core.ledger.reserved
    assert record.has_room("other")
    assert not record.has_room("desk")
    one = next(iter(record.by_order.values()))
    others = tuple(replace(child, account="other") for child in one.children)
    for n in range(MAX_ORDERS - MAX_OF_ACCOUNT):
        assert record.has_room("third")
        record.note(ChildrenReserved("", f"o{n}", others))
    assert not record.has_room("third")
    for n in range(MAX_ORDERS - MAX_OF_ACCOUNT):
        record.forget(f"o{n}")
    desk.turn(inp.Drain())
    assert not desk.core.ledger.reserved.by_order
    desk.wait(100)
    assert not desk.core.ledger.reserved.by_order


def test_the_nearest_order_takes_the_place_of_the_farthest() -> None:
    desk = reserving_desk()
    parents = [waiting(desk, qty_units=20, off_units=50 * (20 + n)) for n in range(MAX_OF_ACCOUNT)]
    late, near = waiting(desk, qty_units=20, off_units=50 * 19), waiting(desk, qty_units=20, off_units=50)
    assert standing(desk, near)
    assert standing(desk, late) == standing(desk, parents[-1]) == ()
    assert all(standing(desk, parent) for parent in parents[:-1])
    n_facts = len(desk.facts)
    for _ in range(4):
        desk.wait(100)
    assert len(desk.facts) == n_facts, "nobody's place is taken back"


@pytest.mark.parametrize("venue", VENUES)
def test_a_wave_of_one_child_within_it_bears_the_reserved_name(venue: str) -> None:
    desk = reserving_desk()
    parent = waiting(desk, qty_units=1_000)
    by_venue = {child.venue: child for child in standing(desk, parent)}
    turn = reach(desk, venue, parent, 30)
    (child,) = sent(turn)
    reserved = by_venue[venue]
    assert turn.n_reserved == len(turn.commands) == 1
    assert (child.venue, child.client_id, child.child_id) == (venue, reserved.client_id, reserved.child_id)
    assert child.qty_units <= reserved.qty_units
    assert child.deadline_ts_ns > desk.now_ns
    assert standing(desk, parent) == ()
    desk.fill(child)
    desk.wait(100)
    again = standing(desk, parent)
    assert {c.client_id for c in again}.isdisjoint(c.client_id for c in by_venue.values())
    assert all(c.qty_units <= 1_000 - child.qty_units for c in again)


def test_a_wave_of_several_children_waits_for_its_facts_and_takes_no_name_twice() -> None:
    desk = reserving_desk()
    parent = waiting(desk, qty_units=3_000_000)
    names = {child.client_id for child in standing(desk, parent)}
    desk.refresh(MID - 100)
    turn = desk.turn(inp.BookReached(BTC))
    children = sent(turn)
    assert len(children) > 1
    assert turn.n_reserved == 0
    for child in children:
        desk.fill(child)
    desk.wait(1_500)
    again = {child.client_id for child in standing(desk, parent)}
    assert again
    assert again.isdisjoint(names | {child.client_id for child in children})


def test_a_child_beyond_what_was_reserved_waits_for_its_facts() -> None:
    desk = reserving_desk()
    parent = waiting(desk, qty_units=1_000)
    event = desk.core.ledger.reserved.by_order[parent.order_id]
    smaller = tuple(replace(child, qty_lots=1) for child in event.children)
    desk.core.ledger.reserved.note(replace(event, children=smaller))
    assert reach(desk, "ven_a", parent, 30).n_reserved == 0
    parent = waiting(desk, qty_units=1_000)
    event = desk.core.ledger.reserved.by_order[parent.order_id]
    tighter = tuple(replace(child, price_ticks=child.price_ticks - 1) for child in event.children)
    desk.core.ledger.reserved.note(replace(event, children=tighter))
    assert reach(desk, "ven_a", parent, 30).n_reserved == 0


def restarted(desk: Desk, n_facts: int) -> tuple[Desk, inp.Turn]:
    """A new process on the log's first facts; its own clock is a second later."""
    ledger = fold(desk.facts[:n_facts])
    core = Core(desk.core.world, ledger)
    after = Desk(core, desk.board, desk.now_ns + 1_000 * MS, desk.facts[:n_facts], desk.trades, desk.book_seqs)
    return after, after.turn(inp.Start("s0", "epoch", "test", Mode.PAPER))


def test_after_a_crash_each_is_unknown_until_its_venue_says_that_it_never_came() -> None:
    desk = reserving_desk()
    parent = waiting(desk, qty_units=1_000)
    reserved = standing(desk, parent)
    n_facts = len(desk.facts)
    (left,) = sent(reach(desk, "ven_b", parent, 30))

    desk, turn = restarted(desk, n_facts)
    parent = desk.core.ledger.parents[parent.order_id]
    assert [f.event.reason for f in turn.facts if isinstance(f.event, ChildUnknown)] == [MAY_HAVE_LEFT] * len(VENUES)
    assert {record.child.client_id for record in parent.children.values()} == {child.client_id for child in reserved}
    assert all(record.state is ChildState.UNKNOWN for record in parent.children.values())
    commands = desk.turn(inp.Tick()).commands
    assert {c.child.venue for c in commands if isinstance(c, inp.QueryChild)} == set(VENUES)
    assert not [c for c in commands if isinstance(c, inp.SendChild)]

    by_venue = {record.child.venue: record.child for record in parent.children.values()}
    lost = by_venue["ven_b"]
    assert lost.client_id == left.client_id
    assert parent.in_flight_qty_units == max(child.qty_units for child in by_venue.values())
    early = desk.report(by_venue["ven_a"], ReportKind.NOT_FOUND, venue_ts_ns=desk.now_ns)
    assert not early.facts
    desk.report(lost, ReportKind.ACKED)
    proven = [r for r in parent.children.values() if r.state is ChildState.REJECTED]
    assert {record.child.venue for record in proven} == {"ven_a", "ven_c"}, "one left: then no other has"
    assert {record.code for record in proven} == {NEVER_LEFT}
    desk.fill(lost, left.qty_lots)
    desk.report(lost, ReportKind.EXPIRED, cum_qty_lots=left.qty_lots)
    assert parent.cum_qty_units == left.qty_units
    assert not desk.core.ledger.live_children
    assert not desk.core.memory.rejected_until_ns
    for _ in range(20):
        desk.wait(100)
    assert standing(desk, parent)
    assert all(child.qty_units <= 1_000 - left.qty_units for child in standing(desk, parent))


def test_a_late_word_about_one_of_an_earlier_crash_proves_nothing_of_the_next() -> None:
    desk = reserving_desk()
    parent = waiting(desk, qty_units=1_000)
    n_facts = len(desk.facts)
    (left,) = sent(reach(desk, "ven_b", parent, 3))
    desk, _ = restarted(desk, n_facts)
    first = desk.core.ledger.child(left.child_id).child
    words = [(ReportKind.ACKED, {}), (ReportKind.EXPIRED, {"cum_qty_lots": 0})]
    for kind, more in words:
        desk.report(first, kind, **more)
    for _ in range(20):
        desk.wait(100)
    again, _ = restarted(desk, len(desk.facts))
    bounds = [r for r in again.core.ledger.live_children.values() if r.child.is_bound]
    assert len(bounds) == len(VENUES)
    for kind, more in words:  # its venue is asked for its last word, and says it all again
        again.report(first, kind, **more)
    assert all(record.state is ChildState.UNKNOWN for record in bounds)


def test_once_every_venue_has_said_so_the_order_goes_on_at_once() -> None:
    desk = reserving_desk()
    parent = waiting(desk, qty_units=1_000)
    desk, _ = restarted(desk, len(desk.facts))
    parent = desk.core.ledger.parents[parent.order_id]
    early = desk.turn(*(inp.Report(report(r.child, ReportKind.NOT_FOUND, venue_ts_ns=desk.now_ns))
                        for r in parent.children.values()))  # fmt: skip
    assert not early.facts, "a venue may still take what is on its way"
    desk.now_ns += 4_000 * MS
    for record in list(parent.children.values()):
        desk.report(record.child, ReportKind.NOT_FOUND, venue_ts_ns=desk.now_ns)
    assert not desk.core.ledger.live_children
    desk.refresh(MID)
    (child,) = sent(reach(desk, "ven_a", parent, 30))
    assert child.venue == "ven_a"
    desk.turn(inp.Cancel("desk", parent.order_id, "t", "t"))
    desk.report(child, ReportKind.EXPIRED, cum_qty_lots=0)
    assert parent.done_reason is DoneReason.CANCELED


def test_reservations_end_with_whatever_else_ends_the_waiting() -> None:
    desk = reserving_desk()
    parent = waiting(desk)
    assert standing(desk, parent)
    desk.turn(inp.SetKillSwitch("", KillScope.ACCOUNT, "desk", KillAction.BLOCK, "t", "t"))
    desk.wait(200)
    assert standing(desk, parent) == ()


def test_a_start_without_the_venue_of_a_reservation_is_refused() -> None:
    desk = reserving_desk()
    waiting(desk)
    universe = desk.core.world.universe
    left = {key: listing for key, listing in universe.instruments.items() if key[0] != "ven_c"}
    smaller = Universe(universe.venues, universe.symbols, left, universe.fees)
    core = Core(replace(desk.core.world, universe=smaller), fold(desk.facts))
    with pytest.raises(InvariantBroken):
        core.turn([inp.Start("s0", "epoch", "test", Mode.PAPER)], desk.now_ns)


def ahead(turn: inp.Turn) -> bool:
    """As the engine judges it, with all before the turn durable."""
    orders = {command.approved.value.order_id for command in turn.commands if isinstance(command, inp.SendChild)}
    return turn.n_reserved == len(turn.commands) > 0 and may_leave_ahead(orders, turn.facts)


def test_what_lets_a_child_leave_must_be_durable_itself() -> None:
    """One turn that also writes what the child hangs on: the change of its order, its reservation, a kill's end."""
    desk = reserving_desk()
    parent = waiting(desk, qty_units=1_000)
    desk.turn(inp.SetKillSwitch("", KillScope.GLOBAL, "", KillAction.BLOCK, "t", "t"))
    level = flat_book("ven_a", MID - 70, desk.now_ns, book_seq=next(desk.book_seqs))
    desk.board.write_snapshot(level)
    turn = desk.turn(inp.ClearKillSwitch("", KillScope.GLOBAL, "", "t"), inp.BookReached(BTC))
    assert [child.order_id for child in sent(turn)] == [parent.order_id]
    assert turn.n_reserved == 1
    assert not ahead(turn)

    desk = reserving_desk()
    parent = waiting(desk, qty_units=1_000)
    desk.board.write_snapshot(flat_book("ven_a", MID - 70, desk.now_ns, book_seq=next(desk.book_seqs)))
    change = inp.Amend("desk", parent.order_id, "t", Amendment(qty_units=900))
    turn = desk.turn(change, inp.BookReached(BTC))
    assert sent(turn)
    assert not ahead(turn)

    desk = reserving_desk()
    waiting(desk, qty_units=1_000)
    desk.board.write_snapshot(flat_book("ven_a", MID - 70, desk.now_ns, book_seq=next(desk.book_seqs)))
    turn = desk.turn(inp.BookReached(BTC))
    assert ahead(turn)


def test_a_canceled_order_of_unknown_children_ends_when_they_are_proven() -> None:
    desk = reserving_desk()
    parent = waiting(desk, qty_units=1_000)
    desk, _ = restarted(desk, len(desk.facts))
    parent = desk.core.ledger.parents[parent.order_id]
    desk.turn(inp.Cancel("desk", parent.order_id, "t", "t"))
    assert parent.order_id in desk.core.ledger.open_parents
    desk.now_ns += 4_000 * MS
    for record in list(parent.children.values()):
        desk.report(record.child, ReportKind.NOT_FOUND, venue_ts_ns=desk.now_ns)
    assert parent.order_id not in desk.core.ledger.open_parents
    assert parent.done_reason is not None
    assert parent.cum_qty_units == 0


def test_after_an_end_in_peace_there_is_nothing_to_ask() -> None:
    desk = reserving_desk()
    waiting(desk)
    desk.turn(inp.Drain())
    desk, turn = restarted(desk, len(desk.facts))
    assert not [f for f in turn.facts if isinstance(f.event, ChildSending | ChildUnknown)]


def words(facts: Sequence[Fact]) -> list[str]:
    """What facts say, ids and hashes by the order in which they come."""
    names: dict[str, str] = {}
    text = "\n".join(repr(fact.event) for fact in facts if not isinstance(fact.event, ChildrenReserved))
    ids = r"[0-9A-HJKMNP-TV-Z]{26}|[0-9a-f]{64}"
    return re.sub(ids, lambda found: names.setdefault(found[0], f"#{len(names)}"), text).split("\n")


@pytest.mark.parametrize("seed", range(4))
def test_a_life_decides_what_it_decides_without_reservations(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    without, _ = test_later_wave.lived(seed)
    monkeypatch.setattr(test_later_wave, "make_desk", reserving_desk)
    with_them, _ = test_later_wave.lived(seed)
    n_reserved = sum(isinstance(fact.event, ChildrenReserved) for fact in with_them)
    assert n_reserved > 20
    assert words(with_them) == words(without)
