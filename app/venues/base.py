"""What every venue adapter shares: nothing leaves without the gate's proof, and no client id leaves twice."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence
from typing import Final

from app.domain.errors import InvariantBroken, Unavailable
from app.domain.orders import Approved, ChildOrder
from app.domain.ports import BookSink, Clock, DealerPort, ReportSink
from app.domain.quotes import Quote, QuoteRequest
from app.domain.statement import VenueHealth, VenueStatement

# After its deadline a venue refuses the id anyway; a minute more covers clocks that disagree.
_REMEMBER_AFTER_DEADLINE_NS: Final = 60_000_000_000


class VenueBase(ABC):
    """The gateway's side of one venue. Adapters write `_transmit`; `send` itself is the same for all of them."""

    is_prompt: bool = False

    def __init__(self, venue_id: str, clock: Clock) -> None:
        self._venue_id = venue_id
        self._clock = clock
        self._sent_ids: set[str] = set()
        self._sent_in_order: deque[tuple[int, str]] = deque()

    @property
    def venue_id(self) -> str:
        return self._venue_id

    async def send(self, approved: Approved[ChildOrder]) -> None:
        """Transmits once. Raises InvariantBroken where the proof is missing or the id was sent before."""
        child = checked_child(approved, self._venue_id)
        self._note_sending(child)
        await self._transmit(child, approved.limits_version, approved.decision_seq)

    def _note_sending(self, child: ChildOrder) -> None:
        if child.client_id in self._sent_ids:
            raise InvariantBroken(venue=self._venue_id, client_id=child.client_id, reason="client id sent before")
        self._sent_ids.add(child.client_id)
        self._sent_in_order.append((child.deadline_ts_ns, child.client_id))
        horizon_ns = self._clock.wall_ns() - _REMEMBER_AFTER_DEADLINE_NS
        while self._sent_in_order and self._sent_in_order[0][0] < horizon_ns:
            self._sent_ids.discard(self._sent_in_order.popleft()[1])

    @abstractmethod
    async def _transmit(self, child: ChildOrder, limits_version: int, decision_seq: int) -> None:
        """Hands the child to the venue, once; an ambiguous outcome becomes an UNKNOWN report."""

    @abstractmethod
    async def start(self, on_report: ReportSink, on_book: BookSink) -> None: ...

    @abstractmethod
    async def stop(self) -> None: ...

    @abstractmethod
    async def cancel(self, child: ChildOrder) -> None: ...

    @abstractmethod
    async def query(self, child: ChildOrder) -> None: ...

    @abstractmethod
    async def open_client_ids(self) -> Sequence[str]: ...

    @abstractmethod
    async def statement(self, account: str) -> VenueStatement: ...

    @abstractmethod
    def health(self) -> VenueHealth: ...


async def quote_at(port: object, request: QuoteRequest) -> Quote | None:
    """What a venue quotes, for whoever stands at its far side; None where it does not answer or is no dealer."""
    if not isinstance(port, DealerPort):
        return None
    try:
        return await port.quote(request)
    except Unavailable:
        return None


def checked_child(approved: object, venue_id: str) -> ChildOrder:
    """The child inside the gate's proof, for this venue; raises InvariantBroken for anything else."""
    if not isinstance(approved, Approved):
        raise InvariantBroken(venue=venue_id, reason="not approved", got=type(approved).__name__)
    child = approved.value
    if not isinstance(child, ChildOrder):
        raise InvariantBroken(venue=venue_id, reason="approved, but not a child order", got=type(child).__name__)
    if approved.limits_version < 1 or approved.decision_seq < 1:
        raise InvariantBroken(
            venue=venue_id,
            client_id=child.client_id,
            limits_version=approved.limits_version,
            decision_seq=approved.decision_seq,
        )
    if child.venue != venue_id or not child.client_id:
        raise InvariantBroken(venue=venue_id, child_venue=child.venue, client_id=child.client_id)
    return child
