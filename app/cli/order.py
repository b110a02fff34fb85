"""`bestex order`: preview, buy, sell, cancel, show, settle. Sent once; the client id makes a second try harmless."""

from __future__ import annotations

import secrets
from typing import Annotated, Any

import typer

from app.cli.client import Client, connect, segment
from app.cli.exits import CommandError, Exit
from app.cli.in_time import (
    Cap,
    Discretion,
    MaxTilt,
    Minutes,
    Params,
    Rate,
    Slice,
    Urgency,
    WouldPrice,
    with_schedule,
)
from app.cli.options import DEFAULT_HOME, Format, Home, Key, Output, Url
from app.cli.output import console, show_fields, show_json, show_rows
from app.cli.session import Role

app = typer.Typer(
    help="preview, buy, sell, cancel, show, settle.", no_args_is_help=True, rich_markup_mode=None, add_completion=False
)

Symbol = Annotated[str, typer.Argument(help="as in BTC/USDT")]
Qty = Annotated[str | None, typer.Argument(help="quantity, a plain decimal; or give --notional")]
Notional = Annotated[str | None, typer.Option(help="gross amount in the quote currency instead of a quantity")]
Limit = Annotated[str | None, typer.Option("--limit", help="limit price: makes it a limit order")]
Tif = Annotated[str | None, typer.Option("--tif", help="gtc, ioc, fok or gtd")]
Slippage = Annotated[str | None, typer.Option("--max-slippage-bps", help="worst price against the arrival mid")]
Strategy = Annotated[str | None, typer.Option(help="sor, sweep, twap, vwap, pov or is")]
Include = Annotated[list[str] | None, typer.Option("--venue", help="only these venues (repeat)")]
Exclude = Annotated[list[str] | None, typer.Option("--not-venue", help="never these venues (repeat)")]
ClientId = Annotated[str | None, typer.Option("--client-order-id", help="made up and shown if not given")]
Stop = Annotated[str | None, typer.Option("--stop", help="stop price of the other side: a bracket's, or an oto's")]
TakeProfit = Annotated[str | None, typer.Option("--take-profit", help="limit price of the other side, likewise")]
StopLimit = Annotated[str | None, typer.Option("--stop-limit", help="with --stop: its limit price")]
TrailBps = Annotated[str | None, typer.Option("--trail-bps", help="instead of --stop: so far behind the best price")]
WaitMs = Annotated[int, typer.Option("--wait-ms", help="how long to wait for the result, 0-10000")]

FIELDS = (
    "order_id",
    "client_order_id",
    "status",
    "symbol",
    "side",
    "type",
    "qty",
    "notional",
    "limit_price",
    "time_in_force",
    "cum_qty",
    "leaves_qty",
    "avg_price",
    "route_id",
    "created_at",
    "updated_at",
)


def order_body(
    symbol: str,
    side: str,
    qty: str | None,
    *,
    notional: str | None = None,
    limit_price: str | None = None,
    tif: str | None = None,
    max_slippage_bps: str | None = None,
    strategy: str | None = None,
    include: list[str] | None = None,
    exclude: list[str] | None = None,
    stop: str | None = None,
    take_profit: str | None = None,
    stop_limit: str | None = None,
    trail_bps: str | None = None,
) -> dict[str, Any]:
    """The body of an order: only what was given, the rest is the service's to default."""
    if (qty is None) == (notional is None):
        raise CommandError(Exit.USAGE, "give a quantity or --notional, one of the two")
    body: dict[str, Any] = {"symbol": symbol, "side": side, "type": "limit" if limit_price else "market"}
    body |= {"qty": qty} if qty is not None else {"notional": notional}
    optional = {
        "limit_price": limit_price,
        "time_in_force": tif,
        "max_slippage_bps": max_slippage_bps,
        "strategy": strategy,
    }
    body |= {name: value for name, value in optional.items() if value}
    if include or exclude:
        body["venues"] = {"include": include or [], "exclude": exclude or []}
    return body | _exits(stop, take_profit, stop_limit, trail_bps)


