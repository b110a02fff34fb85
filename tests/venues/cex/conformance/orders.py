"""Orders: sent once, kept by their id, filled to the unit, ended by the venue's own word."""

from __future__ import annotations

import asyncio
import os
from decimal import Decimal

import aiohttp

from app.domain.enums import Side, TimeInForce
from app.domain.fills import ReportKind
from app.shm.lease import create_lease
from app.venues.cex.sweep import load_sweeps
from app.workers.watchdog import Watchdog, WatchedDesk, WatchOrders
from tests.venues.cex.conformance.desks import Desk, nano

R = ReportKind
SWEEPS = load_sweeps()


async def signature_is_accepted_and_the_client_id_kept(desk: Desk) -> None:
    child = await desk.resting()
    (order,) = desk.theirs(child)
    assert order["state"] == "open"
    assert list(await desk.venue.open_client_ids()) == [child.client_id]
    placed = [request for request in desk.signer.requests if request.method != "GET" or "buy" in request.path]
    assert placed


async def an_ioc_order_fills_at_once(desk: Desk) -> None:
    child = await desk.sent("100.50", "1.5")
    await desk.ended(child)
    assert desk.kinds(child)[:2] == [R.ACKED, R.FILLED]
    assert desk.filled_lots(child) == child.qty_lots
    desk.agrees_with_ledger(child)


async def an_ioc_order_gives_up_its_rest(desk: Desk) -> None:
    child = await desk.sent("100.55", "3")
    reports = await desk.ended(child)
    assert reports[-1].kind in (R.CANCELED, R.EXPIRED)
    assert reports[-1].cum_qty_lots == desk.filled_lots(child) == child.qty_lots * 2 // 3
    desk.agrees_with_ledger(child)


async def a_sell_fills_too(desk: Desk) -> None:
    child = await desk.sent("99.90", "6", Side.SELL)
    await desk.ended(child)
    assert desk.filled_lots(child) == child.qty_lots
    assert len(desk.fills(child)) == 2
    desk.agrees_with_ledger(child)


async def an_fok_order_fills_whole_or_not_at_all(desk: Desk) -> None:
    if TimeInForce.FOK not in desk.profile.time_in_force:
        child = await desk.sent("100.60", "50", tif=TimeInForce.FOK)
        assert desk.kinds(child) == [R.REJECTED]
        assert desk.theirs(child) == []
        return
    killed = await desk.sent("100.60", "50", tif=TimeInForce.FOK)
    reports = await desk.ended(killed)
    assert reports[-1].kind in (R.CANCELED, R.EXPIRED, R.REJECTED)
    assert desk.filled_lots(killed) == 0
    whole = await desk.sent("100.60", "10", tif=TimeInForce.FOK)
    await desk.ended(whole)
    desk.agrees_with_ledger(whole)


