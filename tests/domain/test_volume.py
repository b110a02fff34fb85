"""Thirty-day volume in bounded memory: only whole days count for a tier, and day sums lose nothing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.domain.volume import DAY_NS, DayVolumes, day_i_of

fills = st.lists(st.tuples(st.integers(0, 80 * DAY_NS), st.integers(1, 10**15)), max_size=60)


@given(fills, st.integers(1, 30))
def test_the_windows_are_sums_over_days(found, window_days):
    found = sorted(found)
    volumes = DayVolumes()
    for ts_ns, nano in found:
        volumes.add(ts_ns, nano)
    now_ns = found[-1][0] if found else 0
    today_i = day_i_of(now_ns)
    judged = sum(n for t, n in found if today_i - window_days <= day_i_of(t) < today_i)
    pending = sum(n for t, n in found if today_i - window_days < day_i_of(t) <= today_i)
    assert volumes.judged_nano(now_ns, window_days) == judged
    assert volumes.pending_nano(now_ns, window_days) == pending
    assert len(volumes.by_day_nano) <= 31


def test_todays_volume_counts_from_tomorrow():
    volumes = DayVolumes()
    volumes.add(DAY_NS, 5)
    assert (volumes.judged_nano(DAY_NS), volumes.pending_nano(DAY_NS)) == (0, 5)
    assert volumes.judged_nano(2 * DAY_NS) == 5
    assert volumes.judged_nano(31 * DAY_NS) == 5
    assert volumes.judged_nano(32 * DAY_NS) == 0
