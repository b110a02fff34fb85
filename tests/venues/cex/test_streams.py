"""A stream is told lost once, comes back by itself, and may be quiet without being lost."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from app.venues.cex.streams import Stream, Tasks, close_silent


async def test_a_stream_comes_back_after_every_kind_of_end():
    told, words = [], asyncio.Queue()
    for word in ("a", OSError(), asyncio.CancelledError(), KeyError("x"), "b"):
        words.put_nowait(word)

    async def next_words():
        word = await words.get()
        if isinstance(word, BaseException):
            raise word
        return word

    stream = Stream(
        "v", "orders", next_words, told.append, lambda why: told.append(f"lost {why}"), lambda: told.append("back")
    )
    task = asyncio.ensure_future(stream.run())
    while "b" not in told:  # noqa: ASYNC110 - bounded by the test's own timeout
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert told == ["back", "a", "lost OSError", "lost CancelledError", "lost KeyError", "back", "b"]


async def test_words_that_cannot_be_taken_are_a_gap_and_no_end():
    """What a parser could not say is asked for over REST once the stream is back; the stream itself goes on."""
    told, words = [], asyncio.Queue()
    for word in ("1", "x", None, "2"):
        words.put_nowait(word)

    def take(word):
        told.append(word.strip() and int(word))  # ValueError, and AttributeError of None

    stream = Stream("v", "fills", words.get, take, lambda why: told.append(f"lost {why}"), lambda: told.append("back"))
    task = asyncio.ensure_future(stream.run())
    while 2 not in told:
        assert not task.done(), task.exception()
        await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert told == ["back", 1, "lost ValueError", "back", "lost AttributeError", "back", 2]


async def test_a_quiet_stream_is_up_once_its_connection_is():
    told, is_open = [], []
    forever = asyncio.Event()
    stream = Stream(
        "v",
        "fills",
        forever.wait,
        told.append,
        on_back=lambda: told.append("back"),
        is_open=lambda: bool(is_open),
        open_after_s=0.01,
    )
    task = asyncio.ensure_future(stream.run())
    await asyncio.sleep(0.03)
    assert told == []
    is_open.append(1)
    await asyncio.sleep(0.03)
    assert told == ["back"]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_tasks_end_together():
    tasks = Tasks("v")
    ended = []

    async def work():
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(1)

    tasks.start(work(), "one")
    tasks.start(work(), "two")
    await asyncio.sleep(0)
    await tasks.stop()
    assert ended == [1, 1]


def test_a_connection_that_is_gone_need_not_be_closed():
    exchange = SimpleNamespace(clients={})
    close_silent(exchange, "ws://nowhere", "silence")
    assert exchange.clients == {}
