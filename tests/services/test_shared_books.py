"""Books that venue processes write themselves: orders that wait see them, and so does whoever records."""

# ruff: noqa: F811 - the rig is another file's fixture

from __future__ import annotations

import asyncio

from app.domain.book import BookDelta, BookSnapshot
from app.domain.enums import Mode
from app.execution import inputs as inp
from tests.services.test_engine import Rig, rig, settle  # noqa: F401 - the engine's own rig
from tests.worlds import flat_book, held_order


async def test_a_book_on_the_shared_board_reaches_the_order_that_waits_for_it(rig: Rig) -> None:
    asking = asyncio.create_task(
        rig.engine.ask(inp.Submit(held_order(limit_price_units=5_999_900, qty_units=100), Mode.PAPER))
    )
    await settle()
    rig.journal.flush()
    await asking
    await settle()
    assert not rig.sent
    told: list[BookSnapshot | BookDelta] = []
    rig.engine.add_book_listener(told.append)
    now_ns = rig.engine.now_ns()
    book = flat_book("ven_a", 5_999_000, now_ns, book_seq=50)
    rig.desk.board.write_snapshot(book)
    rig.engine.on_books([("ven_a", book.symbol)])
    await settle()
    rig.journal.flush()
    await settle()
    assert [child.venue for child in rig.sent] == ["ven_a"]
    assert told == [book]
    assert rig.engine.health().book_age_ns[("ven_a", book.symbol)] == 0


async def test_a_barred_book_is_told_as_a_gap(rig: Rig) -> None:
    told: list[BookSnapshot | BookDelta] = []
    rig.engine.add_book_listener(told.append)
    rig.desk.board.mark_gapped("ven_b", "BTC/USDT")
    rig.engine.on_books([("ven_b", "BTC/USDT")])
    (gap,) = told
    assert isinstance(gap, BookDelta)
    assert not rig.desk.board.apply_delta(gap)
