"""`bestex conditional`: list, show, cancel. They are placed by `bestex order buy` with --stop or --take-profit."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from app.cli.client import connect, segment
from app.cli.options import DEFAULT_HOME, Format, Home, Key, Output, Url
from app.cli.output import show_fields, show_json, show_rows

app = typer.Typer(help="list, show, cancel.", no_args_is_help=True, rich_markup_mode=None, add_completion=False)

Reference = Annotated[str, typer.Argument(help="a cnd_ id or client:ID")]
FIELDS = ("conditional_id", "client_order_id", "order_class", "status", "held_at", "symbol", "version", "done_reason")
LEG_COLUMNS = ("leg", "status", "side", "type", "qty", "limit_price", "stop_price", "water_mark", "cum_qty")


def show_conditional(output: Format, answer: dict[str, Any]) -> None:
    """The definition, and a line for each leg."""
    if output is Format.JSON:
        show_json(answer)
        return
    show_fields(output, answer, FIELDS)
    show_rows(output, answer["legs"], LEG_COLUMNS, right="qty limit_price stop_price water_mark cum_qty")


@app.command("list")
def list_(
    status: Annotated[str | None, typer.Option(help="open or closed")] = None,
    symbol: Annotated[str | None, typer.Option(help="as in BTC/USDT")] = None,
    limit: Annotated[int, typer.Option(min=1, help="how many at most")] = 50,
    url: Url = "",
    key: Key = "",
    home: Home = DEFAULT_HOME,
    output: Output = Format.TABLE,
) -> None:
    """Lists conditional orders, newest first."""
    client = connect(url, key, home)
    rows = list(client.pages("/v1/conditional-orders", limit, status=status, symbol=symbol, order="desc"))
    show_rows(output, rows, ("conditional_id", "status", "order_class", "symbol", "client_order_id", "created_at"))


@app.command()
def show(
    reference: Reference,
    url: Url = "",
    key: Key = "",
    home: Home = DEFAULT_HOME,
    output: Output = Format.TABLE,
) -> None:
    """One conditional order as it stands."""
    path = f"/v1/conditional-orders/{segment(reference)}"
    show_conditional(output, connect(url, key, home).get(path).body)


@app.command()
def cancel(
    reference: Reference,
    url: Url = "",
    key: Key = "",
    home: Home = DEFAULT_HOME,
    output: Output = Format.TABLE,
) -> None:
    """Cancels the whole group; what is at venues counts until they have confirmed."""
    path = f"/v1/conditional-orders/{segment(reference)}"
    show_conditional(output, connect(url, key, home).delete(path).body)
