"""Answers at a share of what the loop can carry, on the loop's own clock: what an order waits for behind other work.

The product's application, engine, simulated venues and journal in one process, as in loadtests/door.py. The clock is
the CPU time of the loop's thread, which neighbours on the machine do not move: a task that never sleeps lets it run on
while nothing is due, and posts an order whenever that clock says so. First orders are placed sixteen at once, which
says what one costs the loop in all, venues, fills and reports included; then they come one by one at `load` times the
rate that this allows, each timed from when it was due to its durable answer. One alone costs up to twice as much as
one of sixteen, so that a load of 0.5 is a loop that has hardly a moment to itself.

    python -m loadtests.busy [--load 0.5]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from pathlib import Path

import uvloop

from loadtests.door import Door, open_door
from loadtests.load import Bodies

Row = dict[str, object]
LOADS = (0.25, 0.5)
N_ORDERS, N_WARM, N_AT_ONCE = 600, 256, 16


async def cost_s(door: Door, n_orders: int) -> float:
    """Seconds of the loop's thread an order, everything that follows it included."""
    bodies, began_s = Bodies(f"cost-{time.monotonic_ns()}"), time.thread_time()
    for _ in range(n_orders // N_AT_ONCE):
        await door.place(door.app, bodies.some(N_AT_ONCE))
    await door.settle()
    return (time.thread_time() - began_s) / (n_orders // N_AT_ONCE * N_AT_ONCE)


async def latencies_s(door: Door, every_s: float, n_orders: int) -> list[float]:
    """Of orders due `every_s` apart, from due to answered, on the clock of this thread."""
    bodies, found = Bodies(f"busy-{time.monotonic_ns()}"), list[float]()
    tasks: set[asyncio.Task[None]] = set()

    async def one(due_s: float) -> None:
        await door.place(door.app, bodies.some(1))
        found.append(time.thread_time() - due_s)

    began_s = time.thread_time()
    for number in range(n_orders):
        due_s = began_s + number * every_s
        while time.thread_time() < due_s:  # noqa: ASYNC110 - the clock is our own CPU time: sleeping would stop it
            await asyncio.sleep(0)
        task = asyncio.create_task(one(due_s))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    while len(found) < n_orders:
        if not tasks:
            raise RuntimeError("an order was not placed")
        await asyncio.sleep(0)
    await door.settle()
    return found


async def measure_in(home: Path, loads: tuple[float, ...], n_orders: int) -> list[Row]:
    """A row for each load."""
    rows: list[Row] = []
    async with open_door(home) as door:
        await cost_s(door, N_WARM)
        for load in loads:
            each_s = await cost_s(door, N_WARM)
            rows.append(_row(load, each_s, sorted(await latencies_s(door, each_s / load, n_orders))))
    return rows


def _row(load: float, each_s: float, ordered_s: list[float]) -> Row:
    def at(fraction: float) -> float:
        return round(ordered_s[min(len(ordered_s) - 1, int(len(ordered_s) * fraction))] * 1e3, 2)

    return {
        "load": load,
        "rate_per_s": round(load / each_s),
        "order_us": round(each_s * 1e6),
        "p50_ms": at(0.5),
        "p90_ms": at(0.9),
        "p99_ms": at(0.99),
        "max_ms": at(1.0),
        "p99_over_order": round(at(0.99) * 1e-3 / each_s, 2),
    }


def measure(*, is_quick: bool = False, loads: tuple[float, ...] = LOADS) -> list[Row]:
    """The bench's table."""
    with tempfile.TemporaryDirectory(prefix="bestex-busy-") as folder:
        return uvloop.run(measure_in(Path(folder), loads, N_ORDERS if is_quick else 2 * N_ORDERS))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--load", type=float, action="append")
    asked = parser.parse_args()
    print(json.dumps(measure(loads=tuple(asked.load or LOADS)), indent=2))
