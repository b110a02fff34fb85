"""What the world trades, ourselves left out: the sum of all venues' tapes, and how it is spread over the day.

Volumes of this process only: what was traded while it was away is not known. What earlier processes had learned of the
curve is restored from their facts (services/curves.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from app.domain.events import ChildFilled, Fact
from app.domain.ports import TradeFeed, TradesSink
from app.domain.timing_facts import VolumeBin
from app.domain.trade import TradePrint
from app.learning.volume_curve import VolumeCurve
from app.services.engine import Engine
from app.services.marks import open_marks
from app.services.prints import Prints

# Bins of a curve that nobody gave: fine enough for a day, few enough to be written into a fact.
N_CURVE_BINS: Final = 48


@dataclass(slots=True)
class Tape:
    """Counts trades of every venue by symbol. The engine's world reads it as its Volumes."""

    traded_units: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    _told: set[str] = field(default_factory=set)
    _shows_own: set[str] = field(default_factory=set)
    _others_units: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _own_units: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _most_units: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _curves: dict[str, VolumeCurve] = field(default_factory=lambda: defaultdict(VolumeCurve))
    _lasts: dict[str, dict[str, tuple[int, int]]] = field(default_factory=lambda: defaultdict(dict))
    _prints: dict[str, Prints] = field(default_factory=lambda: defaultdict(Prints))
    _listeners: list[TradesSink] = field(default_factory=list)

    def add_listener(self, listener: TradesSink) -> None:
        """Tells every print to one more."""
        self._listeners.append(listener)

    def expect(self, venue: str, symbols: Iterable[str], *, shows_own: bool) -> None:
        """`venue` will tell trades of these; `shows_own`: our own fills among them."""
        self._told.update(symbols)
        if shows_own:
            self._shows_own.add(venue)

    def take(self, prints: Sequence[TradePrint]) -> None:
        """Trades as they come, in any order between venues."""
        for trade in prints:
            key = (trade.venue, trade.symbol)
            self._told.add(trade.symbol)
            self.traded_units[key] += trade.qty_units
            self._lasts[trade.symbol][trade.venue] = trade.price_units, trade.received_ts_ns
            self._others_units[trade.symbol] += trade.qty_units
            self._curves[trade.symbol].observe(trade.received_ts_ns, trade.qty_units)
            self._prints[trade.symbol].add(trade, shows_own=trade.venue in self._shows_own)
        for listener in self._listeners:
            listener(prints)

    def on_facts(self, facts: Sequence[Fact]) -> None:
        """Own fills at venues whose tapes show them are not others'."""
        for fact in facts:
            event = fact.event
            if type(event) is ChildFilled and event.venue in self._shows_own and event.symbol in self._told:
                self._own_units[event.symbol] += event.qty_units
                self._prints[event.symbol].add_own(event.venue, fact.ts_ns, event.price_units, event.qty_units)

    def others_units(self, symbol: str) -> int | None:
        """Never falls: a fill that is known before its print is on the tape only holds the count."""
        if symbol not in self._told:
            return None
        now_units = self._others_units[symbol] - self._own_units[symbol]
        self._most_units[symbol] = max(self._most_units[symbol], now_units)
        return self._most_units[symbol]

    def lasts(self, symbol: str) -> Mapping[str, tuple[int, int]]:
        """Each venue's last trade as (price units, when it was heard)."""
        return self._lasts.get(symbol, {})

    def sizes_units(self, symbol: str) -> tuple[int, ...]:
        """Sizes of the newest trades, of any venue."""
        return self._prints[symbol].sizes_units() if symbol in self._prints else ()

    def traded(self, symbol: str, start_ts_ns: int, end_ts_ns: int) -> tuple[int, int]:
        """(VWAP in price units, quantity) of others in the interval, own fills left out; (0, 0) where none is known."""
        return self._prints[symbol].traded(start_ts_ns, end_ts_ns) if symbol in self._prints else (0, 0)

    def curve(self, symbol: str, start_ns: int, end_ns: int) -> tuple[int, ...]:
        """The learned curve from start to end; flat where nothing was seen yet."""
        return self._curves[symbol].weights(start_ns, end_ns, N_CURVE_BINS)

    def symbols(self) -> tuple[str, ...]:
        """Every symbol that some venue tells trades of."""
        return tuple(sorted(self._told))

    def usual_units(self, symbol: str, start_ns: int, end_ns: int) -> float:
        """By the learned curve alone, whatever today is like; 0 before anything was seen."""
        return self._curves[symbol].usual_units(start_ns, end_ns)

    def news(self, symbol: str, *, is_all: bool = False) -> tuple[VolumeBin, ...]:
        """What the curve has learned since it was last asked, in bins that are over; `is_all`: in that of now, too."""
        return tuple(VolumeBin(*told) for told in self._curves[symbol].news(is_all=is_all))

    def restore(self, symbol: str, bins: Iterable[VolumeBin]) -> None:
        """What an earlier process had learned, beside what this one has by now."""
        for told in bins:
            self._curves[symbol].restore(told.bin_i, told.seen_qty_units, told.watched_ms)

    def expected_units(self, symbol: str, start_ns: int, end_ns: int) -> float:
        """By the learned curve and today's level; 0 before anything was seen."""
        return self._curves[symbol].expected_units(start_ns, end_ns)


def open_tape(engine: Engine) -> Tape:
    """A tape that hears every venue that tells its trades, as the engine's Volumes, and a board of marks beside it;
    before the venues are started.
    """
    tape = Tape()
    for venue_id, venue in engine.venues.items():
        if isinstance(venue, TradeFeed):
            tape.expect(venue_id, venue.watch_trades(tape.take), shows_own=venue.shows_own_trades)
    engine.core.world = replace(engine.core.world, volumes=tape)
    engine.add_listener(tape.on_facts)
    open_marks(engine)
    return tape
