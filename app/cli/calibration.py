"""`bestex calibration`: how well the service's estimates of slippage have done, and whether that is evidence."""

from __future__ import annotations

from typing import Any

import typer

from app.cli.client import connect
from app.cli.options import DEFAULT_HOME, Format, Home, Key, Output, Url
from app.cli.output import console, show_json, show_table

app = typer.Typer(add_completion=False)


@app.command()
def calibration(url: Url = "", key: Key = "", home: Home = DEFAULT_HOME, output: Output = Format.TABLE) -> None:
    """Coverage of the predicted intervals and skill over the book walk plus a constant, per symbol."""
    answer = connect(url, key, home).get("/v1/tca/calibration").body
    if output is Format.JSON:
        show_json(answer)
        return
    screen = console()
    screen.print(f"{answer['source']}, as of {answer['as_of']}")
    for symbol in answer["symbols"]:
        title = f"{symbol['symbol']} on {symbol['venue']}: {symbol['evidence']}"
        show_table(screen, _rows(symbol), ("what", "of", "n", "value"), title=title, right=["n", "value"])


def _rows(symbol: dict[str, Any]) -> list[dict[str, Any]]:
    rows = [
        {
            "what": f"{row['dimension']} {row['bucket']}",
            "of": "within 50 / 90 %",
            "n": row["n"],
            "value": f"{row['within50']} / {row['within90']}",
        }
        for row in symbol["coverage"]
    ]
    return rows + [
        {
            "what": f"skill over {row['rival']}",
            "of": row["scope"],
            "n": row["n"],
            "value": f"{row['skill']} [{row['low']}, {row['high']}]",
        }
        for row in symbol["skill"]
    ]
