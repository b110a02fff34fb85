"""`bestex fees`: what each venue charges, who says so and since when."""

from __future__ import annotations

import typer

from app.cli.client import connect
from app.cli.options import DEFAULT_HOME, Format, Home, Key, Output, Url
from app.cli.output import show_rows

app = typer.Typer(add_completion=False)


@app.command()
def fees(url: Url = "", key: Key = "", home: Home = DEFAULT_HOME, output: Output = Format.TABLE) -> None:
    """Fee tier per venue, with the source and date of the number."""
    rows = connect(url, key, home).get("/v1/fees").body["data"]
    columns = ("venue", "tier", "taker_bps", "maker_bps", "fixed", "source", "as_of")
    show_rows(output, rows, columns, right="taker_bps maker_bps fixed")
