"""Clocks, environments, loggers, shared memory are rims: one file each, so that the rest is values in, values out."""

from __future__ import annotations

import re

import pytest

DECIDING = {"domain", "kernels", "shm", "risk", "learning", "routing", "execution", "tca"}

CLOCKS = r"(time|time_ns|clock_gettime|clock_gettime_ns|localtime|gmtime|ctime|strftime)"
WALL_CLOCK = rf"^(time\.{CLOCKS}|(datetime\.)?(datetime|date)\.(now|utcnow|today))$"


def lines_where(house, pattern, allowed):
    return [
        f"app/{source.path}:{line} {called}"
        for source in house
        for line, called in source.calls()
        if re.search(pattern, called) and source.path not in allowed
    ]


def imports_where(house, pattern, allowed):
    return [
        f"app/{source.path}:{line} {name}"
        for source in house
        for line, name in source.imports()
        if re.search(pattern, name) and source.path not in allowed
    ]


def test_wall_clock_is_read_in_one_place(house):
    """A decision that reads the clock cannot be replayed: the same log would give another state tomorrow."""
    allowed = {
        "venues/clock.py": "the system clock behind the Clock port",
    }
    assert not lines_where(house, WALL_CLOCK, allowed)
    assert not imports_where(house, rf"^time\.{CLOCKS}$", allowed)


def test_deciding_half_knows_no_time_at_all(house):
    """Even a monotonic clock would make one machine decide otherwise than another."""
    found = [f for f in imports_where(house, r"^time(\.|$)", {}) if f.split("/")[1] in DECIDING]
    assert not found


def test_telling_goes_through_observe(house):
    """A log line beside its metric in one function cannot disagree with it."""
    assert not imports_where(house, r"^(logging|structlog|prometheus_client)(\.|$)", {"observe.py"})
    assert not lines_where(house, r"(^|\.)(getLogger|get_logger)$", {"observe.py"})


def test_environment_is_read_once(house):
    """A setting read in the middle of the code is one that nobody can find, type or test."""
    allowed = {
        "settings.py": "the typed environment",
        "kernels/jit.py": "the cache folder, needed when a kernel is decorated, before any settings exist",
        "workers/postgres.py": "PATH of the child processes it starts",
    }
    found = [
        f"app/{source.path}"
        for source in house
        if source.path not in allowed and re.search(r"\b(os\.environ|environ|os\.getenv|getenv)\b", source.text)
    ]
    assert not found


def test_shared_memory_is_laid_out_in_one_room(house):
    """Byte offsets known in two places differ after the first change."""
    pattern = r"^(multiprocessing\.shared_memory|mmap|posix_ipc|_posixshmem)(\.|$)"
    found = [f for f in imports_where(house, pattern, {}) if not f.startswith("app/shm/")]
    assert not found


@pytest.mark.parametrize("called", ["random", "secrets", "uuid"])
def test_deciding_half_draws_no_randomness(called, house):
    """A random number that is not an argument cannot be replayed."""
    found = [f for f in imports_where(house, rf"^{called}(\.|$)", {}) if f.split("/")[1] in DECIDING]
    assert not found
