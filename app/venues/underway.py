"""What is under way at a simulated venue: each piece of work is done once its time has passed, and none after the end.

A message costs one timer of the loop: no task, no future. Work that breaks is silence for the client, who asks; here it
is told to whoever watches.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeVarTuple

from app import observe

Given = TypeVarTuple("Given")
_NS: Final = 1e9


@dataclass(slots=True)
class Underway:
    """One venue's work to come. All methods belong to the thread of a running loop."""

    venue_id: str
    is_holding: bool = False
    _life: int = 0
    _held: list[Callable[[], None]] = field(default_factory=list)

    def after(self, wait_ns: int, act: Callable[[*Given], None], *given: *Given) -> None:
        """`act(*given)` once `wait_ns` has passed, never before this returns; what waits as long keeps its order."""
        loop = asyncio.get_running_loop()
        if wait_ns > 0:
            loop.call_later(wait_ns / _NS, self._do, self._life, act, given)
        else:
            loop.call_soon(self._do, self._life, act, given)

    def unless_held(self, act: Callable[[*Given], None], *given: *Given) -> None:
        """`act(*given)` now, or when holding ends."""
        if self.is_holding:
            self._held.append(partial(self._do, self._life, act, given))
        else:
            act(*given)

    def hold(self, *, is_holding: bool) -> None:
        """Begins or ends holding; what was held goes on in the order in which it came."""
        self.is_holding = is_holding
        if not is_holding and self._held:
            held, self._held = self._held, []
            loop = asyncio.get_running_loop()
            for act in held:
                loop.call_soon(act)

    def drop(self) -> None:
        """Nothing that was begun before is done any more."""
        self._life += 1
        self._held.clear()

    def _do(self, life: int, act: Callable[..., None], given: tuple[Any, ...]) -> None:
        if life != self._life:
            return
        try:
            act(*given)
        except Exception as error:  # noqa: BLE001 - a venue's rim: the client is not told, and asks
            observe.venue_call_failed(self.venue_id, "exchange", error)
