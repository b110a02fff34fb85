"""Request budgets of venues: counted before anything leaves, shared by whoever shares them at the venue.

A window counts what left within its last `window_ms`, whatever the venue's own windows are aligned to: never more than
the limit in any window of that length. Part of it is kept for cancels and questions. What the venue says of its own
count (headers) corrects ours upwards; its word to stop stops everything until then.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from app.venues.cex.profile import RateBudget, Scope, VenueProfile

_NS_PER_MS: Final = 1_000_000
_NS_PER_S: Final = 1_000_000_000
_PPM: Final = 1_000_000
# Calls that may spend the reserve: what takes risk away, and what tells us of it.
_FROM_RESERVE: Final = frozenset({"cancel", "cancel_all", "query"})
_TOO_MANY: Final = frozenset({418, 429})
_DEFAULT_PAUSE_NS: Final = 1 * _NS_PER_S
_MAX_PAUSE_NS: Final = 3_600 * _NS_PER_S

# Headers that say what was used of a budget of that name, and pairs of headers that say what is left of which limit.
_USED: Final = {
    "x-mbx-used-weight-1m": "weight",
    "x-mbx-order-count-10s": "orders_10s",
    "x-mbx-order-count-1d": "orders_day",
}
_LEFT: Final = {
    "x-bapi-limit-status": "x-bapi-limit",
    "x-gate-ratelimit-requests-remain": "x-gate-ratelimit-limit",
    "gw-ratelimit-remaining": "gw-ratelimit-limit",
}


@dataclass(slots=True)
class _Window:
    """What was spent of one budget, oldest first."""

    rule: RateBudget
    spent: deque[tuple[int, int]] = field(default_factory=deque)  # (when, units)
    used_units: int = 0

    def _forget(self, now_ns: int) -> None:
        horizon_ns = now_ns - self.rule.window_ms * _NS_PER_MS
        while self.spent and self.spent[0][0] <= horizon_ns:
            self.used_units -= self.spent.popleft()[1]

    def wait_ns(self, cost_units: int, limit_units: int, now_ns: int) -> int:
        """How long until `cost_units` more stay within `limit_units`; 0: now."""
        self._forget(now_ns)
        over_units = self.used_units + cost_units - limit_units
        if over_units <= 0:
            return 0
        for spent_ns, units in self.spent:
            over_units -= units
            if over_units <= 0:
                return spent_ns + self.rule.window_ms * _NS_PER_MS - now_ns
        return self.rule.window_ms * _NS_PER_MS

    def spend(self, units: int, now_ns: int) -> None:
        if units > 0:
            self.spent.append((now_ns, units))
            self.used_units += units

    def correct(self, used_units: int, now_ns: int) -> None:
        """The venue counts more than we do: somebody else shares the budget."""
        self._forget(now_ns)
        self.spend(used_units - self.used_units, now_ns)

    def left_ppm(self, now_ns: int) -> int:
        self._forget(now_ns)
        return max(0, self.rule.limit - self.used_units) * _PPM // self.rule.limit


@dataclass(slots=True)
class _Pause:
    """Until when the venue told this sharer to stop."""

    until_ns: int = 0


class SessionBudget:
    """The windows that one session's requests count in; some of them are other sessions' too."""

    def __init__(self, windows: tuple[_Window, ...], pause: _Pause) -> None:
        self._windows = windows
        self._pause = pause

    def take(self, call: str, now_ns: int) -> int:
        """Spends `call` and gives 0, or gives the nanoseconds after which to ask again, having spent nothing."""
        if self._pause.until_ns > now_ns:
            return self._pause.until_ns - now_ns
        wait_ns = 0
        for window in self._windows:
            rule = window.rule
            limit_units = rule.limit if call in _FROM_RESERVE else rule.limit - rule.cancel_reserve
            cost_units = rule.cost(call)
            if cost_units > 0:
                wait_ns = max(wait_ns, window.wait_ns(cost_units, limit_units, now_ns))
        if wait_ns > 0:
            return wait_ns
        for window in self._windows:
            window.spend(window.rule.cost(call), now_ns)
        return 0

    def heard(self, call: str, status: int, headers: Mapping[str, str], now_ns: int) -> None:
        """Learns from the answer to `call`: the venue's own count, and its word to stop."""
        names = {name.lower(): value for name, value in headers.items()}
        for header, budget in _USED.items():
            if used_units := _whole(names.get(header)):
                for window in self._windows:
                    if window.rule.name == budget:
                        window.correct(used_units, now_ns)
        for left, limit in _LEFT.items():
            left_units, limit_units = _whole(names.get(left)), _whole(names.get(limit))
            tightest = self._tightest(call)
            if left_units is not None and limit_units is not None and tightest is not None:
                tightest.correct(min(limit_units - left_units, tightest.rule.limit), now_ns)
        if status in _TOO_MANY:
            self.told_to_stop(names, now_ns)

    def told_to_stop(self, headers: Mapping[str, str], now_ns: int) -> None:
        """Nothing leaves before the time that the headers say; a second where they say none."""
        names = {name.lower(): value for name, value in headers.items()}
        self._pause.until_ns = max(self._pause.until_ns, now_ns + _pause_ns(names))

    def _tightest(self, call: str) -> _Window | None:
        """The window that `call` fills soonest: what a venue's count of one endpoint speaks of."""
        counting = [window for window in self._windows if window.rule.cost(call) > 0]
        return min(counting, key=lambda window: window.rule.limit // window.rule.cost(call), default=None)

    def paused_ns(self, now_ns: int) -> int:
        """How long the venue still wants to hear nothing."""
        return max(0, self._pause.until_ns - now_ns)

    def left_ppm(self, now_ns: int) -> int:
        """What is left of the tightest window."""
        return min((window.left_ppm(now_ns) for window in self._windows), default=_PPM)


def _pause_ns(headers: Mapping[str, str]) -> int:
    for header, unit_ns in (("retry-after", _NS_PER_S), ("gw-ratelimit-reset", _NS_PER_MS)):
        units = _whole(headers.get(header))
        if units is not None:
            return min(max(units * unit_ns, _NS_PER_S // 10), _MAX_PAUSE_NS)
    return _DEFAULT_PAUSE_NS


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() else None


class Budgets:
    """Every budget of one process (and so of one address), by venue and by who shares it."""

    def __init__(self) -> None:
        self._windows: dict[tuple[str, str, str, str], _Window] = {}
        self._pauses: dict[tuple[str, str], _Pause] = {}

    def of(self, profile: VenueProfile, *, key_id: str, account: str) -> SessionBudget:
        """The budget of a session with this key; sessions of one address share what is the address's."""
        sharer = {Scope.KEY: key_id, Scope.ACCOUNT: account, Scope.ADDRESS: ""}
        windows = tuple(
            self._windows.setdefault((profile.venue_id, rule.scope.value, sharer[rule.scope], rule.name), _Window(rule))
            for rule in profile.budgets
        )
        return SessionBudget(windows, self._pauses.setdefault((profile.venue_id, ""), _Pause()))
