"""Clocks: the machine's moves by itself, the virtual one only when told."""

from __future__ import annotations

import time

import pytest

from app.domain.errors import InvariantBroken
from app.venues.clock import SystemClock, VirtualClock


def test_the_system_clock_is_the_machines() -> None:
    before_ns, clock = time.time_ns(), SystemClock()
    assert before_ns <= clock.wall_ns() <= time.time_ns()
    assert clock.monotonic_ns() <= clock.monotonic_ns()


def test_a_virtual_clock_moves_both_readings_together() -> None:
    clock = VirtualClock(1_000)
    clock.advance(5)
    clock.move_to(1_100)
    assert (clock.wall_ns(), clock.monotonic_ns()) == (1_100, 100)


def test_virtual_time_does_not_run_backwards() -> None:
    clock = VirtualClock(1_000)
    with pytest.raises(InvariantBroken):
        clock.move_to(999)
    assert clock.wall_ns() == 1_000
