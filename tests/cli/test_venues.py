"""Venues are listed with the age of their books, and served as a process that says when it is ready and ends well."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

from app.cli import venues
from tests.service_home import ended_at_last

VENUE = {
    "venue": "sim_a",
    "mode": "paper",
    "is_simulated": True,
    "is_enabled": True,
    "is_killed": False,
    "is_reachable": False,
    "state": "down",
    "state_reason": "not connected",
    "state_since": None,
    "clock_offset_ms": "-1.5",
    "budget_left": "0.75",
    "evidence": {"level": "L1", "date": "2026-11-26", "capture_year": "2021"},
    "latency_ms": "3",
    "book_age_ms": {"BTC/USDT": "12.5", "ETH/USDT": "40"},
    "symbols": ["BTC/USDT", "ETH/USDT"],
}


def test_a_venue_is_listed_with_its_oldest_book(service, bestex):
    service.says("GET", "/v1/venues", {"data": [VENUE]})
    row = json.loads(bestex(venues, "list", "-o", "json").stdout)[0]
    assert row["oldest_book_ms"] == 40
    assert row["level"] == "L1 2026-11-26 2021"
    assert "sim_a" in bestex(venues, "list").output


def test_serving_says_its_port_and_ends_on_interrupt(tmp_path):
    command = [sys.executable, "-m", "app.cli.main", "venues", "serve", "--home", str(tmp_path)]
    with ended_at_last(subprocess.Popen(command, stdout=subprocess.PIPE, text=True)) as process:
        assert process.stdout is not None
        word, port = process.stdout.readline().split()
        process.send_signal(signal.SIGINT)
        process.wait(60)
    assert word == "ready"
    assert int(port) > 0
    assert process.returncode == 0
    assert (tmp_path / "venues").is_dir()
