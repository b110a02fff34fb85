"""A home for a real service in a test: as root the embedded database may enter it, and nothing of it is left behind."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def service_home() -> Iterator[Path]:
    """A folder that other users may enter but not list, deleted with everything in it."""
    home = Path(tempfile.mkdtemp(prefix="bestex-test-"))
    home.chmod(0o711)
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def ended_at_last(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """A process that a failing test does not leave running, nor wait for."""
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
