"""Rehearsals come while an order waits near and nothing else has run, leave nothing, and break nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest

from app import observe
from app.domain.enums import Mode
from app.domain.events import Fact
from app.execution import inputs as inp
from app.services.rehearsal import MOST, Rehearsal
from tests.services.test_engine import Rig, rig, settle
from tests.worlds import held_order

__all__ = ["rig"]

EVERY_S = 0.002
Written = list[tuple[Sequence[Fact], Sequence[tuple[str, bytes]]]]


async def an_order_that_waits(rig: Rig, limit_price_units: int = 5_999_000) -> None:
    asking = asyncio.create_task(
        rig.engine.ask(inp.Submit(held_order(limit_price_units=limit_price_units), Mode.PAPER))
    )
    await settle()
    rig.journal.flush()
    await asking
    assert rig.desk.core.memory.awaited["BTC/USDT"]


async def run_until(ours: Rehearsal, is_done: Callable[[], bool]) -> None:
    """Beats until then, however slow the machine is."""
    await ours.open()
    async with asyncio.timeout(30):
        while not is_done():  # noqa: ASYNC110 - what it waits for is many beats, not one event
            await asyncio.sleep(EVERY_S)
    await ours.close()


async def beats(ours: Rehearsal) -> int:
    """How many are rehearsed in a tenth of a second, of those that must not come."""
    await ours.open()
    await asyncio.sleep(0.1)
    await ours.close()
    return ours.n_rehearsed


async def test_the_turn_of_an_order_that_waits_near_is_written_aside_and_nothing_leaves(rig: Rig) -> None:
    await an_order_that_waits(rig)
    written: Written = []
    seq, n_batches = rig.engine.ledger.seq, len(rig.batches)
    ours = Rehearsal(rig.engine, lambda facts, receipts: written.append((facts, receipts)), EVERY_S)
    await run_until(ours, lambda: len(written) >= 3)
    assert ours.n_rehearsed == len(written)
    facts, receipts = written[0]
    assert [fact.event.KIND for fact in facts][:2] == ["route_planned", "child_sending"]
    assert len(receipts) == 1
    assert (rig.engine.ledger.seq, len(rig.batches)) == (seq, n_batches)
    assert not rig.sent
    assert not rig.fatal


async def test_none_comes_while_no_order_waits_or_where_they_are_switched_off(rig: Rig) -> None:
    assert await beats(Rehearsal(rig.engine, lambda *_: None, EVERY_S)) == 0
    await an_order_that_waits(rig)
    assert await beats(Rehearsal(rig.engine, lambda *_: None, 0.0)) == 0


async def test_a_beat_in_which_the_log_has_grown_is_left_out(rig: Rig) -> None:
    ours = Rehearsal(rig.engine, lambda *_: None, EVERY_S)
    counts = []
    for is_new in (True, False, False, True, False):
        if is_new:
            await an_order_that_waits(rig)
        ours.beat()
        counts.append(ours.n_rehearsed)
    assert counts == [0, 1, 2, 2, 3]


async def test_a_rehearsal_that_breaks_is_told_and_ends_them_not_the_process(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await an_order_that_waits(rig)
    told: list[str] = []
    monkeypatch.setattr(observe, "rehearsal_failed", told.append)

    def breaks(*_: object) -> None:
        raise ValueError("a fact that cannot be written")

    ours = Rehearsal(rig.engine, breaks, EVERY_S)
    await run_until(ours, lambda: bool(told))
    assert ours.n_rehearsed == 0
    assert told == ["ValueError('a fact that cannot be written')"]
    assert not rig.fatal


async def test_they_take_a_bounded_share_of_the_loop_however_long_one_takes(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    began_s: list[float] = []

    def slow(_: Rehearsal) -> None:
        began_s.append(time.perf_counter())
        time.sleep(0.01)

    monkeypatch.setattr(Rehearsal, "beat", slow)
    await run_until(Rehearsal(rig.engine, lambda *_: None, EVERY_S), lambda: len(began_s) >= 3)
    assert all(later - one >= 0.01 / MOST for one, later in pairwise(began_s))
