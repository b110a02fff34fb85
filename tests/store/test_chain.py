"""The chain is what the documentation says it is, and any difference breaks it."""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from app.store.chain import GENESIS, link, links

HASHES = st.binary(min_size=32, max_size=32)
SEQS = st.integers(1, 2**63 - 1)


@given(HASHES, SEQS, st.one_of(st.binary(max_size=64), st.integers(2_000, 9_000).map(bytes)))
def test_a_link_is_sha256_of_previous_seq_and_record(previous: bytes, seq: int, record: bytes) -> None:
    assert link(previous, seq, record) == hashlib.sha256(previous + seq.to_bytes(8, "big") + record).digest()


@given(HASHES, SEQS, st.binary(min_size=1, max_size=40), st.integers(0, 319))
def test_one_flipped_bit_gives_another_hash(previous: bytes, seq: int, record: bytes, bit: int) -> None:
    place = bit % (len(record) * 8)
    flipped = bytearray(record)
    flipped[place // 8] ^= 1 << place % 8
    assert link(previous, seq, bytes(flipped)) != link(previous, seq, record)
    assert link(previous, seq + 1, record) != link(previous, seq, record) or seq == 2**63 - 1


def test_the_chain_begins_with_zeros() -> None:
    assert bytes(32) == GENESIS


def test_links_are_each_links_own() -> None:
    records, chain_hash, found = [b"one", b"", bytes(3_000)], GENESIS, []
    for seq, record in enumerate(records, 7):
        chain_hash = link(chain_hash, seq, record)
        found.append(chain_hash)
    assert links(GENESIS, 7, records) == found
    assert links(GENESIS, 7, []) == []
