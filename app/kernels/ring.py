"""A ring of fixed rows between one producer and one consumer, in memory that two processes share.

`control` is int64[N_CONTROL]; what each side writes has a cache line of its own. `rows` is int64[capacity, row_words],
capacity a power of two; the last word of a row seals it with its number, so that a row is never lost, repeated or half
read unseen. Sizes come from the arrays, never from shared memory.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from app.kernels.atomics import full_fence, load_acquire, store_release
from app.kernels.checksum import settle_sum, stir
from app.kernels.jit import kernel

Int64 = npt.NDArray[np.int64]

# Entries of `control`. A side keeps its last look at the other's count beside its own, so that it rarely looks.
PUSHED: Final = 0
SEEN_POPPED: Final = 1
POPPED: Final = 8
SEEN_PUSHED: Final = 9
IS_WAITING: Final = 16
N_CONTROL: Final = 24

# Answers below 0: a row whose seal does not fit, counts that no ring of this size can have.
BROKEN_ROW: Final = -1
BROKEN_COUNTS: Final = -2


@kernel("")
def seal_of(rows: Int64, row: int, row_number: int) -> int:
    """The seal of a row that is the `row_number`-th of its ring."""
    seal = stir(0, row_number + 1)
    for column in range(rows.shape[1] - 1):
        seal = stir(seal, rows[row, column])
    return int(settle_sum(seal))


@kernel("int64(int64[::1], int64[:,::1], int64[:,::1])")
def push_rows(control_inplace: Int64, rows_inplace: Int64, rows: Int64) -> int:
    """Appends int64[n, row_words - 1] rows, as many as fit. Returns how many, or BROKEN_COUNTS.

    Adds 2^32 to the number where the consumer waits and must be woken.
    """
    capacity = rows_inplace.shape[0]
    pushed = control_inplace[PUSHED]
    wanted = rows.shape[0]
    if pushed + wanted - control_inplace[SEEN_POPPED] > capacity:
        control_inplace[SEEN_POPPED] = load_acquire(control_inplace, POPPED)
    free = capacity - (pushed - control_inplace[SEEN_POPPED])
    if free < 0 or free > capacity:
        return BROKEN_COUNTS
    n = min(wanted, free)
    for k in range(n):
        at = (pushed + k) & (capacity - 1)
        for column in range(rows.shape[1]):
            rows_inplace[at, column] = rows[k, column]
        rows_inplace[at, rows.shape[1]] = seal_of(rows_inplace, at, pushed + k)
    store_release(control_inplace, PUSHED, pushed + n)
    # Without the full fence this load could be answered before the store is seen, and a sleeper would sleep on.
    full_fence()
    return int(n) + (int(load_acquire(control_inplace, IS_WAITING) != 0) << 32)


@kernel("int64(int64[::1], int64[:,::1], int64, int64[:,::1])")
def pop_rows(control_inplace: Int64, rows: Int64, max_spins: int, out_rows: Int64) -> int:
    """Takes rows into int64[n, row_words - 1], at most n, looking `max_spins` times more while there is none.

    Returns how many, BROKEN_ROW where the first is broken (it stays), or BROKEN_COUNTS.
    """
    capacity = rows.shape[0]
    popped = control_inplace[POPPED]
    pushed = control_inplace[SEEN_PUSHED]
    if 0 <= pushed - popped < out_rows.shape[0]:
        pushed = load_acquire(control_inplace, PUSHED)
        spins = 0
        while pushed == popped and spins < max_spins:
            pushed = load_acquire(control_inplace, PUSHED)
            spins += 1
        control_inplace[SEEN_PUSHED] = pushed
    ready = pushed - popped
    if ready < 0 or ready > capacity:
        return BROKEN_COUNTS
    n = min(ready, out_rows.shape[0])
    for k in range(n):
        at = (popped + k) & (capacity - 1)
        if rows[at, rows.shape[1] - 1] != seal_of(rows, at, popped + k):
            n = k if k > 0 else BROKEN_ROW
            break
        for column in range(rows.shape[1] - 1):
            out_rows[k, column] = rows[at, column]
    if n > 0:
        store_release(control_inplace, POPPED, popped + n)
    return int(n)


@kernel("int64(int64[::1])")
def wait_for_rows(control_inplace: Int64) -> int:
    """Says that the consumer is about to sleep. Returns how many rows came meanwhile: above 0 it must not."""
    store_release(control_inplace, IS_WAITING, 1)
    full_fence()
    return int(load_acquire(control_inplace, PUSHED) - control_inplace[POPPED])
