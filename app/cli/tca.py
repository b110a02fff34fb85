"""`bestex tca`: what orders cost. One order by the declared waterfall, or a period; on the screen or as a report."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.client import Client, connect, segment
from app.cli.exits import CommandError, Exit
from app.cli.options import DEFAULT_HOME, Format, Home, Key, Output, Url
from app.cli.output import console, short, show_json, show_table

if TYPE_CHECKING:
    from rich.console import Console

app = typer.Typer(add_completion=False)
WATERFALL = ("delay", "spread", "impact", "timing", "fee", "gas", "basis", "opportunity")
_SHOWN_ORDERS = 20

Day = Annotated[str, typer.Option("--day", help="a UTC day, YYYY-MM-DD; `today` for this one")]
From = Annotated[str, typer.Option("--from", help="RFC 3339 or YYYY-MM-DD, orders accepted from then on")]
To = Annotated[str, typer.Option("--to", help="RFC 3339 or YYYY-MM-DD, and before then; now by default")]
Symbol = Annotated[str, typer.Option("--symbol", help="orders of this symbol only")]
Side = Annotated[str, typer.Option("--side", help="buy or sell only")]
Venue = Annotated[str, typer.Option("--venue", help="orders with a child there, its fills alone")]
Html = Annotated[Path | None, typer.Option("--html", help="writes the report, one self-contained page")]
Csv = Annotated[Path | None, typer.Option("--csv", help="writes the orders as CSV")]
Parquet = Annotated[Path | None, typer.Option("--parquet", help="writes the orders as Parquet")]
Opens = Annotated[bool, typer.Option("--open", help="opens the report in a browser; prints where it is without one")]


@app.command()
def tca(
    order_id: Annotated[str, typer.Argument(help="an order id or client:ID; a period without one")] = "",
    day: Day = "",
    start: From = "",
    end: To = "",
    symbol: Symbol = "",
    side: Side = "",
    venue: Venue = "",
    html: Html = None,
    csv: Csv = None,
    parquet: Parquet = None,
    opens: Opens = False,
    url: Url = "",
    key: Key = "",
    home: Home = DEFAULT_HOME,
    output: Output = Format.TABLE,
) -> None:
    """What orders cost against their reference price; positive is a cost. The last 24 hours unless told otherwise."""
    client = connect(url, key, home)
    chosen = _period(day, start, end) | {"symbol": symbol or None, "side": side or None, "venue": venue or None}
    if order_id and any(chosen.values()):
        raise CommandError(Exit.USAGE, "one order or a period, not both")
    for path, form in ((csv, "csv"), (parquet, "parquet")):
        if path is not None:
            query = _around(client, order_id) if order_id else chosen
            _write(path, client.fetch("/v1/tca/summary", format=form, **query), output)
    if html is not None or opens:
        page = client.fetch("/v1/tca/report", **({"order": order_id} if order_id else chosen))
        _write(html or _place(home, order_id), page, output)
        if opens:
            _open(html or _place(home, order_id), output)
            if output is Format.TABLE and not order_id:
                _tell_reach(client, chosen)
    if csv is None and parquet is None and html is None and not opens:
        _show(client, order_id, chosen, output)


def show_tca(screen: Console, report: Mapping[str, Any]) -> None:
    """The waterfall, one line a step."""
    bps, money = report["cost_bps"] or {}, report["cost"]
    rows = [{"step": name, "bps": bps.get(name), "money": short(money[name])} for name in WATERFALL if name in money]
    rows.append({"step": "total", "bps": report["total_bps"], "money": short(report["total_cost"])})
    title = f"cost against the {report['reference']} price {report['reference_price']}, {report['money_currency']}"
    show_table(screen, rows, ("step", "bps", "money"), title=title, right=["bps", "money"])


def _show(client: Client, order_id: str, chosen: Mapping[str, Any], output: Format) -> None:
    path = f"/v1/tca/orders/{segment(order_id)}" if order_id else "/v1/tca/summary"
    answer = client.get(path, **chosen).body
    if output is Format.JSON:
        show_json(answer)
    elif order_id:
        show_tca(console(), answer)
        _show_benchmarks(console(), answer)
    else:
        _show_summary(console(), answer)


def _show_benchmarks(screen: Console, report: Mapping[str, Any]) -> None:
    rows = [
        {"against": b["name"], "price": b["price"], "bps": b["cost_bps"], "": b["missing"]}
        for b in report.get("benchmarks", ())
    ]
    if rows:
        title = "fills against each benchmark, without fees"
        show_table(screen, rows, ("against", "price", "bps", ""), title=title, right=["price", "bps"])


def _show_summary(screen: Console, answer: Mapping[str, Any]) -> None:
    scope = answer["scope"]
    kind = ", simulated" if scope["is_simulated"] else ""
    screen.print(
        f"  {scope['n_orders']} orders, {scope['n_fills']} fills ({scope['n_measured']} measured){kind}", markup=False
    )
    for found in answer["waterfalls"]:
        bps, money = found["cost_bps"] or {}, found["cost"]
        rows = [{"step": name, "bps": bps.get(name), "money": short(money[name])} for name in WATERFALL]
        rows.append({"step": "total", "bps": found["total_bps"], "money": short(found["total_cost"])})
        title = f"cost of {found['n_orders']} orders, {found['currency']}"
        show_table(screen, rows, ("step", "bps", "money"), title=title, right=["bps", "money"])
    shown = list(reversed(answer["data"]))[:_SHOWN_ORDERS]
    columns = ("order_id", "symbol", "side", "filled_qty", "total_bps")
    if shown:
        title = f"newest {len(shown)} of {scope['n_orders']}"
        show_table(screen, shown, columns, title=title, right=["filled_qty", "total_bps"])


def _tell_reach(client: Client, chosen: Mapping[str, Any]) -> None:
    """What the page cannot show yet."""
    scope = client.get("/v1/tca/summary", **chosen).body["scope"]
    if not scope["n_orders"]:
        console().print("  no order has ended in this period: the page is empty")
    elif scope["n_measured"] < scope["n_fills"]:
        console().print(
            f"  {scope['n_measured']} of {scope['n_fills']} fills are measured; what the market did next\n"
            "  comes a minute after a fill, if the service lives to see it: open it again then"
        )


def _around(client: Client, order_id: str) -> dict[str, Any]:
    """The period that holds one order: a millisecond from its acceptance on."""
    accepted = client.get(f"/v1/orders/{segment(order_id)}").body["created_at"]
    start = datetime.fromisoformat(accepted)
    return {"from": _text(start), "to": _text(start + timedelta(milliseconds=1))}


def _period(day: str, start: str, end: str) -> dict[str, str | None]:
    if day and (start or end):
        raise CommandError(Exit.USAGE, "--day, or --from and --to, not both")
    if day:
        first = _today() if day == "today" else _time(day)
        return {"from": _text(first), "to": _text(first + timedelta(days=1))}
    return {"from": _text(_time(start)) if start else None, "to": _text(_time(end)) if end else None}


def _today() -> datetime:
    from app.venues.clock import SystemClock

    now = datetime.fromtimestamp(SystemClock().wall_ns() // 10**9, UTC)
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


def _time(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise CommandError(Exit.USAGE, f"not a time: {text!r} (expected YYYY-MM-DD or RFC 3339)") from error
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _place(home: Path, order_id: str) -> Path:
    """Where a report goes that was only to be opened."""
    name = order_id.replace(":", "-").replace("/", "-") or "period"
    return home.expanduser() / "reports" / f"tca-{name}.html"


def _write(path: Path, data: bytes, output: Format) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        raise CommandError(Exit.USAGE, f"cannot write {path}: {error.strerror}") from error
    if output is Format.JSON:
        show_json({"path": str(path.resolve()), "n_bytes": len(data)})
    else:
        console().print(f"  {path}  {len(data):,} bytes", markup=False, soft_wrap=True)


def _open(path: Path, output: Format) -> None:
    """Shows the page; where no browser can, says where it lies."""
    import webbrowser

    try:
        is_shown = webbrowser.open(path.resolve().as_uri())
    except webbrowser.Error:
        is_shown = False
    if not is_shown and output is Format.TABLE:
        console().print(f"  no browser here; open {path.resolve().as_uri()}", markup=False, soft_wrap=True)
