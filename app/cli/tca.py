"""`bestex tca ID`: what a finished order cost, by the declared waterfall."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.client import connect, segment
from app.cli.options import DEFAULT_HOME, Format, Home, Key, Output, Url
from app.cli.output import console, short, show_json, show_table

if TYPE_CHECKING:
    from rich.console import Console

app = typer.Typer(add_completion=False)
WATERFALL = ("delay", "spread", "impact", "timing", "fee", "gas", "basis", "opportunity")


@app.command()
def tca(
    order_id: Annotated[str, typer.Argument(help="an order id or client:ID")],
    url: Url = "",
    key: Key = "",
    home: Home = DEFAULT_HOME,
    output: Output = Format.TABLE,
) -> None:
    """Shortfall against the reference price, split; positive is a cost."""
    answer = connect(url, key, home).get(f"/v1/tca/orders/{segment(order_id)}").body
    if output is Format.JSON:
        show_json(answer)
        return
    show_tca(console(), answer)


def show_tca(screen: Console, report: Mapping[str, Any]) -> None:
    """The waterfall, one line a step."""
    bps, money = report["cost_bps"] or {}, report["cost"]
    rows = [{"step": name, "bps": bps.get(name), "money": short(money[name])} for name in WATERFALL if name in money]
    rows.append({"step": "total", "bps": report["total_bps"], "money": short(report["total_cost"])})
    title = f"cost against the {report['reference']} price {report['reference_price']}, {report['money_currency']}"
    show_table(screen, rows, ("step", "bps", "money"), title=title, right=["bps", "money"])