def _exits(stop: str | None, take_profit: str | None, stop_limit: str | None, trail_bps: str | None) -> dict[str, Any]:
    """What the order's fills arm on the other side: both of a bracket, or one of an oto."""
    if stop_limit and not stop:
        raise CommandError(Exit.USAGE, "--stop-limit belongs to --stop")
    if stop and trail_bps:
        raise CommandError(Exit.USAGE, "give --stop or --trail-bps, one of the two")
    prices = {"stop_price": stop, "limit_price": stop_limit, "trail_bps": trail_bps}
    loss = {name: value for name, value in prices.items() if value}
    exits: dict[str, Any] = {"stop_loss": loss} if loss else {}
    if take_profit:
        exits["take_profit"] = {"limit_price": take_profit}
    return {"order_class": "bracket" if len(exits) == 2 else "oto", **exits} if exits else {}


@app.command()
def preview(
    side: Annotated[str, typer.Argument(help="buy or sell")],
    symbol: Symbol,
    qty: Qty = None,
    notional: Notional = None,
    limit_price: Limit = None,
    tif: Tif = None,
    max_slippage_bps: Slippage = None,
    strategy: Strategy = None,
    minutes: Minutes = None,
    slice_s: Slice = None,
    urgency: Urgency = None,
    cap: Cap = None,
    rate: Rate = None,
    would_price: WouldPrice = None,
    max_tilt: MaxTilt = None,
    discretion: Discretion = None,
    params: Params = None,
    include: Include = None,
    exclude: Exclude = None,
    url: Url = "",
    key: Key = "",
    home: Home = DEFAULT_HOME,
    output: Output = Format.TABLE,
) -> None:
    """Where the order would go and what it would cost, without sending anything."""
    options = dict(locals())
    client = connect(options.pop("url"), options.pop("key"), options.pop("home"))
    del options["output"]
    answer = client.post("/v1/orders/preview", _body(client, options)).body
    if output is Format.JSON:
        show_json(answer)
        return
    from app.cli.route import show_estimate, show_plan

    if answer["route"]:
        show_plan(console(), answer["route"])
    show_estimate(console(), answer)
    failed = [check for check in answer["checks"] if not check["ok"]]
    if failed:
        show_rows(output, failed, ("code", "limit", "actual", "unit", "hint"), title="would be refused")
        raise SystemExit(int(Exit.REJECTED))


def _body(client: Client, options: dict[str, Any]) -> dict[str, Any]:
    """The body of what was typed; a strategy in time asks the service for its clock."""
    params = with_schedule(client, {}, options)
    return order_body(options.pop("symbol"), options.pop("side"), options.pop("qty"), **options) | params


def _place(side: str, symbol: str, qty: str | None, options: dict[str, Any]) -> None:
    output: Format = options.pop("output")
    client = connect(options.pop("url"), options.pop("key"), options.pop("home"))
    wait_ms, client_id = options.pop("wait_ms"), options.pop("client_order_id")
    body = _body(client, options | {"side": side, "symbol": symbol, "qty": qty})
    body["client_order_id"] = client_id or f"cli-{secrets.token_hex(10)}"
    if wait_ms:
        body |= {"response_type": "result", "wait_ms": wait_ms}
    answer = client.post("/v1/orders", body).body
    if "conditional_id" in answer:
        from app.cli.conditional import show_conditional

        show_conditional(output, answer)
    else:
        show_fields(output, answer, FIELDS)
    if answer.get("status") == "unknown":
        raise SystemExit(int(Exit.UNKNOWN))
    if answer.get("status") == "rejected":
        raise SystemExit(int(Exit.REJECTED))


