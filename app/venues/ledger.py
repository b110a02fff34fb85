"""A paper venue's own book of record: one JSON line per event, written before anything is reported.

The file outlives the engine and is the oracle of fault tests. A line is on its way to the disk when `append` returns
(write(2), enough against a killed process, not against a power cut). A torn last line was never reported and is cut
off by the next writer; readers stop before it.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

import msgspec

from app.domain.enums import Side, TimeInForce
from app.domain.errors import InvariantBroken, Unavailable
from app.domain.orders import ChildOrder

How = Literal["filled", "canceled", "expired"]


class AcceptedLine(msgspec.Struct, frozen=True, tag_field="event", tag="accepted"):
    """An order the venue took. `limits_version` and `decision_seq` are its approval.

    `stop_price_ticks` above 0: it waits until the venue's `stop_by` price is there.
    """

    ts_ns: int
    client_id: str
    venue_order_id: str
    child_id: str
    order_id: str
    account: str
    symbol: str
    side: Side
    time_in_force: TimeInForce
    price_ticks: int
    qty_lots: int
    deadline_ts_ns: int
    limits_version: int
    decision_seq: int
    is_post_only: bool = False
    stop_price_ticks: int = 0
    stop_by: str = ""
    replaces: str = ""
    display_lots: int = 0
    min_qty_lots: int = 0
    quote_id: str = ""


class TriggeredLine(msgspec.Struct, frozen=True, tag_field="event", tag="triggered"):
    """A stop has gone off, at that price of its venue; what it trades follows."""

    ts_ns: int
    client_id: str
    venue_order_id: str
    price_units: int


class FillLine(msgspec.Struct, frozen=True, tag_field="event", tag="fill"):
    """One trade; `cum_qty_lots` includes it, `fee_nano` includes `gas_nano`."""

    ts_ns: int
    client_id: str
    venue_order_id: str
    venue_trade_id: str
    symbol: str
    price_ticks: int
    qty_lots: int
    cum_qty_lots: int
    fee_nano: int
    fee_currency: str
    mid_half_units: int
    gas_nano: int = 0
    is_maker: bool = False


class ReplenishedLine(msgspec.Struct, frozen=True, tag_field="event", tag="replenished"):
    """An iceberg shows its next part, at the end of the queue: `ahead_units` of the symbol are before it then."""

    ts_ns: int
    client_id: str
    shown_lots: int
    cum_qty_lots: int
    ahead_units: int


class DoneLine(msgspec.Struct, frozen=True, tag_field="event", tag="done"):
    """Nothing more comes of the order."""

    ts_ns: int
    client_id: str
    venue_order_id: str
    how: How
    cum_qty_lots: int
    code: str


class RefusedLine(msgspec.Struct, frozen=True, tag_field="event", tag="refused"):
    """An order the venue did not take. A duplicate leaves what is known of its first use as it was."""

    ts_ns: int
    client_id: str
    code: str
    text: str


class AbsentLine(msgspec.Struct, frozen=True, tag_field="event", tag="absent"):
    """The venue told, after the order's deadline, that it knows no such id: it can never be taken any more."""

    ts_ns: int
    client_id: str
    deadline_ts_ns: int


LedgerLine = AcceptedLine | TriggeredLine | FillLine | ReplenishedLine | DoneLine | RefusedLine | AbsentLine


def accepted_line(child: ChildOrder, venue_order_id: str, now_ns: int, proof: tuple[int, int]) -> AcceptedLine:
    """The line of an order that was taken; `proof`: its approval, (limits version, decision's seq)."""
    stop = child.stop
    return AcceptedLine(
        ts_ns=now_ns,
        client_id=child.client_id,
        venue_order_id=venue_order_id,
        child_id=child.child_id,
        order_id=child.order_id,
        account=child.account,
        symbol=child.symbol,
        side=child.side,
        time_in_force=child.time_in_force,
        price_ticks=child.price_ticks,
        qty_lots=child.qty_lots,
        deadline_ts_ns=child.deadline_ts_ns,
        limits_version=proof[0],
        decision_seq=proof[1],
        is_post_only=child.is_post_only,
        stop_price_ticks=stop.price_ticks if stop is not None else 0,
        stop_by=stop.by.value if stop is not None else "",
        replaces=stop.replaces if stop is not None else "",
        display_lots=child.display_lots,
        min_qty_lots=child.min_qty_lots,
        quote_id=child.quote_id,
    )


_READ_BYTES: Final = 1 << 20
_N_LATEST: Final = 256
_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[LedgerLine] = msgspec.json.Decoder(LedgerLine)


def read_ledger(path: Path) -> list[LedgerLine]:
    """Every whole line of a ledger, in order; an absent file has none."""
    if not path.exists():
        return []
    with path.open("rb") as file:
        return [line for _, _, line in _scan(file.fileno())]


def ledger_path(directory: Path, venue_id: str) -> Path:
    """Where a venue of `directory` keeps its ledger."""
    return directory / f"{venue_id}.ledger.jsonl"


