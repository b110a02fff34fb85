"""Everything that can be traded and where: the reference data of one process, checked when it is built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.domain.enums import MarketKind
from app.domain.errors import InvariantBroken
from app.domain.fees import FeeSchedule, FeeTier
from app.domain.instrument import Instrument, Symbol
from app.domain.venue import Venue


@dataclass(frozen=True, slots=True)
class Universe:
    """`instruments` is keyed by (venue_id, symbol name); `fees` by venue_id.

    `schedules`, by (venue_id, kind of market): what `fees` becomes with an account's volume; a venue may have none.
    """

    venues: Mapping[str, Venue]
    symbols: Mapping[str, Symbol]
    instruments: Mapping[tuple[str, str], Instrument]
    fees: Mapping[str, FeeTier]
    schedules: Mapping[tuple[str, MarketKind], FeeSchedule] = field(default_factory=dict)
    _by_symbol: dict[str, dict[str, Instrument]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for (venue, symbol), instrument in self.instruments.items():
            if venue not in self.venues or symbol not in self.symbols or venue not in self.fees:
                raise InvariantBroken(venue=venue, symbol=symbol, reason="listing without venue, symbol or fee")
            if instrument.fungible != self.symbols[symbol].fungible:
                raise InvariantBroken(venue=venue, symbol=symbol, reason="listing of another fungibility class")
        for (venue, market), schedule in self.schedules.items():
            if venue not in self.venues or (schedule.venue, schedule.market) != (venue, market):
                raise InvariantBroken(venue=venue, market=market.value, reason="schedule without its venue")
        by_symbol: dict[str, dict[str, Instrument]] = {}
        for (venue, symbol), instrument in self.instruments.items():
            by_symbol.setdefault(symbol, {})[venue] = instrument
        object.__setattr__(self, "_by_symbol", by_symbol)

    def listings(self, symbol: str) -> Mapping[str, Instrument]:
        """Every venue's listing of `symbol`, by venue id: asked for several times an order, so made once."""
        return self._by_symbol.get(symbol, {})
