"""`bestex book SYMBOL`: every venue's levels in one ladder, at raw or at all-in prices."""

from __future__ import annotations

from itertools import zip_longest
from typing import Annotated, Any

import typer

from app.cli.client import connect, segment
from app.cli.options import DEFAULT_HOME, Format, Home, Key, Output, Url
from app.cli.output import console, show_json, show_table

app = typer.Typer(add_completion=False)


@app.command()
def book(
    symbol: Annotated[str, typer.Argument(help="as in BTC/USDT")],
    depth: Annotated[int, typer.Option(min=1, help="levels a side")] = 10,
    is_all_in: Annotated[bool, typer.Option("--all-in/--raw", help="prices with or without the taker's fee")] = False,
    url: Url = "",
    key: Key = "",
    home: Home = DEFAULT_HOME,
    output: Output = Format.TABLE,
) -> None:
    """The consolidated book, best levels first. Crossed venues are an opportunity, not an error."""
    price = "all_in" if is_all_in else "raw"
    client = connect(url, key, home)
    answer = client.get(f"/v1/books/{segment(symbol)}", depth=depth, price=price).body
    if output is Format.JSON:
        show_json(answer)
        return
    rows = [_row(bid, ask) for bid, ask in zip_longest(answer["bids"][:depth], answer["asks"][:depth], fillvalue=None)]
    columns = ("bid_venue", "bid_qty", "bid", "ask", "ask_qty", "ask_venue")
    screen = console()
    show_table(screen, rows, columns, title=f"{symbol}, {price} prices", right=["bid_qty", "bid", "ask_qty"])
    for venue, reason in (answer.get("excluded") or {}).items():
        screen.print(f"  {venue} left out: {reason}", markup=False)


def _row(bid: dict[str, Any] | None, ask: dict[str, Any] | None) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for side, level in (("bid", bid), ("ask", ask)):
        if level is not None:
            row |= {side: level["price"], f"{side}_qty": level["qty"], f"{side}_venue": level["venue"]}
    return row
