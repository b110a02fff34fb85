"""Stops that rest at the venue: what each that holds stops for us must show. The exchange's ledger is the oracle."""

from __future__ import annotations

import asyncio
import os
from decimal import Decimal
from typing import Any

import aiohttp

from app.domain.enums import Side
from app.domain.fills import ExecutionReport, ReportKind
from app.domain.orders import ChildOrder
from app.domain.venue_stops import FOREVER_NS, StopSource, VenueStop
from app.shm.lease import create_lease
from app.venues.cex.sweep import load_sweeps
from app.workers.watchdog import Watchdog, WatchedDesk, WatchOrders
from tests.venues.cex.conformance.desks import TIMEOUT_S, Desk

R = ReportKind
SWEEPS = load_sweeps()
# Around 100: the suite's own book. A seller's stop waits at 95 and takes no less than 90; a buyer's at 105, up to 110.
DOWN, FLOOR, UP, CAP = "95.00", "90.00", "105.00", "110.00"
FALLEN = ([("94.00", "5"), ("93.00", "9")], [("95.50", "5"), ("96.00", "9")])
RISEN = ([("104.50", "5"), ("104.00", "9")], [("106.00", "5"), ("107.00", "9")])


def stop(
    desk: Desk, side: Side = Side.SELL, qty: str = "1", *, at: str = "", price: str = "", **how: Any
) -> ChildOrder:
    """A stop that waits for the venue's last price; `price` is the worst that it takes then."""
    at = at or (DOWN if side is Side.SELL else UP)
    price = price or (FLOOR if side is Side.SELL else CAP)
    plain = desk.child(at, qty, side)
    where = VenueStop(plain.price_ticks, how.pop("by", StopSource.LAST), how.pop("replaces", ""))
    return desk.child(price, qty, side, stop=where, rest_until_ns=FOREVER_NS, **how)


async def resting_stop(desk: Desk, side: Side = Side.SELL, qty: str = "1", **how: Any) -> ChildOrder:
    calm(desk)
    child = await desk.send(stop(desk, side, qty, **how))
    await desk.until(lambda: R.ACKED in desk.kinds(child))
    return child


def calm(desk: Desk) -> None:
    """The suite's own book with a trade in its middle."""
    move(desk, ([("100.00", "5"), ("99.50", "20")], [("100.50", "2"), ("101.00", "20")]), "100.20")


def move(desk: Desk, book: Any, last: str) -> None:
    desk.server.control.move(desk.name, desk.place.market, *book, last)


def waits(desk: Desk, child: ChildOrder) -> list[str]:
    """The trigger prices of the exchange's own orders under the child's id that still wait for them."""
    return [order["stop"] for order in desk.theirs(child) if order["stop"] and order["state"] == "open"]


async def canceled(desk: Desk, child: ChildOrder) -> ExecutionReport:
    """The venue's word that it was canceled, and never traded."""
    await desk.until(lambda: R.CANCELED in desk.kinds(child))
    return next(report for report in desk.of(child) if report.kind is R.CANCELED)


async def a_stop_rests_and_every_question_finds_it(desk: Desk) -> None:
    """Trigger, price and quantity to the last digit; nothing of it trades while its price has not come."""
    tick, lot = Decimal(desk.place.tick), Decimal(desk.place.lot)
    at, price, qty = str(Decimal(DOWN) - 3 * tick), str(Decimal(FLOOR) + tick), str(2 - lot)
    child = await resting_stop(desk, qty=qty, at=at, price=price)
    (order,) = desk.theirs(child)
    assert [Decimal(order[name]) for name in ("stop", "price", "qty")] == [Decimal(at), Decimal(price), Decimal(qty)]
    assert order["side"] == "sell"
    assert R.ACKED in {report.kind for report in await desk.asked(child)}
    assert child.client_id in await desk.venue.open_client_ids()
    (told,) = [o for o in (await desk.venue.statement(desk.account)).open_orders if o.client_id == child.client_id]
    assert (told.price_ticks, told.leaves_lots, told.side) == (child.price_ticks, child.qty_lots, Side.SELL)
    move(desk, FALLEN, str(Decimal(at) + tick))
    await asyncio.sleep(0.3)
    await desk.venue.query(child)
    assert (waits(desk, child), desk.fills(child), {R.EXPIRED, R.CANCELED} & set(desk.kinds(child))) == (
        [str(Decimal(at).normalize())], [], set(),
    )  # fmt: skip


