"""Estimates and their record as the API writes them: decimal texts in the shape of the schemas."""

from __future__ import annotations

from app.api.schemas.pretrade import CostEstimateAnswer, PretradeInfo
from app.api.wire.pretrade import estimate_json, pretrade_json
from app.learning.pretrade import CostEstimator
from app.services.pretrade import Record
from app.tca.foretold import judge_outcomes
from tests.learning.costs import made_ask, made_law
from tests.tca.test_foretold import outcomes


def test_an_estimate_has_its_shape_and_says_its_basis():
    told = estimate_json(CostEstimator(made_law()).estimate(made_ask(), 125_000))
    assert told is not None
    answer = CostEstimateAnswer.model_validate(told)
    assert told["participation"] == "0.125"
    assert told["basis"] == "simulated"
    assert answer.quantiles.p5 <= answer.quantiles.p50 <= answer.quantiles.p95
    assert estimate_json(None) is None


def test_what_is_not_known_is_null():
    told = estimate_json(CostEstimator(made_law()).estimate(made_ask()))
    assert told is not None
    assert told["participation"] is None


def test_the_record_has_its_shape():
    rows = judge_outcomes(outcomes(3))
    info = PretradeInfo.model_validate(pretrade_json(Record(made_law(), 60, 2, 3, rows)))
    assert not info.is_evidence
    assert len(info.rows) == len(rows)
