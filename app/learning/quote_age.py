"""How long each venue's touch has stood, and what part of it is still there when a child of ours could have come.

Law: a quote is the same one while its price stays and its quantity is at most twice the least that it has been since it
came; else it begins anew. Where no quantity is told, its price alone says so. A quote that nobody has seen change
stands since it was first seen. Of this process only: touches in, ages and looks out; no clock.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from app.domain.belief import BeliefKey, Measure, Observation
from app.domain.enums import Side

NEW_NS: Final = 100_000_000
YOUNG_NS: Final = 1_000_000_000
# Between two looks at one touch, and what a look waits for where no child has measured the way to the venue.
LOOK_EVERY_NS: Final = 1_000_000_000
USUAL_WAY_NS: Final = 50_000_000
MAX_LOOKS: Final = 1_024
GONE_OF: Final = {
    Measure.FADE: Measure.GONE,
    Measure.FADE_YOUNG: Measure.GONE_YOUNG,
    Measure.FADE_NEW: Measure.GONE_NEW,
}


@dataclass(slots=True)
class _Quote:
    price_units: int = 0
    qty_units: int = 0
    least_units: int = 0
    since_ns: int = 0
    looked_ns: int = -LOOK_EVERY_NS
    # (price, quantity, measure, when) of the look that waits for its answer
    look: tuple[int, int, Measure, int] | None = None


@dataclass(slots=True)
class QuoteAges:
    """Touches of every book that comes. `way_ns`: venue -> what a child needs to get there, as it was measured."""

    way_ns: dict[str, int] = field(default_factory=dict)
    _quotes: dict[tuple[str, str, Side], _Quote] = field(default_factory=dict)
    _seen: deque[Observation] = field(default_factory=lambda: deque(maxlen=MAX_LOOKS))

    def note(self, venue: str, symbol: str, side: Side, touch: tuple[int, int], now_ns: int) -> None:
        """`touch`: (price, quantity) that a taker of `side` sees now; price 0: no touch, quantity 0: not told."""
        price_units, qty_units = touch
        quote = self._quotes.get((venue, symbol, side))
        if quote is None:
            quote = self._quotes[(venue, symbol, side)] = _Quote()
        if quote.look is not None:
            self._answer((venue, symbol, side), quote, touch, now_ns)
        if price_units != quote.price_units or qty_units > 2 * quote.least_units:
            quote.since_ns, quote.least_units = now_ns, qty_units
        quote.price_units, quote.qty_units = price_units, qty_units
        quote.least_units = min(quote.least_units, qty_units)
        if quote.look is None and price_units and qty_units and now_ns - quote.looked_ns >= LOOK_EVERY_NS:
            quote.looked_ns = now_ns
            quote.look = price_units, qty_units, self.measure(venue, symbol, side, now_ns), now_ns

    def measure(self, venue: str, symbol: str, side: Side, now_ns: int) -> Measure:
        """Under which measure of fade a child that takes the touch now belongs; FADE where nothing was seen."""
        quote = self._quotes.get((venue, symbol, side))
        if quote is None or not quote.price_units or now_ns - quote.since_ns >= YOUNG_NS:
            return Measure.FADE
        return Measure.FADE_NEW if now_ns - quote.since_ns < NEW_NS else Measure.FADE_YOUNG

    def take_seen(self) -> list[Observation]:
        """What was looked at since the last call: the part of a touch that was gone."""
        seen = list(self._seen)
        self._seen.clear()
        return seen

    def _answer(self, place: tuple[str, str, Side], quote: _Quote, touch: tuple[int, int], now_ns: int) -> None:
        """Once a child could have come: what of the quantity stands at the price or better, by the touch of now."""
        assert quote.look is not None
        price_units, qty_units, measure, at_ns = quote.look
        venue, symbol, side = place
        if now_ns - at_ns < self.way_ns.get(venue, USUAL_WAY_NS):
            return
        quote.look = None
        off = side.sign * (touch[0] - price_units) if touch[0] else 1
        # A better touch has the old price behind it, as far as anybody can see: all of it counts as there.
        left_units = qty_units if off < 0 else min(touch[1], qty_units) if off == 0 else 0
        subject = f"{venue}:{symbol}:{side.value}:{at_ns}"
        key = BeliefKey(GONE_OF[measure], venue, symbol, side)
        self._seen.append(Observation(key, subject, 1.0 - left_units / qty_units, now_ns))
