"""ULIDs without randomness: time plus 80 bits of a hash, so that a replay gives the same ids."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Final

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
ULID_LENGTH: Final = 26
_PAIRS: Final = tuple(high + low for high in _ALPHABET for low in _ALPHABET)
_LOW_40: Final = 2**40 - 1
_JOIN: Final = "\x1f"


def ulid(ts_ns: int, entropy80: int) -> str:
    """26 Crockford characters: 48 bits of milliseconds, then 80 bits of `entropy80`."""
    return _text(ts_ns, entropy80 >> 40 & _LOW_40, entropy80 & _LOW_40)


def ulid_ms(text: str) -> int:
    """The milliseconds that a ULID begins with. Raises ValueError for what is none."""
    if len(text) != ULID_LENGTH:
        raise ValueError(text)
    ms = 0
    for letter in text[:10]:
        ms = ms << 5 | _ALPHABET.index(letter)
    return ms


def hash80(*parts: object) -> int:
    """80 bits of SHA-256 over the parts' texts, joined by a unit separator."""
    text = _JOIN.join(map(str, parts)).encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:10], "big")


def prefixed_ulid(prefix: str, ts_ns: int, *parts: object) -> str:
    """A public id: `prefix`_ULID, the same for the same time and parts."""
    return f"{prefix}_{_of_text(ts_ns, f'{prefix}{_JOIN}{_JOIN.join(map(str, parts))}' if parts else prefix)}"


def counted_ulid(ts_ns: int, n_before: int, text: str) -> str:
    """A ULID that rises with `n_before` within its millisecond (20 bits of it); the other 60 are of the text's hash."""
    hidden = int.from_bytes(hashlib.sha256(text.encode()).digest()[2:10], "big")
    return (
        f"{_ms_text(ts_ns // 1_000_000)}{_PAIRS[n_before >> 10 & 1023]}{_PAIRS[n_before & 1023]}"
        f"{_PAIRS[hidden >> 50 & 1023]}{_PAIRS[hidden >> 40 & 1023]}{_PAIRS[hidden >> 30 & 1023]}"
        f"{_PAIRS[hidden >> 20 & 1023]}{_PAIRS[hidden >> 10 & 1023]}{_PAIRS[hidden & 1023]}"
    )


def route_id(ts_ns: int, order_id: str, wave: int) -> str:
    """The id of one wave's plan: a ULID of its time, of 60 bits of its order's own and of its number, 20 bits of it."""
    own = order_id[-16:-4]
    return f"rte_{_ms_text(ts_ns // 1_000_000)}{own}{_PAIRS[wave >> 10 & 1023]}{_PAIRS[wave & 1023]}"


def venue_client_id(parent_ts_ns: int, order_id: str, child_number: int) -> str:
    """The id a venue sees: 26 alphanumerics, deterministic, never used twice."""
    return _of_text(parent_ts_ns, f"child{_JOIN}{order_id}{_JOIN}{child_number}")


def _of_text(ts_ns: int, text: str) -> str:
    """`ulid` of the text's `hash80`."""
    digest = hashlib.sha256(text.encode()).digest()
    return _text(ts_ns, int.from_bytes(digest[:5], "big"), int.from_bytes(digest[5:10], "big"))


def _text(ts_ns: int, high: int, low: int) -> str:
    """In two halves of 40 bits, neither wider than a machine word: ten bits a pair of characters."""
    return (
        f"{_ms_text(ts_ns // 1_000_000)}{_PAIRS[high >> 30]}{_PAIRS[high >> 20 & 1023]}{_PAIRS[high >> 10 & 1023]}"
        f"{_PAIRS[high & 1023]}{_PAIRS[low >> 30]}{_PAIRS[low >> 20 & 1023]}{_PAIRS[low >> 10 & 1023]}"
        f"{_PAIRS[low & 1023]}"
    )


@lru_cache(maxsize=64)
def _ms_text(ms: int) -> str:
    """The ten characters of a millisecond; orders of one turn share them."""
    high, low = ms >> 20 & 2**28 - 1, ms & 2**20 - 1
    return (
        f"{_PAIRS[high >> 20]}{_PAIRS[high >> 10 & 1023]}{_PAIRS[high & 1023]}{_PAIRS[low >> 10]}{_PAIRS[low & 1023]}"
    )
