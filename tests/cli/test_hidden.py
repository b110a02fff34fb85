"""Hidden liquidity from the shell."""

from __future__ import annotations

import json

from app.cli import hidden

DARK = {
    "venue": "sim_golf",
    "symbol": "BTC/USDT",
    "side": "buy",
    "unit": "0.02",
    "n_answers": 12,
    "asked_qty": "3.5",
    "filled_qty": "1.25",
    "chances": ["0.71", "0.6", "0.5", "0.4", "0.3"],
    "leak_bps": "0.1",
    "pings": 3,
}
DEALER = {
    "venue": "sim_india",
    "symbol": "BTC/USDT",
    "side": "sell",
    "n_looks": 9,
    "hit_rate": "0.61",
    "adverse_bps": "0.4",
    "cost_bps": "0.15",
    "cost_low_bps": "0.05",
    "cost_high_bps": "0.25",
    "hold_ms": "40",
    "pings": 2,
}


def test_show_prints_both_tables(service, bestex):
    answer = {"max_pings_per_minute": 30, "dark": [DARK], "dealers": [DEALER]}
    service.says("GET", "/v1/hidden", answer)
    shown = bestex(hidden, "show").output
    assert "at most 30 questions" in shown
    assert all(
        part in shown
        for part in ("sim_golf", "0.71 0.60 0.50 0.40", "1.25 of 3.5", "sim_india", "0.61", "0.05 to 0.25")
    )
    assert json.loads(bestex(hidden, "show", "-o", "json").stdout) == answer


def test_show_says_when_there_are_none(service, bestex):
    service.says("GET", "/v1/hidden", {"max_pings_per_minute": 30, "dark": [], "dealers": []})
    assert "no venues without books" in bestex(hidden, "show").output
