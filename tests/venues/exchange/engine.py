"""One venue: its markets, accounts and orders, matched by price and time in exact integers, every act in the ledger.

Knows no protocol, no socket and no vendor's word. Whoever listens (`listeners`) hears `BookChange`, `OrderChange` and
`BalanceChange` at once, in the order things happened, before the call that caused them returns.
"""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from .book import BUY, SELL, Book, BookChange, Order
from .entries import fill_row, order_row
from .ledger import Ledger
from .markets import Habits, Market, Refused
from .settlement import FEES, HOUSE, OUTSIDE, Account, Accounts, Fill
from .stops import Stops
from .units import atoms, text

NS_PER_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a client asks for, in the venue's decimal strings. No price: market; `budget` buys for so much quote;
    `stop`: it waits for the last trade to be there.
    """

    market: str
    side: int
    qty: str = ""
    price: str = ""
    time_in_force: str = "GTC"
    client_id: str = ""
    post_only: bool = False
    reduce_only: bool = False
    budget: str = ""
    self_trade: str = ""
    tags: tuple[tuple[str, str], ...] = ()
    stop: str = ""


@dataclass(frozen=True, slots=True)
class OrderChange:
    """An order of a client changed. `what` is "new", "triggered", "fill", "canceled" or "amended"."""

    order: Order
    what: str
    ts_ns: int
    fill: Fill | None = None


@dataclass(frozen=True, slots=True)
class BalanceChange:
    account: str
    deltas: tuple[tuple[str, int], ...]
    reason: str
    ts_ns: int


@dataclass(frozen=True, slots=True)
class PublicTrade:
    """A trade as everybody sees it; `side` is the taker's."""

    trade_id: int
    market: Market
    price: int
    lots: int
    side: int
    ts_ns: int


Event = BookChange | OrderChange | BalanceChange | PublicTrade


