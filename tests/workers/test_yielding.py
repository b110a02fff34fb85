from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.workers import yielding
from app.workers.yielding import NICEST, give_way

SHOW = (
    "import os; print(os.getpriority(os.PRIO_PROCESS, 0), os.sched_getscheduler(0));"
    "print(open('/proc/self/autogroup').read() if os.path.exists('/proc/self/autogroup') else '')"
)
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="batch processes and groups of sessions are Linux's")


def shown(source: str, *, is_own_session: bool) -> tuple[int, int, str]:
    command = [sys.executable, "-c", f"{source}; {SHOW}"]
    out = subprocess.run(command, capture_output=True, text=True, check=True, start_new_session=is_own_session).stdout
    numbers, _, group = out.partition("\n")
    nice, policy = map(int, numbers.split())
    return nice, policy, group.strip()


@linux_only
def test_a_process_with_a_session_of_its_own_yields_with_it() -> None:
    own = os.getpriority(os.PRIO_PROCESS, 0)
    source = "from app.workers.yielding import give_way; give_way(7)"
    nice, policy, group = shown(source, is_own_session=True)
    assert (nice, policy) == (min(NICEST, own + 7), os.SCHED_BATCH)
    assert not group or group.endswith(f"nice {nice}")


@linux_only
def test_a_session_that_others_share_keeps_its_share() -> None:
    source = "from app.workers.yielding import give_way; give_way(7)"
    before = Path("/proc/self/autogroup")
    nice, _, group = shown(source, is_own_session=False)
    assert nice == min(NICEST, os.getpriority(os.PRIO_PROCESS, 0) + 7)
    assert group == (before.read_text().strip() if before.exists() else "")


def test_what_has_ended_is_left_alone() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    give_way(5, gone.pid)


def test_a_kernel_that_is_asked_too_often_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[type[OSError] | None] = [BlockingIOError, BlockingIOError, None, PermissionError]
    said: list[str] = []

    class Group:
        def write_text(self, text: str) -> None:
            if (error := answers.pop(0)) is not None:
                raise error
            said.append(text)

    monkeypatch.setattr(yielding, "_AGAIN_S", 0.0)
    group = Group()
    yielding._share_less(group, 5)  # type: ignore[arg-type]
    assert said == ["5"]
    yielding._share_less(group, 6)  # type: ignore[arg-type]
    assert said == ["5"]
    assert not answers
