"""The control door: what a test may do to a running local exchange, by Python in thread mode, by HTTP in process mode.

HTTP: POST /control/<method> with a JSON object of the method's arguments; the answer is JSON.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from aiohttp import web

from .book import BUY, SELL
from .engine import PublicTrade
from .units import text

if TYPE_CHECKING:
    from .server import LocalExchange


class Control:
    """Plain values in and out, so that both doors are one."""

    METHODS = frozenset(
        {"account", "deposit", "switch", "clear", "rules", "hits", "set_book", "freeze", "step", "book"}
        | {"ledger", "balances", "imbalance", "orders", "drop", "cancel_all", "move"}
    )

    def __init__(self, server: LocalExchange) -> None:
        self._server = server

    async def over_http(self, request: web.Request) -> web.Response:
        what = request.match_info["what"]
        if request.method != "POST" or what not in self.METHODS:
            return web.json_response({"error": f"POST one of {sorted(self.METHODS)}"}, status=404)
        arguments = await request.json() if request.can_read_body else {}
        try:
            return web.json_response(getattr(self, what)(**arguments))
        except (TypeError, ValueError, KeyError) as error:
            return web.json_response({"error": repr(error)}, status=400)

    def account(
        self,
        venue: str,
        name: str,
        key: str,
        secret: str,
        passphrase: str = "",
        permissions: Sequence[str] = ("read", "trade"),
        balances: dict[str, str] | None = None,
    ) -> None:
        """A new client of a venue."""
        exchange = self._server.exchanges[venue]
        self._call(lambda: exchange.open_account(name, key, secret, passphrase, permissions, balances) and None)

    def deposit(self, venue: str, account: str, currency: str, amount: str) -> None:
        self._call(lambda: self._server.exchanges[venue].deposit(account, currency, amount))

    def switch(self, fault: str, **where: Any) -> int:
        """Turn a fault on (see faults.Rule); returns the number by which `clear` turns it off."""
        return self._call(lambda: self._server.faults.switch(fault, **where).id)

    def clear(self, rule_id: int | None = None) -> None:
        self._call(lambda: self._server.faults.clear(rule_id))

    def rules(self) -> list[dict[str, Any]]:
        """Every fault that is on, with its hits."""
        return self._call(self._server.faults.rules)

    def hits(self, rule_id: int) -> int:
        """How often a fault that is on has struck."""
        return self._call(lambda: sum(row["hits"] for row in self._server.faults.rules() if row["id"] == rule_id))

    def set_book(
        self, venue: str, market: str, bids: Sequence[tuple[str, str]], asks: Sequence[tuple[str, str]]
    ) -> None:
        """Freeze the crowd of a market and quote exactly these (price, quantity) levels."""

        def act() -> None:
            self._server.makers[(venue, market)].frozen = True
            self._server.exchanges[venue].set_book(market, [(p, q) for p, q in bids], [(p, q) for p, q in asks])

        self._call(act)

    def move(
        self, venue: str, market: str, bids: Sequence[tuple[str, str]], asks: Sequence[tuple[str, str]], last: str
    ) -> None:
        """The market is somewhere else: a trade between two strangers at `last`, and exactly these levels around it."""

        def act() -> None:
            exchange = self._server.exchanges[venue]
            self._server.makers[(venue, market)].frozen = True
            exchange.set_book(market, [(p, q) for p, q in bids], [(p, q) for p, q in asks])
            listed, number = exchange.markets[market], next(exchange.trade_ids)
            price, now_ns = listed.ticks(last), exchange.now_ns()
            exchange.traded(PublicTrade(number, listed, price, listed.min_lots, SELL, now_ns))
            exchange.stops.go_off()

        self._call(act)

    def cancel_all(self, venue: str, account: str) -> int:
        """Cancel every open order of an account, as the venue's support desk would; how many."""
        return self._call(lambda: len(self._server.exchanges[venue].cancel_all(account)))

    def freeze(self, venue: str, market: str, frozen: bool = True) -> None:
        """Stop the crowd of a market, or let it go on from the book of now."""
        maker = self._server.makers[(venue, market)]
        self._call(maker.thaw if not frozen else lambda: setattr(maker, "frozen", True))

    def step(self, venue: str, market: str, times: int = 1) -> None:
        """Beats of the crowd, now."""

        def act() -> None:
            for _ in range(times):
                self._server.makers[(venue, market)].step()

        self._call(act)

    def book(self, venue: str, market: str, depth: int = 0) -> dict[str, Any]:
        """The engine's own book: {"seq", "bids", "asks"}."""

        def act() -> dict[str, Any]:
            book = self._server.exchanges[venue].books[market]
            return {"seq": book.seq, "bids": book.strings(BUY, depth), "asks": book.strings(SELL, depth)}

        return self._call(act)

    def ledger(self, kind: str = "", account: str = "", venue: str = "", since: int = 0) -> list[dict[str, Any]]:
        """Ledger entries as plain values."""
        return self._call(lambda: [asdict(e) for e in self._server.ledger.entries(kind, account, venue, since)])

    def balances(self, venue: str, account: str) -> dict[str, str]:
        """Totals of an account, held amounts included, without zeros."""
        return self._call(
            lambda: {
                currency: text(amount)
                for currency, amount in self._server.exchanges[venue].accounts[account].total.items()
                if amount
            }
        )

    def imbalance(self) -> dict[str, dict[str, str]]:
        """Per venue the currencies whose double entry does not close: {} when all is well."""
        found = {venue: exchange.accounts.imbalance() for venue, exchange in self._server.exchanges.items()}
        return self._call(lambda: {v: {c: text(a) for c, a in sums.items()} for v, sums in found.items() if sums})

    def orders(self, venue: str, account: str) -> list[dict[str, str]]:
        """Every order of an account in its last state."""

        def act() -> list[dict[str, str]]:
            return [
                {
                    "id": order.id,
                    "client_id": order.client_id,
                    "market": order.market.id,
                    "side": "buy" if order.side == BUY else "sell",
                    "type": "stop" if order.stop else order.kind,
                    "price": order.market.price(order.price),
                    "qty": order.market.qty(order.qty),
                    "filled": order.market.qty(order.filled),
                    "state": order.state,
                    "reason": order.reason,
                    "stop": order.market.price(order.stop) if order.waits else "",
                }
                for order in self._server.exchanges[venue].orders_of(account)
            ]

        return self._call(act)

    def drop(self, venue: str, account: str = "") -> int:
        """Close the WebSocket connections of a venue (of one account when given) with a close frame; how many."""

        def act() -> int:
            gone = [s for s in self._server.protocols[venue].sessions if account in {"", s.account}]
            for session in gone:
                session.disconnect()
            return len(gone)

        return self._call(act)

    def _call(self, act: Any) -> Any:
        return self._server.call(act)
