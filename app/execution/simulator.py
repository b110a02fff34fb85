"""How a venue fills a child against a book: pure matching in integers, for paper venues and for replay alike.

No clock, no chance: the book, the footprint of our own earlier fills and the time are arguments. Levels are
(price_units, qty_units), best first; fills are in the venue's ticks and lots.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum, unique
from typing import Final

from app.domain.book import Level
from app.domain.enums import Side, TimeInForce
from app.domain.errors import InvariantBroken
from app.domain.fees import FeeTier, fee_nano
from app.domain.instrument import Instrument, Symbol
from app.domain.orders import ChildOrder
from app.domain.quick import quick_init


@unique
class VenueRefusal(StrEnum):
    """Why a venue says no, in our words."""

    UNKNOWN_SYMBOL = "unknown_symbol"
    BAD_TICK = "bad_tick"
    BAD_LOT = "bad_lot"
    MIN_QTY = "min_qty"
    MAX_QTY = "max_qty"
    MIN_NOTIONAL = "min_notional"
    TIME_IN_FORCE = "time_in_force"
    DEADLINE_PASSED = "deadline_passed"
    DUPLICATE_CLIENT_ID = "duplicate_client_id"
    POST_ONLY = "post_only"
    STOP_NOT_OFFERED = "stop_not_offered"
    REPLACED_ORDER_DONE = "replaced_order_done"
    ICEBERG = "iceberg"


@dataclass(frozen=True, slots=True)
class Listing:
    """What matching must know of one venue's market."""

    symbol: Symbol
    instrument: Instrument
    fee: FeeTier


@quick_init
@dataclass(frozen=True, slots=True)
class SimulatedFill:
    """One trade of a child. `cum_qty_lots` runs over the child's fills.

    `fee_nano` is the whole charge in the money currency; `gas_nano` the fixed part of it.
    """

    price_ticks: int
    qty_lots: int
    cum_qty_lots: int
    money_nano: int
    fee_nano: int
    gas_nano: int


def refusal(child: ChildOrder, listing: Listing, now_ns: int, *, is_known_id: bool) -> VenueRefusal | None:
    """The first rule of the venue that `child` breaks at the venue's time `now_ns`, or None.

    A duplicate comes first: what was said about the first use of an id stays true.
    """
    instrument = listing.instrument
    if is_known_id:
        return VenueRefusal.DUPLICATE_CLIENT_ID
    if now_ns > child.deadline_ts_ns:
        return VenueRefusal.DEADLINE_PASSED
    if (child.venue, child.symbol) != (instrument.venue, instrument.symbol):
        return VenueRefusal.UNKNOWN_SYMBOL
    if child.time_in_force not in (TimeInForce.IOC, TimeInForce.FOK) and not child.rests:
        return VenueRefusal.TIME_IN_FORCE
    if child.tick_units != instrument.tick_units or child.price_ticks < 1:
        return VenueRefusal.BAD_TICK
    if child.lot_units != instrument.lot_units or child.qty_lots < 1:
        return VenueRefusal.BAD_LOT
    if child.qty_lots < instrument.min_qty_lots:
        return VenueRefusal.MIN_QTY
    if child.qty_lots > instrument.max_qty_lots:
        return VenueRefusal.MAX_QTY
    if listing.symbol.notional_nano(child.price_units, child.qty_units) < instrument.min_notional_nano:
        return VenueRefusal.MIN_NOTIONAL
    return None


