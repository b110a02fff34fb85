"""`bestex fees`: what each venue charges, who says so and since when."""

from __future__ import annotations

import typer

from app.cli.client import Client
from app.cli.options import DEFAULT_HOME, DEFAULT_URL, Format, Home, Key, Output, Url, key_or_stored
from app.cli.output import show_rows

app = typer.Typer()


@app.command()
def fees(url: Url = DEFAULT_URL, key: Key = "", home: Home = DEFAULT_HOME, output: Output = Format.TABLE) -> None:
    """Fee tier per venue, with the source and date of the number."""
    rows = Client(url, key_or_stored(key, home)).get("/v1/fees").body["data"]
    columns = ("venue", "tier", "taker_bps", "maker_bps", "fixed", "source", "as_of")
    show_rows(output, rows, columns, right="taker_bps maker_bps fixed")
