"""What many ask at once is asked once, of an answer that none of them is too early for."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from app.domain.errors import Unavailable
from app.venues.cex.together import Shared, Together


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


class Venue:
    """Answers what it is asked once it is let; orders with an odd number are known."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.may_answer = asyncio.Event()
        self.error: Exception | None = None

    async def ask(self, ids: Sequence[str]) -> dict[str, int]:
        self.asked.append(list(ids))
        await self.may_answer.wait()
        if self.error is not None:
            raise self.error
        return {order_id: int(order_id) for order_id in ids if int(order_id) % 2}


async def test_who_comes_while_a_question_is_under_way_is_in_the_next():
    venue = Venue()
    together = Together(venue.ask, 3)
    first = asyncio.create_task(together.one("1"))
    await asyncio.sleep(0)
    others = [asyncio.create_task(together.one(str(n))) for n in (1, 2, 3, 4, 5, 3)]
    await asyncio.sleep(0)
    venue.may_answer.set()
    assert await first == 1
    assert await asyncio.gather(*others) == [1, None, 3, None, 5, 3]
    assert venue.asked == [["1"], ["1", "2", "3"], ["4", "5"]]


async def test_a_question_that_is_not_answered_is_nobodys_answer_and_is_asked_again():
    venue = Venue()
    venue.error = Unavailable("venue_unavailable", "no answer")
    together = Together(venue.ask, 50)
    asking = [asyncio.create_task(together.one(n)) for n in "13"]
    await asyncio.sleep(0)
    venue.may_answer.set()
    for task in asking:
        with pytest.raises(Unavailable, match="no answer"):
            await task
    venue.error = None
    assert await together.one("3") == 3


async def test_an_asker_that_goes_leaves_its_question_to_the_next():
    venue = Venue()
    together = Together(venue.ask, 50)
    asking = [asyncio.create_task(together.one(n)) for n in "155"]
    await asyncio.sleep(0)
    asking[0].cancel()
    await asyncio.sleep(0)
    asking[1].cancel()
    await asyncio.sleep(0)
    venue.may_answer.set()
    assert await asking[2] == 5
    for task in asking[:2]:
        with pytest.raises(asyncio.CancelledError):
            await task
