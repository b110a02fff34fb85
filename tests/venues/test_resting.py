"""Orders that rest on a paper venue: their queue, what moves it, and one record that outlives the process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.book import Level
from app.domain.enums import Liquidity, Side, TimeInForce
from app.domain.fees import fee_nano
from app.domain.fills import ReportKind
from app.domain.trade import TradePrint
from app.venues.clock import VirtualClock
from app.venues.exchange import PaperExchange
from app.venues.exchange_spec import ExchangeSpec
from app.venues.faults import Faults
from app.venues.ledger import AcceptedLine, DoneLine, FillLine, ReplenishedLine, read_ledger
from app.venues.resting import RestingOrders, maker_fill
from app.venues.simulated_market import Sides
from tests.venues.test_exchange import CHILD, LISTING, SYMBOL, UNIVERSE, VENUE, Stand

BID, ASK = 5_999_900, 6_000_000
LOT, TICK = LISTING.instrument.lot_units, LISTING.instrument.tick_units
POST = replace(
    CHILD, time_in_force=TimeInForce.GTC, is_post_only=True, rest_until_ns=10**12, price_ticks=BID // TICK, qty_lots=50
)


def accepted(client_id: str = "a", **changes: object) -> AcceptedLine:
    line = AcceptedLine(
        0, client_id, "v", "c", "o", "desk", SYMBOL, Side.BUY, TimeInForce.GTC, BID // TICK, 50, 10**12, 1, 1
    )
    return msgspec.structs.replace(line, **changes)


def trade(price_units: int, lots: int, aggressor: Side = Side.SELL) -> TradePrint:
    return TradePrint(VENUE, SYMBOL, price_units, lots * LOT, aggressor, 1, 1)


def resting(near: tuple[Level, ...] = ((BID, 100 * LOT),), side: Side = Side.BUY) -> RestingOrders:
    orders = RestingOrders()
    orders.add(accepted(side=side), LISTING, 0, near)
    return orders


def test_trades_at_its_price_eat_the_queue_before_it_first() -> None:
    orders = resting()
    assert orders.by_trades(SYMBOL, [trade(BID, 99)]) == []
    (met,) = orders.by_trades(SYMBOL, [trade(BID, 11)])
    assert (met.qty_lots, met.cum_qty_lots, met.taken) == (10, 10, ())
    (met,) = orders.by_trades(SYMBOL, [trade(BID, 1_000)])
    assert (met.qty_lots, met.cum_qty_lots) == (40, 50)
    assert not orders.has(SYMBOL)


def test_an_iceberg_loses_its_place_with_each_part_that_it_shows() -> None:
    orders = RestingOrders()
    near = ((BID, 100 * LOT),)
    orders.add(accepted(display_lots=20), LISTING, 0, near)
    (met,) = orders.by_trades(SYMBOL, [trade(BID, 120)], near)
    assert (met.qty_lots, met.next_lots, met.ahead_units) == (20, 20, 100 * LOT)
    assert orders.by_trades(SYMBOL, [trade(BID, 100)], near) == []
    met, last = orders.by_trades(SYMBOL, [trade(BID, 130)], near)
    assert (met.qty_lots, met.next_lots) == (20, 10)  # the last part is what is left
    assert (last.qty_lots, last.next_lots, last.cum_qty_lots) == (10, 0, 50)
    assert not orders.has(SYMBOL)


def test_a_trade_beyond_its_price_meets_what_an_iceberg_hides() -> None:
    orders = RestingOrders()
    orders.add(accepted(display_lots=20), LISTING, 0, ((BID, 100 * LOT),))
    (met,) = orders.by_trades(SYMBOL, [trade(BID - TICK, 1_000)])
    assert met.qty_lots == 50


def test_only_what_an_iceberg_shows_is_before_who_comes_later() -> None:
    orders = RestingOrders()
    orders.add(accepted("a", display_lots=20), LISTING, 0, ())
    orders.add(accepted("b"), LISTING, 0, ())
    first, second = orders.by_trades(SYMBOL, [trade(BID, 60)])
    assert (first.order.client_id, first.qty_lots, first.ahead_units) == ("a", 20, 50 * LOT)
    assert (second.order.client_id, second.qty_lots) == ("b", 40)


@given(st.integers(1, 60), st.lists(st.integers(1, 200), max_size=12))
def test_an_iceberg_never_fills_more_or_sooner_than_the_whole_shown(display: int, prints: list[int]) -> None:
    near = ((BID, 100 * LOT),)
    iceberg, plain = RestingOrders(), RestingOrders()
    iceberg.add(accepted(display_lots=display), LISTING, 0, near)
    plain.add(accepted(), LISTING, 0, near)
    n_hidden = n_shown = 0
    for lots in prints:
        n_hidden += sum(met.qty_lots for met in iceberg.by_trades(SYMBOL, [trade(BID, lots)], near))
        n_shown += sum(met.qty_lots for met in plain.by_trades(SYMBOL, [trade(BID, lots)], near))
        assert n_hidden <= n_shown <= 50


def test_other_trades_do_not_move_it() -> None:
    orders = resting()
    assert orders.by_trades(SYMBOL, [trade(BID + TICK, 9_999), trade(BID - TICK, 9_999, Side.BUY)]) == []
    assert orders.by_trades("ETH/USDT", [trade(BID, 9_999)]) == []


def test_a_trade_beyond_its_price_meets_it_at_once() -> None:
    (met,) = resting().by_trades(SYMBOL, [trade(BID - TICK, 20)])
    assert met.qty_lots == 20


def test_a_book_that_comes_to_its_price_fills_it_from_what_it_shows_once() -> None:
    orders = resting()
    orders.add(accepted("b"), LISTING, 0, ())
    asks = ((BID - TICK, 30 * LOT), (BID, 40 * LOT), (BID + TICK, 900 * LOT))
    first, second = orders.by_book(SYMBOL, (), asks)
    assert (first.order.client_id, first.qty_lots, first.taken) == ("a", 50, ((BID - TICK, 30 * LOT), (BID, 20 * LOT)))
    assert (second.order.client_id, second.qty_lots, second.taken) == ("b", 20, ((BID, 20 * LOT),))


def test_two_of_ours_at_one_price_do_not_share_a_trade() -> None:
    orders = resting(near=())
    orders.add(accepted("b"), LISTING, 0, ())
    met = orders.by_trades(SYMBOL, [trade(BID, 60)])
    assert [(m.order.client_id, m.qty_lots) for m in met] == [("a", 50), ("b", 10)]


@given(st.lists(st.tuples(st.integers(-2, 2), st.integers(1, 200)), max_size=30), st.integers(0, 150), st.booleans())
def test_it_never_fills_more_than_it_asks_nor_more_than_was_traded_beyond_its_queue(
    prints: list[tuple[int, int]], ahead_lots: int, is_buy: bool
) -> None:
    side = Side.BUY if is_buy else Side.SELL
    taker = Side.SELL if is_buy else Side.BUY
    near = ((BID, ahead_lots * LOT),) if ahead_lots else ()
    orders = resting(near=near, side=side)
    filled = sum(
        met.qty_lots
        for ticks, lots in prints
        for met in orders.by_trades(SYMBOL, [trade(BID + ticks * TICK, lots, taker)])
    )
    through = [lots for ticks, lots in prints if side.sign * ticks < 0]
    at = [lots for ticks, lots in prints if ticks == 0]
    assert filled <= 50
    if not through:
        assert filled == min(50, max(0, sum(at) - ahead_lots))
    assert filled <= sum(through) + sum(at)


def test_a_makers_fee_is_the_listings_and_its_fixed_cost_comes_once() -> None:
    listing = replace(LISTING, fee=replace(LISTING.fee, maker_fee_ppm=-50, fixed_nano=7))
    orders = RestingOrders()
    orders.add(accepted(), listing, 0, ())
    lines = []
    for lots in (20, 30):
        (met,) = orders.by_trades(SYMBOL, [trade(BID, lots)])
        lines.append(maker_fill(met, listing, 5, "t", 1))
    for line, lots, fixed in zip(lines, (20, 30), (7, 0), strict=True):
        money = listing.symbol.money_nano(BID, lots * LOT)
        assert (line.fee_nano, line.gas_nano, line.is_maker) == (fee_nano(money, -50) + fixed, fixed, True)


@dataclass
class MovingBook:
    """A book that the test moves, and a tape that it writes."""

    bids: tuple[Level, ...] = ((BID, 100 * LOT),)
    asks: tuple[Level, ...] = ((ASK, 100 * LOT),)
    tape: tuple[TradePrint, ...] = ()

    def sides(self, venue: str, symbol: str, now_ns: int) -> Sides:
        return Sides(1, self.bids, self.asks)

    def refill_ns(self, venue: str, symbol: str) -> int:
        return 10**9

    def next_move_ns(self, venue: str, now_ns: int) -> int:
        return 0

    def since_last(self, sides: Sides, now_ns: int) -> list[TradePrint]:
        told, self.tape = list(self.tape), ()
        return told


@dataclass
class Venue(Stand):
    book: MovingBook = None  # type: ignore[assignment]

    async def look(self) -> None:
        self.exchange._publish(SYMBOL)
        await self.settle()


def make_venue(folder: Path, book: MovingBook) -> Venue:
    clock = VirtualClock(1_000)
    spec = ExchangeSpec(
        replace(UNIVERSE.venues[VENUE], latency_ns=0), {SYMBOL: LISTING}, folder / "ledger", 0, 50_000_000, 7
    )
    exchange = PaperExchange(spec, book, clock, flows={SYMBOL: book})  # type: ignore[dict-item]
    made = Venue(exchange, clock, book=book)
    exchange.attach(made.reports.append, made.books.append)
    exchange.open()
    return made


@pytest.fixture
async def venue(tmp_path: Path) -> AsyncIterator[Venue]:
    made = make_venue(tmp_path, MovingBook())
    yield made
    await made.exchange.close()


def told(venue: Venue) -> list[str]:
    return [report.kind.value for report in venue.reports]


async def test_it_rests_fills_as_a_maker_and_the_record_precedes_the_word(venue: Venue) -> None:
    venue.exchange.submit(POST, 1, 1)
    await venue.settle()
    assert told(venue) == ["acked"]
    venue.book.tape = (trade(BID, 120),)
    await venue.look()
    fill = venue.reports[-1]
    assert (fill.kind, fill.qty_lots, fill.price_ticks) == (ReportKind.FILLED, 20, BID // TICK)
    assert fill.liquidity is Liquidity.MAKER
    venue.book.tape = (trade(BID, 500),)
    await venue.look()
    assert [r.cum_qty_lots for r in venue.reports if r.kind is ReportKind.FILLED] == [20, 50]
    lines = read_ledger(venue.exchange.spec.ledger_path)
    assert [type(line) for line in lines] == [AcceptedLine, FillLine, FillLine, DoneLine]
    assert not await venue.exchange.open_client_ids()


async def test_the_record_of_an_iceberg_proves_what_it_showed_and_that_it_lost_its_place(venue: Venue) -> None:
    venue.exchange.submit(replace(POST, display_lots=20), 1, 1)
    await venue.settle()
    venue.book.tape = (trade(BID, 120),)
    await venue.look()
    venue.book.tape = (trade(BID, 100),)
    await venue.look()
    venue.book.tape = (trade(BID, 20),)
    await venue.look()
    assert [r.cum_qty_lots for r in venue.reports if r.kind is ReportKind.FILLED] == [20, 40]
    lines = read_ledger(venue.exchange.spec.ledger_path)
    assert [type(line) for line in lines] == [AcceptedLine, FillLine, ReplenishedLine, FillLine, ReplenishedLine]
    shown = [line for line in lines if isinstance(line, ReplenishedLine)]
    assert [(line.shown_lots, line.cum_qty_lots, line.ahead_units) for line in shown] == [
        (20, 20, 100 * LOT),
        (10, 40, 100 * LOT),
    ]
    venue.exchange.query(replace(POST, display_lots=20))
    await venue.settle()
    assert told(venue)[-3:] == ["acked", "filled", "filled"]


async def test_post_only_that_would_take_is_refused_and_changes_nothing(venue: Venue) -> None:
    venue.exchange.submit(replace(POST, price_ticks=ASK // TICK), 1, 1)
    await venue.settle()
    assert [(r.kind, r.code) for r in venue.reports] == [(ReportKind.REJECTED, "post_only")]


async def test_one_that_may_take_takes_what_it_meets_and_rests_with_the_rest(venue: Venue) -> None:
    venue.exchange.submit(replace(POST, price_ticks=ASK // TICK, qty_lots=150, is_post_only=False), 1, 1)
    await venue.settle()
    assert [(r.kind.value, r.qty_lots, r.liquidity.value) for r in venue.reports] == [
        ("acked", 0, "taker"),
        ("filled", 100, "taker"),
    ]
    venue.book.tape = (trade(ASK, 60),)
    await venue.look()
    assert (venue.reports[-1].qty_lots, venue.reports[-1].cum_qty_lots) == (50, 150)


async def test_a_cancel_ends_it_with_its_fills_and_loses_against_the_last_one(venue: Venue) -> None:
    venue.exchange.submit(POST, 1, 1)
    await venue.settle()
    venue.book.tape = (trade(BID, 110),)
    await venue.look()
    venue.exchange.cancel(POST)
    await venue.settle()
    assert (venue.reports[-1].kind, venue.reports[-1].cum_qty_lots) == (ReportKind.CANCELED, 10)
    venue.book.tape = (trade(BID, 999),)
    await venue.look()
    assert venue.reports[-1].kind is ReportKind.CANCELED
    venue.exchange.cancel(POST)
    await venue.settle()
    assert (venue.reports[-1].kind, venue.reports[-1].code) == (ReportKind.CANCEL_REJECTED, "already_done")


async def test_it_outlives_the_process_at_the_end_of_its_queue(tmp_path: Path) -> None:
    book = MovingBook()
    first = make_venue(tmp_path, book)
    first.exchange.submit(POST, 1, 1)
    await first.settle()
    book.tape = (trade(BID, 110),)
    await first.look()
    await first.exchange.close()
    second = make_venue(tmp_path, book)
    try:
        assert await second.exchange.open_client_ids() == [POST.client_id]
        book.tape = (trade(BID, 100),)
        await second.look()
        assert not second.reports
        book.tape = (trade(BID, 40),)
        await second.look()
        assert (second.reports[-1].qty_lots, second.reports[-1].cum_qty_lots) == (40, 50)
    finally:
        await second.exchange.close()


async def test_what_it_fills_while_nobody_hears_is_told_to_who_asks(venue: Venue) -> None:
    venue.exchange.submit(POST, 1, 1)
    await venue.settle()
    venue.exchange.set_faults(Faults(is_down=True))
    venue.book.bids, venue.book.asks = ((BID - 100, 10 * LOT),), ((BID, 500 * LOT),)
    await venue.look()
    venue.exchange.set_faults(Faults())
    venue.reports.clear()
    venue.exchange.query(POST)
    await venue.settle()
    assert told(venue) == ["acked", "filled"]
    assert venue.reports[-1].cum_qty_lots == 50


async def test_without_an_end_to_its_rest_it_is_refused_as_ever(venue: Venue) -> None:
    venue.exchange.submit(replace(POST, rest_until_ns=0), 1, 1)
    await venue.settle()
    assert venue.reports[-1].code == "time_in_force"
