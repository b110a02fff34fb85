"""Rows into tables by one statement each: columns travel as arrays, `unnest` makes them rows again.

An array travels as text, which the server takes apart: the driver asks of every element of a list whether it is a list
itself, which was half of what a row cost on this side. What is long (documents, receipts) is only parted by a character
that it never holds; everything else is an array as Postgres writes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Any, Final

from sqlalchemy import BigInteger, Boolean, Column, Integer, LargeBinary, Numeric, Table, Text
from sqlalchemy.dialects.postgresql import JSON, JSONB

Row = tuple[Any, ...]


@unique
class OnConflict(StrEnum):
    """What happens to a row whose key is there already."""

    KEEP = "keep"
    REPLACE = "replace"


# Column type -> (element of the array that carries it, cast on arrival). JSONB before JSON: it is one.
_CARRIERS: Final[tuple[tuple[type[Any], str, str], ...]] = (
    (JSONB, "text", "::jsonb"),
    (JSON, "text", "::json"),
    (Numeric, "numeric", ""),
    (BigInteger, "int8", ""),
    (Integer, "int4", ""),
    (Boolean, "bool", ""),
    (LargeBinary, "text", "::bytea"),
    (Text, "text", ""),
)
# Neither canonical JSON nor hexadecimal digits hold a control character.
_PARTED: Final = frozenset({JSONB, JSON, LargeBinary})
_PART, _NULL = "\x1f", "\x1e"
# Postgres stores no NUL: neither as a character nor as JSONB's escape of it (which a backslash before it is not).
_NUL_ESCAPE: Final = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")


@dataclass(frozen=True, slots=True)
class TableWrite:
    """`statement` takes the text of one array per column of `columns`, in that order."""

    table: str
    statement: str
    columns: tuple[str, ...]
    kinds: tuple[type[Any], ...]

    def arguments(self, rows: Iterable[Row]) -> list[str]:
        """`rows` (values in the order of `columns`) as the statement's arrays."""
        return [array_text(kind, values) for kind, values in zip(self.kinds, zip(*rows, strict=True), strict=True)]


def table_write(table: Table, on_conflict: OnConflict) -> TableWrite:
    """The insert of many rows of `table` at once; generated columns are left to the server."""
    columns = [column for column in table.columns if column.computed is None]
    names = [column.name for column in columns]
    carriers = [_carrier(column) for column in columns]
    arrays = ", ".join(array_of(carrier[0], f"${i}", carrier[1]) for i, carrier in enumerate(carriers, 1))
    selected = ", ".join(f"x.{name}{carrier[2]}" for name, carrier in zip(names, carriers, strict=True))
    keys = [column.name for column in table.primary_key.columns]
    replaced = ", ".join(f"{name} = excluded.{name}" for name in names if name not in keys)
    action = "do nothing" if on_conflict is OnConflict.KEEP else f"do update set {replaced}"
    statement = (
        f"insert into {table.name} ({', '.join(names)}) select {selected}"  # noqa: S608 (names of our own tables)
        f" from unnest({arrays}) as x({', '.join(names)}) on conflict ({', '.join(keys)}) {action}"
    )
    return TableWrite(table.name, statement, tuple(names), tuple(carrier[0] for carrier in carriers))


def clean_text(value: str) -> str:
    """`value` as Postgres can hold it: a NUL becomes the replacement character. Said once, for rows and for hashes."""
    return value.replace("\x00", "\ufffd")


def _carrier(column: Column[Any]) -> tuple[type[Any], str, str]:
    return next(carrier for carrier in _CARRIERS if isinstance(column.type, carrier[0]))


def array_of(kind: type[Any], text: str, element: str) -> str:
    """The array of such elements that the server makes of `array_text`."""
    if kind in _PARTED:
        return f"string_to_array({text}::text, E'\\x1f', E'\\x1e')"
    return f"{text}::text::{element}[]"


def array_text(kind: type[Any], values: Sequence[Any]) -> str:
    """`values` of a column of this kind, at least one, as `array_of` reads them; None is NULL."""
    if kind is Text:
        return f"{{{_quoted(values)}}}"
    if kind is LargeBinary:
        return _PART.join([_NULL if value is None else f"\\x{value.hex()}" for value in values])
    if kind is JSONB:
        values = [_NUL_ESCAPE.sub(r"\1\\ufffd", value) if value and "\\u0000" in value else value for value in values]
    if kind in _PARTED:
        return _PART.join([_NULL if value is None else value for value in values])
    return f"{{{','.join(['NULL' if value is None else str(value) for value in values])}}}"


def _quoted(values: Sequence[str | None]) -> str:
    """Elements in quotes, where a backslash escapes a quote and itself; all at once, parted by the NUL none holds."""
    texts = ["" if value is None else value for value in values]
    joined = "\x00".join(texts)
    if joined.count("\x00") >= len(texts):
        joined = "\x00".join(map(clean_text, texts))
    parts = joined.replace("\\", "\\\\").replace('"', '\\"').split("\x00")
    return ",".join(["NULL" if value is None else f'"{part}"' for value, part in zip(values, parts, strict=True)])
