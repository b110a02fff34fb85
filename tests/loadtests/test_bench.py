"""Budgets can break, and the results file says everything that was measured."""

from __future__ import annotations

import tomllib

import pytest

from loadtests import decision, probe
from loadtests.bench import BUDGETS, PARTS, broken, columns, goals, machine, markdown
from loadtests.load import Rate
from loadtests.markets import make_market

LIMITS = tomllib.loads(BUDGETS.read_text())
PART_ROWS = {
    "kernels": [{"shape": "8x20", "over_c": 1.5}, {"shape": "32x20", "over_c": 1.2}],
    "http": [{"order_us": 9}],
}
MEASURED = {
    "command": "make bench ARGS=--save",
    "machine": {"cpu": "some cpu", "cores": 2, "python": "3.11"},
    "parts": PART_ROWS,
    "probe": [{"when": "before", "stretch_p50": 1.0}, {"when": "after", "stretch_p50": 1.1}],
    "goals": goals(PART_ROWS, [{"part": "kernels", "column": "over_c", "where": {"shape": "8x20"}, "max": 1.4}]),
    "broken_budgets": [],
}


def test_every_budget_and_goal_speaks_of_a_part_that_is_measured():
    names = {part.name for part in PARTS}
    for limit in [*LIMITS["budget"], *LIMITS["goal"]]:
        assert limit["part"] in names
        assert ("max" in limit) != ("min" in limit)


@pytest.mark.parametrize(
    ("budget", "n_broken"),
    [
        ({"column": "over_c", "max": 1.6}, 0),
        ({"column": "over_c", "max": 1.3}, 1),
        ({"column": "over_c", "max": 1.1}, 2),
        ({"column": "over_c", "max": 1.1, "where": {"shape": "32x20"}}, 1),
        ({"column": "over_c", "min": 1.3}, 1),
        ({"column": "over_heapq", "min": 1.0}, 1),
        ({"column": "over_heapq", "min": 1.0, "is_optional": True}, 0),
    ],
)
def test_a_budget_breaks_for_each_row_it_means_and_for_none_measured(budget, n_broken):
    assert len(list(broken(PART_ROWS, [{"part": "kernels", **budget}]))) == n_broken


def test_a_figure_that_is_no_number_breaks_its_budget():
    rows = {"kernels": [{"shape": "8x20", "over_c": float("nan")}]}
    assert list(broken(rows, [{"part": "kernels", "column": "over_c", "max": 9.0}]))


def test_a_part_that_was_not_asked_for_breaks_nothing():
    assert not list(broken({}, [{"part": "kernels", "column": "over_c", "max": 1.0}]))


def test_goals_are_shown_whether_met_or_not():
    aimed = [{"part": "kernels", "column": "over_c", "max": 1.3}, {"part": "http", "column": "order_us", "min": 10}]
    assert [row["is_met"] for row in goals(PART_ROWS, aimed)] == ["no", "yes", "no"]


def test_the_results_file_names_figures_machine_and_command():
    text = markdown(MEASURED)
    assert all(part in text for part in ("make bench", "some cpu", "over c", "1.5", "All ratio budgets hold"))
    assert "Broken budgets: x." in markdown(MEASURED | {"broken_budgets": ["x"]})
    assert machine()["cores"]


def test_rows_of_a_part_may_differ_in_columns():
    assert columns([{"shape": 1, "a": 2}, {"shape": 1, "b": 3}]) == ["shape", "a", "b"]


def test_latency_quantiles_come_from_due_times():
    rate = Rate(50, latency_ms=[float(ms) for ms in range(100)], n_errors=1, late_ms=[0.1])
    row = rate.row()
    assert (row["p50_ms"], row["p99_ms"], row["max_ms"]) == (50.0, 99.0, 99.0)
    assert row["n_orders"] == 101


def test_the_probe_never_reports_less_than_its_best():
    seen = probe.look(20)
    assert 1.0 <= seen.stretch_p50 <= seen.stretch_p99
    assert seen.far_ns > 1.0


def test_the_far_walk_comes_by_every_line_once():
    ring, seen, at = probe._ring(), set(), 0
    while at not in seen:
        seen.add(at)
        at = int(ring[at])
    assert at == 0
    assert seen == set(range(0, probe.FAR_BYTES // 8, 8))


def test_a_whole_decision_allocates_what_is_asked():
    from app.kernels import jit
    from app.routing.router import Router

    jit.warm()
    market = make_market(8, 20)
    planned = Router().plan(decision.request_of(market), decision.board_of(market).read("BTC/USDT"))
    assert planned.plan.allocated_qty_units == market.target_units
