"""Token buckets over given time: the only risk state that a replay does not need."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

_NS_PER_S: Final = 1_000_000_000


@dataclass(slots=True)
class TokenBucket:
    """`level_ns` counts time owed: each message costs 1e9 / rate nanoseconds, at most `burst` messages in credit."""

    rate_per_s: int
    burst: int
    full_at_ns: int = 0

    def try_take(self, now_ns: int) -> int:
        """0 if a message may pass now (and is counted), else the nanoseconds to wait."""
        if self.rate_per_s < 1:
            return _NS_PER_S  # no rate, no message
        cost_ns = _NS_PER_S // self.rate_per_s
        start_ns = max(self.full_at_ns, now_ns)
        wait_ns = start_ns + cost_ns - now_ns - self.burst * cost_ns
        if wait_ns > 0:
            return wait_ns
        self.full_at_ns = start_ns + cost_ns
        return 0


@dataclass(slots=True)
class Throttle:
    """One bucket per account for new orders; cancels are never throttled here."""

    buckets: dict[str, TokenBucket] = field(default_factory=dict)

    def try_take(self, account: str, rate_per_s: int, burst: int, now_ns: int) -> int:
        """As TokenBucket.try_take; a changed limit starts a new bucket."""
        bucket = self.buckets.get(account)
        if bucket is None or bucket.rate_per_s != rate_per_s or bucket.burst != burst:
            bucket = self.buckets[account] = TokenBucket(rate_per_s, burst)
        return bucket.try_take(now_ns)
