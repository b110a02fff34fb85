"""Sums that tell a torn or flipped word: 64 bits over int64 words, four lanes at a time, at memory speed.

Each step is a bijection of the word it takes and of what came before, so a change within one word is always seen, and
any other change but for one in 2^64. It guards against accidents, not against people.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from app.kernels.jit import kernel

Int64 = npt.NDArray[np.int64]

# Odd 64-bit constants with about half of their bits set, as signed integers; their top bits come from the golden ratio.
SPREAD: Final = -7046029254386353131
STIR: Final = -4417276706812531889


@kernel("")
def stir(sum_bits: int, word_bits: int) -> int:
    """The sum after one more word."""
    mixed = sum_bits + word_bits * STIR
    mixed = (mixed << 31) | ((mixed >> 33) & 0x7FFFFFFF)
    return int(mixed * SPREAD)


@kernel("")
def settle_sum(sum_bits: int) -> int:
    """Lets every bit of a sum reach every other; 0 stays 0."""
    mixed = sum_bits ^ ((sum_bits >> 33) & 0x7FFFFFFF)
    mixed *= STIR
    mixed ^= (mixed >> 29) & 0x7FFFFFFFF
    mixed *= SPREAD
    return int(mixed ^ ((mixed >> 32) & 0xFFFFFFFF))


@kernel("int64(int64[::1])")
def sum_words(words: Int64) -> int:
    """The sum of int64[n], order and length included.

    Source: docs/kernels.md#checksum.
    """
    a, b, c, d = 0, 0, 0, 0
    n = words.size
    whole = n - n % 4
    for i in range(0, whole, 4):
        a = stir(a, words[i])
        b = stir(b, words[i + 1])
        c = stir(c, words[i + 2])
        d = stir(d, words[i + 3])
    for i in range(whole, n):
        a = stir(a, words[i])
    return int(settle_sum(stir(stir(stir(stir(n, a), b), c), d)))
