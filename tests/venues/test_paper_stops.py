"""Stops at a paper venue: what is taken, what sets one off, one record, and what outlives the process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from app.domain.enums import ContractKind, Side, TimeInForce
from app.domain.fills import ReportKind
from app.domain.trade import MarkPrice
from app.domain.venue_stops import FOREVER_NS, StopOffer, StopSource, VenueStop
from app.execution.simulator import Listing, VenueRefusal
from app.venues.clock import VirtualClock
from app.venues.exchange import PaperExchange
from app.venues.exchange_spec import ExchangeSpec
from app.venues.faults import Faults
from app.venues.ledger import AcceptedLine, DoneLine, FillLine, TriggeredLine, accepted_line, read_ledger
from app.venues.paper_stops import WaitingStops, child_of
from tests.native_stops import offer
from tests.venues.test_exchange import LISTING, SYMBOL, UNIVERSE, VENUE
from tests.venues.test_resting import ASK, BID, LOT, POST, TICK, MovingBook, Venue, told, trade

OFFER = offer(venue=VENUE, sources=frozenset(StopSource))
STOP = replace(
    POST,
    side=Side.SELL,
    time_in_force=TimeInForce.IOC,
    is_post_only=False,
    price_ticks=(BID - 1_000) // TICK,
    rest_until_ns=FOREVER_NS,
    stop=VenueStop((BID - 500) // TICK, StopSource.LAST),
)
PERPETUAL = replace(LISTING.symbol, fungible=replace(LISTING.symbol.fungible, kind=ContractKind.LINEAR))


def make_venue(
    folder: Path,
    book: MovingBook,
    listing: Listing = LISTING,
    stops: StopOffer | None = OFFER,
    *,
    has_tape: bool = True,
) -> Venue:
    clock = VirtualClock(1_000)
    here = replace(UNIVERSE.venues[VENUE], latency_ns=0)
    spec = ExchangeSpec(here, {SYMBOL: listing}, folder / "ledger", 0, 50_000_000, 7, stops=stops)
    exchange = PaperExchange(spec, book, clock, flows={SYMBOL: book} if has_tape else {})  # type: ignore[dict-item]
    made = Venue(exchange, clock, book=book)
    exchange.attach(made.reports.append, made.books.append)
    exchange.open()
    return made


@pytest.fixture
async def venue(tmp_path: Path) -> AsyncIterator[Venue]:
    made = make_venue(tmp_path, MovingBook())
    yield made
    await made.exchange.close()


def waiting(**changes: object) -> WaitingStops:
    stops = WaitingStops(OFFER, {SYMBOL: LISTING})
    stops.add(accepted_line(replace(STOP, **changes), "v", 0, (1, 1)))  # type: ignore[arg-type]
    return stops


def test_the_first_trade_at_or_beyond_sets_it_off_once() -> None:
    stops = waiting()
    assert not stops.gone_off(SYMBOL, [trade(BID - 499, 1), trade(ASK, 1)], 0)
    ((order, price),) = stops.gone_off(SYMBOL, [trade(BID, 1), trade(BID - 500, 1), trade(BID - 900, 1)], 0)
    assert (order.client_id, price) == (STOP.client_id, BID - 500)
    assert not stops.has(SYMBOL)
    assert STOP.client_id not in stops


def test_a_buyers_goes_off_on_the_way_up() -> None:
    stops = waiting(side=Side.BUY, stop=VenueStop((ASK + 500) // TICK, StopSource.LAST))
    assert not stops.gone_off(SYMBOL, [trade(ASK, 1)], 0)
    assert stops.gone_off(SYMBOL, [trade(ASK + 500, 1)], 0)


def test_by_mark_trades_say_nothing_and_no_mark_is_none() -> None:
    stops = waiting(stop=VenueStop((BID - 500) // TICK, StopSource.MARK))
    assert not stops.gone_off(SYMBOL, [trade(BID - 900, 1)], 0)
    assert not stops.gone_off(SYMBOL, [], BID)
    assert stops.gone_off(SYMBOL, [], BID - 500)


def test_a_line_of_the_ledger_is_the_child_that_it_was() -> None:
    child = child_of(accepted_line(STOP, "v", 0, (1, 1)), LISTING.instrument)
    assert child == replace(STOP, wave=1, rest_until_ns=FOREVER_NS)


@pytest.mark.parametrize(
    ("stops", "child", "code"),
    [
        (WaitingStops(None, {SYMBOL: LISTING}), STOP, VenueRefusal.STOP_NOT_OFFERED),
        (waiting(), replace(STOP, stop=VenueStop(0, StopSource.LAST)), VenueRefusal.STOP_NOT_OFFERED),
        (waiting(), replace(STOP, stop=VenueStop(1, StopSource.MARK)), VenueRefusal.STOP_NOT_OFFERED),
        (waiting(), replace(STOP, stop=VenueStop(1, StopSource.LAST, "gone")), VenueRefusal.REPLACED_ORDER_DONE),
        (waiting(), replace(STOP, stop=VenueStop(1, StopSource.LAST, STOP.client_id)), None),
        (
            WaitingStops(replace(OFFER, can_replace=False), {SYMBOL: LISTING}),
            replace(STOP, stop=VenueStop(1, StopSource.LAST, STOP.client_id)),
            VenueRefusal.REPLACED_ORDER_DONE,
        ),
    ],
)
def test_what_is_not_held_is_refused(stops: WaitingStops, child: object, code: VenueRefusal | None) -> None:
    assert stops.refusal(child, has_trades=True) is code  # type: ignore[arg-type]


def test_without_a_tape_no_last_sets_anything_off() -> None:
    assert waiting().refusal(STOP, has_trades=False) is VenueRefusal.STOP_NOT_OFFERED


async def test_it_waits_goes_off_and_takes_what_the_book_has_within_its_limit(venue: Venue) -> None:
    venue.exchange.submit(STOP, 1, 1)
    await venue.settle()
    assert told(venue) == ["acked"]
    venue.book.bids, venue.book.tape = ((BID - 600, 20 * LOT), (BID - 2_000, 900 * LOT)), (trade(BID - 500, 5),)
    await venue.look()
    fill, end = venue.reports[1:]
    assert (fill.kind, fill.qty_lots, fill.price_ticks) == (ReportKind.FILLED, 20, (BID - 600) // TICK)
    assert (end.kind, end.code, end.cum_qty_lots) == (ReportKind.EXPIRED, "stop_remainder", 20)
    lines = read_ledger(venue.exchange.spec.ledger_path)
    assert [type(line) for line in lines] == [AcceptedLine, TriggeredLine, FillLine, DoneLine]
    assert isinstance(lines[1], TriggeredLine)
    assert lines[1].price_units == BID - 500


async def test_a_cancel_takes_it_back_and_no_trade_sets_it_off_any_more(venue: Venue) -> None:
    venue.exchange.submit(STOP, 1, 1)
    await venue.settle()
    venue.exchange.cancel(STOP)
    await venue.settle()
    venue.book.tape = (trade(BID - 500, 5),)
    await venue.look()
    assert told(venue) == ["acked", "canceled"]


async def test_one_takes_anothers_place_in_one_write(venue: Venue) -> None:
    venue.exchange.submit(STOP, 1, 1)
    await venue.settle()
    moved = replace(STOP, client_id="moved", stop=VenueStop((BID - 100) // TICK, StopSource.LAST, STOP.client_id))
    venue.exchange.submit(moved, 1, 1)
    await venue.settle()
    assert {(r.client_id, r.kind.value) for r in venue.reports[1:]} == {
        ("moved", "acked"),
        (STOP.client_id, "canceled"),
    }
    assert [type(line) for line in read_ledger(venue.exchange.spec.ledger_path)] == [
        AcceptedLine,
        AcceptedLine,
        DoneLine,
    ]
    venue.book.tape = (trade(BID - 700, 5),)
    await venue.look()
    assert {r.client_id for r in venue.reports if r.kind is ReportKind.FILLED} == {"moved"}


async def test_one_that_has_gone_off_keeps_its_place(venue: Venue) -> None:
    venue.exchange.submit(STOP, 1, 1)
    await venue.settle()
    venue.book.tape = (trade(BID - 500, 5),)
    await venue.look()
    moved = replace(STOP, client_id="moved", stop=VenueStop(1, StopSource.LAST, STOP.client_id))
    venue.exchange.submit(moved, 1, 1)
    await venue.settle()
    assert (venue.reports[-1].kind, venue.reports[-1].code) == (ReportKind.REJECTED, "replaced_order_done")


async def test_it_outlives_the_process_and_goes_off_in_the_next(tmp_path: Path) -> None:
    book = MovingBook()
    first = make_venue(tmp_path, book)
    first.exchange.submit(STOP, 1, 1)
    await first.settle()
    await first.exchange.close()
    second = make_venue(tmp_path, book)
    try:
        assert await second.exchange.open_client_ids() == [STOP.client_id]
        book.bids, book.tape = ((BID - 600, 900 * LOT),), (trade(BID - 500, 5),)
        await second.look()
        assert told(second) == ["filled"]
    finally:
        await second.exchange.close()


async def test_what_went_off_while_nobody_heard_is_told_to_who_asks(venue: Venue) -> None:
    venue.exchange.submit(STOP, 1, 1)
    await venue.settle()
    venue.exchange.set_faults(Faults(is_down=True))
    venue.book.bids, venue.book.tape = ((BID - 600, 900 * LOT),), (trade(BID - 500, 5),)
    await venue.look()
    venue.exchange.set_faults(Faults())
    venue.reports.clear()
    venue.exchange.query(STOP)
    await venue.settle()
    assert told(venue) == ["acked", "filled"]


async def test_a_venue_that_holds_none_says_so(tmp_path: Path) -> None:
    made = make_venue(tmp_path, MovingBook(), stops=None)
    try:
        made.exchange.submit(STOP, 1, 1)
        await made.settle()
        assert (made.reports[-1].kind, made.reports[-1].code) == (ReportKind.REJECTED, "stop_not_offered")
    finally:
        await made.exchange.close()


async def test_a_perpetuals_stop_goes_off_by_the_venues_own_mark_which_it_tells(tmp_path: Path) -> None:
    listing = replace(LISTING, symbol=PERPETUAL)
    book = MovingBook()
    made = make_venue(tmp_path, book, listing, has_tape=False)
    marks: list[MarkPrice] = []
    made.exchange.attach(lambda _: None, lambda _: None, None, marks.extend)
    try:
        child = replace(STOP, stop=VenueStop((BID - 500) // TICK, StopSource.MARK))
        made.exchange.submit(child, 1, 1)
        await made.settle()
        await made.look()
        assert told(made) == ["acked"]
        book.bids, book.asks = ((BID - 600, 900 * LOT),), ((BID - 500, 900 * LOT),)
        await made.look()
        assert told(made) == ["acked", "filled"]
        assert marks[0].price_units == (BID + ASK) // 2 // TICK * TICK
        assert marks[-1].price_units == (2 * BID - 1_100) // 2 // TICK * TICK
    finally:
        await made.exchange.close()
