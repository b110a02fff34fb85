"""What the engine's own facts say of venues."""

from __future__ import annotations

from dataclasses import replace

from app.domain.belief import BeliefKey, Measure
from app.domain.enums import Side
from app.domain.fills import ReportKind
from app.execution import inputs as inp
from app.execution.observing import N_USUAL
from tests.worlds import MS, make_desk, make_order


def looping():
    desk = make_desk()
    desk.core.world = replace(desk.core.world, may_loop=True)
    desk.turn(inp.SetLoop(True, "ops"))
    return desk


def believed(desk, measure, venue):
    return desk.core.memory.loop.book.belief(BeliefKey(measure, venue, "BTC/USDT", Side.BUY))


def test_a_full_fill_is_no_fade_and_a_short_one_is():
    desk = looping()
    _, children = desk.submit(make_order(qty_units=1_000))
    desk.fill(children[0])
    assert believed(desk, Measure.FADE, children[0].venue).n_observed == 1
    before_ppm = believed(desk, Measure.FADE, children[0].venue).ppm
    _, children = desk.submit(make_order(qty_units=1_000))
    desk.report(children[0], ReportKind.CANCELED)
    after = believed(desk, Measure.FADE, children[0].venue)
    assert after.n_observed == 2
    assert after.ppm > before_ppm


def test_a_child_we_cancelled_or_stopped_ourselves_says_nothing():
    desk = looping()
    parent, children = desk.accepted(make_order(qty_units=1_000))
    desk.turn(inp.Cancel("desk", parent.order_id, "desk"))
    desk.report(children[0], ReportKind.CANCELED)
    assert believed(desk, Measure.FADE, children[0].venue).n_observed == 0
    _, children = desk.submit(make_order(qty_units=1_000))
    desk.report(children[0], ReportKind.REJECTED, code="not_sent")
    assert believed(desk, Measure.REJECT, children[0].venue).n_observed == 0


def test_rejects_and_acknowledgements_count():
    desk = looping()
    _, children = desk.submit(make_order(qty_units=1_000))
    desk.report(children[0], ReportKind.REJECTED, code="busy")
    assert believed(desk, Measure.REJECT, children[0].venue).n_observed == 1


def test_latency_is_against_what_is_usual_there():
    desk = looping()
    venue = ""
    for i in range(N_USUAL + 40):
        desk.now_ns += 5_000 * MS
        desk.refresh()
        _, children = desk.submit(make_order(qty_units=1_000))
        venue = venue or children[0].venue
        desk.now_ns += (10 if i < N_USUAL else 30) * MS
        desk.report(children[0], ReportKind.ACKED)
        desk.fill(children[0])
    found = believed(desk, Measure.LATENCY, venue)
    assert found.n_observed > 20
    assert found.ppm > 500_000  # the logarithm of 3 is 1.1, shrunk
    assert 10 * MS < desk.core.memory.loop.one_way_ns[venue] <= 15 * MS


def test_nothing_is_gathered_while_the_loop_is_off():
    desk = make_desk()
    _, children = desk.submit(make_order(qty_units=1_000))
    desk.fill(children[0])
    assert not desk.core.memory.loop.touched
    assert not desk.core.memory.loop.one_way_ns
