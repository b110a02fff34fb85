"""A head is one line that is either right or refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import InvariantBroken
from app.store.head import HeadFile, head_line, head_path, parse_head, read_head


@given(st.integers(0, 2**63 - 1), st.binary(min_size=32, max_size=32))
def test_a_head_line_reads_back_and_has_one_length(seq: int, chain_hash: bytes) -> None:
    line = head_line(seq, chain_hash)
    assert parse_head(line) == (seq, chain_hash)
    assert len(line) == len(head_line(0, bytes(32)))


@pytest.mark.parametrize(
    "line", [b"", b"\n", b"1 ab\n", b"x" * 86, head_line(1, bytes(32))[:-1], head_line(1, bytes(32)) * 2, b"\xff" * 86]
)
def test_half_a_head_is_refused(line: bytes) -> None:
    with pytest.raises(InvariantBroken):
        parse_head(line)


def test_a_head_file_is_overwritten(tmp_path: Path) -> None:
    path = head_path(tmp_path / "journal.db")
    assert path.name == "journal.head"
    assert read_head(path) is None
    head = HeadFile(path, 9, b"a" * 32)
    assert read_head(path) == (9, b"a" * 32)
    head.write(10, b"b" * 32)
    head.close()
    assert read_head(path) == (10, b"b" * 32)
