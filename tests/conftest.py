"""What every test may ask for: the recorded data beside the repository, and a migrated Postgres of its own."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import shutil
import tempfile
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import pytest
from hypothesis import HealthCheck, settings

from app.kernels import jit
from app.store.migrate import upgrade
from app.workers.postgres import EmbeddedPostgres
from tests.process_state import ProcessState, lines_put_back

T = TypeVar("T")
REPOSITORY = Path(__file__).resolve().parents[1]
SHARED = REPOSITORY.parent / "shared"

# On a machine that does other things too, the time that an example took says nothing of the code.
settings.register_profile("bestex", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("bestex")

_numbers = itertools.count(1)
_TEMPLATE = "bestex_template"


@pytest.fixture(autouse=True, scope="session")
def warm_kernels() -> None:
    """Every kernel, before the first test: no property is timed while it compiles, and no plan of a test depends on
    whether a test before it compiled the exact search. Workers of one run share what there is to compile.
    """
    jit.warm()


@pytest.fixture(autouse=True)
def process_state() -> Iterator[None]:
    """No test leaves this process otherwise than it found it; how lines are told is put back for it."""
    before = ProcessState.now()
    with lines_put_back():
        yield
    before.put_service_back()
    left = before.changed_to(ProcessState.now())
    assert left == [], "left changed for the tests after it"


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
    with new_database(postgres_template) as url:
        yield url


@contextlib.contextmanager
def new_database(template_url: str) -> Iterator[str]:
    """The URL of an empty, migrated database, dropped at the end: for fixtures of a wider scope."""
    name = f"test_{next(_numbers)}"
    _execute(template_url, f"create database {name} template {_TEMPLATE} strategy file_copy")
    try:
        yield _sibling(template_url, name)
    finally:
        _execute(template_url, f"drop database {name} with (force)")


def run_apart(coroutine: Coroutine[Any, Any, T]) -> T:
    """Runs `coroutine` in a thread with a loop of its own: a fixture must not disturb a test's event loop."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()


def _sibling(url: str, database: str) -> str:
    return f"{url.rpartition('/')[0]}/{database}"


def _execute(url: str, statement: str) -> None:
    async def run() -> None:
        connection = await asyncpg.connect(url, timeout=10)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    run_apart(run())
