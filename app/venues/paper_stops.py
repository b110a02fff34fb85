"""Stops that wait at a paper venue for its own last trade or its own mark price. Simulated, and called so.

A stop is in the ledger from its acceptance, outlives the process, and goes off once: the line that says so is written
before anything is matched. From then on it is the immediate order that it always was, at the book of its own instant.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from app.domain.enums import ContractKind, Side
from app.domain.instrument import Instrument
from app.domain.orders import ChildOrder
from app.domain.trade import TradePrint
from app.domain.venue_stops import FOREVER_NS, StopOffer, StopSource, VenueStop
from app.execution.simulator import Listing, VenueRefusal
from app.venues.ledger import AcceptedLine


@dataclass(slots=True)
class WaitingStops:
    """All stops that wait at one venue, by client id, in the order in which they came. `offer` None: it takes none."""

    offer: StopOffer | None
    listings: Mapping[str, Listing]
    _orders: dict[str, AcceptedLine] = field(default_factory=dict)

    def __contains__(self, client_id: str) -> bool:
        return client_id in self._orders

    def has(self, symbol: str) -> bool:
        return any(order.symbol == symbol for order in self._orders.values())

    def add(self, order: AcceptedLine) -> None:
        self._orders[order.client_id] = order

    def drop(self, client_id: str) -> None:
        """Forgets one that is over; dropping twice is dropping once."""
        self._orders.pop(client_id, None)

    def clear(self) -> None:
        self._orders.clear()

    def refusal(self, child: ChildOrder, *, has_trades: bool) -> VenueRefusal | None:
        """Why the venue does not take a stop, None if it does. `has_trades`: it tells trades of the symbol."""
        stop = child.stop
        assert stop is not None
        if self.offer is None or stop.by not in self.offer.sources or stop.price_ticks < 1:
            return VenueRefusal.STOP_NOT_OFFERED
        kind = self.listings[child.symbol].symbol.fungible.kind
        is_watched = has_trades if stop.by is StopSource.LAST else kind is not ContractKind.SPOT
        if not is_watched:
            return VenueRefusal.STOP_NOT_OFFERED
        if stop.replaces and (not self.offer.can_replace or stop.replaces not in self._orders):
            return VenueRefusal.REPLACED_ORDER_DONE
        return None

    def gone_off(self, symbol: str, trades: Iterable[TradePrint], mark_units: int) -> list[tuple[AcceptedLine, int]]:
        """(order, the price that set it off) of those that wait no more. `mark_units`: 0 for none."""
        prices = [trade.price_units for trade in trades]
        off: list[tuple[AcceptedLine, int]] = []
        for order in [o for o in self._orders.values() if o.symbol == symbol]:
            level_units = order.stop_price_ticks * self.listings[symbol].instrument.tick_units
            looked_at = prices if order.stop_by == StopSource.LAST.value else [mark_units] if mark_units else []
            there = next((p for p in looked_at if order.side.sign * (p - level_units) >= 0), 0)
            if there:
                self.drop(order.client_id)
                off.append((order, there))
        return off


def child_of(order: AcceptedLine, instrument: Instrument) -> ChildOrder:
    """The child that an accepted line of the ledger was, for matching."""
    return ChildOrder(
        child_id=order.child_id,
        client_id=order.client_id,
        order_id=order.order_id,
        account=order.account,
        wave=1,
        venue=instrument.venue,
        symbol=order.symbol,
        side=Side(order.side),
        time_in_force=order.time_in_force,
        price_ticks=order.price_ticks,
        qty_lots=order.qty_lots,
        tick_units=instrument.tick_units,
        lot_units=instrument.lot_units,
        deadline_ts_ns=order.deadline_ts_ns,
        rest_until_ns=FOREVER_NS,
        stop=VenueStop(order.stop_price_ticks, StopSource(order.stop_by), order.replaces),
    )
