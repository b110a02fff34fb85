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


def warm_with_progress() -> tuple[int, bool]:
    """Warms every kernel behind a progress bar; (how many, whether all of them came from the cache)."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from app.kernels import jit

    n_before = _n_compiled()
    columns = (
        TextColumn("  kernels   "),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=console(), transient=True) as progress:
        task = progress.add_task("", total=None)
        jit.warm(lambda name, done, total: progress.update(task, description=name, completed=done, total=total))
    return len(jit.registered()), _n_compiled() == n_before


def _n_compiled() -> int:
    """How many kernels this process had to compile so far."""
    from app.kernels import jit

    return sum(sum(entry.dispatcher.stats.cache_misses.values()) for entry in jit.registered())
