from __future__ import annotations

import os

import pytest

from app.domain.errors import InvariantBroken
from app.shm.layout import Kind
from app.shm.lease import attach_lease, create_lease
from app.shm.segment import create


@pytest.fixture
def lease():
    lease = create_lease(f"test-lease-{os.getpid()}")
    yield lease
    lease.segment.unlink()


def test_a_lease_is_taken_kept_and_given_back(lease):
    far = attach_lease(lease.segment.name)
    assert far.look().pid == 0
    lease.take(42, 3, 100)
    lease.beat(200)
    assert (far.look().pid, far.look().epoch, far.look().beat_ns) == (42, 3, 200)
    lease.give_back()
    assert (far.look().pid, far.look().beat_ns) == (0, 0)


def test_another_segment_is_no_lease():
    other = create(f"test-nolease-{os.getpid()}", Kind.BOOKS, 64)
    with pytest.raises(InvariantBroken):
        attach_lease(other.name)
    other.unlink()
