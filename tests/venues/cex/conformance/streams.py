"""Books and the account's own stream: equal to the exchange's, and whole again after every kind of loss."""

from __future__ import annotations

import asyncio
from itertools import product

from app.domain.book import BookDelta, BookSnapshot
from app.domain.enums import TimeInForce
from app.domain.fills import ReportKind
from app.domain.statement import VenueState
from app.venues.cex.exact import ceil_units, decimal_of
from app.venues.cex.profile import Continuity
from tests.venues.cex.conformance.desks import ASKS, BIDS, Desk, Levels

R = ReportKind


def theirs(desk: Desk) -> tuple[tuple[tuple[int, int], ...], ...]:
    symbol, _ = desk.listing()
    book = desk.server.control.book(desk.name, desk.place.market)

    def units(text: str, scale: int) -> int:
        value = decimal_of(text)
        assert value is not None
        return ceil_units(value, scale)

    return tuple(
        tuple((units(p, symbol.price_scale), units(q, symbol.qty_scale)) for p, q in book[side])
        for side in ("bids", "asks")
    )


def is_equal(desk: Desk) -> bool:
    last = desk.books[-1] if desk.books else None
    return isinstance(last, BookSnapshot) and (last.bids, last.asks) == theirs(desk)


async def books_equal_the_exchanges_own(desk: Desk) -> None:
    for n in range(1, 6):
        await desk.quoted(lambda: is_equal(desk), [*BIDS[n % 3 :], (f"{99 - n}.00", str(n))], ASKS[: 1 + n % 3])
    seqs = [book.book_seq for book in desk.books]
    assert seqs == sorted(set(seqs))
    for book in desk.books:
        if isinstance(book, BookSnapshot) and book.bids and book.asks:
            assert book.bids[0][0] < book.asks[0][0]


async def a_book_gap_bars_the_book_and_is_mended_within_a_second(desk: Desk) -> None:
    if desk.profile.book.continuity is Continuity.NONE:
        return
    await desk.quoted(lambda: is_equal(desk), BIDS, ASKS)
    n_before = len(desk.books)
    desk.switch("book_gap", route="book", times=1)
    bids, asks = [("91.00", "3")], [("105.00", "1")]
    await desk.quoted(lambda: any(isinstance(book, BookDelta) for book in desk.books[n_before:]), bids, asks)
    assert await desk.quoted(lambda: is_equal(desk), bids, asks) < 1.0


async def a_bad_checksum_bars_the_book(desk: Desk) -> None:
    if not desk.profile.book.checksum:
        return
    await desk.quoted(lambda: is_equal(desk), BIDS, ASKS)
    n_before = len(desk.books)
    desk.switch("bad_checksum", route="book", times=1)
    bids, asks = [("81.00", "3")], [("106.00", "1")]
    await desk.quoted(lambda: any(isinstance(book, BookDelta) for book in desk.books[n_before:]), bids, asks)
    assert await desk.quoted(lambda: is_equal(desk), bids, asks) < 1.0


async def a_dropped_connection_bars_the_book_and_comes_back(desk: Desk) -> None:
    await desk.quoted(lambda: is_equal(desk), BIDS, ASKS)
    n_before = len(desk.books)
    desk.server.control.drop(desk.name)
    await desk.until(lambda: any(isinstance(book, BookDelta) for book in desk.books[n_before:]))
    assert await desk.quoted(lambda: is_equal(desk), [("97.00", "3")], [("107.00", "1")]) < 2.0
    await desk.until(lambda: desk.venue.health().state is VenueState.UP)


async def a_fill_missing_from_the_stream_comes_over_rest(desk: Desk) -> None:
    desk.switch("missing_fill")
    desk.switch("missing_order")
    child = await desk.sent("100.60", "2.5")
    await desk.ended(child)
    assert desk.filled_lots(child) == child.qty_lots
    desk.agrees_with_ledger(child)


async def the_last_word_waits_for_every_fill_that_the_stream_left_out(desk: Desk) -> None:
    await filled_through(desk, ASKS)


async def filled_through(desk: Desk, asks: Levels) -> None:
    """Orders through three levels, whole or given up after them: each of their fills is missing once, then two
    in a row, while their other messages come.
    """
    rule = 0
    for qty, n_told, n_missing in product(("12", "31"), range(3), (1, 2)):
        desk.server.control.set_book(desk.name, desk.place.market, [], asks)
        if rule:
            desk.server.control.clear(rule)
        rule = desk.switch("missing_fill", route="fill", skip=n_told, times=n_missing)
        child = await desk.sent(asks[-1][0], qty)
        await desk.ended(child)
        assert len(desk.ledger_fills(child)) == 3
        desk.agrees_with_ledger(child)


