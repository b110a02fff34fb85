"""The one decimal and the one time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from app.api.schemas.base import Dec, SignedDec, Time, time_ns
from app.api.wire.text import time_text
from app.domain.units import decimal_text

DEC = TypeAdapter(Dec)
SIGNED = TypeAdapter(SignedDec)
TIME = TypeAdapter(Time)


@given(st.integers(0, 10**38 - 1), st.integers(0, 18))
def test_decimals_round_trip_exactly(units, scale):
    text = decimal_text(units % 10 ** (20 + scale), scale)
    assert DEC.dump_python(DEC.validate_python(text)) == text


def test_the_longest_decimal_survives():
    assert DEC.validate_python("0.100000000000000001") == Decimal("0.100000000000000001")


@given(st.integers(-(10**38), 10**38), st.integers(0, 18))
@example(-(10**28) - 1, 9)
def test_signed_decimals_round_trip(units, scale):
    text = decimal_text(units, scale)
    if len(text.lstrip("-").partition(".")[0]) <= 20:
        assert SIGNED.dump_python(SIGNED.validate_python(text)) == text


@pytest.mark.parametrize(
    "text", ["", " 1", "1 ", "+1", "-1", "01", "1.", ".1", "1e5", "NaN", "Infinity", "１", "1_0", "0x1"]
)
def test_other_forms_are_refused(text):
    with pytest.raises(ValidationError):
        DEC.validate_python(text)


@given(st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1)))  # noqa: DTZ001 - the zone is added below
def test_times_round_trip_to_the_microsecond(naive):
    moment = naive.replace(tzinfo=UTC)
    ts_ns = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1_000
    assert time_ns(time_text(ts_ns)) == ts_ns
    assert time_ns(moment.isoformat()) == ts_ns


def test_times_are_truncated_never_rounded():
    assert time_text(time_ns("2026-01-31T12:00:00.123456999Z")) == "2026-01-31T12:00:00.123456Z"
    assert time_text(1_999) == "1970-01-01T00:00:00.000001Z"


def test_offsets_are_the_same_instant():
    assert (
        time_ns("2026-01-31T14:00:00+02:00") == time_ns("2026-01-31T12:00:00Z") == time_ns("2026-01-31t06:30:00-05:30")
    )


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-31",
        "2026-01-31 12:00:00Z",
        "2026-01-31T12:00:00",
        "2026-01-31T12:00:60Z",
        "2026-13-01T00:00:00Z",
        "2026-02-30T00:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "1969-12-31T23:59:59Z",
        "9999-12-31T23:59:59Z",
        "2026-01-31T12:00:00+24:00",
        "２026-01-31T12:00:00Z",
        "2026-01-31T12:00:00.1234567890Z",
        "",
    ],
)
def test_other_times_are_refused(text):
    with pytest.raises(ValidationError):
        TIME.validate_python(text)


def test_one_schema_both_ways():
    assert DEC.json_schema(mode="validation") == DEC.json_schema(mode="serialization")
    assert TIME.json_schema(mode="validation") == TIME.json_schema(mode="serialization")
