"""One holder; the others learn who; a dead holder holds nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from app.store.lock import JournalInUse, WriterLock
from tests.conftest import REPOSITORY

HOLD = """
import sys, time
from pathlib import Path
from app.store.lock import WriterLock
lock = WriterLock(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


def test_a_lock_is_taken_once_and_again_after_release(tmp_path: Path) -> None:
    first = WriterLock(tmp_path / "lock")
    with pytest.raises(JournalInUse) as refused:
        WriterLock(tmp_path / "lock")
    assert refused.value.pid == os.getpid()
    assert refused.value.code == "journal_in_use"
    first.release()
    first.release()
    WriterLock(tmp_path / "lock").release()


def test_another_process_is_named_and_its_death_frees_the_lock(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "lock")], cwd=REPOSITORY, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(JournalInUse) as refused:
        WriterLock(tmp_path / "lock")
    assert refused.value.pid == holder.pid
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    WriterLock(tmp_path / "lock").release()
