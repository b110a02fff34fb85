"""The gateway's side of a venue that is somewhere else, whatever carries the words: what is proven, and what is asked.

Nothing is ever sent twice. What was not written is proof that it never left; what was written and not answered before
the line was lost is UNKNOWN, and the engine asks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, Protocol

from app.domain.errors import Unavailable
from app.domain.fills import ExecutionReport, ReportKind
from app.domain.orders import ChildOrder
from app.domain.ports import Clock, ReportSink
from app.domain.quotes import Quote, QuoteRequest
from app.domain.statement import VenueStatement
from app.venues.faults import Faults
from app.venues.wire import (
    CancelChild,
    OpenAnswer,
    OpenAsk,
    QueryChild,
    QuoteAnswer,
    QuoteAsk,
    Request,
    SendChild,
    SetFaults,
    StatementAnswer,
    StatementAsk,
)

_ANSWER_TIMEOUT_S: Final = 1.0
# A statement is several requests to a real venue, one after the other, behind its rate limit.
_STATEMENT_TIMEOUT_S: Final = 9.0
_ENDS: Final = frozenset({ReportKind.CANCELED, ReportKind.EXPIRED, ReportKind.REJECTED, ReportKind.NOT_FOUND})

NumberedAnswer = OpenAnswer | StatementAnswer | QuoteAnswer


class Line(Protocol):
    """What carries requests to the far side."""

    def write(self, request: Request) -> bool:
        """Hands one request over whole; False where it was not, and then nothing of it will ever arrive."""
        ...


class Dialogue:
    """One venue's talk over one line at a time. `on_report` is set before anything is sent."""

    def __init__(self, venue_id: str, clock: Clock, line: Callable[[], Line | None]) -> None:
        """`line` gives the line as it is now, None where there is none."""
        self._venue_id = venue_id
        self._clock = clock
        self._line = line
        self._in_flight: dict[str, int] = {}  # client id -> lots of the whole order
        self._asks: dict[int, asyncio.Future[NumberedAnswer]] = {}
        self._n_asks = 0
        self.on_report: ReportSink | None = None

    # out

    def transmit(self, child: ChildOrder, limits_version: int, decision_seq: int, token: bytes = b"") -> None:
        """Writes the child once, or reports that it was not."""
        line = self._line()
        self._in_flight[child.client_id] = child.qty_lots
        if line is None or not line.write(SendChild(child, limits_version, decision_seq, token)):
            del self._in_flight[child.client_id]
            self.report(
                ExecutionReport(
                    ReportKind.REJECTED,
                    self._venue_id,
                    child.client_id,
                    code="not_sent",
                    text="No connection to the venue; nothing was written.",
                    evidence="local:not_connected",
                )
            )

    def cancel(self, child: ChildOrder) -> None:
        """Raises Unavailable without a line: the wish never left."""
        self._write(CancelChild(child))

    def query(self, child: ChildOrder) -> None:
        """Raises Unavailable without a line: the question never left."""
        self._write(QueryChild(child))

    async def open_client_ids(self) -> Sequence[str]:
        """Raises Unavailable where the venue does not answer within a second."""
        answer = await self._asked(OpenAsk(self._next_ask()))
        if not isinstance(answer, OpenAnswer) or not answer.is_known:
            raise Unavailable("venue_unavailable", f"{self._venue_id} does not answer.")
        return answer.client_ids

    async def statement(self, account: str) -> VenueStatement:
        """Raises Unavailable where the venue does not answer in nine seconds."""
        answer = await self._asked(StatementAsk(self._next_ask(), account), _STATEMENT_TIMEOUT_S)
        if not isinstance(answer, StatementAnswer) or answer.statement is None:
            raise Unavailable("venue_unavailable", f"{self._venue_id} does not answer.")
        return answer.statement

    async def quote(self, request: QuoteRequest) -> Quote:
        """Raises Unavailable where the venue does not answer within a second, or is no dealer."""
        answer = await self._asked(QuoteAsk(self._next_ask(), request))
        if not isinstance(answer, QuoteAnswer) or answer.quote is None:
            raise Unavailable("venue_unavailable", f"{self._venue_id} does not quote.")
        return answer.quote

    def set_faults(self, faults: Faults) -> None:
        """Switches faults at a far side that allows it; raises Unavailable without a line."""
        self._write(SetFaults(faults))

    def _next_ask(self) -> int:
        self._n_asks += 1
        return self._n_asks

    async def _asked(
        self, ask: OpenAsk | StatementAsk | QuoteAsk, timeout_s: float = _ANSWER_TIMEOUT_S
    ) -> NumberedAnswer:
        self._write(ask)
        answer: asyncio.Future[NumberedAnswer] = asyncio.get_running_loop().create_future()
        self._asks[ask.ask_n] = answer
        try:
            return await asyncio.wait_for(answer, timeout_s)
        except TimeoutError:
            raise Unavailable("venue_unavailable", f"{self._venue_id} does not answer.") from None
        finally:
            self._asks.pop(ask.ask_n, None)

    def _write(self, request: Request) -> None:
        line = self._line()
        if line is None or not line.write(request):
            raise Unavailable("venue_unavailable", f"{self._venue_id} is not connected.")

    # in

    def take_report(self, report: ExecutionReport) -> None:
        """A venue's word about one child."""
        is_filled = report.kind is ReportKind.FILLED and report.cum_qty_lots == self._in_flight.get(report.client_id)
        if is_filled or report.kind in _ENDS:
            self._in_flight.pop(report.client_id, None)
        self.report(report)

    def take_answer(self, answer: NumberedAnswer) -> None:
        """The answer to a numbered question; one that nobody waits for any more is dropped."""
        waiting = self._asks.get(answer.ask_n)
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)

    def lose(self, code: str) -> None:
        """The line is gone: nothing is proven about anything that was under way."""
        in_flight, self._in_flight = self._in_flight, {}
        for client_id in in_flight:
            self.report(
                ExecutionReport(ReportKind.UNKNOWN, self._venue_id, client_id, code=code, evidence=f"local:{code}")
            )
        for answer in self._asks.values():
            if not answer.done():
                answer.set_exception(Unavailable("venue_unavailable", f"{self._venue_id}: connection lost."))

    def report(self, report: ExecutionReport) -> None:
        """Tells the engine, with our time of receipt."""
        assert self.on_report is not None
        self.on_report(replace(report, received_ts_ns=self._clock.wall_ns()))
