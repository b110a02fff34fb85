"""A simulated dark cross: what rests there is hidden and drawn by a seeded stream, and it trades at the lit mid.

The market behind a paper venue (venues/exchange.py), which keeps the ledger. Nothing is shown, ever. What rests of a
side is drawn anew in each interval, by the interval's own number: the same seed, clock and takes give the same. What we
take is gone until the next draw. An order meets it at once, in one execution of at least its own and the venue's least
quantity, at the mean mid of the lit venues rounded against it; or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from app.domain.book import Level
from app.domain.enums import Side
from app.domain.ids import hash80
from app.domain.instrument import Instrument
from app.domain.orders import ChildOrder
from app.domain.units import div_up
from app.venues.dark.mids import lit_mid
from app.venues.exchange_spec import Market
from app.venues.simulated_market import Sides


@dataclass(frozen=True, slots=True)
class HiddenLaw:
    """What rests of one side: nothing with `empty_frac`, else 1 to `max_steps` steps of `step_units` symbol units with
    chances as step ** -`tail`; drawn every `renew_ns`.
    """

    step_units: int
    empty_frac: float
    tail: float
    max_steps: int
    renew_ns: int


@dataclass(slots=True)
class DarkCross:
    """One dark venue's market; `lit` gives the mids of `lit_venues` by symbol. `listings`, `laws`: by symbol."""

    venue: str
    lit: Market
    lit_venues: Mapping[str, Sequence[str]]
    listings: Mapping[str, Instrument]
    laws: Mapping[str, HiddenLaw]
    seed: int
    # (symbol, side) -> (interval, units that are left of it)
    _stock: dict[tuple[str, Side], tuple[int, int]] = field(default_factory=dict)

    def sides(self, _venue: str, _symbol: str, _now_ns: int) -> Sides:
        """Nothing: that is what dark means."""
        return Sides(0, (), ())

    def refill_ns(self, _venue: str, _symbol: str) -> int:
        """Nothing is remembered outside: what was taken is gone here."""
        return 0

    def next_move_ns(self, _venue: str, _now_ns: int) -> int:
        """No book moves."""
        return 0

    def trade(self, child: ChildOrder, now_ns: int) -> tuple[Level, ...]:
        """The one execution that `child` meets at `now_ns`, none where too little rests or the mid is beyond it."""
        listing = self.listings[child.symbol]
        price_units = self._cross_units(child, listing, now_ns)
        if not price_units or child.side.sign * (price_units - child.price_units) > 0:
            return ()
        key = (child.symbol, Side.SELL if child.side is Side.BUY else Side.BUY)
        there_units = self._left_units(key, now_ns)
        lots = min(child.qty_lots, there_units // listing.lot_units)
        if lots < max(child.min_qty_lots, listing.min_qty_lots):
            return ()
        interval = now_ns // self.laws[child.symbol].renew_ns
        self._stock[key] = (interval, there_units - lots * listing.lot_units)
        return ((price_units, lots * listing.lot_units),)

    def _cross_units(self, child: ChildOrder, listing: Instrument, now_ns: int) -> int:
        """The lit mid in whole ticks, rounded against the child; 0 where no lit venue has both sides."""
        mid = lit_mid(self.lit, self.lit_venues[child.symbol], child.symbol, now_ns)
        parts = 2 * listing.tick_units
        return (div_up(mid, parts) if child.side is Side.BUY else mid // parts) * listing.tick_units

    def _left_units(self, key: tuple[str, Side], now_ns: int) -> int:
        law = self.laws[key[0]]
        interval = now_ns // law.renew_ns
        known = self._stock.get(key)
        if known is None or known[0] != interval:
            known = self._stock[key] = (interval, self._drawn_units(key, law, interval))
        return known[1]

    def _drawn_units(self, key: tuple[str, Side], law: HiddenLaw, interval: int) -> int:
        """What an interval begins with: a function of its number, so that no look and no take changes the next one."""
        chance = np.random.Generator(np.random.PCG64(hash80(self.seed, self.venue, key[0], key[1].value, interval)))
        if chance.random() < law.empty_frac:
            return 0
        weights = np.arange(1, law.max_steps + 1, dtype=np.float64) ** -law.tail
        steps = int(np.searchsorted(np.cumsum(weights), chance.random() * weights.sum(), side="right")) + 1
        return min(steps, law.max_steps) * law.step_units
