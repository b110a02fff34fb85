"""The kill switch from the shell: an account may stop itself, everything wider takes the operator's key."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from app.cli import kill
from app.cli.session import Session, remember

REPORT = {
    "scope": "account",
    "target": "demo",
    "action": "cancel",
    "n_orders_hit": 2,
    "n_orders_done": 1,
    "n_unconfirmed": 1,
    "unconfirmed": [{"venue": "sim_a", "order_id": "ord_1", "child_id": "chd_1", "status": "unknown"}],
    "venue_only": [{"venue": "sim_b", "client_id": "X"}],
    "unreachable_venues": ["sim_c"],
}


def test_on_lists_what_nobody_has_confirmed(service, bestex):
    service.says("POST", "/v1/kill-switch", REPORT)
    shown = bestex(kill, "on", "--reason", "drill").output
    assert service.asked[0].body == {"scope": "account", "action": "cancel", "reason": "drill"}
    assert "2 orders hit, 1 done, 1 unconfirmed" in shown
    assert all(part in shown for part in ("chd_1", "unknown", "sim_b", "sim_c"))


def test_block_alone_cancels_nothing(service, bestex):
    service.says("POST", "/v1/kill-switch", REPORT)
    assert json.loads(bestex(kill, "on", "--reason", "r", "--block", "-o", "json").stdout) == REPORT
    assert service.asked[0].body["action"] == "block"


@pytest.mark.parametrize(("scope", "key"), [("account", "trader"), ("global", "operator"), ("venue", "operator")])
def test_wider_switches_take_the_operators_key(scope, key, service, tmp_path):
    (tmp_path / "demo.key").write_text("trader")
    (tmp_path / "operator.key").write_text("operator")
    remember(tmp_path, Session(service.url, tmp_path))
    service.says("DELETE", "/v1/kill-switch", {"scope": scope, "target": None})
    ended = CliRunner().invoke(kill.app, ["off", "--scope", scope, "--home", str(tmp_path)])
    assert ended.exit_code == 0, ended.output
    assert service.asked[0].headers["authorization"] == f"Bearer {key}"


def test_show_says_when_none_is_on(service, bestex):
    service.says("GET", "/v1/kill-switch", {"data": []})
    assert "no kill switch" in bestex(kill, "show").output
    service.says("GET", "/v1/kill-switch", {"data": [{"scope": "venue", "target": "sim_a", "action": "block"}]})
    assert "sim_a" in bestex(kill, "show").output
    assert json.loads(bestex(kill, "show", "-o", "json").stdout)["data"][0]["target"] == "sim_a"
