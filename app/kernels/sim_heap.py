"""What the agents of a family have still to do, earliest first: a binary heap whose order no insertion can change.

The heap is the tuple (rows int64[n, DUE_SIZE], numbers int64[DUE_SIZE + 1]): numbers holds the row popped last, then
the count. Of equal times the lower identity comes first. Source: docs/simulated-markets.md#hawkes.
"""

# ruff: noqa: PLR0917 - a kernel takes flat arrays by position: Numba has no cheaper way to group them

from __future__ import annotations

from typing import Any, Final

import numpy as np

from app.kernels.jit import CALL, kernel
from app.kernels.sim_noise import uniform

D_NS: Final = 0
D_ID: Final = 1  # names the event for the noise
D_VENUE: Final = 2
D_KIND: Final = 3
D_A: Final = 4
D_B: Final = 5
DUE_SIZE: Final = 6
HEAP_SIGNATURE: Final = "Tuple((int64[:,::1], int64[::1]))"
_TO_ID: Final = float(1 << 52)

Heap = Any


@kernel("")
def heir(seed_number: int, agent_number: int, event_number: int, child_i: int) -> int:
    """The identity of an event's child: a hash of its parent's, so that nobody else's children change it."""
    return int(uniform(seed_number, agent_number, event_number, 1_000 + child_i) * _TO_ID)


@kernel("")
def _is_before(rows: Any, i: int, j: int) -> bool:
    if rows[i, D_NS] != rows[j, D_NS]:
        return bool(rows[i, D_NS] < rows[j, D_NS])
    return bool(rows[i, D_ID] < rows[j, D_ID])


@kernel("")
def _swap(rows_inplace: Any, i: int, j: int) -> None:
    for column in range(DUE_SIZE):
        kept = rows_inplace[i, column]
        rows_inplace[i, column] = rows_inplace[j, column]
        rows_inplace[j, column] = kept


@kernel("")
def push_due(
    heap: Any, at_ns: int, id_number: int, venue_i: int, kind_number: int, a_number: int, b_number: int
) -> bool:
    """Puts one more; False where there is no room, and the run is void."""
    rows, numbers = heap
    n = numbers[DUE_SIZE]
    if n == rows.shape[0]:
        return False
    rows[n, D_NS] = at_ns
    rows[n, D_ID] = id_number
    rows[n, D_VENUE] = venue_i
    rows[n, D_KIND] = kind_number
    rows[n, D_A] = a_number
    rows[n, D_B] = b_number
    numbers[DUE_SIZE] = n + 1
    while n > 0 and _is_before(rows, n, (n - 1) // 2):
        _swap(rows, n, (n - 1) // 2)
        n = (n - 1) // 2
    return True


@kernel("")
def next_due_ns(heap: Any, never_ns: int) -> int:
    """When the first of them is due."""
    return int(heap[0][0, D_NS]) if heap[1][DUE_SIZE] > 0 else never_ns


@kernel("")
def pop_due(heap: Any) -> None:
    """Takes the first into the heap's numbers."""
    rows, numbers = heap
    n = numbers[DUE_SIZE] - 1
    for column in range(DUE_SIZE):
        numbers[column] = rows[0, column]
        rows[0, column] = rows[n, column]
    numbers[DUE_SIZE] = n
    i = 0
    while True:
        least = i
        for child in (2 * i + 1, 2 * i + 2):
            if child < n and _is_before(rows, child, least):
                least = child
        if least == i:
            return
        _swap(rows, i, least)
        i = least


@kernel(f"int64({HEAP_SIGNATURE}, int64[:,::1], int64[:,::1])", CALL)
def sort_due(heap_inplace: Heap, rows_in: Any, out_rows: Any) -> int:
    """Puts every row of `rows_in` (ns, identity, four more) and takes them out again in order. Returns their number."""
    for i in range(rows_in.shape[0]):
        one = rows_in[i]
        push_due(heap_inplace, one[D_NS], one[D_ID], one[D_VENUE], one[D_KIND], one[D_A], one[D_B])
    for i in range(rows_in.shape[0]):
        pop_due(heap_inplace)
        for column in range(DUE_SIZE):
            out_rows[i, column] = heap_inplace[1][column]
    return int(rows_in.shape[0])


def new_heap(n_rows: int) -> tuple[Any, Any]:
    """An empty heap."""
    return np.zeros((n_rows, DUE_SIZE), np.int64), np.zeros(DUE_SIZE + 1, np.int64)
