"""Children of one wave arrive together where their ways were measured, and nothing waits where they were not."""

from __future__ import annotations

from dataclasses import replace

from app.domain.enums import Mode
from app.domain.fills import ReportKind
from app.execution import inputs as inp
from app.execution.spray import aligned, delays_ns
from tests.worlds import MS, make_desk, make_order, report


def test_the_near_wait_for_the_far():
    assert delays_ns({"a": 5, "b": 50, "c": 20}, ["a", "b", "c"], 100) == {"a": 45, "b": 0, "c": 30}


def test_nobody_waits_longer_than_allowed_or_where_nothing_was_measured():
    assert delays_ns({"a": 5, "b": 500}, ["a", "b", "c"], 100) == {"a": 100, "b": 0, "c": 0}
    assert delays_ns({"a": 5}, ["a", "b"], 100) == {"a": 0, "b": 0}
    assert delays_ns({"a": 5, "b": 50}, ["a", "b"], 0) == {"a": 0, "b": 0}


def spraying(align_ns: int):
    desk = make_desk()
    desk.core.world = replace(desk.core.world, max_align_ns=align_ns)
    return desk


def test_a_wave_is_aligned_by_its_own_acknowledgements():
    desk = spraying(50 * MS)
    way_ms = {"ven_a": 2, "ven_b": 12, "ven_c": 30}
    for is_last in (False, True):
        desk.refresh()
        turn = desk.turn(inp.Submit(make_order(qty_units=400_000), Mode.PAPER))
        sends = [c for c in turn.commands if isinstance(c, inp.SendChild)]
        for send in sorted(sends, key=lambda s: way_ms[s.approved.value.venue]):
            venue = send.approved.value.venue
            sent_ns = desk.core.ledger.live_children[send.approved.value.child_id].sent_ts_ns
            desk.now_ns = sent_ns + 2 * way_ms[venue] * MS
            desk.turn(inp.Report(report(send.approved.value, ReportKind.ACKED)))
        if not is_last:
            for send in sends:  # they take nothing, so that the next wave finds the same books
                desk.turn(inp.Report(report(send.approved.value, ReportKind.CANCELED, cum_qty_lots=0)))
    waits = {s.approved.value.venue: s.delay_ns // MS for s in sends}
    arrivals = {way_ms[v] + wait for v, wait in waits.items()}
    assert len(waits) > 1
    assert max(arrivals) - min(arrivals) <= 1
    assert max(way_ms[v] for v in waits) - min(way_ms[v] for v in waits) >= 10
    assert aligned(sends, desk.core.memory.loop.one_way_ns, 0) == sends
