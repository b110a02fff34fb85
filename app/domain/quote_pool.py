"""Several quote currencies for one order: what the desk allows, and the rate at which another one counts.

Laws: only the order itself opens a pool, spot only, each currency named; a currency further from par than the desk
allows is left out. A rate is a ratio of integers read from our own books of the pair at the side that the desk would
pay. Conversion rounds against the desk, so what a plan expects in the order's quote is never too little.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final

from app.domain.enums import ContractKind, Side
from app.domain.instrument import FungibilityClass
from app.domain.units import NANO, PPM, div_up

MAX_BASIS_PPM: Final = 10_000  # 100 bps: whoever wants more wants another order
_JOINT: Final = ":"  # no venue id and no spot symbol has one


@unique
class Carrier(StrEnum):
    """Who has the other currency afterwards."""

    DESK = "desk"  # the desk keeps it; its cost is booked at the rate
    CONVERT = "convert"  # converted by us afterwards: not offered


@dataclass(frozen=True, slots=True)
class QuotePool:
    """`currencies` may pay or be received, the order's own among them; none further than `max_basis_ppm` from par."""

    currencies: tuple[str, ...]
    max_basis_ppm: int
    carrier: Carrier


@dataclass(frozen=True, slots=True)
class RateQuote:
    """One venue's touch of the pair, and the book that it was read from."""

    venue: str
    book_seq: int
    age_ns: int
    max_age_ns: int
    bid_units: int
    ask_units: int


@dataclass(frozen=True, slots=True)
class Conversion:
    """What `currency` counts in an order's quote: `quote_units` of that for `currency_units`; for listings of `symbol`.

    `price_scale` is that of `symbol`. `pair` is the symbol of `quotes`, whose prices have `pair_scale`; `is_inverse`:
    it is the order's quote in the other currency, and not the other way about.
    """

    symbol: str
    currency: str
    price_scale: int
    quote_units: int
    currency_units: int
    pair: str
    pair_scale: int
    is_inverse: bool
    quotes: tuple[RateQuote, ...]

    @property
    def basis_ppm(self) -> int:
        """How far the rate is from par, rounded away from it."""
        return div_up(abs(self.quote_units - self.currency_units) * PPM, self.currency_units)

    def is_borne_out(self, side: Side) -> bool:
        """Whether the rate is the best of its own quotes, all of them fresh and of books that may be believed."""
        best = rate_of(self.quotes, side, self.pair_scale, is_inverse=self.is_inverse)
        is_fresh = all(
            q.book_seq > 0 and q.age_ns <= q.max_age_ns and 0 < q.bid_units < q.ask_units for q in self.quotes
        )
        return is_fresh and best == (self.quote_units, self.currency_units) and best[0] > 0

    def price_units(self, price_units: int, scale: int, side: Side) -> int:
        """A price of `symbol` in the order's quote at `scale`: a buyer's never too low, a seller's never too high."""
        over, under = price_units * self.quote_units * 10**scale, self.currency_units * 10**self.price_scale
        return div_up(over, under) if side is Side.BUY else over // under

    def own_ticks(self, price_units: int, scale: int, side: Side, tick_units: int) -> int:
        """The worst tick of a listing of `symbol` that is no worse than a price in the order's quote at `scale`."""
        over, under = (
            price_units * self.currency_units * 10**self.price_scale,
            self.quote_units * 10**scale * tick_units,
        )
        return over // under if side is Side.BUY else div_up(over, under)

    def in_quote_nano(self, amount_nano: int, side: Side) -> int:
        """An amount of `currency` as the order's cost counts it: a buyer's rounded up, a seller's down."""
        over = amount_nano * self.quote_units
        return div_up(over, self.currency_units) if side is Side.BUY else over // self.currency_units


def source_of(venue: str, symbol: str) -> str:
    """The name, among an order's venues, of a venue's listing of another symbol than the order's."""
    return f"{venue}{_JOINT}{symbol}"


def venue_of(source: str) -> str:
    """The venue of a source: itself where the source is the venue's listing of the order's own symbol."""
    return source.partition(_JOINT)[0]


def symbol_of(source: str, own_symbol: str) -> str:
    """The symbol of a source: the order's own where nothing else is said."""
    return source.partition(_JOINT)[2] or own_symbol


def may_pool(own: FungibilityClass, other: FungibilityClass, pool: QuotePool | None) -> bool:
    """Whether an order of class `own` with this pool may be filled in class `other`."""
    if pool is None or own.quote == other.quote or other.quote not in pool.currencies:
        return False
    return own.kind is other.kind is ContractKind.SPOT and own.base == other.base and other.multiplier_nano == NANO


def rate_of(quotes: Iterable[RateQuote], side: Side, scale: int, *, is_inverse: bool) -> tuple[int, int]:
    """(num, den) at the best of `quotes`, at the side that the desk would pay; (0, 1) without one.

    A buyer has to get the currency first, a seller has to get rid of it. Where the pair is the inverse one, getting it
    is selling the order's quote.
    """
    is_ask = (side is Side.BUY) is not is_inverse
    prices = [quote.ask_units if is_ask else quote.bid_units for quote in quotes]
    best = (min(prices) if is_ask else max(prices)) if prices else 0
    if best <= 0:
        return 0, 1
    one: int = 10**scale
    return (one, best) if is_inverse else (best, one)