class Exchange:
    """A running venue. All methods are synchronous and belong to one thread."""

    def __init__(
        self,
        venue: str,
        markets: Iterable[Market],
        habits: Habits,
        ledger: Ledger | None = None,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.venue, self.habits = venue, habits
        self.ledger = Ledger() if ledger is None else ledger
        self.markets = {market.id: market for market in markets}
        self.books = {market.id: Book(market) for market in self.markets.values()}
        self.accounts = Accounts(habits.leverage, stops_hold=habits.stop_holds)
        self.stops = Stops(self)
        self.orders: dict[str, Order] = {}
        self.fills: list[Fill] = []
        self.trades: deque[PublicTrade] = deque(maxlen=500)
        self.listeners: list[Callable[[Event], None]] = []
        self._by_client: dict[tuple[str, str], Order] = {}
        self._client_orders: dict[str, list[Order]] = {}
        self._order_fills: dict[str, list[Fill]] = {}
        self._client_fills: dict[str, list[Fill]] = {}
        self._clock_ns = clock_ns
        self._last_ns = 0
        self._order_ids = itertools.count(habits.first_order_id)
        self.trade_ids = itertools.count(habits.first_trade_id)
        self.order_id: Callable[[int], str] = str  # a venue with other ids (Kraken, Coinbase) makes them from a number

    # -- accounts --------------------------------------------------------------------------------------------------

    def open_account(
        self,
        name: str,
        key: str,
        secret: str,
        passphrase: str = "",
        permissions: Sequence[str] = ("read", "trade"),
        balances: dict[str, str] | None = None,
    ) -> Account:
        account = self.accounts.open(Account(name, key, secret, passphrase, tuple(permissions)))
        for currency, amount in (balances or {}).items():
            self.deposit(name, currency, amount)
        return account

    def deposit(self, account: str, currency: str, amount: str) -> None:
        self.accounts.move(OUTSIDE, account, currency, atoms(amount))
        self._log("deposit", account, currency=currency, amount=amount)
        self._balance(account, {currency: atoms(amount)}, "deposit")

    # -- orders ----------------------------------------------------------------------------------------------------

    def place(self, account: str, ticket: Ticket) -> Order:
        """A new order, matched as far as it goes; raises Refused when the venue would not take it at all."""
        try:
            order = self._admit(account, ticket)
        except Refused as refused:
            if account != HOUSE:
                self._log("refused", account, code=refused.code, client_id=ticket.client_id, market=ticket.market)
            raise
        self.orders[order.id] = order
        if account != HOUSE:
            self._client_orders.setdefault(account, []).append(order)
            self._by_client[(account, order.client_id)] = order
            self._log_order("order", order)
        self.accounts.hold(order)
        self._told(order, "new")
        if order.waits:
            self.stops.take(order)
        else:
            self._execute(order)
        self._publish(order.market)
        self.stops.go_off()
        if account == HOUSE and not order.is_open:
            self.orders.pop(order.id, None)  # the house leaves no history behind
        return order

    def set_off(self, order: Order) -> None:
        """A stop that waits no more: matched as what it is, or closed where the account cannot pay it any more."""
        order.waits = False
        self._touch(order)
        self._log_order("trigger", order)
        self._told(order, "triggered")
        try:
            self.accounts.check(order, order.price, order.qty)
        except Refused:
            self._close(order, "trigger_failed", was_resting=False)
            return
        self.accounts.hold(order)
        self._execute(order)
        self._publish(order.market)

    def cancel(self, order: Order, reason: str = "user") -> Order:
        """Take an open order off the book; raises Refused("order_closed") when it is no longer open."""
        if not order.is_open:
            raise Refused("order_closed", order.id)
        self._close(order, reason, was_resting=not order.waits)
        self._publish(order.market)
        return order

    def cancel_all(self, account: str, market: str = "", side: int = 0) -> list[Order]:
        """Every open order of an account, in a market and on a side when given."""
        orders = [
            order
            for order in self._client_orders.get(account, ())
            if order.is_open and market in {"", order.market.id} and side in {0, order.side}
        ]
        return [self.cancel(order) for order in orders]

    def amend(self, order: Order, price: str = "", qty: str = "") -> Order:
        """Change an open order. Less quantity at the same price keeps its place in the queue, else it is lost."""
        if not order.is_open or order.waits:
            raise Refused("order_closed", order.id)
        market = order.market
        new_price = market.ticks(price) if price else order.price
        new_qty = market.lots(qty) if qty else order.qty
        if new_qty <= order.filled:
            raise Refused("qty_below_filled", qty)
        if order.post_only and self.books[market.id].crosses(order.side, new_price):
            raise Refused("post_only", price)
        self.accounts.check(order, new_price, new_qty - order.filled)
        book, keeps_place = self.books[market.id], new_price == order.price and new_qty <= order.qty
        if keeps_place:
            book.shrink(order, order.qty - new_qty)
        else:
            book.remove(order)
        order.price, order.qty = new_price, new_qty
        self._touch(order)
        self.accounts.hold(order)
        self._log_order("amend", order)
        self._told(order, "amended")
        if not keeps_place:
            self._execute(order)
        self._publish(market)
        self.stops.go_off()
        return order

    def by_id(self, account: str, order_id: str) -> Order | None:
        order = self.orders.get(order_id)
        return order if order is not None and order.account == account else None

    def by_client_id(self, account: str, client_id: str) -> Order | None:
        """The newest order of that client id."""
        return self._by_client.get((account, client_id))

    def orders_of(self, account: str) -> list[Order]:
        """Every order an account ever placed, oldest first."""
        return list(self._client_orders.get(account, ()))

    def fills_of(self, account: str) -> list[Fill]:
        return list(self._client_fills.get(account, ()))

    def fills_of_order(self, order: Order) -> list[Fill]:
        """Its fills, oldest first."""
        return list(self._order_fills.get(order.id, ()))

    def set_book(self, market: str, bids: Sequence[tuple[str, str]], asks: Sequence[tuple[str, str]]) -> None:
        """Replace everything the house quotes in a market by exactly these levels; clients' orders stay."""
        listed = self.markets[market]
        for order in [o for o in self.orders.values() if o.account == HOUSE and o.market is listed and o.is_open]:
            self._close(order, "user", was_resting=True)
        self._publish(listed)
        for side, rows in ((BUY, bids), (SELL, asks)):
            for price, qty in rows:
                self.place(HOUSE, Ticket(market, side, qty, price))

    def now_ns(self) -> int:
        """The clock, never standing still: two acts never bear the same time."""
        self._last_ns = max(self._clock_ns(), self._last_ns + 1)
        return self._last_ns

    # -- admission -------------------------------------------------------------------------------------------------

    def _admit(self, account: str, ticket: Ticket) -> Order:
        market = self.markets.get(ticket.market)
        if market is None:
            raise Refused("unknown_market", ticket.market)
        self._check_client_id(account, ticket.client_id)
        price = market.ticks(ticket.price) if ticket.price else 0
        lots = 0 if ticket.budget else market.lots(ticket.qty)
        now_ns = self.now_ns()
        order = Order(
            id=self.order_id(next(self._order_ids)),
            account=account,
            market=market,
            side=ticket.side,
            kind="limit" if price else "market",
            time_in_force=ticket.time_in_force if price else "IOC",
            price=price,
            qty=lots,
            client_id=ticket.client_id,
            post_only=ticket.post_only,
            reduce_only=ticket.reduce_only,
            budget=atoms(ticket.budget) if ticket.budget else 0,
            created_ns=now_ns,
            updated_ns=now_ns,
            self_trade=ticket.self_trade or self.habits.self_trade,
            tags=dict(ticket.tags),
            stop=market.ticks(ticket.stop) if ticket.stop else 0,
            waits=bool(ticket.stop),
        )
        self.stops.admit(order)
        if account != HOUSE:
            self._check_size(order)
        book = self.books[market.id]
        if order.post_only and not order.waits and book.crosses(order.side, price):
            if self.habits.post_only == "refuse":
                raise Refused("post_only", ticket.price)
            if self.habits.post_only == "shift":
                best = book.best(-order.side)
                assert best is not None
                order.price = best - order.side
        return order

    def _check_client_id(self, account: str, client_id: str) -> None:
        if not client_id:
            return
        if account != HOUSE and not self.habits.accepts(client_id):
            raise Refused("bad_client_id", client_id)
        known = self._by_client.get((account, client_id))
        unique = self.habits.client_id_unique
        if known is not None and (unique == "ever" or (unique == "open" and known.is_open)):
            raise Refused("duplicate_client_id", client_id)

    def _check_size(self, order: Order) -> None:
        market = order.market
        if order.budget:
            if order.budget < atoms(market.min_notional):
                raise Refused("min_notional", text(order.budget))
            if order.budget > self.accounts[order.account].free(market.quote):
                raise Refused("insufficient_balance", market.quote)
            return
        if order.qty < market.min_lots:
            raise Refused("min_qty", market.qty(order.qty))
        price = order.price or self._worst_price(order)
        if market.notional(price, order.qty) < atoms(market.min_notional) and price:
            raise Refused("min_notional", text(market.notional(price, order.qty)))
        self.accounts.check(order, price, order.qty)

    def _worst_price(self, order: Order) -> int:
        """The last price a market order would reach in the book of now."""
        left, price = order.qty, 0
        for maker in self.books[order.market.id].against(order.side):
            price, left = maker.price, left - maker.left
            if left <= 0:
                break
        return price

    # -- matching --------------------------------------------------------------------------------------------------

    def _execute(self, order: Order) -> None:
        book = self.books[order.market.id]
        if order.post_only and book.crosses(order.side, order.price):
            self._close(order, "post_only", was_resting=False)
            return
        if order.time_in_force == "FOK" and not self._fills_whole(order):
            self._close(order, "fok", was_resting=False)
            return
        while order.is_open:
            lots_wanted = self._wanted(order)
            best = book.best(-order.side)
            if not lots_wanted or best is None or (order.price and not book.crosses(order.side, order.price)):
                break
            maker = book.first(-order.side)
            assert maker is not None
            if maker.account == order.account and order.self_trade != "none":
                self._prevent(order, maker)
                continue
            self._trade(order, maker, min(lots_wanted, maker.left))
        if order.is_open:
            self._rest_or_close(order, book)

    def _rest_or_close(self, order: Order, book: Book) -> None:
        if order.time_in_force == "GTC" and order.price:
            book.add(order)
            return
        if order.budget and order.filled:  # what the budget no longer buys a lot for is left over: the order is done
            order.qty, order.state = order.filled, "filled"
            self.accounts.hold(order)
            return
        reason = "ioc" if order.price else "no_liquidity"
        self._close(order, reason, was_resting=False)

    def _wanted(self, order: Order) -> int:
        if not order.budget:
            return order.left
        maker = self.books[order.market.id].first(-order.side)
        if maker is None:
            return 0
        lots = (order.budget - order.cash) // order.market.notional(maker.price, 1)
        order.qty = order.filled + lots
        return lots

    def _fills_whole(self, order: Order) -> bool:
        left = order.qty
        for maker in self.books[order.market.id].against(order.side, order.price):
            if maker.account != order.account or order.self_trade == "none":
                left -= maker.left
            if left <= 0:
                return True
        return False

    def _prevent(self, taker: Order, maker: Order) -> None:
        if taker.self_trade in {"maker", "both"}:
            self._close(maker, "self_trade", was_resting=True)
        if taker.self_trade in {"taker", "both"}:
            self._close(taker, "self_trade", was_resting=False)

    def _trade(self, taker: Order, maker: Order, lots: int) -> None:
        now_ns, trade_id = self.now_ns(), next(self.trade_ids)
        book = self.books[taker.market.id]
        price = maker.price
        book.shrink(maker, lots)
        told: list[tuple[Order, Fill, dict[str, int]]] = []
        for order, liquidity in ((maker, "maker"), (taker, "taker")):
            told.append((order, *self._fill(order, price, lots, liquidity, (trade_id, now_ns))))
        if not maker.is_open:
            book.drop_filled(maker)
            if maker.account == HOUSE:
                self.orders.pop(maker.id, None)
        if any(order.account != HOUSE for order in (maker, taker)):
            for order, fill, deltas in told:
                self._log_fill(order, fill, deltas)
        trade = PublicTrade(trade_id, taker.market, price, lots, taker.side, now_ns)
        for order, fill, deltas in told:
            if order.account != HOUSE:
                self.fills.append(fill)
                self._client_fills.setdefault(order.account, []).append(fill)
                self._order_fills.setdefault(order.id, []).append(fill)
                self._tell(OrderChange(order, "fill", now_ns, fill))
                self._tell(BalanceChange(order.account, tuple(deltas.items()), "fill", now_ns))
        self.traded(trade)

    def traded(self, trade: PublicTrade) -> None:
        """Tells a trade to everybody, stops among them."""
        self.trades.append(trade)
        self.stops.hear(trade.market, trade.price)
        self._tell(trade)

    def _fill(
        self, order: Order, price: int, lots: int, liquidity: str, stamp: tuple[int, int]
    ) -> tuple[Fill, dict[str, int]]:
        cash, fee, fee_in, realised, deltas = self.accounts.settle(order, price, lots, liquidity)
        order.filled += lots
        order.cash += cash
        order.fees[fee_in] = order.fees.get(fee_in, 0) + fee
        order.updated_ns = stamp[1]
        order.version += 1
        if not order.left and not (order.budget and liquidity == "taker"):
            order.state = "filled"
        self.accounts.hold(order)
        fill = Fill(
            stamp[0],
            stamp[1],
            order.market,
            order.id,
            order.client_id,
            order.account,
            order.side,
            price,
            lots,
            cash,
            fee,
            fee_in,
            liquidity,
            realised,
        )
        return fill, deltas

    def _close(self, order: Order, reason: str, was_resting: bool) -> None:
        if was_resting:
            self.books[order.market.id].remove(order)
        self.stops.drop(order)
        order.state, order.reason = "canceled", reason
        self._touch(order)
        self.accounts.hold(order)
        if order.account == HOUSE:
            self.orders.pop(order.id, None)
        else:
            self._log_order("cancel", order)
        self._told(order, "canceled")

    # -- telling ---------------------------------------------------------------------------------------------------

    def _touch(self, order: Order) -> None:
        order.updated_ns = self.now_ns()
        order.version += 1

    def _publish(self, market: Market) -> None:
        change = self.books[market.id].take_change(self.now_ns())
        if change is not None:
            self._tell(change)

    def _told(self, order: Order, what: str) -> None:
        if order.account != HOUSE:
            self._tell(OrderChange(order, what, order.updated_ns))

    def _balance(self, account: str, deltas: dict[str, int], reason: str) -> None:
        self._tell(BalanceChange(account, tuple(deltas.items()), reason, self.now_ns()))

    def _tell(self, event: Event) -> None:
        for listener in self.listeners:
            listener(event)

    # -- the ledger ------------------------------------------------------------------------------------------------

    def _log(self, kind: str, account: str, **data: Any) -> None:
        self.ledger.append(self.now_ns(), self.venue, kind, account, **data)

    def _log_order(self, kind: str, order: Order) -> None:
        self._log(kind, order.account, **order_row(order))

    def _log_fill(self, order: Order, fill: Fill, deltas: dict[str, int]) -> None:
        self._log("fill", order.account, **fill_row(fill))
        for currency, amount in deltas.items():
            total = self.accounts[order.account].total[currency]
            self._log("balance", order.account, currency=currency, delta=text(amount), total=text(total))
        if fill.fee:
            self._log("balance", FEES, currency=fill.fee_in, delta=text(fill.fee), total="")
