from __future__ import annotations

from app.api.schemas.calibration import CalibrationInfo
from app.api.wire.calibration import calibration_json
from tests.learning import made


def test_the_answer_has_the_documented_shape_and_decimals_are_text():
    answer = calibration_json(made.calibration(20))
    info = CalibrationInfo.model_validate(answer)
    (symbol,) = answer["symbols"]
    assert symbol["is_evidence"] is True
    assert symbol["evidence"] == "n = 20 days"
    assert symbol["impact"]["linear_bps"] == "0.2"
    assert symbol["impact"]["flow_per_s"] == "100000"
    assert symbol["slippage"]["table"][5] == {
        "urgency": "now", "delay_ms": "250", "walk_bps": "0.2", "p05_bps": "-0.4", "p25_bps": "-0.1", "p50_bps": "0.01",
        "p75_bps": "0.12", "p95_bps": "0.5", "mean_bps": "0.02",
    }  # fmt: skip
    assert symbol["skill"][0]["skill"] == "-0.031"
    assert info.symbols[0].coverage[0].n == 500
