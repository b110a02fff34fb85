"""Digits and pieces; that a whole plan's text is right, tests/store/test_plan_text.py holds against msgspec."""

import numpy as np
import pytest
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


def test_a_number_behind_a_comma():
    out = np.zeros(40, np.uint8)
    end = spell.put_next(-(2**63), out, 0)
    assert out[:end].tobytes() == b",-9223372036854775808"


@example(WORST)
@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=20))
def test_a_number_is_its_digits(values):
    out = np.zeros(30, np.uint8)
    for value in values:
        end = spell.put_number(value, out, 3)
        assert out[3:end].tobytes() == b"%d" % value


def test_no_number_has_a_word_of_its_own():
    pieces, ends = words()
    out = np.zeros(60, np.uint8)
    end = spell.put_amount(pieces, ends, 2, -7, out, 0)
    end = spell.put_amount(pieces, ends, 2, spell.NO_NUMBER, out, end)
    assert out[:end].tobytes() == b',-7,"name"'


def test_lines_are_copied_one_after_the_other_whatever_their_length():
    lines = np.frombuffer(b"first\n\nlast", np.uint8)
    assert [spell.end_of_line(lines, at) for at in (0, 6, 7)] == [5, 6, 11]
    out = np.zeros(60, np.uint8)
    end, behind = spell.put_line(lines, 0, out, 0)
    end, behind = spell.put_next_line(lines, behind, out, end)
    assert (out[:end].tobytes(), behind) == (b"first,", 7)
    end, behind = spell.put_next_line(lines, behind, out, end)
    assert (out[:end].tobytes(), behind) == (b"first,,last", 12)


@pytest.mark.parametrize(("limit", "value", "told"), [(0, 0, b""), (5, 0, b",5"), (0, -6, b",0,-6"), (5, 6, b",5,6")])
def test_numbers_of_nought_at_a_rows_end_are_not_told(limit, value, told):
    """One venue left out, no children, no rivals: the row's numbers stand in a table at its head's end."""
    pieces = [*(b"reason" for _ in range(spell.N_REASONS)), b"venue"]
    ends = np.cumsum([len(piece) for piece in pieces], dtype=np.int64)
    table = np.zeros(spell.N_HEAD + spell.N_LEFT_OUT, np.int64)
    table[spell.N_VENUES] = 1
    table[-2:] = limit, value
    out = np.zeros(60, np.uint8)
    text = np.frombuffer(b"".join(pieces), np.uint8)
    end = spell.spell_left_out(table, text, ends, np.zeros(0, np.uint8), out, 0)
    assert out[:end].tobytes() == b"[[venue,reason" + told + b"]]"
