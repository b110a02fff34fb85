"""What a venue process costs: a request's way there and back, a book's to the board: python -m loadtests.venue_link

Both are wall-clock on whatever else this machine does; the CPU per book is the writer's own.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from app.domain.book import BookSnapshot
from app.shm.books import BookBoard, board_bytes
from app.shm.rings import Bell
from app.venues.clock import SystemClock
from app.venues.group import GroupKind, GroupSpec, universe_of
from app.venues.linked import LinkedVenue
from app.venues.wire import Problem, StatementAsk, encode_addressed
from app.workers.venue_host import VenueProcesses

N_TRIPS, N_BOOKS, N_LEVELS = 2_000, 20_000, 50


async def round_trips(folder: Path) -> np.ndarray:
    """Microseconds from writing a request to its answer, one at a time; the far side answers at once."""
    spec = GroupSpec(
        GroupKind.SIMULATED, tuple(universe_of(GroupSpec(GroupKind.SIMULATED, (), "")).venues), str(folder)
    )
    host = VenueProcesses(f"bench-{time.monotonic_ns()}", universe_of(spec), [spec], SystemClock())
    heard: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    class Ear(LinkedVenue):
        def take(self, answer: object) -> None:
            if isinstance(answer, Problem):
                heard.set_result(None)

    group = host.groups[0]
    first = spec.venues[0]
    for port in host.ports.values():
        await port.start(lambda _: None, lambda _: None)
    await host.start(lambda _: None)
    group.venues[first] = Ear(first, SystemClock())
    took_us = np.empty(N_TRIPS)
    for i in range(N_TRIPS):
        heard = asyncio.get_running_loop().create_future()
        begun_ns = time.perf_counter_ns()
        assert group.link.to_worker.write(encode_addressed("nowhere", StatementAsk(i, "desk")))
        await heard
        took_us[i] = (time.perf_counter_ns() - begun_ns) / 1_000
    await host.stop()
    return took_us


def books() -> float:
    """CPU microseconds of one 2 x 50 level snapshot written to a shared board, its bell included."""
    board, bell = BookBoard([("v", "S")], 100, bytearray(board_bytes(1, 100))), Bell()
    bids = tuple((100_000 - i, 10 + i) for i in range(N_LEVELS))
    asks = tuple((100_001 + i, 10 + i) for i in range(N_LEVELS))
    begun_ns = time.process_time_ns()
    for n in range(1, N_BOOKS + 1):
        board.write_snapshot(BookSnapshot("v", "S", n, 0, n, bids, asks))
        bell.ring()
    took_us = (time.process_time_ns() - begun_ns) / 1_000 / N_BOOKS
    bell.close()
    return took_us


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        took_us = asyncio.run(round_trips(Path(folder)))
    p50, p90, p99 = np.percentile(took_us, (50, 90, 99))
    sys.stdout.write(f"round trip to a venue process, us: p50 {p50:.0f}, p90 {p90:.0f}, p99 {p99:.0f} ({N_TRIPS})\n")
    sys.stdout.write(f"a book of 2 x {N_LEVELS} levels to the board, CPU us: {books():.1f}\n")


if __name__ == "__main__":
    main()
