"""What was asked and not answered: unknown until the venue says, asked about, and never sent again."""

from __future__ import annotations

import asyncio

from app.domain.enums import TimeInForce
from app.domain.fills import ReportKind
from app.domain.statement import VenueState
from tests.venues.cex.conformance.desks import TIMEOUT_S, Desk

R = ReportKind
GTC = TimeInForce.GTC


async def a_lost_acknowledgement_is_unknown_and_found(desk: Desk) -> None:
    desk.switch("lost_ack", route="place", times=1)
    child = await desk.sent("99.00", "1", tif=GTC)
    assert desk.kinds(child)[0] is R.UNKNOWN or R.UNKNOWN in desk.kinds(child)
    answers = await desk.asked(child)
    assert R.ACKED in {report.kind for report in desk.of(child)}, answers
    assert len(desk.theirs(child)) == 1


async def a_lost_request_is_unknown_and_its_absence_has_the_venues_time(desk: Desk) -> None:
    desk.switch("lost_request", route="place", times=1)
    child = await desk.sent("99.00", "1", tif=GTC)
    assert desk.kinds(child) == [R.UNKNOWN]
    (answer,) = await desk.asked(child)
    assert answer.kind is R.NOT_FOUND
    assert answer.venue_ts_ns < desk.clock.wall_ns(), "the venue looked before now"
    assert desk.theirs(child) == []


async def an_error_after_acceptance_is_unknown(desk: Desk) -> None:
    desk.switch("error_after", route="place", times=1)
    child = await desk.sent("100.50", "1")
    assert R.UNKNOWN in desk.kinds(child)
    assert R.REJECTED not in desk.kinds(child)
    await desk.venue.query(child)
    await desk.until(lambda: desk.filled_lots(child) == child.qty_lots)
    desk.agrees_with_ledger(child)


async def an_error_before_acceptance_is_unknown_too(desk: Desk) -> None:
    desk.switch("error_before", route="place", times=1)
    child = await desk.sent("99.00", "1", tif=GTC)
    assert desk.kinds(child) == [R.UNKNOWN]
    assert [report.kind for report in await desk.asked(child)] == [R.NOT_FOUND]


async def a_400_for_an_order_that_trades_later_is_unknown(desk: Desk) -> None:
    desk.switch("refused_but_taken", route="place", times=1, value=0.2)
    child = await desk.sent("100.50", "1")
    assert R.UNKNOWN in desk.kinds(child)
    assert R.REJECTED not in desk.kinds(child)
    await desk.until(lambda: bool(desk.theirs(child)))
    await desk.venue.query(child)
    await desk.until(lambda: desk.filled_lots(child) == child.qty_lots)
    desk.agrees_with_ledger(child)


async def an_answer_that_comes_too_late_is_unknown(desk: Desk) -> None:
    desk.switch("slow_answer", route="place", times=1, value=TIMEOUT_S + 2.5)
    child = await desk.sent("99.00", "1", tif=GTC)
    assert R.UNKNOWN in desk.kinds(child)
    await desk.venue.query(child)
    assert R.ACKED in desk.kinds(child)
    assert len(desk.theirs(child)) == 1


async def a_hidden_order_is_not_proven_absent(desk: Desk) -> None:
    """Queries that do not show an order yet must not prove that it was never accepted."""
    desk.switch("hidden", value=0.8)
    desk.switch("lost_ack", route="place", times=1)
    desk.switch("missing_order")
    child = await desk.sent("99.00", "1", tif=GTC)
    for answer in await desk.asked(child):
        if answer.kind is R.NOT_FOUND:
            assert answer.venue_ts_ns < child.deadline_ts_ns
    await asyncio.sleep(0.9)
    await desk.venue.query(child)
    assert R.ACKED in desk.kinds(child)


async def a_rate_limit_stops_everything_until_its_end(desk: Desk) -> None:
    desk.switch("rate_limit", route="place", times=1, value=1)
    first = await desk.sent("99.00", "1", tif=GTC)
    assert desk.kinds(first)[0] in (R.UNKNOWN, R.REJECTED)
    assert desk.venue.health().state is VenueState.DOWN
    second = await desk.sent("99.00", "1", tif=GTC)
    assert [(r.kind, r.code) for r in desk.of(second)] == [(R.REJECTED, "not_sent")]
    await desk.until(lambda: desk.venue.health().state is VenueState.UP)
    third = await desk.resting()
    assert [len(desk.theirs(child)) for child in (first, second, third)] == [0, 0, 1]


async def a_lost_cancel_is_not_believed(desk: Desk) -> None:
    child = await desk.resting()
    desk.switch("lost_request", route="cancel", times=1)
    try:
        await desk.venue.cancel(child)
    except Exception as error:
        assert type(error).__name__ == "Unavailable"
    assert R.CANCELED not in desk.kinds(child)
    await desk.venue.cancel(child)
    await desk.until(lambda: R.CANCELED in desk.kinds(child))


async def a_clock_that_is_off_is_told(desk: Desk) -> None:
    """Seconds off it is told, and trades all the same: requests carry the venue's own time."""
    desk.switch("clock_skew", value=4_000)
    other = await desk.another(has_feed=False)
    try:
        await other.until(lambda: abs(other.venue.health().clock_offset_ns) > 3_000_000_000)
        await other.until(lambda: other.venue.health().state is VenueState.UP)
        child = await other.sent("100.50", "1")
        await other.ended(child)
        assert other.filled_lots(child) == child.qty_lots
        other.agrees_with_ledger(child)
    finally:
        await other.close()
    desk.server.control.clear()
    # This desk may have read the other clock; a time that is refused is read again at once.
    await desk.sent("99.00", "1")
    await desk.until(lambda: abs(desk.venue.health().clock_offset_ns) < 1_000_000_000)


CHECKS = (
    a_lost_acknowledgement_is_unknown_and_found,
    a_lost_request_is_unknown_and_its_absence_has_the_venues_time,
    an_error_after_acceptance_is_unknown,
    an_error_before_acceptance_is_unknown_too,
    a_400_for_an_order_that_trades_later_is_unknown,
    an_answer_that_comes_too_late_is_unknown,
    a_hidden_order_is_not_proven_absent,
    a_rate_limit_stops_everything_until_its_end,
    a_lost_cancel_is_not_believed,
    a_clock_that_is_off_is_told,
)
