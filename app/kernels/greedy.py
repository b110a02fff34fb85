"""The k-way merge: levels of several books taken in order of a key, and the envelope that spreads fixed costs."""

# ruff: noqa: PLR0917 - a kernel takes flat arrays by position: Numba has no cheaper way to group them

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from app.kernels.cost import CEILING_UNITS, FIXED_NANO
from app.kernels.jit import kernel

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]


@kernel("")
def sift_down(heap_inplace: Int64, heap_key_inplace: Float64, size: int, start: int) -> None:
    """Restores the heap below `start`; the order is (key, venue), so that ties are the same everywhere.

    Places are unsigned, for a signed one is asked at each access whether it counts from the end: a quarter of the time.
    """
    one, end = np.uint64(1), np.uint64(size)
    node = np.uint64(start)
    venue = heap_inplace[node]
    key = heap_key_inplace[node]
    while True:
        child = node + node + one
        if child >= end:
            break
        other = child + one
        if other < end and (
            heap_key_inplace[other] < heap_key_inplace[child]
            or (heap_key_inplace[other] == heap_key_inplace[child] and heap_inplace[other] < heap_inplace[child])
        ):
            child = other
        if heap_key_inplace[child] > key or (heap_key_inplace[child] == key and heap_inplace[child] > venue):
            break
        heap_inplace[node] = heap_inplace[child]
        heap_key_inplace[node] = heap_key_inplace[child]
        node = child
    heap_inplace[node] = venue
    heap_key_inplace[node] = key


@kernel(
    "int64(int64[::1], float64[::1], int64[::1], int64[::1], int64[::1], int64, float64, float64,"
    " int64[:,::1], float64[::1], int64[::1])"
)
def merge_levels(
    first: Int64,
    key: Float64,
    price_units: Int64,
    qty_units: Int64,
    room_units: Int64,
    target_units: int,
    ratio: float,
    budget_nano: float,
    out_work: Int64,
    out_heap_key: Float64,
    out_units: Int64,
) -> int:
    """Takes levels in ascending `key` over all venues until `target_units` (or the budget) is reached.

    first: int64[n + 1]; key: float64[n_levels], ascending within a venue; room_units: int64[n], most units a venue.
    ratio: money nano per unit at price 1; budget_nano: below 0 means none.
    out_work: int64[2, n], out_heap_key: float64[n]: scratch, what they held is lost.
    out_units: int64[n], written. Returns the index of the last level taken, or -1.
    Source: docs/kernels.md#merge. Twin: tests/reference/merge.py.
    """
    heap = out_work[0]
    cursor = out_work[1]
    n = first.size - 1
    size = 0
    for v in range(n):
        out_units[v] = 0
        cursor[v] = first[v]
        if first[v] < first[v + 1] and room_units[v] > 0:
            heap[size] = v
            out_heap_key[size] = key[first[v]]
            size += 1
    for node in range(size // 2 - 1, -1, -1):
        sift_down(heap, out_heap_key, size, node)
    left = target_units
    budget = budget_nano
    last = -1
    while size > 0 and left > 0:
        venue = np.uint64(heap[0])
        i = np.uint64(cursor[venue])
        take = min(qty_units[i], room_units[venue] - out_units[venue], left)
        if budget_nano >= 0.0:
            unit_nano = ratio * price_units[i]
            if take * unit_nano > budget:
                take = max(0, int(budget / unit_nano))
                left = take
            budget -= take * unit_nano
        if take > 0:
            last = cursor[venue]
        out_units[venue] += take
        left -= take
        i += np.uint64(1)
        cursor[venue] += 1
        if i < np.uint64(first[venue + np.uint64(1)]) and out_units[venue] < room_units[venue]:
            out_heap_key[0] = key[i]
        else:
            size -= 1
            heap[0] = heap[size]
            out_heap_key[0] = out_heap_key[size]
        if size > 0:
            sift_down(heap, out_heap_key, size, 0)
    return last


@kernel("int64(int64[::1], float64[::1], int64[::1], int64[:,::1], int64, float64[::1])")
def envelope_costs(
    first: Int64, unit_nano: Float64, qty_units: Int64, terms: Int64, target_units: int, out_unit_nano: Float64
) -> int:
    """Unit costs of each venue's convex envelope: up to its cheapest average, fixed cost included, one flat price.

    unit_nano: float64[n_levels]; out_unit_nano: float64[n_levels], written. Returns how many venues have a fixed cost.
    Source: docs/kernels.md#envelope.
    """
    n_fixed = 0
    for v in range(first.size - 1):
        fixed = terms[v, FIXED_NANO]
        for i in range(first[v], first[v + 1]):
            out_unit_nano[i] = unit_nano[i]
        if fixed <= 0:
            continue
        n_fixed += 1
        most = min(terms[v, CEILING_UNITS], target_units)
        total = float(fixed)
        depth = 0
        best = np.inf
        best_i = -1
        for i in range(first[v], first[v + 1]):
            take = min(qty_units[i], most - depth)
            if take <= 0:
                break
            total += take * unit_nano[i]
            depth += take
            if total / depth < best:
                best = total / depth
                best_i = i
        for i in range(first[v], best_i + 1):
            out_unit_nano[i] = best
    return n_fixed
