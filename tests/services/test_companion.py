"""A process beside this one: run to its end, ended with its service, never started after."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

from app.services.companion import CANNOT_START, Companion


def test_its_code_is_told() -> None:
    assert Companion().run([sys.executable, "-c", "raise SystemExit(3)"]) == 3


def test_what_cannot_be_started_is_told(tmp_path: Path) -> None:
    assert Companion().run([str(tmp_path / "nothing")]) == CANNOT_START


def test_one_under_way_is_ended() -> None:
    companion = Companion()
    codes: list[int] = []
    thread = threading.Thread(
        target=lambda: codes.append(companion.run([sys.executable, "-c", "import time; time.sleep(60)"]))
    )
    thread.start()
    while companion._process is None:
        time.sleep(0.01)
    companion.stop()
    thread.join(10)
    assert codes and codes[0] != 0


def test_one_that_is_started_too_late_is_ended_at_once() -> None:
    companion = Companion()
    companion.stop()
    began_s = time.monotonic()
    assert companion.run([sys.executable, "-c", "import time; time.sleep(60)"]) != 0
    assert time.monotonic() - began_s < 10
