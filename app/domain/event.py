"""The base of all facts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all facts. `account` is empty for shard-wide facts."""

    KIND: ClassVar[str] = ""
    V: ClassVar[int] = 1

    account: str
