from __future__ import annotations

from dataclasses import replace

import pytest

from app.domain.errors import InvariantBroken
from app.venues.cex.sweep import MAX_ROWS, Desk, Step, cancels, failure_of, first_request, load_sweeps

DESK = Desk("okx", "acme")
EACH = Step("private GET open", rows="data", each="private POST cancel", params={"id": "ordId"}, row_id="ordId")


def test_each_row_becomes_one_cancel_in_the_venues_words():
    answer = {"data": [{"ordId": "1"}, {"ordId": "2"}, {"ordId": "1"}]}
    found = list(cancels(DESK, EACH, answer))
    assert [request.params for request in found] == [{"id": "1"}, {"id": "2"}]
    assert {(r.venue, r.account, r.api, r.method, r.path) for r in found} == {
        ("okx", "acme", ("private",), "POST", "cancel")
    }


def test_where_the_body_is_a_list_each_cancel_is_a_list_of_one():
    step = replace(EACH, params={"id": "algoId"}, row_id="algoId", is_array=True)
    found = list(cancels(DESK, step, {"data": [{"algoId": "1"}, {"algoId": "2"}]}))
    assert [request.params for request in found] == [[{"id": "1"}], [{"id": "2"}]]


def test_no_rows_need_no_cancel():
    assert not list(cancels(DESK, EACH, {"data": []}))
    once = Step("private POST open", rows="open", each="private POST all", is_once=True)
    assert not list(cancels(DESK, once, {"open": {}}))
    assert len(list(cancels(DESK, once, {"open": {"a": 1, "b": 2}}))) == 1


@pytest.mark.parametrize("answer", [{}, {"data": None}, {"data": "x"}, {"data": [{}]}, [], None])
def test_an_answer_without_rows_is_an_error_and_never_an_empty_book(answer):
    with pytest.raises((ValueError, KeyError, TypeError)):
        list(cancels(DESK, EACH, answer))


@pytest.mark.parametrize(
    "answer",
    [
        {"code": "50011", "msg": "Too Many Requests", "data": []},  # OKX, with status 200
        {"retCode": 10006, "retMsg": "Too many visits!", "result": {"list": []}},
        {"error": ["EAPI:Rate limit exceeded"]},
        {"error": {"code": 10028, "message": "too_many_requests"}},
        {"status": "error", "err-code": "api-signature-not-valid", "data": None},
        {"success": False, "orders": []},
    ],
)
def test_a_failure_beside_an_empty_list_is_no_empty_book(answer):
    assert failure_of(answer)


@pytest.mark.parametrize(
    "answer",
    [
        [],
        {"code": "0", "data": []},
        {"code": "00000", "data": []},
        {"code": "200000", "data": {"items": []}},
        {"retCode": 0, "result": {"list": []}},
        {"error": [], "result": {"open": {}}},
        {"status": "ok", "data": []},
        {"jsonrpc": "2.0", "result": []},
        {"orders": [], "has_next": False},
    ],
)
def test_a_success_is_no_failure(answer):
    assert not failure_of(answer)


def test_an_answer_without_bound_is_cut(tmp_path):
    rows = {"data": [{"ordId": str(number)} for number in range(2 * MAX_ROWS)]}
    assert len(list(cancels(DESK, EACH, rows))) == MAX_ROWS


def test_a_switch_is_armed_with_its_seconds_and_disarmed_with_none():
    (step,) = load_sweeps()["okx"].dead_man
    assert first_request(DESK, step, 60).params == {"timeOut": "60"}
    assert first_request(DESK, step, 0).params == {"timeOut": "0"}
    assert load_sweeps()["okx"].timeout_s == 60


def test_coinbase_takes_a_list_of_ids():
    (step,) = load_sweeps()["coinbase"].steps
    (request,) = cancels(DESK, step, {"orders": [{"order_id": "a"}]})
    assert request.params == {"order_ids": ["a"]}


@pytest.mark.parametrize("part", ['steps = [{ call = "private GET open", whatever = 1 }]', "timeout_s = 60"])
def test_a_part_with_a_word_too_many_or_no_steps_is_refused(tmp_path, part):
    path = tmp_path / "venues.toml"
    path.write_text(f'[venues.x]\nccxt_id = "x"\n[venues.x.sweep]\n{part}\n')
    with pytest.raises(InvariantBroken):
        load_sweeps(path)
