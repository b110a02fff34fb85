"""`bestex demo`: the whole service on this machine, sample orders, and what they cost. Nothing leaves it."""

from __future__ import annotations

import secrets
import shutil
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.exits import CommandError, Exit
from app.cli.options import DEFAULT_HOME, Home

if TYPE_CHECKING:
    from rich.console import Console

    from app.cli.client import Client
    from app.cli.live import Bracket, Parent
    from app.cli.service import BackgroundPostgres, Gateway
    from app.cli.story import Listener, Sample, Story

app = typer.Typer(add_completion=False)

# Live children of simulated venues end within a second; Ctrl-C promises five seconds for everything.
DRAIN_S = 1.0
SYMBOL, QTY = "BTC/USDT", "2"
TIMED_SYMBOL = "ETH/USDT"


@app.command()
def demo(
    context: typer.Context,
    is_once: Annotated[bool, typer.Option("--once", help="exit after the sample orders, 0 if they filled")] = False,
    is_reset: Annotated[bool, typer.Option("--reset", help="forget everything earlier demos left, then start")] = False,
    port: Annotated[int, typer.Option(min=1, max=65535, help="where the gateway listens")] = 8080,
    home: Home = DEFAULT_HOME,
) -> None:
    """Six simulated venues, real HTTP and WebSocket, embedded Postgres; Ctrl-C stops everything."""
    from app.cli.output import console

    is_home_named = getattr(context.get_parameter_source("home"), "name", "") == "COMMANDLINE"
    run = Demo(home.expanduser(), port, console(), is_once=is_once, is_home_named=is_home_named)
    try:
        run.start(is_reset=is_reset)
    except KeyboardInterrupt:
        run.say("stopped")
    finally:
        run.stop()
    if run.failure is not None:
        raise run.failure


