"""`bestex kill`: block first, then cancel, then say what is still unconfirmed."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli.client import connect
from app.cli.options import DEFAULT_HOME, Format, Home, Key, Output, Url
from app.cli.output import console, show_json, show_table
from app.cli.session import Role

app = typer.Typer(
    help="The kill switch: on, off, show.", no_args_is_help=True, rich_markup_mode=None, add_completion=False
)

ScopeName = Annotated[str, typer.Option("--scope", help="global, account, venue or symbol")]
Target = Annotated[str | None, typer.Option("--target", help="which account, venue or symbol")]


def _role(scope: str) -> Role:
    """An account's own key may stop itself; every wider switch is the operator's."""
    return Role.TRADER if scope == "account" else Role.OPERATOR


@app.command()
def on(
    reason: Annotated[str, typer.Option(help="why, for the record")],
    scope: ScopeName = "account",
    target: Target = None,
    is_cancel: Annotated[bool, typer.Option("--cancel/--block", help="also cancel what is open")] = True,
    url: Url = "",
    key: Key = "",
    home: Home = DEFAULT_HOME,
    output: Output = Format.TABLE,
) -> None:
    """Blocks at once; with --cancel cancels too and lists what no venue has confirmed yet."""
    body = {"scope": scope, "action": "cancel" if is_cancel else "block", "reason": reason}
    answer = connect(url, key, home, _role(scope)).post(
        "/v1/kill-switch", body | ({"target": target} if target else {})
    )
    if output is Format.JSON:
        show_json(answer.body)
        return
    report = answer.body
    console().print(
        f"{report['scope']} {report['target'] or ''}: {report['n_orders_hit']} orders hit, "
        f"{report['n_orders_done']} done, {report['n_unconfirmed']} unconfirmed"
    )
    if report["unconfirmed"]:
        columns = ("venue", "order_id", "child_id", "status", "leaves_qty", "is_open_at_venue")
        title = "unconfirmed: believe nothing until the venue says so"
        show_table(console(), report["unconfirmed"], columns, title=title)
    if report["venue_only"]:
        show_table(console(), report["venue_only"], ("venue", "client_id"), title="open at venues, unknown to the log")
    if report["unreachable_venues"]:
        console().print(f"could not be asked: {' '.join(report['unreachable_venues'])}")


@app.command()
def off(
    scope: ScopeName = "account",
    target: Target = None,
    url: Url = "",
    key: Key = "",
    home: Home = DEFAULT_HOME,
    output: Output = Format.TABLE,
) -> None:
    """Re-arms trading: always a deliberate act."""
    answer = connect(url, key, home, _role(scope)).delete("/v1/kill-switch", scope=scope, target=target).body
    show_json(answer) if output is Format.JSON else console().print(f"kill switch off: {scope} {target or ''}".rstrip())


@app.command()
def show(url: Url = "", key: Key = "", home: Home = DEFAULT_HOME, output: Output = Format.TABLE) -> None:
    """Which switches are on."""
    answer = connect(url, key, home).get("/v1/kill-switch").body
    if output is Format.JSON:
        show_json(answer)
        return
    rows = answer["data"]
    if rows:
        show_table(console(), rows, ("scope", "target", "action", "reason", "actor"))
    else:
        print("no kill switch is on")
