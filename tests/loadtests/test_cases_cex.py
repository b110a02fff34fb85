"""Every solved exchange problem beside the repository, judged by the scorer's own simulator and references."""

from __future__ import annotations

import importlib.util
import json
from decimal import Decimal

import pytest

from loadtests.cases_cex import decimal_of, n_decimals, pose, prove, scaled, split_cex

# What two exact Decimal costs of the same optimum may differ by in the reference's own float rounding.
EXCESS_BPS = 1e-6
PEER_FRAC = 1e-9


@pytest.fixture(scope="module")
def solved(shared):
    """(the scorer's simulator, the cases, their reference answers)."""
    folder = shared / "cases"
    found = importlib.util.spec_from_file_location("shared_cases_sim", folder / "sim.py")
    sim = importlib.util.module_from_spec(found)
    found.loader.exec_module(sim)
    cases = json.loads((folder / "cases" / "cex.json").read_text())["cases"]
    return sim, cases, json.loads((folder / "reference" / "cex.json").read_text())["answers"]


@pytest.mark.shared_data
def test_each_answer_is_valid_and_no_dearer_than_the_optimum_or_any_peer(solved):
    sim, cases, answers = solved
    for case in cases:
        alloc = split_cex(case)["alloc"]
        assert sim.cex_valid(case, alloc) == (True, ""), case["id"]
        cost, reference = sim.cex_cost(case, alloc), answers[case["id"]]
        optimum = Decimal(reference["optimum"]["cost"])
        assert float((cost - optimum) / abs(optimum)) * 1e4 < EXCESS_BPS, case["id"]
        for name, peer in reference["peers"].items():
            if peer and peer.get("complete"):
                lead = float((cost - Decimal(peer["cost"])) / abs(optimum))
                assert lead <= PEER_FRAC, (case["id"], name)


@pytest.mark.shared_data
def test_each_bound_is_proven_and_below_the_optimum(solved):
    _, cases, answers = solved
    for case in cases:
        proof, optimum = prove(case), Decimal(answers[case["id"]]["optimum"]["cost"])
        assert proof.status.value == "optimal", case["id"]
        assert proof.bound_nano <= int((optimum * 10**9).to_integral_value(rounding="ROUND_FLOOR")), case["id"]


def case_of(**changes):
    venue = {
        "id": "v00",
        "taker_fee_bps": 10.0,
        "maker_fee_bps": 0.0,
        "lot_size": 0.1,
        "min_notional": 5.0,
        "fixed_cost": 0.25,
        "asks": [[10.01, 2.0], [10.02, 1.55]],
    }
    return {"id": "own", "side": "buy", "quantity": 2.5, "venues": [venue]} | changes


def test_decimals_become_integers_exactly_and_come_back():
    problem, target_units, qty_scale = pose(case_of())
    assert (target_units, qty_scale) == (250, 2)
    assert problem.price_units.tolist() == [1001, 1002]
    assert problem.qty_units.tolist() == [200, 155]
    assert problem.terms[0, 4] == 50  # 5 of notional at 10.01 are 0.4995.., five lots
    assert split_cex(case_of()) == {"alloc": {"v00": "2.50"}}


def test_a_quantity_without_lots_is_an_error_and_no_answer():
    with pytest.raises(ValueError, match="units have no lot"):
        split_cex(case_of(quantity=2.55))


def test_numbers_that_do_not_fit_are_refused():
    assert n_decimals([decimal_of(0.25), decimal_of("1E+3")]) == 2
    with pytest.raises(ValueError, match="more than 1 decimals"):
        scaled(Decimal("0.25"), 1)
