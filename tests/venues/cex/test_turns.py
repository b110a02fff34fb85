"""One signed request at a time, the most urgent first, and none for ever."""

from __future__ import annotations

import asyncio

import pytest

from app.venues.cex.turns import TurnNotCome, Turns


class Line:
    """Requests that are under way until they are let go."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.began: list[str] = []
        self.n_at_once = self.most_at_once = 0
        self.go = asyncio.Event()

    async def one(self, name: str, label: str = "", may_wait_s: float = 5) -> None:
        async with self.turns.turn(name, may_wait_s):
            self.began.append(label or name)
            self.n_at_once += 1
            self.most_at_once = max(self.most_at_once, self.n_at_once)
            try:
                await self.go.wait()
                await asyncio.sleep(0)
            finally:
                self.n_at_once -= 1


async def spin() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_placements_go_before_cancels_and_those_before_questions() -> None:
    line = Line(Turns())
    tasks = []
    for name, label in (("order", "first"), ("order", "q"), ("cancel", "c"), ("place", "p1"), ("place", "p2")):
        tasks.append(asyncio.create_task(line.one(name, label)))
        await spin()
    assert line.began == ["first"]
    line.go.set()
    await asyncio.gather(*tasks)
    assert line.began == ["first", "p1", "p2", "c", "q"]
    assert line.most_at_once == 1


async def test_one_that_waited_too_long_does_not_go_and_holds_nobody_up() -> None:
    line = Line(Turns())
    first = asyncio.create_task(line.one("place", "first"))
    await spin()
    with pytest.raises(TurnNotCome):
        await line.one("place", "late", may_wait_s=0.01)
    third = asyncio.create_task(line.one("place", "third"))
    line.go.set()
    await asyncio.gather(first, third)
    assert line.began == ["first", "third"]
    async with line.turns.turn("place", 0):  # free again
        pass


async def test_one_that_is_given_up_as_its_turn_comes_passes_it_on() -> None:
    line = Line(Turns())
    first = asyncio.create_task(line.one("place", "first"))
    await spin()
    second, third = (asyncio.create_task(line.one("place", label)) for label in ("second", "third"))
    await spin()
    line.go.set()
    while line.n_at_once:
        await asyncio.sleep(0)
        second.cancel()
    await asyncio.gather(first, second, third, return_exceptions=True)
    assert line.began in (["first", "third"], ["first", "second", "third"])
    async with line.turns.turn("place", 0):
        pass


async def test_an_answer_that_does_not_come_holds_nobody_up_for_longer_than_the_hold() -> None:
    line = Line(Turns(hold_s=0.02))
    hanging, second = (asyncio.create_task(line.one("place", label)) for label in ("hanging", "second"))
    await asyncio.sleep(0.01)
    assert line.began == ["hanging"]
    await asyncio.sleep(0.03)
    assert line.began == ["hanging", "second"]
    line.go.set()
    await asyncio.gather(hanging, second)
    async with line.turns.turn("place", 0):
        pass


async def test_a_request_that_breaks_passes_on() -> None:
    turns = Turns()
    with pytest.raises(ValueError, match="broke"):
        async with turns.turn("place", 1):
            raise ValueError("broke")
    async with turns.turn("place", 0):
        pass