def match(child: ChildOrder, listing: Listing, levels: Sequence[Level]) -> tuple[SimulatedFill, ...]:
    """Fills of a child against the opposite side `levels`, best first.

    A level trades whole lots only; what is smaller than a lot stays. FOK fills whole or not at all. The venue's fixed
    cost is in the first fill's fee. Raises InvariantBroken where a level is off the venue's tick.
    """
    instrument, symbol, tier = listing.instrument, listing.symbol, listing.fee
    sign, lot_units = child.side.sign, instrument.lot_units
    left_lots = child.qty_lots
    fills: list[SimulatedFill] = []
    for price_units, qty_units in levels:
        if left_lots == 0 or sign * (price_units - child.price_units) > 0:
            break
        lots = min(left_lots, qty_units // lot_units)
        if lots == 0:
            continue
        price_ticks, off_units = divmod(price_units, instrument.tick_units)
        if off_units:
            raise InvariantBroken(venue=child.venue, price_units=price_units, tick_units=instrument.tick_units)
        left_lots -= lots
        money_nano = symbol.money_nano(price_units, lots * lot_units)
        fixed_nano = 0 if fills else tier.fixed_nano
        fee = fee_nano(money_nano, tier.taker_fee_ppm) + fixed_nano
        fills.append(SimulatedFill(price_ticks, lots, child.qty_lots - left_lots, money_nano, fee, fixed_nano))
    if child.time_in_force is TimeInForce.FOK and left_lots:
        return ()
    return tuple(fills)


# Takes at one price within this part of the refill time are kept as one, so that a busy venue stays cheap to look at.
_MERGE: Final = 64


# What was taken at once: price_units, qty_units, ts_ns. A plain list: a busy venue looks at a hundred a child.
_Taken = list[int]


@dataclass(slots=True)
class Footprint:
    """What we took from one venue's book, and how it comes back.

    What was taken at a price is missing from the front of that side, from the best level down to that price, and
    comes back linearly over `refill_ns` (half of it after half the time). The market never refills a better price
    for us before that, so that taking twice at once never finds the same liquidity. What is missing is whole lots of
    `lot_units`, so that a book of whole lots stays one.
    """

    refill_ns: int
    lot_units: int = 1
    _taken: dict[Side, deque[_Taken]] = field(default_factory=lambda: {Side.BUY: deque(), Side.SELL: deque()})
    _kept_units: dict[Side, int] = field(default_factory=lambda: {Side.BUY: 0, Side.SELL: 0})  # of all of `_taken`

    def take(self, side: Side, price_units: int, qty_units: int, now_ns: int) -> None:
        """Notes that a taker of `side` (buy takes asks) took `qty_units` at `price_units`."""
        taken = self._taken[side]
        self._kept_units[side] += qty_units
        last = taken[-1] if taken else None
        if last is not None and last[0] == price_units and now_ns - last[2] < self.refill_ns // _MERGE:
            last[1] += qty_units
            last[2] = max(last[2], now_ns)
        else:
            taken.append([price_units, qty_units, now_ns])

    def best_units(self, side: Side, levels: Sequence[Level], now_ns: int) -> int:
        """The price of the first level of `left`, 0 where nothing is left; mostly without looking at what was taken."""
        if levels and self._kept_units[side] < levels[0][1]:
            return levels[0][0]  # not even all of it, none of it back, would empty the level
        left = self.left(side, levels, now_ns)
        return left[0][0] if left else 0

    def left(self, side: Side, levels: Sequence[Level], now_ns: int) -> tuple[Level, ...]:
        """`levels` that a taker of `side` sees, best first, without what is still missing; empty levels are gone."""
        missing = self._missing(side, levels[0][0], now_ns) if levels and self._taken[side] else None
        if not missing:
            return tuple(levels)
        sign = side.sign
        shown: list[Level] = []
        i, gone_units = 0, 0  # `gone_units` of missing[i] is already taken off better levels
        for level_i, (price_units, full_units) in enumerate(levels):
            if i == len(missing):
                shown += [level for level in levels[level_i:] if level[1]]
                break
            qty_units = full_units
            while qty_units and i < len(missing):
                taken_price_units, taken_units = missing[i]
                # What was taken at better prices than this level leaves no trace here nor deeper.
                is_better = sign * (taken_price_units - price_units) < 0
                cut_units = 0 if is_better else min(qty_units, taken_units - gone_units)
                qty_units -= cut_units
                gone_units += cut_units
                if is_better or gone_units == taken_units:
                    i, gone_units = i + 1, 0
            if qty_units:
                shown.append((price_units, qty_units))
        return tuple(shown)

    def _missing(self, side: Side, best_units: int, now_ns: int) -> list[Level]:
        """What is still missing, nearest price first, each price once; what has come back is forgotten.

        What was taken at a better price than `best_units` leaves no trace, and is left out.
        """
        refill_ns, lot_units, is_buy = self.refill_ns, self.lot_units, side is Side.BUY
        taken, back_ns, lot_refill_ns = self._taken[side], now_ns - refill_ns, refill_ns * lot_units
        while taken and taken[0][2] <= back_ns:
            self._kept_units[side] -= taken.popleft()[1]
        missing: dict[int, int] = {}
        for price_units, qty_units, ts_ns in taken:
            if (price_units < best_units if is_buy else price_units > best_units) or ts_ns <= back_ns:
                continue  # ts_ns <= back_ns: the venue's clock had stepped back before it
            back_units = qty_units * (now_ns - ts_ns) // lot_refill_ns * lot_units if ts_ns < now_ns else 0
            missing[price_units] = missing.get(price_units, 0) + qty_units - back_units
        return sorted(missing.items(), reverse=not is_buy)
