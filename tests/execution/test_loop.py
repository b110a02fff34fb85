"""The loop in whole turns: demoted venues weigh more, are tried by a drawn propensity, and one switch ends it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.domain import events as ev
from app.domain.belief import BeliefKey, Measure, Observation
from app.domain.enums import Mode, Side, Strategy
from app.domain.errors import BadRequest
from app.domain.fills import ReportKind
from app.domain.orders import VenueFilter
from app.execution import inputs as inp
from app.execution.context import Context
from app.execution.ledger import fold
from app.execution.loop import begin_loop, fade_ppm, take_measured, take_shown, tell_beliefs, tell_weighed, weigh_in
from app.learning.beliefs import draw_ppm
from app.learning.quote_age import QuoteAges
from app.store.codec import decode, encode
from tests.worlds import MS, Desk, make_desk, make_order

KEY = BeliefKey(Measure.MARKOUT, "ven_c", "BTC/USDT", Side.BUY)


def looping(**world: object) -> Desk:
    desk = make_desk()
    desk.core.world = replace(desk.core.world, may_loop=True, **world)
    desk.turn(inp.SetLoop(True, "ops"))
    return desk


def measured(desk: Desk, value_bps: float, n: int, start: int = 0) -> list[ev.BeliefChanged]:
    """`n` fills at ven_c ten seconds apart whose mid went `value_bps` against us (and one up, one down by 1.2 bp)."""
    told = []
    for i in range(start, start + n):
        noise = 1.2 if i % 2 else -1.2
        seen = Observation(KEY, f"exe_{i}", value_bps + noise, desk.now_ns + i * 10_000 * MS)
        told += [f.event for f in desk.turn(inp.Measured((seen,))).facts]
    return told


def weighed(desk: Desk, n: int) -> list[ev.LoopWeighed]:
    found = []
    for _ in range(n):
        desk.refresh()
        turn = desk.turn(inp.Submit(make_order(qty_units=1_000), Mode.PAPER))
        found += [f.event for f in turn.facts if isinstance(f.event, ev.LoopWeighed)]
    return found


def test_a_toxic_venue_is_demoted_within_200_fills_and_the_fact_says_why():
    told = measured(looping(), 1.0, 200)
    demoted = [e for e in told if e.reason == "demoted"]
    assert len(demoted) == 1
    assert demoted[0].is_demoted
    assert demoted[0].n_observed <= 200
    assert demoted[0].low_ppm < demoted[0].new_ppm < demoted[0].high_ppm


def test_it_heals_and_the_fact_says_so():
    desk = looping()
    measured(desk, 1.0, 200)
    told = measured(desk, 0.0, 400, start=200)
    assert [e.is_demoted for e in told if e.reason == "healed"] == [False]
    assert not desk.core.ledger.beliefs[KEY].is_demoted


def test_a_demoted_venue_is_ranked_dearer_by_the_bound_and_tried_as_often_as_drawn():
    desk = looping()
    measured(desk, 1.0, 200)
    found = weighed(desk, 60)
    assert len(found) == 60
    for event in found:
        ((venue, propensity_ppm, drawn_ppm),) = event.tried
        assert venue == "ven_c"
        assert propensity_ppm >= 50_000
        assert drawn_ppm == draw_ppm(event.order_id, venue)
        plan = desk.core.ledger.parents[event.order_id].routes[0][1].plan
        terms = dict(plan.certificate.estimated_terms)
        used = {a.venue for a in plan.allocations}
        assert ("demoted" in terms) == ("ven_c" in used and drawn_ppm >= propensity_ppm)
    assert any(e.is_shadowed and e.without for e in found)


def test_one_switch_ends_it_and_the_setting_is_above_the_switch():
    desk = looping()
    measured(desk, 1.0, 200)
    desk.turn(inp.SetLoop(False, "ops"))
    assert weighed(desk, 20) == []
    assert measured(desk, 1.0, 50, start=300) == []
    plain = make_desk()
    reply = plain.turn(inp.SetLoop(True, "ops")).replies[0]
    assert isinstance(reply, inp.Failed)
    assert isinstance(reply.error, BadRequest)
    assert plain.core.ledger.loop is None


def test_the_same_fill_counts_once():
    desk = looping()
    seen = Observation(KEY, "exe_1", 1.0, desk.now_ns)
    desk.turn(inp.Measured((seen, seen)), inp.Measured((seen,)))
    assert desk.core.memory.loop.book.belief(KEY).n_observed == 1


def test_replay_gives_the_same_beliefs_and_a_new_process_goes_on_with_them():
    desk = looping()
    measured(desk, 1.0, 200)
    weighed(desk, 5)
    again = fold(desk.facts)
    assert again.beliefs == desk.core.ledger.beliefs
    assert again.loop == desk.core.ledger.loop
    fresh = looping()
    fresh.core.ledger = again
    fresh.facts = list(desk.facts)
    fresh.now_ns = desk.now_ns
    fresh.turn(inp.Start("s0", "epoch", "test", Mode.PAPER))
    assert fresh.core.memory.loop.book.belief(KEY).is_demoted


def test_the_loops_facts_read_back_equal():
    desk = looping()
    measured(desk, 1.0, 200)
    weighed(desk, 40)
    wanted = ("loop_set", "belief_changed", "loop_weighed")
    kinds = {f.event.KIND: f.event for f in desk.facts if f.event.KIND in wanted}
    assert len(kinds) == 3
    for kind, event in kinds.items():
        assert decode(kind, event.V, encode(event)) == event


def test_a_fading_venue_is_seen_by_the_engines_own_children():
    """Each child there gets a third less than was planned; nobody tells the engine, its facts do."""
    desk = looping()
    venue = None
    for _ in range(150):
        desk.refresh()
        _, children = desk.submit(make_order(qty_units=1_000, strategy=Strategy.SWEEP))
        child = children[0]
        venue = venue or child.venue
        if child.venue != venue:
            continue
        desk.now_ns += 100 * MS
        if child.qty_lots > 2:
            desk.fill(child, lots=child.qty_lots * 2 // 3)
        desk.report(child, ReportKind.CANCELED, cum_qty_lots=-1)
    told = [e for e in desk.core.ledger.beliefs.values() if e.measure is Measure.FADE and e.venue == venue]
    assert told
    assert told[0].is_demoted
    assert told[0].new_ppm > 150_000


@pytest.mark.parametrize("function", [begin_loop, take_measured, tell_beliefs, tell_weighed, weigh_in])
def test_every_act_of_the_loop_says_what_it_does(function):
    assert function.__doc__


def flickering(desk: Desk, age_ms: int, part: float, n: int) -> None:
    """`n` sweeps to a touch of that age at ven_c alone, each of which finds `part` of it gone."""
    for _ in range(n):
        desk.now_ns += 60_000 * MS
        desk.refresh()
        ages = desk.core.world.ages
        assert ages is not None
        ages.note("ven_c", "BTC/USDT", Side.BUY, (desk.now_ns % 1_000_000_007 + 1, 5), desk.now_ns - age_ms * MS)
        at_c = VenueFilter(include=("ven_c",))
        _, (child,) = desk.submit(make_order(qty_units=1_000, strategy=Strategy.SWEEP, venues=at_c))
        lots = round(child.qty_lots * (1.0 - part))
        if lots:
            desk.fill(child, lots)
        if lots < child.qty_lots:
            desk.report(child, ReportKind.CANCELED, cum_qty_lots=lots)


def test_fade_is_believed_of_touches_as_old_as_the_one_that_stands() -> None:
    desk = make_desk()
    ages = QuoteAges()
    desk.core.world = replace(desk.core.world, may_loop=True, ages=ages)
    desk.turn(inp.Start("s0", "epoch", "test", Mode.PAPER), inp.SetLoop(True, "ops"))
    flickering(desk, 20, 0.8, 40)
    flickering(desk, 5_000, 0.0, 40)
    told = {key.measure: belief for key, belief in desk.core.ledger.beliefs.items() if key.venue == "ven_c"}
    assert told[Measure.FADE_NEW].new_ppm > 500_000
    assert Measure.FADE not in told  # what stands does not fade: nothing to tell
    assert not any(belief.is_demoted for belief in told.values())
    ctx = Context(desk.core.world, desk.core.ledger, desk.core.memory, desk.now_ns, inp.Turn())
    ages.note("ven_c", "BTC/USDT", Side.BUY, (7, 5), desk.now_ns)
    assert fade_ppm(ctx, "ven_c", "BTC/USDT", Side.BUY) == told[Measure.FADE_NEW].new_ppm
    ctx.now_ns += 1_000 * MS
    assert fade_ppm(ctx, "ven_c", "BTC/USDT", Side.BUY) == 0
    assert fold(desk.facts).beliefs == desk.core.ledger.beliefs


def test_a_new_touch_of_a_flickering_venue_is_ranked_dearer_and_an_old_one_is_not() -> None:
    desk = make_desk()
    ages = QuoteAges()
    desk.core.world = replace(desk.core.world, may_loop=True, ages=ages)
    desk.turn(inp.Start("s0", "epoch", "test", Mode.PAPER), inp.SetLoop(True, "ops"))
    flickering(desk, 20, 0.8, 40)
    for age_ms, is_told in ((20, True), (5_000, False)):
        desk.now_ns += 60_000 * MS
        desk.refresh()
        ages.note("ven_c", "BTC/USDT", Side.BUY, (age_ms, 5), desk.now_ns - age_ms * MS)
        parent, children = desk.accepted(make_order(qty_units=10_000))
        assert any(child.venue == "ven_c" for child in children)
        assert ("fade" in dict(parent.routes[0][1].plan.certificate.estimated_terms)) is is_told


def test_books_alone_say_it_until_our_own_children_do() -> None:
    desk = make_desk()
    ages = QuoteAges()
    desk.core.world = replace(desk.core.world, may_loop=True, ages=ages)
    desk.turn(inp.Start("s0", "epoch", "test", Mode.PAPER), inp.SetLoop(True, "ops"))
    for n in range(40):
        desk.now_ns += 1_500 * MS
        ages.note("ven_c", "BTC/USDT", Side.BUY, (100 + n % 2, 10), desk.now_ns)
        desk.now_ns += 100 * MS
        ages.note("ven_c", "BTC/USDT", Side.BUY, (100 + n % 2, 2), desk.now_ns)
        desk.refresh()
        desk.turn(inp.Tick())
    seen = desk.core.ledger.beliefs[BeliefKey(Measure.GONE_NEW, "ven_c", "BTC/USDT", Side.BUY)]
    assert seen.new_ppm > 500_000
    ages.note("ven_c", "BTC/USDT", Side.BUY, (7, 5), desk.now_ns)
    ctx = Context(desk.core.world, desk.core.ledger, desk.core.memory, desk.now_ns, inp.Turn())
    assert fade_ppm(ctx, "ven_c", "BTC/USDT", Side.BUY) == seen.new_ppm
    take_shown(ctx)
    assert not ages.take_seen()
