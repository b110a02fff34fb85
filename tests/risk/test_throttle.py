from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.risk.throttle import Throttle, TokenBucket

S = 1_000_000_000


@given(
    st.integers(1, 1_000),
    st.integers(1, 50),
    st.lists(st.integers(0, S // 5), min_size=1, max_size=200),
)
def test_never_more_than_burst_plus_rate_times_time(rate: int, burst: int, gaps_ns: list[int]) -> None:
    bucket, now_ns, n_passed = TokenBucket(rate, burst), S, 0
    for gap_ns in gaps_ns:
        now_ns += gap_ns
        n_passed += bucket.try_take(now_ns) == 0
    elapsed_ns = now_ns - S
    assert n_passed <= burst + elapsed_ns * rate // S + 1


def test_a_full_burst_passes_and_the_next_waits_for_one_refill() -> None:
    bucket = TokenBucket(10, 5)
    assert [bucket.try_take(S) for _ in range(5)] == [0] * 5
    assert bucket.try_take(S) == S // 10
    assert bucket.try_take(S + S // 10) == 0


def test_accounts_do_not_share_a_bucket_and_a_changed_limit_starts_anew() -> None:
    throttle = Throttle()
    assert throttle.try_take("a", 1, 1, S) == 0
    assert throttle.try_take("a", 1, 1, S) > 0
    assert throttle.try_take("b", 1, 1, S) == 0
    assert throttle.try_take("a", 2, 1, S) == 0
