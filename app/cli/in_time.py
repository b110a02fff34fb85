"""Strategies in time from the shell: options become `strategy_params`, by the service's own clock."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

import typer

from app.cli.client import Client
from app.cli.exits import CommandError, Exit

Minutes = Annotated[str | None, typer.Option(help="with twap, vwap, pov, is: how long it may take, from now")]
Slice = Annotated[str | None, typer.Option("--slice", help="seconds from child to child")]
Urgency = Annotated[str | None, typer.Option(help="passive, normal or urgent")]
Cap = Annotated[str | None, typer.Option("--cap", help="most part of what others trade, as in 0.1")]
Rate = Annotated[str | None, typer.Option(help="pov: part of the volume, as in 0.1")]
WouldPrice = Annotated[str | None, typer.Option("--would-price", help="at this price or better all is due")]
MaxTilt = Annotated[str | None, typer.Option("--max-tilt", help="adaptive (version 2): most part of it, as in 0.1")]
Discretion = Annotated[
    int | None, typer.Option("--discretion", help="ticks beyond its rest price that a slice may cross")
]
Params = Annotated[str | None, typer.Option(help="strategy_params as JSON, for all that has no option here")]

_NAMES = {"slice_s": "slice", "urgency": "urgency", "cap": "participation_cap", "rate": "rate"}


def with_schedule(client: Client, body: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    """`body` with `strategy_params` where any was given; takes its own options out of `options`."""
    minutes, params_text = options.pop("minutes", None), options.pop("params", None)
    given = {wire: options.pop(name, None) for name, wire in _NAMES.items()}
    given["would_price"] = options.pop("would_price", None)
    given["max_tilt"], given["discretion_ticks"] = options.pop("max_tilt", None), options.pop("discretion", None)
    params = {wire: value for wire, value in given.items() if value is not None}
    if "max_tilt" in params:
        params["version"] = 2  # whoever names a tilt wants the version that has one
    if params_text is not None:
        params |= _object(params_text)
    if minutes is not None:
        params["end_at"] = end_at(client, minutes)
    return body | {"strategy_params": params} if params else body


def end_at(client: Client, minutes: str) -> str:
    """So many minutes from the service's now."""
    try:
        span = timedelta(seconds=float(Decimal(minutes) * 60))
    except InvalidOperation as error:
        raise CommandError(Exit.USAGE, f"not a number of minutes: {minutes!r}") from error
    if span <= timedelta(0):
        raise CommandError(Exit.USAGE, "give more than 0 minutes")
    now_ns = int(client.get("/v1/time").body["time_ns"])
    moment = datetime.fromtimestamp(now_ns // 1_000_000_000, UTC) + span
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise CommandError(Exit.USAGE, f"--params is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise CommandError(Exit.USAGE, "--params is a JSON object")
    return found
