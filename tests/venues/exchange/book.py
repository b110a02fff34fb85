"""A price-time book of one market: levels keep their orders in the order of arrival."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass, field

from .markets import Market

BUY, SELL = 1, -1


@dataclass(slots=True, eq=False)
class Order:
    """One order and everything that happened to it. Quantities are lots, prices ticks, money atoms."""

    id: str
    account: str
    market: Market
    side: int
    kind: str  # "limit" | "market"
    time_in_force: str  # "GTC" | "IOC" | "FOK"
    price: int  # ticks; 0 for a market order
    qty: int  # lots; 0 for a market order bought for `budget`
    client_id: str = ""
    post_only: bool = False
    reduce_only: bool = False
    budget: int = 0
    filled: int = 0
    cash: int = 0
    fees: dict[str, int] = field(default_factory=dict)
    state: str = "open"  # "open" | "filled" | "canceled"
    reason: str = ""  # why it was canceled: "user" "ioc" "fok" "no_liquidity" "post_only" "self_trade"
    held_in: str = ""
    held: int = 0
    created_ns: int = 0
    updated_ns: int = 0
    version: int = 0
    self_trade: str = "none"
    tags: dict[str, str] = field(default_factory=dict)  # the protocol's own words, e.g. the order type as it came
    stop: int = 0  # ticks; 0 for one that waits for nothing
    waits: bool = False  # for its stop

    @property
    def left(self) -> int:
        return self.qty - self.filled

    @property
    def is_open(self) -> bool:
        return self.state == "open"


@dataclass(frozen=True, slots=True)
class BookChange:
    """Levels that one act of the engine changed: (side, price ticks, lots now), 0 lots when the level is gone."""

    market: Market
    first_seq: int
    last_seq: int
    prev_seq: int
    levels: tuple[tuple[int, int, int], ...]
    ts_ns: int


class Book:
    """Both sides of one market and the number of the last change."""

    def __init__(self, market: Market, first_seq: int = 1000) -> None:
        self.market = market
        self.seq = first_seq
        self._queues: dict[int, dict[int, dict[str, Order]]] = {BUY: {}, SELL: {}}
        self._prices: dict[int, list[int]] = {BUY: [], SELL: []}
        self._lots: dict[int, dict[int, int]] = {BUY: {}, SELL: {}}
        self._touched: dict[tuple[int, int], None] = {}

    def add(self, order: Order) -> None:
        queues = self._queues[order.side]
        if order.price not in queues:
            queues[order.price] = {}
            insort(self._prices[order.side], order.price)
            self._lots[order.side][order.price] = 0
        queues[order.price][order.id] = order
        self._change(order.side, order.price, order.left)

    def remove(self, order: Order) -> None:
        del self._queues[order.side][order.price][order.id]
        self._change(order.side, order.price, -order.left)

    def shrink(self, order: Order, lots: int) -> None:
        """`lots` of a resting order were filled or taken away; call before or after changing the order, not both."""
        self._change(order.side, order.price, -lots)

    def drop_filled(self, order: Order) -> None:
        del self._queues[order.side][order.price][order.id]
        self._change(order.side, order.price, 0)

    def best(self, side: int) -> int | None:
        prices = self._prices[side]
        if not prices:
            return None
        return prices[-1] if side == BUY else prices[0]

    def first(self, side: int) -> Order | None:
        """The order that trades next on a side."""
        price = self.best(side)
        return None if price is None else next(iter(self._queues[side][price].values()))

    def crosses(self, side: int, price: int) -> bool:
        """Whether an order of `side` at `price` would trade now."""
        best = self.best(-side)
        return best is not None and (price >= best if side == BUY else price <= best)

    def against(self, side: int, price: int = 0) -> Iterator[Order]:
        """The resting orders that an order of `side` meets, best first; `price` 0 is without limit."""
        prices = self._prices[-side]
        for level in prices if side == BUY else reversed(prices):
            if price and (level > price if side == BUY else level < price):
                return
            yield from self._queues[-side][level].values()

    def levels(self, side: int, depth: int = 0) -> list[tuple[int, int]]:
        """(price ticks, lots) from the best on, at most `depth` of them."""
        prices = self._prices[side]
        ordered = reversed(prices) if side == BUY else prices
        rows = [(price, self._lots[side][price]) for price in ordered]
        return rows[:depth] if depth else rows

    def strings(self, side: int, depth: int = 0) -> list[tuple[str, str]]:
        """The same as decimal strings."""
        market = self.market
        return [(market.price(price), market.qty(lots)) for price, lots in self.levels(side, depth)]

    def take_change(self, ts_ns: int) -> BookChange | None:
        """What changed since the last call, numbered; None when nothing did."""
        if not self._touched:
            return None
        rows = tuple((side, price, self._lots[side].get(price, 0)) for side, price in self._touched)
        self._touched.clear()
        prev, self.seq = self.seq, self.seq + len(rows)
        return BookChange(self.market, prev + 1, self.seq, prev, rows, ts_ns)

    def _change(self, side: int, price: int, lots: int) -> None:
        totals = self._lots[side]
        totals[price] += lots
        self._touched[(side, price)] = None
        if not self._queues[side][price]:
            assert totals[price] == 0, (self.market.id, side, price, totals[price])
            del self._queues[side][price], totals[price]
            prices = self._prices[side]
            del prices[bisect_left(prices, price)]
