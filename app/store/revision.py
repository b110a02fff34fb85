"""Which schema a database has: one cheap question, so that a start need not load the migration tool for nothing."""

from __future__ import annotations

import asyncpg


async def stored_revision(url: str, timeout_s: float = 5.0) -> str:
    """The schema revision of the database at `url`, empty for one that was never migrated.

    Raises OSError, TimeoutError or asyncpg.PostgresError where it cannot be asked.
    """
    connection = await asyncpg.connect(url, timeout=timeout_s)
    try:
        if await connection.fetchval("select to_regclass('alembic_version')") is None:
            return ""
        return str(await connection.fetchval("select version_num from alembic_version") or "")
    finally:
        await connection.close()
