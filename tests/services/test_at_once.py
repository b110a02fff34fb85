"""A coroutine that does not wait runs whole within the call; one that waits is stopped, and that is told."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from app.services.at_once import Begun, result_of, runs_whole


def test_what_does_not_wait_is_done_when_the_call_returns() -> None:
    done: list[str] = []

    async def inner() -> str:
        return "handed over"

    async def work() -> None:
        done.append(await inner())

    assert runs_whole(work())
    assert done == ["handed over"]


def test_what_waits_is_stopped_and_told() -> None:
    done: list[str] = []

    async def work() -> None:
        done.append("began")
        try:
            await asyncio.sleep(0)
            done.append("went on")
        finally:
            done.append("closed")

    assert not runs_whole(work())
    assert done == ["began", "closed"]


def test_an_error_is_the_callers() -> None:
    async def work() -> None:
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        runs_whole(work())


async def whole(work: Coroutine[Any, Any, object]) -> object:
    """As a caller would: at once if it can be, else awaited."""
    try:
        return result_of(work)
    except Begun as begun:
        return await begun.rest()


async def test_what_need_not_wait_gives_its_result_at_once() -> None:
    async def work() -> str:
        return "here"

    assert result_of(work()) == "here"


async def test_what_waits_goes_on_where_it_stood() -> None:
    steps: list[str] = []

    async def work(gate: asyncio.Event) -> str:
        steps.append("began")
        await gate.wait()
        steps.append("told")
        await asyncio.sleep(0)
        return "end"

    gate = asyncio.Event()
    with pytest.raises(Begun) as begun:
        result_of(work(gate))
    assert steps == ["began"]
    asyncio.get_running_loop().call_later(0.01, gate.set)
    assert await begun.value.rest() == "end"
    assert steps == ["began", "told"]


async def test_an_error_and_a_cancellation_are_the_works_to_take() -> None:
    heard: list[str] = []

    async def work(gate: asyncio.Event) -> str:
        try:
            await gate.wait()
        except asyncio.CancelledError:
            heard.append("canceled")
            raise
        raise ConnectionResetError

    task = asyncio.create_task(whole(work(asyncio.Event())))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert heard == ["canceled"]
    gate = asyncio.Event()
    broken = asyncio.create_task(whole(work(gate)))
    await asyncio.sleep(0)
    gate.set()
    with pytest.raises(ConnectionResetError):
        await broken


async def test_a_timeout_ends_the_rest() -> None:
    async def work() -> None:
        await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await whole(work())
