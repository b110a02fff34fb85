"""Processes that hammer shared memory: `python -m tests.faults.shm_stress WHAT COUNT SEED` prints its counts as JSON.

`ring`: messages from one process to another. `books`: reads beside a writer at full speed. `writers`: deaths of a
writer in the middle of its writes, a reader looking on. Loops are compiled: the sides meet within a few stores.
"""

from __future__ import annotations

import json
import mmap
import os
import random
import signal
import sys
import time
from collections.abc import Callable

import numpy as np

from app.kernels import book, jit, ring
from app.kernels.atomics import load_acquire
from app.kernels.jit import kernel
from app.shm.layout import ROW_WORDS

CAPACITY = 1_024
DEPTH = 24
GIVE_UP = 4_096  # looks in vain before the processor is offered to the other side


@kernel("")
def produce(control_inplace, rows_inplace, start, stop, batch_inplace):
    """Pushes start .. stop in batches of many sizes. Returns the next number: below `stop` the ring stayed full."""
    number, in_vain = start, 0
    while number < stop and in_vain < GIVE_UP:
        n = min(1 + number % batch_inplace.shape[0], stop - number)
        for k in range(n):
            batch_inplace[k, 0] = number + k
            batch_inplace[k, 1] = (number + k) * 3
            batch_inplace[k, 2] = ~(number + k)
        pushed = ring.push_rows(control_inplace, rows_inplace, batch_inplace[:n]) & 0xFFFFFFFF
        number += pushed
        in_vain = 0 if pushed > 0 else in_vain + 1
    return number


@kernel("")
def consume(control_inplace, rows, start, stop, batch_inplace, wrong_inplace):
    """Pops start .. stop and counts what is not the next number. Returns the next number."""
    number, in_vain = start, 0
    while number < stop and in_vain < GIVE_UP:
        n = ring.pop_rows(control_inplace, rows, 0, batch_inplace)
        if n < 0:
            wrong_inplace[1] += 1
            return stop
        for k in range(n):
            good = (
                batch_inplace[k, 0] == number and batch_inplace[k, 1] == number * 3 and batch_inplace[k, 2] == ~number
            )
            wrong_inplace[0] += 0 if good else 1
            number = batch_inplace[k, 0] + 1
        in_vain = 0 if n > 0 else in_vain + 1
    return number


@kernel("")
def write_turns(
    control_inplace, n_levels_inplace, price_inplace, qty_inplace, start, stop, levels_inplace, stamps_inplace
):
    """Writes turns: a snapshot at each odd one, a change of every level at each even one. All of a book says its turn.

    Between two writes it looks at its own lock up to a thousand times, at most about as long as a copy takes: without
    any pause a sequence lock shows nothing to anybody.
    """
    for turn in range(start, stop):
        for _ in range(turn * 7_919 % 1_000):
            load_acquire(control_inplace[book.LOCK], 0)
        pair = (turn + 1) // 2
        n = 1 + pair % DEPTH
        for i in range(n):
            levels_inplace[0, i, 0] = 100_000 + pair % 1_000 - i
            levels_inplace[1, i, 0] = 100_001 + pair % 1_000 + i
            levels_inplace[0, i, 1] = turn
            levels_inplace[1, i, 1] = turn
        stamps_inplace[:] = turn
        bids, asks = levels_inplace[0, :n], levels_inplace[1, :n]
        if turn % 2 == 1:
            book.put_book(control_inplace, n_levels_inplace, price_inplace, qty_inplace, 0, stamps_inplace, bids, asks)
        else:
            book.change_book(
                control_inplace, n_levels_inplace, price_inplace, qty_inplace, 0, turn - 1, stamps_inplace, bids, asks
            )


@kernel("")
def read_turns(control, n_levels, price, qty, count, out_control, out_n, out_price, out_qty, seen_inplace):
    """Reads `count` times. seen: torn, gone back, of a book being written, last turn, new turns."""
    for _ in range(count):
        book.copy_books(control, n_levels, price, qty, 0, out_control, out_n, out_price, out_qty)
        n_broken = book.bar_broken(out_control, out_n, out_price, out_qty)
        if out_control[book.IS_GAPPED, 0] != 0:
            seen_inplace[2] += 1
            seen_inplace[0] += n_broken
            continue
        turn = out_control[book.BOOK_SEQ, 0]
        pair = (turn + 1) // 2
        n = 1 + pair % DEPTH if turn > 0 else 0
        good = out_n[0, 0] == n and out_n[0, 1] == n
        good = good and out_control[book.RECEIVED_TS_NS, 0] == turn and out_control[book.VENUE_TS_NS, 0] == turn
        for i in range(n if good else 0):
            good = good and out_qty[0, 0, i] == turn and out_qty[0, 1, i] == turn
            good = good and out_price[0, 0, i] == 100_000 + pair % 1_000 - i
            good = good and out_price[0, 1, i] == 100_001 + pair % 1_000 + i
        seen_inplace[0] += 0 if good else 1
        seen_inplace[1] += 1 if turn < seen_inplace[3] else 0
        seen_inplace[4] += 1 if turn != seen_inplace[3] else 0
        seen_inplace[3] = turn