async def duplicate_and_late_fills_are_told_once(desk: Desk) -> None:
    desk.switch("duplicate_fill")
    desk.switch("late_fill", value=0.1, probability=0.5)
    child = await desk.sent("101.00", "12")
    await desk.ended(child)
    await asyncio.sleep(0.3)
    assert len(desk.fills(child)) == 3
    desk.agrees_with_ledger(child)


async def fills_while_disconnected_are_told_after_reconnecting(desk: Desk) -> None:
    child = await desk.resting("100.20", "4")
    rule = desk.switch("refuse_connection")
    desk.server.control.drop(desk.name)
    await desk.until(lambda: desk.venue.health().state is not VenueState.UP)
    desk.server.control.set_book(desk.name, desk.place.market, [("99.00", "5")], [("100.20", "4"), ("101.00", "5")])
    desk.server.control.clear(rule)
    await desk.until(lambda: desk.filled_lots(child) == child.qty_lots)
    await desk.quoted(lambda: desk.venue.health().state is VenueState.UP, [("99.00", "5")], [("101.00", "5")])
    desk.agrees_with_ledger(child)


async def silence_is_death_and_rest_goes_on(desk: Desk) -> None:
    child = await desk.resting("100.20", "4")
    desk.switch("silence", times=2)
    desk.server.control.set_book(desk.name, desk.place.market, [("99.00", "5")], [("100.20", "4"), ("101.00", "5")])
    await desk.until(lambda: desk.filled_lots(child) == child.qty_lots)
    desk.server.control.clear()
    await desk.quoted(lambda: is_equal(desk), [("96.00", "5")], [("108.00", "4")])
    await desk.until(lambda: desk.venue.health().state is VenueState.UP)


async def a_restart_finds_what_is_open(desk: Desk) -> None:
    child = await desk.resting("100.20", "4")
    desk.server.control.set_book(desk.name, desk.place.market, [("99.00", "5")], [("100.20", "1"), ("101.00", "5")])
    await desk.until(lambda: desk.filled_lots(child) == child.qty_lots // 4)
    other = await desk.another(has_feed=False)
    try:
        assert list(await other.venue.open_client_ids()) == [child.client_id]
        await other.venue.query(child)
        await other.until(lambda: other.filled_lots(child) == child.qty_lots // 4)
        assert [r.venue_trade_id for r in other.fills(child)] == [r.venue_trade_id for r in desk.fills(child)]
        other.agrees_with_ledger(child)
        await other.venue.cancel(child)
        await other.until(lambda: R.CANCELED in other.kinds(child))
    finally:
        await other.close()


async def a_restart_finds_what_ended_with_less_than_its_whole(desk: Desk) -> None:
    """Its acknowledgement was never heard: it must not be taken for one that was never accepted."""
    child = await desk.sent("100.55", "3")
    await desk.ended(child)
    other = await desk.another(has_feed=False)
    try:
        await other.venue.query(child)
        await other.until(lambda: bool({R.CANCELED, R.EXPIRED, R.NOT_FOUND} & set(other.kinds(child))))
        assert R.NOT_FOUND not in other.kinds(child)
        other.agrees_with_ledger(child)
    finally:
        await other.close()


async def a_wrong_key_is_told_and_places_nothing(desk: Desk) -> None:
    other = Desk(desk.server, desk.place)
    await other.open(secret=desk.place.wrong_secret, has_feed=False)
    try:
        child = await other.sent("99.00", "1", tif=TimeInForce.GTC)
        assert [report.kind for report in other.of(child)] == [R.REJECTED]
        assert other.venue.health().state is VenueState.DOWN
        assert other.theirs(child) == []
    finally:
        await other.close()


CHECKS = (
    books_equal_the_exchanges_own,
    a_book_gap_bars_the_book_and_is_mended_within_a_second,
    a_bad_checksum_bars_the_book,
    a_dropped_connection_bars_the_book_and_comes_back,
    a_fill_missing_from_the_stream_comes_over_rest,
    the_last_word_waits_for_every_fill_that_the_stream_left_out,
    duplicate_and_late_fills_are_told_once,
    fills_while_disconnected_are_told_after_reconnecting,
    silence_is_death_and_rest_goes_on,
    a_restart_finds_what_is_open,
    a_restart_finds_what_ended_with_less_than_its_whole,
    a_wrong_key_is_told_and_places_nothing,
)
