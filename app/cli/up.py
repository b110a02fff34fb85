"""`bestex up`: the service without samples. `--mode` is about money, `--market` about books."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.exits import CommandError, Exit
from app.cli.extras import CEX, require
from app.cli.options import DEFAULT_HOME, Home

if TYPE_CHECKING:
    from app.settings import Settings

app = typer.Typer(add_completion=False)


class ModeName(StrEnum):
    PAPER = "paper"
    LIVE = "live"


class MarketName(StrEnum):
    SIM = "sim"
    LIVE = "live"


@app.command()
def up(
    mode: Annotated[ModeName | None, typer.Option(help="paper or live money; paper is the default")] = None,
    market: Annotated[MarketName | None, typer.Option(help="simulated or live books; sim is the default")] = None,
    host: Annotated[str | None, typer.Option(help="address to listen on; 127.0.0.1 is the default")] = None,
    port: Annotated[int | None, typer.Option(help="8080 is the default")] = None,
    venues: Annotated[str | None, typer.Option(help="inline, process, or tcp://HOST:PORT of venues serve")] = None,
    drain_s: Annotated[float | None, typer.Option("--drain", help="seconds that live children get to end")] = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Runs the gateway until Ctrl-C. Data and keys lie in the home folder; BESTEX_DATABASE_URL names a database."""
    given = {"mode": mode, "market": market, "host": host, "port": port, "venues": venues, "drain_s": drain_s}
    serve(settings_of(home, given), home.expanduser())


def refuse_mixed(settings: Settings) -> None:
    """Live money needs live books, and real venues live in processes of ours and nowhere else."""
    if settings.mode == "live" and settings.market != "live":
        raise CommandError(Exit.USAGE, "--mode live trades on live books: add --market live")
    if settings.market == "live" and settings.venues.startswith("tcp://"):
        raise CommandError(
            Exit.USAGE, "--venues tcp://... serves simulated venues; --market live starts its own processes"
        )
    if settings.mode == "live" and not settings.live.account:
        raise CommandError(Exit.USAGE, "--mode live: say whose venue keys a signer shall use, BESTEX_LIVE__ACCOUNT")
    if settings.mode == "live" and not settings.kek_path.exists():
        detail = f"--mode live: no signer without keys: {settings.kek_path} is not there; `bestex keys venue add`"
        raise CommandError(Exit.USAGE, detail)


def settings_of(home: Path, given: dict[str, Any]) -> Settings:
    """Flags over environment over `bestex.toml` over defaults. Raises CommandError naming what is wrong."""
    from pydantic import ValidationError

    from app.settings import Settings

    flags = {name: value for name, value in given.items() if value is not None}
    try:
        settings = Settings(home=home.expanduser(), **flags)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise CommandError(Exit.USAGE, f"settings: {wrong}") from error
    refuse_mixed(settings)
    return settings


def serve(settings: Settings, home: Path) -> None:
    """Database, schema, gateway; ends in order."""
    from app.cli.service import BackgroundPostgres, Gateway, require_free, terminate_as_interrupt
    from app.cli.session import Session, remember
    from app.domain.errors import Unavailable
    from app.store.migrate import upgrade

    terminate_as_interrupt()
    if settings.market == "live":
        require(CEX)  # every venue's process would end at once, and be started again
    require_free(settings.host, settings.port)
    embedded = None if settings.database_url else BackgroundPostgres(settings.home / "postgres")
    try:
        if embedded is not None:
            settings = settings.model_copy(update={"database_url": embedded.url()})
        try:
            upgrade(settings.database_url)
        except Unavailable as error:
            # Orders do not need it: the projector connects when it can, and says in the meantime that it cannot.
            print(f"{error.detail}; orders flow without it, `bestex migrate` once it answers", flush=True)
        url = f"http://{'127.0.0.1' if settings.host == '0.0.0.0' else settings.host}:{settings.port}"  # noqa: S104

        def ready() -> None:
            remember(home, Session(url, settings.home))
            print(f"bestex {settings.mode} on {url}  docs {url}/docs  keys in {settings.home}", flush=True)
            if settings.market == "live":
                print("live books: `bestex venues list` says per venue what works and why not", flush=True)

        Gateway(settings, ready).run_to_end()
    except KeyboardInterrupt:
        pass
    finally:
        if embedded is not None:
            embedded.stop()
