"""Types that every shape shares: the one decimal, the one time, and the two kinds of object.

Decimals travel as strings both ways and have one schema, so that a generated client has one model per shape.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Annotated, Any, Final, Generic, LiteralString, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    StrictBool,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from app.api.decode import Number, echo
from app.domain.errors import BadDecimal
from app.domain.units import DECIMAL_PATTERN, parse_decimal

T = TypeVar("T")
SIGNED_DECIMAL_PATTERN: Final = DECIMAL_PATTERN.replace("^", "^-?", 1)
MAX_TIME_NS: Final = 2**62
_TIME: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_INTEGER: Final = re.compile(r"-?(0|[1-9][0-9]{0,17})", re.ASCII)


class Body(BaseModel):
    """Something a client sends: unknown members are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Answer(BaseModel):
    """Something we send: every member is always there, null where there is nothing to say."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Page(Answer, Generic[T]):
    """One page of a list, by keyset; `next_cursor` is opaque."""

    data: list[T]
    next_cursor: str | None = Field(description="Send it as `cursor` for the next page; null on the last one.")
    has_more: bool


def _decimal(value: Any) -> Decimal:
    if not isinstance(value, str):
        if isinstance(value, Number):
            raise PydanticCustomError(
                "decimal_string_required",
                "Decimals are strings: send {form}.",
                {"form": f'"{echo(value)}"', "actual": echo(value)},
            )
        raise PydanticCustomError(
            "decimal_string_required", 'Decimals are strings, such as "0.1".', {"actual": echo(value)}
        )
    try:
        return parse_decimal(value)
    except BadDecimal as error:
        raise PydanticCustomError(
            error.reason if error.reason == "digits" else "decimal_form",
            "At most 20 digits before the point and 18 after it."
            if error.reason == "digits"
            else 'Use a plain decimal such as "0.1": ASCII digits, no sign, no exponent, no leading zeros.',
            {"actual": echo(value), "limit": error.limit if error.reason == "digits" else ""},
        ) from None


def _signed(value: Any) -> Decimal:
    if isinstance(value, str) and value.startswith("-"):
        return _decimal(value[1:]).copy_negate()  # a minus would round to the context of 28 digits
    return _decimal(value)


def _plain(value: Decimal) -> str:
    return format(value, "f")


def time_ns(text: str) -> int:
    """UTC nanoseconds of an RFC 3339 time, truncated to microseconds; raises ValueError."""
    form = _TIME.fullmatch(text)
    if form is None:
        raise ValueError("form")
    year, month, day, hour, minute, second, fraction, sign, off_hours, off_minutes = form.groups()
    zone = UTC
    if sign is not None:
        offset = timedelta(hours=int(off_hours), minutes=int(off_minutes))
        zone = timezone(-offset if sign == "-" else offset)
    moment = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second), tzinfo=zone)
    since = moment - _EPOCH
    micros = int((fraction or "").ljust(6, "0")[:6])
    ns = ((since.days * 86_400 + since.seconds) * 1_000_000 + micros) * 1_000
    if not 0 < ns < MAX_TIME_NS:
        raise ValueError("range")
    return ns


def _time(value: Any) -> int:
    hint: LiteralString = 'Use RFC 3339 with its zone, such as "2026-01-31T12:00:00.000001Z".'
    if isinstance(value, str) and len(value) <= 40:
        try:
            return time_ns(value)
        except OverflowError:
            pass
        except ValueError as error:
            if str(error) == "range":
                hint = "Use a time after 1970 and before 2116."
    raise PydanticCustomError("time_form", hint, {"actual": echo(value)})


def _integer(value: Any) -> int:
    """An integer of a body (Number) or of a query (text): ASCII digits, at most 18."""
    text = value.text if isinstance(value, Number) else value
    if isinstance(text, int) and not isinstance(text, bool):
        return text
    is_from_query = isinstance(value, str)
    if isinstance(text, str) and (is_from_query or isinstance(value, Number)) and _INTEGER.fullmatch(text):
        return int(text)
    raise PydanticCustomError("integer_required", "Use a plain integer.", {"actual": echo(value)})


def _body_integer(value: Any) -> int:
    if isinstance(value, str):
        raise PydanticCustomError("integer_required", "Use a JSON number without quotes.", {"actual": echo(value)})
    return _integer(value)


_DEC_SCHEMA: Final = {
    "type": "string",
    "pattern": DECIMAL_PATTERN,
    "description": "A plain decimal: at most 20.18 digits, no sign, no exponent.",
    "examples": ["0.1"],
}
_SIGNED_SCHEMA: Final = {
    "type": "string",
    "pattern": SIGNED_DECIMAL_PATTERN,
    "description": "A plain decimal that may be negative.",
    "examples": ["-0.05"],
}
Dec = Annotated[
    Decimal, PlainValidator(_decimal), PlainSerializer(_plain, return_type=str), WithJsonSchema(_DEC_SCHEMA)
]
SignedDec = Annotated[
    Decimal, PlainValidator(_signed), PlainSerializer(_plain, return_type=str), WithJsonSchema(_SIGNED_SCHEMA)
]
Time = Annotated[
    int,
    PlainValidator(_time),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-01-31T12:00:00.000001Z"]}),
]
# Last in an Annotated, so that bounds named before it stay in the schema.
IN_BODY: Final = BeforeValidator(_body_integer)
IN_QUERY: Final = BeforeValidator(_integer)
Bool = StrictBool
Text = Annotated[str, StringConstraints(strict=True)]
