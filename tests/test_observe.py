"""Each event is a line and a metric together; lines are JSON; a flood costs no lines."""

from __future__ import annotations

import json
from random import Random

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram

from app import observe
from app.domain.enums import FeeStatus, Liquidity, MarketKind
from app.domain.events import FeeDeviated, FeeTierSet, OrderAccepted
from tests.worlds import make_desk


def value(name: str, **labels: str) -> float:
    return observe.REGISTRY.get_sample_value(name, labels) or 0.0


def accepted() -> OrderAccepted:
    record, _ = make_desk().accepted()
    return record.accepted


def test_answers_are_the_counter_and_the_histogram_of_the_library() -> None:
    """Text for text but for when they were begun: whoever scrapes sees no difference."""
    registry = CollectorRegistry()
    n_requests = Counter("bestex_http_requests", "Requests answered", ("route", "status"), registry=registry)
    seconds = Histogram(
        "bestex_http_seconds", "Time to answer", ("route",), buckets=observe._SECONDS, registry=registry
    )
    own = observe._Answers()
    chance = Random(1)
    took_s = [*observe._SECONDS, 0.0, 11.0, *(chance.random() ** 6 for _ in range(200))]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(observe, "_answers", own)
        for elapsed_s in took_s:
            route, status = chance.choice(["/a", "/b"]), chance.choice([200, 422])
            observe.request_answered(route, status, elapsed_s)
            n_requests.labels(route, str(status)).inc()
            seconds.labels(route).observe(elapsed_s)
    twin = CollectorRegistry()
    twin.register(own)

    def samples(registry: CollectorRegistry) -> dict[tuple[str, str], float]:
        return {
            (sample.name, str(sorted(sample.labels.items()))): round(sample.value, 9)
            for metric in registry.collect()
            for sample in metric.samples
            if not sample.name.endswith("_created")
        }

    assert samples(twin) == samples(registry)
    assert len(samples(twin)) == 4 + 2 * (len(observe._SECONDS) + 3)


def test_a_line_is_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    observe.configure(level="debug")
    observe.venue_switched("ven_a", "op", is_enabled=False)
    observe.request_failed("/v1/orders", "req_1", ValueError("why"))
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["event"] for line in lines] == ["venue_switched", "request_failed"]
    assert lines[0] | {"timestamp": ""} == {
        "venue": "ven_a",
        "is_enabled": False,
        "actor": "op",
        "event": "venue_switched",
        "level": "warning",
        "timestamp": "",
    }
    assert "ValueError: why" in lines[1]["exception"]


def test_half_a_character_breaks_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    observe.configure(level="info", is_pretty=False)
    observe.projection_lost("no \ud83d")
    assert json.loads(capsys.readouterr().err)["error"] == "no \ud83d"


def test_pretty_lines_are_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    observe.configure(is_pretty=True)
    observe.limits_changed("desk", 2, "op")
    assert "limits_changed" in capsys.readouterr().err


def test_orders_are_counted_and_said_only_when_asked(capsys: pytest.CaptureFixture[str]) -> None:
    before = value("bestex_orders_accepted_total", symbol="BTC/USDT", side="buy")
    observe.configure()
    observe.orders_accepted([accepted()])
    assert capsys.readouterr().err == ""
    observe.configure(level="debug")
    observe.orders_accepted([accepted()])
    assert "order_accepted" in capsys.readouterr().err
    assert value("bestex_orders_accepted_total", symbol="BTC/USDT", side="buy") == before + 2


def test_refused_requests_are_counted_without_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    before = value("bestex_problems_total", code="not_found"), value("bestex_auth_failures_total")
    observe.request_refused("/x", "not_found", 404, "req")
    observe.key_refused("req")
    observe.body_malformed("/x", "too_deep", "req")
    assert (value("bestex_problems_total", code="not_found"), value("bestex_auth_failures_total")) == (
        before[0] + 1,
        before[1] + 1,
    )
    assert capsys.readouterr().err == ""


def test_answers_are_timed() -> None:
    before = value("bestex_http_requests_total", route="/x", status="200")
    observe.request_answered("/x", 200, 0.004)
    assert value("bestex_http_requests_total", route="/x", status="200") == before + 1
    assert value("bestex_http_seconds_count", route="/x") >= 1


def test_gauges_are_what_they_were_told() -> None:
    observe.engine_measured({"open_orders": 7}, {("ven_a", "BTC/USDT"): 0.25})
    observe.projection_lagging(11)
    text = observe.metrics().decode()
    assert 'bestex_engine{what="open_orders"} 7.0' in text
    assert 'bestex_book_age_seconds{symbol="BTC/USDT",venue="ven_a"} 0.25' in text
    assert "bestex_projection_lag_facts 11.0" in text


def test_every_event_can_be_told(capsys: pytest.CaptureFixture[str]) -> None:
    observe.configure(level="debug")
    record, children = make_desk().accepted()
    observe.order_refused("min_notional", record.account)
    observe.child_stopped_at_gate(children[0])
    observe.venue_call_failed("ven_a", "send", OSError("x" * 500))
    observe.book_received("ven_a", "BTC/USDT", is_good=False)
    observe.history_unavailable("order")
    observe.key_changed("created", "desk", "abcdefgh", "op")
    observe.kill_switch_changed("set", "global", "", "op", 3)
    observe.child_resolved("o", "c", "op")
    observe.projection_lost("away")
    observe.projection_failed("of another log")
    observe.shard_stopped(RuntimeError("disk"))
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert len(lines) == 11
    assert len(str(lines[2]["error"])) <= 200


def test_a_fee_alarm_is_a_warning_and_a_count(capsys: pytest.CaptureFixture[str]) -> None:
    labels = {"venue": "ven_z", "market": "spot", "liquidity": "taker"}
    before = value("bestex_fee_deviations_total", **labels)
    kind, side, status = MarketKind.SPOT, Liquidity.TAKER, FeeStatus.VERIFIED
    observe.fee_deviated(
        FeeDeviated("desk", "ven_z", kind, side, "base", 1_000, 1_500, 5_000_000, 3, 10**12, "a page", status)
    )
    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["deviation_bps"], line["n_fills"]) == ("fee_deviated", 5.0, 3)
    assert value("bestex_fee_deviations_total", **labels) == before + 1


def test_the_fee_that_routing_reckons_with_is_a_gauge() -> None:
    kind, status = MarketKind.SPOT, FeeStatus.VERIFIED
    observe.fee_tier_changed(
        FeeTierSet("desk", "ven_z", kind, "top", 250, 0, 275, 0, 0, 0, False, "a page", "2026-01-31", status)
    )
    assert value("bestex_taker_fee_bps", account="desk", venue="ven_z", market="spot") == 2.75
