"""A venue that is not served: down with its reason, children provably not sent, every question unanswered."""

from __future__ import annotations

import pytest

from app.domain.enums import Side, TimeInForce
from app.domain.errors import Unavailable
from app.domain.fills import ExecutionReport, ReportKind
from app.domain.orders import Approved, ChildOrder
from app.domain.statement import VenueState
from app.venues.absent import AbsentVenue
from app.venues.clock import SystemClock

CHILD = ChildOrder(
    "chd_1", "01M8B00Z1NXM48M0VT2ZJPE5RW", "ord_1", "desk", 1, "coinsph", "BTC/USDT", Side.BUY, TimeInForce.IOC,
    10_050, 3, 1, 1, 2**60,
)  # fmt: skip


async def test_what_comes_has_not_left_and_nothing_else_is_known() -> None:
    venue = AbsentVenue("coinsph", SystemClock(), "no stream")
    reports: list[ExecutionReport] = []
    await venue.start(reports.append, lambda book: None)
    await venue.send(Approved(CHILD, 1, 1))
    assert [(r.kind, r.code, r.text, r.evidence) for r in reports] == [
        (ReportKind.REJECTED, "not_sent", "no stream", "local:absent")
    ]
    for ask in (venue.cancel(CHILD), venue.query(CHILD), venue.open_client_ids(), venue.statement("desk")):
        with pytest.raises(Unavailable, match="not served here: no stream"):
            await ask
    assert (venue.health().state, venue.health().reason) == (VenueState.DOWN, "no stream")
    await venue.stop()
