"""Lines survive the way there and back; anything else is refused."""

from __future__ import annotations

import msgspec
import pytest

from app.domain.enums import Side, TimeInForce
from app.domain.fills import ExecutionReport, ReportKind
from app.domain.orders import ChildOrder
from app.venues import wire
from app.venues.faults import Faults

CHILD = ChildOrder("chd", "id", "ord", "desk", 1, "v", "BTC/USDT", Side.BUY, TimeInForce.IOC, 100, 5, 1, 1, 2**62)


@pytest.mark.parametrize(
    "request_",
    [
        wire.Hello("v"),
        wire.SendChild(CHILD, 1, 2),
        wire.CancelChild(CHILD),
        wire.QueryChild(CHILD),
        wire.OpenAsk(3),
        wire.SetFaults(Faults(delay_ns=5, reject_code="no")),
    ],
)
def test_requests_survive(request_: wire.Request) -> None:
    line = wire.encode(request_)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert wire.decode_request(line) == request_


@pytest.mark.parametrize(
    "answer",
    [
        wire.Welcome("v"),
        wire.ReportMessage(ExecutionReport(ReportKind.FILLED, "v", "id", text="two\nlines", fee_nano=-5)),
        wire.BookMessage("BTC/USDT", 4, 2**61, ((1, 2),), ()),
        wire.OpenAnswer(3, is_known=True, client_ids=("a", "b")),
        wire.Problem("no"),
    ],
)
def test_answers_survive(answer: wire.Answer) -> None:
    assert wire.decode_answer(wire.encode(answer)) == answer


@pytest.mark.parametrize("line", [b"\n", b"{}\n", b'{"type":"welcome"}\n', b'{"type":"hello","venue":5}\n', b"\xff\n"])
def test_what_is_no_line_of_ours_is_refused(line: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        wire.decode_request(line)
