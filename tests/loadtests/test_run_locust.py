"""The load test's own verdict: it balances a real short run, and it can fail."""

from __future__ import annotations

import pytest

from loadtests.run_locust import Outcome, markdown, measure, percentile_ms

ROW = {"name": "/v1/orders", "method": "POST", "num_requests": 2, "num_failures": 0, "response_times": {"4": 1, "9": 1}}


def outcome(**changes):
    given = {
        "seconds": 1,
        "users": 5,
        "sent": {"a", "b"},
        "stored": {"a", "b"},
        "heard": {"l1": {"a", "b"}},
        "n_refused": 0,
        "n_gaps": 0,
        "requests": [ROW],
    }
    return Outcome(**(given | changes))


def test_equal_sets_balance():
    assert outcome().faults() == []
    assert "Everything balances." in markdown(outcome())


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"sent": set(), "stored": set(), "heard": {"l1": set()}}, "no order"),
        ({"stored": {"a"}}, "lacks 1"),
        ({"stored": {"a", "b", "c"}}, "has 1"),
        ({"heard": {}}, "no listener"),
        ({"heard": {"l1": {"a", "b"}, "l2": {"a"}}}, "l2 heard 1"),
        ({"n_gaps": 3}, "3 gaps"),
        ({"n_refused": 1}, "1 orders were refused"),
        ({"requests": [ROW | {"num_failures": 2}]}, "2 failures"),
    ],
)
def test_everything_that_does_not_balance_is_a_fault(changes, word):
    assert any(word in fault for fault in outcome(**changes).faults())
    assert "Does not balance" in markdown(outcome(**changes))


def test_quantiles_are_read_off_the_histogram():
    assert percentile_ms(ROW, 0.5) == 4
    assert percentile_ms(ROW, 0.99) == 9


@pytest.mark.postgres
def test_a_short_run_balances():
    measured = measure(users=5, seconds=4, rate=3.0)
    assert measured.faults() == []
    assert len(measured.sent) >= 10
