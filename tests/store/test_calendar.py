"""A desk's own calendar is read as written, and an entry that is unclear is named."""

from __future__ import annotations

import pytest

from app.domain.calendar import CalendarEntry, CalendarKind
from app.domain.errors import InvariantBroken
from app.store.calendar import read_calendar

GOOD = """
[[entries]]
venue = "okx"
kind = "maintenance"
from = 2026-12-01T06:00:00Z
to = 2026-12-01T09:00:00+01:00
source = "announcement"

[[entries]]
venue = "gate"
symbol = "AB_USDT"
kind = "delisting"
from = 2026-12-02T00:00:00Z
source = "mail"
"""
SIX = 1_796_104_800_000_000_000


def test_entries_are_read_in_utc(tmp_path):
    path = tmp_path / "calendar.toml"
    assert read_calendar(path) == ()
    path.write_text(GOOD)
    maintenance, delisting = read_calendar(path)
    hours_2 = 2 * 3_600_000_000_000
    assert maintenance == CalendarEntry("okx", "", CalendarKind.MAINTENANCE, SIX, SIX + hours_2, "announcement")
    assert (delisting.venue_symbol, delisting.kind, delisting.to_ts_ns) == ("AB_USDT", CalendarKind.DELISTING, 0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("maintenance", "holiday"), "entry=1"),
        (("06:00:00Z", "06:00:00"), "no time with an offset"),
        (("T09:00:00+01:00", "T05:00:00Z"), "ends before it begins"),
        (('venue = "gate"', 'venu = "gate"'), "unknown keys venu"),
        (('source = "mail"', ""), "entry=2"),
        (('[[entries]]\nvenue = "okx"', '[[entry]]\nvenue = "okx"'), "unknown_keys=entry"),
        (("=", ":"), "calendar.toml"),
    ],
)
def test_an_unclear_entry_is_named(tmp_path, change, said):
    path = tmp_path / "calendar.toml"
    path.write_text(GOOD.replace(*change))
    with pytest.raises(InvariantBroken, match=said):
        read_calendar(path)
