"""What was traded in the last thirty days, by UTC day: what venues grant their tiers for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from app.domain.fees import MAX_WINDOW_DAYS

DAY_NS: Final = 86_400_000_000_000


@dataclass(slots=True)
class DayVolumes:
    """Notional in nano by day since 1970; never more than the window and today.

    A tier is judged once a day, on whole days: what is traded today counts from tomorrow on.
    """

    by_day_nano: dict[int, int] = field(default_factory=dict)

    def add(self, ts_ns: int, notional_nano: int) -> None:
        """Counts a fill at `ts_ns`; days that no judgement will look at any more are forgotten."""
        today_i = day_i_of(ts_ns)
        if today_i not in self.by_day_nano:
            oldest_i = max(today_i, *self.by_day_nano, today_i) - MAX_WINDOW_DAYS
            self.by_day_nano = {day_i: v for day_i, v in self.by_day_nano.items() if day_i >= oldest_i}
            self.by_day_nano[today_i] = 0
        self.by_day_nano[today_i] += notional_nano

    def judged_nano(self, ts_ns: int, window_days: int = MAX_WINDOW_DAYS) -> int:
        """Notional of the `window_days` whole days before the day of `ts_ns`: what today's tier rests on."""
        return self._sum_nano(day_i_of(ts_ns), window_days)

    def pending_nano(self, ts_ns: int, window_days: int = MAX_WINDOW_DAYS) -> int:
        """Notional that tomorrow's judgement will see if nothing more is traded today."""
        return self._sum_nano(day_i_of(ts_ns) + 1, window_days)

    def _sum_nano(self, end_day_i: int, window_days: int) -> int:
        return sum(v for day_i, v in self.by_day_nano.items() if end_day_i - window_days <= day_i < end_day_i)


def day_i_of(ts_ns: int) -> int:
    """Days since 1970-01-01, UTC."""
    return ts_ns // DAY_NS
