"""What an order costs is counted wherever it is spent: in the gateway, in its other processes, in the database."""

from __future__ import annotations

import subprocess
import sys
import time

from loadtests.http import Spent, spent

BURN = "import time; t = time.process_time()\nwhile time.process_time() - t < 0.4: pass\ntime.sleep(60)"
# A service of its own: what else this process has started comes and goes.
SERVICE = f"""
import subprocess, sys
children = [subprocess.Popen([name, "-c", {BURN!r}], executable=sys.executable)
            for name in (sys.executable, "/some/where/postgres")]
print("ready", flush=True)
sys.stdin.read()
for child in children:
    child.kill()
    child.wait()
"""


def test_a_child_of_the_service_is_counted_beside_it_and_a_postgres_as_the_database() -> None:
    command = [sys.executable, "-c", SERVICE]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as service:
        assert service.stdin is not None
        assert service.stdout is not None
        try:
            assert service.stdout.readline() == "ready\n"
            deadline_s = time.monotonic() + 60.0
            cost = spent(service.pid)
            while min(cost.beside_s, cost.database_s) < 0.3 and time.monotonic() < deadline_s:
                time.sleep(0.05)
                cost = spent(service.pid)
        finally:
            service.stdin.close()
    assert 0.3 <= cost.beside_s < 2.0
    assert 0.3 <= cost.database_s < 2.0
    assert cost.own_s == cost.gateway_s + cost.beside_s


def test_a_cost_is_a_difference_part_by_part() -> None:
    cost = Spent(3.0, 2.0, 1.0).since(Spent(1.0, 0.5, 0.25))
    assert cost == Spent(2.0, 1.5, 0.75)
    assert cost.own_s == 3.5
