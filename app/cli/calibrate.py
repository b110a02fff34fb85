"""`bestex calibrate PATH`: fits impact and slippage on recordings, and judges them on what they did not see."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli.exits import CommandError, Exit
from app.cli.extras import REPLAY, require

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def command(
    path: Annotated[Path, typer.Argument(help="a recording, an event-level L2 set, or a journal.db")],
    symbol: Annotated[str, typer.Option(help="a coin (BTC) or a symbol (BTC/USDT); everything by default")] = "",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="also write the parameters to this TOML file")] = None,
) -> None:
    """Prints parameters, conditional coverage and pinball skill per symbol; under 20 UTC days it is not evidence.

    Of a journal.db: what its own finished orders cost beside what was known before them; the service takes that file by
    BESTEX_PRETRADE_PATH, the other one by BESTEX_CALIBRATION_PATH. It publishes both at /v1/tca/calibration.
    """
    from app.domain.errors import BadRequest
    from app.offline import calibrate_markets, calibrate_orders

    if path.suffix != ".db":
        require(REPLAY)
    try:
        report, parameters = calibrate_orders(path) if path.suffix == ".db" else calibrate_markets(path, symbol)
    except BadRequest as error:
        raise CommandError(Exit.USAGE, error.detail, {"code": error.code, "detail": error.detail}) from error
    print(report)
    if out is not None:
        out.write_text(parameters)
