"""Mark prices as the engine's world reads them."""

from __future__ import annotations

from app.domain.trade import MarkPrice
from app.services.marks import MarkBoard


def test_the_newest_mark_of_each_venue_stands() -> None:
    board = MarkBoard()
    board.take([MarkPrice("a", "X", 10, 1, 1), MarkPrice("b", "X", 12, 1, 2), MarkPrice("a", "X", 11, 3, 3)])
    assert board.marks("X") == {"a": (11, 3), "b": (12, 2)}
    assert not board.marks("Y")


def test_what_will_be_told_is_known_before_it_is() -> None:
    board = MarkBoard()
    board.expect(["X"])
    assert board.is_told("X")
    assert not board.is_told("Y")
