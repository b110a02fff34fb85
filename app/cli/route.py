"""`bestex route ID`: why an order went where it went; the same words for a preview and for the demo."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.client import connect, segment
from app.cli.options import DEFAULT_HOME, Format, Home, Key, Output, Url
from app.cli.output import cell, console, short, show_json, show_table

if TYPE_CHECKING:
    from rich.console import Console

app = typer.Typer(add_completion=False)


@app.command()
def route(
    order_id: Annotated[str, typer.Argument(help="an order id or client:ID")],
    url: Url = "",
    key: Key = "",
    home: Home = DEFAULT_HOME,
    output: Output = Format.TABLE,
) -> None:
    """Each wave's allocations, exclusions with their reason, costs, rivals and certificate."""
    plans = connect(url, key, home).get(f"/v1/orders/{segment(order_id)}/route").body["data"]
    if output is Format.JSON:
        show_json(plans)
        return
    for plan in plans:
        show_plan(console(), plan)


def show_plan(screen: Console, plan: Mapping[str, Any]) -> None:
    """One wave's decision as people read it."""
    asked = plan["requested_qty"] or f"{plan['requested_notional']} notional"
    screen.print(f"[bold]{plan['route_id']}[/bold]  wave {plan['wave']}  {plan['side']} {asked} {plan['symbol']}")
    columns = ("venue", "qty", "expected_price", "worst_price", "cost_bps.price", "cost_bps.fee", "cost_bps.total")
    rows = [each | {"expected_price": short(each["expected_price"])} for each in plan["allocations"]]
    show_table(screen, rows, columns, right=columns[1:])
    if plan["excluded"]:
        show_table(screen, plan["excluded"], ("venue", "code", "detail"), title="left out")
    unallocated = plan["unallocated"]
    if unallocated["code"]:
        screen.print(f"  not placed: {unallocated['qty'] or unallocated['notional']} ({unallocated['code']})")
    screen.print(f"  planned cost    {split_text(plan['cost_bps'], cell(plan, 'expected.total_bps'))}")
    for rival in plan["alternatives"]:
        where = f" ({rival['venue']})" if rival["venue"] else ""
        bps = "places another quantity" if rival["total_bps"] is None else f"{rival['total_bps']} bps"
        screen.print(f"  beside it       {rival['name'].replace('_', ' ')}{where}: {bps}")
    proof = plan["certificate"]
    screen.print(
        f"  certificate     {proof['status']}, {proof['gap_bps']} bps above the bound (this model, these books)"
    )


def show_estimate(screen: Console, preview: Mapping[str, Any]) -> None:
    """What the whole order is expected to cost, or why nothing is said."""
    found = preview["estimate"]
    if found is None:
        screen.print(f"  estimate        none: {preview['estimate_missing']}")
        return
    told = found["quantiles"]
    screen.print(
        f"  estimate        {found['expected_bps']} bps all-in; half within {told['p25']} to {told['p75']}, "
        f"nine tenths within {told['p5']} to {told['p95']}"
    )
    taken = "not known" if found["participation"] is None else f"{float(found['participation']):.1%}"
    beyond = "; larger than the law has seen" if found["is_extrapolated"] else ""
    screen.print(f"                  participation {taken}, {found['duration_s']} s{beyond}")
    screen.print(f"                  basis: {found['basis']} ({found['artifact']})")


def split_text(parts: Mapping[str, Any], total: str) -> str:
    """`spread 0.08 + fee 4.00 = 4.08 bps`: the parts that are not zero, and what they add up to."""
    shown = [f"{name.replace('_', ' ')} {value}" for name, value in parts.items() if str(value).strip("-0.")]
    return f"{' + '.join(shown) or '0'} = {total} bps" if total else " + ".join(shown)
