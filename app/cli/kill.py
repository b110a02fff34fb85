"""`bestex kill`: block first, then cancel, then say what is still unconfirmed."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli.client import Client
from app.cli.options import DEFAULT_HOME, DEFAULT_URL, Format, Home, Key, Output, Url, key_or_stored
from app.cli.output import console, show_json, table

app = typer.Typer(help="The kill switch: on, off, show.", no_args_is_help=True, rich_markup_mode=None)

ScopeName = Annotated[str, typer.Option("--scope", help="global, account, venue or symbol")]
Target = Annotated[str | None, typer.Option("--target", help="which account, venue or symbol")]


@app.command()
def on(
    reason: Annotated[str, typer.Option(help="why, for the record")],
    scope: ScopeName = "account",
    target: Target = None,
    is_cancel: Annotated[bool, typer.Option("--cancel/--block", help="also cancel what is open")] = True,
    url: Url = DEFAULT_URL,
    key: Key = "",
    home: Home = DEFAULT_HOME,
    output: Output = Format.TABLE,
) -> None:
    """Blocks at once; with --cancel cancels too and lists what no venue has confirmed yet."""
    body = {"scope": scope, "action": "cancel" if is_cancel else "block", "reason": reason}
    answer = Client(url, key_or_stored(key, home)).post(
        "/v1/kill-switch", body | ({"target": target} if target else {})
    )
    if output is Format.JSON:
        show_json(answer.body)
        return
    counts = {name: value for name, value in answer.body.items() if isinstance(value, int | str)}
    console().print("  ".join(f"{name} {value}" for name, value in counts.items()), markup=False)
    unconfirmed = answer.body.get("unconfirmed") or []
    if unconfirmed:
        columns = [c for c in ("venue", "order_id", "child_id", "status", "leaves_qty") if c in unconfirmed[0]]
        console().print(table(unconfirmed, columns, title="unconfirmed: believe nothing until the venue says so"))


@app.command()
def off(
    scope: ScopeName = "account",
    target: Target = None,
    url: Url = DEFAULT_URL,
    key: Key = "",
    home: Home = DEFAULT_HOME,
    output: Output = Format.TABLE,
) -> None:
    """Re-arms trading: always a deliberate act."""
    answer = Client(url, key_or_stored(key, home)).delete("/v1/kill-switch", scope=scope, target=target).body
    show_json(answer) if output is Format.JSON else console().print(f"kill switch off: {scope} {target or ''}".rstrip())


@app.command()
def show(url: Url = DEFAULT_URL, key: Key = "", home: Home = DEFAULT_HOME, output: Output = Format.TABLE) -> None:
    """Which switches are on."""
    answer = Client(url, key_or_stored(key, home)).get("/v1/kill-switch").body
    if output is Format.JSON:
        show_json(answer)
        return
    rows = answer["data"]
    console().print(table(rows, ("scope", "target", "action", "reason", "actor")) if rows else "no kill switch is on")
