"""One statement per table, whatever the columns; nothing that Postgres cannot hold reaches it."""

from __future__ import annotations

import asyncpg
import pytest
from sqlalchemy import BigInteger, Boolean, LargeBinary, Numeric, Text
from sqlalchemy.dialects.postgresql import JSON, JSONB

from app import models
from app.store.upserts import OnConflict, array_of, array_text, clean_text, table_write


@pytest.mark.parametrize("table", models.metadata.sorted_tables, ids=lambda table: table.name)
def test_a_write_names_every_stored_column(table) -> None:
    write = table_write(table, OnConflict.REPLACE)
    assert list(write.columns) == [column.name for column in table.columns if column.computed is None]
    assert f"${len(write.columns)}::" in write.statement
    assert f"${len(write.columns) + 1}" not in write.statement


@pytest.mark.parametrize(
    ("text", "cleaned"), [("", ""), ("plain", "plain"), ("a\x00b", "a\ufffdb"), ("\x00\x00", "\ufffd\ufffd")]
)
def test_a_nul_becomes_the_replacement_character(text: str, cleaned: str) -> None:
    assert clean_text(text) == cleaned


@pytest.mark.parametrize(
    ("document", "cleaned"),
    [
        (r'{"a":"\u0000"}', r'{"a":"\ufffd"}'),
        (r'{"a":"\\u0000"}', r'{"a":"\\u0000"}'),
        (r'{"a":"\\\u0000"}', r'{"a":"\\\ufffd"}'),
        (r'{"a":"x\u0000\u0000y"}', r'{"a":"x\ufffd\ufffdy"}'),
    ],
)
def test_only_real_nul_escapes_of_a_document_change(document: str, cleaned: str) -> None:
    write = table_write(models.account_limits, OnConflict.KEEP)
    columns = write.arguments([("a", 1, 1, 1, "actor", document)])
    assert columns[-1] == cleaned


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("kind", "element", "values"),
    [
        (
            Text,
            "text",
            ["", "NULL", "null", None, "{", "}", ",", '"', "\\", '\\"', " lead", "a,b", "é😀", "a\nb\tc", "'$1'"],
        ),
        (Text, "text", [None]),
        (Text, "text", [""]),
        (JSON, "text", ['{"a":"\\u0000 \\\\ \\""}', "null"]),
        (JSON, "text", [None, '{"a":"é😀,{}"}', None]),
        (JSONB, "text", [r'{"a":"\\u0000"}', None, "[]"]),
        (BigInteger, "int8", [0, -(2**63), 2**63 - 1, None]),
        (Numeric, "numeric", [10**40, -1, None]),
        (Boolean, "bool", [True, False, None]),
        (LargeBinary, "text", [b"", b'\x00\xff\\"', None]),
        (LargeBinary, "text", [b""]),
    ],
)
async def test_the_server_reads_an_arrays_text_as_it_was(database_url: str, kind, element, values) -> None:
    connection = await asyncpg.connect(database_url)
    cast = "::bytea[]" if kind is LargeBinary else ""
    found = await connection.fetchval(f"select ({array_of(kind, '$1', element)}){cast}", array_text(kind, values))
    await connection.close()
    assert found == values


@pytest.mark.postgres
async def test_a_nul_of_one_element_moves_no_other(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    found = await connection.fetchval("select $1::text::text[]", array_text(Text, ["a\x00b", "\x00", "c"]))
    await connection.close()
    assert found == ["a\ufffdb", "\ufffd", "c"]


@pytest.mark.postgres
async def test_keep_keeps_and_replace_replaces(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)

    async def stored(on_conflict: OnConflict, *rows: tuple[object, ...]) -> list[tuple[object, ...]]:
        write = table_write(models.balances, on_conflict)
        await connection.execute(write.statement, *write.arguments(rows))
        found = await connection.fetch("select * from balances order by account")
        return [(a, v, c, int(n)) for a, v, c, n in found]

    first, other = ("a", "v", "USDT", 10**30), ("b", "v", "USDT", -1)
    assert await stored(OnConflict.KEEP, first, other) == [first, other]
    assert await stored(OnConflict.KEEP, ("a", "v", "USDT", 5)) == [first, other]
    assert await stored(OnConflict.REPLACE, ("a", "v", "USDT", 5)) == [("a", "v", "USDT", 5), other]
    await connection.close()
