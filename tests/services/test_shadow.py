"""The live shadow's eye on the books: limits, what was taken, stale books, a stop of the process."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from app.domain.enums import Mode, Side
from app.domain.errors import BadRequest
from app.domain.shadow import DeskParent, ShadowExclusion
from app.services.shadow import REST_NS, ShadowService, replace_fills
from tests.api.gateway import Gateway, open_gateway, settle
from tests.worlds import MS, VENUES, flat_book


def parent(gateway: Gateway, qty_units: int = 1_000, **changes: object) -> DeskParent:
    made = DeskParent("p", "BTC/USDT", Side.BUY, qty_units, gateway.clock.wall_ns())
    return replace(made, **changes)  # type: ignore[arg-type]


async def met(gateway: Gateway, shadow: ShadowService) -> None:
    for _ in range(20):
        await settle()
        if not shadow._tasks:
            return
    raise AssertionError("not met")


def jumping(gateway: Gateway) -> ShadowService:
    """The shadow of `gateway`, whose waits move the clock there."""

    async def pass_time(seconds: float) -> None:
        gateway.clock.advance(round(seconds * 1e9))
        await asyncio.sleep(0)

    gateway.services.shadow.sleep = pass_time
    return gateway.services.shadow


async def test_the_rest_takes_no_level_twice() -> None:
    """More than the plan's limit reaches: what the IOC took is gone from the books of the rest, though they still show
    it."""
    async with open_gateway() as gateway:
        shadow = jumping(gateway)
        shown = {}
        books = gateway.engine.books("BTC/USDT")
        for row, venue in enumerate(books.venues):
            for price, qty in zip(books.price_units[row, 1], books.qty_units[row, 1], strict=True):
                shown[venue, int(price)] = int(qty)
        total = sum(qty for (_, price), qty in shown.items() if price)
        planned = await shadow.tell_parent("desk", parent(gateway, total + 500), Mode.PAPER)
        assert not planned.refusal
        await met(gateway, shadow)
        own = gateway.engine.ledger.shadows["desk"]["p"].outcome
        assert own is not None
        taken: dict[tuple[str, int], int] = {}
        for fill in own.executions:
            place = fill.venue, fill.price_units
            taken[place] = taken.get(place, 0) + fill.qty_units
        assert all(qty <= shown[place] for place, qty in taken.items())
        assert own.unpriced_units == total + 500 - sum(taken.values()) >= 500
        assert own.life_ns >= REST_NS


async def test_books_that_went_stale_fill_nothing() -> None:
    async with open_gateway() as gateway:
        shadow = jumping(gateway)
        planned = await shadow.tell_parent("desk", parent(gateway), Mode.PAPER)
        assert not planned.refusal
        gateway.clock.advance(10_000 * MS)
        await met(gateway, shadow)
        own = gateway.engine.ledger.shadows["desk"]["p"].outcome
        assert own is not None
        assert (own.executions, own.unpriced_units) == ((), 1_000)
        assert {e.reason for e in (await shadow.report("desk")).excluded} == {ShadowExclusion.NOT_YET}


async def test_a_decision_that_is_yet_to_come_is_refused() -> None:
    async with open_gateway() as gateway:
        later = gateway.clock.wall_ns() + 2_000 * MS
        with pytest.raises(BadRequest, match="yet to come"):
            await gateway.services.shadow.tell_parent("desk", parent(gateway, decision_ts_ns=later), Mode.PAPER)


async def test_a_copy_does_not_see_later_fills() -> None:
    async with open_gateway() as gateway:
        jumping(gateway)
        for venue in VENUES:
            gateway.engine.on_book(flat_book(venue, 6_000_000, gateway.clock.wall_ns(), book_seq=2_000))
        await gateway.services.shadow.tell_parent("desk", parent(gateway), Mode.PAPER)
        await met(gateway, gateway.services.shadow)
        record = gateway.engine.ledger.shadows["desk"]["p"]
        copied = replace_fills(record)
        record.fills["later"] = record.outcome.executions[0]  # type: ignore[union-attr]
        assert not copied.fills
