"""Round trips to another process, interleaved: rings against a Pipe and a bare eventfd pair, and to a route worker.

Wall times are quantiles of single trips: p10 is what the machine does when neighbours let it, p50 what it did. CPU is
of this process alone. A trip of the ring carries one row of three words, of the Pipe the same 24 bytes.
"""

from __future__ import annotations

import mmap
import multiprocessing
import os
import select
import signal
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from operator import truediv
from random import Random

import numpy as np
import uvloop

from app.kernels import jit, ring
from app.kernels.jit import kernel
from app.routing import carry, choose, search
from app.routing.choose import SOLVERS, Panel
from app.routing.problem import RouteProblem
from app.routing.router import Router
from app.shm.rings import Bell, Ring, ring_words
from app.workers.route_worker import MAX_SPINS
from app.workers.supervisor import Policy, Supervisor
from loadtests.decision import board_of, request_of
from loadtests.markets import make_market
from tests.faults.worker_kills import heavy_problem

SPINS = 300_000
ROW_WORDS = 4
CAPACITY = 64
N_TRIPS = 200
ROUNDS = 15
N_MADE = 8
COMPILED = "ring, both spin, compiled"
COMPILED_TRIPS = 10
Trip = Callable[[], None]


def ring_pair() -> tuple[Ring, Ring]:
    """There and back, over shared memory."""
    n = ring_words(CAPACITY, ROW_WORDS)
    words = np.frombuffer(mmap.mmap(-1, 2 * n * 8), dtype=np.int64)
    return Ring(words[:n], ROW_WORDS, Bell()), Ring(words[n:], ROW_WORDS, Bell())


@contextmanager
def echoing(serve: Callable[[], None]) -> Iterator[None]:
    """Runs `serve` in a forked process until the block ends."""
    pid = os.fork()
    if pid == 0:
        try:
            serve()
        finally:
            os._exit(1)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def echo_ring(there: Ring, back: Ring, max_spins: int) -> None:
    while True:
        rows = there.pop(max_spins)
        for row in rows:
            back.push_row(*row)
        if not rows and max_spins != SPINS:
            there.wait(1_000)


def spinning_trip(there: Ring, back: Ring) -> Trip:
    def trip() -> None:
        there.push_row(1, 2, 3)
        while not back.pop(SPINS):
            os.sched_yield()

    return trip


@kernel("")
def bounce(out_control_inplace, out_rows_inplace, in_control_inplace, in_rows, n, is_first, row_inplace):
    """`n` rows there and back without Python in between, from the side that begins or from the other."""
    for _ in range(n):
        if is_first == 1:
            ring.push_rows(out_control_inplace, out_rows_inplace, row_inplace)
        while ring.pop_rows(in_control_inplace, in_rows, SPINS, row_inplace) == 0:
            pass
        if is_first == 0:
            ring.push_rows(out_control_inplace, out_rows_inplace, row_inplace)


def compiled_pair(there: Ring, back: Ring) -> tuple[Callable[[], None], Trip]:
    """Ten trips a call; who times divides by it."""
    row = np.ones((1, ROW_WORDS - 1), np.int64)
    out, home = (there._control, there._rows), (back._control, back._rows)
    bounce(*out, *home, 0, 1, row)

    def serve() -> None:
        bounce(*home, *out, 2**40, 0, row)

    return serve, lambda: bounce(*out, *home, COMPILED_TRIPS, 1, row)


def sleeping_trip(there: Ring, back: Ring) -> Trip:
    def trip() -> None:
        there.push_row(1, 2, 3)
        while not back.pop():
            back.wait(1_000)

    return trip


def bare_pair() -> tuple[Callable[[], None], Trip]:
    """Two eventfds and nothing else: what a wake-up costs on this machine."""
    there, back = os.eventfd(0), os.eventfd(0)

    def serve() -> None:
        while True:
            os.eventfd_read(there)
            os.eventfd_write(back, 1)

    def trip() -> None:
        os.eventfd_write(there, 1)
        os.eventfd_read(back)

    return serve, trip


def pipe_pair() -> tuple[Callable[[], None], Trip]:
    ours, theirs = multiprocessing.Pipe()
    row = bytes(24)

    def serve() -> None:
        while True:
            theirs.send_bytes(theirs.recv_bytes())

    def trip() -> None:
        ours.send_bytes(row)
        ours.recv_bytes()

    return serve, trip


class LoopTrip:
    """A ring whose answer wakes an asyncio loop, as the engine's does; the other side spins a while, as workers do."""

    def __init__(self, there: Ring, back: Ring) -> None:
        self.there, self.back = there, back
        self.loop = uvloop.new_event_loop()
        self.loop.add_reader(back.bell.fileno(), self._on_bell)
        self.sent_ns, self.trips_ns, self.n_wanted = 0, [], 0

    def _send(self) -> None:
        self.sent_ns = time.perf_counter_ns()
        self.there.push_row(1, 2, 3)

    def _on_bell(self) -> None:
        self.back.bell.hush()
        self.back.disarm()
        rows = self.back.pop()
        assert self.back.arm()
        if not rows:
            return
        self.trips_ns.append(time.perf_counter_ns() - self.sent_ns)
        if len(self.trips_ns) < self.n_wanted:
            self._send()
        else:
            self.loop.stop()

    def many(self, n: int) -> list[int]:
        self.trips_ns, self.n_wanted = [], n
        assert self.back.arm()
        self._send()
        self.loop.run_forever()
        return self.trips_ns

    def close(self) -> None:
        self.loop.close()


