"""Slow twin of the checksum: the same bijections on Python integers modulo 2^64."""

from __future__ import annotations

from collections.abc import Sequence

from app.kernels.checksum import SPREAD, STIR

MASK = 2**64 - 1


def stir(total: int, word: int) -> int:
    mixed = (total + (word & MASK) * (STIR & MASK)) & MASK
    mixed = (mixed << 31 | mixed >> 33) & MASK
    return mixed * (SPREAD & MASK) & MASK


def settle_sum(total: int) -> int:
    mixed = (total ^ (total >> 33 & 0x7FFFFFFF)) * (STIR & MASK) & MASK
    mixed = (mixed ^ (mixed >> 29 & 0x7FFFFFFFF)) * (SPREAD & MASK) & MASK
    return mixed ^ mixed >> 32


def sum_words(words: Sequence[int]) -> int:
    lanes, n = [0, 0, 0, 0], len(words)
    for i, word in enumerate(words):
        lane = i % 4 if i < n - n % 4 else 0
        lanes[lane] = stir(lanes[lane], word)
    total = n
    for lane_sum in lanes:
        total = stir(total, lane_sum)
    found = settle_sum(total)
    return found - 2**64 if found >= 2**63 else found
