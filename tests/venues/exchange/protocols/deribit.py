"""Deribit v2: JSON-RPC over HTTP and WebSocket; subscriptions are in deribit_streams, spellings in deribit_words."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

from tests.venues.exchange.book import BUY, SELL, Order
from tests.venues.exchange.engine import NS_PER_MS, Event, Exchange, OrderChange, Ticket
from tests.venues.exchange.faults import Faults
from tests.venues.exchange.markets import Habits, Market, Refused
from tests.venues.exchange.session import Session
from tests.venues.exchange.settlement import Account
from tests.venues.exchange.units import decimal

from .base import Answer, Call, Protocol, Refusal, Route
from .deribit_streams import Streams
from .deribit_words import (
    BASIS,
    FORCES,
    MARKETS,
    REFUSALS,
    digits,
    failed,
    instrument,
    is_made,
    kind_of,
    mean_price,
    number,
    numbers_order,
    order_row,
    rows_of,
    trade_row,
    trigger_id,
    trigger_row,
)

Params = dict[str, Any]
Method = Callable[[str, Params], Any]
CLOCK_MS = 60_000


class Deribit(Protocol):
    venue = "deribit"
    hosts = ("www.deribit.com", "test.deribit.com")
    markets = MARKETS
    habits = Habits(
        r"[ -~]{1,64}",
        "never",
        "shift",
        "taker",
        stop_holds=False,
        first_order_id=4_008_699_030,
        first_trade_id=92_437_961,
    )
    basis = BASIS

    def __init__(self, exchange: Exchange, faults: Faults) -> None:
        self._tokens: dict[str, str] = {}
        self.streams = Streams(self)
        # method -> (kind of fault, what it does); a method takes (account name, parameters)
        self.methods: dict[str, tuple[str, Method]] = {
            "public/test": ("public", lambda _, __: {"version": "1.2.26"}),
            "public/hello": ("public", lambda _, __: {"version": "1.2.26"}),
            "public/status": ("public", lambda _, __: {"locked": False}),
            "public/get_time": ("time", lambda _, __: self.now_ms()),
            "public/get_currencies": ("public", self._currencies),
            "public/get_instruments": ("public", self._instruments),
            "public/get_instrument": ("public", lambda _, p: instrument(self._market(p))),
            "public/get_order_book": ("public", self._book),
            "public/auth": ("auth", self._auth),
            "private/buy": ("place", lambda a, p: self._place(a, p, BUY)),
            "private/sell": ("place", lambda a, p: self._place(a, p, SELL)),
            "private/edit": ("amend", self._edit),
            "private/cancel": ("cancel", self._cancel),
            "private/cancel_by_label": ("cancel", self._cancel_by_label),
            "private/cancel_all": ("cancel", lambda a, _: len(self.exchange.cancel_all(a))),
            "private/cancel_all_by_instrument": ("cancel", self._cancel_market),
            "private/get_order_state": ("query", self._state),
            "private/get_order_state_by_label": ("query", self._state_by_label),
            "private/get_open_orders": ("query", self._open_orders),
            "private/get_open_orders_by_instrument": ("query", self._open_orders),
            "private/get_open_orders_by_currency": ("query", self._open_orders),
            "private/get_open_orders_by_label": ("query", self._open_orders),
            "private/get_order_history_by_instrument": ("query", self._closed_orders),
            "private/get_order_history_by_currency": ("query", self._closed_orders),
            "private/get_user_trades_by_instrument": ("query", self._trades),
            "private/get_user_trades_by_instrument_and_time": ("query", self._trades),
            "private/get_user_trades_by_currency": ("query", self._trades),
            "private/get_user_trades_by_currency_and_time": ("query", self._trades),
            "private/get_user_trades_by_order": ("query", lambda a, p: self._trades(a, p)["trades"]),
            "private/get_positions": ("account", self._positions),
            "private/get_account_summary": ("account", lambda a, p: self.summary(a, p.get("currency", "BTC"))),
            "private/get_account_summaries": ("account", self._summaries),
        }
        super().__init__(exchange, faults)

    def routes(self) -> list[Route]:
        rows = []
        for name, (kind, act) in self.methods.items():
            handler = self._over_get(act)
            rows.append(Route("GET", f"/api/v2/{name}", kind, handler, name.startswith("private/")))
            body = self._over_post(name, act)
            rows.append(Route("POST", f"/api/v2/{name}", kind, body, name.startswith("private/")))
        return rows

    # -- the door --------------------------------------------------------------------------------------------------

    def authenticate(self, call: Call) -> Account:
        words = call.headers.get("Authorization", "")
        if words.startswith("deri-hmac-sha256"):
            parts = dict(part.strip().split("=", 1) for part in words.removeprefix("deri-hmac-sha256").split(","))
            account = self.exchange.accounts.by_key(parts.get("id", ""))
            path = call.path + (f"?{call.raw_query}" if call.raw_query else "")
            payload = f"{parts['ts']}\n{parts['nonce']}\n{call.method}\n{path}\n{call.body}\n"
            if account is not None and self._signed(account, payload, parts.get("sig", ""), int(parts["ts"])):
                return self._allowed(account, call.path)
        elif words.lower().startswith("bearer "):
            name = self._tokens.get(words[7:], "")
            if name:
                return self._allowed(self.exchange.accounts[name], call.path)
        elif words.startswith("Basic "):
            key, _, secret = base64.b64decode(words[6:]).decode().partition(":")
            account = self.exchange.accounts.by_key(key)
            if account is not None and hmac.compare_digest(account.secret, secret):
                return self._allowed(account, call.path)
        raise Refusal(failed(13009, "unauthorized", "invalid_token"))

    def _allowed(self, account: Account, path: str) -> Account:
        verb = path.rpartition("/")[2]
        if verb.startswith(("buy", "sell", "edit", "cancel")) and "trade" not in account.permissions:
            raise Refusal(failed(13021, "forbidden", "insufficient scope"))
        return account

    def _signed(self, account: Account, payload: str, signature: str, sent_ms: int) -> bool:
        expected = hmac.new(account.secret.encode(), payload.encode(), hashlib.sha256).hexdigest()
        fresh = abs(self.now_ms(account.name) - sent_ms) <= CLOCK_MS
        return fresh and hmac.compare_digest(expected, signature)

    def _auth(self, _: str, params: Params) -> Any:
        grant, account = params.get("grant_type"), self.exchange.accounts.by_key(str(params.get("client_id", "")))
        if grant == "client_credentials":
            good = account is not None and hmac.compare_digest(account.secret, str(params.get("client_secret", "")))
        elif grant == "client_signature" and account is not None:
            stamp = int(params.get("timestamp", 0))
            payload = f"{stamp}\n{params.get('nonce', '')}\n{params.get('data', '')}"
            good = self._signed(account, payload, str(params.get("signature", "")), stamp)
        else:
            good = False
        if account is None or not good:
            raise Refusal(failed(13004, "invalid_credentials"))
        token = hashlib.sha256(f"{account.key}/{self.now_ms()}".encode()).hexdigest()
        self._tokens[token] = account.name
        wallet = "read_write" if "withdraw" in account.permissions else "none"
        trade = "read_write" if "trade" in account.permissions else "read"
        scope = f"account:read block_trade:none connection mainaccount trade:{trade} wallet:{wallet}"
        grants = {"access_token": token, "refresh_token": token[::-1], "expires_in": 900, "token_type": "bearer"}
        return grants | {"scope": scope}

    def _wrap(self, result: Any) -> dict[str, Any]:
        now = self.now_ms() * 1000
        return {"jsonrpc": "2.0", "result": result, "usIn": now, "usOut": now + 90, "usDiff": 90, "testnet": False}

    def _over_get(self, act: Method) -> Callable[[Call], Any]:
        return lambda call: self._wrap(act(call.account.name if call.account else "", call.query))

    def _over_post(self, name: str, act: Method) -> Callable[[Call], Any]:
        def handler(call: Call) -> Any:
            message = call.json
            if message.get("method", name) != name:
                raise Refusal(failed(-32600, "request entity mismatch"))
            body = self._wrap(act(call.account.name if call.account else "", message.get("params") or {}))
            return body | {"id": message.get("id")}

        return handler

    def refused(self, code: str, detail: str, kind: str) -> Answer:
        return failed(*REFUSALS[code])

    def too_many(self, is_ban: bool, retry_s: float) -> Answer:
        answer = failed(10028, "too_many_requests", status=429)
        answer.headers["Retry-After"] = str(max(1, round(retry_s)))
        return answer

    def broken(self, status: int) -> Answer:
        return failed(13028, "temporarily_unavailable", status=status)

    def lie(self) -> Answer:
        return failed(13888, "timed_out")

    def malformed(self, detail: str) -> Answer:
        return failed(-32602, "Invalid params", detail)

    def unknown_route(self, call: Call) -> Answer:
        return failed(-32601, "Method not found", status=404)

    # -- markets ---------------------------------------------------------------------------------------------------

    def _market(self, params: Params) -> Market:
        market = self.exchange.markets.get(str(params.get("instrument_name", "")))
        if market is None:
            raise Refused("unknown_market")
        return market

    def _currencies(self, _: str, __: Params) -> Any:
        names = sorted({n for m in self.exchange.markets.values() for n in (m.base, m.cash) if n != "USD"})
        return [
            {"currency": n, "currency_long": n, "fee_precision": 4, "withdrawal_fee": 0, "min_confirmations": 1}
            for n in names
        ]

    def _instruments(self, _: str, params: Params) -> Any:
        currency, kind = params.get("currency", "any"), params.get("kind", "any")
        return [
            instrument(market)
            for market in self.exchange.markets.values()
            if currency in {"any", market.base, market.cash} and kind in {"any", kind_of(market)}
        ]

    def _book(self, _: str, params: Params) -> Any:
        market = self._market(params)
        book, depth = self.exchange.books[market.id], int(params.get("depth", 20))
        sides = {
            word: [[number(p * market.tick_atoms), number(q * market.lot_atoms)] for p, q in book.levels(side, depth)]
            for word, side in (("bids", BUY), ("asks", SELL))
        }
        stamp = {"timestamp": self.now_ms(), "change_id": book.seq, "state": "open"}
        return {"instrument_name": market.id} | stamp | sides

    # -- orders ----------------------------------------------------------------------------------------------------

    def _place(self, account: str, params: Params, side: int) -> Any:
        market = self._market(params)
        kind = params.get("type", "limit")
        is_stop = kind == "stop_limit"
        if kind not in {"limit", "market", "stop_limit"} or is_stop is not (params.get("trigger") == "last_price"):
            raise Refusal(failed(-32602, "Invalid params", f"type {kind} is not offered here"))
        price = "" if kind == "market" else digits(params.get("price"))
        post_only = _true(params.get("post_only"))
        rejects = post_only and _true(params.get("reject_post_only"))
        if rejects and self.exchange.books[market.id].crosses(side, market.ticks(price)):
            raise Refused("post_only")
        ticket = Ticket(
            market.id,
            side,
            digits(params.get("amount")),
            price,
            FORCES[params.get("time_in_force", "good_til_cancelled")],
            str(params.get("label", "")),
            post_only=post_only,
            reduce_only=_true(params.get("reduce_only")),
            stop=digits(params.get("trigger_price")) if is_stop else "",
        )
        order = self.exchange.place(account, ticket)
        if is_stop:
            return {"order": trigger_row(order), "trades": []}
        trades = [trade_row(fill) for fill in self.exchange.fills_of_order(order)]
        return {"order": order_row(order), "trades": trades}

    def _named(self, account: str, params: Params) -> Order:
        order = self._by_id(account, params)
        if order is None:
            raise Refused("order_unknown")
        if "-SLT" in str(params["order_id"]) and not order.waits:
            raise Refused("order_closed")
        return order

    def _by_id(self, account: str, params: Params) -> Order | None:
        """The order of that id, or the trigger order of it."""
        name = str(params.get("order_id", ""))
        order = self.exchange.by_id(account, numbers_order(name))
        is_it = order is not None and (name == trigger_id(order) if "-SLT" in name else is_made(order))
        return order if is_it else None

    def _edit(self, account: str, params: Params) -> Any:
        order = self.exchange.amend(
            self._named(account, params), digits(params.get("price")), digits(params.get("amount"))
        )
        return {"order": order_row(order), "trades": []}

    def _cancel(self, account: str, params: Params) -> Any:
        order = self.exchange.cancel(self._named(account, params))
        return order_row(order) if is_made(order) else trigger_row(order)

    def _cancel_by_label(self, account: str, params: Params) -> Any:
        found = [o for o in self.exchange.orders_of(account) if o.is_open and o.client_id == params.get("label")]
        return len([self.exchange.cancel(order) for order in found])

    def _cancel_market(self, account: str, params: Params) -> Any:
        return len(self.exchange.cancel_all(account, self._market(params).id))

    # -- queries ---------------------------------------------------------------------------------------------------

    def _state(self, account: str, params: Params) -> Any:
        order = self.visible(self._by_id(account, params))
        if order is None:
            raise Refused("order_unknown")
        return trigger_row(order) if "-SLT" in str(params["order_id"]) else order_row(order)

    def _selected(self, account: str, params: Params) -> list[Order]:
        name, label, currency = (params.get(word, "") for word in ("instrument_name", "label", "currency"))
        return [
            order
            for order in self.visible_orders(account)
            if name in {"", order.market.id}
            and label in {"", order.client_id}
            and currency in {"", "any", order.market.base, order.market.cash}
        ]

    def _state_by_label(self, account: str, params: Params) -> Any:
        return [row for order in self._selected(account, params) for row in rows_of(order)]

    def _open_orders(self, account: str, params: Params) -> Any:
        return [rows_of(order)[-1] for order in self._selected(account, params) if order.is_open]

    def _closed_orders(self, account: str, params: Params) -> Any:
        closed = [order_row(o) for o in self._selected(account, params) if not o.is_open and is_made(o)]
        return closed[::-1][: int(params.get("count", 20))]

    def _trades(self, account: str, params: Params) -> Any:
        name, order_id, currency = (params.get(word, "") for word in ("instrument_name", "order_id", "currency"))
        start, end = int(params.get("start_timestamp", 0)), int(params.get("end_timestamp", 1 << 62))
        found = [
            trade_row(fill)
            for fill in self.visible_fills(account)
            if name in {"", fill.market.id}
            and str(order_id) in {"", fill.order_id}
            and currency in {"", "any", fill.market.base, fill.market.cash}
            and start <= fill.ts_ns // NS_PER_MS <= end
        ]
        count = min(1000, int(params.get("count", 10)))
        page = found[:count] if start else found[::-1][:count]
        return {"trades": page, "has_more": len(found) > count}

    # -- the account -----------------------------------------------------------------------------------------------

    def summary(self, account: str, currency: str) -> dict[str, Any]:
        owner = self.exchange.accounts[account]
        margin = sum(
            abs(position.cash) // self.habits.leverage
            for key, position in owner.positions.items()
            if key.endswith(f"|{currency}")
        )
        return {
            "currency": currency,
            "balance": number(owner.total[currency]),
            "equity": number(owner.total[currency]),
            "available_funds": number(owner.free(currency) - margin),
            "available_withdrawal_funds": number(owner.free(currency) - margin),
            "initial_margin": number(owner.held[currency] + margin),
            "maintenance_margin": number(owner.held[currency] + margin),
            "margin_balance": number(owner.total[currency]),
            "total_pl": 0,
            "session_upl": 0,
            "session_rpl": 0,
            "delta_total": 0,
            "options_value": 0,
            "fees": [],
            "limits": {"matching_engine": {"burst": 20, "rate": 5}, "non_matching_engine": {"burst": 100, "rate": 20}},
        }

    def _summaries(self, account: str, _: Params) -> Any:
        owner = self.exchange.accounts[account]
        rows = [self.summary(account, currency) for currency in list(owner.total)]
        return {"id": 10, "username": account, "type": "main", "summaries": rows}

    def _positions(self, account: str, params: Params) -> Any:
        owner, rows = self.exchange.accounts[account], []
        for market in self.exchange.markets.values():
            position = self.exchange.accounts.position(owner, market) if market.is_derivative else None
            if position is None or not position.lots:
                continue
            if params.get("currency", "any") not in {"any", market.cash}:
                continue
            average = number(mean_price(market, abs(position.cash), abs(position.lots)))
            margin = float(decimal(abs(position.cash) // self.habits.leverage))
            rows.append(
                {
                    "instrument_name": market.id,
                    "kind": kind_of(market),
                    "direction": "buy" if position.lots > 0 else "sell",
                    "size": number(position.lots * market.lot_atoms),
                    "size_currency": number(position.lots * market.lot_atoms),
                    "average_price": average,
                    "mark_price": average,
                    "index_price": average,
                    "floating_profit_loss": 0,
                    "realized_profit_loss": number(position.realised),
                    "total_profit_loss": 0,
                    "initial_margin": margin,
                    "maintenance_margin": margin,
                    "leverage": self.habits.leverage,
                }
            )
        return rows

    # -- sockets ---------------------------------------------------------------------------------------------------

    def on_open(self, session: Session) -> None:
        session.state |= {"channels": [], "books": {}, "heartbeat_s": 0, "beats": 0, "cancels": False}

    def on_text(self, session: Session, text: str) -> None:
        message = json.loads(text)
        name, params, number_ = message.get("method", ""), message.get("params") or {}, message.get("id")

        def reply(answer: Answer) -> Any:
            return answer.body | {"id": number_}

        if name in {"public/subscribe", "private/subscribe", "public/unsubscribe", "private/unsubscribe"}:
            self._subscribe(session, name, list(params.get("channels", ())), reply)
        elif name in {"public/set_heartbeat", "public/disable_heartbeat"}:
            session.state["heartbeat_s"] = int(params.get("interval", 0))
            session.push(reply(Answer(self._wrap("ok"))))
        elif name.startswith("private/") and not session.account:
            session.push(reply(failed(13009, "unauthorized")))
        elif name in {"private/enable_cancel_on_disconnect", "private/disable_cancel_on_disconnect"}:
            session.state["cancels"] = "enable" in name
            session.push(reply(Answer(self._wrap("ok"))))
        elif name not in self.methods:
            session.push(reply(failed(-32601, "Method not found")))
        else:
            self._call(session, name, params, reply)

    def _call(self, session: Session, name: str, params: Params, reply: Callable[[Answer], Any]) -> None:
        kind, act = self.methods[name]

        def run() -> Answer:
            result = act(session.account, params)
            if name == "public/auth":
                session.account = self._tokens[result["access_token"]]
            return Answer(self._wrap(result))

        session.request(kind, run, reply)

    def _subscribe(self, session: Session, name: str, channels: list[str], reply: Callable[[Answer], Any]) -> None:
        wants_account = name.startswith("private/") or any(c.startswith("user.") for c in channels)
        if wants_account and not session.account:
            session.push(reply(failed(13009, "unauthorized")))
            return
        if any(c.startswith("book.") and c.endswith(".raw") for c in channels) and not session.account:
            session.push(reply(failed(13778, "raw_subscriptions_not_available_for_unauthorized")))
            return
        held: list[str] = session.state["channels"]
        if name.endswith("/unsubscribe"):
            session.state["channels"] = [channel for channel in held if channel not in channels]
        else:
            held.extend(channel for channel in channels if channel not in held)
        session.push(reply(Answer(self._wrap(channels))))
        if not name.endswith("/unsubscribe"):
            self.streams.start(session, channels)

    def on_second(self, session: Session) -> None:
        every_s = session.state["heartbeat_s"]
        session.state["beats"] += 1
        if every_s and session.state["beats"] % every_s == 0:
            session.push({"jsonrpc": "2.0", "method": "heartbeat", "params": {"type": "test_request"}})

    def on_close(self, session: Session) -> None:
        if session.state["cancels"] and session.account:
            self.exchange.cancel_all(session.account)

    def hears_orders(self, session: Session) -> bool:
        return any(channel.startswith("user.") for channel in session.state["channels"])

    def on_event(self, event: Event) -> None:
        if isinstance(event, OrderChange) and event.what == "triggered":
            event.order.tags["off"] = "yes"
        self.streams.event(event)


def _true(value: Any) -> bool:
    return value is True or value == "true" or value == "True"


PROTOCOL = Deribit
