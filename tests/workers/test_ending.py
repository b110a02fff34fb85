from __future__ import annotations

import signal
import subprocess
import sys
import time

from app.workers.ending import end_within


def started(source: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-S", "-c", source])


def test_a_process_that_goes_by_itself_keeps_its_own_end():
    process = started("raise SystemExit(3)")
    end_within(process, 10.0)
    assert process.returncode == 3


def test_a_process_that_stays_is_killed_and_reaped():
    process = started("import time; time.sleep(60)")
    began = time.monotonic()
    end_within(process, 0.05)
    assert process.returncode == -signal.SIGKILL
    assert time.monotonic() - began < 5
