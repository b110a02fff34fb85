from __future__ import annotations

from app.cli import fees

FEE = {
    "venue": "sim_a",
    "market": "spot",
    "tier": "base",
    "taker_bps": "10",
    "maker_bps": "-0.5",
    "fixed": "0",
    "volume_30d": "120000",
    "next_tier": {"tier": "middle", "distance": "9880000"},
    "fee_token": {"asset": "TOK", "balance": "3", "discount_percent": "25", "is_counted": False},
    "audit": [{"liquidity": "taker", "observed_bps": "11", "n_fills": 4, "alarm_bps": "1"}],
    "source": "simulated",
    "as_of": "2026-01-31",
    "status": "verified",
}


def test_a_fee_is_shown_with_its_source_date_and_way_to_the_next_tier(service, bestex):
    service.says("GET", "/v1/fees", {"data": [FEE]})
    shown = bestex(fees, "--output", "json").output
    wanted = ("sim_a", "-0.5", "simulated", "2026-01-31", "middle", "9880000", "3 TOK, -25 % (not counted)")
    assert all(part in shown for part in wanted)
    assert "taker 11 bps, n=4 ALARM" in shown
    assert "sim_a" in bestex(fees).output


def test_published_tables_are_shown_row_by_row(service, bestex):
    rule = {"tier": "VIP 0", "volume": "0", "taker_bps": "10", "maker_bps": "9"}
    table = {"venue": "v", "market": "spot", "volume_currency": None, "status": "unverified", "as_of": "2026-11-25"}
    service.says("GET", "/v1/fees/tables", {"data": [table | {"source": "unverified", "tiers": [rule, rule]}]})
    shown = bestex(fees, "--tables").output
    assert shown.count("VIP 0") == 2
    assert "unverified" in shown
