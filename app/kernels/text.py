"""A venue's message as bytes: where the members of an object are, and decimal numbers as integers, without a float.

Text is uint8[n], JSON as venues write it. Nothing is copied and no object is made; a place is a byte's index, and -1
stands for none. What is broken ends in a place of -1, never in a wrong number.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from app.kernels.jit import CALL, kernel

Bytes = npt.NDArray[np.uint8]
Int64 = npt.NDArray[np.int64]

TEXT: Final = "Array(uint8, 1, 'C', True)"
QUOTE: Final = 34
BACKSLASH: Final = 92
COMMA: Final = 44
COLON: Final = 58
MINUS: Final = 45
POINT: Final = 46
ZERO: Final = 48
SQUARE: Final = 91
SQUARE_END: Final = 93
BRACE: Final = 123
BRACE_END: Final = 125
SPACE: Final = 32
# A number keeps room for arithmetic: more digits than these are refused, not wrapped.
MOST_UNITS: Final = 2**62 // 10
NO_NUMBER: Final = -(2**63)


def word_of(name: str) -> int:
    """The number that `scan_members` makes of a member's name."""
    found = 0
    for byte in name.encode():
        found = (found * 131 + byte + 1) & 0xFFFF_FFFF_FFFF_FFFF
    return found - 2**64 if found >= 2**63 else found


@kernel("")
def skip_space(text: Bytes, start: int) -> int:
    """The first place from `start` on that is no white space."""
    place = start
    while place < text.size and text[place] <= SPACE:
        place += 1
    return place


@kernel("")
def skip_string(text: Bytes, start: int) -> int:
    """The place behind the string that opens at `start`; -1 where it never closes."""
    place = start + 1
    while place < text.size:
        if text[place] == BACKSLASH:
            place += 1
        elif text[place] == QUOTE:
            return place + 1
        place += 1
    return -1


@kernel("")
def skip_value(text: Bytes, start: int) -> int:
    """The place behind the value that begins at `start`; -1 where it never ends."""
    place = start
    depth = 0
    while place < text.size:
        byte = text[place]
        if byte == QUOTE:
            place = skip_string(text, place)
            if place < 0 or depth == 0:
                return place
            continue
        if byte in (SQUARE, BRACE):
            depth += 1
        elif byte in (SQUARE_END, BRACE_END):
            if depth <= 1:
                return place + depth
            depth -= 1
        elif byte == COMMA and depth == 0:
            return place
        place += 1
    return place if depth == 0 else -1


@kernel("")
def read_name(text: Bytes, start: int) -> tuple[int, int]:
    """(word_of a member's name, the place of its value) of the name that opens at `start`; place -1 if it is broken."""
    end = skip_string(text, start)
    if end < 0:
        return 0, -1
    word = 0
    for i in range(start + 1, end - 1):
        word = int(word * 131 + text[i] + 1)
    place = skip_space(text, end)
    if place >= text.size or text[place] != COLON:
        return 0, -1
    return word, skip_space(text, place + 1)


@kernel("")
def scan_members(text: Bytes, start: int, words: Int64, out_places: Int64) -> int:
    """Finds members of the object that opens at `start` by name; returns the place behind it, -1 if it is broken.

    words: int64[k] of word_of(name). out_places: int64[k], written: where each one's value begins, -1 if absent.
    """
    for k in range(words.size):
        out_places[k] = -1
    place = skip_space(text, start)
    if place >= text.size or text[place] != BRACE:
        return -1
    place = skip_space(text, place + 1)
    while place < text.size and text[place] == QUOTE:
        word, place = read_name(text, place)
        if place < 0:
            return -1
        for k in range(words.size):
            if words[k] == word:
                out_places[k] = place
        place = skip_value(text, place)
        if place < 0:
            return -1
        place = skip_space(text, place)
        if place < text.size and text[place] == COMMA:
            place = skip_space(text, place + 1)
    if place >= text.size or text[place] != BRACE_END:
        return -1
    return place + 1


