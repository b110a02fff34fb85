"""Gate's WebSockets, spot and USDT futures: channels by name, private ones signed one by one."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tests.venues.exchange.book import BUY, SELL, BookChange
from tests.venues.exchange.engine import BalanceChange, Event, OrderChange, PublicTrade
from tests.venues.exchange.markets import Kind, Market
from tests.venues.exchange.session import Session
from tests.venues.exchange.units import text as plain

from .base import Answer
from .gate_words import futures_fill, futures_row, side_of, size_of, spot_fill, spot_row
from .signatures import agrees, hex_sha512
from .window import Window
from .wording import ms

if TYPE_CHECKING:
    from .gate import Gate

PRIVATE = ("orders", "usertrades", "balances", "positions")
PUBLIC = ("obu", "order_book_update", "trades")
OBU_DEPTHS = {"50": 50, "400": 400}


class Streams:
    """What Gate sends over sockets. A session subscribes to (channel, what) like ("spot.obu", "ob.BTC_USDT.50")."""

    def __init__(self, protocol: Gate) -> None:
        self._protocol = protocol
        self._windows: dict[str, Window] = {}
        self._told: dict[str, int] = {}

    def open(self, session: Session) -> None:
        session.state["kind"] = Kind.LINEAR if session.host.startswith("fx-ws") else Kind.SPOT
        session.state["subs"] = set()
        session.state["decimal"] = session.headers.get("X-Gate-Size-Decimal") == "1"

    def text(self, session: Session, text: str) -> None:
        message = json.loads(text)
        channel, event = message.get("channel", ""), message.get("event", "")
        family, _, topic = channel.partition(".")
        if topic == "ping":
            session.push({"time": self._seconds(), "channel": f"{family}.pong", "event": "", "result": None})
            return
        if topic not in {*PRIVATE, *PUBLIC} or event not in {"subscribe", "unsubscribe"}:
            session.push(self._reply(message, (2, f"unknown channel or event: {channel} {event}")))
            return
        act = self._change
        if topic in PRIVATE:
            session.request("auth", lambda: act(session, message), lambda answer: answer.body)
        else:
            session.push(act(session, message).body)
            if topic == "obu" and event == "subscribe":
                self._full(session, message["payload"][0])

    def _change(self, session: Session, message: dict[str, Any]) -> Answer:
        """Do what a subscribe or unsubscribe asks; the answer says how it went."""
        channel, payload = message["channel"], list(message.get("payload") or [])
        topic = channel.partition(".")[2]
        if topic in PRIVATE and not self._is_signed(session, message):
            return Answer(self._reply(message, (4, "Authentication failed")))
        if topic in PRIVATE and session.state["kind"] is Kind.LINEAR:
            payload = payload[1:]  # the first word is the user's number
        names = [payload[0]] if topic in {"obu", "order_book_update"} else payload or ["!all"]
        for name in names:
            market = self._market(session, name.split(".")[1] if topic == "obu" else name)
            if market is None and name != "!all":
                return Answer(self._reply(message, (2, f"unknown currency pair: {name}")))
        subs = {(channel, name) for name in names}
        held: set[tuple[str, str]] = session.state["subs"]
        session.state["subs"] = held | subs if message["event"] == "subscribe" else held - subs
        return Answer(self._reply(message, None))

    def _market(self, session: Session, name: str) -> Market | None:
        return self._protocol.market_named(name, session.state["kind"])

    def _is_signed(self, session: Session, message: dict[str, Any]) -> bool:
        auth = message.get("auth") or {}
        account = self._protocol.exchange.accounts.by_key(auth.get("KEY", ""))
        payload = f"channel={message['channel']}&event={message['event']}&time={message.get('time')}"
        if account is None or not agrees(auth.get("SIGN", ""), hex_sha512(account.secret, payload)):
            return False
        session.account = account.name
        return True

    def _reply(self, message: dict[str, Any], error: tuple[int, str] | None) -> dict[str, Any]:
        words = {"channel": message.get("channel"), "event": message.get("event"), "payload": message.get("payload")}
        stamp = {"time": self._seconds(), "time_ms": self._protocol.now_ms(), "id": message.get("id")}
        if error is not None:
            return stamp | words | {"error": {"code": error[0], "message": error[1]}, "result": None}
        return stamp | words | {"error": None, "result": {"status": "success"}}

    def _seconds(self) -> int:
        return self._protocol.now_ms() // 1000

    def event(self, event: Event) -> None:
        if isinstance(event, BookChange):
            self._tell_window(event.market)
            self._tell_book(event)
        elif isinstance(event, PublicTrade):
            self._tell_trade(event)
        elif isinstance(event, OrderChange):
            self._tell_order(event)
        elif isinstance(event, BalanceChange):
            self._tell_money(event)

    # -- books -----------------------------------------------------------------------------------------------------

    def _full(self, session: Session, name: str) -> None:
        _, pair, level = name.split(".")
        market = self._market(session, pair)
        if market is None:
            return
        if name not in self._windows:
            book = self._protocol.exchange.books[market.id]
            self._windows[name] = Window(book, OBU_DEPTHS.get(level, 50))
            self._told[name] = book.seq
        window = self._windows[name]
        rows = {"b": window.rows(BUY), "a": window.rows(SELL)}
        session.push(self._obu({"full": True, "s": name, "u": self._told[name]} | rows), "book")

    def _obu(self, result: dict[str, Any]) -> dict[str, Any]:
        now_ms = self._protocol.now_ms()
        return {"channel": "spot.obu", "result": {"t": now_ms} | result, "time_ms": now_ms, "event": "update"}

    def _tell_window(self, market: Market) -> None:
        for name, window in self._windows.items():
            if window.book.market is not market or (rows := window.advance()) is None:
                continue
            first, last = self._told[name] + 1, window.book.seq
            self._told[name] = last
            message = self._obu({"s": name, "U": first, "u": last, "b": rows[0], "a": rows[1]})
            self._send(market, "obu", name, message, "book")

    def _tell_book(self, change: BookChange) -> None:
        market, now_ms = change.market, self._protocol.now_ms()
        result: dict[str, Any] = {"t": now_ms, "s": market.name, "U": change.first_seq, "u": change.last_seq}
        if market.kind is Kind.SPOT:
            result |= {"e": "depthUpdate", "E": now_ms // 1000}

        def told(is_decimal: bool) -> dict[str, Any]:
            rows: dict[str, Any] = {"b": [], "a": []}
            for side, price, lots in change.levels:
                row: Any = [market.price(price), market.qty(lots)]
                if market.kind is not Kind.SPOT:
                    row = {"p": row[0], "s": size_of(market, BUY, lots, is_decimal)}
                rows["b" if side == BUY else "a"].append(row)
            return result | rows

        self._update(market, "order_book_update", told, "book")

    def _tell_trade(self, trade: PublicTrade) -> None:
        market, stamp_ms = trade.market, ms(trade.ts_ns)
        row: dict[str, Any] = {
            "id": trade.trade_id,
            "create_time": stamp_ms // 1000,
            "price": market.price(trade.price),
        }

        def told(is_decimal: bool) -> Any:
            if market.kind is Kind.SPOT:
                words = {"currency_pair": market.name, "side": side_of(trade.side), "amount": market.qty(trade.lots)}
                return row | words | {"create_time_ms": f"{stamp_ms}.0"}
            size = size_of(market, trade.side, trade.lots, is_decimal)
            return [row | {"contract": market.name, "size": size, "create_time_ms": stamp_ms}]

        self._update(market, "trades", told, "trades")

    def _update(self, market: Market, topic: str, told: Callable[[bool], Any], route: str) -> None:
        for is_decimal in (False, True):
            message = self._message(market.kind, topic, told(is_decimal))
            self._send(market, topic, market.name, message, route, is_decimal)

    def _message(self, kind: Kind, topic: str, result: Any) -> dict[str, Any]:
        channel = f"{'spot' if kind is Kind.SPOT else 'futures'}.{topic}"
        stamp = {"time": self._seconds(), "time_ms": self._protocol.now_ms()}
        return stamp | {"channel": channel, "event": "update", "result": result}

    def _send(
        self, market: Market, topic: str, name: str, message: dict[str, Any], route: str, is_decimal: bool | None = None
    ) -> None:
        for session in self._protocol.sessions:
            if session.state["kind"] is not market.kind or is_decimal not in {None, session.state["decimal"]}:
                continue
            if (message["channel"], name) in session.state["subs"]:
                session.push(message, route)

    # -- the account -----------------------------------------------------------------------------------------------

    def _tell_order(self, change: OrderChange) -> None:
        order, fill, market = change.order, change.fill, change.order.market
        if market.kind is Kind.SPOT:
            word = {"new": "put", "amended": "update"}.get(change.what, "update" if order.is_open else "finish")
            if fill is not None:
                trade = [spot_fill(fill) | {"user_id": 1}]
                self._private(order.account, market, "usertrades", lambda _: trade, "fill")
            row = [spot_row(order, is_stream=True) | {"event": word, "user": 1}]
            self._private(order.account, market, "orders", lambda _: row, "order")
            return
        owner = order.account
        if fill is not None:
            self._private(owner, market, "usertrades", lambda d: [futures_fill(fill, d, id_word="id")], "fill")
            self._private(
                owner, market, "positions", lambda d: [self._protocol.position_row(owner, market, d)], "balance"
            )
        self._private(owner, market, "orders", lambda d: [futures_row(order, d, is_stream=True)], "order")

    def _private(self, account: str, market: Market, topic: str, told: Callable[[bool], Any], route: str) -> None:
        for session in self._protocol.sessions:
            if session.account != account or session.state["kind"] is not market.kind:
                continue
            message = self._message(market.kind, topic, told(session.state["decimal"]))
            if {(message["channel"], name) for name in (market.name, "!all")} & session.state["subs"]:
                session.push(message, route)

    def _tell_money(self, change: BalanceChange) -> None:
        account = self._protocol.exchange.accounts[change.account]
        rows = [
            {
                "timestamp": str(self._seconds()),
                "timestamp_ms": str(self._protocol.now_ms()),
                "user": "1",
                "currency": currency,
                "change": plain(delta),
                "total": plain(account.total[currency]),
                "available": plain(account.free(currency)),
                "freeze": plain(account.held[currency]),
                "change_type": change.reason,
            }
            for currency, delta in change.deltas
        ]
        message = self._message(Kind.SPOT, "balances", rows)
        for session in self._protocol.sessions:
            if session.account == account.name and ("spot.balances", "!all") in session.state["subs"]:
                session.push(message, "balance")
