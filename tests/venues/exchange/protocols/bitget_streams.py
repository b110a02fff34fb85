"""Bitget's WebSockets: books with checksums and trades on the public one, orders, fills and money on the private."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.venues.exchange.book import BUY, SELL, BookChange
from tests.venues.exchange.engine import BalanceChange, Event, OrderChange, PublicTrade
from tests.venues.exchange.markets import Kind, Market
from tests.venues.exchange.session import Session

from .base import Answer
from .bitget_words import USDT_FUTURES, checksum, fill_row, side_of, spell, stream_row
from .signatures import agrees, base64_sha256
from .window import Window
from .wording import ms

if TYPE_CHECKING:
    from .bitget import Bitget

DEPTHS = {"books": 0, "books1": 1, "books5": 5, "books15": 15}
PRIVATE = ("orders", "fill", "account", "positions")
Arg = dict[str, str]


class Streams:
    """What Bitget sends over sockets. A session subscribes to arguments: instType, channel and instId or coin."""

    def __init__(self, protocol: Bitget) -> None:
        self._protocol = protocol
        self._windows: dict[tuple[str, str], Window] = {}

    def open(self, session: Session) -> None:
        session.state["args"] = []

    def text(self, session: Session, text: str) -> None:
        if text == "ping":
            session.push("pong")
            return
        message = json.loads(text)
        op, args = message.get("op"), message.get("args", [])
        if op == "login":
            session.request("auth", lambda: self._login(session, args[0]), lambda answer: answer.body)
        elif op == "subscribe":
            for arg in args:
                self._subscribe(session, arg)
        elif op == "unsubscribe":
            for arg in args:
                session.state["args"] = [kept for kept in session.state["args"] if kept != arg]
                session.push({"event": "unsubscribe", "arg": arg})
        else:
            session.push(_error(30003, f"INVALID op:{op}"))

    def _login(self, session: Session, given: Arg) -> Answer:
        account = self._protocol.exchange.accounts.by_key(given.get("apiKey", ""))
        if account is None:
            return Answer(_error(30011, "Invalid ACCESS_KEY"))
        stamp = given.get("timestamp", "")
        if not agrees(given.get("sign", ""), base64_sha256(account.secret, f"{stamp}GET/user/verify")):
            return Answer(_error(30015, "Invalid sign"))
        if given.get("passphrase") != account.passphrase:
            return Answer(_error(30012, "Invalid ACCESS_PASSPHRASE"))
        if abs(self._protocol.now_ms(account.name) - int(stamp) * 1000) > 30_000:
            return Answer(_error(30014, "Timestamp request is expired"))
        session.account = account.name
        return Answer({"event": "login", "code": 0})

    def _subscribe(self, session: Session, arg: Arg) -> None:
        channel = arg.get("channel", "")
        market = self._market(arg)
        if channel in PRIVATE and not session.account:
            session.push(_error(30004, "User needs to log in"))
            return
        if channel not in PRIVATE and (market is None or channel not in {*DEPTHS, "trade"}):
            session.push(_error(30001, f"{arg} doesn't exist"))
            return
        session.push({"event": "subscribe", "arg": arg})
        session.state["args"].append(arg)
        if channel in DEPTHS and market is not None:
            window = self._window(market, channel)
            session.push(self._book(arg, "snapshot", window, (window.rows(BUY), window.rows(SELL))), "book")

    def _market(self, arg: Arg) -> Market | None:
        kind = Kind.SPOT if arg.get("instType") == "SPOT" else Kind.LINEAR
        return self._protocol.market_named(arg.get("instId", ""), kind)

    def _window(self, market: Market, channel: str) -> Window:
        key = (market.id, channel)
        if key not in self._windows:
            self._windows[key] = Window(self._protocol.exchange.books[market.id], DEPTHS[channel], spell=spell)
        return self._windows[key]

    def _book(self, arg: Arg, action: str, window: Window, rows: Any) -> dict[str, Any]:
        bids, asks = rows
        data = {"asks": asks, "bids": bids, "seq": window.book.seq, "ts": str(self._protocol.now_ms())}
        data["checksum"] = checksum(window.rows(BUY, 25), window.rows(SELL, 25))
        return {"action": action, "arg": arg, "data": [data], "ts": self._protocol.now_ms()}

    def event(self, event: Event) -> None:
        if isinstance(event, BookChange):
            self._tell_book(event.market)
        elif isinstance(event, PublicTrade):
            self._tell_trade(event)
        elif isinstance(event, OrderChange):
            self._tell_order(event)
        elif isinstance(event, BalanceChange):
            self._tell_money(event)

    def _listeners(self, market: Market, channel: str) -> list[tuple[Session, Arg]]:
        inst_type = "SPOT" if market.kind is Kind.SPOT else USDT_FUTURES
        return [
            (session, arg)
            for session in self._protocol.sessions
            for arg in session.state["args"]
            if (arg.get("instType"), arg.get("channel")) == (inst_type, channel)
            and arg.get("instId") in {market.name, "default"}
        ]

    def _tell_book(self, market: Market) -> None:
        for (market_id, channel), window in self._windows.items():
            if market_id != market.id or (rows := window.advance()) is None:
                continue
            is_whole = channel != "books"  # the short books are told whole each time
            told = (window.rows(BUY), window.rows(SELL)) if is_whole else rows
            for session, arg in self._listeners(market, channel):
                session.push(self._book(arg, "snapshot" if is_whole else "update", window, told), "book")

    def _tell_trade(self, trade: PublicTrade) -> None:
        price, size = trade.market.price(trade.price), trade.market.qty(trade.lots)
        row = {"ts": str(ms(trade.ts_ns)), "price": price, "size": size, "side": side_of(trade.side)}
        row["tradeId"] = str(trade.trade_id)
        for session, arg in self._listeners(trade.market, "trade"):
            message = {"action": "update", "arg": arg, "data": [row], "ts": self._protocol.now_ms()}
            session.push(message, "trades")

    def _tell_order(self, change: OrderChange) -> None:
        order, fill = change.order, change.fill
        for session, arg in self._listeners(order.market, "fill") if fill is not None else ():
            if session.account == order.account:
                assert fill is not None
                self._private(session, arg, [fill_row(fill, order, is_stream=True)], "fill")
        for session, arg in self._listeners(order.market, "orders"):
            if session.account == order.account:
                self._private(session, arg, [stream_row(order, fill)], "order")
        for session, arg in self._listeners(order.market, "positions"):
            if session.account == order.account:
                row = self._protocol.position_row(order.account, order.market)
                self._private(session, arg, [row], "balance")

    def _tell_money(self, change: BalanceChange) -> None:
        for session in self._protocol.sessions:
            for arg in session.state["args"]:
                if arg.get("channel") != "account" or session.account != change.account:
                    continue
                row = self._protocol.asset_row if arg.get("instType") == "SPOT" else self._protocol.margin_row
                self._private(session, arg, [row(change.account, coin) for coin, _ in change.deltas], "balance")

    def _private(self, session: Session, arg: Arg, rows: list[dict[str, Any]], route: str) -> None:
        session.push({"action": "snapshot", "arg": arg, "data": rows, "ts": self._protocol.now_ms()}, route)


def _error(code: int, message: str) -> dict[str, Any]:
    return {"event": "error", "code": code, "msg": message}
