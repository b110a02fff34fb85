"""What any venue's message says, in our words: exact decimals, the venue's own symbols, nothing of its vocabulary.

A parser gives one word (or several, where a venue bundles messages). A kind that is known and not used is `Unused`
with its reason; a shape that no rule names raises UnknownShape, which is a failure and never a reason.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, Final

Level = tuple[Decimal, Decimal]  # (price, quantity); quantity 0 deletes the level of a change


class UnknownShape(ValueError):
    """No rule of this venue names such a message, or a field in it is not what the rule says."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """One message as it came: `url` of the request or of the socket, `body` decoded by `decode`.

    `channels`: what this socket's own confirmations named so far, by the venue's channel number.
    """

    url: str
    body: Any
    is_answer: bool = False  # of a request; false: pushed on a socket
    channels: Mapping[int, tuple[str, str]] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """The path of the request, without host and query."""
        return "/" + self.url.partition("://")[2].partition("/")[2].partition("?")[0]

    def asked(self, name: str) -> str:
        """The value of one query parameter of the request. Raises KeyError where it is absent."""
        pairs = dict(pair.partition("=")[::2] for pair in self.url.partition("?")[2].split("&"))
        return pairs[name]


@dataclass(frozen=True, slots=True)
class Book:
    """A whole book (`is_whole`) or changed levels. 0 and None: the venue does not say.

    `first_seq`..`last_seq`: the venue's numbers of the changes within; `prev_seq`: the number this one follows.
    """

    symbol: str
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    is_whole: bool
    last_seq: int = 0
    first_seq: int = 0
    prev_seq: int = 0
    checksum: int | None = None

    def __post_init__(self) -> None:
        _need(self.symbol)
        for price, qty in (*self.bids, *self.asks):
            if price <= 0 or qty < 0:
                raise UnknownShape(f"level {price} x {qty} of {self.symbol}")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a book that a venue names by its own id: an order, or a level whose price the id stands for."""

    entry_id: str
    is_bid: bool
    price: Decimal | None = None
    qty: Decimal | None = None  # 0 or None in a removal


@dataclass(frozen=True, slots=True)
class Entries:
    """Entries that were added, changed or removed (`action`), or the whole book of them (`action` whole)."""

    symbol: str
    action: str
    rows: tuple[Entry, ...]

    def __post_init__(self) -> None:
        _need(self.symbol)
        if self.action not in {"whole", "add", "change", "remove"}:
            raise UnknownShape(self.action)


@dataclass(frozen=True, slots=True)
class Trade:
    """One public trade; `is_buy`: the taker bought, None where the venue does not say."""

    symbol: str
    trade_id: str
    price: Decimal
    qty: Decimal
    is_buy: bool | None

    def __post_init__(self) -> None:
        _need(self.symbol)
        if self.price <= 0 or self.qty <= 0:
            raise UnknownShape(f"trade {self.price} x {self.qty} of {self.symbol}")


@dataclass(frozen=True, slots=True)
class Trades:
    """Public trades, in the venue's order; none in an empty answer."""

    rows: tuple[Trade, ...]


@dataclass(frozen=True, slots=True)
class Ticker:
    """Best prices and the last one, each None where the message leaves it out."""

    symbol: str
    bid: Decimal | None = None
    ask: Decimal | None = None
    last: Decimal | None = None

    def __post_init__(self) -> None:
        _need(self.symbol)


@dataclass(frozen=True, slots=True)
class Tickers:
    rows: tuple[Ticker, ...]


@dataclass(frozen=True, slots=True)
class Funding:
    """What a perpetual pays next and what it is marked at."""

    symbol: str
    rate: Decimal | None = None
    mark_price: Decimal | None = None
    index_price: Decimal | None = None
    open_interest: Decimal | None = None

    def __post_init__(self) -> None:
        _need(self.symbol)


@dataclass(frozen=True, slots=True)
class Fundings:
    rows: tuple[Funding, ...]


