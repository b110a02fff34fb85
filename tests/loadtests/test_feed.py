"""The feed's bench serves each recorded level whole, and measures every order it says it measures."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from app.domain.book import BookDelta
from app.domain.enums import Side
from app.domain.fills import ExecutionReport, ReportKind
from app.services.replay_protocol import load_protocol
from loadtests import feed
from loadtests.feed_watch import Probe, Watch
from loadtests.probe import Probe as Contention

SERVED = load_protocol().shared


@dataclass(frozen=True)
class Child:
    client_id: str
    order_id: str = "ord"
    wave: int = 1


@dataclass(frozen=True)
class Listing:
    lot_units: int = 10


@pytest.mark.parametrize("qty_units", [0, 1, 10, 12_345, 9_999_999])
def test_the_served_parts_of_a_level_sum_to_it(qty_units: int):
    parts = [feed._part(qty_units, SERVED, i, 10) for i in range(len(SERVED))]
    assert sum(parts) == qty_units
    assert min(parts) >= 0


def test_the_first_event_that_reaches_a_limit_is_the_one_that_counts():
    watch = Watch()
    waiting = Probe("BTC/USDT", Side.BUY, 100)
    watch.waiting["BTC/USDT"] = [waiting]
    watch.on_touch("BTC/USDT", 98, 101, 1)
    watch.on_touch("BTC/USDT", 98, 0, 2)
    assert waiting.reached_ns == 0
    watch.on_touch("BTC/USDT", 98, 100, 3)
    watch.on_touch("BTC/USDT", 98, 99, 4)
    assert waiting.reached_ns == 3


@pytest.mark.parametrize(("reached_ns", "counted_ns"), [(0, 0), (9, 0), (10, 10), (11, 11)])
def test_a_book_from_before_the_engine_had_the_order_is_not_charged_to_it(reached_ns: int, counted_ns: int):
    waiting = Probe("BTC/USDT", Side.BUY, 100, reached_ns=reached_ns)
    waiting.begin(accepted_ns=10)
    assert waiting.reached_ns == counted_ns


def test_bytes_have_left_when_the_far_side_had_them_even_before_the_write_returned():
    watch, waiting = Watch(), Probe("BTC/USDT", Side.BUY, 100, reached_ns=1)
    watch.probes["ord"] = waiting
    children = [Child("a"), Child("b")]
    for child in children:
        watch.on_written(child)
    first_ns, second_ns = watch.writes_ns["ord", 1].values()
    assert waiting.written_ns == first_ns
    watch.on_report(ExecutionReport(ReportKind.FILLED, "ven", "b", venue_ts_ns=second_ns + 5))
    watch.on_report(ExecutionReport(ReportKind.FILLED, "ven", "stranger", venue_ts_ns=7))
    watch.on_report(ExecutionReport(ReportKind.ACKED, "ven", "a"))
    assert waiting.written_ns == first_ns
    watch.on_report(ExecutionReport(ReportKind.FILLED, "ven", "a", venue_ts_ns=first_ns - 1_000))
    assert waiting.written_ns == first_ns - 1_000
    assert waiting.returned_ns == first_ns
    assert watch.writes_ns["ord", 1] == {"a": first_ns - 1_000, "b": second_ns}


def test_a_decision_on_an_old_book_is_not_reported_as_a_figure():
    quiet = Contention(1.0, 1.0, 1.0, 20.0)
    with pytest.raises(AssertionError, match="age limit"):
        feed.row_of(Watch(oldest_book_ns=feed.MAX_BOOK_AGE_NS + 1), 1.0, 10.0, quiet, quiet)


@pytest.mark.shared_data
def test_a_short_run_measures_probes_and_sprays(monkeypatch: pytest.MonkeyPatch):
    if not feed.RECORDING.is_dir():
        pytest.skip("needs ../shared/data/public/l2/binance_3mkt_20240808")
    row = feed.measure(seconds=3.0, speed=10.0)[0]
    assert row["n_probes"] > 0
    assert row["n_plans"] > 0
    assert row["n_sprays"] > 0
    assert row["oldest_book_ms"] <= row["age_limit_ms"]
    assert row["append_ms_p50"] > 0
    assert 0 <= row["prompt_percent"] <= 100
    assert 0 < row["bare_sync_ms_p50"] <= row["bare_sync_ms_p99"]


def test_an_event_is_served_by_every_venue_at_its_own_time():
    market = type("M", (), {})()
    market.instrument = Listing()
    market.symbol = type("S", (), {})()
    market.symbol.fungible = type("F", (), {"kind": type("K", (), {"value": "spot"})})()
    event = BookDelta("x", "BTC/USDT", 1, 2, 3, 4, ((100, 1_000),), ((101, 0),))
    [(at_ns, parts)] = list(feed.served_events(market, SERVED, iter([event])))
    assert at_ns == 4
    assert len({part.venue for part in parts}) == len(SERVED)
    assert sum(part.bids[0][1] for part in parts) == 1_000
    assert all(part.asks == ((101, 0),) for part in parts)
