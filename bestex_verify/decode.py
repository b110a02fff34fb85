"""Reads a receipt: the bytes of docs/receipts.md into plain integers and texts. Standard library only."""

from __future__ import annotations

import struct
from dataclasses import dataclass

MAGICS = (b"BXR1", b"BXR2", b"BXR3")
TEXTS = (
    "route_id",
    "symbol",
    "base",
    "quote",
    "settle",
    "kind",
    "expiry",
    "side",
    "strategy",
    "solver",
    "status",
    "unallocated_code",
)
INTEGERS = (
    "wave",
    "now_ns",
    "price_scale",
    "qty_scale",
    "multiplier_nano",
    "is_notional",
    "requested",
    "price_cap_units",
    "mid_half_units",
    "max_venues",
    "is_whole_only",
    "allocated_units",
    "money_nano",
    "objective_nano",
    "bound_nano",
    "witness_upnano",
    "gap_ubps",
)
# What the second format tells besides; in the first all of it was zero.
NEWER_INTEGERS = ("estimated_nano", "is_searched")
NEWER_COLUMNS = ("est_ppm",)
COLUMNS = (
    "book_seq",
    "age_ns",
    "max_age_ns",
    "fee_ppm",
    "fixed_nano",
    "lot_units",
    "tick_units",
    "min_qty_lots",
    "min_notional_nano",
    "max_qty_lots",
    "capacity_high",
    "capacity_nano",
    "n_levels",
    "qty_lots",
    "limit_ticks",
)
# A capacity may exceed 64 bits: units of 2**60, then the rest.
CAPACITY_BITS = 60
_FORMATS = {2: "h", 4: "i", 8: "q"}
LONG_WIDTHS = (8, 32)
MOST_SCALE = 18


RATE_INTEGERS = ("price_scale", "num", "den", "pair_scale", "is_inverse")
QUOTE_INTEGERS = ("book_seq", "age_ns", "max_age_ns", "bid_units", "ask_units")


class BadReceipt(ValueError):
    """The bytes are not a receipt, or not all of one."""


@dataclass(frozen=True)
class Place:
    """One venue of a receipt: the named columns, and its kept levels as (price_units, qty_units), best first."""

    venue: str
    terms: dict[str, int]
    levels: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Rate:
    """What another quote currency counted: num / den, and each quote (venue, its integers) that it was read from."""

    symbol: str
    currency: str
    pair: str
    terms: dict[str, int]
    quotes: tuple[tuple[str, dict[str, int]], ...]


@dataclass(frozen=True)
class Pool:
    """An order's other quote currencies. `rate_of`: by place, the number of its rate, 0 for the order's own symbol.

    `own_levels`: by place, (price in units of the rate's symbol, quantity), empty for the order's own symbol.
    """

    max_basis_ppm: int
    currencies: tuple[str, ...]
    rates: tuple[Rate, ...]
    rate_of: tuple[int, ...]
    own_levels: tuple[tuple[tuple[int, int], ...], ...]


@dataclass(frozen=True)
class Rival:
    """A plan that was verified beside the chosen one: lots per venue and the cost it was listed with."""

    name: str
    cost_nano: int
    qty_lots: tuple[int, ...]


@dataclass(frozen=True)
class Receipt:
    """Everything a decision was made of, as recorded."""

    texts: dict[str, str]
    integers: dict[str, int]
    places: tuple[Place, ...]
    rivals: tuple[Rival, ...]
    pool: Pool | None = None


