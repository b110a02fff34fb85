"""Who owns what: accounts, holds, positions, and the double entry that every trade makes.

In each currency the balances of all accounts, `outside` and `fees` among them, and the open cash of all positions
sum to zero at any time: `Accounts.imbalance()` says so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from .book import BUY, Order
from .markets import Kind, Market, Refused
from .units import MILLION

OUTSIDE, FEES, HOUSE = "outside", "fees", "house"
OPTION_FEE_CAP_PPM = 125_000  # Deribit's and OKX's: no fee above an eighth of the premium


@dataclass(slots=True)
class Position:
    """Signed lots of a derivative and the cash that opening them moved: -cash/lots is the entry price."""

    lots: int = 0
    cash: int = 0
    realised: int = 0


@dataclass(slots=True, eq=False)
class Account:
    """A client of the venue, known by its API key."""

    name: str
    key: str = ""
    secret: str = ""
    passphrase: str = ""
    permissions: tuple[str, ...] = ("read", "trade")
    total: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    held: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    positions: dict[str, Position] = field(default_factory=dict)

    def free(self, currency: str) -> int:
        return self.total[currency] - self.held[currency]

    @property
    def is_unlimited(self) -> bool:
        return self.name in {OUTSIDE, FEES, HOUSE}


@dataclass(frozen=True, slots=True)
class Fill:
    """One side of a trade, as that side's owner reads it."""

    trade_id: int
    ts_ns: int
    market: Market
    order_id: str
    client_id: str
    account: str
    side: int
    price: int
    lots: int
    cash: int  # atoms of market.cash
    fee: int
    fee_in: str
    liquidity: str  # "maker" | "taker"
    realised: int = 0