async def a_stop_goes_off_and_its_fills_are_told_once(desk: Desk) -> None:
    for side, book, last in ((Side.SELL, FALLEN, DOWN), (Side.BUY, RISEN, UP)):
        child = await resting_stop(desk, side, "6")
        move(desk, book, last)
        await desk.until(lambda child=child: desk.filled_lots(child) == child.qty_lots)  # type: ignore[misc]
        for _ in range(2):
            await desk.venue.query(child)
        desk.agrees_with_ledger(child)
        assert len(desk.theirs(child)) == 1
        assert not {R.CANCELED, R.EXPIRED, R.REJECTED} & set(desk.kinds(child))


async def what_a_stop_does_not_fill_at_once_expires(desk: Desk) -> None:
    """An end without a cancel of ours: the engine takes it for gone off, and places the rest anew."""
    child = await resting_stop(desk, qty="6", price="93.50")
    move(desk, FALLEN, DOWN)
    reports = await desk.ended(child)
    assert (reports[-1].kind, reports[-1].cum_qty_lots) == (R.EXPIRED, child.qty_lots * 5 // 6)
    desk.agrees_with_ledger(child)
    empty = await resting_stop(desk, price="94.50")
    move(desk, FALLEN, DOWN)
    reports = await desk.ended(empty)
    assert (reports[-1].kind, reports[-1].cum_qty_lots, desk.fills(empty)) == (R.EXPIRED, 0, [])
    assert [order["state"] for order in desk.theirs(empty)] == ["canceled"]


async def nothing_of_a_stop_stays_in_the_book(desk: Desk) -> None:
    """Also where the venue lets the rest of one that went off rest, and the first wish to have it back is lost."""
    child = await resting_stop(desk, qty="6", price="93.50")
    desk.switch("lost_request", route="cancel", times=1)
    move(desk, FALLEN, DOWN)
    reports = await desk.ended(child)
    assert (reports[-1].kind, reports[-1].cum_qty_lots) == (R.EXPIRED, child.qty_lots * 5 // 6)
    assert [order["state"] for order in desk.theirs(child)] == ["canceled"]
    assert child.client_id not in await desk.venue.open_client_ids()


async def a_stop_that_is_canceled_never_trades(desk: Desk) -> None:
    child = await resting_stop(desk)
    await desk.venue.cancel(child)
    reports = await desk.ended(child)
    assert (reports[-1].kind, reports[-1].cum_qty_lots) == (R.CANCELED, 0)
    move(desk, FALLEN, DOWN)
    await asyncio.sleep(0.2)
    await desk.venue.query(child)
    assert desk.ledger_fills(child) == desk.fills(child) == []
    assert desk.of(child)[-1].kind is R.CANCELED


async def a_cancel_races_the_trigger(desk: Desk) -> None:
    """Whoever wins, the last word and the fills are the exchange's own: canceled only where it never went off."""
    calm(desk)
    children = [await desk.send(stop(desk)) for _ in range(4)]
    await desk.until(lambda: all(R.ACKED in desk.kinds(child) for child in children))
    fall = asyncio.to_thread(desk.server.control.move, desk.name, desk.place.market, *FALLEN, DOWN)
    await asyncio.gather(fall, *(desk.venue.cancel(child) for child in children))
    for child in children:
        reports = await desk.ended(child)
        (order,) = desk.theirs(child)
        desk.agrees_with_ledger(child)
        assert (order["state"] == "filled") == (desk.filled_lots(child) == child.qty_lots)
        if order["state"] == "canceled":
            assert reports[-1].kind is R.CANCELED
    late = children[0]
    if desk.filled_lots(late):
        await desk.venue.cancel(late)
        await desk.until(lambda: desk.of(late)[-1].kind is R.CANCEL_REJECTED)
        assert desk.of(late)[-1].code == "already_done"


async def a_stop_that_is_through_already_is_refused_or_goes_off(desk: Desk) -> None:
    """It must never be taken for one that waits for the price to come back."""
    for side, book, last in ((Side.SELL, FALLEN, "94.50"), (Side.BUY, RISEN, "105.50")):
        move(desk, book, last)
        child = await desk.send(stop(desk, side))
        reports = await desk.ended(child)
        assert waits(desk, child) == []
        if reports[-1].kind is R.REJECTED:
            assert desk.theirs(child) == []
            assert desk.profile.is_proof_of_refusal(reports[-1].code, reports[-1].text)
        else:
            assert desk.filled_lots(child) == child.qty_lots
            desk.agrees_with_ledger(child)


async def a_stop_under_a_client_id_that_is_known_is_no_second_one(desk: Desk) -> None:
    """Another process sends what this one has sent: whatever its answer is, no stop is lost and none is doubled."""
    child = await resting_stop(desk)
    other = await desk.another(has_feed=False)
    try:
        await other.send(child)
        assert not {R.REJECTED, R.CANCELED, R.EXPIRED} & set(other.kinds(child))
        await other.venue.query(child)
        await other.until(lambda: R.ACKED in other.kinds(child))
    finally:
        await other.close()
    assert len(waits(desk, child)) == 1
    move(desk, FALLEN, DOWN)
    await desk.until(lambda: desk.filled_lots(child) == child.qty_lots)
    desk.agrees_with_ledger(child)


async def a_stop_whose_answer_is_lost_is_unknown_and_found(desk: Desk) -> None:
    for fault, value in (("lost_ack", 0.0), ("error_after", 0.0), ("slow_answer", TIMEOUT_S + 2.5)):
        calm(desk)
        desk.switch(fault, route="place", times=1, **({"value": value} if value else {}))
        child = await desk.send(stop(desk))
        assert R.UNKNOWN in desk.kinds(child), fault
        assert not {R.REJECTED, R.CANCELED, R.EXPIRED} & set(desk.kinds(child))
        await desk.venue.query(child)
        await desk.until(lambda child=child: R.ACKED in desk.kinds(child))  # type: ignore[misc]
        assert len(waits(desk, child)) == 1
        await desk.venue.cancel(child)
        assert (await canceled(desk, child)).cum_qty_lots == 0


async def one_whose_answer_is_lost_and_that_goes_off_is_booked(desk: Desk) -> None:
    calm(desk)
    desk.switch("lost_ack", route="place", times=1)
    child = await desk.send(stop(desk, qty="2"))
    assert R.UNKNOWN in desk.kinds(child)
    move(desk, FALLEN, DOWN)
    await desk.venue.query(child)
    await desk.until(lambda: desk.filled_lots(child) == child.qty_lots)
    desk.agrees_with_ledger(child)


async def a_stop_whose_request_is_lost_is_proven_absent(desk: Desk) -> None:
    for fault in ("lost_request", "error_before"):
        calm(desk)
        desk.switch(fault, route="place", times=1)
        child = await desk.send(stop(desk))
        assert desk.kinds(child) == [R.UNKNOWN]
        answers = await desk.asked(child)
        assert [report.kind for report in answers] == [R.NOT_FOUND]
        assert answers[0].venue_ts_ns < desk.clock.wall_ns()
        assert desk.theirs(child) == []


async def a_lost_cancel_of_a_stop_is_not_believed(desk: Desk) -> None:
    child = await resting_stop(desk)
    desk.switch("lost_request", route="cancel", times=1)
    try:
        await desk.venue.cancel(child)
    except Exception as error:
        assert type(error).__name__ == "Unavailable"
    assert R.CANCELED not in desk.kinds(child)
    assert len(waits(desk, child)) == 1
    await desk.venue.cancel(child)
    await canceled(desk, child)


async def a_restart_finds_a_stop_and_what_it_did_meanwhile(desk: Desk) -> None:
    """Another process with the same account: one stop still waits, one has gone off while nobody heard, one is gone."""
    still, gone, off = await resting_stop(desk, at="91.00"), await resting_stop(desk), await resting_stop(desk)
    await desk.venue.cancel(gone)
    await canceled(desk, gone)
    move(desk, FALLEN, DOWN)
    other = await desk.another(has_feed=False)
    try:
        await other.until(lambda: other.venue.health().state.name != "DOWN")
        for child in (still, gone, off):
            await other.venue.query(child)
        await other.until(lambda: other.filled_lots(off) == off.qty_lots)
        other.agrees_with_ledger(off)
        await other.until(lambda: R.CANCELED in other.kinds(gone))
        assert R.ACKED in other.kinds(still)
        assert other.fills(still) == other.fills(gone) == []
        assert still.client_id in await other.venue.open_client_ids()
        move(desk, ([("90.50", "5")], [("91.50", "5")]), "91.00")
        await other.until(lambda: other.filled_lots(still) == still.qty_lots)
        other.agrees_with_ledger(still)
    finally:
        await other.close()


async def a_trigger_that_the_stream_missed_is_asked_for(desk: Desk) -> None:
    """No word of the stream comes: REST alone tells that it went off, its fills and its end."""
    child = await resting_stop(desk, qty="6", price="93.50")
    desk.switch("missing_order")
    desk.switch("missing_fill")
    move(desk, FALLEN, DOWN)
    reports = await desk.ended(child)
    assert (reports[-1].kind, reports[-1].cum_qty_lots) == (R.EXPIRED, child.qty_lots * 5 // 6)
    desk.agrees_with_ledger(child)


async def the_watchdog_takes_a_stop_back_too(desk: Desk) -> None:
    children = [await resting_stop(desk), await resting_stop(desk, Side.BUY)]
    plain = await desk.resting("98.00")
    watched = WatchedDesk(desk.name, desk.account, desk.profile.ccxt_id, f"http://127.0.0.1:{desk.server.port}")
    lease = create_lease(f"test-stops-{os.getpid()}-{desk.name}")
    try:
        orders = WatchOrders(lease.segment.name, os.getpid(), 1_000, (watched,))
        watchdog = Watchdog(orders, lease, desk.signer)  # type: ignore[arg-type]
        async with aiohttp.ClientSession() as watchdog._session, asyncio.timeout(20):
            while await _is_left(watchdog, watched):  # noqa: ASYNC110 - bounded
                await asyncio.sleep(0.05)
        os.close(watchdog._engine)
    finally:
        lease.segment.unlink()
    for child in (*children, plain):
        assert [order["state"] for order in desk.theirs(child)] == ["canceled"]
        await canceled(desk, child)


async def _is_left(watchdog: Watchdog, watched: WatchedDesk) -> bool:
    try:
        return bool(await watchdog._sweep_once(watched, SWEEPS[watched.ccxt_id]))
    except ValueError:  # refused: one key's nonces are used by two here
        return True


async def what_the_venue_does_not_hold_stays_here(desk: Desk) -> None:
    """A source that it does not watch, another's place, and what came too late: refused before anything leaves."""
    calm(desk)
    for child in (
        stop(desk, by=StopSource.MARK),
        stop(desk, replaces="01JDN5X9Q8W7V6T5S4R3Q2P1N0"),
        stop(desk, deadline_ts_ns=desk.clock.wall_ns() - 1),
    ):
        await desk.send(child)
        assert [(report.kind, report.code) for report in desk.of(child)] == [(R.REJECTED, "not_sent")]
        assert desk.theirs(child) == []


CHECKS = (
    a_stop_rests_and_every_question_finds_it,
    a_stop_goes_off_and_its_fills_are_told_once,
    what_a_stop_does_not_fill_at_once_expires,
    nothing_of_a_stop_stays_in_the_book,
    a_stop_that_is_canceled_never_trades,
    a_cancel_races_the_trigger,
    a_stop_that_is_through_already_is_refused_or_goes_off,
    a_stop_under_a_client_id_that_is_known_is_no_second_one,
    a_stop_whose_answer_is_lost_is_unknown_and_found,
    one_whose_answer_is_lost_and_that_goes_off_is_booked,
    a_stop_whose_request_is_lost_is_proven_absent,
    a_lost_cancel_of_a_stop_is_not_believed,
    a_restart_finds_a_stop_and_what_it_did_meanwhile,
    a_trigger_that_the_stream_missed_is_asked_for,
    the_watchdog_takes_a_stop_back_too,
    what_the_venue_does_not_hold_stays_here,
)
