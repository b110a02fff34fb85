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
from app.kernels.text import NO_NUMBER, TEXT

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
NULL: Final = 30
# Then the reasons, the names of the rivals, the names of the venues, and what a fact about a plan says around its rows.
REASONS: Final = 31
N_REASONS: Final = 6
RIVALS: Final = REASONS + N_REASONS

# Of the last, in their order: before account and order, then before
F_ROUTE: Final = 2
F_ORDER: Final = 3
F_WAVE: Final = 4
F_SIDE: Final = 5
F_REQUESTED: Final = 6  # quantity and money, as of the next two
F_ALLOCATED: Final = 8
F_UNALLOCATED: Final = 10
F_CODE: Final = 12
F_MID: Final = 13  # and the best bid and ask
F_ROWS: Final = 16
F_OBJECTIVE: Final = 17  # and bound and gap
F_BOOKS: Final = 20
F_TERMS: Final = 21  # and receipt
F_ESTIMATED: Final = 23  # and low and high
F_CLOSE: Final = 26
N_NUMBERS: Final = 16
N_LINES: Final = 8

LINE_END: Final = 10
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
def spell_rows(words: Int64, pieces: Bytes, ends: Int64, left_out: Bytes, out_text: Bytes, start: int) -> int:
    """Children, venues left out (those of `left_out` first) and rivals. Returns the end."""
    n_children, n_plans = words[N_CHILDREN], words[N_PLANS]
    venues = RIVALS + n_plans
    at, row = put_piece(pieces, ends, OPEN_CHILDREN, out_text, start), N_HEAD
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


@kernel("")
def spell_split(words: Int64, pieces: Bytes, ends: Int64, out_text: Bytes, start: int) -> int:
    """What the cost consists of. Returns the end."""
    at = put_pair(pieces, ends, OPEN_SPLIT, words[SPREAD_NANO], out_text, start)
    at = put_pair(pieces, ends, IMPACT, words[IMPACT_NANO], out_text, at)
    at = put_pair(pieces, ends, FEE, words[FEE_NANO], out_text, at)
    at = put_pair(pieces, ends, GAS, words[FIXED_COST_NANO], out_text, at)
    at = put_pair(pieces, ends, TOTAL, words[TOTAL_NANO], out_text, at)
    return int(put_piece(pieces, ends, CLOSE, out_text, at))


@kernel("")
def books_at(words: Int64) -> int:
    """Where a table's rows of books begin."""
    n, n_children, n_plans = words[N_VENUES], words[N_CHILDREN], words[N_PLANS]
    return int(N_HEAD + n_children * N_CHILD + (n - n_children) * N_LEFT_OUT + n_plans * N_RIVAL)


@kernel("")
def spell_books(words: Int64, pieces: Bytes, ends: Int64, out_text: Bytes, start: int) -> int:
    """The books that were read. Returns the end."""
    at, row, names = start, books_at(words), RIVALS + words[N_PLANS]
    for v in range(words[N_VENUES]):
        at = open_row(pieces, ends, v, VENUE_FIRST, names + v, out_text, at)
        at = put_pair(pieces, ends, BOOK_SEQ, words[row], out_text, at)
        at = put_pair(pieces, ends, AGE_NS, words[row + 1], out_text, at)
        at = put_piece(pieces, ends, CLOSE, out_text, at)
        row += N_BOOK
    return int(at)


@kernel("")
def put_numbers(
    pieces: Bytes, ends: Int64, first_i: int, numbers: Int64, start_i: int, n: int, out_text: Bytes, start: int
) -> int:
    """`n` numbers, each behind its piece. Returns the end."""
    at = start
    for k in range(n):
        at = put_pair(pieces, ends, first_i + k, numbers[start_i + k], out_text, at)
    return int(at)


@kernel("")
def put_amount(
    pieces: Bytes, ends: Int64, first_i: int, numbers: Int64, start_i: int, out_text: Bytes, start: int
) -> int:
    """Quantity and money, each behind its piece; NO_NUMBER is the word of no number. Returns the end."""
    at = start
    for k in range(2):
        if numbers[start_i + k] == NO_NUMBER:
            at = put_piece(pieces, ends, first_i + k, out_text, at)
            at = put_piece(pieces, ends, NULL, out_text, at)
        else:
            at = put_pair(pieces, ends, first_i + k, numbers[start_i + k], out_text, at)
    return int(at)


