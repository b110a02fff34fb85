"""The exported head: the last durable seq and its chain hash, in a file of its own that shows a truncation.

A chain alone does not see its own end cut off. The head is overwritten after each commit, and on the operator's
order also elsewhere: any loss of records before the last exported head is found.
"""

from __future__ import annotations

import os
from pathlib import Path

from app.domain.errors import InvariantBroken


def head_line(seq: int, chain_hash: bytes) -> bytes:
    """One line of constant length, so that a head is overwritten by one write: `00000000000000000042 9f86d0…`."""
    return f"{seq:020d} {chain_hash.hex()}\n".encode()


def parse_head(line: bytes) -> tuple[int, bytes]:
    """(seq, chain hash) of a head line; raises InvariantBroken for anything else."""
    try:
        seq_text, hash_text = line.decode("ascii").split()
        seq, chain_hash = int(seq_text), bytes.fromhex(hash_text)
    except ValueError as error:
        raise InvariantBroken(reason="unreadable journal head", head=line[:120]) from error
    if line != head_line(seq, chain_hash) or len(chain_hash) != 32:
        raise InvariantBroken(reason="unreadable journal head", head=line[:120])
    return seq, chain_hash


def read_head(path: Path) -> tuple[int, bytes] | None:
    """The head in `path`, None where there is no such file."""
    try:
        line = path.read_bytes()
    except FileNotFoundError:
        return None
    return parse_head(line)


def head_path(journal_path: Path) -> Path:
    """Where a journal's own head lies: `journal.db` -> `journal.head`."""
    return journal_path.with_suffix(".head")


class HeadFile:
    """Keeps one head file up to date."""

    def __init__(self, path: Path, seq: int, chain_hash: bytes) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self.write(seq, chain_hash)

    def write(self, seq: int, chain_hash: bytes) -> None:
        os.pwrite(self._fd, head_line(seq, chain_hash), 0)

    def close(self) -> None:
        os.close(self._fd)
