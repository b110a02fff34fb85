"""What every venue adapter keeps, in process and across one: the same tests for both."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.domain.enums import Side, TimeInForce
from app.domain.errors import InvariantBroken, Unavailable
from app.domain.fees import fee_nano
from app.domain.fills import ReportKind
from app.domain.orders import Approved
from app.domain.statement import VenueState
from app.venues.faults import Faults
from tests.contracts.venue_desk import SYMBOL, VENUE, VenueDesk, VenueProcess

R = ReportKind


@pytest.fixture(scope="module")
def venue_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VenueProcess]:
    process = VenueProcess(tmp_path_factory.mktemp("venues"))
    process.start()
    yield process
    assert process.stop() == 0


@pytest.fixture(params=["in_process", "in_process_answering", "own_process"])
async def desk(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[VenueDesk]:
    if request.param == "in_process":
        made = VenueDesk(tmp_path, None)
    elif request.param == "in_process_answering":
        made = VenueDesk(tmp_path, None, "queue_reactive")
    else:
        process: VenueProcess = request.getfixturevalue("venue_process")
        made = VenueDesk(process.folder, process)
    await made.open()
    yield made
    await made.close()


async def test_a_marketable_child_is_acknowledged_then_filled(desk: VenueDesk) -> None:
    child = desk.child()
    await desk.send(child)
    acked, *fills = await desk.ended(child)
    assert acked.kind is R.ACKED
    assert acked.venue_order_id
    assert {report.kind for report in fills} == {R.FILLED}
    assert sum(report.qty_lots for report in fills) == child.qty_lots == fills[-1].cum_qty_lots
    for report in fills:
        assert report.price_ticks <= child.price_ticks
        assert report.venue_order_id == acked.venue_order_id
        assert report.mid_half_units > 0
        assert report.received_ts_ns >= report.venue_ts_ns > 0
        assert report.evidence.startswith(f"ledger:{VENUE}:")


async def test_a_fill_costs_the_taker_fee_in_the_money_currency(desk: VenueDesk) -> None:
    child = desk.child()
    await desk.send(child)
    _, fill, *_ = await desk.ended(child)
    symbol, tier = desk.universe.symbols[SYMBOL], desk.universe.fees[VENUE]
    money_nano = symbol.money_nano(fill.price_ticks * child.tick_units, fill.qty_lots * child.lot_units)
    assert fill.fee_nano == fee_nano(money_nano, tier.taker_fee_ppm) + tier.fixed_nano
    assert fill.gas_nano == tier.fixed_nano
    assert fill.fee_currency == "USDT"


@pytest.mark.parametrize("side", list(Side))
async def test_what_an_ioc_child_cannot_fill_is_canceled_with_the_total_told(desk: VenueDesk, side: Side) -> None:
    child = desk.child(bps=5, qty="huge", side=side)
    await desk.send(child)
    reports = await desk.ended(child)
    fills = [report for report in reports if report.kind is R.FILLED]
    assert 0 < sum(report.qty_lots for report in fills) < child.qty_lots
    assert reports[-1].kind is R.CANCELED
    assert reports[-1].cum_qty_lots == sum(report.qty_lots for report in fills)
    assert all(side.sign * (report.price_ticks - child.price_ticks) <= 0 for report in fills)


async def test_a_child_that_crosses_nothing_is_canceled_unfilled(desk: VenueDesk) -> None:
    child = desk.child(bps=-100)
    await desk.send(child)
    reports = await desk.ended(child)
    assert [report.kind for report in reports] == [R.ACKED, R.CANCELED]
    assert reports[-1].cum_qty_lots == 0


async def test_a_fok_child_fills_whole_or_not_at_all(desk: VenueDesk) -> None:
    small = desk.child(time_in_force=TimeInForce.FOK)
    huge = desk.child(qty="huge", time_in_force=TimeInForce.FOK)
    await desk.send(small)
    await desk.send(huge)
    assert (await desk.ended(small))[-1].cum_qty_lots == small.qty_lots
    reports = await desk.ended(huge)
    assert [report.kind for report in reports] == [R.ACKED, R.EXPIRED]
    assert reports[-1].cum_qty_lots == 0


async def test_what_was_taken_is_missing_from_the_next_book(desk: VenueDesk) -> None:
    child = desk.child(bps=5, qty="huge")
    await desk.send(child)
    await desk.ended(child)
    again = desk.child(bps=0, qty="huge", price_ticks=child.price_ticks)
    await desk.send(again)
    first = sum(report.qty_lots for report in desk.of(child))
    second = sum(report.qty_lots for report in await desk.ended(again))
    assert second < first / 2


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"lot_units": 7}, "bad_lot"),
        ({"qty_lots": 0}, "bad_lot"),
        ({"tick_units": 3}, "bad_tick"),
        ({"price_ticks": 0}, "bad_tick"),
        ({"qty_lots": 1}, "min_notional"),
        ({"time_in_force": TimeInForce.GTC}, "time_in_force"),
        ({"deadline_ts_ns": 1}, "deadline_passed"),
        ({"symbol": "DOGE/USDT"}, "unknown_symbol"),
    ],
)
async def test_a_bad_child_is_rejected_with_evidence_that_stays(
    desk: VenueDesk, changes: dict[str, Any], code: str
) -> None:
    child = desk.child(**changes)
    await desk.send(child)
    (rejected,) = await desk.ended(child)
    assert (rejected.kind, rejected.code) == (R.REJECTED, code)
    assert rejected.evidence
    (again,) = await desk.told_again(child)
    assert (again.kind, again.code, again.evidence) == (R.REJECTED, code, rejected.evidence)
    assert desk.n_accepted(child) == 0


async def test_a_client_id_is_taken_once_whoever_sends_it_again(desk: VenueDesk) -> None:
    child = desk.child()
    await desk.send(child)
    await desk.ended(child)
    other = await desk.another_gateway()
    await other.send(replace(child, qty_lots=4))
    await other.until(lambda: R.UNKNOWN in other.kinds(child))
    assert other.of(child)[-1].code == "duplicate_client_id"
    assert desk.n_accepted(child) == 1
    known = await desk.told_again(child)
    assert known[-1].cum_qty_lots == child.qty_lots  # the first use stands
    if desk.process is not None:
        await other.venue.stop()


async def test_one_adapter_never_sends_an_id_twice(desk: VenueDesk) -> None:
    child = desk.child()
    await desk.send(child)
    with pytest.raises(InvariantBroken):
        await desk.send(child)
    await desk.ended(child)
    assert desk.n_accepted(child) == 1


async def test_a_child_without_the_gates_proof_never_leaves(desk: VenueDesk) -> None:
    child = desk.child()
    not_approved = (child, Approved("a child", 1, 1), Approved(child, 0, 1), Approved(child, 1, 0))
    elsewhere = Approved(replace(child, venue="sim_alpha"), 1, 1)
    for attempt in (*not_approved, elsewhere):
        with pytest.raises(InvariantBroken):
            await desk.venue.send(attempt)  # type: ignore[arg-type]
    await asyncio.sleep(0.05)
    assert desk.n_accepted(child) == 0


async def test_a_miss_before_the_deadline_is_no_proof(desk: VenueDesk) -> None:
    child = desk.child()
    (missed,) = await desk.told_again(child)
    assert (missed.kind, missed.code) == (R.NOT_FOUND, "may_still_arrive")
    await desk.send(child)
    assert (await desk.ended(child))[-1].kind is not R.REJECTED


async def test_a_miss_after_the_deadline_makes_acceptance_impossible(desk: VenueDesk) -> None:
    child = desk.child(deadline_ts_ns=desk.clock.wall_ns() - 1)
    (missed,) = await desk.told_again(child)
    assert (missed.kind, missed.code) == (R.NOT_FOUND, "never_accepted")
    # Even if the venue's clock stepped back so that the deadline were ahead again.
    late = replace(child, deadline_ts_ns=desk.clock.wall_ns() + 10_000_000_000)
    await desk.send(late)
    await desk.until(lambda: R.REJECTED in desk.kinds(late))
    assert desk.of(late)[-1].code == "deadline_passed"
    assert desk.n_accepted(late) == 0


async def test_a_query_tells_the_same_fills_again(desk: VenueDesk) -> None:
    child = desk.child(bps=5, qty="huge")
    await desk.send(child)
    told = [replace(report, received_ts_ns=0) for report in await desk.ended(child)]
    again = [replace(report, received_ts_ns=0) for report in await desk.told_again(child)]
    assert again == told


async def test_the_ledger_answers_after_a_restart(desk: VenueDesk) -> None:
    child = desk.child(bps=5, qty="huge")
    await desk.send(child)
    told = [replace(report, received_ts_ns=0) for report in await desk.ended(child)]
    last_book_seq = desk.books[-1].book_seq
    await desk.restart()
    again = [replace(report, received_ts_ns=0) for report in await desk.told_again(child)]
    assert again == told
    assert desk.books[0].book_seq > last_book_seq
    other = desk.child()
    await desk.send(other)
    old_trades = {report.venue_trade_id for report in told} - {""}
    assert old_trades.isdisjoint({report.venue_trade_id for report in await desk.ended(other)} - {""})


async def test_an_order_open_at_the_end_is_canceled_in_the_ledger(desk: VenueDesk) -> None:
    await desk.set_faults(Faults(is_holding=True))
    child = desk.child()
    await desk.send(child)
    await desk.until(lambda: desk.n_accepted(child) == 1)
    await desk.restart()
    reports = await desk.told_again(child)
    assert [report.kind for report in reports] == [R.ACKED, R.CANCELED]
    assert reports[-1].cum_qty_lots == 0


async def test_a_lost_acknowledgement_is_unknown_and_a_query_finds_it(desk: VenueDesk) -> None:
    await desk.set_faults(Faults(lose_reports_ppm=1_000_000))
    child = desk.child()
    await desk.send(child)
    await desk.until(lambda: R.UNKNOWN in desk.kinds(child))
    assert set(desk.kinds(child)) == {R.UNKNOWN}
    assert desk.n_accepted(child) == 1
    found = await desk.told_again(child)
    assert found[-1].cum_qty_lots == child.qty_lots


async def test_a_lost_request_is_unknown_and_never_accepted(desk: VenueDesk) -> None:
    await desk.set_faults(Faults(lose_request_ppm=1_000_000))
    child = desk.child()
    await desk.send(child)
    await desk.until(lambda: R.UNKNOWN in desk.kinds(child))
    assert desk.n_accepted(child) == 0
    (missed,) = await desk.told_again(child)
    assert missed.kind is R.NOT_FOUND


async def test_a_silent_loss_says_nothing(desk: VenueDesk) -> None:
    await desk.set_faults(Faults(lose_reports_ppm=1_000_000, is_silent=True))
    child = desk.child()
    await desk.send(child)
    await desk.until(lambda: desk.n_accepted(child) == 1)
    await asyncio.sleep(0.05)
    assert desk.of(child) == []


async def test_repeated_and_shuffled_fills_keep_their_trade_ids(desk: VenueDesk) -> None:
    await desk.set_faults(Faults(n_extra_fills=2, is_shuffling=True))
    child = desk.child(bps=5, qty="huge")
    await desk.send(child)
    await desk.until(lambda: R.CANCELED in desk.kinds(child))
    await asyncio.sleep(0.02)
    trades = Counter(report.venue_trade_id for report in desk.of(child) if report.kind is R.FILLED)
    assert set(trades.values()) == {3}
    once = {r.venue_trade_id: r.qty_lots for r in desk.of(child) if r.kind is R.FILLED}
    canceled = next(report for report in desk.of(child) if report.kind is R.CANCELED)
    assert sum(once.values()) == canceled.cum_qty_lots


async def test_delayed_reports_come_later(desk: VenueDesk) -> None:
    await desk.set_faults(Faults(delay_ns=200_000_000))
    child = desk.child()
    await desk.send(child)
    reports = await desk.ended(child)
    assert all(report.received_ts_ns - report.venue_ts_ns >= 200_000_000 for report in reports)


async def test_a_held_order_is_open_until_canceled(desk: VenueDesk) -> None:
    await desk.set_faults(Faults(is_holding=True))
    child = desk.child()
    await desk.send(child)
    await desk.until(lambda: desk.n_accepted(child) == 1)
    assert list(await desk.venue.open_client_ids()) == [child.client_id]
    assert desk.of(child) == []
    await desk.venue.cancel(child)
    await asyncio.sleep(0.05)
    assert list(await desk.venue.open_client_ids()) == []
    await desk.set_faults(Faults())
    reports = await desk.ended(child)
    await asyncio.sleep(0.05)
    assert desk.kinds(child) == [R.ACKED, R.CANCELED]
    assert reports[-1].cum_qty_lots == 0


async def test_a_held_order_goes_on_when_released(desk: VenueDesk) -> None:
    await desk.set_faults(Faults(is_holding=True))
    child = desk.child()
    await desk.send(child)
    await desk.until(lambda: desk.n_accepted(child) == 1)
    await desk.set_faults(Faults())
    assert (await desk.ended(child))[-1].cum_qty_lots == child.qty_lots


async def test_a_cancel_that_comes_too_late_is_rejected(desk: VenueDesk) -> None:
    done, never_sent = desk.child(), desk.child()
    await desk.send(done)
    await desk.ended(done)
    for child, code in ((done, "already_done"), (never_sent, "unknown_order")):
        await desk.venue.cancel(child)
        await desk.until(lambda child=child: R.CANCEL_REJECTED in desk.kinds(child))  # type: ignore[misc]
        assert desk.of(child)[-1].code == code


async def test_a_reject_switch_refuses_every_order(desk: VenueDesk) -> None:
    await desk.set_faults(Faults(reject_code="maintenance"))
    child = desk.child()
    await desk.send(child)
    (rejected,) = await desk.ended(child)
    assert (rejected.kind, rejected.code) == (R.REJECTED, "maintenance")


async def test_a_venue_that_is_down_answers_nothing(desk: VenueDesk) -> None:
    await desk.set_faults(Faults(is_down=True))
    await asyncio.sleep(0.05)
    child = desk.child()
    await desk.send(child)
    with pytest.raises(Unavailable):
        await desk.venue.open_client_ids()
    await desk.until(lambda: R.UNKNOWN in desk.kinds(child))
    n_books = len(desk.books)
    await desk.venue.query(child)
    await asyncio.sleep(0.25)
    assert len(desk.books) == n_books
    assert desk.kinds(child) == [R.UNKNOWN]
    assert desk.n_accepted(child) == 0


async def test_books_move_in_order_uncrossed_and_on_the_grid(desk: VenueDesk) -> None:
    await desk.until(lambda: len(desk.books) >= 8)
    for symbol in desk.universe.symbols:
        instrument = desk.universe.instruments[(VENUE, symbol)]
        books = [book for book in desk.books if book.symbol == symbol]
        assert [b.book_seq for b in books] == sorted({b.book_seq for b in books})
        assert len({b.asks for b in books}) > 1
        for book in books:
            assert book.bids[0][0] < book.asks[0][0]
            assert book.received_ts_ns >= book.venue_ts_ns
            for levels, sign in ((book.bids, -1), (book.asks, 1)):
                prices = [sign * price_units for price_units, _ in levels]
                assert prices == sorted(set(prices))
                on_grid = [p % instrument.tick_units == 0 and q % instrument.lot_units == 0 < q for p, q in levels]
                assert all(on_grid), levels


async def test_the_statement_is_what_the_ledger_adds_up_to(desk: VenueDesk) -> None:
    before = {b.currency: b.total_nano for b in (await desk.venue.statement("desk")).balances}
    child = desk.child()
    await desk.send(child)
    fills = [report for report in await desk.ended(child) if report.kind is R.FILLED]
    symbol = desk.universe.symbols[SYMBOL]
    paid_nano = sum(
        symbol.money_nano(f.price_ticks * child.tick_units, f.qty_lots * child.lot_units) + f.fee_nano for f in fills
    )
    after = await desk.venue.statement("desk")
    moved = {b.currency: b.total_nano - before.get(b.currency, 0) for b in after.balances}
    assert moved["USDT"] == -paid_nano
    assert moved["BTC"] == child.qty_units * 10 ** (9 - symbol.qty_scale)
    assert (after.venue, after.open_orders) == (VENUE, ())
    assert after.as_of_ts_ns >= fills[-1].venue_ts_ns


async def test_health_is_up_while_it_can_be_reached(desk: VenueDesk) -> None:
    assert desk.venue.health().state is VenueState.UP
    await desk.venue.stop()
    await desk.until(lambda: desk.venue.health().state is VenueState.DOWN)
    assert desk.venue.health().reason
    with pytest.raises(Unavailable):
        await desk.venue.statement("desk")


async def test_a_child_rests_until_it_is_canceled_or_is_refused_as_one_that_may_not(desk: VenueDesk) -> None:
    rests: dict[str, Any] = {
        "time_in_force": TimeInForce.GTC,
        "is_post_only": True,
        "rest_until_ns": desk.clock.wall_ns() + 10**11,
    }
    child = desk.child(bps=-300, **rests)
    await desk.send(child)
    await desk.until(lambda: bool(desk.of(child)))
    if desk.of(child)[0].kind is R.REJECTED:  # books that answer take none that rest yet
        assert desk.of(child)[0].code == "time_in_force"
        assert desk.family != "basic"
        return
    assert [report.kind for report in desk.of(child)] == [R.ACKED]
    assert child.client_id in await desk.venue.open_client_ids()
    await desk.venue.cancel(child)
    *_, canceled = await desk.ended(child)
    assert (canceled.kind, canceled.cum_qty_lots) == (R.CANCELED, 0)
    crossing = desk.child(bps=100, **rests)
    await desk.send(crossing)
    (refused,) = await desk.ended(crossing)
    assert (refused.kind, refused.code) == (R.REJECTED, "post_only")