@app.command()
def buy(
    symbol: Symbol,
    qty: Qty = None,
    notional: Notional = None,
    limit_price: Limit = None,
    tif: Tif = None,
    max_slippage_bps: Slippage = None,
    strategy: Strategy = None,
    minutes: Minutes = None,
    slice_s: Slice = None,
    urgency: Urgency = None,
    cap: Cap = None,
    rate: Rate = None,
    would_price: WouldPrice = None,
    max_tilt: MaxTilt = None,
    discretion: Discretion = None,
    params: Params = None,
    include: Include = None,
    exclude: Exclude = None,
    stop: Stop = None,
    take_profit: TakeProfit = None,
    stop_limit: StopLimit = None,
    trail_bps: TrailBps = None,
    client_order_id: ClientId = None,
    wait_ms: WaitMs = 2000,
    url: Url = "",
    key: Key = "",
    home: Home = DEFAULT_HOME,
    output: Output = Format.TABLE,
) -> None:
    """Buys at the least all-in cost."""
    options = dict(locals())
    _place("buy", options.pop("symbol"), options.pop("qty"), options)


@app.command()
def sell(
    symbol: Symbol,
    qty: Qty = None,
    notional: Notional = None,
    limit_price: Limit = None,
    tif: Tif = None,
    max_slippage_bps: Slippage = None,
    strategy: Strategy = None,
    minutes: Minutes = None,
    slice_s: Slice = None,
    urgency: Urgency = None,
    cap: Cap = None,
    rate: Rate = None,
    would_price: WouldPrice = None,
    max_tilt: MaxTilt = None,
    discretion: Discretion = None,
    params: Params = None,
    include: Include = None,
    exclude: Exclude = None,
    stop: Stop = None,
    take_profit: TakeProfit = None,
    stop_limit: StopLimit = None,
    trail_bps: TrailBps = None,
    client_order_id: ClientId = None,
    wait_ms: WaitMs = 2000,
    url: Url = "",
    key: Key = "",
    home: Home = DEFAULT_HOME,
    output: Output = Format.TABLE,
) -> None:
    """Sells at the best proceeds after all costs."""
    options = dict(locals())
    _place("sell", options.pop("symbol"), options.pop("qty"), options)


@app.command()
def cancel(
    order_id: Annotated[str | None, typer.Argument(help="an order id or client:ID; or give --all")] = None,
    is_all: Annotated[bool, typer.Option("--all", help="every open order of the account")] = False,
    url: Url = "",
    key: Key = "",
    home: Home = DEFAULT_HOME,
    output: Output = Format.TABLE,
) -> None:
    """Asks for the cancel; the event that confirms it comes from the venues."""
    if (order_id is None) != is_all:
        raise CommandError(Exit.USAGE, "give an order id or --all, one of the two")
    client = connect(url, key, home)
    if order_id is not None:
        show_fields(output, client.delete(f"/v1/orders/{segment(order_id)}").body, FIELDS)
        return
    rows = client.delete("/v1/orders").body["data"]
    show_rows(output, rows, ("order_id", "status", "problem.code"))


@app.command()
def show(
    order_id: Annotated[str, typer.Argument(help="an order id or client:ID")],
    url: Url = "",
    key: Key = "",
    home: Home = DEFAULT_HOME,
    output: Output = Format.TABLE,
) -> None:
    """One order as it stands."""
    answer = connect(url, key, home).get(f"/v1/orders/{segment(order_id)}").body
    show_fields(output, answer, FIELDS)


@app.command()
def settle(
    order_id: Annotated[str, typer.Argument(help="the order's id")],
    child_id: Annotated[str, typer.Argument(help="its child whose end nobody proves")],
    evidence: Annotated[str, typer.Option(help="what proves that nothing more will fill: a statement, a ticket")],
    account: Annotated[str, typer.Option(help="the order's account")],
    url: Url = "",
    key: Key = "",
    home: Home = DEFAULT_HOME,
    output: Output = Format.TABLE,
) -> None:
    """Ends a child that is unknown, or overdue at a venue that still speaks of it (cancel its order first).

    The operator's word becomes a fact with its evidence; until then the child keeps its whole exposure.
    """
    path = f"/v1/orders/{segment(order_id)}/children/{segment(child_id)}/resolve"
    client = connect(url, key, home, Role.OPERATOR)
    answer = client.call("POST", path, body={"evidence": evidence}, query={"account": account})
    show_fields(output, answer.body, ("child_id", "venue", "status", "qty", "cum_qty", "leaves_qty"))
