"""The table of a plan as text: JSON arrays of names and of numbers in decimal digits, spelled as store/unnamed.py does.

Names and words are given as `pieces`, so that only who keeps the log knows what they are.
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

# Which piece is which: the reasons, the names of the rivals, of the venues, and what else all of a market's plans say.
REASONS: Final = 0
N_REASONS: Final = 6
RIVALS: Final = REASONS + N_REASONS
# Of the last, in their order.
W_SYMBOL: Final = 0
W_PROOF: Final = 1  # status and solver
W_TERMS: Final = 2  # the certified ones
W_NULL: Final = 3
W_TRUE: Final = 4

# A plan's numbers: wave; quantity and money requested, allocated, left; mid and best prices; objective, bound and gap;
# estimate, its interval, and 1 where the bound was searched.
N_NUMBERS: Final = 17
REQUESTED: Final = 1
MID: Final = 7
OBJECTIVE: Final = 10
ESTIMATED: Final = 13
N_ESTIMATED: Final = 3
N_LINES: Final = 8

# Of an unsigned number of 64 bits.
MOST_DIGITS: Final = 20
LINE_END: Final = 10
COMMA: Final = 44
MINUS: Final = 45
ZERO: Final = 48
OPEN: Final = 91
CLOSE: Final = 93


@kernel("")
def put_byte(value: int, out_text: Bytes, start: int) -> int:
    """One byte. Returns the end."""
    out_text[np.uint64(start)] = value
    return start + 1


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
    """Writes a number in decimal digits, two at a time. Returns the end."""
    at = start
    left = np.uint64(value)
    if value < 0:
        at = put_byte(MINUS, out_text, at)
        left = np.uint64(0) - left
    n, reach = 1, np.uint64(10)
    while n < MOST_DIGITS and left >= reach:
        n += 1
        reach *= np.uint64(10)
    end = at + n
    while left >= np.uint64(10):
        above = left // np.uint64(100)
        pair = left - above * np.uint64(100)
        ten = pair // np.uint64(10)
        out_text[np.uint64(end - 1)] = np.uint8(np.uint64(ZERO) + (pair - ten * np.uint64(10)))
        out_text[np.uint64(end - 2)] = np.uint8(np.uint64(ZERO) + ten)
        end -= 2
        left = above
    if end > at:
        out_text[np.uint64(at)] = np.uint8(np.uint64(ZERO) + left)
    return at + n


@kernel("")
def put_next(value: int, out_text: Bytes, start: int) -> int:
    """A comma, then a number. Returns the end."""
    return int(put_number(value, out_text, put_byte(COMMA, out_text, start)))


@kernel("")
def open_row(pieces: Bytes, ends: Int64, row_i: int, name_i: int, out_text: Bytes, start: int) -> int:
    """A row's beginning: what parts it from the one before, its name. Returns the end."""
    at = put_byte(COMMA, out_text, start) if row_i > 0 else start
    return int(put_piece(pieces, ends, name_i, out_text, put_byte(OPEN, out_text, at)))


@kernel("")
def spell_children(words: Int64, pieces: Bytes, ends: Int64, out_text: Bytes, start: int) -> int:
    """Children, one row each. Returns the end."""
    at, row, venues = put_byte(OPEN, out_text, start), N_HEAD, RIVALS + words[N_PLANS]
    for i in range(words[N_CHILDREN]):
        at = open_row(pieces, ends, i, venues + words[row], out_text, at)
        for column in range(1, N_CHILD):
            at = put_next(words[row + column], out_text, at)
        at = put_byte(CLOSE, out_text, at)
        row += N_CHILD
    return int(put_byte(CLOSE, out_text, at))


@kernel("")
def spell_left_out(words: Int64, pieces: Bytes, ends: Int64, left_out: Bytes, out_text: Bytes, start: int) -> int:
    """Venues left out, those of `left_out` first; numbers of 0 at a row's end are not told. Returns the end."""
    n_children, venues = words[N_CHILDREN], RIVALS + words[N_PLANS]
    at, row = put_byte(OPEN, out_text, start), N_HEAD + n_children * N_CHILD
    for i in range(left_out.size):
        out_text[np.uint64(at + i)] = left_out[i]
    at += left_out.size
    for i in range(words[N_VENUES] - n_children):
        at = open_row(pieces, ends, i + left_out.size, venues + words[row], out_text, at)
        at = put_piece(pieces, ends, REASONS + words[row + 1], out_text, put_byte(COMMA, out_text, at))
        limit, value = words[row + 2], words[row + 3]
        if limit != 0 or value != 0:
            at = put_next(limit, out_text, at)
        if value != 0:
            at = put_next(value, out_text, at)
        at = put_byte(CLOSE, out_text, at)
        row += N_LEFT_OUT
    return int(put_byte(CLOSE, out_text, at))


