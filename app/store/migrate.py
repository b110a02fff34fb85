"""The database's schema, brought to this release's by Alembic; nothing is loaded or run where it is there already."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

import asyncpg

from app.domain.errors import Unavailable
from app.store.orders import LOST

# The newest revision in migrations/versions; a test holds it equal to Alembic's own answer.
HEAD: Final = "0008_venue_stops"
_FOLDER: Final = Path(__file__).resolve().parents[2] / "migrations"
_CONNECT_TIMEOUT_S: Final = 5.0


def plain_url(url: str) -> str:
    """`url` as asyncpg reads it: no driver in the scheme. Raises Unavailable for anything that is no Postgres URL."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.partition("+")[0] not in {"postgresql", "postgres"}:
        raise Unavailable("database_url", "the database must be PostgreSQL: postgresql://USER:PASSWORD@HOST:PORT/NAME")
    return f"postgresql://{rest}"


async def revision(url: str) -> str:
    """The revision that the database at `url` is at, empty before the first; raises OSError or asyncpg's errors."""
    connection = await asyncpg.connect(plain_url(url), timeout=_CONNECT_TIMEOUT_S)
    try:
        if await connection.fetchval("select to_regclass('alembic_version')") is None:
            return ""
        return await connection.fetchval("select version_num from alembic_version") or ""
    finally:
        await connection.close()


def upgrade(url: str) -> None:
    """Migrates the database at `url` to HEAD. Not from within a running event loop: it runs its own.

    Raises Unavailable (`database_failed`) where the server cannot be reached, is too old or is of a newer release.
    """
    try:
        if asyncio.run(revision(url)) == HEAD:
            return
        _run_alembic(plain_url(url))
    except LOST as error:
        raise Unavailable("database_failed", f"the database cannot be migrated: {error}") from error


def _run_alembic(url: str) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util.exc import CommandError

    config = Config(attributes={"url": url})
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    try:
        command.upgrade(config, "head")
    except (CommandError, SystemExit) as error:
        raise Unavailable("database_failed", f"the database cannot be migrated: {error}") from error
