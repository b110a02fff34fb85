"""A paper venue on somebody else's books: filled at what they show after the delay, and at nothing that is stale."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from app.domain.book import BookDelta, BookSnapshot
from app.domain.enums import Mode, Side, TimeInForce
from app.domain.fees import FeeTier
from app.domain.fills import ExecutionReport, ReportKind
from app.domain.instrument import Instrument
from app.domain.orders import Approved, ChildOrder
from app.domain.ports import BookSink
from app.domain.statement import VenueHealth, VenueState
from app.domain.venue import Venue
from app.execution.simulator import Listing
from app.venues.clock import SystemClock
from app.venues.exchange_spec import ExchangeSpec
from app.venues.ledger import ledger_path
from app.venues.live_paper import LiveMarket, LivePaperVenue, on_grid
from tests.worlds import BTC_USDT, MS

SYMBOL = BTC_USDT.name
INSTRUMENT = Instrument("real", SYMBOL, "BTCUSDT", BTC_USDT.fungible, tick_units=10, lot_units=100)
R = ReportKind
REFILL_NS = 5_000_000_000


class Feed:
    """Books of a real venue, told by the test."""

    def __init__(self) -> None:
        self.sink: BookSink | None = None
        self.state = VenueState.UP

    async def start(self, on_book: BookSink) -> None:
        self.sink = on_book

    async def stop(self) -> None:
        self.sink = None

    def health(self) -> VenueHealth:
        return VenueHealth("real", self.state, "" if self.state is VenueState.UP else "no route")


@dataclass
class Desk:
    venue: LivePaperVenue
    feed: Feed
    clock: SystemClock
    reports: list[ExecutionReport] = field(default_factory=list)
    books: list[BookSnapshot | BookDelta] = field(default_factory=list)
    n_books: int = 0

    def tell(self, ask_units: int, qty_units: int = 5_000, *, age_ms: int = 0) -> BookSnapshot:
        self.n_books += 1
        received_ts_ns = self.clock.wall_ns() - age_ms * MS
        asks = ((ask_units, qty_units), (ask_units + 10, qty_units))
        book = BookSnapshot("real", SYMBOL, self.n_books, 0, received_ts_ns, ((ask_units - 10, qty_units),), asks)
        assert self.feed.sink is not None
        self.feed.sink(book)
        return book

    async def send(self, lots: int, limit_units: int, n: int = 1) -> list[ExecutionReport]:
        child = ChildOrder(
            f"chd{n}", f"id-{n}", "ord", "desk", 1, "real", SYMBOL, Side.BUY, TimeInForce.IOC, limit_units // 10, lots,
            10, 100, self.clock.wall_ns() + 1_000 * MS,
        )  # fmt: skip
        await self.venue.send(Approved(child, 1, 1))
        async with asyncio.timeout(30):
            while not any(r.kind is not R.ACKED for r in self.reports if r.client_id == child.client_id):  # noqa: ASYNC110
                await asyncio.sleep(0.002)
        return [r for r in self.reports if r.client_id == child.client_id]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    clock, feed = SystemClock(), Feed()
    listed = Venue("real", "Real", Mode.PAPER, False, 5 * MS, 400 * MS, 1_000 * MS)
    fee = FeeTier("real", "base", 1_000, 800, 0, "test", "2026-11-26")
    spec = ExchangeSpec(
        listed, {SYMBOL: Listing(BTC_USDT, INSTRUMENT, fee)}, ledger_path(tmp_path, "real"), 2 * MS, 1_000 * MS, 7
    )
    made = Desk(LivePaperVenue(spec, feed, clock, REFILL_NS), feed, clock)
    await made.venue.start(made.reports.append, made.books.append)
    yield made
    await made.venue.stop()


async def test_a_child_fills_at_the_live_price_and_pays_the_venues_fee(desk: Desk) -> None:
    told = desk.tell(6_000_000)
    assert desk.books == [told]
    acked, fill = await desk.send(20, 6_000_100)
    assert (acked.kind, fill.kind, fill.price_ticks, fill.qty_lots) == (R.ACKED, R.FILLED, 600_000, 20)
    assert fill.fee_nano == BTC_USDT.money_nano(6_000_000, 2_000) // 1_000
    assert fill.received_ts_ns >= fill.venue_ts_ns >= told.received_ts_ns + 5 * MS
    (usdt,) = (b for b in (await desk.venue.statement("desk")).balances if b.currency == "USDT")
    assert usdt.total_nano == -BTC_USDT.money_nano(6_000_000, 2_000) - fill.fee_nano


async def test_it_meets_the_book_of_its_arrival_and_not_of_its_sending(desk: Desk) -> None:
    desk.tell(6_000_000)
    sending = asyncio.create_task(desk.send(20, 6_000_100))
    await asyncio.sleep(0)
    desk.tell(6_000_090)
    _, fill = await sending
    assert fill.price_ticks == 600_009


async def test_what_was_taken_is_missing_from_what_is_shown_and_from_the_next_fill(desk: Desk) -> None:
    desk.tell(6_000_000)
    await desk.send(40, 6_000_000)
    desk.tell(6_000_000)
    shown = desk.books[-1]
    assert isinstance(shown, BookSnapshot)
    assert shown.asks[0] == (6_000_000, 1_000)
    *_, end = await desk.send(40, 6_000_000, n=2)
    assert (end.kind, end.cum_qty_lots) in {(R.CANCELED, 10), (R.CANCELED, 11)}


@pytest.mark.parametrize("how", ["stale", "gapped", "none yet"])
async def test_nothing_is_filled_against_a_book_that_is_not_good_now(desk: Desk, how: str) -> None:
    if how != "none yet":
        desk.tell(6_000_000, age_ms=401 if how == "stale" else 0)
    if how == "gapped":
        assert desk.feed.sink is not None
        gap = BookDelta("real", SYMBOL, 7, 8, 0, 0, (), ())
        desk.feed.sink(gap)
        assert desk.books[-1] is gap
    *_, end = await desk.send(20, 6_000_100)
    assert (end.kind, end.cum_qty_lots) == (R.CANCELED, 0)


async def test_its_health_is_that_of_its_books(desk: Desk) -> None:
    assert desk.venue.health().state is VenueState.UP
    desk.feed.state = VenueState.DEGRADED
    assert (desk.venue.health().state, desk.venue.health().reason) == (VenueState.DEGRADED, "no route")
    await desk.venue.stop()
    assert desk.venue.health().state is VenueState.DOWN


def test_levels_off_the_grid_move_against_us_and_are_cut() -> None:
    bids = on_grid([(109, 250), (101, 60), (95, 90)], INSTRUMENT, is_bid=True)
    asks = on_grid([(111, 250), (119, 60), (131, 99)], INSTRUMENT, is_bid=False)
    assert (bids, asks) == (((100, 300),), ((120, 300),))
    market = LiveMarket({SYMBOL: INSTRUMENT}, 1, REFILL_NS)
    book = BookSnapshot("real", SYMBOL, 1, 0, 9, ((109, 100),), ((111, 100),))
    assert market.take(book) == replace(book, bids=((100, 100),), asks=((120, 100),))
