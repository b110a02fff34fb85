"""A venue that this process cannot serve at all, and why: its neighbours in the group are served all the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from app.domain.errors import Unavailable
from app.domain.fills import ExecutionReport, ReportKind
from app.domain.orders import ChildOrder
from app.domain.ports import BookSink, Clock, ReportSink
from app.domain.statement import VenueHealth, VenueState, VenueStatement
from app.venues.base import VenueBase


class AbsentVenue(VenueBase):
    """DOWN for as long as the process lives. A child that comes has not left: that is proven. Nothing else is."""

    def __init__(self, venue_id: str, clock: Clock, reason: str) -> None:
        super().__init__(venue_id, clock)
        self._reason = reason
        self._on_report: ReportSink | None = None

    async def start(self, on_report: ReportSink, on_book: BookSink) -> None:
        self._on_report = on_report

    async def stop(self) -> None:
        self._on_report = None

    async def _transmit(self, child: ChildOrder, limits_version: int, decision_seq: int) -> None:
        if self._on_report is None:
            self._refuse()
        self._on_report(
            ExecutionReport(
                ReportKind.REJECTED,
                self.venue_id,
                child.client_id,
                code="not_sent",
                text=self._reason,
                received_ts_ns=self._clock.wall_ns(),
                evidence="local:absent",
            )
        )

    async def cancel(self, child: ChildOrder) -> None:
        self._refuse()

    async def query(self, child: ChildOrder) -> None:
        self._refuse()

    async def open_client_ids(self) -> Sequence[str]:
        self._refuse()

    async def statement(self, account: str) -> VenueStatement:
        self._refuse()

    def health(self) -> VenueHealth:
        return VenueHealth(self.venue_id, VenueState.DOWN, self._reason)

    def _refuse(self) -> NoReturn:
        raise Unavailable("venue_unavailable", f"{self.venue_id} is not served here: {self._reason}")
