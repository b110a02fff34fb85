"""The table of a plan as text: pieces that are always the same, names, and numbers in decimal digits.

The text's words are given as `pieces`, so that only who keeps the log knows what they are.
"""

# ruff: noqa: PLR0917 - a kernel takes flat arrays by position: Numba has no cheaper way to group them

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from app.kernels.answer import (
    FEE_NANO,
    FIXED_COST_NANO,
    IMPACT_NANO,
    N_BOOK,
    N_CHILD,
    N_CHILDREN,
    N_HEAD,
    N_LEFT_OUT,
    N_PLANS,
    N_RIVAL,
    N_VENUES,
    SPREAD_NANO,
    TOTAL_NANO,
)
from app.kernels.jit import SOON, kernel
from app.kernels.text import TEXT

Bytes = npt.NDArray[np.uint8]
Int64 = npt.NDArray[np.int64]

WORDS: Final = "Array(int64, 1, 'C', True)"

# Which piece is which. Eight of a child's numbers have each their own before them; then a few that all rows share.
OPEN_CHILDREN: Final = 0
VENUE_FIRST: Final = 1
CHILD_NUMBERS: Final = 2
OPEN_LEFT_OUT: Final = 10
CODE: Final = 11
LIMIT: Final = 12
VALUE: Final = 13
OPEN_RIVALS: Final = 14
NAME: Final = 15
QTY: Final = 16
COST: Final = 17
N_USED: Final = 18
VENUE_LAST: Final = 19
OPEN_SPLIT: Final = 20
IMPACT: Final = 21
FEE: Final = 22
GAS: Final = 23
TOTAL: Final = 24
CLOSE: Final = 25
NEXT: Final = 26
NOBODY: Final = 27
BOOK_SEQ: Final = 28
AGE_NS: Final = 29
# Then the reasons, the names of the rivals, the names of the venues.
REASONS: Final = 30
N_REASONS: Final = 6
RIVALS: Final = REASONS + N_REASONS

MINUS: Final = 45
ZERO: Final = 48


@kernel("")
def put_piece(pieces: Bytes, ends: Int64, piece_i: int, out_text: Bytes, start: int) -> int:
    """Copies a piece. Returns the end."""
    begin = ends[piece_i - 1] if piece_i > 0 else 0
    n = ends[piece_i] - begin
    for i in range(n):
        out_text[np.uint64(start + i)] = pieces[np.uint64(begin + i)]
    return int(start + n)


@kernel("")
def put_number(value: int, out_text: Bytes, start: int) -> int:
    """Writes a number in decimal digits. Returns the end."""
    at = start
    left = np.uint64(value)
    if value < 0:
        out_text[at] = MINUS
        at += 1
        left = np.uint64(0) - left
    n, more = 1, left
    while more >= np.uint64(10):
        more //= np.uint64(10)
        n += 1
    for i in range(n):
        next_left = left // np.uint64(10)
        out_text[at + n - 1 - i] = np.uint8(ZERO + (left - next_left * np.uint64(10)))
        left = next_left
    return at + n


@kernel("")
def put_pair(pieces: Bytes, ends: Int64, piece_i: int, value: int, out_text: Bytes, start: int) -> int:
    """A piece, then a number."""
    return int(put_number(value, out_text, put_piece(pieces, ends, piece_i, out_text, start)))


@kernel("")
def open_row(pieces: Bytes, ends: Int64, row_i: int, first_i: int, name_i: int, out_text: Bytes, start: int) -> int:
    """A row's beginning: what parts it from the one before, its first word, a name."""
    at = put_piece(pieces, ends, NEXT, out_text, start) if row_i > 0 else start
    at = put_piece(pieces, ends, first_i, out_text, at)
    return int(put_piece(pieces, ends, name_i, out_text, at))


