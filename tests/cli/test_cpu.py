"""CPU and wall time as the system counts them, for this process and for what it started."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from app.cli import cpu

BURN = "import time\nwhile time.process_time() < 0.3: pass\nprint('burnt', flush=True)\ninput()"


def test_own_cpu_agrees_with_the_interpreter():
    ended_children = os.times().children_user + os.times().children_system
    assert abs(cpu.cpu_s(os.getpid()) - ended_children - time.process_time()) < 0.2
    assert cpu.elapsed_s() > 0


def test_a_childs_cpu_counts_in_the_tree():
    with subprocess.Popen([sys.executable, "-c", BURN], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert child.pid in cpu.children(os.getpid())
        assert cpu.cpu_s(child.pid) >= 0.25
        assert cpu.tree_cpu_s(os.getpid()) >= cpu.cpu_s(os.getpid()) + 0.25
        child.communicate(b"\n", timeout=10)
    assert child.pid not in cpu.children(os.getpid())


def test_a_process_that_is_gone_costs_nothing():
    assert cpu.cpu_s(2**22 + 1) == 0
