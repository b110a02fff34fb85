"""The one MetaData, and the column types that keep integers exact.

Units, lots, ticks, nanoseconds and sequences fit int64 (units are refused from 2**62 on). Money in nano does not
always: a currency of small value passes 9.2e9 whole units soon, so money is NUMERIC(38, 0), still an integer.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import BigInteger, Boolean, Column, Integer, MetaData, Numeric, Text
from sqlalchemy.dialects.postgresql import JSON, JSONB

# Names of constraints are stated, so that a migration can speak of them on any server.
metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

MONEY: Final = Numeric(38, 0)
# Byte order, so that pages by id and the state hash sort as Python does, whatever the database's own collation is.
TEXT: Final = Text(collation="C")


def text_column(name: str, *, is_key: bool = False) -> Column[str]:
    """Text that is never null; empty says nothing."""
    return Column(name, TEXT, primary_key=is_key, nullable=False)


def units_column(name: str, *, is_key: bool = False, is_optional: bool = False) -> Column[int]:
    """An integer that fits int64: units, lots, ticks, nanoseconds, sequences."""
    return Column(name, BigInteger, primary_key=is_key, nullable=is_optional, autoincrement=False)


def count_column(name: str) -> Column[int]:
    return Column(name, Integer, nullable=False)


def money_column(name: str, *, is_optional: bool = False) -> Column[Any]:
    """Nano of a currency, of any size."""
    return Column(name, MONEY, nullable=is_optional)


def flag_column(name: str) -> Column[bool]:
    return Column(name, Boolean, nullable=False)


def json_column(name: str) -> Column[Any]:
    """Canonical JSON kept as written, key order included: what a record is rebuilt from."""
    return Column(name, JSON, nullable=False)


def document_column(name: str) -> Column[Any]:
    """JSON to be asked about in SQL."""
    return Column(name, JSONB, nullable=False)
