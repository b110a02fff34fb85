"""Kraken's WebSocket v2: book with checksum, trades, executions, balances, and orders over the socket."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from tests.venues.exchange.book import BUY, SELL, Book, BookChange
from tests.venues.exchange.engine import BalanceChange, Event, OrderChange, PublicTrade
from tests.venues.exchange.session import Session

from .base import Answer, Call, stream_word
from .kraken_words import as_decimal, checksum, execution, level, number, stamp, v2_symbol

if TYPE_CHECKING:
    from .kraken import Kraken

# method -> (kind, REST method); v2 names of parameters -> REST names
METHODS = {
    "add_order": ("place", "AddOrder"),
    "cancel_order": ("cancel", "CancelOrder"),
    "cancel_all": ("cancel", "CancelAll"),
    "amend_order": ("amend", "AmendOrder"),
}
Levels = dict[int, dict[int, int]]


class Streams:
    def __init__(self, protocol: Kraken) -> None:
        self._protocol = protocol

    def open(self, session: Session) -> None:
        session.state["books"] = {}  # market id -> (depth, levels the client holds)
        session.state["channels"] = {}  # channel -> parameters
        row = {"system": "online", "api_version": "v2", "connection_id": 13834774380200032777, "version": "2.0.0"}
        session.push({"channel": "status", "type": "update", "data": [row]})

    def second(self, session: Session) -> None:
        if session.state["books"] or session.state["channels"]:
            session.push({"channel": "heartbeat"})

    def text(self, session: Session, text: str) -> None:
        message = json.loads(text)
        method, params = message.get("method", ""), message.get("params") or {}
        if method == "ping":
            session.push(self._stamped({"method": "pong"}, message))
        elif method in {"subscribe", "unsubscribe"}:
            self._subscribe(session, message, method, params)
        elif method in METHODS:
            self._order(session, message, params)
        else:
            session.push(self._failed(message, "Malformed request"))

    def _stamped(self, body: dict[str, Any], message: dict[str, Any]) -> dict[str, Any]:
        now = stamp(self._protocol.exchange.now_ns())
        number_ = {"req_id": message["req_id"]} if "req_id" in message else {}
        return body | number_ | {"time_in": now, "time_out": now}

    def _failed(self, message: dict[str, Any], words: str) -> dict[str, Any]:
        return self._stamped({"method": message.get("method"), "error": words, "success": False}, message)

    def _done(self, message: dict[str, Any], result: dict[str, Any]) -> dict[str, Any]:
        return self._stamped({"method": message["method"], "result": result, "success": True}, message)

    def _subscribe(self, session: Session, message: dict[str, Any], method: str, params: dict[str, Any]) -> None:
        channel = params.get("channel", "")
        if channel in {"executions", "balances"}:
            self._private(session, message, channel, params)
            return
        for name in params.get("symbol", ()):
            market = self._protocol.market_by_symbol(name)
            if market is None:
                session.push(self._failed(message, f"Currency pair not supported {name}") | {"symbol": name})
                continue
            depth = int(params.get("depth", 10))
            result: dict[str, Any] = {"channel": channel, "symbol": name, "snapshot": True}
            if channel == "book":
                result["depth"] = depth
            session.push(self._done(message, result))
            if method == "unsubscribe":
                session.state["books"].pop(market.id, None)
            elif channel == "book":
                book = self._protocol.exchange.books[market.id]
                session.state["books"][market.id] = (depth, self._view(book, depth))
                self._send_book(session, book, "snapshot", self._view(book, depth))
            else:
                session.state["channels"].setdefault(channel, set()).add(market.id)

    def _private(self, session: Session, message: dict[str, Any], channel: str, params: dict[str, Any]) -> None:
        account = self._protocol.tokens.get(params.get("token", ""))
        if account is None:
            session.push(self._failed(message, "EAuth:Invalid token"))
            return
        session.account = account
        session.state["channels"][channel] = params
        session.state["user"] = True
        session.push(self._done(message, {"channel": channel, "snapshot": True}))
        session.state["sequence"] = 1
        if channel == "executions":
            orders = [o for o in self._protocol.visible_orders(account) if o.is_open]
            rows = [execution(OrderChange(order, "new", order.updated_ns)) for order in orders]
            if params.get("snap_orders") is False:
                rows = []
            session.push({"channel": channel, "type": "snapshot", "data": rows, "sequence": 1})
        else:
            session.push({"channel": channel, "type": "snapshot", "data": self._balances(account), "sequence": 1})

    def _order(self, session: Session, message: dict[str, Any], params: dict[str, Any]) -> None:
        account = self._protocol.tokens.get(params.get("token", ""))
        if account is None:
            session.push(self._failed(message, "EAuth:Invalid token"))
            return
        kind, method = METHODS[message["method"]]
        call = Call("POST", session.host, f"/0/private/{method}", "", urlencode(self._rest_words(params)), {})
        call.account = self._protocol.exchange.accounts[account]
        route = self._protocol.find(call)
        assert route is not None

        def act() -> Answer:
            return Answer(route.handler(call))

        def reply(answer: Answer) -> dict[str, Any]:
            errors = answer.body["error"] if isinstance(answer.body, dict) else ["EService:Unavailable"]
            if errors:
                return self._failed(message, errors[0])
            result = answer.body["result"]
            ids = {"order_id": result["txid"][0]} if "txid" in result else {}
            if params.get("cl_ord_id"):
                ids["cl_ord_id"] = params["cl_ord_id"]
            if method == "CancelOrder":
                ids = {"order_id": params.get("order_id", [""])[0]}
            return self._done(message, result | ids)

        session.request(kind, act, reply)

    def _rest_words(self, params: dict[str, Any]) -> dict[str, str]:
        market = self._protocol.market_by_symbol(params.get("symbol", ""))
        first = params.get("order_id", "")
        words = {
            "pair": market.id if market else "",
            "type": params.get("side", ""),
            "ordertype": params.get("order_type", ""),
            "volume": as_decimal(params.get("order_qty")),
            "order_qty": as_decimal(params.get("order_qty")),
            "price": as_decimal(params.get("limit_price")),
            "limit_price": as_decimal(params.get("limit_price")),
            "timeinforce": str(params.get("time_in_force", "gtc")).upper(),
            "oflags": "post" if params.get("post_only") else "",
            "cl_ord_id": _first(params.get("cl_ord_id", "")),
            "txid": _first(first),
        }
        return {key: value for key, value in words.items() if value}

    # -- events ----------------------------------------------------------------------------------------------------

    def event(self, event: Event) -> None:
        if isinstance(event, BookChange):
            self._changed(event)
        elif isinstance(event, OrderChange):
            self._executed(event)
        elif isinstance(event, BalanceChange):
            self._tell(event.account, "balances", self._balances(event.account), "balance")
        elif isinstance(event, PublicTrade):
            self._trade(event)

    def _changed(self, change: BookChange) -> None:
        book = self._protocol.exchange.books[change.market.id]
        for session in self._protocol.sessions:
            held = session.state["books"].get(change.market.id)
            if held is None:
                continue
            depth, old = held
            new = self._view(book, depth)
            moved: Levels = {BUY: {}, SELL: {}}
            for side in (BUY, SELL):
                for price in old[side].keys() | new[side].keys():
                    if old[side].get(price) != new[side].get(price):
                        moved[side][price] = new[side].get(price, 0)
            if moved[BUY] or moved[SELL]:
                session.state["books"][change.market.id] = (depth, new)
                self._send_book(session, book, "update", moved)

    def _view(self, book: Book, depth: int) -> Levels:
        return {side: dict(book.levels(side, depth)) for side in (BUY, SELL)}

    def _send_book(self, session: Session, book: Book, kind: str, levels: Levels) -> None:
        market = book.market
        row = {
            "symbol": v2_symbol(market),
            "bids": [level(market, p, q) for p, q in levels[BUY].items()],
            "asks": [level(market, p, q) for p, q in levels[SELL].items()],
            "checksum": checksum(book),
            "timestamp": stamp(self._protocol.exchange.now_ns()),
        }
        session.push({"channel": "book", "type": kind, "data": [row]}, "book")

    def _trade(self, trade: PublicTrade) -> None:
        market = trade.market
        row = {
            "symbol": v2_symbol(market),
            "side": "buy" if trade.side == BUY else "sell",
            "price": number(trade.price * market.tick_atoms, market.price_places),
            "qty": number(trade.lots * market.lot_atoms, 8),
            "ord_type": "limit",
            "trade_id": trade.trade_id,
            "timestamp": stamp(trade.ts_ns),
        }
        for session in self._protocol.sessions:
            if market.id in session.state["channels"].get("trade", ()):
                session.push({"channel": "trade", "type": "update", "data": [row]}, "trades")

    def _executed(self, change: OrderChange) -> None:
        order = change.order
        if change.what == "new":
            pending = execution(change) | {"exec_type": "pending_new", "order_status": "pending_new"}
            self._tell(order.account, "executions", [pending], "order")
        self._tell(order.account, "executions", [execution(change)], stream_word(change))
        if change.fill is not None and order.state == "filled":
            done = execution(OrderChange(order, "filled", change.ts_ns))
            self._tell(order.account, "executions", [done], "order")
        if change.what != "fill":
            self._tell(order.account, "balances", self._balances(order.account), "balance")

    def _tell(self, account: str, channel: str, rows: list[dict[str, Any]], route: str) -> None:
        for session in self._protocol.sessions:
            if session.account == account and channel in session.state["channels"]:
                session.state["sequence"] += 1
                message = {"channel": channel, "type": "update", "data": rows, "sequence": session.state["sequence"]}
                session.push(message, route)

    def _balances(self, account: str) -> list[dict[str, Any]]:
        owner = self._protocol.exchange.accounts[account]
        return [
            {"asset": currency, "asset_class": "currency", "balance": number(amount, 8), "wallets": []}
            for currency, amount in owner.total.items()
        ]


def _first(value: Any) -> str:
    return str(value[0]) if isinstance(value, list) and value else str(value or "")
