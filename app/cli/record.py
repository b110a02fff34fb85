"""`bestex record FOLDER`: the service as `bestex up` runs it, and everything it receives written down as Parquet."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli.exits import CommandError, Exit
from app.cli.extras import REPLAY, require
from app.cli.options import DEFAULT_HOME, Home

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def command(
    folder: Annotated[Path, typer.Argument(help="a folder that holds no recording yet")],
    host: Annotated[str | None, typer.Option(help="address to listen on; 127.0.0.1 is the default")] = None,
    port: Annotated[int | None, typer.Option(help="8080 is the default")] = None,
    venues: Annotated[str | None, typer.Option(help="inline, process, or tcp://HOST:PORT of venues serve")] = None,
    market: Annotated[
        str | None, typer.Option(help="sim or live: simulated books, or real venues' public ones")
    ] = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Runs the gateway until Ctrl-C; a segment every 5 s. Replay it with `bestex replay FOLDER`."""
    from app.cli.up import serve, settings_of

    require(REPLAY)
    if (folder / "manifest.json").exists():
        raise CommandError(Exit.USAGE, f"{folder} already holds a recording: none is ever written over")
    given = {"host": host, "port": port, "venues": venues, "market": market, "record_to": folder}
    serve(settings_of(home, given), home.expanduser())
