"""Where an order's microseconds go at the hot door: wall us of each stage's own code, what it calls among them apart.

Each stage is a function of the product with a clock around it; the tenth percentile of batches leaves neighbours on the
cores out. A clock costs about as much as two short calls, so a sum of stages is above what loadtests/door.py measures.
The journal's commit runs on its own thread and is counted as that thread's CPU.

    python -m loadtests.door_stages
"""

from __future__ import annotations

import argparse
import functools
import importlib
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import uvloop

from loadtests.door import Door, open_door
from loadtests.load import Bodies

# name, module, class ("" for a function of the module, wherever it was imported), function
STAGES: Final = (
    ("key proven", "app.api.auth", "", "authenticate"),
    ("body read", "app.api.plain_order", "", "plain_order"),
    ("body hash", "app.services.submit", "", "body_hash"),
    ("turn: its own", "app.services.engine", "Engine", "_run_turn"),
    ("turn: its own", "app.execution.step", "Core", "turn"),
    ("books copied and judged", "app.execution.context", "Context", "market"),
    ("gate's view", "app.execution.stakes", "", "ground_of"),
    ("gate's checks", "app.risk.gate", "", "approve_plain"),
    ("plan asked for", "app.execution.short_way", "", "approve_plain"),
    ("PLAN", "app.routing.router", "Router", "plan"),
    ("counted for the next order", "app.execution.plain_run", "", "gathers"),
    ("children and facts made", "app.execution.plain_run", "", "write_gathered"),
    ("cost foretold", "app.execution.foretell", "", "said_of"),
    ("facts folded", "app.execution.context", "Context", "emit"),
    ("facts folded", "app.execution.plain_wave", "", "fold_wave"),
    ("facts folded", "app.execution.wave_fold", "", "evolve_order"),
    ("facts encoded and queued", "app.store.journal", "SqliteJournal", "append"),
    ("committed (writer's thread)", "app.store.journal", "SqliteJournal", "_store"),
    ("committed (writer's thread)", "app.store.journal", "SqliteJournal", "_tell"),
    ("let out after the commit", "app.services.engine", "Engine", "_let_out"),
    ("listeners told", "app.services.engine", "Engine", "_tell"),
    ("answer written", "app.api.wire.plain_ack", "", "plain_ack"),
)


@dataclass(slots=True)
class Watch:
    """Nanoseconds by stage of the batch under way; `inner` holds what the stages above have spent in others."""

    ns: dict[str, int] = field(default_factory=dict)
    inner: list[int] = field(default_factory=list)
    loop_thread: int = field(default_factory=threading.get_ident)

    def around(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def watched(*args: Any, **kwargs: Any) -> Any:
            if threading.get_ident() != self.loop_thread:
                began_ns = time.thread_time_ns()
                try:
                    return function(*args, **kwargs)
                finally:
                    self.ns[name] = self.ns.get(name, 0) + time.thread_time_ns() - began_ns
            self.inner.append(0)
            began_ns = time.perf_counter_ns()
            try:
                return function(*args, **kwargs)
            finally:
                spent_ns = time.perf_counter_ns() - began_ns
                self.ns[name] = self.ns.get(name, 0) + spent_ns - self.inner.pop()
                if self.inner:
                    self.inner[-1] += spent_ns

        return watched


def put_watches(watch: Watch) -> None:
    """A clock around every stage, for the rest of the process. Raises AttributeError where a stage is no more."""
    for name, module_name, class_name, function_name in STAGES:
        module = importlib.import_module(module_name)
        if class_name:
            owner = getattr(module, class_name)
            setattr(owner, function_name, watch.around(name, getattr(owner, function_name)))
            continue
        function = getattr(module, function_name)
        watched = watch.around(name, function)
        for other in list(sys.modules.values()):
            if getattr(other, "__name__", "").startswith("app.") and vars(other).get(function_name) is function:
                setattr(other, function_name, watched)


async def measure(door: Door, watch: Watch, n_at_once: int, n_batches: int) -> dict[str, float]:
    """Stage -> us an order, the tenth percentile of batches."""
    bodies = Bodies(f"stages{n_at_once}-{time.monotonic_ns()}")
    batches: list[dict[str, int]] = []
    for _ in range(n_batches):
        for venue in door.venues:
            venue.is_held = True
        watch.ns = {}
        await door.place(door.app, bodies.some(n_at_once))
        batches.append(watch.ns)
        watch.ns = {}  # what follows is not the door's
        for venue in door.venues:
            await venue.release()
        await door.settle()
    names = dict.fromkeys(name for name, *_ in STAGES)
    low = {name: sorted(batch.get(name, 0) for batch in batches)[n_batches // 10] for name in names}
    return {name: round(ns / n_at_once / 1e3, 1) for name, ns in low.items()}


async def tables(home: Path, n_batches: int) -> dict[int, dict[str, float]]:
    """Orders at once -> stage -> us an order."""
    async with open_door(home) as door:
        watch = Watch()
        put_watches(watch)
        for n_at_once in (32, 8):  # what is loaded lazily, and facts that are still read back
            await measure(door, watch, n_at_once, 8)
        return {n: await measure(door, watch, n, n_batches * 32 // n // 2) for n in (8, 32)}


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--batches", type=int, default=150)
    with tempfile.TemporaryDirectory(prefix="bestex-stages-") as folder:
        found = uvloop.run(tables(Path(folder), parser.parse_args().batches))
    print("| stage | us an order, 8 at once | 32 at once |\n|---|---:|---:|")
    for name, eight in found[8].items():
        print(f"| {name} | {eight} | {found[32][name]} |")
    print(f"| sum | {sum(found[8].values()):.0f} | {sum(found[32].values()):.0f} |")


if __name__ == "__main__":
    main()
