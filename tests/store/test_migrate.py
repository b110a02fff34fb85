"""The schema comes from migrations alone, says what the models say, and is there or is made."""

from __future__ import annotations

import asyncio
import sys

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from app.domain.errors import Unavailable
from app.models import metadata
from app.store.migrate import HEAD, plain_url, revision, upgrade
from tests.conftest import REPOSITORY

pytestmark = pytest.mark.postgres


def differences(connection: Connection) -> list[object]:
    return list(compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata))


async def test_the_migrated_database_is_what_the_models_say(database_url: str) -> None:
    engine = create_async_engine(database_url.replace("postgresql", "postgresql+asyncpg", 1), poolclass=NullPool)
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


def test_head_is_alembics_head() -> None:
    script = ScriptDirectory.from_config(Config(str(REPOSITORY / "alembic.ini")))
    assert script.get_heads() == [HEAD]


async def test_upgrade_makes_the_tables_once_and_then_nothing(database_url: str) -> None:
    assert await revision(database_url) == HEAD
    await asyncio.to_thread(upgrade, database_url)
    await asyncio.to_thread(upgrade, database_url.replace("postgresql", "postgresql+asyncpg", 1))


async def test_two_upgrades_at_once_take_turns(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute("drop schema public cascade; create schema public")
    assert await revision(database_url) == ""
    command = [sys.executable, "-m", "alembic", "-x", f"url={database_url}", "upgrade", "head"]
    others = [await asyncio.create_subprocess_exec(*command, cwd=REPOSITORY) for _ in range(2)]
    await asyncio.to_thread(upgrade, database_url)
    assert [await other.wait() for other in others] == [0, 0]
    assert await revision(database_url) == HEAD
    assert await connection.fetchval("select count(*) from parent_orders") == 0
    await connection.close()


async def test_a_database_of_a_newer_release_is_refused(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute("update alembic_version set version_num = '9999'")
    await connection.close()
    with pytest.raises(Unavailable, match="9999"):
        await asyncio.to_thread(upgrade, database_url)


def test_an_absent_server_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="cannot be migrated"):
        upgrade("postgresql://bestex:x@127.0.0.1:1/bestex")


@pytest.mark.parametrize("url", ["sqlite:///x", "bestex", "mysql://a/b"])
def test_another_kind_of_database_is_refused(url: str) -> None:
    with pytest.raises(Unavailable, match="PostgreSQL"):
        plain_url(url)


async def test_money_keeps_every_digit(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    most = 10**38 - 1
    await connection.execute("insert into balances values ('a', 'v', 'IDR', $1::text::numeric)", str(-most))
    assert int(await connection.fetchval("select amount_nano from balances")) == -most
    await connection.close()