def shared_words(n_words: int) -> np.ndarray:
    return np.frombuffer(mmap.mmap(-1, n_words * 8), dtype=np.int64)


def in_child(work: Callable[[], None]) -> int:
    """Forks; the child does `work` and nothing else, ever."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
            os._exit(0)
        finally:
            os._exit(1)
    return pid


def stress_ring(count: int) -> dict[str, int]:
    words = shared_words(ring.N_CONTROL + CAPACITY * ROW_WORDS)
    control, rows = words[: ring.N_CONTROL], words[ring.N_CONTROL :].reshape(CAPACITY, ROW_WORDS)
    batch, wrong = np.zeros((37, ROW_WORDS - 1), np.int64), np.zeros(2, np.int64)
    produce(control, rows, 0, 0, batch)
    consume(control, rows, 0, 0, batch, wrong)

    def push_all() -> None:
        number = 0
        while number < count:
            number = produce(control, rows, number, count, batch)
            os.sched_yield()

    pid, number, n_turns = in_child(push_all), 0, 0
    while number < count:
        number = consume(control, rows, number, count, batch, wrong)
        os.sched_yield()
        n_turns += 1
    status = os.waitpid(pid, 0)[1]
    return {
        "messages": number,
        "out_of_order": int(wrong[0]),
        "broken": int(wrong[1]),
        "left": int(control[ring.PUSHED] - control[ring.POPPED]),
        "producer_status": status,
        "handovers": n_turns,
    }


class Board:
    """One book in shared memory with a reader's and a writer's private arrays."""

    def __init__(self) -> None:
        self.shared = self._arrays(shared_words(book.N_CONTROL + 2 + 4 * DEPTH))
        self.copy = self._arrays(np.zeros(book.N_CONTROL + 2 + 4 * DEPTH, np.int64))
        self.levels, self.stamps = np.zeros((2, DEPTH, 2), np.int64), np.zeros(3, np.int64)
        self.seen = np.zeros(5, np.int64)
        self.write(1, 1)
        self.read(0)

    @staticmethod
    def _arrays(words: np.ndarray) -> tuple[np.ndarray, ...]:
        n, size = book.N_CONTROL, 2 * DEPTH
        return (
            words[:n].reshape(n, 1),
            words[n : n + 2].reshape(1, 2),
            words[n + 2 : n + 2 + size].reshape(1, 2, DEPTH),
            words[n + 2 + size :].reshape(1, 2, DEPTH),
        )

    def write(self, start: int, stop: int) -> None:
        write_turns(*self.shared, start, stop, self.levels, self.stamps)

    def read(self, count: int) -> None:
        read_turns(*self.shared, count, *self.copy, self.seen)

    def counts(self) -> dict[str, int]:
        torn, back, unwritten, last, new = self.seen.tolist()
        return {"torn": torn, "went_back": back, "while_unwritten": unwritten, "last_turn": last, "new_turns": new}


def stress_books(count: int) -> dict[str, int]:
    board = Board()
    pid = in_child(lambda: board.write(1, 2**40))
    n_read = 0
    while n_read < count:
        board.read(min(10_000, count - n_read))
        n_read += min(10_000, count - n_read)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return {"reads": n_read, "turns_written": int(board.shared[0][book.BOOK_SEQ, 0]), **board.counts()}


def stress_writers(count: int, rng: random.Random) -> dict[str, int]:
    """Each writer goes on where the last one died; what it left half written is never read as a book."""
    board, n_inside, n_healed, n_read = Board(), 0, 0, 0
    for _ in range(count):
        start = int(board.shared[0][book.BOOK_SEQ, 0]) // 2 * 2 + 1
        pid = in_child(lambda start=start: board.write(start, 2**40))
        until_ns = time.perf_counter_ns() + rng.randint(1_000, 4_000_000)
        while time.perf_counter_ns() < until_ns:
            board.read(50)
            n_read += 50
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        n_inside += int(board.shared[0][book.LOCK, 0]) & 1
        board.seen[3] = 0  # a successor may begin again one turn before
        board.read(1)
        n_read += 1
    start = int(board.shared[0][book.BOOK_SEQ, 0]) // 2 * 2 + 1
    board.write(start, start + 2)
    board.read(1)
    n_healed += int(board.seen[3] == start + 1)
    return {"kills": count, "inside_a_write": n_inside, "healed": n_healed, "reads": n_read, **board.counts()}


def main() -> None:
    what, count, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    jit.warm()
    started_ns = time.perf_counter_ns()
    if what == "ring":
        found = stress_ring(count)
    elif what == "books":
        found = stress_books(count)
    else:
        found = stress_writers(count, random.Random(seed))
    found["ms"] = (time.perf_counter_ns() - started_ns) // 1_000_000
    print(json.dumps(found))


if __name__ == "__main__":
    main()
