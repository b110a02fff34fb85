"""Work to come: in its time and order, held and let go, never after the end, and never breaking its neighbours."""

from __future__ import annotations

import asyncio

import pytest

from app import observe
from app.venues.underway import Underway

MS = 1_000_000


async def test_work_is_done_in_its_time_and_never_at_once() -> None:
    underway, done = Underway("v"), list[str]()
    underway.after(20 * MS, done.append, "late")
    underway.after(0, done.append, "soon")
    underway.after(5 * MS, done.append, "first of two")
    underway.after(5 * MS, done.append, "second of two")
    assert done == []
    await asyncio.sleep(0.06)
    assert done == ["soon", "first of two", "second of two", "late"]


async def test_what_is_held_goes_on_in_its_order_when_holding_ends() -> None:
    underway, done = Underway("v"), list[int]()
    underway.hold(is_holding=True)
    for n in range(3):
        underway.unless_held(done.append, n)
    await asyncio.sleep(0.01)
    assert done == []
    underway.hold(is_holding=False)
    underway.unless_held(done.append, 3)  # what was held is under way, as it would be if it had come now
    await asyncio.sleep(0.01)
    assert sorted(done) == [0, 1, 2, 3]
    assert [n for n in done if n < 3] == [0, 1, 2]


async def test_nothing_is_done_after_the_end() -> None:
    underway, done = Underway("v"), list[str]()
    underway.after(MS, done.append, "timed")
    underway.hold(is_holding=True)
    underway.unless_held(done.append, "held")
    underway.drop()
    underway.hold(is_holding=False)
    underway.after(MS, done.append, "of the next life")
    await asyncio.sleep(0.03)
    assert done == ["of the next life"]


async def test_work_that_breaks_is_told_and_breaks_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    told = list[tuple[str, str, str]]()
    monkeypatch.setattr(observe, "venue_call_failed", lambda venue, call, error: told.append((venue, call, str(error))))
    underway, done = Underway("v"), list[str]()

    def breaks() -> None:
        raise RuntimeError("no")

    underway.after(MS, breaks)
    underway.after(2 * MS, done.append, "next")
    await asyncio.sleep(0.03)
    assert told == [("v", "exchange", "no")]
    assert done == ["next"]
