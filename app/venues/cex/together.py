"""Questions that many ask at once, asked once: where a minute has few calls, nothing else gets through."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, TypeVar

from app.domain.errors import Unavailable

T = TypeVar("T")


class Shared(Generic[T]):
    """One question about a market. Who comes while it is under way gets the next answer, which is asked for once, from
    the earliest time that anybody wants.
    """

    def __init__(self, ask: Callable[[int], Awaitable[T]]) -> None:
        self._ask = ask
        self._lock = asyncio.Lock()
        self._wanted_ms: list[int] = []
        self._n_begun = self._n_answered = 0
        self._answer: T | None = None

    async def since(self, since_ms: int) -> T:
        """An answer that was asked for after this call. Raises Unavailable as the question does."""
        n_before = self._n_begun
        self._wanted_ms.append(since_ms)
        try:
            async with self._lock:
                if self._n_answered <= n_before or self._answer is None:
                    self._n_begun += 1
                    self._answer = await self._ask(min(self._wanted_ms))
                    self._n_answered = self._n_begun
                return self._answer
        finally:
            self._wanted_ms.remove(since_ms)


class Together(Generic[T]):
    """Questions about single orders, up to `most` in one. Who comes while one is under way is in the next."""

    def __init__(self, ask: Callable[[Sequence[str]], Awaitable[Mapping[str, T]]], most: int) -> None:
        self._ask = ask
        self._most = most
        self._lock = asyncio.Lock()
        self._wanted: dict[str, asyncio.Future[T | None]] = {}

    async def one(self, order_id: str) -> T | None:
        """What an answer that was asked for after this call says of `order_id`; None where it says nothing of it.

        Raises Unavailable as the question does.
        """
        answer = self._wanted.get(order_id)
        if answer is None:
            answer = self._wanted[order_id] = asyncio.get_running_loop().create_future()
            answer.add_done_callback(lambda done: done.exception())  # whoever asked may be gone
        async with self._lock:
            while not answer.done():
                await self._ask_some()
        return answer.result()

    async def _ask_some(self) -> None:
        asked = {order_id: self._wanted.pop(order_id) for order_id in list(self._wanted)[: self._most]}
        try:
            found = await self._ask(list(asked))
        except Unavailable as error:
            for answer in asked.values():
                answer.set_exception(error)
            return
        except BaseException:  # the asker was canceled: the next one asks for these too
            self._wanted = asked | self._wanted
            raise
        for order_id, answer in asked.items():
            answer.set_result(found.get(order_id))
