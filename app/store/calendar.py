"""What a desk knows of venues' calendars beside what they say themselves: `calendar.toml` in the home folder.

[[entries]]
venue = "okx"
symbol = "BTC-USDT"        # the venue's own; left out: the whole venue
kind = "maintenance"       # or delisting, expiry
from = 2026-12-01T06:00:00Z
to = 2026-12-01T08:00:00Z  # left out: for good, or not known
source = "announcement of 24 November"
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from app.domain.calendar import CalendarEntry, CalendarKind
from app.domain.errors import InvariantBroken

_KEYS: Final = frozenset({"venue", "symbol", "kind", "from", "to", "source"})
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NS_PER_US: Final = 1000


def read_calendar(path: Path) -> tuple[CalendarEntry, ...]:
    """The entries of `path`, none where there is no such file; InvariantBroken names the entry that is wrong."""
    if not path.exists():
        return ()
    found = []
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise InvariantBroken(file=path.name, reason=str(error)) from error
    if set(table) - {"entries"}:
        raise InvariantBroken(file=path.name, unknown_keys=", ".join(sorted(set(table) - {"entries"})))
    for i, row in enumerate(table.get("entries", ()), 1):
        try:
            found.append(_entry(row))
        except (KeyError, TypeError, ValueError) as error:
            raise InvariantBroken(file=path.name, entry=i, reason=f"{type(error).__name__}: {error}") from error
    return tuple(found)


def _entry(row: Mapping[str, Any]) -> CalendarEntry:
    if set(row) - _KEYS:
        raise ValueError(f"unknown keys {', '.join(sorted(set(row) - _KEYS))}")
    from_ts_ns, to_ts_ns = _ns(row["from"]), _ns(row["to"]) if "to" in row else 0
    if to_ts_ns and to_ts_ns <= from_ts_ns:
        raise ValueError("it ends before it begins")
    kind, source = CalendarKind(row["kind"]), str(row["source"])
    return CalendarEntry(str(row["venue"]), str(row.get("symbol", "")), kind, from_ts_ns, to_ts_ns, source)


def _ns(when: object) -> int:
    if not isinstance(when, datetime) or when.tzinfo is None:
        raise ValueError(f"{when!r} is no time with an offset")
    return (when - _EPOCH) // timedelta(microseconds=1) * _NS_PER_US
