"""A problem's outcome decides the exit code: scripts must never retry what may have happened."""

from __future__ import annotations

import pytest

from app.cli.exits import CommandError, Exit, exit_for_problem


@pytest.mark.parametrize(
    ("status", "problem", "expected"),
    [
        (422, {"outcome": "none"}, Exit.REJECTED),
        (409, {"outcome": "none"}, Exit.REJECTED),
        (429, {"outcome": "none"}, Exit.REJECTED),
        (503, {"outcome": "none"}, Exit.UNREACHABLE),
        (503, {"outcome": "unknown"}, Exit.UNKNOWN),
        (500, {}, Exit.UNKNOWN),
        (404, {}, Exit.REJECTED),
    ],
)
def test_exit_says_what_is_known(status, problem, expected):
    assert exit_for_problem(status, problem) is expected


def test_an_error_without_a_problem_makes_one():
    assert CommandError(Exit.USAGE, "two of a kind").problem == {"code": "usage", "detail": "two of a kind"}


def test_the_documented_numbers_never_move():
    assert {e.name: e.value for e in Exit} == {
        "OK": 0,
        "CHECK_FAILED": 1,
        "USAGE": 2,
        "REJECTED": 3,
        "UNKNOWN": 4,
        "UNREACHABLE": 5,
    }
