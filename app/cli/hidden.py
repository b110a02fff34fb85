"""`bestex hidden`: what is believed of venues without books, and how often they were asked."""

from __future__ import annotations

from typing import Any

import typer

from app.cli.client import connect
from app.cli.options import DEFAULT_HOME, Format, Home, Key, Output, Url
from app.cli.output import console, show_json, show_table
from app.cli.session import Role

app = typer.Typer(
    help="Dark venues and dealers: what is believed of them.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)

DARK = ("venue", "symbol", "side", "unit", "chances", "filled", "n_answers", "leak_bps", "pings")
DEALERS = ("venue", "symbol", "side", "hit_rate", "adverse_bps", "cost_bps", "interval", "n_looks", "hold_ms", "pings")


@app.callback()
def _group() -> None:
    """Dark venues and dealers: what is believed of them."""


@app.command()
def show(url: Url = "", key: Key = "", home: Home = DEFAULT_HOME, output: Output = Format.TABLE) -> None:
    """Chances of dark venues, hit rates of dealers, and what asking them is believed to cost."""
    answer = connect(url, key, home, Role.TRADER).get("/v1/hidden").body
    if output is Format.JSON:
        show_json(answer)
        return
    out = console()
    if not (answer["dark"] or answer["dealers"]):
        out.print("there are no venues without books (simulated.unlit in bestex.toml)", markup=False)
        return
    out.print(f"at most {answer['max_pings_per_minute']} questions to one venue a minute", markup=False)
    show_table(out, [_dark(row) for row in answer["dark"]], DARK, right=("unit", "n_answers", "leak_bps", "pings"))
    show_table(out, [_dealer(row) for row in answer["dealers"]], DEALERS, right=DEALERS[3:])


def _dark(row: dict[str, Any]) -> dict[str, Any]:
    chances = " ".join(f"{float(chance):.2f}" for chance in row["chances"][:4])
    return row | {"chances": chances, "filled": f"{row['filled_qty']} of {row['asked_qty']}"}


def _dealer(row: dict[str, Any]) -> dict[str, Any]:
    return row | {"interval": f"{row['cost_low_bps']} to {row['cost_high_bps']}"}