@kernel("")
def spell_rows(words: Int64, pieces: Bytes, ends: Int64, left_out: Bytes, out_text: Bytes) -> int:
    """Children, venues left out (those of `left_out` first) and rivals. Returns the end."""
    n_children, n_plans = words[N_CHILDREN], words[N_PLANS]
    venues = RIVALS + n_plans
    at, row = put_piece(pieces, ends, OPEN_CHILDREN, out_text, 0), N_HEAD
    for i in range(n_children):
        at = open_row(pieces, ends, i, VENUE_FIRST, venues + words[row], out_text, at)
        for column in range(1, N_CHILD):
            at = put_pair(pieces, ends, CHILD_NUMBERS + column - 1, words[row + column], out_text, at)
        at = put_piece(pieces, ends, CLOSE, out_text, at)
        row += N_CHILD
    at = put_piece(pieces, ends, OPEN_LEFT_OUT, out_text, at)
    for i in range(left_out.size):
        out_text[at + i] = left_out[i]
    at += left_out.size
    for i in range(words[N_VENUES] - n_children):
        at = open_row(pieces, ends, i + left_out.size, VENUE_FIRST, venues + words[row], out_text, at)
        at = put_piece(pieces, ends, CODE, out_text, at)
        at = put_piece(pieces, ends, REASONS + words[row + 1], out_text, at)
        at = put_pair(pieces, ends, LIMIT, words[row + 2], out_text, at)
        at = put_pair(pieces, ends, VALUE, words[row + 3], out_text, at)
        at = put_piece(pieces, ends, CLOSE, out_text, at)
        row += N_LEFT_OUT
    at = put_piece(pieces, ends, OPEN_RIVALS, out_text, at)
    for i in range(n_plans):
        at = open_row(pieces, ends, i, NAME, RIVALS + i, out_text, at)
        at = put_pair(pieces, ends, QTY, words[row], out_text, at)
        at = put_pair(pieces, ends, COST, words[row + 1], out_text, at)
        at = put_pair(pieces, ends, N_USED, words[row + 2], out_text, at)
        at = put_piece(pieces, ends, VENUE_LAST, out_text, at)
        at = put_piece(pieces, ends, venues + words[row + 3] if words[row + 3] >= 0 else NOBODY, out_text, at)
        at = put_piece(pieces, ends, CLOSE, out_text, at)
        row += N_RIVAL
    return at


@kernel(f"int64({WORDS}, {TEXT}, {WORDS}, {TEXT}, uint8[::1])", SOON)
def spell_plan(words: Int64, pieces: Bytes, ends: Int64, left_out: Bytes, out_text: Bytes) -> int:
    """A plan's table (kernels/answer.py) as text: children, venues left out, rivals, split; then, apart, the books.

    pieces, ends: uint8[], the words one after the other, and int64[], where each ends. left_out: text of those that
    were left out before. out_text: uint8[], long enough. Returns (where the books begin) x 2**32 + the end.
    Source: docs/kernels.md#answer.
    """
    at = spell_rows(words, pieces, ends, left_out, out_text)
    at = put_pair(pieces, ends, OPEN_SPLIT, words[SPREAD_NANO], out_text, at)
    at = put_pair(pieces, ends, IMPACT, words[IMPACT_NANO], out_text, at)
    at = put_pair(pieces, ends, FEE, words[FEE_NANO], out_text, at)
    at = put_pair(pieces, ends, GAS, words[FIXED_COST_NANO], out_text, at)
    at = put_pair(pieces, ends, TOTAL, words[TOTAL_NANO], out_text, at)
    books = at = put_piece(pieces, ends, CLOSE, out_text, at)
    n, n_children, n_plans = words[N_VENUES], words[N_CHILDREN], words[N_PLANS]
    row = N_HEAD + n_children * N_CHILD + (n - n_children) * N_LEFT_OUT + n_plans * N_RIVAL
    for v in range(n):
        at = open_row(pieces, ends, v, VENUE_FIRST, RIVALS + n_plans + v, out_text, at)
        at = put_pair(pieces, ends, BOOK_SEQ, words[row], out_text, at)
        at = put_pair(pieces, ends, AGE_NS, words[row + 1], out_text, at)
        at = put_piece(pieces, ends, CLOSE, out_text, at)
        row += N_BOOK
    return int(books << 32 | at)
