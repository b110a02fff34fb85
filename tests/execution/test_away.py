"""A first wave that is searched elsewhere: accepted and answered first, planned in a later turn, judged as of then."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from app.domain import events as ev
from app.domain.enums import DoneReason, KillAction, KillScope, Mode, ParentState, TimeInForce
from app.domain.units import NANO
from app.execution import inputs as inp
from app.execution.ledger import fold
from app.execution.taken import Taken
from app.routing import search
from app.routing.router import Router
from app.store.statehash import ledger_hash
from tests.worlds import MS, Desk, make_desk, make_order, sent


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A desk whose every problem with a fixed cost is worth sending away, at venues that take a fixed cost."""
    monkeypatch.setattr(search, "BREAK_EVEN_US", 0.0)
    desk = make_desk()
    world, router = desk.core.world, Router()
    fees = {venue: replace(fee, fixed_nano=NANO // 100) for venue, fee in world.universe.fees.items()}
    desk.core.world = replace(world, universe=replace(world.universe, fees=fees), planner=router, away=router)
    return desk


def away(desk: Desk, **changes):
    """The order that went away, and the job."""
    turn = desk.turn(inp.Submit(make_order(**{"qty_units": 5_000, **changes}), Mode.PAPER))
    (reply,), (command,) = turn.replies, turn.commands
    assert isinstance(reply, inp.Accepted)
    assert isinstance(command, inp.SearchAway)
    return desk.core.ledger.parents[reply.fact.order_id], command.job


def found(job, *, is_broken: bool = False) -> inp.Found:
    words = None if is_broken else search.answer(job.search_number, np.frombuffer(job.words, np.int64)).data
    return inp.Found(job.order_id, job.wave, words)


def kinds(turn: inp.Turn) -> list[str]:
    return [type(fact.event).__name__ for fact in turn.facts]


def test_it_is_accepted_and_answered_first_and_planned_in_a_later_turn(desk: Desk) -> None:
    parent, job = away(desk)
    assert [type(f.event) for f in desk.facts if getattr(f.event, "order_id", "") == parent.order_id] == [
        ev.OrderAccepted
    ]
    assert parent.state is ParentState.ACCEPTED
    assert kinds(desk.wait(5)) == []
    turn = desk.turn(found(job))
    assert kinds(turn)[0] == "RoutePlanned"
    assert sent(turn)
    assert len(turn.receipts) == 1
    assert parent.state is ParentState.WORKING
    for child in sent(turn):
        desk.fill(child)
    assert parent.done_reason is DoneReason.FILLED
    assert ledger_hash(fold(desk.facts)) == ledger_hash(desk.core.ledger)


def test_the_plan_is_the_one_that_this_process_would_have_made(desk: Desk) -> None:
    _, job = away(desk)
    turn = desk.turn(found(job))
    theirs = next(f.event for f in turn.facts if isinstance(f.event, ev.RoutePlanned)).plan
    desk.core.memory.taken = Taken()  # or what the first takes would not be there for the second
    desk.core.world = replace(desk.core.world, away=None)
    turn = desk.turn(inp.Submit(make_order(qty_units=5_000), Mode.PAPER))
    ours = next(f.event for f in turn.facts if isinstance(f.event, ev.RoutePlanned)).plan
    assert ours.allocations == theirs.allocations
    assert ours.certificate.objective_nano == theirs.certificate.objective_nano
    assert ours.alternatives == theirs.alternatives


def test_a_search_that_broke_is_planned_here(desk: Desk) -> None:
    _, job = away(desk)
    assert sent(desk.turn(found(job, is_broken=True)))


def test_an_answer_that_is_none_of_this_problem_is_planned_here(desk: Desk) -> None:
    _, job = away(desk)
    turn = desk.turn(inp.Found(job.order_id, job.wave, np.full(3, 7, np.int64).data))
    assert sent(turn)


def test_a_worse_answer_is_told_by_its_certificate_and_a_false_one_is_never_sent(desk: Desk) -> None:
    """A worker can make a plan worse, never wrong: all is recomputed."""
    _, job = away(desk)
    words = np.frombuffer(found(job).words, np.int64).copy()
    words[0] += 1  # one unit more than asked, at a venue where that is no whole plan
    turn = desk.turn(inp.Found(job.order_id, job.wave, words.data))
    plan = next(f.event for f in turn.facts if isinstance(f.event, ev.RoutePlanned)).plan
    assert plan.allocated_qty_units <= 5_000
    assert plan.certificate.bound_nano <= plan.certificate.objective_nano


def test_a_second_answer_changes_nothing(desk: Desk) -> None:
    _, job = away(desk)
    desk.turn(found(job))
    assert kinds(desk.turn(found(job))) == []


def test_an_order_canceled_meanwhile_ends_and_its_answer_is_dropped(desk: Desk) -> None:
    parent, job = away(desk)
    desk.turn(inp.Cancel("desk", parent.order_id, "desk"))
    assert parent.done_reason is DoneReason.CANCELED
    assert kinds(desk.turn(found(job))) == []


def test_a_kill_switch_meanwhile_lets_no_child_out(desk: Desk) -> None:
    parent, job = away(desk)
    desk.turn(inp.SetKillSwitch("", KillScope.ACCOUNT, "desk", KillAction.BLOCK, "test", "ops"))
    assert not sent(desk.turn(found(job)))
    assert parent.state is not ParentState.WORKING


def test_a_venue_switched_off_meanwhile_gets_nothing(desk: Desk) -> None:
    _, job = away(desk)
    first = next(iter(desk.core.world.universe.venues))
    desk.turn(inp.SetVenue(first, False, "ops"))
    children = sent(desk.turn(found(job)))
    assert children
    assert first not in {child.venue for child in children}


def test_books_too_old_by_then_are_not_decided_on(desk: Desk) -> None:
    _, job = away(desk)
    desk.now_ns += 2_100 * MS
    desk.refresh(6_010_000)
    turn = desk.turn(found(job))
    plan = next(f.event for f in turn.facts if isinstance(f.event, ev.RoutePlanned)).plan
    assert plan.best_bid_units > 6_000_000


def test_a_balance_spent_meanwhile_binds_the_plan(desk: Desk) -> None:
    _, job = away(desk)
    for venue in desk.core.world.universe.venues:
        desk.turn(inp.SetBalance("desk", venue, "USDT", 500 * NANO, "test"))
    children = sent(desk.turn(found(job)))
    for child in children:
        assert child.price_ticks * child.tick_units * child.qty_lots * child.lot_units <= 500 * 10**7


def test_an_overdue_search_is_planned_here_and_its_answer_comes_too_late(desk: Desk) -> None:
    parent, job = away(desk)
    turn = desk.wait(2_100)
    assert sent(turn)
    assert kinds(desk.turn(found(job))) == []
    assert parent.n_waves == 1


def test_a_restart_plans_what_was_away(desk: Desk) -> None:
    parent, _ = away(desk)
    desk.core.memory = type(desk.core.memory)()
    assert sent(desk.wait(20))
    assert parent.n_waves == 1


def test_what_one_venue_must_fill_and_what_is_only_asked_stays_here(desk: Desk) -> None:
    turn = desk.turn(inp.Submit(make_order(qty_units=100, time_in_force=TimeInForce.FOK), Mode.PAPER))
    assert not [c for c in turn.commands if isinstance(c, inp.SearchAway)]
    preview = desk.core.preview(make_order(qty_units=5_000), Mode.PAPER, desk.now_ns)
    assert preview.planned is not None
    assert not desk.core.memory.searching
