"""Budgets can break, and the results file says everything that was measured."""

from __future__ import annotations

import tomllib

import pytest

from loadtests import decision, probe
from loadtests.bench import BUDGETS, broken, goals, machine, markdown
from loadtests.http import Rate
from loadtests.markets import make_market

MEASURED = {
    "machine": {"cpu": "some cpu", "cores": 2, "python": "3.11"},
    "kernels": [{"shape": "8x20", "numba_ns": 700, "numba_over_c": 1.5, "heapq_over_numba": 25.0}],
    "decision": [{"shape": "32x20", "cpu_us": 400.0, "wall_us_p99": 900.0, "over_heapq_split": 5.0}],
    "http": {"cpu": {"order_us": 900, "order_over_idiomatic": 2.0}, "rates": [{"rate_per_s": 50, "p50_ms": 2.0}]},
    "probe": {"before": {"stretch_p50": 1.0}, "after": {"stretch_p50": 1.1}},
    "broken_budgets": [],
}


def changed(part: str, **values: object) -> dict:
    rows = [row | values for row in MEASURED[part]]
    return MEASURED | {part: rows}


def test_the_committed_budgets_hold_for_good_figures():
    assert list(broken(MEASURED, tomllib.loads(BUDGETS.read_text()))) == []


@pytest.mark.parametrize(
    "measured",
    [
        changed("kernels", numba_over_c=99.0),
        changed("kernels", heapq_over_numba=1.0),
        changed("decision", over_heapq_split=999.0),
        MEASURED | {"http": MEASURED["http"] | {"cpu": {"order_over_idiomatic": 999.0}}},
    ],
)
def test_each_budget_can_break(measured):
    assert len(list(broken(measured, tomllib.loads(BUDGETS.read_text())))) == 1


def test_goals_are_shown_whether_met_or_not():
    rows = goals(MEASURED, {"numba_over_c": 1.5, "order_cpu_us": 150.0})
    assert [(row["goal"], row["is_met"]) for row in rows] == [("numba_over_c", "yes"), ("order_cpu_us", "no")]


def test_no_c_compiler_breaks_nothing():
    rows = [{"shape": "8x20", "heapq_over_numba": 25.0}]
    assert list(broken(MEASURED | {"kernels": rows}, tomllib.loads(BUDGETS.read_text()))) == []


def test_the_results_file_names_figures_machine_and_command():
    text = markdown(MEASURED)
    assert all(part in text for part in ("make bench", "some cpu", "numba over c", "1.5", "All ratio budgets hold"))
    assert "Broken budgets: x." in markdown(MEASURED | {"broken_budgets": ["x"]})
    assert machine()["cores"]


def test_latency_quantiles_come_from_due_times():
    rate = Rate(50, latency_ms=[float(ms) for ms in range(100)], n_errors=1, late_ms=[0.1])
    row = rate.row()
    assert (row["p50_ms"], row["p99_ms"], row["max_ms"]) == (50.0, 99.0, 99.0)
    assert row["n_orders"] == 101


def test_the_probe_never_reports_less_than_its_best():
    seen = probe.look(20)
    assert 1.0 <= seen.stretch_p50 <= seen.stretch_p99


def test_a_whole_decision_allocates_what_is_asked():
    from app.kernels import jit
    from app.routing.router import Router

    jit.warm()
    market = make_market(8, 20)
    planned = Router().plan(decision.request_of(market), decision.board_of(market).read("BTC/USDT"))
    assert planned.plan.allocated_qty_units == market.target_units