class Accounts:
    """All accounts of one venue and the rules by which money moves among them."""

    def __init__(self, leverage: int, *, stops_hold: bool = True) -> None:
        self._leverage, self._stops_hold = leverage, stops_hold
        self._by_name = {name: Account(name) for name in (OUTSIDE, FEES, HOUSE)}
        self._by_key: dict[str, Account] = {}

    def open(self, account: Account) -> Account:
        if account.name in self._by_name or account.key in self._by_key:
            raise ValueError(f"account {account.name!r} or its key exists")
        self._by_name[account.name] = account
        self._by_key[account.key] = account
        return account

    def turn_key(self, name: str, key: str) -> None:
        """The account's key is another from now on, its secret the same; the old one is known no more."""
        account = self._by_name[name]
        del self._by_key[account.key]
        account.key = key
        self._by_key[key] = account

    def by_key(self, key: str) -> Account | None:
        return self._by_key.get(key)

    def __getitem__(self, name: str) -> Account:
        return self._by_name[name]

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    def __iter__(self) -> Iterator[Account]:
        return iter(self._by_name.values())

    def move(self, source: str, target: str, currency: str, amount: int) -> None:
        self[source].total[currency] -= amount
        self[target].total[currency] += amount

    def imbalance(self) -> dict[str, int]:
        """Currencies whose balances and open cash do not sum to zero: always empty."""
        sums: dict[str, int] = defaultdict(int)
        for account in self._by_name.values():
            for currency, amount in account.total.items():
                sums[currency] += amount
            for key, position in account.positions.items():
                sums[key.split("|")[1]] += position.cash
        return {currency: amount for currency, amount in sums.items() if amount}

    def position(self, account: Account, market: Market) -> Position:
        return account.positions.setdefault(f"{market.id}|{market.cash}", Position())

    # -- holds -----------------------------------------------------------------------------------------------------

    def hold(self, order: Order) -> None:
        """Make what the order holds fit what is left of it."""
        account = self[order.account]
        if account.is_unlimited:
            return
        is_holding = order.is_open and (self._stops_hold or not order.waits)
        currency, amount = self.need(order, order.price, order.left) if is_holding else (order.held_in, 0)
        if order.held_in:
            account.held[order.held_in] -= order.held
        order.held_in, order.held = currency, amount
        if currency:
            account.held[currency] += amount

    def need(self, order: Order, price: int, lots: int) -> tuple[str, int]:
        """(currency, atoms) that `lots` of the order must be able to pay at a price."""
        market = order.market
        notional = market.notional(price, lots) if price else 0
        if market.is_derivative:
            opening = 0 if order.reduce_only else notional // self._leverage
            return market.cash, opening
        if order.side != BUY:
            return market.base, market.base_atoms(lots)
        fee = -(-notional * market.taker_ppm // MILLION) if market.fee_in == "quote" else 0
        return market.quote, notional + max(fee, 0)

    def check(self, order: Order, price: int, lots: int) -> None:
        """Refuses an order that the account cannot pay."""
        account = self[order.account]
        if account.is_unlimited:
            return
        if order.reduce_only:
            held = self.position(account, order.market).lots
            if held * order.side >= 0 or abs(held) < lots:
                raise Refused("reduce_only", order.market.qty(lots))
        currency, amount = self.need(order, price, lots)
        margin = sum(
            abs(position.cash) // self._leverage
            for key, position in account.positions.items()
            if key.endswith(f"|{currency}")
        )
        if amount > account.free(currency) + (order.held if order.held_in == currency else 0) - margin:
            raise Refused("insufficient_balance", currency)

    # -- trades ----------------------------------------------------------------------------------------------------

    def settle(self, order: Order, price: int, lots: int, liquidity: str) -> tuple[int, int, str, int, dict[str, int]]:
        """Move what one side of a trade gives and takes; returns (cash, fee, fee currency, realised, deltas).

        The two sides of a spot trade are settled one after the other against `outside`, which ends where it was.
        """
        market, account = order.market, self[order.account]
        cash = market.notional(price, lots)
        ppm = market.maker_ppm if liquidity == "maker" else market.taker_ppm
        fee_in, fee_on = self._fee_basis(order, cash, lots)
        fee = 0 if account.name == HOUSE else market.fee(fee_on, ppm)
        if market.kind is Kind.OPTION:
            fee = min(fee, market.fee(cash, OPTION_FEE_CAP_PPM))
        deltas: dict[str, int] = defaultdict(int)
        realised = 0
        if market.is_derivative:
            realised = self._reposition(account, market, order.side * lots, cash)
            account.total[market.cash] += realised  # it leaves the position's open cash, nobody else's balance
            deltas[market.cash] += realised
        else:
            base = order.side * market.base_atoms(lots)
            self.move(OUTSIDE, account.name, market.base, base)
            self.move(account.name, OUTSIDE, market.quote, order.side * cash)
            deltas[market.base] += base
            deltas[market.quote] -= order.side * cash
        self.move(account.name, FEES, fee_in, fee)
        deltas[fee_in] -= fee
        return cash, fee, fee_in, realised, deltas

    def _fee_basis(self, order: Order, cash: int, lots: int) -> tuple[str, int]:
        market = order.market
        if market.kind is Kind.OPTION:
            return market.cash, market.base_atoms(lots)  # on what the contracts stand for, not on the premium
        if market.fee_in == "received" and not market.is_derivative and order.side == BUY:
            return market.base, market.base_atoms(lots)
        return market.cash, cash

    def _reposition(self, account: Account, market: Market, lots: int, cash: int) -> int:
        """Change a position by signed lots for `cash`; returns what closing realised, cut to an atom."""
        position = self.position(account, market)
        flow = -cash if (lots > 0) is (market.kind is not Kind.INVERSE) else cash
        closing = min(abs(lots), abs(position.lots)) if position.lots * lots < 0 else 0
        closed_flow = flow * closing // abs(lots)
        closed_cash = position.cash * closing // abs(position.lots) if closing else 0
        realised = closed_flow + closed_cash
        position.cash += flow - realised
        position.lots += lots
        position.realised += realised
        return realised
