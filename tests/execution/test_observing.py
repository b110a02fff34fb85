"""What the engine's own facts say of venues."""

from __future__ import annotations

from dataclasses import replace

from app.domain.belief import BeliefKey, Measure, Observation
from app.domain.enums import Mode, Side
from app.domain.events import BeliefChanged
from app.domain.fills import ReportKind
from app.domain.markouts import Measurement, MidPath, PathKind, StillPath
from app.execution import inputs as inp
from app.execution.ledger import fold
from app.execution.observing import N_STILL, N_USUAL
from app.learning.beliefs import BeliefBook
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


def test_a_markout_is_what_the_class_went_against_us_less_what_it_does_anyhow(monkeypatch):
    desk = looping()
    parent, children = desk.accepted(make_order(qty_units=1_000))
    desk.fill(children[0])
    fill = parent.fills[0].fill
    half = 12_000_000
    still = tuple(StillPath("BTC/USDT", i, 0, ((fill.venue, half, (0, half + 120, 0, 0)),)) for i in range(N_STILL))
    path = MidPath(PathKind.FILL, fill.exec_id, fill.venue, "BTC/USDT", desk.now_ns, half, (0, half - 1_200, 0, 0), 0)
    unseen = replace(path, ref_id="exe_of_nobody"), replace(path, after_half_units=(0, 0, 0, 0))
    seen: list[Observation] = []
    monkeypatch.setattr(BeliefBook, "take", lambda _, found: bool(seen.append(found)))
    desk.turn(inp.MarketMeasured(Measurement("", still=still[1:])))
    desk.turn(
        inp.MarketMeasured(Measurement(parent.order_id, (replace(path, ref_id="c", kind=PathKind.CHILD), *unseen)))
    )
    assert seen == []
    desk.turn(inp.MarketMeasured(Measurement(parent.order_id, (path,))))
    assert [round(s.value, 9) for s in seen] == [1.0]  # too few still instants yet
    desk.core.memory.loop._subjects.clear()
    desk.turn(inp.MarketMeasured(Measurement("", still=still[:1])))
    desk.turn(inp.MarketMeasured(Measurement(parent.order_id, (path, path))))
    assert [round(s.value, 9) for s in seen] == [1.0, 1.1]  # the class rises by 0.1 bp anyhow; a fill counts once
    assert (seen[1].key.measure, seen[1].key.side, seen[1].subject) == (Measure.MARKOUT, Side.BUY, fill.exec_id)


def test_a_new_process_remembers_markouts_and_obeys_the_log_on_who_is_demoted():
    desk = looping()
    parent, children = desk.accepted(make_order(qty_units=1_000))
    desk.fill(children[0])
    fill = parent.fills[0].fill
    path = MidPath(
        PathKind.FILL, fill.exec_id, fill.venue, "BTC/USDT", desk.now_ns, 12_000_000, (0, 11_998_800, 0, 0), 0
    )
    desk.turn(inp.MarketMeasured(Measurement(parent.order_id, (path,))))
    fresh = looping()
    fresh.core.ledger, fresh.now_ns = fold(desk.facts), desk.now_ns
    turn = fresh.turn(inp.Start("s0", "epoch", "test", Mode.PAPER))
    key = BeliefKey(Measure.MARKOUT, fill.venue, "BTC/USDT", Side.BUY)
    assert fresh.core.memory.loop.book.belief(key) == desk.core.memory.loop.book.belief(key)
    assert not [f for f in turn.facts if isinstance(f.event, BeliefChanged)]
    n_before = fresh.core.memory.loop.book.belief(key).n_observed
    fresh.turn(inp.MarketMeasured(Measurement(parent.order_id, (path,))))
    assert fresh.core.memory.loop.book.belief(key).n_observed == n_before == 1
