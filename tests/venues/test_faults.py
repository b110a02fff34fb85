"""Fate is decided by seed, venue and client id alone."""

from __future__ import annotations

from dataclasses import replace

from app.domain.fills import ExecutionReport, ReportKind
from app.venues.faults import Faults, ended_early, fate_of


def test_the_same_child_has_the_same_fate() -> None:
    faults = Faults(lose_request_ppm=500_000, lose_reports_ppm=500_000)
    fates = [(f.is_request_lost, f.is_untold) for f in (fate_of(faults, 7, "v", f"c{i}") for i in range(200))]
    again = [(f.is_request_lost, f.is_untold) for f in (fate_of(faults, 7, "v", f"c{i}") for i in range(200))]
    assert fates == again
    assert len(set(fates)) == 4


def test_chances_are_parts_per_million() -> None:
    lost = sum(fate_of(Faults(lose_request_ppm=50_000), 7, "v", f"c{i}").is_request_lost for i in range(4_000))
    assert 140 <= lost <= 260  # 200 expected, sd 14
    never = fate_of(Faults(), 7, "v", "c")
    always = fate_of(Faults(lose_request_ppm=1_000_000, lose_reports_ppm=1_000_000), 7, "v", "c")
    assert (never.is_request_lost, never.is_untold) == (False, False)
    assert (always.is_request_lost, always.is_untold) == (True, True)


def test_an_end_that_comes_early_counts_one_fill_less_and_the_fill_comes_alone() -> None:
    fills = [ExecutionReport(ReportKind.FILLED, "v", "c", "o", f"t{n}", 10, 2, cum_qty_lots=2 * n) for n in (1, 2)]
    end = ExecutionReport(ReportKind.EXPIRED, "v", "c", "o", cum_qty_lots=4, evidence="ledger:v:9")
    told, late = ended_early([*fills, end])
    assert told == [fills[0], replace(end, cum_qty_lots=2)]
    assert late == fills[1]

    told, late = ended_early(fills)  # filled: no word says the end
    assert [(report.kind, report.cum_qty_lots) for report in told] == [(ReportKind.FILLED, 2), (ReportKind.CANCELED, 2)]
    assert late == fills[1]

    assert ended_early([end]) == ([end], None)
