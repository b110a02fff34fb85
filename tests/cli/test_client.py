"""The command's HTTP client: one request, sent once, every end told apart."""

from __future__ import annotations

import pytest

from app.cli.client import Client, connect, problem_text, segment
from app.cli.exits import CommandError, Exit
from app.cli.session import Role, Session, remember


def test_an_answer_is_decoded_and_the_key_is_sent(service):
    service.says("GET", "/v1/fees", {"data": [1]})
    assert Client(service.url, "secret").get("/v1/fees").body == {"data": [1]}
    assert service.asked[0].headers["authorization"] == "Bearer secret"


def test_members_that_are_none_are_left_out_of_the_query(service):
    service.says("GET", "/v1/orders", {"data": []})
    Client(service.url, "").get("/v1/orders", status=None, symbol="BTC/USDT")
    assert service.asked[0].path == "/v1/orders?symbol=BTC%2FUSDT"
    assert "authorization" not in service.asked[0].headers


def test_a_problem_carries_its_numbers_and_its_exit(service):
    error = {"pointer": "/qty", "code": "min_notional", "limit": "5", "actual": "3.2", "unit": "USDT", "hint": "More."}
    problem = {"code": "min_notional", "detail": "Too small.", "outcome": "none", "errors": [error]}
    service.says("POST", "/v1/orders", problem, 422)
    with pytest.raises(CommandError) as raised:
        Client(service.url, "k").post("/v1/orders", {})
    assert raised.value.code is Exit.REJECTED
    assert raised.value.problem == problem
    assert "limit 5, actual 3.2, unit USDT" in raised.value.detail
    assert "More." in raised.value.detail


def test_an_order_without_an_answer_is_unknown_and_never_sent_again(service):
    service.says("POST", "/v1/orders", None, status=0)
    with pytest.raises(CommandError) as raised:
        Client(service.url, "k").post("/v1/orders", {"qty": "1"})
    assert raised.value.code is Exit.UNKNOWN
    assert raised.value.problem["outcome"] == "unknown"
    assert len(service.asked) == 1


def test_a_read_without_an_answer_is_unreachable(service):
    service.says("GET", "/v1/fees", None, status=0)
    with pytest.raises(CommandError) as raised:
        Client(service.url, "k").get("/v1/fees")
    assert raised.value.code is Exit.UNREACHABLE


def test_nobody_listening_is_unreachable_even_for_an_order():
    with pytest.raises(CommandError) as raised:
        Client("http://127.0.0.1:1", "k").post("/v1/orders", {})
    assert raised.value.code is Exit.UNREACHABLE


@pytest.mark.parametrize("url", ["", "localhost:8080", "ftp://x", "http://"])
def test_an_address_that_is_none_is_usage(url):
    with pytest.raises(CommandError) as raised:
        Client(url, "")
    assert raised.value.code is Exit.USAGE


def test_pages_follow_the_cursor_until_enough(service):
    def page(path):
        return {"data": [{"n": 3}]} if "cursor=c" in path else {"data": [{"n": 1}, {"n": 2}], "next_cursor": "c"}

    service.says("GET", "/v1/orders", page)
    assert [item["n"] for item in Client(service.url, "").pages("/v1/orders", 10)] == [1, 2, 3]
    assert [item["n"] for item in Client(service.url, "").pages("/v1/orders", 1)] == [1]


def test_text_that_is_no_json_is_still_an_error_message(service):
    service.says("GET", "/v1/fees", b"<html>proxy</html>", 502)
    with pytest.raises(CommandError) as raised:
        Client(service.url, "").get("/v1/fees")
    assert raised.value.code is Exit.UNKNOWN
    assert "proxy" in raised.value.detail


def test_an_unknown_outcome_is_said_in_words():
    assert "look at the order" in problem_text(500, {"code": "internal", "outcome": "unknown"})


def test_a_symbol_keeps_its_slash_and_hides_nothing_else():
    assert segment("BTC/USDT:USDT") == "BTC/USDT:USDT"
    assert segment("client:a?b#c") == "client:a%3Fb%23c"


def test_what_was_started_last_is_what_commands_speak_to(service, tmp_path):
    data = tmp_path / "demo"
    data.mkdir()
    (data / "demo.key").write_text("bx_trader\n")
    (data / "operator.key").write_text("bx_operator\n")
    remember(tmp_path, Session(service.url, data))
    service.says("GET", "/v1/fees", {"data": []})
    connect("", "", tmp_path).get("/v1/fees")
    connect("", "", tmp_path, Role.OPERATOR).get("/v1/fees")
    connect("", "mine", tmp_path).get("/v1/fees")
    sent = [asked.headers["authorization"] for asked in service.asked]
    assert sent == ["Bearer bx_trader", "Bearer bx_operator", "Bearer mine"]
