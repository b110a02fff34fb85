"""`bestex loop`: whether what is measured of venues weighs in routes, what is believed of them, and why."""

from __future__ import annotations

from typing import Any

import typer

from app.cli.client import connect
from app.cli.options import DEFAULT_HOME, Format, Home, Key, Output, Url
from app.cli.output import console, show_json, show_table
from app.cli.session import Role

app = typer.Typer(
    help="The loop's switch: show, on, off.", no_args_is_help=True, rich_markup_mode=None, add_completion=False
)

COLUMNS = ("venue", "symbol", "side", "measure", "state", "ppm", "interval", "tried", "n_observed", "reason")


@app.command()
def show(url: Url = "", key: Key = "", home: Home = DEFAULT_HOME, output: Output = Format.TABLE) -> None:
    """The switch, and what is believed of each venue: demoted ones first."""
    _show(connect(url, key, home).get("/v1/loop").body, output)


@app.command()
def on(url: Url = "", key: Key = "", home: Home = DEFAULT_HOME, output: Output = Format.TABLE) -> None:
    """Lets beliefs weigh in every route from now on; the setting `routing.loop` must allow it."""
    _show(connect(url, key, home, Role.OPERATOR).call("PUT", "/v1/loop", body={"enabled": True}).body, output)


@app.command()
def off(url: Url = "", key: Key = "", home: Home = DEFAULT_HOME, output: Output = Format.TABLE) -> None:
    """Ends it at once: no route is touched, nothing more is measured for it."""
    _show(connect(url, key, home, Role.OPERATOR).call("PUT", "/v1/loop", body={"enabled": False}).body, output)


def _show(answer: dict[str, Any], output: Format) -> None:
    if output is Format.JSON:
        show_json(answer)
        return
    state = "on" if answer["enabled"] else "off"
    if not answer["is_allowed"]:
        state += " (the setting routing.loop forbids it)"
    console().print(f"loop {state}", markup=False)
    rows = sorted(answer["beliefs"], key=lambda row: (not row["is_demoted"], row["measure"], row["venue"], row["side"]))
    if rows:
        show_table(console(), [_line(row) for row in rows], COLUMNS, right=("ppm", "interval", "tried", "n_observed"))
    else:
        console().print("nothing is believed of any venue yet", markup=False)


def _line(row: dict[str, Any]) -> dict[str, Any]:
    return row | {
        "state": "demoted" if row["is_demoted"] else "well",
        "interval": f"{row['low_ppm']} to {row['high_ppm']}",
        "tried": f"{row['tried_ppm'] / 10_000:.0f} %",
    }
