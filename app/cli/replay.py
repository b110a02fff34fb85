"""`bestex replay PATH`: recorded markets through the same gate, router, core, log and judge, in virtual time."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli.exits import CommandError, Exit
from app.cli.extras import REPLAY, require

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def command(
    path: Annotated[Path, typer.Argument(help="a folder: a recording of ours, or an event-level L2 set")],
    symbol: Annotated[str, typer.Option(help="a coin (BTC) or a symbol (BTC/USDT); everything by default")] = "",
    as_venues: Annotated[
        bool, typer.Option("--as-venues", help="serve each lone market as several made-up venues (labelled so)")
    ] = False,
    pseudo_venues: Annotated[
        bool, typer.Option("--pseudo-venues", help="also merge spot and contracts, basis and fee told apart")
    ] = False,
    window: Annotated[float, typer.Option(min=0, help="only the first seconds of each run; 0 is everything")] = 0,
    out: Annotated[Path | None, typer.Option(help="also write the result to this file")] = None,
) -> None:
    """Prints a table of costs per arm, size, side and fee tier: the same input gives the same bytes."""
    from app.domain.errors import BadRequest
    from app.offline import replay_markets
    from app.services.replay import ReplayRequest

    require(REPLAY)
    request = ReplayRequest(symbol, as_venues, pseudo_venues, round(window * 1_000_000_000))
    try:
        text = replay_markets(path, request)
    except BadRequest as error:
        raise CommandError(Exit.USAGE, error.detail, {"code": error.code, "detail": error.detail}) from error
    print(text)
    if out is not None:
        out.write_text(text + "\n")
