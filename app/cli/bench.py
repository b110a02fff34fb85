"""`bestex bench`: kernels, whole decision and HTTP against baselines; exit 1 where a ratio leaves its budget."""

from __future__ import annotations

from importlib import import_module
from typing import Annotated, Any

import typer

from app.cli.exits import CommandError, Exit
from app.cli.options import Format, Output
from app.cli.output import console, show_table

app = typer.Typer(add_completion=False)


@app.command()
def bench(
    is_quick: Annotated[bool, typer.Option("--quick", help="fewer samples")] = False,
    only: Annotated[list[str] | None, typer.Option("--only", help="a part by its name; may be given again")] = None,
    is_saved: Annotated[bool, typer.Option("--save", help="also write docs/results/bench.md")] = False,
    output: Output = Format.TABLE,
) -> None:
    """About a minute of CPU. Starts its own service on a free port, in a folder that it deletes."""
    try:
        # Part of the source tree, not of the installed package: it brings its yardsticks with it.
        bench_module: Any = import_module("loadtests.bench")
    except ModuleNotFoundError as error:
        if error.name not in ("loadtests", "loadtests.bench"):
            raise
        raise CommandError(Exit.USAGE, "benchmarks belong to the source tree: clone it and run `make bench`") from error
    measured = bench_module.run(is_quick=is_quick, only=only or ())
    if output is Format.JSON:
        print(bench_module.as_json(measured))
    else:
        for title, meaning, rows in bench_module.tables(measured):
            console().print(f"[bold]{title}[/bold]  {meaning}")
            names = bench_module.columns(rows)
            show_table(console(), rows, names, right=names[1:])
    if is_saved:
        bench_module.save(measured)
    if measured["broken_budgets"]:
        raise CommandError(Exit.CHECK_FAILED, "; ".join(measured["broken_budgets"]))
