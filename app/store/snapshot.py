"""The ledger as it stood at one record of the log, in a file beside the log: a start folds only what came after.

Never an authority: it is used only where this very code wrote it and the log still holds the record that it names,
with the same chain hash. Otherwise the log is folded from its first fact. What is read are values of our own classes;
a file that names anything else is refused before anything of it is made.
"""

from __future__ import annotations

import copyreg
import fcntl
import hashlib
import io
import os
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, Final

from app.domain.errors import InvariantBroken
from app.execution.closed import Marks
from app.execution.ledger import Ledger

_MAGIC: Final = b"bestex snapshot 1\n"
_HASH_BYTES: Final = 32
_APP: Final = Path(__file__).resolve().parents[1]
# What a ledger is made of: code of these folders says what its values mean.
_ROOMS: Final = ("domain", "execution")
_CONTAINERS: Final = frozenset({("collections", "deque"), ("collections", "OrderedDict"), ("builtins", "set")})


def snapshot_path(journal_path: Path) -> Path:
    """Where a journal's snapshot lies: `journal.db` -> `journal.snapshot`."""
    return journal_path.with_suffix(".snapshot")


@cache
def code_hash() -> bytes:
    """SHA-256 over the source of what a ledger is made of."""
    digest = hashlib.sha256()
    for room in _ROOMS:
        for path in sorted((_APP / room).rglob("*.py")):
            digest.update(path.relative_to(_APP).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.digest()


def write_snapshot(path: Path, ledger: Ledger, chain_hash: bytes) -> int:
    """Puts `ledger`, with the chain's hash at its seq, into the place of the file; on disk when this returns.

    Gives the file's size. Raises OSError where there is no room, BlockingIOError where another process writes one:
    that of a service that was killed goes on for a while beside that of its successor.
    """
    beside = path.with_suffix(".snapshot.tmp")
    with _alone(beside) as file:
        payload = _pickled((ledger, chain_hash))
        head = _MAGIC + code_hash() + hashlib.sha256(payload).digest()
        file.truncate(0)
        file.write(head)
        file.write(payload)
        file.flush()
        os.fsync(file.fileno())
        beside.replace(path)
    return len(head) + len(payload)


@contextmanager
def _alone(path: Path) -> Iterator[BinaryIO]:
    """The file at `path`, ours alone while it is open; made where there is none. Raises BlockingIOError."""
    with open(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "wb") as file:  # noqa: PTH123 - a descriptor
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not path.exists() or not os.path.samestat(path.stat(), os.fstat(file.fileno())):
            raise BlockingIOError(f"another process has just written {path}")
        yield file


def read_snapshot(path: Path) -> tuple[Ledger, bytes] | None:
    """(ledger, chain hash at its seq); None where there is no file or other code wrote it.

    Raises InvariantBroken for a file that was damaged or names what no ledger is made of.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    code_at, payload_at = len(_MAGIC), len(_MAGIC) + 2 * _HASH_BYTES
    if content[:code_at] != _MAGIC or content[code_at : code_at + _HASH_BYTES] != code_hash():
        return None
    payload = memoryview(content)[payload_at:]
    if hashlib.sha256(payload).digest() != content[code_at + _HASH_BYTES : payload_at]:
        raise InvariantBroken(reason="a damaged snapshot", path=str(path))
    ledger, chain_hash = _Reader(io.BytesIO(payload)).load()
    return ledger, chain_hash


def _pickled(whole: object) -> bytes:
    """Enums by their values: left to themselves, those of Python 3.11.2 are named by a call that no reader makes."""
    content = io.BytesIO()
    writer = pickle.Pickler(content, pickle.HIGHEST_PROTOCOL)
    writer.dispatch_table = copyreg.dispatch_table | dict.fromkeys(_kinds_of(Enum), _by_value)
    writer.dump(whole)
    return content.getvalue()


def _kinds_of(kind: type[Enum]) -> Iterator[type[Enum]]:
    for each in kind.__subclasses__():
        yield each
        yield from _kinds_of(each)


def _by_value(member: Enum) -> tuple[type[Enum], tuple[Any]]:
    return type(member), (member.value,)


class _Reader(pickle.Unpickler):
    """Makes values of our own records, facts and enums, and of three containers; nothing else is ever called."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _CONTAINERS:
            return super().find_class(module, name)
        if any(module.startswith(f"app.{room}.") for room in _ROOMS):
            found = super().find_class(module, name)
            is_value = isinstance(found, type) and (
                hasattr(found, "__dataclass_fields__")
                or issubclass(found, Enum | Marks)
                or (issubclass(found, tuple) and hasattr(found, "_fields"))
            )
            if is_value and found.__module__ == module:
                return found
        raise InvariantBroken(reason="a snapshot of what is no ledger", module=module, name=name)