@kernel("")
def read_units(text: Bytes, start: int, scale: int) -> tuple[int, int]:
    """(units of 10^-scale, place behind) of the number or quoted number at `start`; place -1 where it is not one.

    A digit beyond `scale` that is not 0, an exponent, or a number too large for exact arithmetic is refused alike.
    """
    place = start
    is_quoted = place < text.size and text[place] == QUOTE
    if is_quoted:
        place += 1
    is_negative = place < text.size and text[place] == MINUS
    if is_negative:
        place += 1
    units = 0
    n_digits = 0
    n_decimals = -1
    while place < text.size:
        digit = int(text[place]) - ZERO
        if 0 <= digit <= 9:
            n_digits += 1
            if n_decimals >= 0:
                n_decimals += 1
            if n_decimals <= scale:
                if units > MOST_UNITS:
                    return 0, -1
                units = units * 10 + digit
            elif digit > 0:
                return 0, -1
        elif text[place] == POINT and n_decimals < 0:
            n_decimals = 0
        else:
            break
        place += 1
    for _ in range(scale - max(min(n_decimals, scale), 0)):
        if units > MOST_UNITS:
            return 0, -1
        units *= 10
    if n_digits == 0:
        return 0, -1
    is_whole = place == text.size
    if is_quoted:
        if is_whole or text[place] != QUOTE:
            return 0, -1
        place += 1
    elif not is_whole and not (text[place] in (COMMA, SQUARE_END, BRACE_END) or text[place] <= SPACE):
        return 0, -1
    return (-units if is_negative else units), place


@kernel("")
def read_levels(text: Bytes, start: int, price_scale: int, qty_scale: int, out_levels: Int64) -> tuple[int, int]:
    """(number of levels, place behind) of the list of [price, quantity, ...] at `start`; place -1 where it is broken.

    out_levels: int64[m, 2], written; more than m levels, a price that is not positive or a negative quantity break it.
    """
    place = skip_space(text, start)
    if place >= text.size or text[place] != SQUARE:
        return 0, -1
    place = skip_space(text, place + 1)
    n = 0
    while place < text.size and text[place] == SQUARE:
        price, place = read_units(text, skip_space(text, place + 1), price_scale)
        if place < 0:
            return 0, -1
        place = skip_space(text, place)
        if place >= text.size or text[place] != COMMA or n == out_levels.shape[0]:
            return 0, -1
        qty, place = read_units(text, skip_space(text, place + 1), qty_scale)
        if place < 0 or price <= 0 or qty < 0:
            return 0, -1
        out_levels[n, 0] = price
        out_levels[n, 1] = qty
        n += 1
        # What a row holds beyond these two (orders, times) is no level.
        place = skip_space(text, place)
        while place < text.size and text[place] == COMMA:
            place = skip_value(text, skip_space(text, place + 1))
            if place < 0:
                return 0, -1
            place = skip_space(text, place)
        if place >= text.size or text[place] != SQUARE_END:
            return 0, -1
        place = skip_space(text, place + 1)
        if place < text.size and text[place] == COMMA:
            place = skip_space(text, place + 1)
    if place >= text.size or text[place] != SQUARE_END:
        return 0, -1
    return n, place + 1


@kernel(f"int64({TEXT}, int64, int64[::1], int64[::1], int64[::1])", CALL)
def find_members(text: Bytes, start: int, words: Int64, out_places: Int64, out_numbers: Int64) -> int:
    """`scan_members` for callers outside: the place behind the object, -1 if it is broken.

    out_numbers: int64[k], written: each value that is a whole number, quoted or not; NO_NUMBER for any other.
    Source: docs/kernels.md#feed-text.
    """
    end = scan_members(text, start, words, out_places)
    for k in range(words.size):
        out_numbers[k] = NO_NUMBER
        if out_places[k] >= 0:
            number, place = read_units(text, out_places[k], 0)
            if place >= 0:
                out_numbers[k] = number
    return int(end)


@kernel(f"int64({TEXT}, int64, int64)", CALL)
def find_member(text: Bytes, start: int, word_bits: int) -> int:
    """Where the value of one member begins, of the object that opens at `start`; -1 if there is none before it breaks.

    It looks no further: what follows the member is not proven to be whole.
    Source: docs/kernels.md#feed-text.
    """
    place = skip_space(text, start)
    if place >= text.size or text[place] != BRACE:
        return -1
    place = skip_space(text, place + 1)
    while place >= 0 and place < text.size and text[place] == QUOTE:
        word, place = read_name(text, place)
        if word == word_bits or place < 0:
            return place
        place = skip_value(text, place)
        if place >= 0:
            place = skip_space(text, place)
        if place >= 0 and place < text.size and text[place] == COMMA:
            place = skip_space(text, place + 1)
    return -1


@kernel(f"int64({TEXT}, int64, int64, int64, int64[:,::1])", CALL)
def find_levels(text: Bytes, start: int, price_scale: int, qty_scale: int, out_levels: Int64) -> int:
    """`read_levels` for callers outside: the number of levels, -1 where the list is broken.

    Source: docs/kernels.md#feed-text.
    """
    n, place = read_levels(text, start, price_scale, qty_scale, out_levels)
    return int(n) if place >= 0 else -1
