"""`bestex`: one file a command, imported only when that command is asked for (help stays under 200 ms of CPU).

A command's module holds `app: typer.Typer`: one registered command, or several for a group. To add one, write
`app/cli/<name>.py` and a line in COMMANDS.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from typing import Any, Final

import typer
from typer.core import TyperCommand, TyperGroup

from app.cli.exits import CommandError, Exit

# name -> (module, one line of help). The order is that of a first day.
COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "demo": ("demo", "Six simulated venues, sample orders, costs explained."),
    "up": ("up", "The service: gateway, engine, venues."),
    "doctor": ("doctor", "Checks this machine and says how to repair it."),
    "warmup": ("warmup", "Compiles the kernels now instead of at first start."),
    "migrate": ("migrate", "Brings the database to the newest schema."),
    "order": ("order", "preview, buy, sell, cancel, show, settle."),
    "orders": ("orders", "Lists orders; pause, resume, amend."),
    "conditional": ("conditional", "Conditional orders: list, show, cancel."),
    "route": ("route", "Why an order went where it went."),
    "book": ("book", "The consolidated book, raw or all-in."),
    "curve": ("curve", "The learned volume curve of a symbol."),
    "venues": ("venues", "list; serve simulated venues as their own process."),
    "fees": ("fees", "Fee tier per venue, with source and date."),
    "tca": ("tca", "What a finished order cost, and why."),
    "loop": ("loop", "What is believed of venues: show, on, off."),
    "hidden": ("hidden", "What is believed of dark venues and dealers."),
    "kill": ("kill", "The kill switch: on, off, show."),
    "keys": ("keys", "API keys: create, list, revoke; venue: keys of venues."),
    "journal": ("journal", "verify: finds any changed, removed or lost record."),
    "receipt": ("receipt", "verify: recomputes an order's route offline."),
    "replay": ("replay", "Runs recorded markets through the same code."),
    "shadow": ("shadow", "A desk's own fills beside Bestex's; sends nothing."),
    "record": ("record", "Writes what the gateway receives as Parquet."),
    "calibrate": ("calibrate", "Fits impact and slippage on recordings."),
    "calibration": ("calibration", "How well estimates of slippage have done."),
    "bench": ("bench", "Benchmarks against baselines and budgets."),
    "version": ("version", "Release, Python and platform."),
}


class LazyGroup(TyperGroup):
    """Lists commands from the table; imports a command's module only to run it."""

    def __init__(self, **attrs: Any) -> None:
        super().__init__(**attrs)
        self.commands = {name: TyperCommand(name, help=line) for name, (_, line) in COMMANDS.items()}

    def resolve_command(self, ctx: typer.Context, args: list[str]) -> tuple[str | None, Any, list[str]]:  # type: ignore[override]
        if args and args[0] in COMMANDS:
            module = import_module(f"app.cli.{COMMANDS[args[0]][0]}")
            return args[0], typer.main.get_command(module.app), args[1:]
        return super().resolve_command(ctx, args)


app = typer.Typer(
    cls=LazyGroup,
    help="Smart order router. Exit codes: 0 ok, 1 check failed, 2 usage, 3 refused, 4 unknown outcome, 5 unreachable.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)


@app.callback()
def bestex() -> None:
    """Bestex, a smart order router."""


def run() -> None:
    """Entry point of the `bestex` command: a process rim, where every expected end gets its exit code."""
    try:
        app(prog_name="bestex")
    except CommandError as error:
        if _wants_json(sys.argv[1:]):
            print(json.dumps(error.problem))
        print(f"bestex: {error.detail}", file=sys.stderr)
        sys.exit(int(error.code))
    except BrokenPipeError:
        # The reader went away (`bestex orders | head`): nothing is wrong, and nothing more can be said.
        sys.stderr.close()
        sys.exit(int(Exit.OK))


def _wants_json(arguments: list[str]) -> bool:
    """Whether -o json was asked for: an error that left the command no longer knows its options."""
    pairs = zip(arguments, [*arguments[1:], ""], strict=True)
    return any(
        argument in ("-ojson", "--output=json", "-o=json") or (argument in ("-o", "--output") and value == "json")
        for argument, value in pairs
    )


if __name__ == "__main__":
    run()
