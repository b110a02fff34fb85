"""`bestex warmup`: compiles and caches every kernel, for images and first starts."""

from __future__ import annotations

import time

import typer

from app.cli.output import console

app = typer.Typer(add_completion=False)


@app.command()
def warmup() -> None:
    """Compiles the kernels now, with a progress bar."""
    started_s = time.process_time()
    n_kernels, was_cached = warm_with_progress()
    how = "loaded from the cache" if was_cached else "compiled"
    console().print(f"{n_kernels} kernels {how}, {time.process_time() - started_s:.1f} s of CPU")


def warm_with_progress(need_name: str = "CALL") -> tuple[int, bool]:
    """Warms what is needed at READY, SOON or CALL behind a progress bar; (how many kernels, whether all were cached).

    What is not cached is compiled by two processes side by side.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from app.kernels import jit
    from app.services.warm import start_helper, stop_helper

    need = jit.Need[need_name]
    helper = start_helper(need)
    columns = (
        TextColumn("  kernels   "),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=console(), transient=True) as progress:
        task = progress.add_task("", total=None)
        try:
            jit.warm(
                lambda name, done, total: progress.update(task, description=name, completed=done, total=total),
                need=need,
            )
        finally:
            if helper is not None:
                stop_helper(helper)
    return sum(entry.need <= need for entry in jit.registered()), helper is None
