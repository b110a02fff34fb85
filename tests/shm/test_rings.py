import os
import select
import threading

import numpy as np
import pytest

from app.domain.errors import InvariantBroken, Unavailable
from app.shm.rings import MAX_BATCH, Bell, Ring, ring_words


def new_ring(capacity=16, row_words=4):
    return Ring(np.zeros(ring_words(capacity, row_words), np.int64), row_words, Bell())


def test_rows_come_out_in_order_and_a_full_ring_says_so():
    ring = new_ring(4)
    assert [ring.push_row(i, 10 * i, -i) for i in range(5)] == [True] * 4 + [False]
    assert ring.pop() == [[i, 10 * i, -i] for i in range(4)]
    assert ring.pop() == []
    assert ring.push(np.arange(18, dtype=np.int64).reshape(6, 3)) == 4


def test_two_objects_over_the_same_words_are_one_ring():
    words, bell = np.zeros(ring_words(8, 3), np.int64), Bell()
    producer, consumer = Ring(words, 3, bell), Ring(words, 3, bell)
    producer.push_row(1, 2)
    assert consumer.pop() == [[1, 2]]
    assert producer.pop() == []


def test_a_batch_is_bounded():
    ring = new_ring(2 * MAX_BATCH)
    ring.push(np.zeros((2 * MAX_BATCH, 3), np.int64))
    assert len(ring.pop()) == len(ring.pop()) == MAX_BATCH


@pytest.mark.parametrize("n_words", [0, ring_words(3, 4), ring_words(4, 4) + 1])
def test_memory_that_is_no_ring_is_refused(n_words):
    with pytest.raises(InvariantBroken):
        Ring(np.zeros(n_words, np.int64), 4, Bell())


def test_the_bell_rings_for_sleepers_only():
    ring = new_ring()
    ring.push_row(1, 2, 3)
    assert not select.select([ring.bell], [], [], 0)[0]
    ring.pop()
    assert ring.arm()
    ring.push_row(4, 5, 6)
    assert select.select([ring.bell], [], [], 0)[0]
    ring.bell.hush()
    assert not select.select([ring.bell], [], [], 0)[0]


def test_who_would_sleep_beside_a_row_is_told():
    ring = new_ring()
    ring.push_row(1, 2, 3)
    assert not ring.arm()
    assert ring.wait(60_000)


def test_a_sleeper_is_woken_from_another_thread_and_a_quiet_ring_times_out():
    ring = new_ring()
    assert not ring.wait(1)
    thread = threading.Timer(0.05, ring.push_row, (7, 8, 9))
    thread.start()
    assert ring.wait(60_000)
    thread.join()
    assert ring.pop() == [[7, 8, 9]]


def test_damage_stops_both_sides():
    words = np.zeros(ring_words(4, 4), np.int64)
    ring = Ring(words, 4, Bell())
    ring.push_row(1, 2, 3)
    words[-16] ^= 1 << 40
    with pytest.raises(InvariantBroken):
        ring.pop()
    words[0] = 10**9
    with pytest.raises(InvariantBroken):
        ring.push_row(1, 2, 3)
    ring.reset()
    assert ring.push_row(4, 5, 6)
    assert ring.pop() == [[4, 5, 6]]


def test_a_bell_rung_to_the_brim_stays_rung():
    bell = Bell()
    os.eventfd_write(bell.fileno(), 2**64 - 2)
    bell.ring()
    assert select.select([bell], [], [], 0)[0]
    bell.close()


def test_a_system_without_eventfd_is_told_clearly(monkeypatch):
    monkeypatch.delattr(os, "eventfd")
    with pytest.raises(Unavailable, match="Linux"):
        Bell()
