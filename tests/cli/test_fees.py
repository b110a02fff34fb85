from __future__ import annotations

from app.cli import fees


def test_a_fee_is_shown_with_its_source_and_date(service, bestex):
    fee = {"venue": "sim_a", "tier": "base", "taker_bps": "10", "maker_bps": "-0.5", "fixed": "0"}
    service.says("GET", "/v1/fees", {"data": [fee | {"source": "simulated", "as_of": "2026-01-31"}]})
    shown = bestex(fees).output
    assert all(part in shown for part in ("sim_a", "10", "-0.5", "simulated", "2026-01-31"))