class Demo:
    """One run: its processes, its client, and how it went."""

    def __init__(self, home: Path, port: int, screen: Console, *, is_once: bool, is_home_named: bool) -> None:
        self._home, self._data, self._port = home, home / "demo", port
        self._screen, self._is_once, self._is_home_named = screen, is_once, is_home_named
        self._postgres: BackgroundPostgres | None = None
        self._gateway: Gateway | None = None
        self._telling: threading.Thread | None = None
        self.failure: CommandError | None = None

    @property
    def _url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def say(self, text: str) -> None:
        self._screen.print(f"  {text}")

    def start(self, *, is_reset: bool) -> None:
        """Everything up, the story told by a thread; returns when the gateway has stopped."""
        from app.cli.service import BackgroundPostgres, Gateway, require_free, terminate_as_interrupt

        terminate_as_interrupt()
        require_free("127.0.0.1", self._port)
        if is_reset:
            self._forget()
        self._postgres = BackgroundPostgres(self._data / "postgres")
        self._warm()
        settings = self._settings(self._migrated(self._postgres))
        self._gateway = Gateway(settings, self._begin)
        self._gateway.run_to_end()

    def stop(self) -> None:
        """Leaves no thread and no process."""
        if self._telling is not None:
            self._telling.join(timeout=5.0)
        if self._postgres is not None:
            self._postgres.stop()

    def _forget(self) -> None:
        from app.store.lock import JournalInUse, WriterLock
        from app.workers.postgres import EmbeddedPostgres

        if self._data.exists():
            try:
                WriterLock(self._data / "journal.lock").release()
            except JournalInUse as error:
                raise CommandError(Exit.USAGE, f"process {error.pid} runs on {self._data}; stop it first") from error
        EmbeddedPostgres(self._data / "postgres").forget()
        shutil.rmtree(self._data, ignore_errors=True)

    def _warm(self) -> None:
        from app.cli.warmup import warm_with_progress

        started_s = time.monotonic()
        n_kernels, was_cached = warm_with_progress("READY")
        how = "from the cache" if was_cached else "compiled, cached for next time"
        self._done("kernels", f"{n_kernels} {how}", started_s)

    def _migrated(self, postgres: BackgroundPostgres) -> str:
        from app.store.migrate import HEAD, upgrade

        started_s = time.monotonic()
        url = postgres.url()
        upgrade(url)
        self._done("database", f"PostgreSQL, embedded in {self._data}, schema {HEAD}", started_s)
        return url

    def _settings(self, database_url: str) -> Any:
        from app.cli.up import settings_of

        given = {"database_url": database_url, "port": self._port, "host": "127.0.0.1", "mode": "paper"}
        return settings_of(
            self._data, given | {"market": "sim", "venues": "inline", "drain_s": DRAIN_S, "log_level": "warning"}
        )

    def _done(self, what: str, text: str, started_s: float) -> None:
        self.say(f"[green]✔[/green] {what:<10} {text}  [dim]{time.monotonic() - started_s:.1f} s[/dim]")

    def _begin(self) -> None:
        """The gateway listens: called on its loop, so the story gets a thread of its own."""
        self._telling = threading.Thread(target=self._tell, name="demo-story")
        self._telling.start()

    def _tell(self) -> None:
        assert self._gateway is not None
        try:
            self.failure = self._samples()
        except SystemExit:  # whoever read this went away (`| head`): rich has ended the thread, and the demo ends too
            self.failure = CommandError(Exit.CHECK_FAILED, "nobody reads what the demo tells: stopped")
        except Exception as error:  # noqa: BLE001 - a thread's rim
            if not self._gateway.should_exit:  # whoever stops it while it tells takes its words away
                told = CommandError(Exit.CHECK_FAILED, f"the demo broke: {error!r}")
                self.failure = error if isinstance(error, CommandError) else told
        if self._is_once or self.failure is not None:
            self._gateway.should_exit = True

    def _samples(self) -> CommandError | None:
        """Tells the whole story; what of it did not come out, if anything."""
        from app.cli.client import Client
        from app.cli.session import Role, Session, remember
        from app.cli.story import Story, listening, wait_until_ready
        from app.domain.ids import ulid
        from app.venues.clock import SystemClock

        session = Session(self._url, self._data)
        key = session.key(Role.TRADER)
        client = Client(self._url, key)
        wait_until_ready(client)
        remember(self._home, session)
        venues = client.get("/v1/venues").body["data"]
        names = ", ".join(venue["venue"] for venue in venues)
        self.say(f"[green]✔[/green] {'venues':<10} {len(venues)} simulated, books moving: {names}")
        left = client.get("/v1/orders", status="open", limit=200).body["data"]
        if left:
            self.say(f"[yellow]![/yellow] {'before':<10} {len(left)} open from an earlier demo, going on")
        with listening(self._url, key) as listener:
            story = Story(client, listener, self._screen, ulid(SystemClock().wall_ns(), secrets.randbits(80)))
            ceiling = story.mid(SYMBOL) * 1005 // 1000
            # Good till canceled: what a moved book leaves unfilled is planned again until it has filled.
            buying = {"symbol": SYMBOL, "side": "buy", "type": "limit", "qty": QTY, "limit_price": str(ceiling)}
            first = story.place(f"buy {QTY} {SYMBOL}, not over {ceiling}", buying | {"time_in_force": "gtc"})
            self._tell_costs(first)
            story.explain(first)
            bought = self._more(story)
            parent, bracket = self._in_time(story, client, listener, bought)
        self._tell_doors(client, first)
        if not first.is_filled:
            return CommandError(Exit.CHECK_FAILED, "the sample order did not fill")
        if parent.order["status"] != "filled" or bracket.leg("entry")["status"] != "filled":
            return CommandError(Exit.CHECK_FAILED, "the VWAP or the bracket's entry did not fill")
        return None

    def _more(self, story: Story) -> Sample:
        """The way back, and an order by money, which is the one that is returned."""
        floor = story.mid(SYMBOL) * 995 // 1000
        selling = {"symbol": SYMBOL, "side": "sell", "type": "limit", "qty": QTY, "limit_price": str(floor)}
        selling |= {"time_in_force": "ioc", "strategy": "sweep"}
        story.place(f"sell {QTY} {SYMBOL} by sweep, ioc, not under {floor}", selling)
        buying = {"symbol": TIMED_SYMBOL, "side": "buy", "type": "market", "notional": "50000"}
        return story.place(f"buy {TIMED_SYMBOL} for 50000 USDT", buying | {"max_slippage_bps": "25"})

    def _in_time(self, story: Story, client: Client, listener: Listener, bought: Sample) -> tuple[Parent, Bracket]:
        """What was bought by money is sold over time, beside a bracket: the account ends as flat as it began."""
        from app.cli.live import Working

        self._screen.print()
        return Working(story, client, listener, self._screen).run(TIMED_SYMBOL, bought.filled_qty)

    def _tell_costs(self, first: Sample) -> None:
        from app.cli.cpu import elapsed_s, tree_cpu_s

        if first.first_fill_monotonic_s is None:
            return
        to_fill_s = elapsed_s() - (time.monotonic() - first.first_fill_monotonic_s)
        assert self._postgres is not None
        own_s, database_s = time.process_time(), tree_cpu_s(self._postgres.pid)
        self.say(
            f"[green]✔[/green] {'first fill':<10} {to_fill_s:.1f} s after the command; "
            f"CPU {own_s:.1f} s (service and this client), {database_s:.1f} s (database)"
        )

    def _tell_doors(self, client: Client, first: Sample) -> None:
        self._screen.print()
        if self._is_once:
            page = self._home / "reports" / "tca-demo.html"
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_bytes(client.fetch("/v1/tca/report"))
            self._tell_whole(f"report  {page.resolve().as_uri()}")
            self.say("again   without --once it stays up: /docs, orders of your own, `bestex tca --open`")
        else:
            bestex = bestex_command()
            self.say(f"docs    {self._url}/docs     stream  {self._url.replace('http', 'ws')}/v1/ws")
            self._tell_whole(f"report  {bestex} tca --open{self._home_option()}   # a minute from now with markouts")
            self._tell_whole(f"route   {bestex} route {first.told.order_id}{self._home_option()}")
            header = f'"Authorization: Bearer $(cat {self._data / "demo.key"})"'
            kind = '-H "Content-Type: application/json"'
            body = '{"symbol":"BTC/USDT","side":"buy","type":"market","qty":"2"}'
            self._tell_whole(f"try     curl -s {self._url}/v1/orders/preview -H {header} {kind} -d '{body}'")
        ending = "" if self._is_once else "  Ctrl-C stops; `bestex demo --reset` forgets."
        self.say(f"[yellow]PAPER MODE: no order can leave this machine.[/yellow]{ending}")

    def _home_option(self) -> str:
        """What a later command needs to find this demo where neither default nor environment leads to it."""
        return f" --home {self._home}" if self._is_home_named else ""

    def _tell_whole(self, text: str) -> None:
        """A line that is copied: never broken, nothing in it read as markup."""
        self._screen.print(f"  {text}", soft_wrap=True, markup=False)


def bestex_command() -> str:
    """How the command is called from here: by its name where the shell finds it, else by its path."""
    beside = Path(sys.executable).with_name("bestex")
    if shutil.which("bestex") or not beside.exists():
        return "bestex"
    return str(beside.relative_to(Path.cwd())) if beside.is_relative_to(Path.cwd()) else str(beside)