@dataclass(frozen=True, slots=True)
class Listing:
    """What a venue lists; tick, lot and multiplier None where the answer does not say."""

    symbol: str
    base: str
    quote: str
    tick: Decimal | None = None
    lot: Decimal | None = None
    multiplier: Decimal | None = None

    def __post_init__(self) -> None:
        _need(self.symbol)
        if any(step is not None and step <= 0 for step in (self.tick, self.lot, self.multiplier)):
            raise UnknownShape(f"{self.symbol}: a step that is not positive")


@dataclass(frozen=True, slots=True)
class Listings:
    rows: tuple[Listing, ...]

    def __post_init__(self) -> None:
        if not self.rows:
            raise UnknownShape("no instrument in a list of instruments")


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A subscription was taken; `number` is what the venue calls the channel from now on."""

    channel: str
    symbol: str = ""
    number: int = 0


@dataclass(frozen=True, slots=True)
class Alive:
    """A heartbeat, or a ping that wants `answer` sent back."""

    answer: str = ""


@dataclass(frozen=True, slots=True)
class Greeting:
    """The socket says that it is open, and who it is."""


@dataclass(frozen=True, slots=True)
class VenueSaysNo:
    """The venue's own error."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Unused:
    """A kind that is known and not used."""

    reason: str


Word = (
    Book | Entries | Trades | Ticker | Tickers | Funding | Fundings | Listings | Confirmed | Alive | Greeting
    | VenueSaysNo | Unused
)  # fmt: skip
Parsed = Word | tuple[Word, ...]

CANDLES: Final = Unused("candles: prices are kept from books and trades")
OWN_ORDERS: Final = Unused("own orders and fills: read by the adapter, keyed by venue trade id")
ACCOUNT: Final = Unused("account: balances, positions and settings are read by the adapter")
TRANSFERS: Final = Unused("deposits, withdrawals and transfers: no key of ours may move money")
STATISTICS: Final = Unused("statistics and indices: no decision uses them")
CLOCK: Final = Unused("the venue's clock: the adapter measures the offset itself")


def decode(text: str) -> Any:
    """JSON with every number exact: fractions are Decimal, never float. Raises UnknownShape."""
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_no_constant)
    except (ValueError, InvalidOperation) as broken:
        raise UnknownShape(f"not JSON: {text[:60]}") from broken


def exact(value: object) -> Decimal:
    """A venue's number, given as text or as a JSON number. Raises UnknownShape."""
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise UnknownShape(f"not a number: {value!r}")
    try:
        number = Decimal(value)
    except InvalidOperation as broken:
        raise UnknownShape(f"not a number: {value!r}") from broken
    if not number.is_finite():
        raise UnknownShape(f"not a number: {value!r}")
    return number


def maybe(value: object) -> Decimal | None:
    """`exact`, or None for what venues write when there is no value."""
    return None if value is None or value == "" else exact(value)


def step(n_decimals: object) -> Decimal:
    """The step of a number with so many decimals."""
    return Decimal(1).scaleb(-int(exact(n_decimals)))


def levels(rows: Iterable[Any], price: str | int = 0, qty: str | int = 1) -> tuple[Level, ...]:
    """Levels of rows that are lists or objects."""
    return tuple((exact(row[price]), exact(row[qty])) for row in rows)


def one_of(value: object, yes: str, no: str) -> bool:
    """Whether a two-valued word is `yes`; any third value is an UnknownShape."""
    if str(value).lower() not in {yes, no}:
        raise UnknownShape(f"neither {yes} nor {no}: {value!r}")
    return str(value).lower() == yes


def is_buy(value: object) -> bool:
    """Whether a side says buy."""
    return one_of(value, "buy", "sell")


def _need(symbol: str) -> None:
    if not isinstance(symbol, str) or not symbol:
        raise UnknownShape(f"no symbol: {symbol!r}")


def _no_constant(name: str) -> Any:
    raise UnknownShape(f"not a number: {name}")
