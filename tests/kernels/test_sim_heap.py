import heapq

import numpy as np

from app.kernels.sim_heap import DUE_SIZE, new_heap, sort_due


def test_rows_come_out_by_time_then_identity_whatever_the_order_in():
    rng = np.random.default_rng(3)
    for n in (1, 2, 7, 500):
        rows = rng.integers(0, 50, (n, DUE_SIZE))
        rows[:, 1] = rng.permutation(n)
        out = np.zeros_like(rows)
        assert sort_due(new_heap(n), rows, out) == n
        twin = [tuple(row) for row in rows.tolist()]
        heapq.heapify(twin)
        assert [tuple(row) for row in out.tolist()] == [heapq.heappop(twin) for _ in range(n)]
        shuffled = np.zeros_like(rows)
        sort_due(new_heap(n), np.ascontiguousarray(rows[rng.permutation(n)]), shuffled)
        assert (shuffled == out).all()


def test_an_heap_without_room_keeps_what_it_has():
    rows = np.arange(3 * DUE_SIZE).reshape(3, DUE_SIZE)
    heap, out = new_heap(2), np.zeros((3, DUE_SIZE), np.int64)
    sort_due(heap, rows[::-1].copy()[:2], out[:2])
    assert (out[:2] == rows[1:]).all()
