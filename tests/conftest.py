"""What every test may ask for: the recorded data beside the repository, and a migrated Postgres of its own."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from app.store.migrate import upgrade
from app.workers.postgres import EmbeddedPostgres

REPOSITORY = Path(__file__).resolve().parents[1]
SHARED = REPOSITORY.parent / "shared"

_numbers = itertools.count(1)
_TEMPLATE = "bestex_template"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of recorded markets and solved cases beside the repository; skips where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"no recorded data: {SHARED.name}/ is not beside the repository")
    return SHARED


@pytest.fixture(scope="session")
def postgres_template() -> Iterator[str]:
    """The URL of a server of this test process, whose database `bestex_template` is migrated; stopped at the end.

    One server per pytest worker, started by the first test that asks, in a folder that an unprivileged server enters.
    """
    folder = Path(tempfile.mkdtemp(prefix="bestex-test-pg-"))
    folder.chmod(0o711)
    # Nothing here outlives the session, so the disk need not be waited for; the crash tests use their own server.
    server = EmbeddedPostgres(folder, {"fsync": "off", "full_page_writes": "off", "max_connections": "60"})
    try:
        url = server.start()
        _execute(url, f"create database {_TEMPLATE}")
        upgrade(_sibling(url, _TEMPLATE))
        yield url
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def database_url(postgres_template: str) -> Iterator[str]:
    """The URL of an empty, migrated database that belongs to this test alone."""
    name = f"test_{next(_numbers)}"
    _execute(postgres_template, f"create database {name} template {_TEMPLATE} strategy file_copy")
    yield _sibling(postgres_template, name)
    _execute(postgres_template, f"drop database {name} with (force)")


def _sibling(url: str, database: str) -> str:
    return f"{url.rpartition('/')[0]}/{database}"


def _execute(url: str, statement: str) -> None:
    """Runs one statement in a thread of its own: a fixture must not disturb a test's event loop."""

    async def run() -> None:
        connection = await asyncpg.connect(url, timeout=10)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    failure: list[BaseException] = []

    def work() -> None:
        try:
            asyncio.run(run())
        except BaseException as error:
            failure.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