async def a_gtc_order_rests_fills_in_parts_and_is_canceled(desk: Desk) -> None:
    child = await desk.resting("100.20", "4")
    assert R.FILLED not in desk.kinds(child)
    desk.server.control.set_book(desk.name, desk.place.market, [("100.00", "5")], [("100.20", "1"), ("101.00", "5")])
    await desk.until(lambda: desk.filled_lots(child) == child.qty_lots // 4)
    await desk.venue.cancel(child)
    reports = await desk.ended(child)
    assert (reports[-1].kind, reports[-1].cum_qty_lots) == (R.CANCELED, child.qty_lots // 4)
    desk.agrees_with_ledger(child)


async def a_post_only_order_rests_and_never_takes(desk: Desk) -> None:
    """One that would take ends without a fill: refused with the engine's word for it, or taken and canceled."""
    terms = {"tif": TimeInForce.GTC, "is_post_only": True, "rest_until_ns": desk.clock.wall_ns() + 60 * 10**9}
    child = await desk.sent("100.20", "1", **terms)
    await desk.until(lambda: R.ACKED in desk.kinds(child))
    assert [order["state"] for order in desk.theirs(child)] == ["open"]
    taker = await desk.sent("100.60", "1", **terms)
    reports = await desk.ended(taker)
    assert reports[-1].kind in (R.REJECTED, R.CANCELED, R.EXPIRED), reports
    assert reports[-1].kind is not R.REJECTED or reports[-1].code == "post_only", reports
    assert desk.filled_lots(taker) == 0
    assert not [order for order in desk.theirs(taker) if order["state"] == "open"]
    await desk.venue.cancel(child)
    assert (await desk.ended(child))[-1].kind is R.CANCELED
    hidden = await desk.sent("100.20", "1", **terms, display_lots=1)
    assert [(r.kind, r.code) for r in desk.of(hidden)] == [(R.REJECTED, "not_sent")]


async def a_cancel_after_the_fill_is_rejected(desk: Desk) -> None:
    child = await desk.sent("100.50", "1")
    await desk.ended(child)
    await desk.venue.cancel(child)
    await desk.until(lambda: R.CANCEL_REJECTED in desk.kinds(child))
    assert desk.of(child)[-1].code == "already_done"
    never = desk.child("99.00", "1")
    await desk.venue.cancel(never)
    await desk.until(lambda: R.CANCEL_REJECTED in desk.kinds(never))
    assert desk.of(never)[-1].code == "unknown_order"


async def a_cancel_races_a_fill(desk: Desk) -> None:
    """Whoever wins, the last word and the fills are the exchange's own."""
    children = [await desk.resting("100.20", "1") for _ in range(4)]

    async def fill() -> None:
        asks = [("100.20", "2"), ("101.00", "5")]
        await asyncio.to_thread(desk.server.control.set_book, desk.name, desk.place.market, [("99.50", "5")], asks)

    await asyncio.gather(fill(), *(desk.venue.cancel(child) for child in children))
    for child in children:
        await desk.ended(child)
        (order,) = desk.theirs(child)
        desk.agrees_with_ledger(child)
        assert (order["state"] == "filled") == (desk.filled_lots(child) == child.qty_lots)


async def numbers_leave_and_come_back_exactly(desk: Desk) -> None:
    tick, lot = Decimal(desk.place.tick), Decimal(desk.place.lot)
    for price, qty in ((100 - 3 * tick, 1 + lot), (7 * tick, 12_345 - lot), (98 + tick, 2 - lot)):
        child = await desk.resting(str(price), str(qty))
        (order,) = desk.theirs(child)
        assert (Decimal(order["price"]), Decimal(order["qty"])) == (price, qty)
        found = next(
            o for o in (await desk.venue.statement(desk.account)).open_orders if o.client_id == child.client_id
        )
        assert (found.price_ticks, found.leaves_lots, found.side) == (child.price_ticks, child.qty_lots, Side.BUY)


async def what_the_venue_refuses_is_rejected_with_its_code(desk: Desk) -> None:
    poor = await desk.sent("100.00", "99999999", tif=TimeInForce.GTC)
    (report,) = await desk.ended(poor)
    assert report.kind is R.REJECTED, report
    assert report.code
    assert desk.profile.is_proof_of_refusal(report.code, report.text)
    assert desk.theirs(poor) == []
    small = await desk.sent("0.01", desk.place.lot, tif=TimeInForce.GTC)
    await desk.until(lambda: bool(desk.of(small)))
    if desk.theirs(small):  # the venue has no minimum here
        assert desk.kinds(small)[0] is R.ACKED
    else:
        assert desk.kinds(small) == [R.REJECTED]


async def what_may_not_leave_is_refused_here(desk: Desk) -> None:
    late = await desk.sent("99.00", "1", deadline_ts_ns=desk.clock.wall_ns() - 1)
    assert [(r.kind, r.code) for r in desk.of(late)] == [(R.REJECTED, "not_sent")]
    assert desk.theirs(late) == []


async def _is_left(watchdog: Watchdog, watched: WatchedDesk) -> bool:
    """One sweep. What the venue refuses is asked again, as the watchdog does: here both sides use one key's nonces."""
    try:
        return await watchdog._sweep_once(watched, SWEEPS[watched.ccxt_id])
    except ValueError:
        return True


async def the_watchdogs_table_leaves_nothing_open(desk: Desk) -> None:
    """What cancels for a dead engine knows no order: it must find by itself what the adapter has placed."""
    children = [await desk.resting(), await desk.resting("98.00")]
    watched = WatchedDesk(desk.name, desk.account, desk.profile.ccxt_id, f"http://127.0.0.1:{desk.server.port}")
    engine, lease = os.getpid(), create_lease(f"test-sweep-{os.getpid()}-{desk.name}")
    try:
        watchdog = Watchdog(WatchOrders(lease.segment.name, engine, 1_000, (watched,)), lease, desk.signer)
        async with aiohttp.ClientSession() as watchdog._session:
            async with asyncio.timeout(20):
                while await _is_left(watchdog, watched):  # noqa: ASYNC110 - bounded
                    await asyncio.sleep(0.05)
        os.close(watchdog._engine)
    finally:
        lease.segment.unlink()
    assert [order["state"] for child in children for order in desk.theirs(child)] == ["canceled"] * 2
    for child in children:
        await desk.ended(child)


async def a_statement_is_the_exchanges_ledger(desk: Desk) -> None:
    child = await desk.sent("100.60", "2.5")
    await desk.ended(child)
    resting = await desk.resting("99.00", "2")
    statement = await desk.venue.statement(desk.account)
    theirs = desk.server.control.balances(desk.name, desk.account)
    ours = {balance.currency: balance.total_nano for balance in statement.balances}
    assert {c: v for c, v in ours.items() if v} == {c: nano(text) for c, text in theirs.items()}, (ours, theirs)
    assert [order.client_id for order in statement.open_orders] == [resting.client_id]
    quote = desk.place.symbol.split("/")[1]
    held = next(balance for balance in statement.balances if balance.currency == quote)
    assert held.free_nano < held.total_nano
    assert statement.as_of_ts_ns > 0


CHECKS = (
    signature_is_accepted_and_the_client_id_kept,
    an_ioc_order_fills_at_once,
    an_ioc_order_gives_up_its_rest,
    a_sell_fills_too,
    an_fok_order_fills_whole_or_not_at_all,
    a_gtc_order_rests_fills_in_parts_and_is_canceled,
    a_post_only_order_rests_and_never_takes,
    a_cancel_after_the_fill_is_rejected,
    a_cancel_races_a_fill,
    numbers_leave_and_come_back_exactly,
    what_the_venue_refuses_is_rejected_with_its_code,
    what_may_not_leave_is_refused_here,
    the_watchdogs_table_leaves_nothing_open,
    a_statement_is_the_exchanges_ledger,
)
