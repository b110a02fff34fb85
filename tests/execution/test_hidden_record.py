"""Questions and answers of hidden liquidity, folded from facts."""

from __future__ import annotations

from app.domain.enums import Side
from app.domain.hidden_facts import DarkAnswered, DarkAsk, DarkAsked
from app.execution.hidden_record import ANSWERS_KEPT, HiddenRecord, apply

KEY = ("dark_x", "BTC/USDT", Side.BUY)


def asked(child_id: str, *, order_id: str = "o") -> DarkAsked:
    ask = DarkAsk("dark_x", child_id, 1_000, 200, 500_000, 400, 100, 10)
    return DarkAsked("desk", order_id, "BTC/USDT", Side.BUY, 200, (ask,), (), 12_000_000, 5)


def answered(child_id: str, filled_units: int, asked_units: int = 1_000) -> DarkAnswered:
    return DarkAnswered("desk", "o", child_id, *KEY, asked_units, 200, filled_units, 0)


def test_a_question_is_open_until_it_is_answered() -> None:
    record = HiddenRecord()
    apply(record, 7, asked("a"))
    assert list(record.open) == ["a"]
    assert record.n_waves == {"o": 1}
    apply(record, 8, answered("a", 400))
    assert not record.open
    assert [a.filled_units for a in record.answers[KEY]] == [400]


def test_what_was_refused_says_nothing_of_depth() -> None:
    record = HiddenRecord()
    apply(record, 7, asked("a"))
    apply(record, 8, answered("a", 0, asked_units=0))
    assert not record.open
    assert not record.answers


def test_pings_are_counted_from_a_moment_on() -> None:
    record = HiddenRecord()
    for ts_ns in (10, 20, 30):
        apply(record, ts_ns, asked(str(ts_ns)))
    assert [record.n_pings_since("dark_x", from_ns) for from_ns in (0, 10, 29, 30)] == [3, 2, 1, 0]
    assert record.n_pings_since("dark_y", 0) == 0


def test_an_order_that_asked_nobody_has_no_dark_wave() -> None:
    record = HiddenRecord()
    apply(record, 1, DarkAsked("desk", "o", "BTC/USDT", Side.BUY, 0, (), (("dark_x", "ping_budget"),), 0, 5))
    assert record.n_waves == {"o": 0}


def test_answers_are_bounded() -> None:
    record = HiddenRecord()
    for i in range(ANSWERS_KEPT + 5):
        apply(record, i, asked(str(i)))
        apply(record, i, answered(str(i), i % 1_000))
    assert len(record.answers[KEY]) == ANSWERS_KEPT
    assert record.answers[KEY][0].filled_units == 5
