"""Toxic flow turns posting down: by what fills lost, by the signed flow, by a demoted venue; healed, it comes back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.domain.belief import BeliefKey, Measure
from app.domain.enums import Side
from app.domain.events import BeliefChanged, LoopSet
from app.domain.fills import ReportKind
from app.domain.placement_facts import PostingTurned
from app.domain.posting import Posting
from app.domain.schedule import ScheduleUrgency
from app.execution import inputs as inp
from app.execution.context import Context
from app.execution.inputs import Turn
from app.execution.ledger import fold
from app.execution.toxicity import FLOW_PPM, is_barred, tell, weigh
from app.learning.beliefs import draw_ppm
from tests.execution.test_posting import cancels, posted, pulled, sums_hold
from tests.execution.test_queues import Seen
from tests.execution.test_scheduled import scheduled
from tests.worlds import MS, VENUES, Desk, make_desk, sent

PLACE = ("ven_c", "BTC/USDT", Side.BUY)
TERMS = {"urgency": ScheduleUrgency.PASSIVE}


def toxic_desk(seen: Seen | None = None) -> Desk:
    desk = make_desk()
    posting = Posting(frozenset(VENUES), min_reprice_ns=200 * MS, least_rest_ns=200 * MS)
    desk.core.world = replace(desk.core.world, posting=posting, may_loop=True, outflows=seen or Seen())
    with_context(desk, lambda ctx: ctx.emit(LoopSet("", is_on=True, actor="test")))
    return desk


def with_context(desk: Desk, act: object) -> None:
    """What the engine writes of itself, in a turn of its own."""
    core = desk.core
    ctx = Context(core.world, core.ledger, core.memory, desk.now_ns, Turn())
    act(ctx)  # type: ignore[operator]
    desk.facts.extend(ctx.turn.facts)


def believe(desk: Desk, ppm: int, *, is_demoted: bool = False, tried_ppm: int = 1_000_000) -> None:
    belief = BeliefChanged(
        "", Measure.MARKOUT, *PLACE, is_demoted, 0, ppm, ppm - 10, ppm + 10, tried_ppm, 200, "measured"
    )
    with_context(desk, lambda ctx: ctx.emit(belief))


def turned(desk: Desk) -> list[tuple[str, bool, str]]:
    found = [f.event for f in desk.facts if isinstance(f.event, PostingTurned)]
    return [(event.venue, event.is_down, event.reason) for event in found]


def rests_at(desk: Desk) -> str:
    _, children = desk.accepted(scheduled(schedule=TERMS))
    return next((c.venue for c in children if c.rests), "")


def test_a_healthy_venue_is_chosen_by_its_price() -> None:
    desk = toxic_desk()
    assert rests_at(desk) == "ven_c"
    assert turned(desk) == []


def test_what_fills_lost_there_raises_the_cost_of_resting_and_is_in_the_fact() -> None:
    desk = toxic_desk()
    believe(desk, 60)
    assert rests_at(desk) == "ven_c"
    assert posted(desk)[0].toxic_ppm == 60


@pytest.mark.parametrize(("extra_ppm", "is_down"), [(-1, False), (0, True)])
def test_it_stops_where_resting_loses_as_much_as_it_saves_and_comes_back_at_half(extra_ppm: int, is_down: bool) -> None:
    desk = toxic_desk()
    saved_ppm = 116  # c's taker pays 200 and its maker 100 ppm, its spread of 100 units is 16 ppm
    believe(desk, saved_ppm + extra_ppm)
    first = rests_at(desk)
    assert (first == "ven_c") is not is_down
    assert turned(desk) == ([("ven_c", True, "markout")] if is_down else [])
    if is_down:
        believe(desk, 59)
        assert rests_at(desk) != "ven_c"
        believe(desk, 58)
        assert rests_at(desk) == "ven_c"
        assert turned(desk)[-1] == ("ven_c", False, "healed")
    assert fold(desk.facts) == desk.core.ledger


def test_a_demoted_venue_gets_no_child_that_rests_but_those_that_try_it() -> None:
    desk = toxic_desk()
    believe(desk, 20, is_demoted=True, tried_ppm=300_000)
    found = {}
    for _ in range(40):
        parent, children = desk.accepted(scheduled(schedule=TERMS))
        found[parent.order_id] = "ven_c" in {c.venue for c in children if c.rests}
        desk.turn(inp.Cancel("desk", parent.order_id, "test"))
    assert found == {order_id: draw_ppm(order_id, "ven_c") < 300_000 for order_id in found}
    assert 0 < sum(found.values()) < 40
    assert turned(desk) == [("ven_c", True, "demoted")]


def test_the_signed_flow_alone_costs_and_says_so() -> None:
    seen = Seen(against={("ven_c", Side.BUY): 1_000_000})
    desk = toxic_desk(seen)
    believe(desk, 20)
    rests_at(desk)
    assert turned(desk) == [("ven_c", True, "flow")]
    assert FLOW_PPM + 20 >= 116
    seen = Seen(against={("ven_c", Side.BUY): 500_000})
    desk = toxic_desk(seen)
    assert rests_at(desk) == "ven_c"
    assert posted(desk)[0].toxic_ppm == 0


def test_what_rests_there_already_leaves() -> None:
    desk = toxic_desk()
    parent, (child,) = desk.accepted(scheduled(schedule=TERMS))
    assert child.venue == "ven_c"
    desk.report(child, ReportKind.ACKED)
    believe(desk, 20, is_demoted=True, tried_ppm=0)
    assert cancels(desk.wait(100)) == [child]
    assert pulled(desk) == ["toxic"]
    after = sent(desk.report(child, ReportKind.CANCELED, cum_qty_lots=0))
    assert all(c.venue != "ven_c" for c in after if c.rests)
    sums_hold(desk, parent)


def test_with_the_loop_off_no_belief_counts() -> None:
    desk = toxic_desk()
    believe(desk, 10_000, is_demoted=True, tried_ppm=0)
    desk.turn(inp.SetLoop(is_on=False, actor="test"))
    assert rests_at(desk) == "ven_c"


def test_the_cost_is_bounded() -> None:
    desk = toxic_desk()
    believe(desk, 10**6)
    found = []
    with_context(desk, lambda ctx: found.append(weigh(ctx, "ord_1", PLACE, 10**6)))
    assert found[0].cost_ppm == 300
    assert not found[0].is_down


def test_it_is_told_once_and_a_place_is_barred_until_it_is_told_otherwise() -> None:
    desk = toxic_desk()
    believe(desk, 200)
    for _ in range(3):
        with_context(desk, lambda ctx: tell(ctx, weigh(ctx, "ord_1", PLACE, 100)))
    assert len(turned(desk)) == 1
    barred = []
    with_context(desk, lambda ctx: barred.append(is_barred(ctx, "ord_1", PLACE)))
    assert barred == [True]
    assert BeliefKey(Measure.MARKOUT, *PLACE) in desk.core.ledger.beliefs
