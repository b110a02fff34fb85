"""The one face of every family of simulated markets, and the values that pass it. Simulated, and called so.

Times are ns since the world's beginning, prices ticks of one grid (half ticks where a mid can trade), quantities lots.
Contract: docs/simulated-markets.md; tests/venues/markets/contract/ holds every family to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, unique
from typing import Protocol

from app.kernels import sim_words as w


@unique
class VenueKind(IntEnum):
    """What trades there: a book, hidden crosses at the lit mid, or a dealer's quotes."""

    LIT = w.LIT
    DARK = w.DARK
    RFQ = w.RFQ


@unique
class Force(IntEnum):
    """How long an order stands. POST_ONLY is refused where it would take anything, hidden lots included."""

    GTC = w.GTC
    IOC = w.IOC
    FOK = w.FOK
    POST_ONLY = w.POST_ONLY


@unique
class Told(IntEnum):
    """What a report says. DECLINED: by a dealer's last look."""

    ACCEPTED = w.ACCEPTED
    FILLED = w.FILLED
    CANCELED = w.CANCELED
    CANCEL_REJECTED = w.CANCEL_REJECTED
    REJECTED = w.REJECTED
    QUOTE = w.QUOTE
    DECLINED = w.DECLINED


@unique
class Why(IntEnum):
    """The reason beside a report; NONE where none is needed."""

    NONE = w.NO_CODE
    HALTED = w.C_HALTED
    WOULD_TAKE = w.C_WOULD_TAKE
    IOC_REMAINDER = w.C_REMAINDER
    FOK_NOT_WHOLE = w.C_NOT_WHOLE
    ASKED = w.C_ASKED
    SELF_TRADE = w.C_SELF
    TOO_MANY = w.C_TOO_MANY
    BAD_ORDER = w.C_BAD
    ALREADY_DONE = w.C_ALREADY_DONE
    QUOTE_EXPIRED = w.C_EXPIRED
    PRICE_MOVED = w.C_MOVED
    DEALER_WHIM = w.C_WHIM
    NO_PRICE = w.C_NO_PRICE


@dataclass(frozen=True, slots=True)
class Order:
    """An order to a lit or dark venue. `sign` +1 buys.

    `show_lots`: None shows all, 0 hides all, less than `qty_lots` is an iceberg (at most 64 refills). `least_lots`:
    least execution, dark venues only. A market order is an IOC at a limit far away.
    """

    venue_i: int
    sign: int
    price_ticks: int
    qty_lots: int
    force: Force = Force.GTC
    show_lots: int | None = None
    least_lots: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """What a venue tells us about our order `number`; we know of it at `seen_ns`, it happened at `ts_ns`.

    FILLED: `lots` at `price_half_ticks`, `left_lots` open, the public trade's number, and the fee in millionths of a
    tick x lot (negative: rebate). QUOTE: the price at which the dealer would trade. `ahead_lots`: the crowd's lots
    before ours in the queue, as of `ts_ns` (a venue that publishes every order would let us know).
    """

    seen_ns: int
    ts_ns: int
    told: Told
    number: int
    venue_i: int
    price_half_ticks: int
    lots: int
    left_lots: int
    is_maker: bool
    trade: int
    why: Why
    ahead_lots: int
    fee_utick_lots: int


@dataclass(frozen=True, slots=True)
class BookView:
    """A lit venue's book as published at `ts_ns`: (price_ticks, lots), best first, what we show included."""

    venue_i: int
    ts_ns: int
    update_n: int
    is_halted: bool
    bids: tuple[tuple[int, int], ...]
    asks: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class TradePrint:
    """A public trade. `sign` of the taker, 0 in dark venues and for dealers."""

    seen_ns: int
    ts_ns: int
    trade: int
    venue_i: int
    sign: int
    price_half_ticks: int
    lots: int


class MarketFamily(Protocol):
    """One simulated world of several venues that trade one instrument."""

    @property
    def now_ns(self) -> int:
        """Where the world stands."""
        ...

    @property
    def n_venues(self) -> int: ...

    def advance(self, until_ns: int) -> None:
        """Lets everything happen up to and with `until_ns`; a time that has passed changes nothing.

        However the way is cut into calls, the world is the same. Raises InvariantBroken where a bound overflowed.
        """
        ...

    def advance_to_news(self, until_ns: int) -> int:
        """The same, but stops at the instant at which the next report reaches us (at once where one waits to be read).

        Returns where it stopped.
        """
        ...

    def send(self, order: Order) -> int:
        """Puts an order on its way; returns its number. It arrives after the venue's latency, in the order sent."""
        ...

    def cancel(self, number: int) -> None:
        """Puts a wish to cancel on its way; it can lose against a fill."""
        ...

    def request_quote(self, venue_i: int, sign: int, qty_lots: int) -> int:
        """Asks a dealer; the number is that of the trade that may follow."""
        ...

    def accept_quote(self, number: int) -> None:
        """Takes a dealer's quote; he may look again."""
        ...

    def halt(self, venue_i: int, at_ns: int, length_ns: int) -> None:
        """Books a halt: nothing trades, orders are refused, cancels pass, the crowd stands still."""
        ...

    def reports(self) -> Sequence[Report]:
        """What has reached us since the last call, in the order of arrival."""
        ...

    def trades(self) -> Sequence[TradePrint]:
        """Public trades that have reached us since the last call."""
        ...

    def view(self, venue_i: int) -> BookView:
        """The latest published book that has reached us; empty before the first."""
        ...

    def true_view(self, venue_i: int) -> BookView:
        """The venue's book of this instant: for scoring, no participant sees it."""
        ...

    def value_ticks(self) -> float:
        """The price behind the prices of this instant: for scoring only."""
        ...
