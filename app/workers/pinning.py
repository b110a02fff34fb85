"""Keeps this process on given processors, so that its caches stay warm and its memory near."""

from __future__ import annotations

import os

from app.workers.topology import Topology, read_topology


def pin(cpus: frozenset[int]) -> frozenset[int]:
    """Pins this process; an empty set, or processors that are not there (any more), leave it where it was.

    Returns the processors that it may now run on.
    """
    if cpus:
        allowed = frozenset(os.sched_getaffinity(0))
        if cpus & allowed:
            os.sched_setaffinity(0, cpus & allowed)
    return frozenset(os.sched_getaffinity(0))


def own_topology() -> Topology:
    """This machine's topology, as far as this process may run on it."""
    return read_topology(frozenset(os.sched_getaffinity(0)))
