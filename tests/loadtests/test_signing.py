from __future__ import annotations

from loadtests import signing


def test_a_signature_is_measured_in_all_its_parts(monkeypatch):
    monkeypatch.setattr(signing, "VENUES", ("binance",))
    monkeypatch.setattr(signing, "N_QUICK", 50)
    (row,) = signing.measure(is_quick=True)
    assert row["venue"] == "binance"
    assert row["wall p50"] >= row["ccxt's sign"] > 0
    assert row["token minted"] > 0
