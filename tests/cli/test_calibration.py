from __future__ import annotations

import json

from app.api.wire.calibration import calibration_json
from app.cli import calibration
from tests.learning import made


def test_coverage_skill_and_what_they_are_worth_are_shown(service, bestex):
    service.says("GET", "/v1/tca/calibration", calibration_json(made.calibration()))
    shown = bestex(calibration).output
    assert all(part in shown for part in ("made up", "2026-01-31", "n = 1 day, not evidence"))
    assert all(part in shown for part in ("size 50,000", "0.52 / 0.91", "skill over constant", "-0.031 [-0.05, -0.01]"))


def test_json_is_the_answer(service, bestex):
    answer = calibration_json(made.calibration())
    service.says("GET", "/v1/tca/calibration", answer)
    assert json.loads(bestex(calibration, "-o", "json").stdout) == answer
