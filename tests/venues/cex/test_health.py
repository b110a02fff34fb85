"""What a connection's health says is what routing may rely on."""

from __future__ import annotations

from app.domain.statement import VenueState
from app.venues.cex.budget import Budgets
from app.venues.cex.health import Breaker, ClockOffset, Health
from app.venues.cex.profile_table import profile_of

S = 1_000_000_000


class Hands:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now_ns = 1_000 * S

    def wall_ns(self) -> int:
        return self.now_ns

    def monotonic_ns(self) -> int:
        return self.now_ns


def made():
    clock = Hands()
    budget = Budgets().of(profile_of("binance"), key_id="k", account="a")
    return clock, budget, Health("binance", clock, budget)


def test_the_quickest_round_trip_tells_the_offset():
    offset = ClockOffset()
    offset.take(0, 5_000 + 400, 800)
    offset.take(10_000, 15_000 + 10, 10_020)
    offset.take(20_000, 29_000, 26_000)
    assert (offset.offset_ns, offset.error_ns) == (5_000, 10)
    for n in range(8):
        offset.take(n, n + 70, n)
    assert offset.offset_ns == 70


def test_a_clock_of_whole_seconds_is_known_to_half_of_one():
    offset = ClockOffset()
    offset.take(10 * S + 400_000_000, 10 * S, 10 * S + 400_000_000)
    assert (offset.offset_ns, offset.error_ns) == (100_000_000, 500_000_000)


def test_a_clock_that_was_set_is_believed_at_once():
    offset = ClockOffset()
    for _ in range(8):
        offset.take(0, 5_000_000, 10_000_000)
    offset.take(0, 3 * S, 200_000_000)
    assert offset.offset_ns == 3 * S + S // 2 - 100_000_000
    offset.take(0, 3 * S + 1, 400_000_000)
    assert len(offset.readings) == 2


def test_a_breaker_opens_after_failures_for_longer_each_time_and_closes_on_success():
    breaker = Breaker()
    for _ in range(2):
        breaker.failed(0)
    assert not breaker.is_open(0)
    breaker.failed(0)
    assert breaker.is_open(0)
    assert not breaker.is_open(1 * S)
    breaker.failed(1 * S)
    assert breaker.is_open(2 * S)
    assert not breaker.is_open(3 * S)
    breaker.succeeded()
    breaker.failed(3 * S)
    assert not breaker.is_open(3 * S)


def test_the_state_is_the_worst_of_its_parts():
    clock, budget, health = made()
    assert health.report().state is VenueState.DOWN
    health.lacks("orders", "silent")
    health.has("connect")
    assert health.report().state is VenueState.DEGRADED
    health.has("orders")
    assert health.report().state is VenueState.UP
    health.does_without("orders", "lost, asked for over REST")
    assert (health.report().state, health.report().reason) == (VenueState.UP, "orders: lost, asked for over REST")
    health.has("orders")
    assert health.report().reason == ""
    health.offset.take(0, 3 * S + 1, 0)
    assert health.report().state is VenueState.UP
    health.offset.take(0, 31 * S + 1, 0)
    assert health.report().state is VenueState.DEGRADED
    health.offset.take(1, 1, 1)
    assert health.report().state is VenueState.UP
    for _ in range(3):
        health.unanswered()
    assert health.report().reason == "no answers"
    health.answered()
    budget.heard("place", 429, {"Retry-After": "1"}, clock.now_ns)
    assert health.report().state is VenueState.DOWN
    clock.now_ns += 1 * S
    assert health.report().state is VenueState.UP


def test_the_report_says_since_when_and_what_was_heard():
    clock, _, health = made()
    clock.now_ns += 5 * S
    health.has("connect")
    health.heard("book BTC/USDT")
    report = health.report()
    assert report.since_ts_ns == clock.now_ns
    assert report.heard_ts_ns == {"book BTC/USDT": clock.now_ns}
    assert report.budget_left_ppm == 1_000_000
