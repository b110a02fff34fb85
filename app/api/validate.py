"""From a validation error to field errors in our words: pointer, code, limit, actual, hint. Never a raw input."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from app.api.decode import Number, echo
from app.api.errors import MAX_ERRORS, FieldError, InvalidRequest
from app.domain.enums import RefusalCode

M = TypeVar("M", bound=BaseModel)
_OWN: Final = frozenset({"decimal_string_required", "digits", "decimal_form", "time_form", "integer_required"})
# pydantic's word -> ours, and the member of its context that is the limit.
_CODES: Final[dict[str, tuple[str, str]]] = {
    "missing": ("missing", ""),
    "extra_forbidden": ("unknown_field", ""),
    "enum": ("unknown_value", "expected"),
    "literal_error": ("unknown_value", "expected"),
    "string_pattern_mismatch": ("form", "pattern"),
    "string_too_long": ("too_long", "max_length"),
    "string_too_short": ("too_short", "min_length"),
    "too_long": ("too_long", "max_length"),
    "too_short": ("too_short", "min_length"),
    "greater_than_equal": ("too_small", "ge"),
    "less_than_equal": ("too_big", "le"),
}
_HINTS: Final[dict[str, str]] = {
    "missing": "This member is required.",
    "unknown_field": "There is no such member.",
    "unknown_value": "Use one of {limit}.",
    "form": "It must match {limit}.",
    "too_long": "At most {limit}.",
    "too_short": "At least {limit}.",
    "too_small": "At least {limit}.",
    "too_big": "At most {limit}.",
    "wrong_type": "{message}.",
}
# What a value of the wrong JSON type ought to be, in JSON's words and not in those of our classes.
_TYPES: Final[dict[str, str]] = {
    "model_type": "Use a JSON object",
    "model_attributes_type": "Use a JSON object",
    "dict_type": "Use a JSON object",
    "list_type": "Use a JSON array",
    "string_type": "Use a JSON string",
    "bool_type": "Use true or false",
    "union_tag_invalid": "Its shape is that of the order's strategy: twap, vwap, pov or is",
    "union_tag_not_found": "Its shape is that of the order's strategy: twap, vwap, pov or is",
}
_DECIMAL_CODES: Final = frozenset({"decimal_string_required", "digits", "decimal_form"})
_TAGGED: Final = "strategy_params"  # the one union of shapes, told apart by a tag that pydantic puts into locations
_FIELD_CODES: Final = {
    "/qty": RefusalCode.INVALID_QUANTITY.value,
    "/notional": RefusalCode.INVALID_QUANTITY.value,
    "/limit_price": RefusalCode.INVALID_PRICE_INCREMENT.value,
}


def validate(model: type[M], members: Mapping[str, Any]) -> M:
    """`members` as `model`; raises InvalidRequest with one entry per wrong field."""
    try:
        return model.model_validate(members)
    except ValidationError as error:
        found = error.errors(include_url=False)[:MAX_ERRORS]
        raise invalid(_field_error(detail, "", model.model_fields) for detail in found) from None


def validate_query(model: type[M], pairs: Iterable[tuple[str, str]]) -> M:
    """Query parameters as `model`; one that comes twice is refused."""
    members: dict[str, str] = {}
    for name, value in pairs:
        if name in members:
            raise invalid([FieldError(f"/query/{echo(name)}", "duplicate", hint="Send it once.")])
        members[name] = value
    try:
        return model.model_validate(members)
    except ValidationError as error:
        found = error.errors(include_url=False)[:MAX_ERRORS]
        raise invalid(_field_error(detail, "/query", model.model_fields) for detail in found) from None


def invalid(errors: Iterable[FieldError]) -> InvalidRequest:
    """The refusal of a request with these culprits; its code is theirs where they agree on one."""
    listed = list(errors)
    codes = {
        _FIELD_CODES.get(e.pointer) if e.code in _DECIMAL_CODES | {"increment", "size", "zero"} else None
        for e in listed
    }
    code = codes.pop() if len(codes) == 1 else None
    names = ", ".join(dict.fromkeys(e.pointer.removeprefix("/") or "body" for e in listed))
    return InvalidRequest(code or "invalid_request", f"Wrong: {names}.", listed)


def _field_error(detail: ErrorDetails, prefix: str, fields: Mapping[str, Any]) -> FieldError:
    location = [echo(part) for part in _without_tag(detail["loc"]) if part != "[key]"]
    pointer = prefix + "".join(f"/{part.replace('~', '~0').replace('/', '~1')}" for part in location)
    context = detail.get("ctx", {})
    kind = detail["type"]
    if kind in _OWN:
        return FieldError(
            pointer,
            kind,
            limit=str(context.get("limit", "")),
            actual=str(context.get("actual", "")),
            hint=echo_hint(detail["msg"]),
        )
    code, limit_name = _CODES.get(kind, ("wrong_type", ""))
    limit = str(context.get(limit_name, "")) if limit_name else ""
    hint = _HINTS[code].format(limit=limit, message=_TYPES.get(kind) or echo_hint(detail["msg"]))
    if code == "unknown_field" and len(location) == 1:
        near = get_close_matches(location[0], list(fields), n=1)
        hint += f" Did you mean {near[0]}?" if near else ""
    return FieldError(pointer, code, limit, _actual(detail["input"]) if code != "missing" else "", hint=hint)


def _without_tag(location: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """Which of a union's shapes was looked at is no member of what was sent."""
    if len(location) > 1 and location[0] == _TAGGED:
        return location[:1] + location[2:]
    return location


def _actual(value: object) -> str:
    return echo(value) if value is None or isinstance(value, str | bool | int | Number | dict | list) else ""


def echo_hint(text: str) -> str:
    return text[:200].encode("utf-8", "replace").decode("utf-8").rstrip(".") + ("." if text.endswith(".") else "")
