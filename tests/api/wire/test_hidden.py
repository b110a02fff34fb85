"""Beliefs of hidden liquidity on the wire."""

from __future__ import annotations

from app.api.schemas.hidden import HiddenInfo
from app.api.wire.hidden import hidden_json
from app.domain.enums import Side
from app.learning.hidden import LookBelief
from app.services.hidden import DarkView, DealerView, HiddenView
from tests.worlds import BTC_USDT


def test_units_become_text() -> None:
    dark = DarkView("dark_x", BTC_USDT, Side.BUY, 200, 3, 5_000, 1_200, (700_000, 250_000), 12, 2)
    dealer = DealerView("deal_a", BTC_USDT, Side.SELL, LookBelief(0.85, 33.3, 5, 1, 9, 40), 50_000_000, 1)
    told = hidden_json(HiddenView(30, (dark,), (dealer,)))
    assert HiddenInfo.model_validate(told)
    assert told["dark"][0] == {
        "venue": "dark_x",
        "symbol": "BTC/USDT",
        "side": "buy",
        "unit": "0.002",
        "n_answers": 3,
        "asked_qty": "0.05",
        "filled_qty": "0.012",
        "chances": ["0.7", "0.25"],
        "leak_bps": "0.12",
        "pings": 2,
    }
    row = told["dealers"][0]
    assert (row["hit_rate"], row["adverse_bps"], row["cost_bps"]) == ("0.85", "0.33", "0.05")
    assert (row["cost_low_bps"], row["cost_high_bps"], row["hold_ms"], row["n_looks"]) == ("0.01", "0.09", "50", 40)
