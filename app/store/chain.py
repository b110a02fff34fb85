"""The hash chain: h(n) = SHA-256(h(n-1) || seq as 8 bytes big endian || record bytes); h(0) is 32 zero bytes."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import Final

GENESIS: Final = bytes(32)
# hashlib gives the interpreter's lock away from 2048 bytes on; the writer thread would then wait to win it back.
_PIECE_BYTES: Final = 2_047


def links(previous_hash: bytes, first_seq: int, records: Iterable[bytes]) -> list[bytes]:
    """The chain's hash at each of `records`, which follow each other from `first_seq` on."""
    found = []
    for seq, record in enumerate(records, first_seq):
        covered = previous_hash + seq.to_bytes(8, "big") + record
        previous_hash = sha256(covered).digest() if len(covered) <= _PIECE_BYTES else _in_pieces(covered)
        found.append(previous_hash)
    return found


def link(previous_hash: bytes, seq: int, record: bytes) -> bytes:
    """The chain's hash up to and with record `seq`."""
    return links(previous_hash, seq, (record,))[0]


def _in_pieces(covered: bytes) -> bytes:
    digest = sha256(covered[:_PIECE_BYTES])
    for start in range(_PIECE_BYTES, len(covered), _PIECE_BYTES):
        digest.update(covered[start : start + _PIECE_BYTES])
    return digest.digest()
