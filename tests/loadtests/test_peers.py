"""The comparison must judge both sides alike: by the re-simulated output and by their own process's CPU."""

from __future__ import annotations

import json
import math

import pytest

from loadtests.peers import compare
from loadtests.peers.__main__ import main

PEER = "sushi_tines"


def recorded_plan(answers):
    """A route function that answers with the reference's own optimal plan."""
    return lambda case: {"legs": answers[case["id"]]["optimum"]["plan"]}


def test_a_ratio_above_one_means_that_ours_is_more():
    row = compare.Compared("a", "cp", 0.9999, 0.9990, 0.5, 2.0, 0.25)
    assert row.output_ratio > 1
    text = list(compare.lines([row, compare.LeftOut("b", "not supported: weighted")]))
    assert any("CPU ours / tines: median 0.250" in line for line in text)
    assert text[-1] == "left out: b, not supported: weighted"


def test_nothing_to_compare_is_an_empty_table():
    assert len(list(compare.lines([]))) == 2


@pytest.mark.shared_data
def test_recorded_peers_are_compared_with_the_output_we_simulate(shared):
    folder = shared / "cases"
    _, answers = compare.load(folder, "dex")
    ratios = compare.against_recorded(recorded_plan(answers), folder)
    assert len(ratios[PEER]) == 14
    # The optimum's plan is never below a rival by more than the simulator's own tolerance.
    assert all(min(values) > 1 - 1e-9 for values in ratios.values())
    assert max(ratios[PEER]) < 1.002


def test_a_peer_that_is_missing_is_said(monkeypatch):
    monkeypatch.setattr(compare, "is_installed", lambda: False)
    monkeypatch.setattr("sys.argv", ["peers"])
    with pytest.raises(SystemExit, match="npm ci"):
        main()


needs_peer = pytest.mark.skipif(not compare.is_installed(), reason="npm ci was not run in loadtests/peers/npm_sushi")


@needs_peer
@pytest.mark.shared_data
def test_the_live_peer_answers_as_it_did_when_it_was_recorded(shared):
    folder = shared / "cases"
    cases, answers = compare.load(folder, "dex")
    sim = compare.simulator(folder)
    with compare.serving(folder / "cases" / "dex.json") as peer:
        for case in cases:
            reply, recorded = peer.answer(case["id"]), answers[case["id"]]["peers"].get(PEER)
            kinds = {pool["type"] for pool in case["pools"]}
            assert ("error" in reply) == ("weighted" in kinds)
            if recorded and recorded.get("out") and "error" not in reply:
                assert math.isclose(sim.simulate_dex(case, reply["legs"])[0], recorded["out"], rel_tol=1e-5)


@needs_peer
@pytest.mark.shared_data
def test_the_live_peer_is_timed_by_its_own_cpu(shared, tmp_path):
    cases, _ = compare.load(shared / "cases", "dex")
    small = tmp_path / "cases.json"
    small.write_text(json.dumps([case for case in cases if case["id"] == "dex-027"]))
    with compare.serving(small) as peer:
        assert peer.cpu_ms("dex-027", 3) > 0
