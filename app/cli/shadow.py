"""`bestex shadow`: a desk's real parents and fills beside what Bestex would have done. Nothing is ever sent.

With files and a recording: offline. `bestex shadow send`: the files go to the running service, which plans each parent
on its books of now. `bestex shadow report`: what that service was told so far.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Final

import typer

from app.cli.client import connect
from app.cli.exits import CommandError, Exit
from app.cli.extras import REPLAY, require
from app.cli.options import DEFAULT_HOME, Format, Home, Key, Output, Url
from app.cli.output import show_json

MAX_FILE_BYTES: Final = 512 * 2**20
MAX_MS: Final = 366 * 86_400_000

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.callback(invoke_without_command=True)
def shadow(
    context: typer.Context,
    parents: Annotated[Path | None, typer.Option(help="CSV of the desk's parents")] = None,
    fills: Annotated[Path | None, typer.Option(help="CSV of the fills that they really got")] = None,
    recording: Annotated[
        Path | None, typer.Option(help="a folder: a recording of ours, or an event-level L2 set")
    ] = None,
    fee: Annotated[
        list[str], typer.Option("--fee", help="VENUE=PPM, the desk's taker fee there; may be repeated")
    ] = [],  # noqa: B006
    latency: Annotated[float, typer.Option(help="one way to every venue, ms; -1: as recorded")] = -1,
    think: Annotated[float, typer.Option(min=0, help="from the desk's decision to our child leaving, ms")] = 5,
    clock_offset: Annotated[float, typer.Option(help="added to every time of the files, ms")] = 0,
    strict: Annotated[bool, typer.Option("--strict", help="stop at the first bad line")] = False,
    out: Annotated[Path | None, typer.Option(help="also write the result to this file")] = None,
) -> None:
    """Decides each parent again at its own instant on the recorded books and prints the difference to the incumbent."""
    if context.invoked_subcommand is not None:
        return
    if parents is None or fills is None or recording is None:
        raise CommandError(Exit.USAGE, "needs --parents, --fills and --recording; or: bestex shadow report")
    from app.services.shadow_replay import ShadowRequest, ShadowTerms

    latency_ns = _ns("--latency", latency)
    terms = ShadowTerms(_fees(fee), None if latency_ns < 0 else latency_ns, _ns("--think", think))
    files = [(path.name, _content(path)) for path in (parents, fills)]
    text = _run(recording, ShadowRequest(files[0], files[1], terms, _ns("--clock-offset", clock_offset), strict))
    print(text)
    if out is not None:
        out.write_text(text + "\n")


@app.command()
def send(
    parents: Annotated[Path, typer.Argument(help="CSV of the desk's parents")],
    fills: Annotated[Path, typer.Argument(help="CSV of the fills that they really got")],
    strict: Annotated[bool, typer.Option("--strict", help="stop at the first bad line")] = False,
    wait: Annotated[float, typer.Option(min=0, help="for the last shadows' simulated fills, s")] = 5,
    url: Url = "",
    key: Key = "",
    home: Home = DEFAULT_HOME,
) -> None:
    """Tells both files to the running service, waits for its shadows, and prints the comparison. Nothing is traded.

    The service plans a parent on the books of the instant it hears of it: send the files as the desk decides.
    Sending them again is harmless.
    """
    from app.cli.shadow_send import compared, tell

    client = connect(url, key, home)
    told = tell(client, (parents.name, _content(parents)), (fills.name, _content(fills)), is_strict=strict)
    typer.echo(told.summary(), err=True)
    print(compared(client, told, wait, time.sleep))


@app.command()
def report(url: Url = "", key: Key = "", home: Home = DEFAULT_HOME, output: Output = Format.TABLE) -> None:
    """The running service's shadow of this account so far."""
    client = connect(url, key, home)
    if output is Format.JSON:
        show_json(client.get("/v1/shadow/report").body)
    else:
        print(client.fetch("/v1/shadow/report", format="markdown").decode())


def _run(recording: Path, request: object) -> str:
    from app.domain.errors import BadRequest
    from app.offline import shadow_markets

    require(REPLAY)
    try:
        return shadow_markets(recording, request)  # type: ignore[arg-type]
    except BadRequest as error:
        detail = f"{error.detail} {error.hint}".strip()
        raise CommandError(Exit.USAGE, detail, {"code": error.code, "detail": detail}) from error


def _ns(option: str, told_ms: float) -> int:
    if not abs(told_ms) <= MAX_MS:
        raise CommandError(Exit.USAGE, f"{option} {told_ms:g}: milliseconds, at most {MAX_MS:,} either way (a year)")
    return round(told_ms * 1e6)


def _fees(told: list[str]) -> dict[str, int]:
    fees: dict[str, int] = {}
    for item in told:
        venue, _, ppm = item.partition("=")
        try:
            fees[venue] = int(ppm)
        except ValueError as error:
            raise CommandError(Exit.USAGE, f"--fee {item!r}: VENUE=PPM, a whole number; 1 bp is 100 ppm") from error
        if not venue or abs(fees[venue]) > 100_000:
            raise CommandError(Exit.USAGE, f"--fee {item!r}: VENUE=PPM, at most 100000 (10 %)")
    return fees


def _content(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise CommandError(Exit.USAGE, f"{path.name} is larger than {MAX_FILE_BYTES >> 20} MB")
        return path.read_bytes()
    except OSError as error:
        raise CommandError(Exit.USAGE, f"{path.name}: {error.strerror}") from error
