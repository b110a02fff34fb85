"""A question that many ask at once is asked once more, not once for each."""

from __future__ import annotations

import asyncio

import pytest

from app.domain.errors import Unavailable
from app.venues.cex.desk import Shared


async def test_who_comes_while_it_is_under_way_shares_the_next_answer():
    asked: list[int] = []
    answered = asyncio.Event()

    async def ask(since_ms: int):
        asked.append(since_ms)
        await answered.wait()
        return [{"id": str(len(asked))}]

    shared = Shared(ask)
    first = asyncio.create_task(shared.since(500))
    await asyncio.sleep(0)
    others = [asyncio.create_task(shared.since(since_ms)) for since_ms in (700, 300, 900)]
    await asyncio.sleep(0)
    answered.set()
    assert await first == [{"id": "1"}]
    assert await asyncio.gather(*others) == [[{"id": "2"}]] * 3
    assert asked == [500, 300], "the second answer reaches as far back as anybody wants"


async def test_who_comes_afterwards_asks_anew_and_a_failure_is_nobodys_answer():
    asked: list[int] = []

    async def ask(since_ms: int):
        asked.append(since_ms)
        if len(asked) == 2:
            raise Unavailable("venue_unavailable", "gone")
        return []

    shared = Shared(ask)
    await shared.since(1)
    with pytest.raises(Unavailable):
        await shared.since(2)
    assert await shared.since(3) == []
    assert asked == [1, 2, 3]
