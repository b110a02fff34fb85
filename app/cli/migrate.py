"""`bestex migrate`: the database at the newest schema. The tool is loaded only where there is something to do."""

from __future__ import annotations

import asyncio
import re
import time
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from app.cli.exits import CommandError, Exit
from app.cli.options import DEFAULT_HOME, Home

app = typer.Typer(add_completion=False)
_REVISION = re.compile(r"^(revision|down_revision)(?:\s*:[^=]+)?\s*=\s*['\"](\w+)['\"]", re.M)


@app.command()
def migrate(
    database_url: Annotated[
        str,
        typer.Option("--database-url", envvar="BESTEX_DATABASE_URL", help="by default the embedded one of this home"),
    ] = "",
    home: Home = DEFAULT_HOME,
) -> None:
    """Brings the database to the newest schema; two at once take turns."""
    if database_url:
        print(_told(database_url))
        return
    from app.cli.service import BackgroundPostgres

    embedded = BackgroundPostgres(home.expanduser() / "postgres")
    try:
        print(_told(embedded.url()))
    finally:
        embedded.stop()


def _told(url: str) -> str:
    started_s = time.monotonic()
    try:
        was_behind = upgrade(url)
    except OSError as error:
        raise CommandError(Exit.UNREACHABLE, f"the database does not answer: {error}") from error
    done = "migrated to" if was_behind else "already at"
    return f"{done} schema {newest_revision()} ({time.monotonic() - started_s:.1f} s)"


def upgrade(url: str) -> bool:
    """Migrates `url` if it is behind; whether it was. Raises OSError where it cannot be reached.

    Not to be called on an event loop: the migration tool runs its own.
    """
    from app.store.revision import stored_revision

    if asyncio.run(stored_revision(url)) == newest_revision():
        return False
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_folder()))
    config.attributes["url"] = url
    command.upgrade(config, "head")
    return True


def newest_revision() -> str:
    """The head of the migrations, read from their files. Raises AssertionError where they have not exactly one."""
    found: list[dict[str, str]] = [
        dict(_REVISION.findall(path.read_text())) for path in (_folder() / "versions").glob("[0-9]*.py")
    ]
    parents = {names.get("down_revision") for names in found}
    heads = [names["revision"] for names in found if names["revision"] not in parents]
    assert len(heads) == 1, f"migrations have {len(heads)} heads"
    return heads[0]


def _folder() -> Path:
    return Path(str(files("migrations")))
