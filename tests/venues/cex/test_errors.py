"""Only a vendor's code that proves it, or a byte never written, refuses an order; all else leaves it unknown."""

from __future__ import annotations

import pytest

from app.domain.errors import Unavailable
from app.domain.fills import ReportKind
from app.venues.cex.errors import (
    call_failed_to_connect,
    n_rows,
    placement_report,
    says_absent,
    unsent_report,
    vendor_words,
)
from app.venues.cex.profile_table import profile_of
from app.venues.cex.session import Call

R = ReportKind
BINANCE, OKX = profile_of("binance"), profile_of("okx")


def answered(answer: object, status: int = 400) -> Call:
    return Call("place", n_requests=1, may_have_left=True, status=status, answer=answer)


def outcome(profile, call, error=None, venue_order_id=""):
    report = placement_report(profile, "C1", call, error, venue_order_id)
    return report.kind, report.code


def test_a_code_that_proves_it_refuses():
    answer = {"code": -2010, "msg": "Account has insufficient balance for requested action."}
    assert outcome(BINANCE, answered(answer), ValueError()) == (R.REJECTED, "-2010")
    inner = {"code": "1", "data": [{"sCode": "51008", "sMsg": "Insufficient balance", "ordId": ""}], "msg": ""}
    assert outcome(OKX, answered(inner, 200), ValueError()) == (R.REJECTED, "51008")


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        ({"code": -2010, "msg": "Duplicate order sent."}, 400, "-2010"),
        ({"code": -1007, "msg": "Timeout waiting for response from backend server."}, 400, "-1007"),
        ({"code": "1", "data": [], "msg": "Operation failed."}, 200, "1"),
        ({"error": "bad request"}, 400, "bad request"),
        (None, 503, "http_503"),
        (None, 400, "http_400"),
    ],
)
def test_anything_else_that_came_back_leaves_it_unknown(answer, status, code):
    assert outcome(BINANCE, answered(answer, status), ValueError()) == (R.UNKNOWN, code)


def test_no_answer_is_unknown_and_no_byte_is_a_refusal():
    assert outcome(BINANCE, Call("place", n_requests=1, may_have_left=True), TimeoutError()) == (R.UNKNOWN, "no_answer")
    assert outcome(BINANCE, Call("place"), Unavailable("venue_unavailable", "no")) == (R.REJECTED, "not_sent")
    refused = RuntimeError()
    refused.__cause__ = ConnectionRefusedError()
    assert call_failed_to_connect(refused)
    assert outcome(BINANCE, Call("place", n_requests=1), refused) == (R.REJECTED, "not_connected")


def test_an_answer_needs_an_order_id_to_acknowledge():
    assert outcome(BINANCE, answered({"orderId": 7}, 200), None, "7")[0] is R.ACKED
    assert outcome(BINANCE, answered({}, 200), None, "")[0] is R.UNKNOWN
    assert outcome(BINANCE, answered({"orderId": 7}, 200), KeyError("parser"), "")[0] is R.UNKNOWN


def test_the_innermost_words_come_first():
    words = vendor_words({"code": "1", "data": [{"sCode": "51000", "sMsg": "bad"}]})
    assert [word.code for word in words] == ["51000", "1"]
    assert vendor_words({"error": ["EOrder:Insufficient funds"], "result": {}})[0].code == "EOrder:Insufficient funds"
    assert vendor_words({"code": "0", "data": [{"sCode": "0"}]}) == []
    assert vendor_words([[[[[["deep"]]]]]]) == []
    assert vendor_words("text") == []


def test_absence_needs_its_code_too():
    assert says_absent(BINANCE, answered({"code": -2013, "msg": "Order does not exist."}))
    assert not says_absent(BINANCE, answered({"code": -1003, "msg": "Too many requests"}))
    assert not says_absent(BINANCE, Call("query", may_have_left=True))


def test_an_answer_without_a_row_is_absence_only_where_the_table_says_so():
    bitget, empty = profile_of("bitget"), {"code": "00000", "msg": "success", "data": []}
    assert says_absent(bitget, answered(empty, 200))
    assert not says_absent(BINANCE, answered(empty, 200))
    assert not says_absent(bitget, answered(empty, 502))
    assert not says_absent(bitget, answered({"code": "00000", "data": [{"orderId": "7"}]}, 200))
    assert not says_absent(bitget, answered({"code": "40010", "data": []}, 200))
    assert n_rows(empty) == 0


def test_what_was_not_sent_is_refused_or_unknown_where_the_venue_may_have_it():
    barred = unsent_report(BINANCE, "C1", "deadline passed", is_known=True)
    assert (barred.kind, barred.code, barred.text, barred.evidence) == (
        R.REJECTED, "not_sent", "deadline passed", "local:barred",
    )  # fmt: skip
    assert unsent_report(BINANCE, "C1", "no answer", is_known=False).kind is R.UNKNOWN
