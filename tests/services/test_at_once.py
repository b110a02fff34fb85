"""A coroutine that does not wait runs whole within the call; one that waits is stopped, and that is told."""

from __future__ import annotations

import asyncio

import pytest

from app.services.at_once import runs_whole


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
