"""Runs a coroutine that has nothing to wait for as if it were a function: no task, no pass of the loop."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any


def runs_whole(work: Coroutine[Any, Any, None]) -> bool:
    """Runs `work` to its end, here and now; False where it waited for something: then it was stopped there."""
    try:
        work.send(None)
    except StopIteration:
        return True
    work.close()
    return False