def round_trips(*, is_quick: bool = False) -> list[dict[str, object]]:
    """Wall us (medians of `N_TRIPS`) and our CPU us a trip, the kinds one after the other in each round."""
    jit.warm()
    spin, sleep, loop = ring_pair(), ring_pair(), ring_pair()
    serve_compiled, compiled = compiled_pair(*ring_pair())
    (serve_bare, bare), (serve_pipe, pipe) = bare_pair(), pipe_pair()
    looping = LoopTrip(*loop)
    kinds: dict[str, Callable[[int], list[int]]] = {
        COMPILED: _many(compiled),
        "ring, both spin": _many(spinning_trip(*spin)),
        "ring, both sleep": _many(sleeping_trip(*sleep)),
        "ring, asyncio": looping.many,
        "eventfd pair": _many(bare),
        "Pipe": _many(pipe),
    }
    serves = {
        COMPILED: serve_compiled,
        "ring, both spin": lambda: echo_ring(*spin, SPINS),
        "ring, both sleep": lambda: echo_ring(*sleep, 0),
        "ring, asyncio": lambda: echo_ring(*loop, MAX_SPINS),
        "eventfd pair": serve_bare,
        "Pipe": serve_pipe,
    }
    p10: dict[str, list[float]] = {name: [] for name in kinds}
    p50: dict[str, list[float]] = {name: [] for name in kinds}
    cpus: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in range(ROUNDS // 3 if is_quick else ROUNDS):
        for name, many in kinds.items():
            each = 1_000 * (COMPILED_TRIPS if name == COMPILED else 1)
            with echoing(serves[name]):
                many(20)
                cpu_ns = time.process_time_ns()
                trips_ns = sorted(many(N_TRIPS))
                cpus[name].append((time.process_time_ns() - cpu_ns) / N_TRIPS / each)
            p10[name].append(trips_ns[N_TRIPS // 10] / each)
            p50[name].append(trips_ns[N_TRIPS // 2] / each)
    looping.close()
    return [
        {
            "trip": name,
            "wall_us_p10": round(statistics.median(p10[name]), 2),
            "wall_us_p50": round(statistics.median(p50[name]), 2),
            "cpu_us": round(statistics.median(cpus[name]), 2),
            "p10_over_pipe": round(statistics.median(map(truediv, p10[name], p10["Pipe"])), 3),
            "p10_over_eventfd": round(statistics.median(map(truediv, p10[name], p10["eventfd pair"])), 3),
        }
        for name in kinds
    ]


def _many(trip: Trip) -> Callable[[int], list[int]]:
    def many(n: int) -> list[int]:
        trips_ns = []
        for _ in range(n):
            started_ns = time.perf_counter_ns()
            trip()
            trips_ns.append(time.perf_counter_ns() - started_ns)
        return trips_ns

    return many


def problems() -> dict[str, tuple[RouteProblem, ...]]:
    """What is sent away and what is not; of those with fixed costs several, for their searches differ."""
    found = {}
    for shape in ((8, 20), (32, 20), (64, 100)):
        market = make_market(*shape)
        problem, _ = Router().pose(request_of(market), board_of(market).read("BTC/USDT"))
        assert problem is not None
        found[market.name] = (problem,)
    for n_places in (4, 12, 24, 48):
        for max_venues, name in ((0, "fixed costs"), (3, "at most 3")):
            made = [
                heavy_problem(Random(seed), n_places=n_places, n_levels=12, max_venues=max_venues)
                for seed in range(N_MADE)
            ]
            found[f"{n_places}x12 {name}"] = tuple(made)
    return found


def worker_trips(*, is_quick: bool = False) -> list[dict[str, object]]:
    """What a decision costs here, and what it costs the engine to send it to a worker, take it back and prove it."""
    jit.warm()
    supervisor = Supervisor(Policy(n_workers=1), f"bench-{os.getpid()}", time.monotonic_ns)
    supervisor.start()
    try:
        while not supervisor.n_up:
            select.select([supervisor], [], [], 0.05)
            supervisor.turn()
        return [_compare(name, made, supervisor, 16 if is_quick else 80) for name, made in problems().items()]
    finally:
        supervisor.stop()


def _compare(name: str, made: Sequence[RouteProblem], supervisor: Supervisor, n_trips: int) -> dict[str, object]:
    here, away, walls = [], [], []
    panel = Panel(SOLVERS)
    choose.decide(made[0], panel)
    for trip_i in range(n_trips):
        problem = made[trip_i % len(made)]
        cpu_ns = time.process_time_ns()
        choose.decide(problem, panel)
        here.append((time.process_time_ns() - cpu_ns) / 1_000)
        wall_ns, cpu_ns = time.perf_counter_ns(), time.process_time_ns()
        words = carry.pack(problem)
        assert words is not None
        assert supervisor.submit(search.CONTEST, words)
        while True:
            select.select([supervisor], [], [], 1.0)
            answers = supervisor.turn()
            if answers:
                break
        found = search.read_answer(problem, answers[0].words, panel)
        assert found is not None
        choose.take_up(problem, panel, *found)
        away.append((time.process_time_ns() - cpu_ns) / 1_000)
        walls.append((time.perf_counter_ns() - wall_ns) / 1_000)
    return {
        "problem": name,
        "words": max(map(carry.carried_size, made)),
        "here_cpu_us_p50": round(statistics.median(here), 1),
        "here_cpu_us_max": round(max(here), 1),
        "away_cpu_us_p50": round(statistics.median(away), 1),
        "expected_us": round(statistics.mean(map(search.problem_us, made))),
        "away_over_here": round(statistics.median(map(truediv, away, here)), 2),
        "away_wall_us_p50": round(statistics.median(walls), 1),
    }
