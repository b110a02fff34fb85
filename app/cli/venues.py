"""`bestex venues`: list them; serve the simulated ones as their own process, whose ledger outlives the service."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from app.cli import venue_keys
from app.cli.client import connect
from app.cli.exits import CommandError, Exit
from app.cli.extras import CEX, require
from app.cli.options import DEFAULT_HOME, Format, Home, Key, Output, Url
from app.cli.output import show_rows

app = typer.Typer(help="Places to trade.", no_args_is_help=True, rich_markup_mode=None, add_completion=False)


@app.command("list")
def list_venues(url: Url = "", key: Key = "", home: Home = DEFAULT_HOME, output: Output = Format.TABLE) -> None:
    """Every venue: enabled, up or why not, what proves its adapter, clock, request budget, how old its books are."""
    rows = connect(url, key, home).get("/v1/venues").body["data"]
    for row in rows:
        row["oldest_book_ms"] = max((float(age) for age in row["book_age_ms"].values()), default=None)
        evidence = row["evidence"] or {}
        row["level"] = " ".join(str(evidence[k]) for k in ("level", "date", "capture_year") if evidence.get(k))
        off = [word for word, is_so in (("disabled", not row["is_enabled"]), ("killed", row["is_killed"])) if is_so]
        row["why"] = "; ".join([*off, *filter(None, [row["state_reason"]])])
        row["n_symbols"] = len(row["symbols"])
    figures = ("clock_offset_ms", "budget_left", "oldest_book_ms", "n_symbols")
    show_rows(output, rows, ("venue", "mode", "state", "level", *figures, "why"), right=" ".join(figures))


@app.command()
def serve(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 picks a free one, printed as `ready PORT`")] = 0,
    seed: Annotated[int, typer.Option(help="of the simulated markets")] = 7,
    family: Annotated[str, typer.Option(help="of the simulated markets: basic, queue_reactive")] = "basic",
    folder: Annotated[Path | None, typer.Option("--dir", help="where the ledgers are; by default in the home")] = None,
    may_fail: Annotated[bool, typer.Option("--may-fail", help="clients may switch faults on (tests)")] = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Simulated venues on loopback until Ctrl-C; start the service with --venues tcp://127.0.0.1:PORT."""
    import asyncio

    from app.domain.errors import BadRequest, Unavailable
    from app.venues.process import ServeOptions, serve_until_signal

    ledgers = folder or home.expanduser() / "venues"
    ledgers.mkdir(parents=True, exist_ok=True)
    options = ServeOptions(ledgers, port, seed, family=family, may_fail=may_fail)
    try:
        asyncio.run(serve_until_signal(options, lambda bound: print(f"ready {bound}", flush=True)))
    except (BadRequest, Unavailable) as error:
        raise CommandError(Exit.USAGE, f"simulated venues: {error.detail}") from error
    except OSError as error:
        raise CommandError(Exit.USAGE, f"simulated venues: {error}") from error


@app.command()
def refresh(
    names: Annotated[list[str] | None, typer.Argument(help="venues of the table; none: all")] = None,
    base_url: Annotated[str, typer.Option("--base-url", help="instead of every host, as http://127.0.0.1:PORT")] = "",
    within_days: Annotated[int, typer.Option("--within", min=1, help="days ahead for what ends")] = 7,
    accepts_losses: Annotated[bool, typer.Option("--accept-losses", help="believe a venue that lists less")] = False,
    home: Home = DEFAULT_HOME,
    output: Output = Format.TABLE,
) -> None:
    """What venues list now against last time: new, gone, tick, lot and minimum changed, ending soon. No key is used."""
    import asyncio

    from app.cli.refresh import refresh_home, rows_of
    from app.domain.errors import BadRequest

    require(CEX)
    try:
        reports = asyncio.run(
            refresh_home(names or [], home.expanduser(), base_url, within_days, accepts_losses=accepts_losses)
        )
    except BadRequest as error:
        raise CommandError(Exit.USAGE, f"{error.detail}; the table has {error.hint}") from error
    show_rows(output, rows_of(reports), ("venue", "what", "symbol", "was", "now"))
    if all(report.failure for report in reports):
        raise CommandError(Exit.UNREACHABLE, "no venue could be read; what was stored stands")


