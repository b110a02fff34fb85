"""What an order costs is counted wherever it is spent: in the gateway, in its other processes, in the database."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from loadtests.http import Spent, spent

BURN = "import time; t = time.process_time()\nwhile time.process_time() - t < 0.3: pass\ntime.sleep(30)"


def test_a_child_of_the_service_is_counted_beside_it_and_a_postgres_as_the_database() -> None:
    before = spent(os.getpid())
    worker = subprocess.Popen([sys.executable, "-c", BURN])
    server = subprocess.Popen(["/some/where/postgres", "-c", BURN], executable=sys.executable)
    try:
        deadline_s = time.monotonic() + 60.0
        cost = spent(os.getpid()).since(before)
        while min(cost.beside_s, cost.database_s) < 0.3 and time.monotonic() < deadline_s:
            time.sleep(0.05)
            cost = spent(os.getpid()).since(before)
    finally:
        for process in (worker, server):
            process.kill()
            process.wait()
    assert 0.3 <= cost.beside_s < 2.0
    assert 0.3 <= cost.database_s < 2.0
    assert cost.own_s == cost.gateway_s + cost.beside_s


def test_a_cost_is_a_difference_part_by_part() -> None:
    cost = Spent(3.0, 2.0, 1.0).since(Spent(1.0, 0.5, 0.25))
    assert cost == Spent(2.0, 1.5, 0.75)
    assert cost.own_s == 3.5
