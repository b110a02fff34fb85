"""`bestex curve SYMBOL`: how volume is spread over the day, as it was learned: what a VWAP without a curve follows."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from app.cli.client import connect, segment
from app.cli.options import DEFAULT_HOME, Format, Home, Key, Output, Url
from app.cli.output import console, show_json, show_table

app = typer.Typer(add_completion=False)
COLUMNS = ("hour", "rate", "part", "watched", "")
_WIDTH = 40


@app.command()
def curve(
    symbol: Annotated[str, typer.Argument(help="as in BTC/USDT")],
    url: Url = "",
    key: Key = "",
    home: Home = DEFAULT_HOME,
    output: Output = Format.TABLE,
) -> None:
    """The learned volume curve by hour of the UTC day; it survives restarts."""
    answer = connect(url, key, home).get(f"/v1/volume-curves/{segment(symbol)}").body
    if output is Format.JSON:
        show_json(answer)
        return
    if not answer["is_learned"]:
        console().print(f"nothing was learned of {answer['symbol']} yet: its curve is flat", markup=False)
        return
    most = max(float(row["part"]) for row in answer["hours"])
    rows = [_row(row, most) for row in answer["hours"]]
    show_table(console(), rows, COLUMNS, title=f"{answer['symbol']}, base a second", right=("rate", "part", "watched"))


def _row(row: dict[str, Any], most: float) -> dict[str, Any]:
    watched_min = row["watched_s"] / 60
    return {
        "hour": f"{row['hour']:02d}:00",
        "rate": row["rate"],
        "part": row["part"],
        "watched": f"{watched_min:.0f} min" if watched_min >= 1 else ("" if not row["watched_s"] else "<1 min"),
        "": "#" * round(float(row["part"]) / most * _WIDTH) if most else "",
    }
