"""The page of orders in time: its judges agree with themselves, its rivals are what they say, no cell is empty."""

from __future__ import annotations

import numpy as np
import pytest

from loadtests import time_cases as made
from loadtests.cases_dark import DarkSession, dark_known, dark_session, true_tails
from loadtests.cases_placement import place_ck
from loadtests.cases_schedule import frontier_ac, schedule_ac

CASE = {"id": "own", "volume": 4, "rounds": 50, "venues": [{"id": "a", "p_zero": 0.5, "beta": 1.0, "s_max": 2}]}


@pytest.mark.parametrize("kind", ["almgren_chriss", "pov"])
def test_made_up_schedules_are_within_a_billionth(kind):
    assert max(made.schedule_error(made.make_schedule(kind, seed)) for seed in range(25)) < 1e-9


@pytest.mark.parametrize("kind", ["twap", "vwap"])
def test_made_up_schedules_are_within_half_a_lot_and_largest_remainders_are_not(kind):
    cases = [made.make_schedule(kind, seed) for seed in range(25)]
    assert max(map(made.schedule_error, cases)) <= 0.5 + 1e-6
    assert max(map(made.largest_remainder_error, cases)) > 1.0


def test_a_frontier_falls_in_variance_and_rises_in_cost():
    case = made.make_schedule("almgren_chriss", 3) | {"N": 20, "risk_aversions": [0.0, 1e-9, 1e-6, 1e-3]}
    points = frontier_ac(case)
    assert [p["E"] for p in points] == sorted(p["E"] for p in points)
    assert [p["V"] for p in points] == sorted((p["V"] for p in points), reverse=True)
    assert sum(schedule_ac(case)["trades"]) == pytest.approx(case["X"])


def test_a_made_up_placement_is_no_dearer_than_a_search_and_the_baselines():
    for seed in (0, 4, 8):
        case = made.make_placement(seed)
        outflow = made.outflow_draws(case, 20_000, 0)
        found = place_ck(case)
        cost, crossing = made.placement_cost(case, found["M"], found["L"], outflow), 23.0 + 1e3 * case["theta"]
        assert cost <= crossing * 1.01
        if len(case["venues"]) <= 2:
            assert cost <= made.searched_cost(case, outflow) + 0.005 * crossing


def test_the_judge_of_placements_prices_what_it_says():
    case = made.make_placement(0) | {"theta": 0.001}
    n = len(case["venues"])
    none, much = np.zeros((5, n)), np.full((5, n), 1e9)
    lost = 1_000.0 * (case["lambda_u"] + 0.001)
    assert made.placement_cost(case, 1_000.0, [0.0] * n, none) == pytest.approx(24.0)
    assert made.placement_cost(case, 0.0, [0.0] * n, none) == pytest.approx(lost)
    gain = 1_000.0 * (0.02 + case["venues"][0]["rebate"])
    assert made.placement_cost(case, 0.0, [1_000.0] + [0.0] * (n - 1), much) == pytest.approx(1.0 - gain)


def test_hidden_sizes_and_regret_are_those_of_the_case():
    assert true_tails(CASE).tolist() == [[pytest.approx(0.5), pytest.approx(1 / 6), 0.0, 0.0]]
    assert dark_known(CASE) == [2]
    assert made.dark_regret(CASE, made.Uniform, 0) == pytest.approx(0.0)
    assert dark_session({"venue_ids": ["a", "b"], "volume": 4}).allocate(4) == [2, 2]


def test_ours_learns_and_uniform_and_greedy_do_not():
    cases = [made.make_dark(seed) | {"rounds": 400} for seed in range(4)]
    regret = {
        name: np.mean([made.dark_regret(case, made.ARMS[name], seed) for seed, case in enumerate(cases)])
        for name in ("ours", "uniform", "greedy")
    }
    assert regret["ours"] < 0.043
    assert regret["ours"] < 0.25 * min(regret["uniform"], regret["greedy"])
    assert isinstance(made.ARMS["no prior"](2, 5), DarkSession)


def test_greedy_believes_that_what_filled_was_all_and_spreads_the_rest():
    rival = made.Greedy(2, 6)
    assert rival.allocate(6) == [3, 3]
    rival.feedback([3, 3], [2, 0])
    assert rival.allocate(6) == [4, 2]


def test_the_page_holds_every_figure():
    text = made.page({"schedules": made.schedule_rows(1), "placement": ["| a | 1 |"], "dark": ["| b | 1 |"]})
    assert "@" not in text
    assert "_GIVEN" not in text
    assert made.figures([], ".1f") == "- | - | - | -"
    assert made.figures([1.0, 3.0], ".1f") == "2.0 | 2.0 | 2.9 | 3.0"
