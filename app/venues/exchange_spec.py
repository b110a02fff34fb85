"""What a paper venue's far side is made of, and how it says no."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

from app.domain.book import Level
from app.domain.enums import MarketKind, TimeInForce
from app.domain.fees import FeeSchedule
from app.domain.fills import ExecutionReport, ReportKind
from app.domain.orders import ChildOrder
from app.domain.quotes import Quote, QuoteRequest
from app.domain.trade import TradePrint
from app.domain.venue import Venue
from app.domain.venue_stops import StopOffer
from app.execution.simulator import Listing, VenueRefusal
from app.venues.ledger import How
from app.venues.retelling import evidence
from app.venues.simulated_market import Sides


class Market(Protocol):
    """Where books come from: the simulated market, and standing books of tests."""

    def sides(self, venue: str, symbol: str, now_ns: int) -> Sides: ...

    def refill_ns(self, venue: str, symbol: str) -> int: ...

    def next_move_ns(self, venue: str, now_ns: int) -> int: ...


@runtime_checkable
class AnsweringMarket(Protocol):
    """A market that works orders itself, because it answers to them (venues/markets/answering.py)."""

    def trade(self, child: ChildOrder, now_ns: int) -> tuple[Level, ...]: ...


@runtime_checkable
class RestingMarket(AnsweringMarket, Protocol):
    """One that also has orders of ours wait in its own books; a dark venue's or a dealer's does not."""

    def rest(self, child: ChildOrder, now_ns: int) -> tuple[Level, ...] | None:
        """Puts it into the book; gives what it took at once. None: it is not taken, because it would take."""
        ...

    def withdraw(self, client_id: str, symbol: str, now_ns: int) -> None:
        """Takes out of the book what is left of it; what traded before it is told by `made` all the same."""
        ...

    def made(self, venue: str, symbol: str, now_ns: int) -> Sequence[Made]:
        """What has traded with orders that rest at the venue since the last call, oldest first."""
        ...


@dataclass(frozen=True, slots=True)
class Made:
    """A trade with an order of ours that rests in a market that answers, in the symbol's units."""

    client_id: str
    price_units: int
    qty_units: int


@runtime_checkable
class TellingMarket(Protocol):
    """A market that tells the trades of each of its books."""

    def prints(self, venue: str, symbol: str, now_ns: int) -> list[TradePrint]: ...


class Flow(Protocol):
    """Others' trades of one symbol at one venue."""

    def since_last(self, sides: Sides, now_ns: int) -> list[TradePrint]: ...


def would_take(child: ChildOrder, far: Sequence[Level]) -> bool:
    """Whether a child meets what its far side shows."""
    return bool(far) and child.side.sign * (far[0][0] - child.price_units) <= 0


def unfilled(child: ChildOrder) -> tuple[How, str]:
    """How an immediate order ends that has not filled whole; a stop that has gone off expires, and is not canceled."""
    if child.stop is not None:
        return "expired", "stop_remainder"
    return ("expired", "fok") if child.time_in_force is TimeInForce.FOK else ("canceled", "ioc_remainder")


@runtime_checkable
class QuotingMarket(Protocol):
    """A dealer's: he quotes when he is asked (venues/dark/dealer.py)."""

    def quote(self, request: QuoteRequest, now_ns: int) -> Quote: ...


@dataclass(frozen=True, slots=True)
class ExchangeSpec:
    """What one exchange is made of. `processing_ns` passes between taking an order and working it.

    `stops`: what it holds, None for nothing. `index_venues`: perpetual -> the venues whose mids are its index.
    """

    venue: Venue
    listings: Mapping[str, Listing]
    ledger_path: Path
    processing_ns: int
    publish_ns: int
    seed: int
    schedules: Mapping[MarketKind, FeeSchedule] = field(default_factory=dict)
    stops: StopOffer | None = None
    index_venues: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


REFUSAL_TEXT: Final = {
    VenueRefusal.UNKNOWN_SYMBOL.value: "No such symbol here.",
    VenueRefusal.BAD_TICK.value: "The price is not a multiple of the tick.",
    VenueRefusal.BAD_LOT.value: "The quantity is not a multiple of the lot.",
    VenueRefusal.MIN_QTY.value: "Below the least quantity.",
    VenueRefusal.MAX_QTY.value: "Above the largest quantity.",
    VenueRefusal.MIN_NOTIONAL.value: "Below the least notional.",
    VenueRefusal.TIME_IN_FORCE.value: "Only ioc and fok are taken, and what says until when it rests.",
    VenueRefusal.DEADLINE_PASSED.value: "The order came after its own deadline.",
    VenueRefusal.POST_ONLY.value: "It would have taken.",
    VenueRefusal.STOP_NOT_OFFERED.value: "No such stop is held here.",
    VenueRefusal.REPLACED_ORDER_DONE.value: "The stop whose place it should take has gone off, or is not here.",
    VenueRefusal.ICEBERG.value: "No part of an order can be hidden here.",
    VenueRefusal.DUPLICATE_CLIENT_ID.value: "The client id was used before.",
}


def refused_report(venue_id: str, client_id: str, code: str, now_ns: int, offset: int) -> ExecutionReport:
    """A duplicate says nothing about the first use of its id, so it is no rejection: the venue must be asked."""
    is_duplicate = code == VenueRefusal.DUPLICATE_CLIENT_ID.value
    return ExecutionReport(
        ReportKind.UNKNOWN if is_duplicate else ReportKind.REJECTED,
        venue_id,
        client_id,
        venue_ts_ns=now_ns,
        code=code,
        text=REFUSAL_TEXT.get(code, ""),
        evidence=evidence(venue_id, offset),
    )
