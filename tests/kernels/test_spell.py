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


def test_no_number_has_a_word_of_its_own():
    pieces = [b""] * spell.NULL + [b"null", b"a:", b",b:"]
    ends = np.cumsum([len(piece) for piece in pieces], dtype=np.int64)
    text, out = np.frombuffer(b"".join(pieces), np.uint8), np.zeros(60, np.uint8)
    numbers = np.array([9, spell.NO_NUMBER, -7], np.int64)
    end = spell.put_amount(text, ends, spell.NULL + 1, numbers, 1, out, 0)
    assert out[:end].tobytes() == b"a:null,b:-7"
    end = spell.put_numbers(text, ends, spell.NULL + 1, numbers, 1, 2, out, 0)
    assert out[:end].tobytes() == b"a:-9223372036854775808,b:-7"


def test_lines_stand_behind_their_pieces_whatever_their_length():
    pieces, ends = words()
    lines = np.frombuffer(b"first\n\nlast", np.uint8)
    assert [spell.end_of_line(lines, at) for at in (0, 6, 7)] == [5, 6, 11]
    out = np.zeros(60, np.uint8)
    end, behind = spell.put_lines(pieces, ends, 0, lines, 0, 2, out, 0)
    assert (out[:end].tobytes(), behind) == (b"[first", 7)
    end, behind = spell.put_lines(pieces, ends, 3, lines, behind, 1, out, end)
    assert (out[:end].tobytes(), behind) == (b"[first,last", 12)
