"""The far side of a paper venue, on a standing book without delays: exact fills, one record, no order forgotten."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app import observe
from app.domain.book import BookDelta, BookSnapshot
from app.domain.enums import Side, TimeInForce
from app.domain.fees import fee_nano
from app.domain.fills import ExecutionReport, ReportKind
from app.domain.orders import ChildOrder
from app.execution.simulator import Listing
from app.venues.clock import VirtualClock
from app.venues.exchange import PaperExchange
from app.venues.exchange_spec import ExchangeSpec
from app.venues.faults import Faults
from app.venues.ledger import AbsentLine, AcceptedLine, DoneLine, FillLine, RefusedLine, VenueLedger, read_ledger
from app.venues.listeners import Listeners
from app.venues.registry import load_universe
from app.venues.simulated_market import Sides

VENUE, SYMBOL = "sim_foxtrot", "BTC/USDT"
UNIVERSE = load_universe()
LISTING = Listing(UNIVERSE.symbols[SYMBOL], UNIVERSE.instruments[(VENUE, SYMBOL)], UNIVERSE.fees[VENUE])
CHILD = ChildOrder(
    "chd", "id-1", "ord", "desk", 1, VENUE, SYMBOL, Side.BUY, TimeInForce.IOC, 6_000_200, 500, 1, 10, 10**12
)


class StandingBook:
    """Asks 100 lots at 60,000.00, then 200 at 60,001.00, then 1,000 at 60,003.00; bids below."""

    def sides(self, venue: str, symbol: str, now_ns: int) -> Sides:
        asks = ((6_000_000, 1_000), (6_000_100, 2_000), (6_000_300, 10_000))
        return Sides(1, ((5_999_900, 1_000), (5_999_800, 50_000)), asks)

    def refill_ns(self, venue: str, symbol: str) -> int:
        return 10**9

    def next_move_ns(self, venue: str, now_ns: int) -> int:
        return 0


@dataclass
class Stand:
    exchange: PaperExchange
    clock: VirtualClock
    reports: list[ExecutionReport] = field(default_factory=list)
    books: list[BookSnapshot | BookDelta] = field(default_factory=list)

    async def settle(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)


def make_exchange(
    folder: Path, clock: VirtualClock, processing_ns: int = 0, publish_ns: int = 50_000_000
) -> PaperExchange:
    venue = replace(UNIVERSE.venues[VENUE], latency_ns=0)
    spec = ExchangeSpec(venue, {SYMBOL: LISTING}, folder / "ledger", processing_ns, publish_ns, 7)
    return PaperExchange(spec, StandingBook(), clock)


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncIterator[Stand]:
    clock = VirtualClock(1_000)
    made = Stand(make_exchange(tmp_path, clock), clock)
    made.exchange.attach(made.reports.append, made.books.append)
    made.exchange.open()
    yield made
    await made.exchange.close()


async def test_a_walk_of_the_book_is_exact_to_the_lot_and_the_nano(stand: Stand) -> None:
    stand.exchange.submit(CHILD, 3, 9)
    await stand.settle()
    acked, one, two, canceled = stand.reports
    assert [r.kind.value for r in stand.reports] == ["acked", "filled", "filled", "canceled"]
    assert [(r.price_ticks, r.qty_lots, r.cum_qty_lots) for r in (one, two)] == [
        (6_000_000, 100, 100),
        (6_000_100, 200, 300),
    ]
    assert canceled.cum_qty_lots == 300
    money = [60_000 * 10**9 // 100, 60_001 * 2 * 10**9 // 100]
    taker_ppm = LISTING.fee.taker_fee_ppm
    assert [one.fee_nano, two.fee_nano] == [
        fee_nano(money[0], taker_ppm) + LISTING.fee.fixed_nano,
        fee_nano(money[1], taker_ppm),
    ]
    assert [one.gas_nano, two.gas_nano] == [LISTING.fee.fixed_nano, 0]
    assert one.mid_half_units == 6_000_000 + 5_999_900
    assert acked.venue_order_id == f"{VENUE}-1"


async def test_the_record_precedes_the_word(stand: Stand) -> None:
    path = stand.exchange.spec.ledger_path
    seen: list[int] = []
    stand.exchange.attach(lambda _: seen.append(len(read_ledger(path))), lambda _: None)
    stand.exchange.submit(CHILD, 3, 9)
    await stand.settle()
    accepted, *fills, done = read_ledger(path)
    assert isinstance(accepted, AcceptedLine)
    assert (accepted.limits_version, accepted.decision_seq) == (3, 9)
    assert all(isinstance(line, FillLine) for line in fills)
    assert isinstance(done, DoneLine)
    assert seen == [4, 4, 4, 4]


async def test_taken_liquidity_comes_back_with_time(stand: Stand) -> None:
    touch = replace(CHILD, price_ticks=6_000_000, qty_lots=100)
    for n, (wait_ns, expected_lots) in enumerate([(0, 100), (0, 0), (5 * 10**8, 50), (10**9, 100)]):
        stand.clock.advance(wait_ns)
        stand.exchange.submit(replace(touch, client_id=f"t{n}"), 1, 1)
        await stand.settle()
        told = [r.qty_lots for r in stand.reports if r.client_id == f"t{n}" and r.kind is ReportKind.FILLED]
        assert sum(told) == expected_lots, n


async def test_the_deadline_is_inclusive_and_the_venues_own(stand: Stand) -> None:
    for n, deadline_ts_ns in enumerate((999, 1_000, 1_001)):
        stand.exchange.submit(replace(CHILD, client_id=f"d{n}", deadline_ts_ns=deadline_ts_ns), 1, 1)
        await stand.settle()
    kinds = {n: next(r.kind for r in stand.reports if r.client_id == f"d{n}") for n in range(3)}
    assert kinds == {0: ReportKind.REJECTED, 1: ReportKind.ACKED, 2: ReportKind.ACKED}


async def test_a_cancel_while_the_venue_is_at_work_beats_the_match(tmp_path: Path) -> None:
    clock = VirtualClock(1_000)
    made = Stand(make_exchange(tmp_path, clock, processing_ns=50_000_000), clock)
    made.exchange.attach(made.reports.append, made.books.append)
    made.exchange.open()
    made.exchange.submit(CHILD, 1, 1)
    await made.settle()
    assert await made.exchange.open_client_ids() == ["id-1"]
    made.exchange.cancel(CHILD)
    await asyncio.sleep(0.08)
    assert [r.kind.value for r in made.reports] == ["acked", "canceled"]
    assert made.reports[-1].cum_qty_lots == 0
    await made.exchange.close()


@pytest.mark.parametrize(("processing_ms", "n_messages"), [(0, 1), (2, 1), (3, 2)])
async def test_a_venue_that_is_quick_answers_an_order_once(tmp_path: Path, processing_ms: int, n_messages: int) -> None:
    clock = VirtualClock(1_000)
    made = Stand(make_exchange(tmp_path, clock, processing_ns=processing_ms * 1_000_000), clock)
    messages: list[list[str]] = []

    class Heard(Listeners):
        def tell_reports(self, reports: Sequence[ExecutionReport]) -> None:
            messages.append([report.kind.value for report in reports])

    made.exchange._listeners = Heard()
    made.exchange.open()
    made.exchange.submit(CHILD, 1, 1)
    await asyncio.sleep(0.03)
    outcome = ["filled", "filled", "canceled"]
    assert messages == ([["acked", *outcome]] if n_messages == 1 else [["acked"], outcome])
    assert not made.exchange._unacked
    await made.exchange.close()


async def test_a_cancel_of_what_was_to_be_told_once_tells_that_it_was_taken(tmp_path: Path) -> None:
    clock = VirtualClock(1_000)
    made = Stand(make_exchange(tmp_path, clock, processing_ns=2_000_000), clock)
    made.exchange.attach(made.reports.append, made.books.append)
    made.exchange.open()
    made.exchange.submit(CHILD, 1, 1)
    made.exchange.cancel(CHILD)
    await asyncio.sleep(0.03)
    assert [r.kind.value for r in made.reports] == ["acked", "canceled"]
    rests = replace(CHILD, client_id="id-2", time_in_force=TimeInForce.GTC, price_ticks=5_999_700, rest_until_ns=10**12)
    made.exchange.submit(rests, 1, 1)
    await asyncio.sleep(0.03)
    made.exchange.cancel(rests)
    await asyncio.sleep(0.03)
    assert [r.kind.value for r in made.reports if r.client_id == "id-2"] == ["acked", "canceled"]
    await made.exchange.close()


async def test_what_a_killed_venue_left_open_is_canceled_with_its_fills_kept(tmp_path: Path) -> None:
    clock = VirtualClock(1_000)
    ledger = VenueLedger(tmp_path / "ledger")
    ledger.open()
    order = AcceptedLine(
        1, "id-1", f"{VENUE}-1", "chd", "ord", "desk", SYMBOL, Side.BUY, TimeInForce.IOC, 6_000_200, 500, 10, 1, 1
    )
    ledger.append([order, FillLine(2, "id-1", f"{VENUE}-1", f"{VENUE}-t1", SYMBOL, 6_000_000, 7, 7, 1, "USDT", 2)])
    ledger.close()  # as a killed process leaves it: no end of the order
    made = Stand(make_exchange(tmp_path, clock), clock)
    made.exchange.attach(made.reports.append, made.books.append)
    made.exchange.open()
    assert await made.exchange.open_client_ids() == []
    made.exchange.query(CHILD)
    await made.settle()
    assert [(r.kind.value, r.cum_qty_lots) for r in made.reports] == [("acked", -1), ("filled", 7), ("canceled", 7)]
    assert made.reports[-1].code == "venue_restarted"
    made.exchange.submit(replace(CHILD, client_id="id-2"), 1, 1)
    await made.settle()
    trades = [line.venue_trade_id for line in read_ledger(tmp_path / "ledger") if isinstance(line, FillLine)]
    assert trades == [f"{VENUE}-t1", f"{VENUE}-t2", f"{VENUE}-t3"]
    await made.exchange.close()


async def test_a_ledger_that_cannot_be_written_means_silence_not_a_lie(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, str]] = []
    monkeypatch.setattr(observe, "venue_call_failed", lambda venue, call, _: told.append((venue, call)))
    write = os.write
    monkeypatch.setattr(os, "write", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    stand.exchange.submit(CHILD, 1, 1)
    await stand.settle()
    monkeypatch.setattr(os, "write", write)
    assert stand.reports == []
    assert told == [(VENUE, "exchange")]


async def test_a_detached_listener_hears_nothing(stand: Stand) -> None:
    heard: list[ExecutionReport] = []
    detach = stand.exchange.attach(heard.append, lambda _: None)
    detach()
    detach()
    stand.exchange.submit(CHILD, 1, 1)
    await stand.settle()
    assert heard == []
    assert stand.reports


async def test_own_fills_show_in_the_next_book_before_its_time(tmp_path: Path) -> None:
    clock = VirtualClock(1_000)
    exchange = make_exchange(tmp_path, clock, publish_ns=10**12)
    stand = Stand(exchange, clock)
    exchange.attach(stand.reports.append, stand.books.append)
    exchange.open()
    await asyncio.sleep(0.01)
    for n in range(5):
        exchange.submit(replace(CHILD, client_id=f"f{n}"), 1, 1)
    await asyncio.sleep(0.1)
    await exchange.close()
    assert len(stand.books) == 2  # the first one, and one for all five orders
    last = stand.books[-1]
    assert last.asks == ((6_000_300, 10_000),)
    assert last.bids[0] == (5_999_900, 1_000)


class SteppingBook(StandingBook):
    """A book that moves 20 ms after every whole 30 ms of a clock that stands at 10 ms."""

    def next_move_ns(self, venue: str, now_ns: int) -> int:
        return now_ns // 30_000_000 * 30_000_000 + 20_000_000


async def test_a_book_is_told_when_it_has_moved_and_not_a_period_later(tmp_path: Path) -> None:
    clock = VirtualClock(10_000_000)
    exchange = make_exchange(tmp_path, clock, publish_ns=10**15)
    exchange.market = SteppingBook()
    stand = Stand(exchange, clock)
    exchange.attach(stand.reports.append, stand.books.append)
    exchange.open()
    async with asyncio.timeout(10):
        while len(stand.books) < 3:  # noqa: ASYNC110 - a period alone would take eleven days
            await asyncio.sleep(0.005)
    await exchange.close()


async def test_chance_is_the_childs_own(stand: Stand) -> None:
    """Which requests are lost does not depend on what else was sent."""
    stand.exchange.set_faults(Faults(lose_request_ppm=300_000))
    for n in range(60):
        stand.exchange.submit(replace(CHILD, client_id=f"x{n}", qty_lots=1), 1, 1)
    await stand.settle()
    lost = {r.client_id for r in stand.reports if r.kind is ReportKind.UNKNOWN}
    assert 5 < len(lost) < 35
    taken = {line.client_id for line in read_ledger(stand.exchange.spec.ledger_path)}
    assert lost.isdisjoint(taken)
    assert len(lost | taken) == 60


_RESTS: dict[str, Any] = {"time_in_force": TimeInForce.GTC, "rest_until_ns": 10**12}
WAYS_TO_REST: tuple[dict[str, Any], ...] = ({}, _RESTS, _RESTS | {"is_post_only": True})

chances = st.sampled_from([0, 300_000, 1_000_000])
some_faults = st.builds(
    Faults,
    lose_request_ppm=chances,
    lose_reports_ppm=chances,
    is_silent=st.booleans(),
    n_extra_fills=st.integers(0, 2),
    is_shuffling=st.booleans(),
    is_holding=st.booleans(),
    is_down=st.booleans(),
)


@settings(max_examples=30, deadline=None)
@given(some_faults, st.integers(0, 2**31), st.data())
def test_whatever_goes_wrong_a_query_tells_what_the_ledger_holds(
    tmp_path_factory: pytest.TempPathFactory, faults: Faults, seed: int, data: st.DataObject
) -> None:
    children = [
        replace(
            CHILD,
            client_id=f"q{n}",
            side=data.draw(st.sampled_from(Side)),
            price_ticks=6_000_000 + 100 * data.draw(st.integers(-3, 3)),
            qty_lots=data.draw(st.integers(1, 300)),
            deadline_ts_ns=data.draw(st.sampled_from([999, 5_000])),
            **data.draw(st.sampled_from(WAYS_TO_REST)),
        )
        for n in range(8)
    ]
    asyncio.run(_trouble(tmp_path_factory.mktemp("trouble"), faults, seed, children))


async def _trouble(folder: Path, faults: Faults, seed: int, children: list[ChildOrder]) -> None:
    clock = VirtualClock(1_000)
    exchange = make_exchange(folder, clock)
    exchange.spec = replace(exchange.spec, seed=seed)
    stand = Stand(exchange, clock)
    exchange.attach(stand.reports.append, stand.books.append)
    exchange.set_faults(faults)
    exchange.open()
    for child in children:
        exchange.submit(child, 1, 1)
    await stand.settle()
    exchange.set_faults(Faults())
    await stand.settle()
    clock.advance(10_000)
    said = {r.client_id: r for r in stand.reports}
    for child in children:
        if child.rests:
            exchange.cancel(child)
    await stand.settle()
    stand.reports.clear()
    for child in children:
        exchange.query(child)
    await stand.settle()
    lines = read_ledger(exchange.spec.ledger_path)
    for child in children:
        mine = [line for line in lines if line.client_id == child.client_id]
        told = [r for r in stand.reports if r.client_id == child.client_id]
        n_accepted = sum(isinstance(line, AcceptedLine) for line in mine)
        fills = [line for line in mine if isinstance(line, FillLine)]
        assert n_accepted <= 1
        assert sum(line.qty_lots for line in fills) <= child.qty_lots
        assert all(child.side.sign * (line.price_ticks - child.price_ticks) <= 0 for line in fills)
        assert [r.venue_trade_id for r in told if r.kind is ReportKind.FILLED] == [x.venue_trade_id for x in fills]
        if n_accepted:
            assert isinstance(mine[-1], DoneLine)
            assert mine[-1].cum_qty_lots == sum(line.qty_lots for line in fills)
        elif not any(isinstance(line, RefusedLine) for line in mine):
            assert [r.kind for r in told] == [ReportKind.NOT_FOUND]
            assert isinstance(mine[-1], AbsentLine)
            assert child.client_id not in said or said[child.client_id].kind is ReportKind.UNKNOWN
    await exchange.close()
