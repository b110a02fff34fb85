"""What stops trading, when, and for how long."""

from __future__ import annotations

from app.domain.calendar import CalendarEntry, CalendarKind, coming, stopped

EXPIRY = CalendarEntry("okx", "BTC-USD-210924", CalendarKind.EXPIRY, 1_000)
PAUSE = CalendarEntry("okx", "", CalendarKind.MAINTENANCE, 2_000, 3_000)
END = CalendarEntry("gate", "AB_USDT", CalendarKind.DELISTING, 500)
ALL = (EXPIRY, PAUSE, END)


def test_an_end_is_for_good_and_a_pause_is_not():
    assert stopped(ALL, "okx", "BTC-USD-210924", 999) is None
    assert stopped(ALL, "okx", "BTC-USD-210924", 1_000) is EXPIRY
    assert stopped(ALL, "okx", "BTC-USDT", 1_999) is None
    assert stopped(ALL, "okx", "BTC-USDT", 2_000) is PAUSE
    assert stopped(ALL, "okx", "BTC-USDT", 3_000) is None
    assert stopped(ALL, "gate", "AB_USDT", 9_999) is END
    assert stopped(ALL, "gate", "CD_USDT", 9_999) is None


def test_what_is_coming_is_soonest_first():
    assert coming(ALL, 500, 1_600) == [END, EXPIRY, PAUSE]
    assert coming(ALL, 501, 500) == [EXPIRY]
    assert coming(ALL, 501, 499) == []
