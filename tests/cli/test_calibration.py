from __future__ import annotations

import json

from app.api.wire.calibration import calibration_json
from app.api.wire.pretrade import pretrade_json
from app.cli import calibration
from app.services.pretrade import Record
from app.tca.foretold import judge_outcomes
from tests.learning import made
from tests.learning.costs import made_law
from tests.tca.test_foretold import outcomes


def test_coverage_skill_and_what_they_are_worth_are_shown(service, bestex):
    service.says("GET", "/v1/tca/calibration", calibration_json(made.calibration()))
    shown = bestex(calibration).output
    assert all(part in shown for part in ("made up", "2026-01-31", "n = 1 day, not evidence"))
    assert all(part in shown for part in ("size 50,000", "0.52 / 0.91", "skill over constant", "-0.031 [-0.05, -0.01]"))


def test_json_is_the_answer(service, bestex):
    answer = calibration_json(made.calibration())
    service.says("GET", "/v1/tca/calibration", answer)
    assert json.loads(bestex(calibration, "-o", "json").stdout) == answer


def test_the_record_of_whole_orders_is_shown_and_that_it_is_no_evidence(service, bestex):
    record = Record(made_law(), 60, 2, 3, judge_outcomes(outcomes(3)))
    service.says(
        "GET", "/v1/tca/calibration", calibration_json(made.calibration()) | {"pretrade": pretrade_json(record)}
    )
    shown = bestex(calibration).output
    assert "3 days, not evidence" in shown
    assert "pretrade-simulated" in shown
    assert "strategy twap" in shown
