"""OKX's WebSockets: public books and trades, private orders, account and positions, and orders placed over a socket."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import TYPE_CHECKING, Any

from tests.venues.exchange.book import BUY, SELL, BookChange
from tests.venues.exchange.engine import BalanceChange, Event, OrderChange, PublicTrade
from tests.venues.exchange.session import Session

from .base import Answer, stream_word
from .okx_words import checksum, inst_type, ms, order_push, rows

if TYPE_CHECKING:
    from .okx import Okx

DEPTHS = {"books": 400, "books5": 5, "bbo-tbt": 1, "books-l2-tbt": 400, "books50-l2-tbt": 50}
PRIVATE = {"orders", "account", "positions", "balance_and_position"}


class Streams:
    """Subscriptions are the `args` objects of the client, kept as it sent them."""

    def __init__(self, protocol: Okx) -> None:
        self._protocol = protocol

    def text(self, session: Session, raw: str) -> None:
        if raw == "ping":
            session.push("pong")
            return
        message = json.loads(raw)
        op, args = message.get("op"), message.get("args", [])
        if op == "login":
            self._login(session, args[0])
        elif op in {"subscribe", "unsubscribe"}:
            for arg in args:
                self._subscribe(session, op, arg)
        else:
            self._request(session, message)

    def _login(self, session: Session, words: dict[str, str]) -> None:
        account = self._protocol.exchange.accounts.by_key(words.get("apiKey", ""))
        payload = f"{words.get('timestamp')}GET/users/self/verify"
        fresh = abs(self._protocol.now_ms() // 1000 - int(float(words.get("timestamp", 0)))) <= 30
        if account is None or not fresh or account.passphrase != words.get("passphrase"):
            session.push({"event": "error", "code": "60009", "msg": "Login failed.", "connId": "a4d3ae55"})
            return
        expected = base64.b64encode(hmac.new(account.secret.encode(), payload.encode(), hashlib.sha256).digest())
        if not hmac.compare_digest(expected.decode(), words.get("sign", "")):
            session.push({"event": "error", "code": "60007", "msg": "Invalid sign", "connId": "a4d3ae55"})
            return
        session.account = account.name
        session.push({"event": "login", "code": "0", "msg": "", "connId": "a4d3ae55"})

    def _subscribe(self, session: Session, op: str, arg: dict[str, str]) -> None:
        channel = arg.get("channel", "")
        wanted: list[dict[str, str]] = session.state.setdefault("args", [])
        if channel in PRIVATE and not session.account:
            session.push({"event": "error", "code": "60011", "msg": "Please log in", "connId": "a4d3ae55"})
            return
        market = self._protocol.exchange.markets.get(arg.get("instId", ""))
        if channel in DEPTHS and market is None:
            words = f"Wrong URL or channel:{channel},instId:{arg.get('instId')} doesn't exist."
            session.push({"event": "error", "code": "60018", "msg": words, "connId": "a4d3ae55"})
            return
        if arg in wanted:
            wanted.remove(arg)
        if op == "subscribe":
            wanted.append(arg)
        session.push({"event": op, "arg": arg, "connId": "a4d3ae55"})
        if op == "unsubscribe":
            return
        if channel in DEPTHS and market is not None:
            book = self._protocol.exchange.books[market.id]
            self._book(session, arg, self._snapshot(channel, book.market.id), book.seq, -1)
        elif channel == "account":
            session.push({"arg": arg, "data": [self._protocol.balance_of(session.account)]}, "balance")
        elif channel == "positions":
            session.push({"arg": arg, "data": self._protocol.positions_of(session.account)}, "balance")

    def _request(self, session: Session, message: dict[str, Any]) -> None:
        """Orders over the socket: the REST handlers under another wrapping."""
        op, number = message.get("op", ""), message.get("id")
        acts = {
            "order": ("place", self._protocol.place_all),
            "batch-orders": ("place", self._protocol.place_all),
            "cancel-order": ("cancel", self._protocol.cancel_each),
            "batch-cancel-orders": ("cancel", self._protocol.cancel_each),
            "amend-order": ("amend", self._protocol.amend_each),
        }
        if op not in acts or not session.account:
            code, words = (
                ("60012", f"Illegal request: {json.dumps(message)}") if op not in acts else ("60011", "Log in")
            )
            session.push({"event": "error", "id": number, "code": code, "msg": words, "connId": "a4d3ae55"})
            return
        kind, act = acts[op]

        def reply(answer: Answer) -> dict[str, Any]:
            stamp = str(self._protocol.now_ms() * 1000)
            body = answer.body if isinstance(answer.body, dict) else {"code": "50001", "msg": "Service unavailable"}
            return {"id": number, "op": op, "data": [], "inTime": stamp, "outTime": stamp} | body

        session.request(kind, lambda: act(session.account, message.get("args", [])), reply)

    # -- events ----------------------------------------------------------------------------------------------------

    def event(self, event: Event) -> None:
        if isinstance(event, BookChange):
            self._changed(event)
        elif isinstance(event, PublicTrade):
            self._trade(event)
        elif isinstance(event, OrderChange):
            market = event.order.market
            if event.order.stop and "off" not in event.order.tags:
                self._balances(event.order.account)
                return  # an algo, told on a channel of its own that nobody here subscribes to
            row = order_push(event)
            for session, arg in self._wanting("orders", event.order.account):
                if arg.get("instType", "ANY") in {"ANY", inst_type(market)} and self._meant(arg, market.id):
                    session.push({"arg": arg | {"uid": "44705892343619584"}, "data": [row]}, stream_word(event))
            if event.what != "fill":
                self._balances(event.order.account)
        elif isinstance(event, BalanceChange):
            self._balances(event.account)

    def _balances(self, account: str) -> None:
        for session, arg in self._wanting("account", account):
            session.push({"arg": arg, "data": [self._protocol.balance_of(account)]}, "balance")
        for session, arg in self._wanting("positions", account):
            session.push({"arg": arg, "data": self._protocol.positions_of(account)}, "balance")

    def _wanting(self, channel: str, account: str = "") -> list[tuple[Session, dict[str, str]]]:
        return [
            (session, arg)
            for session in self._protocol.sessions
            for arg in session.state.get("args", ())
            if arg.get("channel") == channel and account in {"", session.account}
        ]

    def _meant(self, arg: dict[str, str], instrument: str) -> bool:
        return arg.get("instId", instrument) == instrument

    def _snapshot(self, channel: str, market: str) -> dict[str, Any]:
        book = self._protocol.exchange.books[market]
        depth = DEPTHS[channel]
        return {"asks": rows(book, SELL, depth), "bids": rows(book, BUY, depth)}

    def _changed(self, change: BookChange) -> None:
        market = change.market
        for channel in DEPTHS:
            for session, arg in self._wanting(channel):
                if not self._meant(arg, market.id):
                    continue
                if channel in {"books5", "bbo-tbt"}:
                    levels = self._snapshot(channel, market.id)
                else:
                    levels = {
                        word: [[market.price(p), market.qty(q), "0", "1"] for s, p, q in change.levels if s == side]
                        for word, side in (("asks", SELL), ("bids", BUY))
                    }
                self._book(session, arg, levels, change.last_seq, change.prev_seq)

    def _book(self, session: Session, arg: dict[str, str], levels: dict[str, Any], seq: int, prev: int) -> None:
        book = self._protocol.exchange.books[arg["instId"]]
        row = levels | {"ts": str(self._protocol.now_ms()), "seqId": seq}
        message: dict[str, Any] = {"arg": arg}
        if arg["channel"] not in {"books5", "bbo-tbt"}:
            message["action"] = "snapshot" if prev == -1 else "update"
            row |= {"checksum": checksum(book), "prevSeqId": prev}
        session.push(message | {"data": [row]}, "book")

    def _trade(self, trade: PublicTrade) -> None:
        market = trade.market
        row = {
            "instId": market.id,
            "tradeId": str(trade.trade_id),
            "px": market.price(trade.price),
            "sz": market.qty(trade.lots),
            "side": "buy" if trade.side == BUY else "sell",
            "ts": ms(trade.ts_ns),
            "count": "1",
        }
        for session, arg in self._wanting("trades"):
            if self._meant(arg, market.id):
                session.push({"arg": arg, "data": [row]}, "trades")
