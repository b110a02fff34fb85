"""How a child process is ended: it is given a while to go by itself, and is not waited for any longer."""

from __future__ import annotations

import subprocess


def end_within(process: subprocess.Popen[bytes], timeout_s: float) -> None:
    """Waits until `process` has ended, and kills it where that takes longer. It is gone, and reaped, on return."""
    try:
        process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
