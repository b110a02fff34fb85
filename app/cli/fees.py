"""`bestex fees`: what an account pays at each venue, who says so and since when, and how far the next tier is."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from app.cli.client import connect
from app.cli.options import DEFAULT_HOME, Format, Home, Key, Output, Url
from app.cli.output import show_rows

app = typer.Typer(add_completion=False)

Tables = Annotated[bool, typer.Option("--tables", help="Published schedules of real venues instead.")]
Venue = Annotated[str, typer.Option("--venue", help="With --tables: only this one.")]

COLUMNS: Final = (
    *("venue", "market", "tier", "taker_bps", "maker_bps", "fixed", "volume_30d", "next_tier", "distance"),
    *("token", "observed", "source", "as_of", "status"),
)
TABLE_COLUMNS: Final = (
    *("venue", "market", "tier", "volume", "in", "taker_bps", "maker_bps"),
    *("status", "as_of", "source"),
)


@app.command()
def fees(
    tables: Tables = False,
    venue: Venue = "",
    url: Url = "",
    key: Key = "",
    home: Home = DEFAULT_HOME,
    output: Output = Format.TABLE,
) -> None:
    """Fee tier per venue: source, date, volume, what the next tier takes, what fills were charged."""
    client = connect(url, key, home)
    if tables:
        found = client.get("/v1/fees/tables", venue=venue or None).body["data"]
        rows = [_table_row(table, rule) for table in found for rule in table["tiers"]]
        show_rows(output, rows, TABLE_COLUMNS, right="volume taker_bps maker_bps")
    else:
        rows = [_row(fee) for fee in client.get("/v1/fees").body["data"]]
        show_rows(output, rows, COLUMNS, right="taker_bps maker_bps fixed volume_30d distance")


def _row(fee: dict[str, Any]) -> dict[str, Any]:
    upper, token = fee["next_tier"] or {}, fee["fee_token"]
    counted = "" if token is None else f"{token['balance']} {token['asset']}, -{token['discount_percent']} %"
    shown = {
        "next_tier": upper.get("tier", ""),
        "distance": upper.get("distance", ""),
        "token": f"{counted}{'' if token is None or token['is_counted'] else ' (not counted)'}",
        "observed": ", ".join(_observed(audit) for audit in fee["audit"] if audit["n_fills"]),
    }
    return fee | shown


def _observed(audit: dict[str, Any]) -> str:
    alarm = "" if audit["alarm_bps"] is None else " ALARM"
    return f"{audit['liquidity']} {audit['observed_bps']} bps, n={audit['n_fills']}{alarm}"


def _table_row(table: dict[str, Any], rule: dict[str, Any]) -> dict[str, Any]:
    return table | rule | {"in": table["volume_currency"] or "?"}
