"""Digits and pieces; that a whole plan's text is right, tests/store/test_plan_text.py holds against msgspec."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from app.kernels import spell

WORST = (-(2**63), -(2**63) + 1, -1, 0, 9, 10, 99, 100, 2**62, 2**63 - 1)
PIECES = (b"[", b"", b'"name"', b",")


def words():
    ends = np.cumsum([len(piece) for piece in PIECES], dtype=np.int64)
    return np.frombuffer(b"".join(PIECES), np.uint8), ends


def test_a_piece_is_copied_where_it_belongs():
    pieces, ends = words()
    out = np.zeros(12, np.uint8)
    for i, piece in enumerate(PIECES):
        end = spell.put_piece(pieces, ends, i, out, 2)
        assert out[2:end].tobytes() == piece


def test_a_number_with_its_piece():
    pieces, ends = words()
    out = np.zeros(40, np.uint8)
    end = spell.put_pair(pieces, ends, 2, -(2**63), out, 0)
    assert out[:end].tobytes() == b'"name"-9223372036854775808'


@example(WORST)
@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=20))
def test_a_number_is_its_digits(values):
    out = np.zeros(30, np.uint8)
    for value in values:
        end = spell.put_number(value, out, 3)
        assert out[3:end].tobytes() == b"%d" % value
