"""Bybit's WebSockets: public books and trades by category, private topics behind a login."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from tests.venues.exchange.book import BUY, SELL, BookChange
from tests.venues.exchange.engine import NS_PER_MS, BalanceChange, Event, OrderChange, PublicTrade
from tests.venues.exchange.markets import Market
from tests.venues.exchange.session import Session

from .base import Answer
from .bybit_words import execution_row, order_row
from .signatures import agrees, hex_sha256
from .window import Window

if TYPE_CHECKING:
    from .bybit import Bybit

DEPTHS = (1, 50, 200, 1000)


class Streams:
    """What Bybit sends over sockets. A session subscribes to topics like orderbook.50.BTCUSDT or order.spot."""

    def __init__(self, protocol: Bybit) -> None:
        self._protocol = protocol
        self._windows: dict[tuple[str, int], Window] = {}
        self._connections = itertools.count(1)

    def open(self, session: Session) -> None:
        session.state |= {"topics": set(), "id": f"conn-{next(self._connections)}"}

    def text(self, session: Session, text: str) -> None:
        message = json.loads(text)
        op, args = message.get("op"), message.get("args", [])
        tag = {"req_id": message["req_id"]} if "req_id" in message else {}
        if op == "ping":
            session.push(self._pong(session, tag))
        elif op == "auth":
            session.request("auth", lambda: self._login(session, args), lambda answer: answer.body | tag)
        elif op in {"subscribe", "unsubscribe"}:
            self._subscribe(session, op, args, tag)

    def _pong(self, session: Session, tag: dict[str, Any]) -> dict[str, Any]:
        if session.path.endswith("/private"):
            return tag | {"op": "pong", "args": [str(self._protocol.now_ms())], "conn_id": session.state["id"]}
        return {"success": True, "ret_msg": "pong", "conn_id": session.state["id"]} | tag | {"op": "ping"}

    def _login(self, session: Session, args: list[Any]) -> Answer:
        key, expires, sign = (str(value) for value in args)
        account = self._protocol.exchange.accounts.by_key(key)
        signed = account is not None and agrees(sign, hex_sha256(account.secret, f"GET/realtime{expires}"))
        is_right = account is not None and signed and int(expires) > self._protocol.now_ms(account.name)
        if account is not None and is_right:
            session.account = account.name
            self._protocol.on_login(account.name)
        word = "" if is_right else "Params Error"
        return Answer({"success": is_right, "ret_msg": word, "op": "auth", "conn_id": session.state["id"]})

    def _subscribe(self, session: Session, op: str, topics: list[str], tag: dict[str, Any]) -> None:
        kind = session.path.rsplit("/", 1)[-1]
        books = {topic: self._book_of(topic, kind) for topic in topics if topic.startswith("orderbook.")}
        wrong = [topic for topic, window in books.items() if window is None]
        if kind == "private" and not session.account:
            wrong = topics
        answer = {"success": not wrong, "ret_msg": f"error:handler not found,topic:{wrong[0]}" if wrong else op}
        session.push(answer | {"conn_id": session.state["id"]} | tag | {"op": op})
        if wrong:
            return
        if op == "unsubscribe":
            session.state["topics"] -= set(topics)
            return
        session.state["topics"] |= set(topics)
        for topic, window in books.items():
            assert window is not None
            session.push(self._book_message(topic, "snapshot", window, window.rows(BUY), window.rows(SELL)), "book")

    def _book_of(self, topic: str, kind: str) -> Window | None:
        _, depth, name = topic.split(".", 2)
        market = self._protocol.market_named(name, kind)
        return self.window(market, int(depth)) if market is not None and int(depth) in DEPTHS else None

    def window(self, market: Market, depth: int) -> Window:
        key = (market.id, depth)
        if key not in self._windows:
            self._windows[key] = Window(self._protocol.exchange.books[market.id], depth, first_update=10)
        return self._windows[key]

    def _book_message(self, topic: str, kind: str, window: Window, bids: Any, asks: Any) -> dict[str, Any]:
        now_ms = self._protocol.now_ms()
        data = {"s": window.book.market.name, "b": bids, "a": asks, "u": window.updates, "seq": window.book.seq}
        return {"topic": topic, "type": kind, "ts": now_ms, "data": data, "cts": now_ms}

    def event(self, event: Event) -> None:
        if isinstance(event, BookChange):
            self._tell_book(event.market)
        elif isinstance(event, OrderChange):
            self._tell_order(event)
        elif isinstance(event, BalanceChange):
            self._tell(event.account, ("wallet",), "balance", self._protocol.wallet(event.account))
        else:
            self._tell_trade(event)

    def _tell_book(self, market: Market) -> None:
        for (market_id, depth), window in self._windows.items():
            if market_id != market.id or (rows := window.advance()) is None:
                continue
            topic = f"orderbook.{depth}.{market.name}"
            message = self._book_message(topic, "delta", window, *rows)
            if depth == 1:  # the top of the book is told whole each time
                message = self._book_message(topic, "snapshot", window, window.rows(BUY), window.rows(SELL))
            self._public(market, topic, message, "book")

    def _tell_trade(self, event: PublicTrade) -> None:
        market, topic = event.market, f"publicTrade.{event.market.name}"
        row = {
            "T": event.ts_ns // NS_PER_MS,
            "s": market.name,
            "S": "Buy" if event.side == BUY else "Sell",
            "v": market.qty(event.lots),
            "p": market.price(event.price),
            "i": str(event.trade_id),
            "BT": False,
        }
        message = {"topic": topic, "type": "snapshot", "ts": self._protocol.now_ms(), "data": [row]}
        self._public(market, topic, message, "trades")

    def _public(self, market: Market, topic: str, message: dict[str, Any], route: str) -> None:
        for session in self._protocol.sessions:
            if topic in session.state["topics"] and session.path.endswith(f"/{market.kind}"):
                session.push(message, route)

    def _tell_order(self, event: OrderChange) -> None:
        order, fill, kind = event.order, event.fill, event.order.market.kind
        if fill is not None:
            self._tell(order.account, ("execution", f"execution.{kind}"), "fill", execution_row(fill, order))
            if order.market.is_derivative:
                position = self._protocol.position_row(order.account, order.market) | {"category": str(kind)}
                self._tell(order.account, ("position", f"position.{kind}"), "balance", position)
        row = order_row(order) | {"category": str(kind)}
        self._tell(order.account, ("order", f"order.{kind}"), "order", row)

    def _tell(self, account: str, topics: Iterable[str], route: str, row: dict[str, Any]) -> None:
        for session in self._protocol.sessions:
            if session.account != account:
                continue
            for topic in topics:
                if topic in session.state["topics"]:
                    now_ms = self._protocol.now_ms()
                    session.push({"id": f"{now_ms}", "topic": topic, "creationTime": now_ms, "data": [row]}, route)