class _Reader:
    """A cursor over bytes that refuses to read past the end."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, n_bytes: int) -> bytes:
        piece = self._data[self._at : self._at + n_bytes]
        if len(piece) != n_bytes:
            raise BadReceipt(f"cut short at byte {self._at}")
        self._at += n_bytes
        return piece

    def count(self, n_bytes: int) -> int:
        return int.from_bytes(self.take(n_bytes), "little")

    def text(self) -> str:
        try:
            return self.take(self.count(2)).decode()
        except UnicodeDecodeError as error:
            raise BadReceipt(f"a text before byte {self._at} is not UTF-8") from error

    def integer(self) -> int:
        return int.from_bytes(self.take(self.count(1)), "little", signed=True)

    def integers(self, count: int) -> tuple[int, ...]:
        """Integers of one width, 8 or 32 bytes."""
        width = self.count(1)
        if width not in LONG_WIDTHS:
            raise BadReceipt(f"integers of {width} bytes before byte {self._at}")
        return tuple(int.from_bytes(self.take(width), "little", signed=True) for _ in range(count))

    def column(self, count: int) -> tuple[int, ...]:
        width = self.count(1)
        if width not in _FORMATS:
            raise BadReceipt(f"column of {width} bytes a value before byte {self._at}")
        return struct.unpack(f"<{count}{_FORMATS[width]}", self.take(count * width))

    def is_done(self) -> bool:
        return self._at == len(self._data)


def decode(data: bytes) -> Receipt:
    """The receipt in `data`; raises BadReceipt for anything that is not exactly one."""
    reader = _Reader(data)
    magic = reader.take(4)
    if magic not in MAGICS:
        raise BadReceipt("not a receipt")
    is_first = magic == MAGICS[0]
    texts = {name: reader.text() for name in TEXTS}
    integers = dict.fromkeys(NEWER_INTEGERS, 0) | _integers(reader, is_first=is_first)
    n_venues = reader.count(2)
    places: tuple[Place, ...] = ()
    rivals: tuple[Rival, ...] = ()
    if n_venues:
        venues = [reader.text() for _ in range(n_venues)]
        listed = _listed(reader, is_first=is_first)
        names = COLUMNS if is_first else COLUMNS + NEWER_COLUMNS
        columns = dict.fromkeys(NEWER_COLUMNS, (0,) * n_venues) | {name: reader.column(n_venues) for name in names}
        whole = zip(columns["capacity_high"], columns["capacity_nano"], strict=True)
        columns["capacity_nano"] = tuple((high << CAPACITY_BITS) + low for high, low in whole)
        rivals = tuple(Rival(name, cost_nano, reader.column(n_venues)) for name, cost_nano in listed)
        levels = _levels(reader, n_venues, 1 if texts["side"] == "buy" else -1)
        places = tuple(
            Place(venue, {name: values[i] for name, values in columns.items()}, levels[i])
            for i, venue in enumerate(venues)
        )
    pool = _pool(reader, n_venues) if magic == MAGICS[2] else None
    if not reader.is_done():
        raise BadReceipt("bytes after the end")
    return Receipt(texts, integers, places, rivals, pool)


def _pool(reader: _Reader, n_venues: int) -> Pool:
    """What a quote_pool adds behind everything else."""
    (max_basis_ppm,) = reader.integers(1)
    currencies = tuple(reader.text() for _ in range(reader.count(1)))
    rates = []
    for _ in range(reader.count(1)):
        symbol, currency, pair = reader.text(), reader.text(), reader.text()
        terms = dict(zip(RATE_INTEGERS, reader.integers(len(RATE_INTEGERS)), strict=True))
        quotes = []
        for _ in range(reader.count(1)):
            venue = reader.text()
            quotes.append((venue, dict(zip(QUOTE_INTEGERS, reader.integers(len(QUOTE_INTEGERS)), strict=True))))
        if not (0 <= terms["price_scale"] <= MOST_SCALE and 0 <= terms["pair_scale"] <= MOST_SCALE):
            raise BadReceipt("a rate's scale is out of range")
        if terms["num"] < 1 or terms["den"] < 1:
            raise BadReceipt("a rate that is not above zero")
        rates.append(Rate(symbol, currency, pair, terms, tuple(quotes)))
    rate_of, own_levels = [], []
    for _ in range(n_venues):
        rate_of.append(reader.count(1))
        n_levels = reader.count(2)
        numbers = reader.integers(2 * n_levels)
        own_levels.append(tuple(zip(numbers[::2], numbers[1::2], strict=True)))
    if any(number > len(rates) for number in rate_of):
        raise BadReceipt("a place names a rate that is not there")
    return Pool(max_basis_ppm, currencies, tuple(rates), tuple(rate_of), tuple(own_levels))


def _integers(reader: _Reader, *, is_first: bool) -> dict[str, int]:
    if is_first:
        return {name: reader.integer() for name in INTEGERS}
    names = INTEGERS + NEWER_INTEGERS
    return dict(zip(names, reader.integers(len(names)), strict=True))


def _listed(reader: _Reader, *, is_first: bool) -> list[tuple[str, int]]:
    """The rivals' names and costs: pair by pair in the first format, names before costs in the second."""
    n_rivals = reader.count(1)
    if is_first:
        return [(reader.text(), reader.integer()) for _ in range(n_rivals)]
    names = [reader.text() for _ in range(n_rivals)]
    return list(zip(names, reader.integers(n_rivals), strict=True))


def _levels(reader: _Reader, n_venues: int, side: int) -> list[tuple[tuple[int, int], ...]]:
    """Kept levels per venue from counts, first prices, price steps towards dearer, and quantities."""
    kept, first_prices = reader.column(n_venues), reader.column(n_venues)
    if min(kept) < 0:
        raise BadReceipt("a negative number of levels")
    total = sum(kept)
    steps, qtys = reader.column(total), reader.column(total)
    found, at = [], 0
    for n_kept, first_price in zip(kept, first_prices, strict=True):
        price, levels = first_price, []
        for step, qty in zip(steps[at : at + n_kept], qtys[at : at + n_kept], strict=True):
            price += side * step
            levels.append((price, qty))
        found.append(tuple(levels))
        at += n_kept
    return found
