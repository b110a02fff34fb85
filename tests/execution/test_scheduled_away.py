"""Slices that are searched elsewhere: nothing is released before the answer, which is judged as of then."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from app.domain import events as ev
from app.domain.enums import DoneReason, KillAction, KillScope, Mode
from app.domain.ports import SearchJob
from app.domain.posting import Posting, PostOnly
from app.domain.records import ParentRecord
from app.domain.scheduled import Amendment
from app.domain.units import NANO
from app.execution import inputs as inp
from app.execution.ledger import fold
from app.routing import search
from app.routing.router import Router
from tests.execution.test_scheduled import releases, restarted, scheduled, settle
from tests.worlds import MS, VENUES, Desk, make_desk, sent


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    """As tests/execution/test_away.py: every problem with a fixed cost is worth sending away."""
    monkeypatch.setattr(search, "BREAK_EVEN_US", 0.0)
    desk = make_desk()
    world, router = desk.core.world, Router()
    fees = {venue: replace(fee, fixed_nano=NANO // 100) for venue, fee in world.universe.fees.items()}
    desk.core.world = replace(world, universe=replace(world.universe, fees=fees), planner=router, away=router)
    return desk


def jobs(turn: inp.Turn) -> list[SearchJob]:
    return [command.job for command in turn.commands if isinstance(command, inp.SearchAway)]


def begun(desk: Desk, **changes: object) -> tuple[ParentRecord, SearchJob]:
    turn = desk.turn(inp.Submit(scheduled(**({"qty_units": 50_000} | changes)), Mode.PAPER))
    (reply,), (job,) = turn.replies, jobs(turn)
    assert isinstance(reply, inp.Accepted)
    return desk.core.ledger.parents[reply.fact.order_id], job


def found(job: SearchJob, *, is_broken: bool = False) -> inp.Found:
    words = None if is_broken else search.answer(job.search_number, np.frombuffer(job.words, np.int64)).data
    return inp.Found(job.order_id, job.wave, words)


def test_a_slice_is_released_when_its_search_comes_back(desk: Desk) -> None:
    parent, job = begun(desk)
    assert not releases(desk)
    assert not jobs(desk.wait(5))
    turn = desk.turn(found(job))
    assert [r.slice_qty_units for r in releases(desk)] == [5_000]
    assert sum(c.qty_units for c in sent(turn)) == 5_000
    settle(desk, turn)
    assert parent.cum_qty_units == 5_000
    assert fold(desk.facts) == desk.core.ledger


def test_all_slices_sum_to_the_parent_over_a_restart_and_broken_searches(desk: Desk) -> None:
    parent, job = begun(desk)
    turn = desk.turn(found(job))
    for i in range(130):
        settle(desk, turn)
        turn = desk.wait(100)
        for again in jobs(turn):
            settle(desk, turn)
            turn = desk.turn(found(again, is_broken=i % 3 == 0))
        if i == 40:
            restarted(desk)
    parent = desk.core.ledger.parents[parent.order_id]
    assert (parent.done_reason, parent.cum_qty_units) == (DoneReason.FILLED, 50_000)
    assert sum(r.slice_qty_units for r in releases(desk)) >= 50_000
    assert fold(desk.facts) == desk.core.ledger


@pytest.mark.parametrize("is_late", [False, True])
def test_a_search_that_broke_or_never_came_is_planned_here_and_not_sent_again(desk: Desk, is_late: bool) -> None:
    _, job = begun(desk)
    turn = desk.wait(2_100) if is_late else desk.turn(found(job, is_broken=True))
    assert not jobs(turn)
    assert sent(turn)
    if is_late:
        assert not desk.turn(found(job)).facts


def test_what_changed_meanwhile_is_heeded(desk: Desk) -> None:
    parent, job = begun(desk)
    desk.turn(inp.Pause("desk", parent.order_id, "test"))
    assert not sent(desk.turn(found(job)))
    resumed = desk.turn(inp.Resume("desk", parent.order_id, "test"))
    (job,) = jobs(resumed)
    desk.turn(inp.SetKillSwitch("", KillScope.SYMBOL, "BTC/USDT", KillAction.BLOCK, "drill", "ops"))
    assert not sent(desk.turn(found(job)))
    desk.turn(inp.ClearKillSwitch("", KillScope.SYMBOL, "BTC/USDT", "ops"))
    (job,) = jobs(desk.wait(100))
    desk.turn(inp.Amend("desk", parent.order_id, "test", Amendment(qty_units=5_000)))
    turn = desk.turn(found(job))  # more was searched for than is due now
    assert sum(c.qty_units for c in sent(turn)) < 5_000
    desk.turn(inp.Cancel("desk", parent.order_id, "test"))
    assert fold(desk.facts) == desk.core.ledger


def test_a_canceled_order_takes_no_answer(desk: Desk) -> None:
    parent, job = begun(desk)
    desk.turn(inp.Cancel("desk", parent.order_id, "test"))
    assert parent.done_reason is DoneReason.CANCELED
    assert not sent(desk.turn(found(job)))
    assert not [f for f in desk.facts if isinstance(f.event, ev.SliceReleased)]


def test_what_may_rest_and_what_pools_currencies_is_not_searched_elsewhere(desk: Desk) -> None:
    posting = Posting(frozenset(VENUES), PostOnly.REJECT, 2, 200 * MS, 200 * MS)
    desk.core.world = replace(desk.core.world, posting=posting)
    turn = desk.turn(inp.Submit(scheduled(qty_units=50_000), Mode.PAPER))
    assert not jobs(turn)
    assert sent(turn)
