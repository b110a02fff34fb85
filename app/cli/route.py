"""`bestex route ID`: why an order went where it went; the same words for a preview and for the demo."""

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


@app.command()
def route(
    order_id: Annotated[str, typer.Argument(help="an order id or client:ID")],
    url: Url = DEFAULT_URL,
    key: Key = "",
    home: Home = DEFAULT_HOME,
    output: Output = Format.TABLE,
) -> None:
    """Each wave's allocations, exclusions with their reason, costs, rivals and certificate."""
    plans = Client(url, key_or_stored(key, home)).get(f"/v1/orders/{segment(order_id)}/route").body["data"]
    if output is Format.JSON:
        show_json(plans)
        return
    for plan in plans:
        show_plan(console(), plan)


def show_plan(screen: Console, plan: Mapping[str, Any]) -> None:
    """One wave's decision as people read it."""
    requested = plan.get("requested_qty") or plan.get("requested_notional") or ""
    screen.print(f"[bold]route {plan.get('route_id', '')}[/bold]  asked {requested}, placed {plan['allocated_qty']}")
    allocated = ("rank", "venue", "qty", "expected_price", "limit_price", "cost_bps.fee", "cost_bps.impact")
    columns = [c for c in allocated if any(cell(a, c) for a in plan["allocations"])]
    screen.print(table(plan["allocations"], columns, right=[c for c in columns if c != "venue"]))
    if plan.get("excluded"):
        screen.print(table(plan["excluded"], ("venue", "code", "detail"), title="left out"))
    screen.print(f"  expected cost: {split_text(plan.get('cost_bps') or {}, cell(plan, 'expected.total_bps'))}")
    for rival in plan.get("alternatives") or ():
        where = f" ({rival['venue']})" if rival.get("venue") else ""
        bps = rival.get("total_bps")
        screen.print(f"  beside it: {rival['name'].replace('_', ' ')}{where} {bps if bps is not None else 'n/a'} bps")
    certificate = plan.get("certificate") or {}
    if certificate:
        screen.print(
            f"  certificate: {certificate.get('status', '')} for this model on these books, "
            f"gap {certificate.get('gap_bps', '')} bps to the lower bound"
        )


def split_text(parts: Mapping[str, Any], total: str) -> str:
    """`spread 0.08 + fee 4.00 = 4.08 bps`: the parts that are not zero, and what they add up to."""
    shown = [f"{name.replace('_', ' ')} {value}" for name, value in parts.items() if str(value).strip("-0.")]
    return f"{' + '.join(shown) or '0'} = {total} bps" if total else " + ".join(shown)
