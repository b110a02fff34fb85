"""Strategies in time from the shell: options become strategy_params by the service's own clock."""

from __future__ import annotations

import pytest

from app.cli import order
from app.cli.exits import CommandError, Exit
from app.cli.in_time import end_at, with_schedule

from .wire_shapes import ORDER

NOW = {"time": "2026-01-31T12:00:00.000000Z", "time_ns": 1_769_860_800_000_000_000}


def test_minutes_are_counted_from_the_services_clock(service, bestex):
    service.says("GET", "/v1/time", NOW)
    service.says("POST", "/v1/orders", ORDER, 201)
    options = "--strategy vwap --minutes 10 --slice 5 --urgency passive --cap 0.2 --would-price 60000"
    assert bestex(order, "buy", "BTC/USDT", "2", *options.split()).exit_code == 0
    body = service.asked[-1].body
    assert body["strategy"] == "vwap"
    assert body["strategy_params"] == {
        "slice": "5",
        "urgency": "passive",
        "participation_cap": "0.2",
        "would_price": "60000",
        "end_at": "2026-01-31T12:10:00.000000Z",
    }


def test_a_preview_takes_the_same_options(service, bestex):
    service.says("GET", "/v1/time", NOW)
    service.says(
        "POST", "/v1/orders/preview", {"route": None, "checks": [], "estimate": None, "estimate_missing": "no price"}
    )
    options = ("--strategy", "pov", "--minutes", "1", "--rate", "0.1", "--params", '{"volume_base": "of_total"}')
    assert bestex(order, "preview", "buy", "BTC/USDT", "2", *options).exit_code == 0
    params = service.asked[-1].body["strategy_params"]
    assert params == {"rate": "0.1", "volume_base": "of_total", "end_at": "2026-01-31T12:01:00.000000Z"}


def test_a_tilt_asks_for_the_version_that_has_one_and_discretion_counts_ticks(service, bestex):
    service.says("GET", "/v1/time", NOW)
    service.says("POST", "/v1/orders", ORDER, 201)
    options = "--strategy twap --minutes 10 --max-tilt 0.2 --discretion 3"
    assert bestex(order, "sell", "BTC/USDT", "2", *options.split()).exit_code == 0
    assert service.asked[-1].body["strategy_params"] == {
        "max_tilt": "0.2",
        "discretion_ticks": 3,
        "version": 2,
        "end_at": "2026-01-31T12:10:00.000000Z",
    }


def test_without_such_options_the_body_is_as_it_was():
    assert with_schedule(None, {"a": 1}, {}) == {"a": 1}


@pytest.mark.parametrize("minutes", ["soon", "0", "-1"])
def test_minutes_are_a_number_above_zero(minutes):
    with pytest.raises(CommandError) as raised:
        end_at(None, minutes)
    assert raised.value.code is Exit.USAGE


@pytest.mark.parametrize("text", ["{", "[1]"])
def test_params_are_a_json_object(text):
    with pytest.raises(CommandError) as raised:
        with_schedule(None, {}, {"params": text})
    assert raised.value.code is Exit.USAGE
