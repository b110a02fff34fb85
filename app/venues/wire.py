"""Words between a gateway and venues in their own process: one JSON object a line, both ways, over loopback.

A connection speaks of one venue, named by the first line. Requests have no answer of their own: what the venue has to
say comes as reports. Only `open_ask`, `statement_ask` and `quote_ask` are answered, by their numbers.
"""

from __future__ import annotations

from typing import Final

import msgspec

from app.domain.book import Level
from app.domain.fills import ExecutionReport
from app.domain.orders import ChildOrder
from app.domain.quotes import Quote, QuoteRequest
from app.domain.statement import VenueHealth, VenueStatement
from app.domain.trade import TradePrint
from app.venues.faults import Faults

WIRE_VERSION: Final = 4
MAX_LINE_BYTES: Final = 1 << 20
# A reader with a full buffer never waits, so it steps aside after this many lines (about half a millisecond of work).
YIELD_EVERY: Final = 16


class Hello(msgspec.Struct, frozen=True, tag="hello"):
    venue: str
    v: int = WIRE_VERSION


class SendChild(msgspec.Struct, frozen=True, tag="send"):
    """An approved child: the proof's own fields travel with it. `token`: the same for a signer, where one will ask."""

    child: ChildOrder
    limits_version: int
    decision_seq: int
    token: bytes = b""


class CancelChild(msgspec.Struct, frozen=True, tag="cancel"):
    child: ChildOrder


class QueryChild(msgspec.Struct, frozen=True, tag="query"):
    child: ChildOrder


class OpenAsk(msgspec.Struct, frozen=True, tag="open_ask"):
    ask_n: int


class StatementAsk(msgspec.Struct, frozen=True, tag="statement_ask"):
    ask_n: int
    account: str


class QuoteAsk(msgspec.Struct, frozen=True, tag="quote_ask"):
    ask_n: int
    request: QuoteRequest


class SetFaults(msgspec.Struct, frozen=True, tag="set_faults"):
    """Obeyed only by a process that was started for tests."""

    faults: Faults


class Welcome(msgspec.Struct, frozen=True, tag="welcome"):
    venue: str


class ReportMessage(msgspec.Struct, frozen=True, tag="report"):
    report: ExecutionReport


class BookMessage(msgspec.Struct, frozen=True, tag="book"):
    """A snapshot; the receiver stamps its time of receipt."""

    symbol: str
    book_seq: int
    venue_ts_ns: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


class TradesMessage(msgspec.Struct, frozen=True, tag="trades"):
    """Public trades of one venue, in its own order."""

    venue: str
    trades: tuple[TradePrint, ...]


class OpenAnswer(msgspec.Struct, frozen=True, tag="open"):
    """`is_known` False: the venue does not answer, and nothing is said about its orders. `venue`: on a shared line."""

    ask_n: int
    is_known: bool
    client_ids: tuple[str, ...]
    venue: str = ""


class StatementAnswer(msgspec.Struct, frozen=True, tag="statement"):
    """`statement` None: the venue does not answer."""

    ask_n: int
    statement: VenueStatement | None
    venue: str = ""


class QuoteAnswer(msgspec.Struct, frozen=True, tag="quote"):
    """`quote` None: the venue does not answer, or is no dealer."""

    ask_n: int
    quote: Quote | None
    venue: str = ""


class HealthMessage(msgspec.Struct, frozen=True, tag="health"):
    """How every venue of a process is, several times a second: also the process's sign of life."""

    health: tuple[VenueHealth, ...]


class Problem(msgspec.Struct, frozen=True, tag="problem"):
    """The line before this one was not obeyed."""

    text: str


Request = Hello | SendChild | CancelChild | QueryChild | OpenAsk | StatementAsk | QuoteAsk | SetFaults
Answer = (
    Welcome
    | ReportMessage
    | BookMessage
    | TradesMessage
    | OpenAnswer
    | StatementAnswer
    | QuoteAnswer
    | HealthMessage
    | Problem
)


class Addressed(msgspec.Struct, frozen=True, tag="to"):
    """A request to one of the venues of a process."""

    venue: str
    request: Request


_encoder = msgspec.json.Encoder()
_addressed: msgspec.json.Decoder[Addressed] = msgspec.json.Decoder(Addressed)
_requests: msgspec.json.Decoder[Request] = msgspec.json.Decoder(Request)
_answers: msgspec.json.Decoder[Answer] = msgspec.json.Decoder(Answer)


def encode_addressed(venue: str, request: Request) -> bytes:
    """A message of its own, without a newline."""
    return _encoder.encode(Addressed(venue, request))


def encode_answer(answer: Answer) -> bytes:
    """A message of its own, without a newline."""
    return _encoder.encode(answer)


def decode_addressed(message: bytes) -> Addressed:
    """Raises msgspec.DecodeError."""
    return _addressed.decode(message)


def encode(message: Request | Answer) -> bytes:
    """One line, its newline included."""
    return _encoder.encode(message) + b"\n"


def decode_request(line: bytes) -> Request:
    """A line of a gateway; raises msgspec.DecodeError."""
    return _requests.decode(line)


def decode_answer(line: bytes) -> Answer:
    """A line of a venue; raises msgspec.DecodeError."""
    return _answers.decode(line)
