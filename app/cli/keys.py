"""`bestex keys`: create, list, revoke, with the operator's key. A token is shown once and stored nowhere. `venue` holds
the keys of venues, which are another thing."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli import venue_keys
from app.cli.client import connect, segment
from app.cli.options import DEFAULT_HOME, Format, Home, Key, Output, Url
from app.cli.output import show_fields, show_json, show_rows
from app.cli.session import Role

app = typer.Typer(
    help="API keys: create, list, revoke.", no_args_is_help=True, rich_markup_mode=None, add_completion=False
)
app.add_typer(venue_keys.app, name="venue")


@app.command()
def create(
    account: Annotated[str, typer.Argument(help="whose key it is")],
    scopes: Annotated[list[str] | None, typer.Option("--scope", help="read, trade, risk, admin (repeat)")] = None,
    url: Url = "",
    key: Key = "",
    home: Home = DEFAULT_HOME,
    output: Output = Format.TABLE,
) -> None:
    """A new key; its token is printed once."""
    body = {"account": account, "scopes": scopes or ["read", "trade"], "mode": "paper"}
    answer = connect(url, key, home, Role.OPERATOR).post("/v1/api-keys", body).body
    show_fields(output, answer, ("token", "prefix", "account", "scopes", "mode"))


@app.command("list")
def list_keys(url: Url = "", key: Key = "", home: Home = DEFAULT_HOME, output: Output = Format.TABLE) -> None:
    """Every key that is not revoked; never a token."""
    rows = connect(url, key, home, Role.OPERATOR).get("/v1/api-keys").body["data"]
    show_rows(output, rows, ("prefix", "account", "scopes", "mode"))


@app.command()
def revoke(
    prefix: Annotated[str, typer.Argument(help="the eight characters that name the key")],
    url: Url = "",
    key: Key = "",
    home: Home = DEFAULT_HOME,
    output: Output = Format.TABLE,
) -> None:
    """Ends a key at once."""
    answer = connect(url, key, home, Role.OPERATOR).delete(f"/v1/api-keys/{segment(prefix)}").body
    show_json(answer) if output is Format.JSON else print(f"revoked {prefix}")