@kernel("")
def rivals_at(words: Int64) -> int:
    """Where a table's rows of rivals begin."""
    n_children = words[N_CHILDREN]
    return int(N_HEAD + n_children * N_CHILD + (words[N_VENUES] - n_children) * N_LEFT_OUT)


@kernel("")
def spell_rivals(words: Int64, pieces: Bytes, ends: Int64, out_text: Bytes, start: int) -> int:
    """Rivals, each with its venue where it has one alone. Returns the end."""
    at, row, venues = put_byte(OPEN, out_text, start), rivals_at(words), RIVALS + words[N_PLANS]
    for i in range(words[N_PLANS]):
        at = open_row(pieces, ends, i, RIVALS + i, out_text, at)
        for column in range(N_RIVAL - 1):
            at = put_next(words[row + column], out_text, at)
        if words[row + 3] >= 0:
            at = put_piece(pieces, ends, venues + words[row + 3], out_text, put_byte(COMMA, out_text, at))
        at = put_byte(CLOSE, out_text, at)
        row += N_RIVAL
    return int(put_byte(CLOSE, out_text, at))


@kernel("")
def spell_split(words: Int64, out_text: Bytes, start: int) -> int:
    """What the cost consists of. Returns the end."""
    at = put_number(words[SPREAD_NANO], out_text, put_byte(OPEN, out_text, start))
    at = put_next(words[IMPACT_NANO], out_text, at)
    at = put_next(words[FEE_NANO], out_text, at)
    at = put_next(words[FIXED_COST_NANO], out_text, at)
    at = put_next(words[TOTAL_NANO], out_text, at)
    return int(put_byte(CLOSE, out_text, at))


@kernel("")
def books_at(words: Int64) -> int:
    """Where a table's rows of books begin."""
    return int(rivals_at(words) + words[N_PLANS] * N_RIVAL)


@kernel("")
def spell_books(words: Int64, pieces: Bytes, ends: Int64, out_text: Bytes, start: int) -> int:
    """The books that were read. Returns the end."""
    at, row, venues = put_byte(OPEN, out_text, start), books_at(words), RIVALS + words[N_PLANS]
    for v in range(words[N_VENUES]):
        at = open_row(pieces, ends, v, venues + v, out_text, at)
        at = put_next(words[row], out_text, at)
        at = put_next(words[row + 1], out_text, at)
        at = put_byte(CLOSE, out_text, at)
        row += N_BOOK
    return int(put_byte(CLOSE, out_text, at))


@kernel("")
def put_amount(pieces: Bytes, ends: Int64, null_i: int, value: int, out_text: Bytes, start: int) -> int:
    """A comma, then a number, or the word for none where it is NO_NUMBER. Returns the end."""
    if value != NO_NUMBER:
        return int(put_next(value, out_text, start))
    return int(put_piece(pieces, ends, null_i, out_text, put_byte(COMMA, out_text, start)))


@kernel("")
def end_of_line(texts: Bytes, start: int) -> int:
    """Where the line that begins at `start` ends."""
    at = start
    while at < texts.size and texts[at] != LINE_END:
        at += 1
    return int(at)


@kernel("")
def put_line(texts: Bytes, byte_i: int, out_text: Bytes, start: int) -> tuple[int, int]:
    """The line that begins at `byte_i`. Returns the end, and where the next line begins."""
    at, line = start, byte_i
    while line < texts.size and texts[np.uint64(line)] != LINE_END:
        out_text[np.uint64(at)] = texts[np.uint64(line)]
        at += 1
        line += 1
    return at, line + 1


@kernel("")
def put_next_line(texts: Bytes, byte_i: int, out_text: Bytes, start: int) -> tuple[int, int]:
    """A comma, then the line. As `put_line`."""
    at, line = put_line(texts, byte_i, out_text, put_byte(COMMA, out_text, start))
    return int(at), int(line)


