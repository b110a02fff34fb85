"""Coinbase Advanced Trade: spot over REST, level2 and user channels over WebSocket, every private call with a JWT."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qs

from tests.venues.exchange.book import BUY, SELL, BookChange, Order
from tests.venues.exchange.engine import Event, Exchange, OrderChange, PublicTrade, Ticket
from tests.venues.exchange.faults import Faults
from tests.venues.exchange.markets import Habits, Market, Refused
from tests.venues.exchange.session import Session
from tests.venues.exchange.settlement import Account, Fill
from tests.venues.exchange.units import text

from .base import Answer, Call, Protocol, Refusal, Route, stream_word
from .coinbase_words import (
    BASIS,
    CONFIGURATIONS,
    DIRECTIONS,
    MARKETS,
    REFUSALS,
    failure,
    fill_row,
    order_row,
    order_uuid,
    problem,
    product,
    stamp,
    trade_uuid,
    user_row,
)
from .tokens import claims

# A client that was pointed here signs the local address: the venue's own host is what counts.
_LOCAL = re.compile(r"https?://127\.0\.0\.1:\d+/")


class Coinbase(Protocol):
    venue = "coinbase"
    hosts = ("api.coinbase.com", "advanced-trade-ws.coinbase.com", "advanced-trade-ws-user.coinbase.com")
    markets = MARKETS
    habits = Habits(r"[ -~]{1,128}", "never", "refuse", "taker")  # a double never reaches the engine, see _place
    basis = BASIS

    def __init__(self, exchange: Exchange, faults: Faults) -> None:
        exchange.order_id = order_uuid
        super().__init__(exchange, faults)

    def routes(self) -> list[Route]:
        v3 = "/api/v3/brokerage"
        return [
            Route("GET", "/v2/currencies", "public", self._fiat),
            Route("GET", "/v2/currencies/crypto", "public", self._crypto),
            Route("GET", "/v2/exchange-rates", "public", lambda _: {"data": {"currency": "USD", "rates": {}}}),
            Route("GET", "/v2/accounts", "account", self._wallets, True),
            Route("GET", f"{v3}/time", "time", self._time),
            Route("GET", f"{v3}/market/products", "public", self._products),
            Route("GET", f"{v3}/market/product_book", "public", self._book),
            Route("GET", f"{v3}/products", "public", self._products, True),
            Route("GET", f"{v3}/product_book", "public", self._book, True),
            Route("GET", f"{v3}/transaction_summary", "account", self._summary, True),
            Route("GET", f"{v3}/key_permissions", "account", self._permissions, True),
            Route("GET", f"{v3}/accounts", "account", self._accounts, True),
            Route("POST", f"{v3}/orders", "place", self._place, True),
            Route("POST", f"{v3}/orders/batch_cancel", "cancel", self._cancel, True),
            Route("POST", f"{v3}/orders/edit", "amend", self._edit, True),
            Route("GET", f"{v3}/orders/historical/batch", "query", self._orders, True),
            Route("GET", f"{v3}/orders/historical/fills", "query", self._fills, True),
            Route("GET", f"{v3}/orders/historical/{{id}}", "query", self._order, True),
        ]

    # -- the door --------------------------------------------------------------------------------------------------

    def authenticate(self, call: Call) -> Account:
        token = call.headers.get("Authorization", "").removeprefix("Bearer ")
        account, told = self._owner(token)
        uris = told.get("uris") or [told.get("uri", "")]
        wanted = f"{call.method} {call.host}{call.path}"
        if account is None or wanted not in [_LOCAL.sub("", uri) for uri in uris]:
            raise Refusal(Answer("Unauthorized\n", 401))
        if call.method == "POST" and "trade" not in account.permissions:
            raise Refusal(problem("PERMISSION_DENIED", "Missing required scopes", 403))
        return account

    def _owner(self, token: str) -> tuple[Account | None, dict[str, Any]]:
        """The account that signed a token that is good now, and its claims."""
        for account in self.exchange.accounts:
            told = claims(token, account.secret) if account.secret else None
            if told is None or told.get("sub") != account.key or told["kid"] != account.key:
                continue
            now_s = self.now_ms(account.name) // 1000
            if told["nbf"] - 30 <= now_s <= told["exp"]:
                return account, told
        return None, {}

    def refused(self, code: str, detail: str, kind: str) -> Answer:
        return failure(code, {})

    def too_many(self, is_ban: bool, retry_s: float) -> Answer:
        return problem("rate_limit_exceeded", "Rate limit exceeded", 429)

    def broken(self, status: int) -> Answer:
        return problem("unknown", "Internal error", status)

    def lie(self) -> Answer:
        return problem("unknown", "Something went wrong", 400)

    def malformed(self, detail: str) -> Answer:
        return problem("INVALID_ARGUMENT", detail, 400)

    # -- markets ---------------------------------------------------------------------------------------------------

    def _fiat(self, _: Call) -> Any:
        return {"data": [{"id": "USD", "name": "US Dollar", "min_size": "0.01"}]}

    def _crypto(self, _: Call) -> Any:
        names = sorted({n for m in self.exchange.markets.values() for n in (m.base, m.quote)} - {"USD"})
        return {"data": [{"code": n, "name": n, "asset_id": n, "type": "crypto"} for n in names]}

    def _time(self, _: Call) -> Any:
        now = self.now_ms()
        return {"iso": stamp(now * 10**6), "epochSeconds": str(now // 1000), "epochMillis": str(now)}

    def _products(self, call: Call) -> Any:
        if call.query.get("product_type", "SPOT") != "SPOT":
            return {"products": [], "num_products": 0}
        rows = [product(market) for market in self.exchange.markets.values()]
        return {"products": rows, "num_products": len(rows)}

    def _book(self, call: Call) -> Any:
        book = self.exchange.books.get(call.query.get("product_id", ""))
        if book is None:
            raise Refusal(problem("NOT_FOUND", "product not found", 404))
        depth = int(call.query.get("limit", 0))
        sides = {
            word: [{"price": price, "size": size} for price, size in book.strings(side, depth)]
            for word, side in (("bids", BUY), ("asks", SELL))
        }
        return {"pricebook": {"product_id": book.market.id, "time": stamp(self.exchange.now_ns())} | sides}

    # -- orders ----------------------------------------------------------------------------------------------------

    def _place(self, call: Call) -> Any:
        words = call.json
        known = self.exchange.by_client_id(call.owner, words.get("client_order_id", ""))
        if known is not None:
            return self._placed(known, words)
        ((name, body),) = words["order_configuration"].items()
        if name not in CONFIGURATIONS:
            raise Refusal(problem("INVALID_ARGUMENT", f"unsupported order_configuration {name}", 400))
        ticket = Ticket(
            words.get("product_id", ""),
            BUY if words["side"] == "BUY" else SELL,
            body.get("base_size", ""),
            body.get("limit_price", ""),
            CONFIGURATIONS[name],
            words.get("client_order_id", ""),
            post_only=bool(body.get("post_only")),
            budget=body.get("quote_size", ""),
            tags=(("configuration", name),),
            stop=body.get("stop_price", ""),
        )
        if ticket.stop and body.get("stop_direction") != DIRECTIONS[ticket.side]:
            raise Refusal(problem("INVALID_ARGUMENT", "stops against their side are not spoken here", 400))
        try:
            return self._placed(self.exchange.place(call.owner, ticket), words)
        except Refused as refused:
            raise Refusal(failure(refused.code, words)) from refused

    def _placed(self, order: Order, words: dict[str, Any]) -> dict[str, Any]:
        body = {
            "order_id": order.id,
            "product_id": order.market.id,
            "side": words["side"],
            "client_order_id": order.client_id,
        }
        return {
            "success": True,
            "failure_reason": "UNKNOWN_FAILURE_REASON",
            "order_id": order.id,
            "success_response": body,
            "order_configuration": words["order_configuration"],
        }

    def _cancel(self, call: Call) -> Any:
        results = []
        for name in call.json.get("order_ids", ()):
            order = self.exchange.by_id(call.owner, name)
            is_open = order is not None and order.is_open
            if order is not None and is_open:
                self.exchange.cancel(order)
            reason = "UNKNOWN_CANCEL_FAILURE_REASON" if is_open else "UNKNOWN_CANCEL_ORDER"
            results.append({"success": is_open, "failure_reason": reason, "order_id": name})
        return {"results": results}

    def _edit(self, call: Call) -> Any:
        words = call.json
        order = self.exchange.by_id(call.owner, words.get("order_id", ""))
        try:
            if order is None:
                raise Refused("order_closed")
            self.exchange.amend(order, words.get("price", ""), words.get("size", ""))
        except Refused as refused:
            return {"success": False, "errors": [{"edit_failure_reason": REFUSALS[refused.code][0]}]}
        return {"success": True, "errors": []}

    # -- queries ---------------------------------------------------------------------------------------------------

    def _fills_of(self, order: Order) -> list[Fill]:
        return self.exchange.fills_of_order(order)

    def _order(self, call: Call) -> Any:
        order = self.visible(self.exchange.by_id(call.owner, call.params["id"]))
        if order is None:
            raise Refusal(problem("NOT_FOUND", "order with this orderID was not found", 404))
        return {"order": order_row(order, self._fills_of(order))}

    def _orders(self, call: Call) -> Any:
        words = parse_qs(call.raw_query)
        states = set(words.get("order_status", ()))
        names = set(words.get("product_ids", ())) | set(words.get("product_id", ()))
        rows = [
            order_row(order, self._fills_of(order))
            for order in self.visible_orders(call.owner)
            if not names or order.market.id in names
        ]
        rows = [row for row in rows if not states or row["status"] in states][::-1]
        limit = int(call.query.get("limit", 1000))
        start = int(call.query.get("cursor") or 0)
        more = len(rows) > start + limit
        page = {"orders": rows[start : start + limit], "sequence": "0", "has_next": more}
        return page | {"cursor": str(start + limit) if more else ""}

    def _fills(self, call: Call) -> Any:
        words = parse_qs(call.raw_query)
        names = set(words.get("product_ids", ())) | set(words.get("product_id", ()))
        ids = set(words.get("order_ids", ())) | set(words.get("order_id", ()))
        since = call.query.get("start_sequence_timestamp", "")
        rows = [
            fill_row(fill)
            for fill in self.visible_fills(call.owner)
            if (not names or fill.market.id in names)
            and (not ids or fill.order_id in ids)
            and stamp(fill.ts_ns)[:23] >= since[:23]
        ][::-1]
        limit, start = int(call.query.get("limit", 100)), int(call.query.get("cursor") or 0)
        cursor = str(start + limit) if len(rows) > start + limit else ""
        return {"fills": rows[start : start + limit], "cursor": cursor}

    # -- the account -----------------------------------------------------------------------------------------------

    def _accounts(self, call: Call) -> Any:
        owner = self.exchange.accounts[call.owner]
        rows = [
            {
                "uuid": trade_uuid(f"{call.owner}/{currency}"),
                "name": f"{currency} Wallet",
                "currency": currency,
                "available_balance": {"value": text(owner.free(currency)), "currency": currency},
                "default": False,
                "active": True,
                "type": "ACCOUNT_TYPE_CRYPTO" if currency != "USD" else "ACCOUNT_TYPE_FIAT",
                "ready": True,
                "hold": {"value": text(owner.held[currency]), "currency": currency},
            }
            for currency in list(owner.total)
        ]
        return {"accounts": rows, "has_next": False, "cursor": "", "size": len(rows)}

    def _wallets(self, call: Call) -> Any:
        """The older list that ccxt asks by default: totals, without what orders hold."""
        owner = self.exchange.accounts[call.owner]
        rows = [
            {
                "id": currency,
                "name": f"{currency} Wallet",
                "primary": False,
                "type": "wallet",
                "currency": {"code": currency, "name": currency},
                "balance": {"amount": text(owner.total[currency]), "currency": currency},
            }
            for currency in list(owner.total)
        ]
        return {"pagination": {"next_uri": None}, "data": rows}

    def _summary(self, _: Call) -> Any:
        market = MARKETS[0]
        maker, taker = text(market.maker_ppm * 10**12), text(market.taker_ppm * 10**12)
        tier = {"pricing_tier": "Advanced 1", "taker_fee_rate": taker, "maker_fee_rate": maker}
        return {"total_volume": 0, "total_fees": 0, "fee_tier": tier}

    def _permissions(self, call: Call) -> Any:
        allowed = self.exchange.accounts[call.owner].permissions
        return {
            "can_view": "read" in allowed,
            "can_trade": "trade" in allowed,
            "can_transfer": "withdraw" in allowed or "transfer" in allowed,
            "portfolio_uuid": trade_uuid(call.owner),
            "portfolio_type": "DEFAULT",
        }

    # -- sockets ---------------------------------------------------------------------------------------------------

    def on_open(self, session: Session) -> None:
        session.state |= {"sequence": 0, "channels": {}}

    def on_text(self, session: Session, text: str) -> None:
        message = json.loads(text)
        kind, channel = message.get("type"), message.get("channel", "")
        channels: dict[str, set[str]] = session.state["channels"]
        names = set(message.get("product_ids") or ())
        if kind not in {"subscribe", "unsubscribe"}:
            session.push({"type": "error", "message": f"unknown type {kind}"})
            return
        if "jwt" in message or channel == "user":
            account, _ = self._owner(message.get("jwt", ""))
            if account is None:
                session.push({"type": "error", "message": "authentication failure"})
                return
            session.account = account.name
        unknown = names - set(self.exchange.markets)
        if unknown:
            session.push({"type": "error", "message": f"invalid product ids {sorted(unknown)}"})
            return
        held = channels.get(channel, set())
        channels[channel] = held | names if kind == "subscribe" else held - names
        told = {name: sorted(ids) for name, ids in channels.items() if ids or name in {"user", "heartbeats"}}
        self._send(session, "subscriptions", {"subscriptions": told})
        if kind == "subscribe" and channel == "level2":
            for name in sorted(names):
                self._snapshot(session, self.exchange.markets[name])
        if kind == "subscribe" and channel == "user":
            orders = [o for o in self.visible_orders(session.account) if o.is_open]
            rows = [user_row(order, self._fills_of(order)) for order in orders]
            self._send(session, "user", {"type": "snapshot", "orders": rows, "positions": {}})

    def hears_orders(self, session: Session) -> bool:
        return "user" in session.state["channels"]

    def on_second(self, session: Session) -> None:
        if "heartbeats" in session.state["channels"]:
            beat = session.state["beat"] = session.state.get("beat", 0) + 1
            row = {"current_time": stamp(self.exchange.now_ns()), "heartbeat_counter": beat}
            self._send(session, "heartbeats", row)

    def _send(self, session: Session, channel: str, event: dict[str, Any], route: str = "") -> None:
        """Every message of a connection takes the next number, also one that a fault leaves out."""
        number, session.state["sequence"] = session.state["sequence"], session.state["sequence"] + 1
        message = {"channel": channel, "client_id": "", "timestamp": stamp(self.exchange.now_ns())}
        session.push(message | {"sequence_num": number, "events": [event]}, route)

    def _snapshot(self, session: Session, market: Market) -> None:
        book = self.exchange.books[market.id]
        levels = [(side, price, lots) for side in (BUY, SELL) for price, lots in book.levels(side)]
        self._levels(session, market, "snapshot", levels)

    def _levels(self, session: Session, market: Market, kind: str, levels: list[tuple[int, int, int]]) -> None:
        now = stamp(self.exchange.now_ns())
        updates = [
            {
                "side": "bid" if side == BUY else "offer",
                "event_time": now,
                "price_level": market.price(price),
                "new_quantity": market.qty(lots),
            }
            for side, price, lots in levels
        ]
        self._send(session, "l2_data", {"type": kind, "product_id": market.id, "updates": updates}, "book")

    def on_event(self, event: Event) -> None:
        for session in self.sessions:
            channels = session.state["channels"]
            if isinstance(event, BookChange):
                if event.market.id in channels.get("level2", ()):
                    self._levels(session, event.market, "update", list(event.levels))
            elif isinstance(event, PublicTrade):
                if event.market.id in channels.get("market_trades", ()):
                    self._send(session, "market_trades", {"type": "update", "trades": [self._trade(event)]}, "trades")
            elif isinstance(event, OrderChange) and session.account == event.order.account and "user" in channels:
                wanted = channels["user"]
                if not wanted or event.order.market.id in wanted:
                    row = user_row(event.order, self._fills_of(event.order))
                    body = {"type": "update", "orders": [row], "positions": {}}
                    self._send(session, "user", body, stream_word(event))

    def _trade(self, trade: PublicTrade) -> dict[str, Any]:
        market = trade.market
        return {
            "trade_id": str(trade.trade_id),
            "product_id": market.id,
            "price": market.price(trade.price),
            "size": market.qty(trade.lots),
            "side": "SELL" if trade.side == BUY else "BUY",  # the maker's side
            "time": stamp(trade.ts_ns),
        }


PROTOCOL = Coinbase
