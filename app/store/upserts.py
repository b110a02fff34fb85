"""Rows into tables by one statement each: columns travel as arrays, `unnest` makes them rows again."""

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


# Column type -> (type of the array that carries it, cast on arrival). JSONB before JSON: it is one.
_CARRIERS: Final[tuple[tuple[type[Any], str, str], ...]] = (
    (JSONB, "text", "::jsonb"),
    (JSON, "text", "::json"),
    (Numeric, "text", "::numeric"),
    (BigInteger, "int8", ""),
    (Integer, "int4", ""),
    (Boolean, "bool", ""),
    (LargeBinary, "bytea", ""),
    (Text, "text", ""),
)
# Postgres stores no NUL: neither as a character nor as JSONB's escape of it (which a backslash before it is not).
_NUL_ESCAPE: Final = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")


@dataclass(frozen=True, slots=True)
class TableWrite:
    """`statement` takes one array per column of `columns`, in that order."""

    statement: str
    columns: tuple[str, ...]
    kinds: tuple[type[Any], ...]

    def arguments(self, rows: Iterable[Row]) -> list[list[Any]]:
        """`rows` (values in the order of `columns`) as the statement's arrays."""
        return [_carried(kind, values) for kind, values in zip(self.kinds, zip(*rows, strict=True), strict=True)]


def table_write(table: Table, on_conflict: OnConflict) -> TableWrite:
    """The insert of many rows of `table` at once; generated columns are left to the server."""
    columns = [column for column in table.columns if column.computed is None]
    names = [column.name for column in columns]
    carriers = [_carrier(column) for column in columns]
    arrays = ", ".join(f"${i}::{carrier[1]}[]" for i, carrier in enumerate(carriers, 1))
    selected = ", ".join(f"x.{name}{carrier[2]}" for name, carrier in zip(names, carriers, strict=True))
    keys = [column.name for column in table.primary_key.columns]
    replaced = ", ".join(f"{name} = excluded.{name}" for name in names if name not in keys)
    action = "do nothing" if on_conflict is OnConflict.KEEP else f"do update set {replaced}"
    statement = (
        f"insert into {table.name} ({', '.join(names)}) select {selected}"  # noqa: S608 (names of our own tables)
        f" from unnest({arrays}) as x({', '.join(names)}) on conflict ({', '.join(keys)}) {action}"
    )
    return TableWrite(statement, tuple(names), tuple(carrier[0] for carrier in carriers))


def clean_text(value: str) -> str:
    """`value` as Postgres can hold it: a NUL becomes the replacement character. Said once, for rows and for hashes."""
    return value.replace("\x00", "\ufffd")


def _carrier(column: Column[Any]) -> tuple[type[Any], str, str]:
    return next(carrier for carrier in _CARRIERS if isinstance(column.type, carrier[0]))


def _carried(kind: type[Any], values: Sequence[Any]) -> list[Any]:
    if kind is Numeric:
        return [None if value is None else str(value) for value in values]
    if kind is Text and any("\x00" in value for value in values):
        return [clean_text(value) for value in values]
    if kind is JSONB and any("\\u0000" in value for value in values):
        return [_NUL_ESCAPE.sub(r"\1\\ufffd", value) for value in values]
    return list(values)
