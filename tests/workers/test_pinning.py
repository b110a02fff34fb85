import os
import subprocess
import sys

from app.workers.pinning import own_topology


def pinned(expression):
    code = f"import os; from app.workers.pinning import pin; pin({expression}); print(sorted(os.sched_getaffinity(0)))"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_a_process_keeps_to_its_processors():
    last = max(os.sched_getaffinity(0))
    assert pinned(f"frozenset({{{last}}})") == str([last])


def test_no_processors_or_missing_ones_leave_it_where_it_was():
    mine = str(sorted(os.sched_getaffinity(0)))
    assert pinned("frozenset()") == mine
    assert pinned("frozenset({4095})") == mine


def test_our_own_machine_is_read():
    assert set(own_topology().cpus) == os.sched_getaffinity(0)
