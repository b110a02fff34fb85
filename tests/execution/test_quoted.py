"""Answers find their order and let it go on; ends of children answer what was asked."""

from __future__ import annotations

from app.domain.fills import ReportKind
from app.domain.hidden_facts import DarkAnswered, DealerAnswered
from app.execution import inputs as inp
from app.execution.quoted import follow_hidden, on_quoted
from tests.execution.hidden_desk import hidden_desk, quoted, requests, rfq_order
from tests.worlds import sent


def test_the_last_answer_sets_the_route_off() -> None:
    desk = hidden_desk(fee_ppm=0)
    asks = requests(desk.turn(inp.Submit(rfq_order(), desk.core.world.mode)))
    first, second = (
        desk.turn(quoted(desk, ask, price)) for ask, price in zip(asks, (6_000_100, 6_009_000), strict=True)
    )
    assert first.replies == second.replies == [inp.Done()]
    assert not sent(first)
    assert sent(second)
    for child in sent(second):
        facts = [f.event for f in desk.report(child, ReportKind.CANCELED, cum_qty_lots=0).facts]
        assert [type(e) for e in facts if isinstance(e, DealerAnswered | DarkAnswered)] == [DealerAnswered]
    assert not desk.core.ledger.hidden.is_waiting
    assert callable(on_quoted)
    assert callable(follow_hidden)
