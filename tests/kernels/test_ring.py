"""The ring against a deque; between processes it is tests/faults/test_shm_stress.py."""

from collections import deque

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kernels import ring

CAPACITY, WIDTH = 8, 4


def new_ring():
    return np.zeros(ring.N_CONTROL, np.int64), np.zeros((CAPACITY, WIDTH), np.int64)


def pop(control, rows, most=CAPACITY):
    out = np.zeros((most, WIDTH - 1), np.int64)
    n = ring.pop_rows(control, rows, 0, out)
    return n if n < 0 else out[:n, 0].tolist()


def push(control, rows, values):
    batch = np.array([(value, -value, 7) for value in values], np.int64).reshape(-1, WIDTH - 1)
    return ring.push_rows(control, rows, batch)


@given(st.lists(st.one_of(st.integers(0, 12), st.integers(-12, -1)), max_size=60))
def test_any_order_of_pushes_and_pops_agrees_with_a_deque(steps):
    control, rows = new_ring()
    twin: deque[int] = deque()
    number = 0
    for step in steps:
        if step >= 0:
            values = range(number, number + step)
            n = min(step, CAPACITY - len(twin))
            assert push(control, rows, values) == n
            twin.extend(values[:n])
            number += n
        else:
            most = min(-step, CAPACITY)
            assert pop(control, rows, most) == [twin.popleft() for _ in range(min(most, len(twin)))]


@given(st.integers(0, CAPACITY * WIDTH - 1), st.integers(1, 2**63 - 1), st.integers(0, 20))
def test_a_changed_row_is_told_and_those_before_it_are_given(word, flips, n_before):
    control, rows = new_ring()
    for _ in range(n_before):
        push(control, rows, (1, 2, 3))
        pop(control, rows)
    push(control, rows, range(CAPACITY))
    rows.reshape(-1)[word] ^= flips
    at = (word // WIDTH - 3 * n_before) % CAPACITY
    assert pop(control, rows) == (list(range(at)) or ring.BROKEN_ROW)
    assert pop(control, rows) == ring.BROKEN_ROW


@given(st.sampled_from([ring.PUSHED, ring.SEEN_PUSHED]), st.integers(CAPACITY + 1, 2**62))
def test_counts_that_no_ring_has_are_told(word, offset):
    control, rows = new_ring()
    control[word] = offset
    assert pop(control, rows) == ring.BROKEN_COUNTS


def test_a_producer_with_impossible_counts_is_told():
    control, rows = new_ring()
    control[ring.POPPED] = control[ring.SEEN_POPPED] = 9
    assert push(control, rows, [1]) == ring.BROKEN_COUNTS


@pytest.mark.parametrize("is_waiting", [False, True])
def test_a_producer_learns_that_somebody_sleeps(is_waiting):
    control, rows = new_ring()
    if is_waiting:
        assert ring.wait_for_rows(control) == 0
    assert push(control, rows, [5]) == 1 + (is_waiting << 32)


def test_who_wants_to_sleep_learns_what_came():
    control, rows = new_ring()
    push(control, rows, [5, 6])
    assert ring.wait_for_rows(control) == 2
