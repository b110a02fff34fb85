"""ULIDs without randomness: time plus 80 bits of a hash, so that a replay gives the same ids."""

from __future__ import annotations

import hashlib
from typing import Final

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
ULID_LENGTH: Final = 26
_PAIRS: Final = tuple(high + low for high in _ALPHABET for low in _ALPHABET)
_LOW_40: Final = 2**40 - 1


def ulid(ts_ns: int, entropy80: int) -> str:
    """26 Crockford characters: 48 bits of milliseconds, then 80 bits of `entropy80`."""
    # In three parts, none of which is wider than a machine word: ten bits a pair of characters.
    ms, high, low = ts_ns // 1_000_000 & (2**48 - 1), entropy80 >> 40 & _LOW_40, entropy80 & _LOW_40
    return (
        f"{_PAIRS[ms >> 40]}{_PAIRS[ms >> 30 & 1023]}{_PAIRS[ms >> 20 & 1023]}{_PAIRS[ms >> 10 & 1023]}"
        f"{_PAIRS[ms & 1023]}{_PAIRS[high >> 30]}{_PAIRS[high >> 20 & 1023]}{_PAIRS[high >> 10 & 1023]}"
        f"{_PAIRS[high & 1023]}{_PAIRS[low >> 30]}{_PAIRS[low >> 20 & 1023]}{_PAIRS[low >> 10 & 1023]}"
        f"{_PAIRS[low & 1023]}"
    )


def hash80(*parts: object) -> int:
    """80 bits of SHA-256 over the parts' texts, joined by a unit separator."""
    text = "\x1f".join(map(str, parts)).encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:10], "big")


def prefixed_ulid(prefix: str, ts_ns: int, *parts: object) -> str:
    """A public id: `prefix`_ULID, the same for the same time and parts."""
    return f"{prefix}_{ulid(ts_ns, hash80(prefix, *parts))}"


def venue_client_id(parent_ts_ns: int, order_id: str, child_number: int) -> str:
    """The id a venue sees: 26 alphanumerics, deterministic, never used twice."""
    return ulid(parent_ts_ns, hash80("child", order_id, child_number))
