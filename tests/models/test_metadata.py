"""Columns keep integers exact and text in byte order; nothing is made by the server that a replay would make anew."""

from __future__ import annotations

import pytest
from sqlalchemy import BigInteger, Numeric, Text

from app.domain.records import CHILD_COLUMNS, FILL_COLUMNS, PARENT_COLUMNS
from app.models import child_orders, fills, metadata, parent_orders
from app.models.metadata import (
    count_column,
    document_column,
    flag_column,
    json_column,
    money_column,
    text_column,
    units_column,
)

TABLES = metadata.sorted_tables


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_column_is_exact(table) -> None:
    for column in table.columns:
        if column.name.endswith("_nano"):
            assert isinstance(column.type, Numeric) or column.name == "fees_nano"
        if isinstance(column.type, Numeric):
            assert (column.type.precision, column.type.scale) == (38, 0)
        if column.name.endswith(("_ts_ns", "_seq", "_ticks", "_lots")) or column.name in {"seq", "version"}:
            assert isinstance(column.type, BigInteger)
        if isinstance(column.type, Text):
            assert column.type.collation == "C"


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_no_column_is_filled_by_the_server(table) -> None:
    for column in table.columns:
        assert column.default is None
        assert column.server_default is None or column.computed is not None
        assert column.autoincrement is not True


def test_the_hashed_columns_are_there() -> None:
    for table, columns in ((parent_orders, PARENT_COLUMNS), (child_orders, CHILD_COLUMNS), (fills, FILL_COLUMNS)):
        assert set(columns) <= set(table.columns.keys())
        assert [column.name for column in table.primary_key] == [columns[0]]


def test_columns_are_never_null_unless_said() -> None:
    made = [text_column("a"), units_column("b"), count_column("c"), money_column("d"), flag_column("e")]
    made += [json_column("f"), document_column("g")]
    assert not any(column.nullable for column in made)
    assert units_column("b", is_optional=True).nullable
    assert money_column("d", is_optional=True).nullable