@dataclass(slots=True)
class VenueLedger:
    """One writer's ledger with an index by client id; all but the latest lines are read back from the file."""

    path: Path
    on_line: Callable[[LedgerLine], None] | None = None  # told of every line, those of earlier lives first
    _fd: int = -1
    _end_bytes: int = 0
    _places: dict[str, list[tuple[int, int]]] = field(default_factory=dict)  # client id -> (offset, size) of its lines
    _absent: set[str] = field(default_factory=set)
    _open: dict[str, AcceptedLine] = field(default_factory=dict)
    # Whole stories, of the ids that came last: who is told of an order is told of one that has just been worked.
    _latest: dict[str, list[tuple[int, LedgerLine]]] = field(default_factory=dict)
    n_accepted: int = 0
    n_fills: int = 0

    def open(self) -> None:
        """Takes the file over: locks it, cuts a torn last line, indexes the rest. Raises Unavailable if it is taken."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._fd)
            self._fd = -1
            raise Unavailable("ledger_taken", f"Another process writes {self.path}.") from None
        self._places, self._absent, self._open, self._latest = {}, set(), {}, {}
        self._end_bytes = self.n_accepted = self.n_fills = 0
        for offset, size, line in _scan(self._fd):
            self._index(line, offset, size)
            self._end_bytes = offset + size
        os.ftruncate(self._fd, self._end_bytes)

    def close(self) -> None:
        """Gives the file up; closing twice is closing once."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def append(self, lines: Sequence[LedgerLine]) -> list[int]:
        """Writes `lines` with one write(2) and gives their byte offsets. Raises InvariantBroken on a short write."""
        records = [_encoder.encode(line) + b"\n" for line in lines]
        blob = b"".join(records)
        written_bytes = os.write(self._fd, blob)
        if written_bytes != len(blob):
            raise InvariantBroken(ledger=str(self.path), written_bytes=written_bytes, wanted_bytes=len(blob))
        offsets: list[int] = []
        for line, record in zip(lines, records, strict=True):
            offsets.append(self._end_bytes)
            self._index(line, self._end_bytes, len(record))
            self._remember(line, self._end_bytes)
            self._end_bytes += len(record)
        return offsets

    def lines_of(self, client_id: str) -> list[tuple[int, LedgerLine]]:
        """(offset, line) of everything about one client id, in order."""
        latest = self._latest.get(client_id)
        if latest is not None:
            return latest.copy()
        places = self._places.get(client_id, ())
        return [(offset, _decoder.decode(os.pread(self._fd, size, offset))) for offset, size in places]

    def is_known(self, client_id: str) -> bool:
        """Whether the id was ever taken or refused."""
        return client_id in self._places

    def is_absent(self, client_id: str) -> bool:
        """Whether the venue has sworn that it never took the id."""
        return client_id in self._absent

    def open_orders(self) -> tuple[AcceptedLine, ...]:
        """Orders taken and not done, oldest first."""
        return tuple(self._open.values())

    def open_order(self, client_id: str) -> AcceptedLine | None:
        """The order taken by that id, None where it is done or was never taken."""
        return self._open.get(client_id)

    def is_open(self, client_id: str) -> bool:
        return client_id in self._open

    def cum_lots(self, client_id: str) -> int:
        """Lots of all its fills."""
        fills = (line for _, line in self.lines_of(client_id) if isinstance(line, FillLine))
        return max((fill.cum_qty_lots for fill in fills), default=0)

    def is_waiting(self, order: AcceptedLine) -> bool:
        """Whether it is a stop that has not gone off."""
        is_off = any(isinstance(line, TriggeredLine) for _, line in self.lines_of(order.client_id))
        return order.stop_price_ticks > 0 and not is_off

    def _remember(self, line: LedgerLine, offset: int) -> None:
        latest = self._latest.get(line.client_id)
        if isinstance(line, AcceptedLine) and len(self._places[line.client_id]) == 1:
            if len(self._latest) == _N_LATEST:
                del self._latest[next(iter(self._latest))]
            self._latest[line.client_id] = [(offset, line)]
        elif latest is not None and not isinstance(line, AbsentLine):
            latest.append((offset, line))

    def _index(self, line: LedgerLine, offset: int, size: int) -> None:
        if self.on_line is not None:
            self.on_line(line)
        if isinstance(line, AbsentLine):
            self._absent.add(line.client_id)
            return
        self._places.setdefault(line.client_id, []).append((offset, size))
        match line:
            case AcceptedLine():
                self.n_accepted += 1
                self._open[line.client_id] = line
            case FillLine():
                self.n_fills += 1
            case DoneLine():
                self._open.pop(line.client_id, None)
            case RefusedLine() | TriggeredLine() | ReplenishedLine():
                pass


def _scan(fd: int) -> Iterator[tuple[int, int, LedgerLine]]:
    """(offset, size, line) of every whole line; ends before a torn one."""
    offset = 0
    for record in _records(fd):
        try:
            line = _decoder.decode(record)
        except msgspec.DecodeError as error:
            raise InvariantBroken(ledger_offset=offset, reason=str(error)) from error
        yield offset, len(record), line
        offset += len(record)


def _records(fd: int) -> Iterable[bytes]:
    rest, position = b"", 0
    while chunk := os.pread(fd, _READ_BYTES, position):
        position += len(chunk)
        *whole, rest = (rest + chunk).split(b"\n")
        for record in whole:
            yield record + b"\n"
