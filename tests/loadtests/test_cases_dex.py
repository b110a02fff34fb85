"""The solved pool cases, re-simulated by their own simulator: optimal, within the wallet, no peer ahead."""

import importlib.util
import json

import pytest

from app.routing.solvers import dual
from loadtests.cases_dex import answer_of, problem_of

pytestmark = pytest.mark.shared_data


@pytest.fixture(scope="module")
def sim(shared):
    spec = importlib.util.spec_from_file_location("cases_sim", shared / "cases" / "sim.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def solved(shared, sim, family):
    """(case, reference answer, plan, simulated net output); a wallet overdrawn by anything at all is an error."""
    folder = shared / "cases"
    answers = json.loads((folder / "reference" / f"{family}.json").read_text())["answers"]
    for case in json.loads((folder / "cases" / f"{family}.json").read_text())["cases"]:
        problem = problem_of(case)
        plan = dual.solve(problem)
        out, n_legs, left = sim.simulate_dex(case, answer_of(problem, plan)["legs"], tol=0.0)
        assert left <= 1e-9 * case["amount_in"]
        assert plan.out_units == pytest.approx(out, rel=1e-9)
        yield case, answers[case["id"]], plan, out - case.get("gas_cost_out_per_pool", 0.0) * n_legs


@pytest.mark.parametrize(("family", "key"), [("dex", "out"), ("dex_gas", "net")])
def test_every_case_is_optimal_and_no_peer_is_ahead(shared, sim, family, key):
    n_seen = 0
    for case, answer, plan, net in solved(shared, sim, family):
        n_seen += 1
        assert net >= answer["optimum"][key] * (1 - 2e-9), case["id"]
        assert plan.bound_units >= net * (1 - 1e-12), case["id"]
        assert plan.gap_bps < 1e-4, case["id"]
        for name, peer in answer["peers"].items():
            reached = peer.get(key) or peer.get("out") if key == "out" else peer.get(key)
            if reached:
                assert net >= reached * (1 - 1e-9), (case["id"], name)
    assert n_seen >= 4
