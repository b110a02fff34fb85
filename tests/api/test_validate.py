"""From pydantic's words to ours; and no input can make the answer fail."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.decode import Number, decode_object
from app.api.errors import FieldError, InvalidRequest, problem_of
from app.api.schemas.order import OrderBody, OrdersQuery
from app.api.validate import invalid, validate, validate_query

GOOD = {"symbol": "BTC/USDT", "side": "buy", "type": "market", "qty": "1"}


def errors_of(members) -> dict[str, FieldError]:
    with pytest.raises(InvalidRequest) as caught:
        validate(OrderBody, decode_object(json.dumps(members).encode()))
    json.loads(problem_of(caught.value).body("/", "r"))
    return {error.pointer: error for error in caught.value.errors}


def test_a_good_body_passes():
    assert validate(OrderBody, GOOD).symbol == "BTC/USDT"


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"qty": 1}, "/qty", "decimal_string_required"),
        ({"qty": 0.1}, "/qty", "decimal_string_required"),
        ({"qty": True}, "/qty", "decimal_string_required"),
        ({"qty": ["1"]}, "/qty", "decimal_string_required"),
        ({"qty": "1e5"}, "/qty", "decimal_form"),
        ({"qty": "-1"}, "/qty", "decimal_form"),
        ({"qty": "１"}, "/qty", "decimal_form"),
        ({"qty": "0.1000000000000000001"}, "/qty", "digits"),
        ({"qyt": "1"}, "/qyt", "unknown_field"),
        ({"side": "long"}, "/side", "unknown_value"),
        ({"side": None}, "/side", "unknown_value"),
        ({"type": 1}, "/type", "unknown_value"),
        ({"symbol": 5}, "/symbol", "wrong_type"),
        ({"symbol": ""}, "/symbol", "too_short"),
        ({"client_order_id": "a b"}, "/client_order_id", "form"),
        ({"client_order_id": "x" * 65}, "/client_order_id", "form"),
        ({"venues": "all"}, "/venues", "wrong_type"),
        ({"venues": {"include": "a"}}, "/venues/include", "wrong_type"),
        ({"venues": {"max": 0}}, "/venues/max", "too_small"),
        ({"venues": {"max": "3"}}, "/venues/max", "integer_required"),
        ({"venues": {"max": 2.0}}, "/venues/max", "integer_required"),
        ({"wait_ms": 10_001}, "/wait_ms", "too_big"),
        ({"wait_ms": True}, "/wait_ms", "integer_required"),
        ({"require_full_fill": "true"}, "/require_full_fill", "wrong_type"),
        ({"require_full_fill": 1}, "/require_full_fill", "wrong_type"),
        ({"tags": {"a b": "x"}}, "/tags/a b", "form"),
        ({"tags": {"a": 1}}, "/tags/a", "wrong_type"),
        ({"decision_at": "yesterday"}, "/decision_at", "time_form"),
        ({"decision_at": "2026-02-30T00:00:00Z"}, "/decision_at", "time_form"),
        ({"deadline": 1_700_000_000}, "/deadline", "time_form"),
    ],
)
def test_each_wrong_field_is_named_with_the_way_out(change, pointer, code):
    errors = errors_of(GOOD | change)
    assert errors[pointer].code == code
    assert errors[pointer].hint


def test_missing_members_are_all_named():
    assert set(errors_of({})) >= {"/symbol", "/side", "/type"}


def test_a_number_for_a_decimal_shows_the_string():
    assert '"0.1"' in errors_of(GOOD | {"qty": 0.1})["/qty"].hint


def test_a_near_miss_is_suggested():
    assert "client_order_id" in errors_of(GOOD | {"client_orderid": "a"})["/client_orderid"].hint


def test_the_code_is_the_fields_where_all_agree():
    with pytest.raises(InvalidRequest) as caught:
        validate(OrderBody, GOOD | {"qty": "1e5"})
    assert caught.value.code == "invalid_quantity"
    assert invalid([FieldError("/limit_price", "increment")]).code == "invalid_price_increment"
    assert invalid([FieldError("/limit_price", "increment"), FieldError("/qty", "digits")]).code == "invalid_request"
    assert invalid([FieldError("/qty", "missing")]).code == "invalid_request"


def test_queries_are_strict_too():
    query = validate_query(OrdersQuery, [("limit", "7"), ("status", "open")])
    assert (query.limit, query.status) == (7, "open")
    for pairs in ([("limit", "0")], [("limit", "201")], [("limit", "1e1")], [("limit", "１")], [("nope", "1")]):
        with pytest.raises(InvalidRequest):
            validate_query(OrdersQuery, pairs)
    with pytest.raises(InvalidRequest) as caught:
        validate_query(OrdersQuery, [("limit", "1"), ("limit", "2")])
    assert caught.value.errors[0].code == "duplicate"


leaves = (
    st.none()
    | st.booleans()
    | st.text(max_size=20)
    | st.from_regex(r"-?[0-9]{1,30}(\.[0-9]{1,5})?", fullmatch=True).map(lambda t: Number(t, is_integer="." not in t))
)
names = st.sampled_from(sorted(OrderBody.model_fields)) | st.text(max_size=10)


@given(
    st.dictionaries(
        names, leaves | st.lists(leaves, max_size=3) | st.dictionaries(names, leaves, max_size=3), max_size=8
    )
)
def test_any_members_are_an_order_or_a_writable_refusal(members):
    try:
        validate(OrderBody, members)
    except InvalidRequest as refusal:
        assert refusal.errors
        json.loads(problem_of(refusal).body("/v1/orders", "req"))


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        ({"legs": {}}, "Use a JSON array."),
        ({"legs": [[]]}, "Use a JSON object."),
        ({"venues": "all"}, "Use a JSON object."),
        (
            {"strategy": "magic", "strategy_params": {}},
            "Its shape is that of the order's strategy: twap, vwap, pov or is.",
        ),
        ({"expire_at": "2150-01-01T00:00:00Z"}, "Use a time after 1970 and before 2116."),
    ],
)
def test_hints_are_in_the_words_of_json_and_not_of_our_classes(change, hint):
    with pytest.raises(InvalidRequest) as caught:
        validate(OrderBody, GOOD | change)
    assert hint in {error.hint for error in caught.value.errors}
