"""A simulated dealer: a firm quote around the lit mid, held for a while after it is accepted, and then a last look.

The market behind a paper venue. A quote is half a spread and more for size away from the mid, rounded his way. When it
is accepted he holds it (the venue's own time), and then declines what has gone against him by more than his tolerance,
and some others on a whim drawn by the quote's own name: so that what he fills is worse for us than what he declines
would have been.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from app.domain.book import Level
from app.domain.enums import Side
from app.domain.ids import hash80
from app.domain.instrument import Instrument
from app.domain.orders import ChildOrder
from app.domain.quotes import Quote, QuoteRequest
from app.domain.units import PPM, div_up
from app.venues.dark.mids import lit_mid
from app.venues.exchange_spec import Market
from app.venues.simulated_market import Sides

# Quotes that are remembered: no more are ever alive at once.
QUOTES_KEPT: Final = 10_000


@dataclass(frozen=True, slots=True)
class DealerLaw:
    """`half_ppm` of the mid for nothing, `slope_ppm` more for each `size_units`; a quote lives `valid_ns`; he declines
    beyond `tolerance_ppm` against him, and `whim_frac` of all others.
    """

    half_ppm: int
    slope_ppm: int
    size_units: int
    valid_ns: int
    hold_ns: int
    tolerance_ppm: int
    whim_frac: float


@dataclass(frozen=True, slots=True)
class _Given:
    quote: Quote
    request: QuoteRequest
    mid_frac: float


@dataclass(slots=True)
class Dealer:
    """One dealer's market; `lit` gives the mids of `lit_venues` by symbol. `listings`, `laws`: by symbol."""

    venue: str
    lit: Market
    lit_venues: Mapping[str, Sequence[str]]
    listings: Mapping[str, Instrument]
    laws: Mapping[str, DealerLaw]
    seed: int
    _given: OrderedDict[str, _Given] = field(default_factory=OrderedDict)

    def sides(self, _venue: str, _symbol: str, _now_ns: int) -> Sides:
        """Nothing: he quotes when he is asked."""
        return Sides(0, (), ())

    def refill_ns(self, _venue: str, _symbol: str) -> int:
        """Nothing is remembered outside: a quote is used once."""
        return 0

    def next_move_ns(self, _venue: str, _now_ns: int) -> int:
        """No book moves."""
        return 0

    def quote(self, request: QuoteRequest, now_ns: int) -> Quote:
        """A firm quote for the side and quantity that are asked for, or none with its reason."""
        listing, law = self.listings.get(request.symbol), self.laws.get(request.symbol)
        if listing is None or law is None:
            return Quote(request.request_id, self.venue, code="unknown_symbol")
        mid_units = lit_mid(self.lit, self.lit_venues[request.symbol], request.symbol, now_ns)
        if not listing.min_qty_lots <= request.qty_lots <= listing.max_qty_lots:
            return Quote(request.request_id, self.venue, code="size")
        if not mid_units:
            return Quote(request.request_id, self.venue, code="no_price")
        qty_units = request.qty_lots * listing.lot_units
        away_ppm = law.half_ppm + law.slope_ppm * qty_units // law.size_units
        parts = 2 * PPM * listing.tick_units
        if request.side is Side.BUY:
            price_ticks = div_up(mid_units * (PPM + away_ppm), parts)
        else:
            price_ticks = mid_units * (PPM - away_ppm) // parts
        quote = Quote(
            request_id=request.request_id,
            venue=self.venue,
            quote_id=f"{self.venue}-q-{request.request_id}",
            price_ticks=price_ticks,
            qty_lots=request.qty_lots,
            valid_until_ns=now_ns + law.valid_ns,
            hold_ns=law.hold_ns,
        )
        self._given[quote.quote_id] = _Given(quote, request, mid_units / 2)
        if len(self._given) > QUOTES_KEPT:
            self._given.popitem(last=False)
        return quote

    def trade(self, child: ChildOrder, now_ns: int) -> tuple[Level, ...]:
        """The last look, at the end of the hold: the quote's price for all of `child`, or nothing."""
        given = self._given.pop(child.quote_id, None)
        if given is None or not self._is_his(given, child):
            return ()
        listing, law = self.listings[child.symbol], self.laws[child.symbol]
        mid_units = lit_mid(self.lit, self.lit_venues[child.symbol], child.symbol, now_ns)
        is_late = now_ns - law.hold_ns > given.quote.valid_until_ns
        moved_ppm = child.side.sign * (mid_units / 2 - given.mid_frac) / given.mid_frac * PPM
        if is_late or not mid_units or moved_ppm > law.tolerance_ppm or self._has_whim(child.quote_id, law):
            return ()
        return ((given.quote.price_ticks * listing.tick_units, child.qty_lots * child.lot_units),)

    def _is_his(self, given: _Given, child: ChildOrder) -> bool:
        asked = given.request
        is_same = (asked.account, asked.symbol, asked.side) == (child.account, child.symbol, child.side)
        is_within = child.side.sign * (given.quote.price_ticks - child.price_ticks) <= 0
        return is_same and is_within and child.qty_lots <= given.quote.qty_lots

    def _has_whim(self, quote_id: str, law: DealerLaw) -> bool:
        chance = np.random.Generator(np.random.PCG64(hash80(self.seed, self.venue, quote_id)))
        return bool(chance.random() < law.whim_frac)
