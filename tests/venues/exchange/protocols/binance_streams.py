"""Binance's WebSockets: market streams, the WS API with its user stream, and the futures user stream by listen key."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from tests.venues.exchange.book import BUY, BookChange
from tests.venues.exchange.engine import BalanceChange, Event, OrderChange, PublicTrade
from tests.venues.exchange.markets import Kind, Market
from tests.venues.exchange.session import Session
from tests.venues.exchange.units import fixed, text

from .base import Answer, Call, stream_word
from .binance_words import execution_report, ms, order_trade_update

if TYPE_CHECKING:
    from .binance import Binance

# WS API method -> (REST method, REST path): one set of handlers serves both
WS_API = {
    "ping": ("GET", "/api/v3/ping"),
    "time": ("GET", "/api/v3/time"),
    "exchangeInfo": ("GET", "/api/v3/exchangeInfo"),
    "depth": ("GET", "/api/v3/depth"),
    "order.place": ("POST", "/api/v3/order"),
    "order.cancel": ("DELETE", "/api/v3/order"),
    "order.status": ("GET", "/api/v3/order"),
    "openOrders.status": ("GET", "/api/v3/openOrders"),
    "openOrders.cancelAll": ("DELETE", "/api/v3/openOrders"),
    "allOrders": ("GET", "/api/v3/allOrders"),
    "myTrades": ("GET", "/api/v3/myTrades"),
    "account.status": ("GET", "/api/v3/account"),
}


class Streams:
    """What Binance sends over sockets. A session subscribes to names like btcusdt@depth@100ms."""

    def __init__(self, protocol: Binance) -> None:
        self._protocol = protocol

    def open(self, session: Session) -> None:
        names: set[str] = set()
        if session.path.startswith("/stream"):
            session.state["combined"] = True
            names.update(filter(None, session.query.get("streams", "").split("/")))
        elif session.path.startswith("/ws/") and "@" in session.path:
            names.update(session.path[4:].split("/"))
        session.state["streams"] = names
        session.state["kind"] = Kind.LINEAR if "fstream" in session.host or "ws-fapi" in session.host else Kind.SPOT
        key = session.query.get("listenKey") or session.path.rpartition("/")[2]
        if session.state["kind"] is Kind.LINEAR and key in self._protocol.listen_keys:
            session.account = self._protocol.listen_keys[key]
            session.state["user"] = True

    def text(self, session: Session, text: str) -> None:
        message = json.loads(text)
        method, number = message.get("method", ""), message.get("id")
        if method in {"SUBSCRIBE", "UNSUBSCRIBE"}:
            names = set(message.get("params", ()))
            streams = session.state["streams"]
            session.state["streams"] = streams | names if method == "SUBSCRIBE" else streams - names
            session.push({"result": None, "id": number})
        elif method == "LIST_SUBSCRIPTIONS":
            session.push({"result": sorted(session.state["streams"]), "id": number})
        else:
            self._ws_api(session, method, number, message.get("params") or {})

    def _ws_api(self, session: Session, method: str, number: Any, params: dict[str, Any]) -> None:
        signed = "&".join(f"{key}={params[key]}" for key in sorted(params) if key != "signature")
        futures = session.state["kind"] is Kind.LINEAR
        verb, path = WS_API.get(method, ("GET", ""))
        if futures:
            path = path.replace("/api/v3", "/fapi/v1")
        call = Call(verb, session.host, path, urlencode(params), "", {"X-MBX-APIKEY": str(params.get("apiKey", ""))})

        def reply(answer: Answer) -> dict[str, Any]:
            word = "result" if answer.status == 200 else "error"
            return {"id": number, "status": answer.status, word: answer.body, "rateLimits": []}

        def authenticated(act: Callable[[Call], Any]) -> Callable[[], Answer]:
            def run() -> Answer:
                call.account = self._protocol.verify(call, signed, str(params.get("signature", "")))
                session.account = call.account.name
                result = act(call)
                return result if isinstance(result, Answer) else Answer(result)

            return run

        if method.startswith("userDataStream.subscribe"):

            def subscribe(_: Call) -> dict[str, Any]:
                session.state["user"] = True
                return {"subscriptionId": 0}

            # No fault meets a log-in half way: "auth" faults are lost requests and answers.
            session.request("auth", authenticated(subscribe), reply)
            return
        route = self._protocol.find(call)
        if route is None:
            session.push(reply(Answer({"code": -1000, "msg": f"Unknown method {method!r}."}, 400)))
            return
        handler = route.handler
        act = authenticated(handler) if route.private else lambda: Answer(handler(call))
        session.request(route.kind, act, reply)

    # -- events ----------------------------------------------------------------------------------------------------

    def event(self, event: Event) -> None:
        if isinstance(event, BookChange):
            self._depth(event)
        elif isinstance(event, PublicTrade):
            self._trade(event)
        elif isinstance(event, OrderChange):
            self._order(event)
        elif isinstance(event, BalanceChange):
            self._position(event.account, event.ts_ns)

    def _depth(self, change: BookChange) -> None:
        market, now = change.market, self._protocol.now_ms()
        prefix = f"{market.name.lower()}@depth"
        message: dict[str, Any] = {"e": "depthUpdate", "E": now}
        if market.kind is Kind.LINEAR:
            message["T"] = now
        message |= {"s": market.name, "U": change.first_seq, "u": change.last_seq}
        if market.kind is Kind.LINEAR:
            message["pu"] = change.prev_seq
        for word, side in (("b", BUY), ("a", -BUY)):
            message[word] = [self.level(market, p, q) for s, p, q in change.levels if s == side]
        self._send(market, lambda name: name.startswith(prefix), message, "book")

    def level(self, market: Market, price: int, lots: int) -> list[str]:
        places = (8, 8) if market.kind is Kind.SPOT else (market.price_places, market.qty_places)
        return [fixed(price * market.tick_atoms, places[0]), fixed(lots * market.lot_atoms, places[1])]

    def _trade(self, trade: PublicTrade) -> None:
        market, now = trade.market, self._protocol.now_ms()
        price, qty = self.level(market, trade.price, trade.lots)
        message = {"e": "trade", "E": now, "s": market.name, "t": trade.trade_id, "p": price, "q": qty}
        message |= {"T": ms(trade.ts_ns), "m": trade.side != BUY, "M": True}
        self._send(market, lambda name: name == f"{market.name.lower()}@trade", message, "trades")

    def _send(self, market: Market, wants: Callable[[str], bool], message: dict[str, Any], route: str) -> None:
        for session in self._protocol.sessions:
            if session.state["kind"] is not market.kind:
                continue
            for name in session.state["streams"]:
                if wants(name):
                    body = {"stream": name, "data": message} if session.state.get("combined") else message
                    session.push(body, route)

    def _order(self, change: OrderChange) -> None:
        order, now = change.order, self._protocol.now_ms(change.order.account)
        is_futures = order.market.kind is Kind.LINEAR
        event = order_trade_update(change, now) if is_futures else execution_report(change, now)
        for session in self._users(order.account, order.market.kind):
            session.push(event if is_futures else {"subscriptionId": 0, "event": event}, stream_word(change))
        if change.what != "fill":
            self._position(order.account, change.ts_ns)

    def _position(self, account: str, ts_ns: int) -> None:
        owner, now = self._protocol.exchange.accounts[account], self._protocol.now_ms(account)
        for session in self._users(account, Kind.SPOT):
            rows = [{"a": c, "f": fixed(owner.free(c), 8), "l": fixed(owner.held[c], 8)} for c in list(owner.total)]
            event = {"e": "outboundAccountPosition", "E": now, "u": ms(ts_ns), "B": rows}
            session.push({"subscriptionId": 0, "event": event}, "balance")
        for session in self._users(account, Kind.LINEAR):
            balances = [{"a": c, "wb": text(owner.total[c]), "cw": text(owner.total[c]), "bc": "0"} for c in ("USDT",)]
            positions = [
                self._protocol.position_row(owner, market) for market in self._protocol.markets_of(Kind.LINEAR)
            ]
            body = {
                "m": "ORDER",
                "B": balances,
                "P": [
                    {"s": row["symbol"], "pa": row["positionAmt"], "ep": row["entryPrice"], "ps": "BOTH", "mt": "cross"}
                    for row in positions
                ],
            }
            session.push({"e": "ACCOUNT_UPDATE", "E": now, "T": ms(ts_ns), "a": body}, "balance")

    def _users(self, account: str, kind: Kind) -> list[Session]:
        return [
            session
            for session in self._protocol.sessions
            if session.state.get("user") and session.account == account and session.state["kind"] is kind
        ]
