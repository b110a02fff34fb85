"""`bestex migrate`: the database at this release's schema."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from app.cli.exits import CommandError, Exit
from app.cli.options import DEFAULT_HOME, Home

app = typer.Typer(add_completion=False)
Database = Annotated[
    str, typer.Option("--database-url", envvar="BESTEX_DATABASE_URL", help="by default the embedded one of this home")
]


@app.command()
def migrate(database_url: Database = "", home: Home = DEFAULT_HOME) -> None:
    """Brings the database to the newest schema; two at once take turns."""
    if database_url:
        _upgrade(database_url)
        return
    from app.cli.service import BackgroundPostgres

    embedded = BackgroundPostgres(home.expanduser() / "postgres")
    try:
        _upgrade(embedded.url())
    finally:
        embedded.stop()


def _upgrade(url: str) -> None:
    from app.domain.errors import Unavailable
    from app.store.migrate import HEAD, upgrade

    started_s = time.monotonic()
    try:
        upgrade(url)
    except Unavailable as error:
        raise CommandError(Exit.UNREACHABLE, error.detail) from error
    print(f"schema {HEAD} ({time.monotonic() - started_s:.1f} s)")
