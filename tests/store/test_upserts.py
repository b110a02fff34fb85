"""One statement per table, whatever the columns; nothing that Postgres cannot hold reaches it."""

from __future__ import annotations

import asyncpg
import pytest

from app import models
from app.store.upserts import OnConflict, clean_text, table_write


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
    assert columns[-1] == [cleaned]


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
