"""A venue whose connections live in a process of their own: the engine's port, over the pipes of that process.

Books do not pass here: that process writes them to the shared board itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from app import observe
from app.domain.errors import InvariantBroken
from app.domain.orders import ChildOrder
from app.domain.ports import BookSink, Clock, ReportSink, TradesSink
from app.domain.quotes import Quote, QuoteRequest
from app.domain.statement import VenueHealth, VenueState, VenueStatement
from app.shm.pipe import Pipe
from app.venues.base import VenueBase
from app.venues.dialogue import Dialogue
from app.venues.faults import Faults
from app.venues.wire import (
    Answer,
    OpenAnswer,
    Problem,
    QuoteAnswer,
    ReportMessage,
    Request,
    StatementAnswer,
    TradesMessage,
    encode_addressed,
)

# A process that has said nothing for so long is not believed to be there. It says how it is ten times a second.
TokenOf = Callable[[ChildOrder, int, int], bytes]
SILENT_AFTER_NS: Final = 1_000_000_000


class PipeLine:
    """A venue's end of the pipe that its process reads."""

    def __init__(self, venue_id: str, pipe: Pipe) -> None:
        self._venue_id = venue_id
        self._pipe = pipe

    def write(self, request: Request) -> bool:
        return self._pipe.write(encode_addressed(self._venue_id, request))


class LinkedVenue(VenueBase):
    """One venue of a venue process. Whoever looks after that process connects it, hands it answers and loses it."""

    is_prompt = True

    def __init__(self, venue_id: str, clock: Clock, token_of: TokenOf | None = None) -> None:
        """`token_of`: makes what the signer behind a live venue asks for; None: nobody signs there."""
        super().__init__(venue_id, clock)
        self._token_of = token_of
        self._pipe_line: PipeLine | None = None
        self._dialogue = Dialogue(venue_id, clock, lambda: self._pipe_line)
        self._health = VenueHealth(venue_id, VenueState.DOWN, "venue process not started", clock.wall_ns())
        self._heard_ns = 0
        self._lack = ""
        self._on_trades: TradesSink = lambda trades: None

    @property
    def shows_own_trades(self) -> bool:
        """Real money trades where everybody looks; paper orders are on nobody's tape."""
        return self._token_of is not None

    def watch_trades(self, on_trades: TradesSink) -> Sequence[str]:
        """What its process hears shows once it comes."""
        self._on_trades = on_trades
        return ()

    async def start(self, on_report: ReportSink, on_book: BookSink) -> None:
        """The process has its own life; here only the sink is kept."""
        self._dialogue.on_report = on_report

    async def stop(self) -> None:
        self.lose("stopped", "The venue process was stopped.")

    async def _transmit(self, child: ChildOrder, limits_version: int, decision_seq: int) -> None:
        token = b"" if self._token_of is None else self._token_of(child, limits_version, decision_seq)
        self._dialogue.transmit(child, limits_version, decision_seq, token)

    async def cancel(self, child: ChildOrder) -> None:
        self._dialogue.cancel(child)

    async def query(self, child: ChildOrder) -> None:
        self._dialogue.query(child)

    async def open_client_ids(self) -> Sequence[str]:
        return await self._dialogue.open_client_ids()

    async def statement(self, account: str) -> VenueStatement:
        return await self._dialogue.statement(account)

    async def quote(self, request: QuoteRequest) -> Quote:
        return await self._dialogue.quote(request)

    def set_faults(self, faults: Faults) -> None:
        """Switches faults at a simulated venue of a process that allows it."""
        self._dialogue.set_faults(faults)

    def health(self) -> VenueHealth:
        """As its process last said, unless that is silent, or nothing new may go there for another reason."""
        silent_ns = self._clock.monotonic_ns() - self._heard_ns
        if self._pipe_line is not None and silent_ns > SILENT_AFTER_NS:
            reason = f"venue process silent for {silent_ns // 1_000_000} ms"
            return VenueHealth(self.venue_id, VenueState.DOWN, reason, self._health.since_ts_ns)
        if self._lack and self._health.state is VenueState.UP:
            return replace(self._health, state=VenueState.DEGRADED, reason=self._lack)
        return self._health

    # its keeper's

    def connect(self, line: PipeLine) -> None:
        """A process is there, and its pipe is empty."""
        self._pipe_line = line
        self._heard_ns = self._clock.monotonic_ns()

    def lose(self, code: str, reason: str) -> None:
        """The process is dead, and everything that it said before is taken: what was under way is unknown."""
        self._pipe_line = None
        self._health = VenueHealth(self.venue_id, VenueState.DOWN, reason, self._clock.wall_ns())
        self._dialogue.lose(code)

    def bar(self, lack: str) -> None:
        """Nothing new goes there while `lack` says why; cancels and questions do."""
        self._lack = lack

    def take_health(self, health: VenueHealth) -> None:
        self._heard_ns = self._clock.monotonic_ns()
        self._health = health

    def take(self, answer: Answer) -> None:
        """One answer of its process that is about this venue."""
        match answer:
            case ReportMessage():
                self._dialogue.take_report(answer.report)
            case TradesMessage():
                self._on_trades(answer.trades)
            case OpenAnswer() | StatementAnswer() | QuoteAnswer():
                self._dialogue.take_answer(answer)
            case Problem():
                # Our bug, on either side. The child it was about stays silent, hence unknown, hence asked about.
                problem = InvariantBroken(venue=self.venue_id, problem=answer.text)
                observe.venue_call_failed(self.venue_id, "problem", problem)
            case _:
                pass  # books, health and welcomes are not a linked venue's
