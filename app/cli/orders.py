"""`bestex orders`: the account's orders, newest first."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli.client import connect
from app.cli.options import DEFAULT_HOME, Format, Home, Key, Output, Url
from app.cli.output import show_rows

app = typer.Typer(add_completion=False)


@app.command()
def orders(
    status: Annotated[str | None, typer.Option(help="open or closed")] = None,
    symbol: Annotated[str | None, typer.Option(help="as in BTC/USDT")] = None,
    limit: Annotated[int, typer.Option(min=1, help="how many at most")] = 50,
    url: Url = "",
    key: Key = "",
    home: Home = DEFAULT_HOME,
    output: Output = Format.TABLE,
) -> None:
    """Lists orders, newest first."""
    client = connect(url, key, home)
    rows = list(client.pages("/v1/orders", limit, status=status, symbol=symbol, order="desc"))
    columns = ("order_id", "status", "side", "symbol", "qty", "notional", "cum_qty", "avg_price", "created_at")
    show_rows(output, rows, columns, right="qty notional cum_qty avg_price")
