"""The solved cases of orders in time, judged by the scorer's own simulator and references."""

from __future__ import annotations

import importlib.util
import json
from decimal import Decimal

import numpy as np
import pytest

from loadtests.cases_dark import dark_known, dark_session
from loadtests.cases_placement import place_ck
from loadtests.cases_schedule import frontier_ac, schedule_ac, schedule_pov, schedule_twap, schedule_vwap

pytestmark = pytest.mark.shared_data
NEAR = 1e-9


@pytest.fixture(scope="module")
def sim(shared):
    spec = importlib.util.spec_from_file_location("time_cases_sim", shared / "cases" / "sim.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def solved(shared, family):
    """Pairs of (case, reference answer)."""
    cases = json.loads((shared / "cases" / "cases" / f"{family}.json").read_text())["cases"]
    answers = json.loads((shared / "cases" / "reference" / f"{family}.json").read_text())["answers"]
    return [(case, answers[case["id"]]) for case in cases]


def kind(shared, *names):
    found = [(case, answer) for case, answer in solved(shared, "schedule") if case["family"] in names]
    assert found
    return found


def test_almgren_and_chriss(shared, sim):
    for case, answer in kind(shared, "almgren_chriss"):
        trades = np.array(schedule_ac(case)["trades"])
        assert np.abs(trades - answer["trades"]).max() <= NEAR * case["X"]
        cost, variance = sim.ac_eval(case, trades)
        assert cost + case["risk_aversion"] * variance == pytest.approx(answer["utility"], rel=NEAR)


def test_the_frontier(shared):
    for case, answer in kind(shared, "ac_frontier"):
        for ours, theirs in zip(frontier_ac(case), answer["points"], strict=True):
            assert ours["E"] == pytest.approx(theirs["E"], rel=NEAR)
            assert ours["V"] == pytest.approx(theirs["V"], rel=NEAR)


def test_vwap_and_twap_are_the_references_lots(shared):
    for case, answer in kind(shared, "vwap", "twap"):
        ours = (schedule_vwap if case["family"] == "vwap" else schedule_twap)(case)["schedule"]
        assert [float(text) for text in ours] == answer["rounded_schedule"], case["id"]
        assert sum(map(Decimal, ours)) == Decimal(str(case["quantity"]))


def test_pov(shared):
    for case, answer in kind(shared, "pov"):
        ours, theirs = np.cumsum(schedule_pov(case)["children"]), np.cumsum(answer["child_quantities"])
        assert np.abs(ours - theirs).max() <= NEAR * case["quantity"]


def test_placement_is_within_two_thousandths_of_the_reference(shared, sim):
    for case, answer in solved(shared, "cont_kukanov"):
        outflow = sim.ck_draws(case, answer["eval_draws"], answer["eval_seed"])
        found = place_ck(case)
        cost = sim.ck_cost(case, found["M"], found["L"], outflow).mean()
        assert cost <= 1.002 * answer["eval_cost"], case["id"]
        assert cost <= min(answer["baselines_eval_cost"].values()) * (1 + NEAR)


def test_known_dark_venues_get_the_optimum(shared, sim):
    for case, answer in solved(shared, "dark_pool"):
        fill = sim.dark_expected_fill(case["venues"], dark_known(case))
        assert fill == pytest.approx(answer["opt_expected_fill"], rel=NEAR)


def test_the_regret_of_learning_dark_venues(shared, sim):
    relative = []
    for case, answer in solved(shared, "dark_pool"):
        optimum, volume = answer["opt_expected_fill"], case["volume"]
        reach = [np.concatenate([[0.0], np.cumsum(sim.dark_tail(venue))]) for venue in case["venues"]]
        session = dark_session({"volume": volume, "venue_ids": [venue["id"] for venue in case["venues"]]})
        hidden, regret = sim.dark_sample(case["venues"], case["rounds"], case["seed0"]), 0.0
        for row in hidden:
            sent = session.allocate(volume)
            assert min(sent) >= 0
            assert sum(sent) <= volume
            regret += optimum - sum(fill[min(units, len(fill) - 1)] for fill, units in zip(reach, sent, strict=True))
            session.feedback(sent, [min(int(size), units) for size, units in zip(row, sent, strict=True)])
        relative.append(regret / case["rounds"] / optimum)
        best = min(rival["rel_regret_per_round"] for rival in answer["algorithms"].values())
        assert relative[-1] < best, case["id"]
    assert max(relative) < 0.043
