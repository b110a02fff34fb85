"""HTX's WebSockets: gzip'ed market data on /ws and /feed, plain text orders and money on /ws/v2."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from tests.venues.exchange.book import BUY, SELL, BookChange
from tests.venues.exchange.engine import BalanceChange, Event, OrderChange, PublicTrade
from tests.venues.exchange.markets import Market
from tests.venues.exchange.session import Session
from tests.venues.exchange.units import text as plain

from .base import Answer
from .htx_words import clearing_message, number, order_message
from .signatures import agrees, base64_sha256
from .window import Window
from .wording import ms

if TYPE_CHECKING:
    from .htx import Htx

PRIVATE = "/ws/v2"
MBP_DEPTHS = (5, 20, 150, 400)
PING_S, UNANSWERED = 5, 3
Rows = list[tuple[str, str]]


class Streams:
    """What HTX sends over sockets. A session subscribes to channels like market.btcusdt.mbp.150 or orders#btcusdt."""

    def __init__(self, protocol: Htx) -> None:
        self._protocol = protocol
        self._windows: dict[tuple[str, int], Window] = {}
        self._told: dict[tuple[str, int], int] = {}
        self._money_seq = 0

    def open(self, session: Session) -> None:
        session.state |= {"channels": set(), "beats": 0, "unanswered": 0}

    def encode(self, session: Session, message: Any) -> str | bytes:
        frame = json.dumps(message, separators=(",", ":"))
        return frame if session.path == PRIVATE else gzip.compress(frame.encode(), compresslevel=1, mtime=0)

    def second(self, session: Session) -> None:
        """A ping now and then; a client that leaves them unanswered is cut off."""
        session.state["beats"] += 1
        if session.state["beats"] % PING_S:
            return
        if session.state["unanswered"] >= UNANSWERED - 1:
            session.disconnect()
            return
        session.state["unanswered"] += 1
        now_ms = self._protocol.now_ms()
        is_private = session.path == PRIVATE
        session.push({"action": "ping", "data": {"ts": now_ms}} if is_private else {"ping": now_ms})

    def text(self, session: Session, text: str) -> None:
        message = json.loads(text)
        if "pong" in message or message.get("action") == "pong":
            session.state["unanswered"] = 0
        elif session.path == PRIVATE:
            self._private(session, message)
        elif "ping" in message:
            session.push({"pong": message["ping"]})
        elif "req" in message:
            self._snapshot(session, message)
        else:
            self._subscribe(session, message)

    # -- market data -----------------------------------------------------------------------------------------------

    def _subscribe(self, session: Session, message: dict[str, Any]) -> None:
        word = "sub" if "sub" in message else "unsub"
        channel, now_ms = message.get(word, ""), self._protocol.now_ms()
        if self._known(channel) is None:
            words = {"err-code": "bad-request", "err-msg": f"invalid topic {channel}", "id": message.get("id")}
            session.push({"status": "error", "ts": now_ms} | words)
            return
        held: set[str] = session.state["channels"]
        session.state["channels"] = held | {channel} if word == "sub" else held - {channel}
        session.push({"id": message.get("id"), "status": "ok", f"{word}bed": channel, "ts": now_ms})

    def _known(self, channel: str) -> Market | None:
        """The market of a channel that exists; its window is made."""
        parts = channel.split(".")
        if len(parts) != 4 or parts[0] != "market":
            return None
        market = self._protocol.market_named(parts[1])
        if market is not None and parts[2] == "mbp":
            if not parts[3].isdigit() or int(parts[3]) not in MBP_DEPTHS:
                return None
            key = (market.id, int(parts[3]))
            if key not in self._windows:
                book = self._protocol.exchange.books[market.id]
                self._windows[key], self._told[key] = Window(book, key[1]), book.seq
            return market
        return market if parts[2:] in (["trade", "detail"], ["depth", "step0"]) else None

    def _snapshot(self, session: Session, message: dict[str, Any]) -> None:
        channel, now_ms = message["req"], self._protocol.now_ms()
        market = self._known(channel)
        if market is None or ".mbp." not in channel:
            words = {"err-code": "bad-request", "err-msg": f"invalid topic {channel}", "id": message.get("id")}
            session.push({"status": "error", "ts": now_ms} | words)
            return
        key = (market.id, int(channel.rsplit(".", 1)[1]))
        window = self._windows[key]
        data = {"seqNum": self._told[key], "bids": _numbers(window.rows(BUY)), "asks": _numbers(window.rows(SELL))}
        session.push({"id": message.get("id"), "rep": channel, "status": "ok", "ts": now_ms, "data": data}, "book")

    def event(self, event: Event) -> None:
        if isinstance(event, BookChange):
            self._tell_windows(event.market)
            self._tell_depth(event.market)
        elif isinstance(event, PublicTrade):
            self._tell_trade(event)
        elif isinstance(event, OrderChange):
            self._tell_order(event)
        elif isinstance(event, BalanceChange):
            self._tell_money(event)

    def _public(self, channel: str, tick: dict[str, Any], route: str) -> None:
        for session in self._protocol.sessions:
            if channel in session.state["channels"]:
                session.push({"ch": channel, "ts": self._protocol.now_ms(), "tick": tick}, route)

    def _tell_windows(self, market: Market) -> None:
        for key, window in self._windows.items():
            if key[0] != market.id or (rows := window.advance()) is None:
                continue
            before, self._told[key] = self._told[key], window.book.seq
            tick = {"seqNum": window.book.seq, "prevSeqNum": before}
            tick |= {"bids": _numbers(rows[0]), "asks": _numbers(rows[1])}
            self._public(f"market.{market.name}.mbp.{key[1]}", tick, "book")

    def _tell_depth(self, market: Market) -> None:
        channel = f"market.{market.name}.depth.step0"
        if any(channel in session.state["channels"] for session in self._protocol.sessions):
            self._public(channel, self._protocol.depth(market, 150), "book")

    def _tell_trade(self, trade: PublicTrade) -> None:
        market, stamp = trade.market, ms(trade.ts_ns)
        row = {"id": trade.trade_id, "ts": stamp, "tradeId": trade.trade_id, "price": number(market.price(trade.price))}
        row |= {"amount": number(market.qty(trade.lots)), "direction": "buy" if trade.side == BUY else "sell"}
        self._public(f"market.{market.name}.trade.detail", {"id": trade.trade_id, "ts": stamp, "data": [row]}, "trades")

    # -- the account -----------------------------------------------------------------------------------------------

    def _private(self, session: Session, message: dict[str, Any]) -> None:
        action, channel = message.get("action"), message.get("ch", "")
        if action == "req" and channel == "auth":
            given = message.get("params", {})
            session.request("auth", lambda: self._login(session, given), lambda answer: answer.body)
            return
        if action not in {"sub", "unsub"}:
            session.push({"action": action, "code": 2001, "ch": channel, "message": "invalid.action"})
            return
        if not session.account:
            session.push({"action": action, "code": 2002, "ch": channel, "message": "invalid.auth.state"})
            return
        name, _, rest = channel.partition("#")
        symbol = rest.partition("#")[0]
        is_symbol = symbol == "*" or self._protocol.market_named(symbol) is not None
        if name not in {"orders", "trade.clearing", "accounts.update"} or (name != "accounts.update" and not is_symbol):
            session.push({"action": action, "code": 2001, "ch": channel, "message": "invalid.symbol"})
            return
        held: set[str] = session.state["channels"]
        session.state["channels"] = held | {channel} if action == "sub" else held - {channel}
        session.push({"action": action, "code": 200, "ch": channel, "data": {}})
        if action == "sub" and name == "accounts.update":
            for currency in sorted(self._protocol.exchange.accounts[session.account].total):
                data = self._money(session.account, currency, None, None)
                session.push({"action": "push", "ch": channel, "data": data}, "balance")

    def _login(self, session: Session, given: dict[str, str]) -> Answer:
        account = self._protocol.exchange.accounts.by_key(given.get("accessKey", ""))
        signed = {
            word: given.get(word, "") for word in ("accessKey", "signatureMethod", "signatureVersion", "timestamp")
        }
        # ccxt takes the path to be what follows wss://<host>, which leaves a loopback address whole
        paths = (PRIVATE, f"ws://{session.address}/{session.host}{PRIVATE}")
        payloads = ["\n".join(("GET", session.host, path, urlencode(signed))) for path in paths]
        if account is None or not any(
            agrees(given.get("signature", ""), base64_sha256(account.secret, payload)) for payload in payloads
        ):
            return Answer({"action": "req", "code": 2002, "ch": "auth", "message": "auth.fail"})
        session.account = account.name
        return Answer({"action": "req", "code": 200, "ch": "auth", "data": {}})

    def _push(self, account: str, names: tuple[str, ...], data: dict[str, Any], route: str) -> None:
        for session in self._protocol.sessions:
            if session.account == account:
                for channel in session.state["channels"]:
                    if channel in names or channel.rpartition("#")[0] in names:
                        session.push({"action": "push", "ch": channel, "data": data}, route)

    def _tell_order(self, change: OrderChange) -> None:
        if change.order.waits:
            return  # a stop that has not gone off is told of over REST alone
        order, fill, name = change.order, change.fill, change.order.market.name
        account_id = self._protocol.account_id(order.account)
        what = {"new": "creation", "triggered": "creation", "fill": "trade"}.get(change.what, "cancellation")
        if fill is not None:
            data = clearing_message(order, fill, account_id)
            self._push(order.account, (f"trade.clearing#{name}", "trade.clearing#*"), data, "fill")
        data = order_message(order, fill, what, account_id)
        self._push(order.account, (f"orders#{name}", "orders#*"), data, "order")

    def _tell_money(self, change: BalanceChange) -> None:
        reason = "order.match" if change.reason == "fill" else change.reason
        for currency, _ in change.deltas:
            data = self._money(change.account, currency, reason, ms(change.ts_ns))
            self._push(change.account, ("accounts.update",), data, "balance")

    def _money(self, owner: str, currency: str, reason: str | None, changed_ms: int | None) -> dict[str, Any]:
        """A balance; without reason and time it is the one that a new subscriber is told."""
        account = self._protocol.exchange.accounts[owner]
        self._money_seq += 1
        return {
            "currency": currency.lower(),
            "accountId": self._protocol.account_id(owner),
            "balance": plain(account.total[currency]),
            "available": plain(account.free(currency)),
            "changeType": reason,
            "accountType": "trade",
            "changeTime": changed_ms,
            "seqNum": self._money_seq,
        }


def _numbers(rows: Rows) -> list[list[float | int]]:
    return [[number(price), number(qty)] for price, qty in rows]
