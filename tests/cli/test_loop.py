"""The loop from the shell: what is believed of whom and why, and the operator's switch."""

from __future__ import annotations

import json

import pytest

from app.cli import loop

ROW = {
    "measure": "markout",
    "venue": "sim_a",
    "symbol": "BTC/USDT",
    "side": "buy",
    "is_demoted": True,
    "ppm": 96,
    "low_ppm": 61,
    "high_ppm": 131,
    "tried_ppm": 120_000,
    "n_observed": 63,
    "reason": "demoted",
}
WELL = ROW | {"venue": "sim_b", "is_demoted": False, "reason": "measured", "tried_ppm": 1_000_000}


def test_show_names_the_demoted_first_with_reason_and_interval(service, bestex):
    service.says("GET", "/v1/loop", {"enabled": True, "is_allowed": True, "beliefs": [WELL, ROW]})
    shown = bestex(loop, "show").output
    assert "loop on" in shown
    assert shown.index("sim_a") < shown.index("sim_b")
    assert all(part in shown for part in ("demoted", "61 to 131", "12 %", "63", "well"))


def test_show_says_when_nothing_is_believed_and_when_the_setting_forbids(service, bestex):
    service.says("GET", "/v1/loop", {"enabled": False, "is_allowed": False, "beliefs": []})
    shown = bestex(loop, "show").output
    assert "loop off (the setting routing.loop forbids it)" in shown
    assert "nothing is believed" in shown


@pytest.mark.parametrize(("word", "is_on"), [("on", True), ("off", False)])
def test_on_and_off_ask_for_it_and_print_what_the_service_then_says(word, is_on, service, bestex):
    answer = {"enabled": is_on, "is_allowed": True, "beliefs": [ROW]}
    service.says("PUT", "/v1/loop", answer)
    assert json.loads(bestex(loop, word, "-o", "json").stdout) == answer
    assert (service.asked[0].method, service.asked[0].body) == ("PUT", {"enabled": is_on})
    assert f"loop {word}" in bestex(loop, word).output
