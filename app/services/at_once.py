"""Runs a coroutine that has nothing to wait for as if it were a function: no task, no timer, no pass of the loop."""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from types import coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def runs_whole(work: Coroutine[Any, Any, None]) -> bool:
    """Runs `work` to its end, here and now; False where it waited for something: then it was stopped there."""
    try:
        work.send(None)
    except StopIteration:
        return True
    work.close()
    return False


class Begun(Exception):
    """`work` waits for something: awaiting `rest()` once, in the same task, goes on with it."""

    def __init__(self, work: Coroutine[Any, Any, Any], waits_for: Any) -> None:
        super().__init__()
        self._work, self._waits_for = work, waits_for

    async def rest(self) -> Any:
        """What `work` gives in the end."""
        return await _go_on(self._work, self._waits_for)


def result_of(work: Coroutine[Any, Any, T]) -> T:
    """What `work` gives, if it need not wait; raises Begun where it does, and whatever `work` raises."""
    try:
        waits_for = work.send(None)
    except StopIteration as end:
        found: T = end.value
        return found
    raise Begun(work, waits_for)


@coroutine
def _go_on(work: Coroutine[Any, Any, Any], waits_for: Any) -> Generator[Any, Any, Any]:
    """Passes on what `work` waits for and what it is told, until its end."""
    while True:
        try:
            told, error = (yield waits_for), None
        except BaseException as thrown:  # noqa: BLE001 - a cancellation is the work's to take, and so is the rest
            told, error = None, thrown
        try:
            waits_for = work.send(told) if error is None else work.throw(error)
        except StopIteration as end:
            return end.value
