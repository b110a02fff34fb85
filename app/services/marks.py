"""What venues say that their perpetuals are worth: each one's newest mark price. Of this process only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from app.domain.ports import MarkFeed
from app.domain.trade import MarkPrice
from app.services.engine import Engine


@dataclass(slots=True)
class MarkBoard:
    """The engine's world reads it as its Marks."""

    _told: set[str] = field(default_factory=set)
    _marks: dict[str, dict[str, tuple[int, int]]] = field(default_factory=lambda: defaultdict(dict))

    def expect(self, symbols: Iterable[str]) -> None:
        """Some venue will tell marks of these."""
        self._told.update(symbols)

    def take(self, marks: Sequence[MarkPrice]) -> None:
        """Marks as they come."""
        for mark in marks:
            self._told.add(mark.symbol)
            self._marks[mark.symbol][mark.venue] = mark.price_units, mark.received_ts_ns

    def is_told(self, symbol: str) -> bool:
        """Whether any venue tells a mark price of `symbol`."""
        return symbol in self._told

    def marks(self, symbol: str) -> Mapping[str, tuple[int, int]]:
        """Each venue's mark as (price units, when it was heard)."""
        return self._marks.get(symbol, {})


def open_marks(engine: Engine) -> MarkBoard:
    """A board that hears every venue that tells marks, as the engine's Marks; before the venues are started."""
    board = MarkBoard()
    for venue in engine.venues.values():
        if isinstance(venue, MarkFeed):
            board.expect(venue.watch_marks(board.take))
    engine.core.world = replace(engine.core.world, marks=board)
    return board