@app.command()
def check(
    names: Annotated[list[str] | None, typer.Argument(help="venues of the table; none: all")] = None,
    base_url: Annotated[str, typer.Option("--base-url", help="instead of every host, as http://127.0.0.1:PORT")] = "",
    timeout_s: Annotated[float, typer.Option("--timeout", min=0.1, help="seconds for each answer")] = 10.0,
    sandbox: venue_keys.Sandbox = False,
    kek: venue_keys.Kek = "",
    home: Home = DEFAULT_HOME,
    output: Output = Format.TABLE,
) -> None:
    """What of each venue works from here, and why not: clock, markets, a public book, evidence, and what your key there
    may do where the home folder holds one. Nothing is stored."""
    import asyncio
    from dataclasses import asdict

    from app.domain.errors import BadRequest
    from app.venues.cex.check import Verdict, check_venues
    from app.venues.cex.profile_table import profile_of, profiles
    from app.venues.clock import SystemClock

    require(CEX)
    try:
        asked = [profile_of(name) for name in names or profiles()]
    except BadRequest as error:
        raise CommandError(Exit.USAGE, f"{error.detail}; the table has {error.hint}") from error
    found = asyncio.run(check_venues(asked, SystemClock(), base_url=base_url, timeout_s=timeout_s))
    place = venue_keys.KeyPlace(home, kek, sandbox, base_url)
    for profile in asked:
        found += venue_keys.key_findings(profile, place)
    found.sort(key=lambda finding: [profile.venue_id for profile in asked].index(finding.venue))
    show_rows(output, [asdict(finding) for finding in found], ("venue", "check", "verdict", "found"))
    n_failed = len({finding.venue for finding in found if finding.verdict is Verdict.FAILED})
    if n_failed:
        raise CommandError(Exit.CHECK_FAILED, f"{n_failed} of {len(asked)} venues cannot be used from here as they are")


@app.command()
def certify(
    venue: Annotated[str, typer.Argument(help="a venue of the table")],
    account: Annotated[str, typer.Option(help="whose checked venue keys sign; it must be idle there")],
    testnet: Annotated[bool, typer.Option("--testnet", help="on the venue's test network: L2")] = False,
    live_micro: Annotated[
        bool, typer.Option("--live-micro", help="1,000 real round trips of the least size: L3")
    ] = False,
    symbol: Annotated[str, typer.Option(help="a spot market of live.toml")] = "BTC/USDT",
    n_round_trips: Annotated[int, typer.Option("-n", min=0, help="0: 10 on a test network, 1,000 live")] = 0,
    base_url: Annotated[str, typer.Option("--base-url", help="a stand-in for the venue's hosts; proves nothing")] = "",
    kek: Annotated[Path | None, typer.Option(help="file of the key-encryption key")] = None,
    home: Home = DEFAULT_HOME,
    output: Output = Format.TABLE,
) -> None:
    """Real orders through the whole service, reconciled to the venue's statement; then a signed certificate."""
    from dataclasses import asdict

    from app.cli.certify import CertifyOptions, run_trial

    if testnet == live_micro:
        raise CommandError(Exit.USAGE, "say one of --testnet and --live-micro")
    require(CEX)
    options = CertifyOptions(venue, account, symbol, home.expanduser(), live_micro, n_round_trips, base_url, kek)
    verdict, path = run_trial(options, lambda line: print(line, file=sys.stderr, flush=True))
    show_rows(output, [asdict(step) for step in verdict.steps], ("name", "is_passed", "found"))
    if not verdict.is_passed:
        raise CommandError(Exit.CHECK_FAILED, f"{venue} is not certified")
    print(f"certificate: {path}" if path else "passed, and too little for a level: no certificate", file=sys.stderr)
