"""`bestex calibration`: how well the service's estimates of slippage have done, and whether that is evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from app.cli.client import connect
from app.cli.options import DEFAULT_HOME, Format, Home, Key, Output, Url
from app.cli.output import console, show_json, show_table

if TYPE_CHECKING:
    from rich.console import Console

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
    if answer.get("pretrade"):
        _show_pretrade(screen, answer["pretrade"])


def _show_pretrade(screen: Console, told: dict[str, Any]) -> None:
    worth = "" if told["is_evidence"] else f"; {told['n_days']} days, not evidence"
    title = f"whole orders by {told['artifact']} ({told['basis']}): {told['n']} finished{worth}"
    rows = [
        {
            "what": f"{row['group']} {row['name']}",
            "n": row["n"],
            "within 50 / 90 %": f"{row['within50']} / {row['within90']}",
            "said / came": f"{row['expected_bps']} / {row['realised_bps']}",
            "pinball / constant": f"{row['pinball_bps']} / {row['constant_pinball_bps']}",
            "verdict": {True: "miss", False: "held", None: "too few"}[row["is_miss"]],
        }
        for row in told["rows"]
    ]
    columns = ("what", "n", "within 50 / 90 %", "said / came", "pinball / constant", "verdict")
    show_table(screen, rows, columns, title=title, right=columns[1:5])


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