@kernel("")
def end_of_line(texts: Bytes, start: int) -> int:
    """Where the line that begins at `start` ends."""
    at = start
    while at < texts.size and texts[at] != LINE_END:
        at += 1
    return int(at)


@kernel("")
def put_lines(
    pieces: Bytes, ends: Int64, first_i: int, texts: Bytes, byte_i: int, n: int, out_text: Bytes, start: int
) -> tuple[int, int]:
    """`n` lines, each behind its piece. Returns the end, and where the next line begins."""
    at, line = start, byte_i
    for k in range(n):
        at = put_piece(pieces, ends, first_i + k, out_text, at)
        end = end_of_line(texts, line)
        for i in range(end - line):
            out_text[np.uint64(at + i)] = texts[np.uint64(line + i)]
        at += end - line
        line = end + 1
    return at, line


@kernel(f"int64({WORDS}, {WORDS}, {TEXT}, {TEXT}, {WORDS}, uint8[::1], int64[::1])", SOON)
def spell_plans(
    words: Int64, numbers: Int64, texts: Bytes, pieces: Bytes, ends: Int64, out_text: Bytes, out_ends: Int64
) -> int:
    """Facts about plans of one market as text, one behind the other.

    words: int64[], the plans' tables (kernels/answer.py). numbers: int64[n * N_NUMBERS]. texts: N_LINES lines a plan:
    those left out before (in brackets), account, order, route, side, code, estimated terms, receipt. pieces, ends:
    uint8[], the words one after the other, and int64[], where each ends. out_text: uint8[], long enough. out_ends:
    int64[n], written: where each fact ends. Returns the last end.
    Source: docs/kernels.md#answer.
    """
    at, table, line = 0, 0, 0
    for i in range(out_ends.size):
        one, number = words[table:], i * N_NUMBERS
        form = RIVALS + one[N_PLANS] + one[N_VENUES]
        left_out_end = end_of_line(texts, line)
        left_out, first = texts[line + 1 : left_out_end - 1], left_out_end + 1
        at, route = put_lines(pieces, ends, form, texts, first, 2, out_text, at)
        order = end_of_line(texts, first) + 1
        at, side = put_lines(pieces, ends, form + F_ROUTE, texts, route, 1, out_text, at)
        at, _ = put_lines(pieces, ends, form + F_ORDER, texts, order, 1, out_text, at)
        at = put_numbers(pieces, ends, form + F_WAVE, numbers, number, 1, out_text, at)
        at, code = put_lines(pieces, ends, form + F_SIDE, texts, side, 1, out_text, at)
        at = put_amount(pieces, ends, form + F_REQUESTED, numbers, number + 1, out_text, at)
        at = put_numbers(pieces, ends, form + F_ALLOCATED, numbers, number + 3, 2, out_text, at)
        at = put_amount(pieces, ends, form + F_UNALLOCATED, numbers, number + 5, out_text, at)
        at, terms = put_lines(pieces, ends, form + F_CODE, texts, code, 1, out_text, at)
        at = put_numbers(pieces, ends, form + F_MID, numbers, number + 7, 3, out_text, at)
        at = put_piece(pieces, ends, form + F_ROWS, out_text, at)
        at = spell_rows(one, pieces, ends, left_out, out_text, at)
        at = spell_split(one, pieces, ends, out_text, at)
        at = put_numbers(pieces, ends, form + F_OBJECTIVE, numbers, number + 10, 3, out_text, at)
        at = put_piece(pieces, ends, form + F_BOOKS, out_text, at)
        at = spell_books(one, pieces, ends, out_text, at)
        at, line = put_lines(pieces, ends, form + F_TERMS, texts, terms, 2, out_text, at)
        at = put_numbers(pieces, ends, form + F_ESTIMATED, numbers, number + 13, 3, out_text, at)
        at = put_piece(pieces, ends, form + F_CLOSE, out_text, at)
        out_ends[i] = at
        table += books_at(one) + one[N_VENUES] * N_BOOK
    return int(at)
