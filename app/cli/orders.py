"""`bestex orders`: the account's orders, newest first; pause, resume and amend one that lives."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from app.cli.client import connect, segment
from app.cli.exits import CommandError, Exit
from app.cli.in_time import end_at
from app.cli.options import DEFAULT_HOME, Format, Home, Key, Output, Url
from app.cli.output import show_fields, show_rows

app = typer.Typer(help="Lists orders, newest first; pause, resume, amend.", rich_markup_mode=None, add_completion=False)
OrderId = Annotated[str, typer.Argument(help="an order id or client:ID")]
FIELDS = ("order_id", "status", "strategy", "qty", "limit_price", "cum_qty", "schedule.is_paused", "version")


@app.callback(invoke_without_command=True)
def orders(
    ctx: typer.Context,
    status: Annotated[str | None, typer.Option(help="open or closed")] = None,
    symbol: Annotated[str | None, typer.Option(help="as in BTC/USDT")] = None,
    limit: Annotated[int, typer.Option(min=1, help="how many at most")] = 50,
    url: Url = "",
    key: Key = "",
    home: Home = DEFAULT_HOME,
    output: Output = Format.TABLE,
) -> None:
    """Lists orders, newest first."""
    if ctx.invoked_subcommand is not None:
        return
    client = connect(url, key, home)
    rows = list(client.pages("/v1/orders", limit, status=status, symbol=symbol, order="desc"))
    columns = ("order_id", "status", "side", "symbol", "qty", "notional", "cum_qty", "avg_price", "created_at")
    show_rows(output, rows, columns, right="qty notional cum_qty avg_price")


@app.command()
def pause(
    order_id: OrderId, url: Url = "", key: Key = "", home: Home = DEFAULT_HOME, output: Output = Format.TABLE
) -> None:
    """Nothing more of an order in time is given out until it is resumed."""
    show_fields(output, connect(url, key, home).post(f"/v1/orders/{segment(order_id)}/pause", {}).body, FIELDS)


@app.command()
def resume(
    order_id: OrderId, url: Url = "", key: Key = "", home: Home = DEFAULT_HOME, output: Output = Format.TABLE
) -> None:
    """Plans what is left anew, from now to the same end."""
    show_fields(output, connect(url, key, home).post(f"/v1/orders/{segment(order_id)}/resume", {}).body, FIELDS)


@app.command()
def amend(
    order_id: OrderId,
    qty: Annotated[str | None, typer.Option(help="the whole new quantity")] = None,
    limit_price: Annotated[str | None, typer.Option("--limit", help="the new limit price")] = None,
    minutes: Annotated[str | None, typer.Option(help="how long it may still take, from now")] = None,
    cap: Annotated[str | None, typer.Option("--cap", help="most part of what others trade; none: drop")] = None,
    would_price: Annotated[
        str | None, typer.Option("--would-price", help="here or better all is due; none takes it away")
    ] = None,
    urgency: Annotated[str | None, typer.Option(help="passive, normal or urgent")] = None,
    if_version: Annotated[int | None, typer.Option("--if-version", help="only if the order is at this version")] = None,
    url: Url = "",
    key: Key = "",
    home: Home = DEFAULT_HOME,
    output: Output = Format.TABLE,
) -> None:
    """Changes an order in time, or the size and limit of a limit order that waits."""
    asked: dict[str, Any] = {
        "qty": qty,
        "limit_price": limit_price,
        "participation_cap": cap,
        "would_price": would_price,
        "urgency": urgency,
        "if_version": if_version,
    }
    body = {name: value for name, value in asked.items() if value is not None}
    body |= {name: None for name in ("participation_cap", "would_price") if body.get(name) == "none"}
    client = connect(url, key, home)
    if minutes is not None:
        body["end_at"] = end_at(client, minutes)
    if not body.keys() - {"if_version"}:
        raise CommandError(Exit.USAGE, "say what changes: --qty, --limit, --minutes, --cap, --would-price, --urgency")
    show_fields(output, client.call("PATCH", f"/v1/orders/{segment(order_id)}", body=body).body, FIELDS)
