"""KuCoin's WebSocket: one address for all topics, private ones where the token is an account's."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.venues.exchange.book import BUY, SELL, BookChange
from tests.venues.exchange.engine import BalanceChange, Event, OrderChange, PublicTrade
from tests.venues.exchange.markets import Market
from tests.venues.exchange.session import Session
from tests.venues.exchange.units import text as plain

from .kucoin_words import order_message, side_of
from .wording import ms

if TYPE_CHECKING:
    from .kucoin import KuCoin

ORDERS, BALANCE = "/spotMarket/tradeOrders", "/account/balance"
BOOK, DEPTH5, DEPTH50 = "/market/level2", "/spotMarket/level2Depth5", "/spotMarket/level2Depth50"
TRADES = "/market/match"
BLANK_EVERY = 3  # about a third of the recorded rows have price 0: their numbers only are used up


class Streams:
    """What KuCoin sends over sockets. A session subscribes to topics like /market/level2:BTC-USDT."""

    def __init__(self, protocol: KuCoin) -> None:
        self._protocol = protocol
        self._blanks: dict[str, int] = {}  # market -> numbers that were used up without a change

    def open(self, session: Session) -> None:
        session.state["topics"] = set()
        token = session.query.get("token", "")
        if token not in self._protocol.tokens:
            session.push(
                {"id": session.query.get("connectId", ""), "type": "error", "code": 401, "data": "token is invalid"}
            )
            session.disconnect()
            return
        session.account = self._protocol.tokens[token]
        session.push({"id": session.query.get("connectId", ""), "type": "welcome"})

    def text(self, session: Session, text: str) -> None:
        message = json.loads(text)
        kind, number = message.get("type"), message.get("id")
        if kind == "ping":
            session.push({"id": number, "type": "pong", "timestamp": self._protocol.now_ms() * 1000})
            return
        if kind not in {"subscribe", "unsubscribe"}:
            session.push({"id": number, "type": "error", "code": 400, "data": f"type {kind} is not supported"})
            return
        name, _, symbols = message.get("topic", "").partition(":")
        if message.get("privateChannel") and not session.account:
            session.push({"id": number, "type": "error", "code": 403, "data": "login is required"})
            return
        topics = {f"{name}:{symbol}" for symbol in symbols.split(",")} if symbols else {name}
        if wrong := [t for t in topics if symbols and self._protocol.market_named(t.partition(":")[2]) is None]:
            session.push({"id": number, "type": "error", "code": 404, "data": f"topic {wrong[0]} is not found"})
            return
        held: set[str] = session.state["topics"]
        session.state["topics"] = held | topics if kind == "subscribe" else held - topics
        if message.get("response"):
            session.push({"id": number, "type": "ack"})

    def event(self, event: Event) -> None:
        if isinstance(event, BookChange):
            self._tell_book(event)
        elif isinstance(event, PublicTrade):
            self._tell_trade(event)
        elif isinstance(event, OrderChange):
            self._tell_order(event)
        elif isinstance(event, BalanceChange):
            self._tell_money(event)

    def _public(self, topic: str, subject: str, data: dict[str, Any], route: str) -> None:
        for session in self._protocol.sessions:
            if topic in session.state["topics"]:
                session.push({"type": "message", "topic": topic, "subject": subject, "data": data}, route)

    def sequence(self, market: Market) -> int:
        """The number of the last book change that was told: the engine's, and the blank ones between."""
        return self._protocol.exchange.books[market.id].seq + self._blanks.get(market.id, 0)

    def _tell_book(self, change: BookChange) -> None:
        market, blanks = change.market, self._blanks.get(change.market.id, 0)
        changes: dict[str, list[list[str]]] = {"asks": [], "bids": []}
        for number, (side, price, lots) in enumerate(change.levels, change.first_seq + blanks):
            row = [market.price(price), market.qty(lots), str(number)]
            changes["bids" if side == BUY else "asks"].append(row)
        self._change(market, changes, change.first_seq + blanks, change.last_seq + blanks)
        if change.last_seq % BLANK_EVERY == 0:
            self._blanks[market.id] = blanks + 1
            number = self.sequence(market)
            self._change(market, {"asks": [["0", "0", str(number)]], "bids": []}, number, number)
        book = self._protocol.exchange.books[market.id]
        for topic, depth in ((DEPTH5, 5), (DEPTH50, 50)):
            whole = {"asks": book.strings(SELL, depth), "bids": book.strings(BUY, depth)}
            self._public(f"{topic}:{market.name}", "level2", whole | {"timestamp": self._protocol.now_ms()}, "book")

    def _change(self, market: Market, changes: dict[str, list[list[str]]], first: int, last: int) -> None:
        data = {"changes": changes, "sequenceStart": first, "sequenceEnd": last, "symbol": market.name}
        self._public(f"{BOOK}:{market.name}", "trade.l2update", data | {"time": self._protocol.now_ms()}, "book")

    def _tell_trade(self, trade: PublicTrade) -> None:
        market = trade.market
        data = {"symbol": market.name, "side": side_of(trade.side), "price": market.price(trade.price)}
        data |= {"size": market.qty(trade.lots), "tradeId": str(trade.trade_id), "time": str(trade.ts_ns)}
        data |= {"sequence": str(self.sequence(market)), "type": "match"}
        self._public(f"{TRADES}:{market.name}", "trade.l3match", data, "trades")

    def _tell_order(self, change: OrderChange) -> None:
        order = change.order
        words = {"new": ["open"] if order.price else [], "canceled": ["canceled"], "amended": ["update"]}
        told = words.get(change.what, ["match"] if order.is_open else ["match", "filled"])
        for what in told:
            data = order_message(change, what)
            self._private(order.account, ORDERS, "orderChange", data, "fill" if what == "match" else "order")

    def _tell_money(self, change: BalanceChange) -> None:
        account = self._protocol.exchange.accounts[change.account]
        for currency, delta in change.deltas:
            data = {
                "accountId": self._protocol.account_id(account.name, currency),
                "currency": currency,
                "total": plain(account.total[currency]),
                "available": plain(account.free(currency)),
                "hold": plain(account.held[currency]),
                "availableChange": plain(delta),
                "holdChange": "0",
                "relationEvent": "trade_hf.setted" if change.reason == "fill" else "main.deposit",
                "relationEventId": str(change.ts_ns),
                "time": str(ms(change.ts_ns)),
            }
            self._private(account.name, BALANCE, "account.balance", data, "balance")

    def _private(self, account: str, topic: str, subject: str, data: dict[str, Any], route: str) -> None:
        for session in self._protocol.sessions:
            if session.account == account and topic in session.state["topics"]:
                message = {"type": "message", "topic": topic, "userId": account, "channelType": "private"}
                session.push(message | {"subject": subject, "data": data}, route)
