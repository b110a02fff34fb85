"""The exchange's own append-only account of what it did: the oracle of every test above it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened. Amounts in `data` are decimal strings; `kind` is one of
    deposit, order, refused, trigger, fill, cancel, amend, balance, fault, malformed.
    """

    seq: int
    ts_ns: int
    venue: str
    kind: str
    account: str
    data: dict[str, Any]


class Ledger:
    """Entries in the order they happened, in memory and, when a path is given, in a file that survives the process."""

    def __init__(self, path: Path | None = None) -> None:
        self._entries: list[Entry] = []
        self._file = path.open("a", encoding="utf-8") if path else None

    def append(self, ts_ns: int, venue: str, kind: str, account: str, **data: Any) -> Entry:
        entry = Entry(len(self._entries) + 1, ts_ns, venue, kind, account, data)
        self._entries.append(entry)
        if self._file is not None:
            self._file.write(json.dumps(asdict(entry)) + "\n")
            self._file.flush()
        return entry

    def entries(self, kind: str = "", account: str = "", venue: str = "", since: int = 0) -> list[Entry]:
        """Entries after number `since` that match what is given."""
        return [
            entry
            for entry in self._entries[since:]
            if kind in {"", entry.kind} and account in {"", entry.account} and venue in {"", entry.venue}
        ]

    def __len__(self) -> int:
        return len(self._entries)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
