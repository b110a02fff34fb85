"""One catalogue, one shape, one table from domain errors to answers."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from pathlib import Path

import pytest

from app.api.errors import KINDS, MAX_ERRORS, FieldError, InvalidRequest, decimal_error, internal_error, problem_of
from app.api.schemas.problem import Problem as ProblemSchema
from app.domain.enums import REFUSALS, RefusalCode
from app.domain.errors import (
    BadDecimal,
    BadRequest,
    BestexError,
    InvariantBroken,
    OrderRefused,
    Rejected,
    Unavailable,
    Unknown,
)

REPOSITORY = Path(__file__).resolve().parents[2]


def document(problem):
    text = problem.body("/v1/orders", "req_1")
    members = json.loads(text)
    ProblemSchema.model_validate(members)
    return members


@pytest.mark.parametrize("code", list(RefusalCode), ids=str)
def test_every_refusal_is_answered_as_the_table_says(code):
    p_number, fix_103, status = REFUSALS[code]
    members = document(
        problem_of(OrderRefused(code, limit="5", value="3.2", unit="USDT", pointer="/qty", hint="More."))
    )
    assert (members["status"], members["code"], members["outcome"]) == (status, code.value, "none")
    assert (members["check"], members["fix_103"]) == (p_number, fix_103)
    assert members["type"] == f"/errors/{code.value.replace('_', '-')}"
    numbers = {"limit": "5", "actual": "3.2", "unit": "USDT"}
    if code is RefusalCode.MESSAGE_RATE:  # told as a rate; the wait is in the detail
        numbers = {"limit": "5", "actual": "", "unit": "orders/s"}
    assert members["errors"] == [{"pointer": "/qty", "code": code.value, "hint": "More."} | numbers]


@pytest.mark.parametrize(
    ("error", "status", "code", "outcome"),
    [
        (BadRequest("client_order_id_conflict", "taken"), 409, "client_order_id_conflict", "none"),
        (BadRequest("a_code_nobody_listed", "odd"), 422, "invalid_request", "none"),
        (
            InvalidRequest("invalid_quantity", "Wrong: qty.", [FieldError("/qty", "zero")]),
            422,
            "invalid_quantity",
            "none",
        ),
        (BadDecimal(reason="digits", limit="20.18", value="1"), 422, "invalid_request", "none"),
        (Unavailable("storage_degraded", "full"), 503, "storage_degraded", "none"),
        (Unavailable("history_unavailable", "away"), 503, "history_unavailable", "none"),
        (Unavailable("anything", "else"), 503, "unavailable", "none"),
        (Unknown(order="x"), 503, "outcome_unknown", "unknown"),
        (Rejected(code="x"), 422, "venue_rejected", "none"),
        (InvariantBroken(secret="x"), 500, "internal_error", "unknown"),
        (BestexError(secret="x"), 500, "internal_error", "unknown"),
    ],
)
def test_domain_errors_have_one_answer_each(error, status, code, outcome):
    members = document(problem_of(error))
    assert (members["status"], members["code"], members["outcome"]) == (status, code, outcome)


def test_our_mistakes_tell_nothing_of_their_cause():
    assert "secret" not in json.dumps(document(problem_of(InvariantBroken(secret="x"))))
    assert document(internal_error())["outcome"] == "unknown"


def test_rate_refusals_say_when_to_come_back():
    problem = problem_of(OrderRefused(RefusalCode.MESSAGE_RATE, limit="10", value="1500", unit="ms"))
    assert problem.status == 429
    assert problem.headers == {"Retry-After": "2"}
    assert problem.detail == "Too many orders: 10 a second are allowed; the next one in 1500 ms."
    assert (problem.errors[0].limit, problem.errors[0].unit) == ("10", "orders/s")


def test_a_refusal_on_record_carries_its_id():
    error = OrderRefused(RefusalCode.MIN_NOTIONAL)
    error.facts["refusal_id"] = "ref_1"
    assert document(problem_of(error))["refusal_id"] == "ref_1"


def test_errors_are_bounded():
    many = [FieldError(f"/{i}", "unknown_field") for i in range(MAX_ERRORS + 5)]
    assert len(document(problem_of(InvalidRequest("invalid_request", "Wrong.", many)))["errors"]) == MAX_ERRORS


def test_a_decimal_error_shows_the_right_form():
    error = decimal_error("/qty", BadDecimal(reason="form", limit="pattern", value="1e5"))
    assert error.limit == ""
    assert '"0.1"' in error.hint


def test_every_kind_is_complete():
    for code, kind in KINDS.items():
        assert kind.code == code
        assert re.fullmatch(r"[a-z][a-z0-9_]*", code)
        assert HTTPStatus(kind.status) >= 400
        assert kind.title
        assert kind.advice
    assert set(RefusalCode) <= {RefusalCode(c) for c in KINDS if c in set(RefusalCode)}


def test_every_code_that_is_raised_is_in_the_catalogue():
    """An unlisted code would be answered as invalid_request and have no page. Replays, calibrations and files of a
    shadow are commands."""
    pattern = re.compile(r"(?:BadRequest|Unavailable|InvalidRequest)\(\s*\"([a-z_]+)\"")
    raised = {
        code
        for room in ("api", "services", "execution", "risk", "routing")
        for path in (REPOSITORY / "app" / room).rglob("*.py")
        if not path.name.startswith(("replay", "calibrat", "pretrade", "shadow_files", "shadow_replay"))
        for code in pattern.findall(path.read_text())
    }
    assert raised
    assert raised <= set(KINDS)
