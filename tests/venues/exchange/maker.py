"""The crowd: a seeded random walk that quotes a market and now and then takes, so that resting orders fill."""

from __future__ import annotations

import random

from .book import BUY, SELL, Order
from .engine import Exchange, Ticket
from .markets import Market
from .settlement import HOUSE

LEVELS = 12
MOVE_CHANCE, TAKE_CHANCE = 0.4, 0.15


class Maker:
    """Quotes of the house in one market. The same seed and the same calls give the same book."""

    def __init__(self, exchange: Exchange, market: Market, seed: int) -> None:
        self._exchange, self._market = exchange, market
        self._random = random.Random(f"{seed}/{exchange.venue}/{market.id}")
        self._mid = market.ticks(market.mid)
        self._step = max(1, self._mid // 20_000)  # half a basis point between levels
        self._base_lots = max(market.min_lots, _lots_worth(market, 20_000)) * 2
        self._quotes: list[Order] = []
        self.frozen = False

    def open(self) -> None:
        """Quote both sides from nothing."""
        for level in range(LEVELS):
            for side in (BUY, SELL):
                self._quote(side, self._mid - side * self._step * (level + 1))

    def step(self) -> None:
        """One beat: quotes leave, others come, the mid moves; sometimes a small order takes the best price."""
        if self.frozen:
            return
        self._quotes = [order for order in self._quotes if order.is_open]
        if self._random.random() < MOVE_CHANCE:
            self._mid = max(self._step * (LEVELS + 2), self._mid + self._random.choice((-1, 1)) * self._step)
        for side in (BUY, SELL):
            mine = [order for order in self._quotes if order.side == side]
            stale = [order for order in mine if (self._mid - order.price) * side < self._step]
            if len(mine) > LEVELS:
                stale.append(self._random.choice(mine))
            for order in dict.fromkeys(stale):
                self._exchange.cancel(order)
            self._quote(side, self._mid - side * self._step * self._random.randint(1, LEVELS))
        if self._random.random() < TAKE_CHANCE:
            self._take(self._random.choice((BUY, SELL)))

    def thaw(self) -> None:
        """Go on from the book of now, whatever a test has put there."""
        book = self._exchange.books[self._market.id]
        bid, ask = book.best(BUY), book.best(SELL)
        if bid is not None and ask is not None:
            self._mid = (bid + ask) // 2
        self.frozen = False

    def _quote(self, side: int, price: int) -> None:
        best = self._exchange.books[self._market.id].best(-side)
        if price <= 0 or (best is not None and (best - price) * side <= 0):
            return  # the crowd does not trade with itself by accident
        lots = max(self._market.min_lots, self._base_lots * self._random.randint(20, 200) // 100)
        ticket = Ticket(self._market.id, side, self._market.qty(lots), self._market.price(price))
        self._quotes.append(self._exchange.place(HOUSE, ticket))

    def _take(self, side: int) -> None:
        best = self._exchange.books[self._market.id].best(-side)
        if best is None:
            return
        lots = max(self._market.min_lots, self._base_lots * self._random.randint(5, 40) // 100)
        ticket = Ticket(self._market.id, side, self._market.qty(lots), self._market.price(best), "IOC")
        self._exchange.place(HOUSE, ticket)


def _lots_worth(market: Market, amount: int) -> int:
    """About `amount` units of cash (a hundredth of it where the cash is a coin), in lots."""
    one = market.notional(market.ticks(market.mid), 1)
    coin = market.cash in {"BTC", "ETH"}
    wanted = amount * 10**18 // (50_000 if coin else 1)
    return max(1, wanted // one) if one else 1
