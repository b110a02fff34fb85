"""`bestex tca ID`: what a finished order cost, by the declared waterfall."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.client import Client, segment
from app.cli.options import DEFAULT_HOME, DEFAULT_URL, Format, Home, Key, Output, Url, key_or_stored
from app.cli.output import cell, console, show_json, table

if TYPE_CHECKING:
    from rich.console import Console

app = typer.Typer()
WATERFALL = ("delay", "spread", "impact", "timing", "fee", "gas", "basis", "opportunity")


@app.command()
def tca(
    order_id: Annotated[str, typer.Argument(help="an order id or client:ID")],
    url: Url = DEFAULT_URL,
    key: Key = "",
    home: Home = DEFAULT_HOME,
    output: Output = Format.TABLE,
) -> None:
    """Shortfall against the reference price, split; positive is a cost."""
    answer = Client(url, key_or_stored(key, home)).get(f"/v1/tca/orders/{segment(order_id)}").body
    if output is Format.JSON:
        show_json(answer)
        return
    show_tca(console(), answer)


def show_tca(screen: Console, report: Mapping[str, Any]) -> None:
    """The waterfall, one line a step."""
    costs, money = report.get("cost_bps") or {}, report.get("cost") or {}
    names = [name for name in WATERFALL if name in costs] + [name for name in costs if name not in WATERFALL]
    rows = [{"step": name, "bps": costs[name], "money": money.get(name, "")} for name in names]
    columns = ("step", "bps", "money") if money else ("step", "bps")
    reference = cell(report, "reference") or "reference"
    screen.print(table(rows, columns, title=f"cost against {reference}", right=["bps", "money"]))
