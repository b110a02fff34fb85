"""Orders that wait at a venue for its own last trade, and are what they are only once it has come.

A stop is in the ledger from its acceptance. It goes off once, after the act whose trade set it off is over, in the
order in which stops came: then it is matched as any order of its kind and time in force.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from .book import Order
from .markets import Market, Refused

if TYPE_CHECKING:
    from .engine import Exchange


class Stops:
    """Every stop that waits at one venue. `last`: by market, the ticks of its newest trade."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._waiting: dict[str, Order] = {}
        self._due: deque[Order] = deque()
        self.last: dict[str, int] = {}

    def admit(self, order: Order) -> None:
        """Raises Refused where the last trade is there already and the venue takes no such stop."""
        last = self.last.get(order.market.id, 0)
        if order.stop and last and self._is_there(order, last) and self._exchange.habits.stop_through == "refuse":
            raise Refused("stop_through", order.market.price(order.stop))

    def take(self, order: Order) -> None:
        """It waits from here on; one that is through already is due at once."""
        self._waiting[order.id] = order
        last = self.last.get(order.market.id, 0)
        if last and self._is_there(order, last):
            self._due.append(order)

    def drop(self, order: Order) -> None:
        self._waiting.pop(order.id, None)

    def go_off(self) -> None:
        """Everything that is due, and what their own trades make due."""
        while self._due:
            order = self._due.popleft()
            if self._waiting.pop(order.id, None) is not None:
                self._exchange.set_off(order)

    def hear(self, market: Market, price: int) -> None:
        """A trade of `market` at `price` ticks."""
        self.last[market.id] = price
        for order in self._waiting.values():
            if order.market is market and order not in self._due and self._is_there(order, price):
                self._due.append(order)

    @staticmethod
    def _is_there(order: Order, price: int) -> bool:
        return order.side * (price - order.stop) >= 0
