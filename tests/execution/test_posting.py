"""Slices that rest: posted at the touch, followed within a budget, taken back, and crossed for what is left."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.domain import events as ev
from app.domain.enums import (
    ChildState,
    DoneReason,
    KillAction,
    KillScope,
    Mode,
    OrderType,
    ParentState,
    Side,
    Strategy,
    TimeInForce,
)
from app.domain.fills import ReportKind
from app.domain.orders import ChildOrder
from app.domain.placement_facts import ChildPulled, SlicePosted
from app.domain.posting import Peg, Posting, PostOnly, RestTerms
from app.domain.records import ParentRecord
from app.domain.schedule import ScheduleUrgency
from app.domain.scheduled import Amendment
from app.execution import inputs as inp
from app.execution.ledger import fold
from app.execution.step import Core
from app.store.codec import decode, encode
from tests.execution.test_scheduled import S, Tape, scheduled
from tests.store import named
from tests.worlds import MS, T0_NS, VENUES, Desk, flat_book, make_desk, report, sent

PASSIVE = {"urgency": ScheduleUrgency.PASSIVE}


def posting_desk(policy: PostOnly = PostOnly.REJECT, *, max_reprices: int = 2) -> Desk:
    desk = make_desk()
    posting = Posting(frozenset(VENUES), policy, max_reprices, 200 * MS, 200 * MS)
    desk.core.world = replace(desk.core.world, posting=posting)
    return desk


def begun(desk: Desk, **changes: object) -> tuple[ParentRecord, ChildOrder]:
    parent, children = desk.accepted(scheduled(**({"schedule": PASSIVE} | changes)))  # type: ignore[arg-type]
    (child,) = children
    return parent, child


def posted(desk: Desk) -> list[SlicePosted]:
    return [f.event for f in desk.facts if isinstance(f.event, SlicePosted)]


def pulled(desk: Desk) -> list[str]:
    return [f.event.reason for f in desk.facts if isinstance(f.event, ChildPulled)]


def cancels(turn: inp.Turn) -> list[ChildOrder]:
    return [c.child for c in turn.commands if isinstance(c, inp.CancelChild)]


def sums_hold(desk: Desk, parent: ParentRecord) -> None:
    assert parent.cum_qty_units == sum(c.cum_qty_units for c in parent.children.values())
    assert parent.cum_qty_units + parent.in_flight_qty_units <= (parent.accepted.order.qty_units or 0)
    assert fold(desk.facts) == desk.core.ledger
    assert not any(isinstance(f.event, ev.OverfillRecorded) for f in desk.facts)


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
def test_a_slice_rests_at_the_near_touch_of_the_cheapest_venue_until_its_time(side: Side) -> None:
    desk = posting_desk()
    parent, child = begun(desk, side=side)
    assert (child.time_in_force, child.is_post_only, child.rest_until_ns) == (TimeInForce.GTC, True, T0_NS + S)
    # Makers pay 500, 250 and 100 ppm at a, b and c, whose touches are 0, 0.02 and 0.08 bp behind: c is cheapest.
    assert child.venue == "ven_c"
    assert child.price_units == 6_000_000 - side.sign * 50
    (fact,) = posted(desk)
    assert (fact.maker_fee_ppm, fact.behind_ppm, fact.n_posts, fact.qty_units) == (100, 8, 0, 100)
    assert fact.ahead_qty_units == 20 * 100
    sums_hold(desk, parent)


def test_a_post_leaves_no_rest_that_no_venue_takes() -> None:
    """ven_c takes whole 100s: after 300 of 305 the last five, worth 3 USDT, could go nowhere."""
    desk = posting_desk()
    parent, child = begun(desk, qty_units=305, seconds=1)
    assert (child.venue, child.qty_units) == ("ven_c", 200)
    desk.report(child, ReportKind.ACKED)
    desk.fill(child)
    for crossing in sent(desk.wait(1_000)):
        desk.fill(crossing)
    assert parent.done_reason is DoneReason.FILLED
    sums_hold(desk, parent)


def test_an_urgent_schedule_and_one_without_posting_cross_at_once() -> None:
    for desk, urgency in ((posting_desk(), ScheduleUrgency.URGENT), (make_desk(), ScheduleUrgency.PASSIVE)):
        _, children = desk.accepted(scheduled(schedule={"urgency": urgency}))
        assert {c.time_in_force for c in children} == {TimeInForce.IOC}
        assert not posted(desk)


def test_what_has_not_filled_when_its_time_is_over_is_taken_back_and_crossed() -> None:
    desk = posting_desk()
    parent, child = begun(desk, schedule={"urgency": ScheduleUrgency.NORMAL})
    assert child.rest_until_ns == T0_NS + S // 2
    desk.report(child, ReportKind.ACKED)
    assert not cancels(desk.wait(400))
    turn = desk.wait(100)
    assert cancels(turn) == [child]
    assert pulled(desk) == ["rest_over"]
    assert parent.in_flight_qty_units == 100  # until the venue has spoken
    crossing = sent(desk.report(child, ReportKind.CANCELED, cum_qty_lots=0))
    assert {c.time_in_force for c in crossing} == {TimeInForce.IOC}
    assert sum(c.qty_units for c in crossing) == 100
    sums_hold(desk, parent)


def test_a_passive_slice_rests_to_its_end_then_its_rest_crosses_before_the_next_is_posted() -> None:
    desk = posting_desk()
    parent, child = begun(desk)
    desk.report(child, ReportKind.ACKED)
    turn = desk.wait(1_000)
    assert cancels(turn) == [child]
    crossing = sent(desk.report(child, ReportKind.CANCELED, cum_qty_lots=0))
    assert sum(c.qty_units for c in crossing) == 100  # the overdue slice alone
    assert all(c.time_in_force is TimeInForce.IOC for c in crossing)
    for one in crossing:
        desk.fill(one)
    (following,) = sent(desk.wait(100))
    assert (following.time_in_force, following.rest_until_ns) == (TimeInForce.GTC, T0_NS + 2 * S)
    assert parent.cum_qty_units == 100
    sums_hold(desk, parent)


def test_a_fill_after_the_wish_to_cancel_counts_and_is_not_sent_again() -> None:
    desk = posting_desk()
    parent, child = begun(desk)
    desk.report(child, ReportKind.ACKED)
    desk.wait(1_000)
    assert desk.core.ledger.child(child.child_id).is_canceling
    done = desk.fill(child)
    assert parent.cum_qty_units == 100
    assert not any(c.time_in_force is TimeInForce.IOC for c in sent(done))
    desk.report(child, ReportKind.CANCEL_REJECTED, code="already_done")
    sums_hold(desk, parent)


def test_it_follows_a_touch_that_moves_away_as_often_as_it_may() -> None:
    desk = posting_desk(max_reprices=2)
    parent, child = begun(desk)
    n_moved = 0
    for step in range(1, 9):
        desk.report(child, ReportKind.ACKED)
        desk.now_ns += 90 * MS
        desk.refresh(6_000_000 + 100 * step)
        turn = desk.turn(inp.Tick())
        if child in cancels(turn):
            n_moved += 1
            desk.now_ns += 10 * MS
            again = sent(desk.report(child, ReportKind.CANCELED, cum_qty_lots=0))
            assert [c.rest_until_ns for c in again] == [T0_NS + S]
            assert again[0].price_units > child.price_units
            (child,) = again
    assert n_moved == 2
    assert pulled(desk) == ["reprice"] * 2
    assert [fact.n_posts for fact in posted(desk)] == [0, 1, 2]
    sums_hold(desk, parent)


def test_a_touch_that_comes_nearer_leaves_it_where_it_is() -> None:
    desk = posting_desk()
    _, child = begun(desk)
    desk.report(child, ReportKind.ACKED)
    desk.now_ns += 500 * MS
    desk.refresh(5_999_000)
    assert not cancels(desk.turn(inp.Tick()))


@pytest.mark.parametrize(("policy", "back_ticks"), [(PostOnly.REJECT, 0), (PostOnly.BACK_OFF, 1)])
def test_a_refused_post_is_posted_anew_without_a_pause_for_its_venue(policy: PostOnly, back_ticks: int) -> None:
    desk = posting_desk(policy)
    _, child = begun(desk)
    desk.now_ns += 100 * MS
    (again,) = sent(desk.report(child, ReportKind.REJECTED, code="post_only", evidence="e"))
    assert (again.venue, again.price_ticks) == (child.venue, child.price_ticks - back_ticks)


def test_convert_is_an_ordinary_limit_order() -> None:
    desk = posting_desk(PostOnly.CONVERT)
    _, child = begun(desk)
    assert (child.time_in_force, child.is_post_only) == (TimeInForce.GTC, False)


def test_refused_more_often_than_it_may_be_posted_it_crosses() -> None:
    desk = posting_desk(max_reprices=1)
    _, child = begun(desk)
    desk.now_ns += 100 * MS
    (child,) = sent(desk.report(child, ReportKind.REJECTED, code="post_only", evidence="e"))
    desk.now_ns += 100 * MS
    crossing = sent(desk.report(child, ReportKind.REJECTED, code="post_only", evidence="e"))
    assert {c.time_in_force for c in crossing} == {TimeInForce.IOC}


def test_it_never_rests_beyond_the_limit() -> None:
    desk = posting_desk()
    limit = {"order_type": OrderType.LIMIT, "limit_price_units": 6_000_060}
    parent, child = begun(desk, **limit)
    assert child.price_units <= 6_000_060
    desk.report(child, ReportKind.ACKED)
    desk.turn(inp.Amend("desk", parent.order_id, "test", Amendment(limit_price_units=5_999_000)))
    assert pulled(desk) == ["amended"]


@pytest.mark.parametrize("action", list(KillAction))
def test_a_kill_switch_takes_back_what_rests(action: KillAction) -> None:
    desk = posting_desk()
    parent, child = begun(desk)
    desk.report(child, ReportKind.ACKED)
    turn = desk.turn(inp.SetKillSwitch("", KillScope.VENUE, child.venue, action, "drill", "test"))
    assert child in cancels(turn)
    after = desk.report(child, ReportKind.CANCELED, cum_qty_lots=0)
    if action is KillAction.CANCEL:
        assert parent.done_reason is DoneReason.CANCELED
    else:
        assert all(c.venue != child.venue for c in sent(after))
    sums_hold(desk, parent)


def test_pause_takes_it_back_and_resume_posts_anew() -> None:
    desk = posting_desk()
    parent, child = begun(desk)
    desk.report(child, ReportKind.ACKED)
    assert cancels(desk.turn(inp.Pause("desk", parent.order_id, "test"))) == [child]
    assert not sent(desk.report(child, ReportKind.CANCELED, cum_qty_lots=0))
    desk.wait(300)
    again = sent(desk.turn(inp.Resume("desk", parent.order_id, "test")))
    assert all(c.rests for c in again)
    sums_hold(desk, parent)


def test_a_cancel_ends_the_parent_once_the_venue_has_spoken() -> None:
    desk = posting_desk()
    parent, child = begun(desk)
    desk.report(child, ReportKind.ACKED)
    assert cancels(desk.turn(inp.Cancel("desk", parent.order_id, "test"))) == [child]
    assert parent.state is not ParentState.DONE
    desk.report(child, ReportKind.CANCELED, cum_qty_lots=0)
    assert parent.done_reason is DoneReason.CANCELED


def test_a_wish_to_cancel_that_is_not_answered_is_repeated_then_the_child_is_unknown_and_keeps_its_exposure() -> None:
    desk = posting_desk()
    parent, child = begun(desk)
    desk.report(child, ReportKind.ACKED)
    desk.turn(inp.Cancel("desk", parent.order_id, "test"))
    assert any(cancels(desk.wait(200)) for _ in range(4))
    for _ in range(8):
        desk.wait(200)
    assert desk.core.ledger.child(child.child_id).state is ChildState.UNKNOWN
    assert parent.in_flight_qty_units == 100
    desk.fill(child)
    assert parent.cum_qty_units == 100
    sums_hold(desk, parent)


def test_a_quiet_child_is_asked_about_and_stays_what_its_venue_says() -> None:
    desk = posting_desk()
    _, child = begun(desk, seconds=120, schedule=PASSIVE | {"slice_ns": 60 * S, "end_ns": T0_NS + 120 * S})
    desk.report(child, ReportKind.ACKED)
    n_asked = 0
    for _ in range(60):
        turn = desk.wait(500)
        n_asked += sum(isinstance(c, inp.QueryChild) for c in turn.commands)
        assert not cancels(turn)
    assert n_asked == 5
    assert desk.core.ledger.child(child.child_id).state is ChildState.ACKED


@pytest.mark.parametrize("is_still_there", [True, False])
def test_after_a_restart_the_venue_is_asked_and_it_goes_on(is_still_there: bool) -> None:
    desk = posting_desk()
    parent, child = begun(desk)
    desk.report(child, ReportKind.ACKED)
    desk.now_ns += 100 * MS
    desk.core = Core(desk.core.world, fold(desk.facts))
    desk.turn(inp.Start("s0", "epoch", "test", Mode.PAPER))
    turn = desk.wait(100)
    assert [c.child for c in turn.commands if isinstance(c, inp.QueryChild)] == [child]
    parent = desk.core.ledger.parents[parent.order_id]
    assert parent.in_flight_qty_units == 100
    if is_still_there:
        desk.report(child, ReportKind.ACKED)
        assert desk.core.ledger.child(child.child_id).state is ChildState.ACKED
        assert cancels(desk.wait(800)) == [child]
    else:
        desk.report(child, ReportKind.CANCELED, cum_qty_lots=0)
        (again,) = sent(desk.wait(100))
        assert again.rest_until_ns == child.rest_until_ns
    sums_hold(desk, parent)


def test_a_process_that_stops_takes_back_what_rests_and_sends_nothing_more() -> None:
    desk = posting_desk()
    parent, child = begun(desk)
    desk.report(child, ReportKind.ACKED)
    assert cancels(desk.turn(inp.Drain())) == [child]
    assert not sent(desk.report(child, ReportKind.CANCELED, cum_qty_lots=0))
    assert not sent(desk.wait(1_000))
    assert parent.state is not ParentState.DONE


def test_its_facts_read_back_and_older_ones_rest_nowhere() -> None:
    desk = posting_desk()
    _, child = begun(desk)
    desk.report(child, ReportKind.ACKED)
    desk.wait(1_000)
    events = [f.event for f in desk.facts]
    assert {SlicePosted, ChildPulled} <= {type(event) for event in events}
    for event in events:
        assert decode(event.KIND, event.V, encode(event)) == event
    sending = next(event for event in events if isinstance(event, ev.ChildSending))
    plain = named.plain(sending)
    assert (plain["child"].pop("is_post_only"), plain["child"].pop("rest_until_ns")) == (True, child.rest_until_ns)
    old = decode("child_sending", 1, named.body(plain))
    assert isinstance(old, ev.ChildSending)
    assert old.child == replace(child, is_post_only=False, rest_until_ns=0)
    assert not old.child.rests


def test_a_lost_word_of_a_fill_is_asked_for_before_the_child_is_closed() -> None:
    desk = posting_desk()
    parent, child = begun(desk)
    desk.report(child, ReportKind.ACKED)
    desk.wait(1_000)
    turn = desk.turn(inp.Report(report(child, ReportKind.CANCELED, cum_qty_lots=1)))
    assert not sent(turn)
    assert parent.in_flight_qty_units == 100


def following(desk: Desk, **terms: object) -> tuple[ParentRecord, ChildOrder, Tape]:
    """A child that rests of a parent that follows volume: 1,000 units were traded since it came."""
    tape = Tape()
    desk.core.world = replace(desk.core.world, volumes=tape)
    parent, children = desk.accepted(scheduled(schedule=PASSIVE | terms, **POV))  # type: ignore[arg-type]
    assert not children
    tape.units = 1_000
    desk.now_ns += 1_000 * MS
    desk.refresh()
    (child,) = sent(desk.turn(inp.Tick()))
    return parent, child, tape


POV = {"strategy": Strategy.POV}


@pytest.mark.parametrize("cap_ppm", [None, 200_000])
def test_what_follows_volume_rests_too_and_crosses_what_did_not_fill_at_once(cap_ppm: int | None) -> None:
    desk = posting_desk()
    terms = {"rate_ppm": 200_000, "cap_ppm": cap_ppm, "urgency": ScheduleUrgency.NORMAL}
    parent, child, tape = following(desk, **terms)
    assert (child.rests, child.qty_units) == (True, 200)
    desk.report(child, ReportKind.ACKED)
    desk.wait(500)
    assert desk.core.ledger.child(child.child_id).is_canceling
    crossing = sent(desk.report(child, ReportKind.CANCELED, cum_qty_lots=0))
    assert tape.units == 1_000  # nothing more was traded: the room is the one that it had taken
    assert sum(c.qty_units for c in crossing) == 200
    assert not any(c.rests for c in crossing)
    sums_hold(desk, parent)


def test_room_under_a_cap_comes_back_once() -> None:
    desk = posting_desk()
    terms = {"rate_ppm": 200_000, "cap_ppm": 200_000, "urgency": ScheduleUrgency.NORMAL}
    parent, child, _ = following(desk, **terms)
    desk.report(child, ReportKind.ACKED)
    desk.wait(500)
    for one in sent(desk.report(child, ReportKind.CANCELED, cum_qty_lots=0)):
        desk.fill(one)
    assert parent.cum_qty_units == 200
    for _ in range(20):
        assert not sent(desk.wait(100))
    sums_hold(desk, parent)


@pytest.mark.parametrize("is_shown", [True, False])
def test_where_the_book_shows_ours_nobody_follows_himself(is_shown: bool) -> None:
    desk = posting_desk()
    posting = desk.core.world.posting
    assert posting is not None
    desk.core.world = replace(
        desk.core.world, posting=replace(posting, shows_own=frozenset(VENUES) if is_shown else frozenset())
    )
    parent, child = begun(desk, schedule=PASSIVE | {"resting": RestTerms(peg=Peg.NEAR)})
    desk.report(child, ReportKind.ACKED)
    desk.now_ns += 300 * MS
    desk.refresh()
    book = flat_book(child.venue, 6_000_000, desk.now_ns, book_seq=next(desk.book_seqs))
    # Others have gone; at the top there is only what is ours.
    desk.board.write_snapshot(replace(book, bids=((child.price_units, child.qty_units), *book.bids[2:])))
    assert cancels(desk.turn(inp.Tick())) == ([child] if is_shown else [])
    sums_hold(desk, parent)
