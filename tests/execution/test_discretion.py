"""Discretion through whole turns: crossed where all is shown in reach, never further, never past a hard limit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.domain.enums import DoneReason, Mode, OrderType, Side, TimeInForce
from app.domain.errors import BadRequest
from app.domain.fills import ReportKind
from app.domain.placement_facts import ChildPulled
from app.domain.posting import Posting, PostOnly
from app.domain.records import ParentRecord
from app.domain.schedule import ScheduleUrgency
from app.domain.scheduled import Amendment
from app.domain.timing_facts import DiscretionUsed
from app.execution import inputs as inp
from app.execution.ledger import fold
from tests.execution.test_scheduled import run, scheduled
from tests.worlds import MS, VENUES, Desk, flat_book, make_desk, sent

MID = 6_000_000
PASSIVE = {"urgency": ScheduleUrgency.PASSIVE}


def desk_with(*, is_posting: bool = True, max_reprices: int = 4) -> Desk:
    desk = make_desk()
    posting = Posting(frozenset(VENUES), PostOnly.REJECT, max_reprices, 200 * MS, 200 * MS) if is_posting else None
    desk.core.world = replace(desk.core.world, posting=posting)
    return desk


def books(desk: Desk, mid_units: int, *, lots: int = 200) -> None:
    for venue in VENUES:
        seq = next(desk.book_seqs)
        desk.board.write_snapshot(flat_book(venue, mid_units, desk.now_ns, book_seq=seq, lots=lots))


def tick(desk: Desk, mid_units: int, ms: int = 100, *, lots: int = 200) -> inp.Turn:
    desk.now_ns += ms * MS
    books(desk, mid_units, lots=lots)
    return desk.turn(inp.Tick())


def begun(desk: Desk, units: int, **changes: object) -> tuple[ParentRecord, list]:
    schedule = PASSIVE | {"discretion_units": units} | dict(changes.pop("schedule", {}))  # type: ignore[call-overload]
    return desk.accepted(scheduled(**({"schedule": schedule} | changes)))  # type: ignore[arg-type]


def limited(limit_units: int, **schedule: object) -> dict[str, object]:
    return {"order_type": OrderType.LIMIT, "limit_price_units": limit_units, "schedule": schedule}


def used(desk: Desk) -> list[DiscretionUsed]:
    return [f.event for f in desk.facts if isinstance(f.event, DiscretionUsed)]


def pulled(desk: Desk) -> list[str]:
    return [f.event.reason for f in desk.facts if isinstance(f.event, ChildPulled)]


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
def test_a_slice_crosses_at_once_where_all_of_it_is_shown_in_reach(side: Side) -> None:
    """It would rest 50 from the mid at c, the best far touch is 1 beyond it: 51 ticks reach that."""
    desk = desk_with()
    _, children = begun(desk, 51, side=side)
    assert {c.time_in_force for c in children} == {TimeInForce.IOC}
    assert sum(c.qty_units for c in children) == 100
    (fact,) = used(desk)
    assert fact.rest_price_units == MID - 50 * side.sign
    assert fact.reach_price_units == MID + side.sign
    assert fact.slice_qty_units == 100 <= fact.shown_qty_units
    assert all(side.sign * (c.price_units - fact.reach_price_units) <= 0 for c in children)
    assert fold(desk.facts) == desk.core.ledger


def test_one_tick_less_and_it_rests() -> None:
    desk = desk_with()
    _, (child,) = begun(desk, 50)
    assert child.rests
    assert not used(desk)


def test_what_is_not_shown_whole_rests() -> None:
    desk = desk_with()
    books(desk, MID, lots=50)
    _, (child,) = begun(desk, 51)
    assert child.rests
    assert not used(desk)
    assert not sent(tick(desk, MID, lots=50))


def test_a_child_that_rests_is_taken_back_when_the_far_side_comes_and_its_rest_crosses() -> None:
    desk = desk_with()
    parent, (child,) = begun(desk, 40)
    desk.report(child, ReportKind.ACKED)
    tick(desk, MID)
    assert not pulled(desk)
    turn = tick(desk, MID - 20)
    assert [c.child for c in turn.commands if isinstance(c, inp.CancelChild)] == [child]
    assert pulled(desk) == ["discretion"]
    assert parent.in_flight_qty_units == 100
    crossing = sent(desk.report(child, ReportKind.CANCELED, cum_qty_lots=0))
    assert {c.time_in_force for c in crossing} == {TimeInForce.IOC}
    (fact,) = used(desk)
    # c's touch is at 100 below by now: what counts is where the slice has rested.
    assert (fact.rest_price_units, fact.reach_price_units) == (MID - 50, MID - 10)
    assert all(c.price_units <= fact.reach_price_units for c in crossing)
    assert fold(desk.facts) == desk.core.ledger


def test_a_hard_limit_is_never_passed() -> None:
    """All but the best level is beyond the limit: discretion may not go there, and rests."""
    desk = desk_with()
    books(desk, MID, lots=50)
    parent, (child,) = begun(desk, 500, **limited(MID + 1))
    desk.report(child, ReportKind.ACKED)
    assert child.rests
    assert parent.soft_cap_units == parent.accepted.price_cap_units == MID + 1
    for _ in range(5):
        tick(desk, MID, lots=50)
    assert not used(desk)
    tick(desk, MID)
    assert pulled(desk) == ["discretion"]
    crossing = sent(desk.report(child, ReportKind.CANCELED, cum_qty_lots=0))
    assert all(c.price_units <= MID + 1 for c in crossing)
    assert used(desk)[0].reach_price_units == MID + 1


def test_past_its_limit_it_crosses_what_is_shown_whole_within_the_ticks_and_no_further() -> None:
    desk = desk_with(is_posting=False)
    parent, children = begun(desk, 8, **limited(MID - 5, is_discretion_past_limit=True))
    assert (parent.soft_cap_units, parent.accepted.price_cap_units) == (MID - 5, MID + 3)
    (fact,) = used(desk)
    assert (fact.rest_price_units, fact.reach_price_units) == (MID - 5, MID + 3)
    assert all(c.price_units <= MID + 3 for c in children)
    run(desk, parent.order_id, ms=100)
    far = desk_with(is_posting=False)
    _, children = begun(far, 5, **limited(MID - 5, is_discretion_past_limit=True))
    assert not children
    assert not sent(tick(far, MID))
    crossing = sent(tick(far, MID - 1))
    assert crossing
    assert all(c.price_units <= MID for c in crossing)


def test_within_its_limit_nothing_trades_beyond_it_without_discretion() -> None:
    """Asks begin at the limit: what is not shown up to there waits, though discretion would allow a worse price."""
    desk = desk_with(is_posting=False)
    books(desk, MID, lots=50)
    parent, children = begun(desk, 2, qty_units=10_000, **limited(MID + 1, is_discretion_past_limit=True))
    assert parent.accepted.price_cap_units == MID + 3
    assert children
    assert all(c.price_units <= MID + 1 for c in children)
    assert not used(desk)


def test_a_slippage_cap_stays_hard() -> None:
    desk = desk_with(is_posting=False)
    more = limited(MID - 5, is_discretion_past_limit=True) | {"max_slippage_ppm": 0}
    parent, children = begun(desk, 100, **more)
    assert parent.accepted.price_cap_units == MID
    assert not children
    for _ in range(10):
        assert not sent(tick(desk, MID))
    assert not used(desk)


def test_an_amended_limit_moves_what_may_be_passed() -> None:
    desk = desk_with(is_posting=False)
    parent, children = begun(desk, 2, **limited(MID - 50, is_discretion_past_limit=True))
    assert not children
    turn = desk.turn(inp.Amend("desk", parent.order_id, "test", Amendment(limit_price_units=MID - 1)))
    assert isinstance(turn.replies[0], inp.Done)
    assert (parent.soft_cap_units, parent.accepted.price_cap_units) == (MID - 1, MID + 1)
    assert sent(turn)
    assert len(used(desk)) == 1


def test_beyond_all_of_it_the_end_says_beyond_limit() -> None:
    desk = desk_with(is_posting=False)
    parent, _ = begun(desk, 2, seconds=2, **limited(MID - 50, is_discretion_past_limit=True))
    for _ in range(22):
        tick(desk, MID)
    assert (parent.done_reason, parent.done_detail) == (DoneReason.EXPIRED, "beyond_limit")


@pytest.mark.parametrize(
    ("schedule", "pointer"),
    [
        ({"discretion_units": 3}, "/strategy_params/discretion_ticks"),
        ({"discretion_units": 3, "is_discretion_past_limit": True}, "/strategy_params/discretion_past_limit"),
    ],
)
def test_discretion_that_could_never_be_used_is_refused(schedule: dict[str, object], pointer: str) -> None:
    desk = desk_with(is_posting=False)
    (reply,) = desk.turn(inp.Submit(scheduled(schedule=schedule), Mode.PAPER)).replies
    assert isinstance(reply, inp.Failed)
    assert isinstance(reply.error, BadRequest)
    assert reply.error.pointer == pointer


def test_a_life_with_discretion_sums_to_its_parent() -> None:
    desk = desk_with(max_reprices=1)
    parent, _ = begun(desk, 51, seconds=5)
    for child in list(desk.core.ledger.live_children.values()):
        desk.fill(child.child)
    run(desk, parent.order_id, ms=5_500)
    assert (parent.done_reason, parent.cum_qty_units) == (DoneReason.FILLED, 1_000)
    assert len(used(desk)) == 5
    assert fold(desk.facts) == desk.core.ledger
