"""Route workers: processes that search heavy problems. They load kernels and routing and nothing else of the house.

`python -m app.workers.route_worker ...` is the *nursery*: it imports and warms once what a worker calls, then forks a
worker on each line of its input, so that a dead one is replaced in milliseconds instead of a second of imports.
Lines in: `start WORKER EPOCH CPUS` (CPUS as `1,2`, or `-`), `reap PID`. Lines out: `ready`, `pid WORKER EPOCH PID`.
A worker ends when its lifeline, a pipe whose other end only the engine holds, is closed; so does the nursery.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import select
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from app.domain.errors import InvariantBroken
from app.kernels import jit
from app.routing import search
from app.shm.layout import Kind
from app.shm.post import Post, PostShape, open_post
from app.shm.rings import Bell
from app.shm.segment import attach
from app.shm.slab import Answer, AnswerStatus
from app.workers.pinning import pin

# About 20 us of looking before sleeping: as long as a wake-up costs, so that at worst the price is paid twice.
MAX_SPINS: Final = 20_000
# An idle worker shows a sign of life this often.
IDLE_MS: Final = 50
EXIT_DAMAGED: Final = 70
_NOTHING: Final = np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True)
class Place:
    """Which worker this is, its incarnation, and the pipe that ends with the engine."""

    worker_i: int
    epoch: int
    lifeline: int


def work(post: Post, place: Place) -> int:
    """A worker's whole life. Returns its exit code: 0 when the engine is gone, 70 where shared memory is damaged."""
    inbox, row = post.to_worker[place.worker_i], place.worker_i
    listener = select.poll()
    listener.register(inbox.bell.fileno(), select.POLLIN)
    listener.register(place.lifeline, select.POLLIN | select.POLLHUP)
    post.beats.begin(row, os.getpid(), place.epoch, time.monotonic_ns())
    while True:
        try:
            rows = inbox.pop(MAX_SPINS)
        except InvariantBroken:
            return EXIT_DAMAGED
        for slot, generation, ticket in rows:
            post.beats.beat(row, time.monotonic_ns(), ticket)
            answer_slot(post, slot, generation, ticket)
            post.to_engine[row].push_row(slot, generation, ticket)
            post.beats.count(row)
        if rows:
            continue
        post.beats.beat(row, time.monotonic_ns(), 0)
        if inbox.arm():
            heard = dict(listener.poll(IDLE_MS))
            inbox.disarm()
            inbox.bell.hush()
            if place.lifeline in heard:
                return 0


def answer_slot(post: Post, slot: int, generation: int, ticket: int) -> None:
    """Searches one slot's problem and writes the answer beside it; whatever the search does, there is an answer."""
    job = post.slab.take(slot)
    if job is None or (job.ticket, job.generation) != (ticket, generation):
        post.slab.answer(slot, Answer(ticket, generation, AnswerStatus.DAMAGED, _NOTHING))
        return
    try:
        found = Answer(ticket, generation, AnswerStatus.FOUND, search.answer(job.search_number, job.words))
    except Exception:  # noqa: BLE001 - a process rim: a problem that breaks a search goes back to the engine
        found = Answer(ticket, generation, AnswerStatus.FAILED, _NOTHING)
    post.slab.answer(slot, found)


def main(arguments: Sequence[str] | None = None) -> int:
    """The nursery."""
    parser = argparse.ArgumentParser(prog="route_worker")
    parser.add_argument("segment")
    parser.add_argument("shape", help="n_workers,n_slots,n_problem,n_answer")
    parser.add_argument("bells", help="inherited descriptors, one a worker and the engine's")
    parser.add_argument("lifeline", type=int, help="inherited descriptor")
    given = parser.parse_args(arguments)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the engine's; its end is ours
    shape = PostShape(*map(int, given.shape.split(",")))
    segment = attach(given.segment, Kind.POST)
    post = open_post(segment, shape, tuple(Bell(int(fd)) for fd in given.bells.split(",")))
    jit.warm_imported()
    gc.collect()
    gc.freeze()  # what is imported is never garbage: the collector of a worker need not touch, and so copy, its pages
    _say("ready")
    for line in sys.stdin:
        _obey(line.split(), post, given.lifeline)
    return 0


def _obey(words: list[str], post: Post, lifeline: int) -> None:
    if words[0] == "reap":
        with contextlib.suppress(ChildProcessError):  # a predecessor's child: the system reaps it
            os.waitpid(int(words[1]), 0)
        return
    worker_i, epoch = int(words[1]), int(words[2])
    cpus = frozenset(map(int, words[3].split(","))) if words[3] != "-" else frozenset()
    pid = os.fork()
    if pid:
        _say(f"pid {worker_i} {epoch} {pid}")
        return
    code = EXIT_DAMAGED
    try:
        _leave_the_nurserys_pipes()
        pin(cpus)
        code = work(post, Place(worker_i, epoch, lifeline))
    finally:
        os._exit(code)  # a fork must never run its parent's loop


def _leave_the_nurserys_pipes() -> None:
    """Who listens for the nursery's end must not hear its children instead."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    os.close(nowhere)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
