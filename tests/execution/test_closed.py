"""Marks: what went in is always found, what did not is found as good as never, and the size is what is promised."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.events import fill_key
from app.execution.closed import Marks, fill_mark, name_mark

MARK = st.integers(0, 2**64 - 1)


@given(st.lists(st.one_of(MARK, st.sampled_from([0, 2**52 - 1, 2**52, 2**64 - 1]))), st.lists(MARK))
def test_it_is_a_set(marks: list[int], others: list[int]) -> None:
    kept = Marks()
    for mark in marks:
        kept.add(mark)
    assert len(kept) == len(set(marks))
    for mark in marks + others:
        assert (mark in kept) == (mark in set(marks))
    again = Marks(kept.pack())
    assert again == kept
    assert len(again) == len(kept)
    assert all(mark in again for mark in marks)


def test_a_million_marks_take_nine_bytes_each() -> None:
    random = Random(3)
    marks = sorted(random.getrandbits(64) for _ in range(200_000))
    kept = Marks(b"".join(mark.to_bytes(8, "little") for mark in marks))
    for _ in range(20_000):
        kept.add(random.getrandbits(64))
    empty = Marks().n_bytes
    assert kept.n_bytes - empty < 10 * len(kept)


def test_what_the_rows_do_not_have_is_forgiven() -> None:
    kept = Marks()
    mark = name_mark("desk", "c1")
    kept.add(mark)
    kept.forgiven.add(mark)
    assert mark not in kept


def test_marks_are_of_all_parts() -> None:
    assert name_mark("a", "bc") != name_mark("ab", "c")
    buy, sale = (fill_mark(fill_key("v", "desk", "BTC/USDT", "t1", sign)) for sign in (1, -1))
    assert buy != sale
    assert name_mark("desk", "t1") not in (buy, sale)


def test_marks_are_not_hashable() -> None:
    with pytest.raises(TypeError):
        hash(Marks())