@kernel("")
def spell_head(
    numbers: Int64, texts: Bytes, pieces: Bytes, ends: Int64, word_i: int, byte_i: int, out_text: Bytes, start: int
) -> tuple[int, int]:
    """What a plan is about, before its rows: six lines and ten numbers. Returns as `put_line`.

    numbers: int64[N_NUMBERS]. texts: account, order, route, side and code from `byte_i` on. word_i: the first of the
    words that all plans of the market say.
    """
    at, order = put_line(texts, byte_i, out_text, put_byte(OPEN, out_text, start))
    at, route = put_next_line(texts, order, out_text, at)
    at = put_byte(OPEN, out_text, put_byte(COMMA, out_text, at))
    at, side = put_line(texts, route, out_text, at)
    at, _ = put_next_line(texts, order, out_text, at)
    at = put_next(numbers[0], out_text, at)
    at = put_piece(pieces, ends, word_i + W_SYMBOL, out_text, put_byte(COMMA, out_text, at))
    at, code = put_next_line(texts, side, out_text, at)
    for k in range(REQUESTED, MID):
        at = put_amount(pieces, ends, word_i + W_NULL, numbers[k], out_text, at)
    at, line = put_next_line(texts, code, out_text, at)
    for k in range(MID, OBJECTIVE):
        at = put_next(numbers[k], out_text, at)
    return put_byte(COMMA, out_text, at), line


@kernel("")
def spell_proof(
    words: Int64,
    numbers: Int64,
    texts: Bytes,
    pieces: Bytes,
    ends: Int64,
    byte_i: int,
    out_text: Bytes,
    start: int,
) -> tuple[int, int]:
    """The certificate, with estimated terms and receipt from `byte_i` on. Returns as `put_line`.

    Of the estimate, its interval and whether the bound was searched is told what stands before the last that is not 0.
    """
    word_i = RIVALS + words[N_PLANS] + words[N_VENUES]
    at = put_number(numbers[OBJECTIVE], out_text, put_byte(OPEN, out_text, start))
    at = put_next(numbers[OBJECTIVE + 1], out_text, at)
    at = put_next(numbers[OBJECTIVE + 2], out_text, at)
    at = put_piece(pieces, ends, word_i + W_PROOF, out_text, put_byte(COMMA, out_text, at))
    at = spell_books(words, pieces, ends, out_text, put_byte(COMMA, out_text, at))
    at = put_piece(pieces, ends, word_i + W_TERMS, out_text, put_byte(COMMA, out_text, at))
    at, receipt = put_next_line(texts, byte_i, out_text, at)
    at, line = put_next_line(texts, receipt, out_text, at)
    n_told = N_ESTIMATED + 1
    while n_told > 0 and numbers[ESTIMATED + n_told - 1] == 0:
        n_told -= 1
    for k in range(min(n_told, N_ESTIMATED)):
        at = put_next(numbers[ESTIMATED + k], out_text, at)
    if n_told > N_ESTIMATED:
        at = put_piece(pieces, ends, word_i + W_TRUE, out_text, put_byte(COMMA, out_text, at))
    return put_byte(CLOSE, out_text, at), line


@kernel(f"int64({WORDS}, {WORDS}, {TEXT}, {TEXT}, {WORDS}, uint8[::1], int64[::1])", SOON)
def spell_plans(
    words: Int64, numbers: Int64, texts: Bytes, pieces: Bytes, ends: Int64, out_text: Bytes, out_ends: Int64
) -> int:
    """Facts about plans of one market as text, one behind the other.

    words: int64[], the plans' tables (kernels/answer.py). numbers: int64[n * N_NUMBERS]. texts: N_LINES lines a plan:
    those left out before (in brackets), account, order, route, side, code, estimated terms, receipt. pieces, ends:
    uint8[], names and words one after the other, and int64[], where each ends. out_text: uint8[], long enough.
    out_ends: int64[n], written: where each fact ends. Returns the last end.
    Source: docs/kernels.md#answer.
    """
    at, table, line = 0, 0, 0
    for i in range(out_ends.size):
        one, own = words[table:], numbers[i * N_NUMBERS :]
        word_i = RIVALS + one[N_PLANS] + one[N_VENUES]
        left_out_end = end_of_line(texts, line)
        left_out = texts[line + 1 : left_out_end - 1]
        at, line = spell_head(own, texts, pieces, ends, word_i, left_out_end + 1, out_text, at)
        at = put_byte(COMMA, out_text, spell_children(one, pieces, ends, out_text, at))
        at = put_byte(COMMA, out_text, spell_left_out(one, pieces, ends, left_out, out_text, at))
        at = put_byte(COMMA, out_text, spell_rivals(one, pieces, ends, out_text, at))
        at = put_byte(COMMA, out_text, spell_split(one, out_text, at))
        at, line = spell_proof(one, own, texts, pieces, ends, line, out_text, at)
        at = put_byte(CLOSE, out_text, put_byte(CLOSE, out_text, at))
        out_ends[i] = at
        table += books_at(one) + one[N_VENUES] * N_BOOK
    return int(at)
