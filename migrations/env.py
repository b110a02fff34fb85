"""Runs migrations over asyncpg. URL: `-x url=...`, else the caller's attribute `url`, else BESTEX_DATABASE_URL.

Two processes that migrate at once take turns; a server older than PostgreSQL 15 is refused.
"""

from __future__ import annotations

import asyncio
import os

from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from app.models import metadata

LEAST_VERSION = (15,)
LOCK_KEY = 0x42455854  # "BEXT"


def database_url() -> str:
    url = context.get_x_argument(as_dictionary=True).get("url")
    url = url or context.config.attributes.get("url") or os.environ.get("BESTEX_DATABASE_URL")
    if not url:
        raise SystemExit("no database: give -x url=postgresql://... or set BESTEX_DATABASE_URL")
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.partition("+")[0] not in {"postgresql", "postgres"}:
        raise SystemExit("the database must be PostgreSQL: postgresql://...")
    return f"postgresql+asyncpg://{rest}"


def migrate(connection: Connection) -> None:
    version = connection.dialect.server_version_info or (0,)
    if version < LEAST_VERSION:
        raise SystemExit(f"PostgreSQL 15 or newer is needed, this is {'.'.join(map(str, version))}")
    context.configure(connection=connection, target_metadata=metadata)
    with context.begin_transaction():
        connection.execute(text(f"select pg_advisory_xact_lock({LOCK_KEY})"))
        context.run_migrations()


async def run() -> None:
    engine = create_async_engine(database_url(), poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(migrate)
    finally:
        await engine.dispose()


if context.is_offline_mode():
    context.configure(url=database_url(), target_metadata=metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    asyncio.run(run())
