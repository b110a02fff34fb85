"""Bybit v5: spot, linear and inverse behind one unified account; REST and the public and private streams."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from tests.venues.exchange.book import BUY, SELL, Order
from tests.venues.exchange.engine import NS_PER_MS, Event, Exchange, Ticket
from tests.venues.exchange.faults import Faults
from tests.venues.exchange.markets import Habits, Kind, Market, Refused
from tests.venues.exchange.session import Session
from tests.venues.exchange.settlement import Account
from tests.venues.exchange.units import text

from .base import Answer, Call, Protocol, Refusal, Route
from .bybit_streams import Streams
from .bybit_words import (
    BASIS,
    CONTRACT_CODES,
    MARKETS,
    SPOT_CODES,
    execution_row,
    instrument,
    order_row,
)
from .meter import Meter
from .signatures import agrees, hex_sha256
from .wording import average, rate

SELF_TRADE = {"CancelTaker": "taker", "CancelMaker": "maker", "CancelBoth": "both"}
PRODUCTS = {"SPOT": (Kind.SPOT,), "DERIVATIVES": (Kind.LINEAR, Kind.INVERSE), "OPTIONS": (Kind.OPTION,)}
FORCES = {"GTC": "GTC", "IOC": "IOC", "FOK": "FOK", "PostOnly": "GTC"}
WAYS = {BUY: 1, SELL: 2}  # triggerDirection: rises to the price, falls to it


class Bybit(Protocol):
    venue = "bybit"
    hosts = ("api.bybit.com", "stream.bybit.com")
    markets = MARKETS
    habits = Habits(
        client_id=r"[A-Za-z0-9_-]{1,36}",
        client_id_unique="ever",
        post_only="cancel",
        stop_holds=False,
        first_order_id=1_523_347_543_495_541_248,
        first_trade_id=2_100_000_000_000_000_001,
    )
    basis = BASIS

    def __init__(self, exchange: Exchange, faults: Faults) -> None:
        self.streams = Streams(self)
        self._meter = Meter(limit=20, window_ms=1000)
        self._switches: dict[str, dict[str, int]] = {}  # account -> product -> seconds without a private socket
        self._timers: dict[str, list[asyncio.TimerHandle]] = {}
        self._is_spot = True  # of the request being handled: handlers run one after the other
        super().__init__(exchange, faults)

    def routes(self) -> list[Route]:
        def private(method: str, path: str, kind: str, handler: Callable[[Call], Any]) -> Route:
            return Route(method, f"/v5/{path}", kind, handler, private=True)

        return [
            Route("GET", "/v5/market/time", "time", lambda call: self._time()),
            Route("GET", "/v5/market/instruments-info", "public", self._instruments),
            Route("GET", "/v5/market/orderbook", "public", self._orderbook),
            Route("GET", "/v5/market/tickers", "public", self._tickers),
            private("GET", "user/query-api", "account", self._key),
            private("GET", "account/info", "account", self._account_info),
            private("GET", "account/fee-rate", "account", self._fee_rate),
            private("GET", "account/wallet-balance", "account", self._wallet_balance),
            private("GET", "asset/coin/query-info", "public", lambda call: self._ok({"rows": []})),
            private("GET", "position/list", "account", self._positions),
            private("POST", "order/create", "place", self._create),
            private("POST", "order/cancel", "cancel", self._cancel),
            private("POST", "order/cancel-all", "cancel", self._cancel_all),
            private("POST", "order/amend", "amend", self._amend),
            private("POST", "order/disconnected-cancel-all", "cancel", self._dead_man_switch),
            private("GET", "order/realtime", "query", self._realtime),
            private("GET", "order/history", "query", self._history),
            private("GET", "execution/list", "query", self._executions),
        ]

    # -- the envelope ----------------------------------------------------------------------------------------------

    def _envelope(self, code: int, message: str, result: Any) -> Answer:
        return Answer({"retCode": code, "retMsg": message, "result": result, "retExtInfo": {}, "time": self.now_ms()})

    def _ok(self, result: Any) -> Answer:
        return self._envelope(0, "OK", result)

    def _no(self, code: int, message: str) -> Answer:
        return self._envelope(code, message, {})

    def refused(self, code: str, detail: str, kind: str) -> Answer:
        words = SPOT_CODES if self._is_spot else CONTRACT_CODES
        return self._no(*words.get(code, (10001, f"params error: {code} {detail}")))

    def too_many(self, is_ban: bool, retry_s: float) -> Answer:
        if is_ban:
            return Answer("access too frequent, please try again in 5 minutes", 403)
        answer = self._no(10006, "Too many visits. Exceeded the API Rate Limit.")
        reset_ms = self.now_ms() + round(retry_s * 1000)
        answer.headers.update(_limits(self._meter.limit, 0, reset_ms))
        return answer

    def lie(self) -> Answer:
        return Answer(self._no(10000, "Server Timeout").body, 400)

    def malformed(self, detail: str) -> Answer:
        return self._no(10001, f"params error: {detail}")

    def unknown_route(self, call: Call) -> Answer:
        return Answer(self._no(10017, "Route not found.").body, 404)

    def dress(self, call: Call, route: Route, answer: Answer) -> Answer:
        if call.account is not None and "X-Bapi-Limit" not in answer.headers:
            now_ms = self.now_ms()
            left = self._meter.count(f"{call.account.name} {route.path}", now_ms)
            answer.headers.update(_limits(self._meter.limit, left, self._meter.ends_ms(now_ms)))
        return answer

    def authenticate(self, call: Call) -> Account:
        head = {
            name: call.headers.get(f"X-BAPI-{name}", "") for name in ("API-KEY", "TIMESTAMP", "RECV-WINDOW", "SIGN")
        }
        account = self.exchange.accounts.by_key(head["API-KEY"])
        if account is None:
            raise Refusal(self._no(10003, "API key is invalid."))
        payload = call.body if call.method == "POST" else call.raw_query
        window_ms = int(head["RECV-WINDOW"] or 5000)
        origin = f"{head['TIMESTAMP']}{account.key}{head['RECV-WINDOW']}{payload}"
        if not agrees(head["SIGN"], hex_sha256(account.secret, origin)):
            raise Refusal(self._no(10004, f"error sign! origin_string[{origin}]"))
        now_ms, sent_ms = self.now_ms(account.name), int(head["TIMESTAMP"])
        if not now_ms - window_ms <= sent_ms < now_ms + 1000:
            message = (
                f"invalid request, please check your server timestamp or recv_window param. req_timestamp[{sent_ms}],"
            )
            raise Refusal(self._no(10002, f"{message}server_timestamp[{now_ms}],recv_window[{window_ms}]"))
        if call.path.startswith("/v5/order/") and call.method == "POST" and "trade" not in account.permissions:
            raise Refusal(self._no(10005, "Permission denied, please check your API key permissions."))
        return account

    # -- public ----------------------------------------------------------------------------------------------------

    def _time(self) -> Answer:
        now_ms = self.now_ms()
        return self._ok({"timeSecond": str(now_ms // 1000), "timeNano": str(now_ms * NS_PER_MS)})

    def _instruments(self, call: Call) -> Answer:
        category = call.query.get("category", "")
        wanted = call.query.get("symbol", "")
        is_listed = call.query.get("status", "Trading") == "Trading"
        rows = [instrument(m) for m in self._of(category) if wanted in {"", m.name} and is_listed]
        return self._ok({"category": category, "list": rows, "nextPageCursor": ""})

    def _of(self, category: str) -> list[Market]:
        if category not in {"spot", "linear", "inverse", "option"}:
            raise Refusal(self._no(10001, "params error: category invalid"))
        self._is_spot = category == "spot"
        return [market for market in self.exchange.markets.values() if market.kind == category]

    def _market(self, given: dict[str, Any]) -> Market:
        """The market that `category` and `symbol` name together."""
        markets = {market.name: market for market in self._of(str(given.get("category", "")))}
        market = markets.get(str(given.get("symbol", "")))
        if market is None:
            raise Refused("unknown_market", str(given.get("symbol", "")))
        return market

    def _orderbook(self, call: Call) -> Answer:
        market = self._market(call.query)
        book, depth = self.exchange.books[market.id], int(call.query.get("limit") or 25)
        now_ms = self.now_ms()
        return self._ok(
            {
                "s": market.name,
                "b": book.strings(BUY, depth),
                "a": book.strings(SELL, depth),
                "ts": now_ms,
                "u": self.streams.window(market, 50).updates,
                "seq": book.seq,
                "cts": now_ms,
            }
        )

    def _tickers(self, call: Call) -> Answer:
        rows = []
        for market in self._of(call.query.get("category", "")):
            if call.query.get("symbol", market.name) == market.name:
                bid, ask = (self.exchange.books[market.id].strings(side, 1) or [("", "")] for side in (BUY, SELL))
                rows.append(
                    {
                        "symbol": market.name,
                        "bid1Price": bid[0][0],
                        "bid1Size": bid[0][1],
                        "ask1Price": ask[0][0],
                        "ask1Size": ask[0][1],
                        "lastPrice": bid[0][0],
                    }
                )
        return self._ok({"category": call.query.get("category", ""), "list": rows})

    # -- the account -----------------------------------------------------------------------------------------------

    def _key(self, call: Call) -> Answer:
        account = self.exchange.accounts[call.owner]
        may_trade, may_withdraw = "trade" in account.permissions, "withdraw" in account.permissions
        permissions = {
            "ContractTrade": ["Order", "Position"] if may_trade else [],
            "Spot": ["SpotTrade"] if may_trade else [],
            "Wallet": ["AccountTransfer", "Withdraw"] if may_withdraw else [],
            "Options": [],
            "Derivatives": [],
        }
        return self._ok(
            {
                "id": "1",
                "note": account.name,
                "apiKey": account.key,
                "readOnly": int(not may_trade),
                "permissions": permissions,
                "ips": ["*"],
                "unified": 0,
                "uta": 1,
                "userID": 1,
            }
        )

    def _account_info(self, call: Call) -> Answer:
        return self._ok({"unifiedMarginStatus": 5, "marginMode": "REGULAR_MARGIN", "dcpStatus": "OFF", "timeWindow": 0})

    def _fee_rate(self, call: Call) -> Answer:
        wanted = call.query.get("symbol", "")
        rows = [
            {"symbol": m.name, "takerFeeRate": rate(m.taker_ppm), "makerFeeRate": rate(m.maker_ppm)}
            for m in self._of(call.query.get("category", ""))
            if wanted in {"", m.name}
        ]
        return self._ok({"category": call.query.get("category", ""), "list": rows})

    def _wallet_balance(self, call: Call) -> Answer:
        return self._ok({"list": [self.wallet(call.owner)]})

    def wallet(self, name: str) -> dict[str, Any]:
        account = self.exchange.accounts[name]
        orders = [order for order in self.exchange.orders_of(name) if order.is_open and order.held_in]
        coins = []
        for coin in sorted(account.total):
            margin = {True: 0, False: 0}
            for order in orders:
                if order.held_in == coin:
                    margin[order.market.is_derivative] += order.held
            opened = [p for key, p in account.positions.items() if key.endswith(f"|{coin}")]
            held = sum(abs(position.cash) for position in opened) // self.habits.leverage
            total = text(account.total[coin])
            coins.append(
                {
                    "coin": coin,
                    "walletBalance": total,
                    "equity": total,
                    "locked": text(margin[False]),
                    "totalOrderIM": text(margin[True]),
                    "totalPositionIM": text(held),
                    "borrowAmount": "0",
                    "accruedInterest": "0",
                    "availableToWithdraw": "",
                    "unrealisedPnl": "0",
                    "bonus": "0",
                    "cumRealisedPnl": text(sum(p.realised for p in opened)),
                    "usdValue": "",
                }
            )
        return {"accountType": "UNIFIED", "coin": coins, "totalEquity": "", "totalWalletBalance": ""}

    def _positions(self, call: Call) -> Answer:
        query = call.query
        markets = self._of(query.get("category", ""))
        if query.get("category") == "linear" and not {"symbol", "settleCoin"} & query.keys():
            raise Refusal(self._no(10001, "Missing some parameters that must be filled in, symbol or settleCoin"))
        rows = [self.position_row(call.owner, m) for m in markets if query.get("symbol", m.name) == m.name]
        return self._ok({"category": query["category"], "list": rows, "nextPageCursor": ""})

    def position_row(self, owner: str, market: Market) -> dict[str, Any]:
        position = self.exchange.accounts.position(self.exchange.accounts[owner], market)
        side = "Buy" if position.lots > 0 else "Sell" if position.lots < 0 else ""
        value, size = abs(position.cash), market.qty(abs(position.lots))
        entry = average(market, abs(position.lots), value) if position.lots else "0"
        return {
            "symbol": market.name,
            "side": side,
            "size": size,
            "avgPrice": entry,
            "positionValue": text(value),
            "leverage": str(self.habits.leverage),
            "positionIdx": 0,
            "positionIM": text(value // self.habits.leverage),
            "markPrice": entry,
            "unrealisedPnl": "0",
            "cumRealisedPnl": text(position.realised),
            "liqPrice": "",
            "positionStatus": "Normal",
            "tpslMode": "Full",
            "createdTime": "0",
            "updatedTime": str(self.now_ms()),
        }

    # -- orders ----------------------------------------------------------------------------------------------------

    def _create(self, call: Call) -> Answer:
        given = call.json
        market = self._market(given)
        force = given.get("timeInForce", "GTC")
        side = {"Buy": BUY, "Sell": SELL}.get(given.get("side"))
        is_market = given.get("orderType") == "Market"
        if side is None or force not in FORCES or given.get("orderType") not in {"Market", "Limit"}:
            raise Refusal(self._no(10001, "params error: side, orderType or timeInForce invalid"))
        if not is_market and not given.get("price"):
            raise Refusal(self._no(10001, "params error: Price invalid"))
        qty = str(given.get("qty", ""))
        is_quote = (
            self._is_spot and is_market and given.get("marketUnit", "quoteCoin" if side == BUY else "") == "quoteCoin"
        )
        if is_quote and side == SELL:
            raise Refusal(self._no(170130, "Data sent for parameter 'marketUnit' is not valid."))
        ticket = Ticket(
            market.id,
            side,
            "" if is_quote else qty,
            "" if is_market else str(given["price"]),
            FORCES[force],
            client_id=given.get("orderLinkId", ""),
            post_only=force == "PostOnly",
            reduce_only=bool(given.get("reduceOnly")) and not self._is_spot,
            budget=qty if is_quote else "",
            self_trade=SELF_TRADE.get(given.get("smpType", ""), ""),
            tags=(("force", "IOC" if is_market else force), ("unit", "quoteCoin" if is_quote else "baseCoin")),
            stop=self._trigger(given, side),
        )
        try:
            order = self.exchange.place(call.owner, ticket)
        except Refused as refused:
            if refused.code != "stop_through":
                raise
            way = "Rising, but trigger_price <=" if side == BUY else "Falling, but trigger_price >="
            raise Refusal(self._no(110091 + WAYS[side], f"expect {way} current")) from None
        return self._ok({"orderId": order.id, "orderLinkId": order.client_id})

    def _trigger(self, given: dict[str, Any], side: int) -> str:
        """The trigger price of a conditional order; empty for any other. Spoken: contracts, by the last price, from
        the side from which a stop's price comes.
        """
        if not given.get("triggerPrice"):
            return ""
        if self._is_spot or given.get("triggerDirection") != WAYS[side] or given.get("triggerBy") != "LastPrice":
            raise Refusal(self._no(10001, "params error: triggerPrice, triggerDirection or triggerBy invalid"))
        return str(given["triggerPrice"])

    def _named(self, call: Call, given: dict[str, Any]) -> Order:
        """The order that `orderId` or `orderLinkId` names."""
        market = self._market(given)
        order = self._by_name(call.owner, given)
        if order is None or order.market is not market:
            raise Refused("unknown_order")
        return order

    def _by_name(self, owner: str, given: dict[str, Any]) -> Order | None:
        if given.get("orderId"):
            return self.exchange.by_id(owner, str(given["orderId"]))
        return self.exchange.by_client_id(owner, str(given.get("orderLinkId", "")))

    def _cancel(self, call: Call) -> Answer:
        order = self.exchange.cancel(self._named(call, call.json))
        return self._ok({"orderId": order.id, "orderLinkId": order.client_id})

    def _cancel_all(self, call: Call) -> Answer:
        given = call.json
        markets = self._of(given.get("category", ""))
        if not self._is_spot and not {"symbol", "settleCoin", "baseCoin"} & given.keys():
            raise Refusal(self._no(10001, "Missing some parameters that must be filled in, symbol or settleCoin"))
        gone = [
            order
            for market in markets
            if given.get("symbol", market.name) == market.name and given.get("settleCoin", market.cash) == market.cash
            for order in self.exchange.cancel_all(call.owner, market.id)
        ]
        return self._ok({"list": [{"orderId": o.id, "orderLinkId": o.client_id} for o in gone], "success": "1"})

    def _amend(self, call: Call) -> Answer:
        given = call.json
        order = self.exchange.amend(self._named(call, given), str(given.get("price", "")), str(given.get("qty", "")))
        return self._ok({"orderId": order.id, "orderLinkId": order.client_id})

    def _dead_man_switch(self, call: Call) -> Answer:
        wait_s, product = int(call.json.get("timeWindow", 0)), call.json.get("product", "OPTIONS")
        if not 3 <= wait_s <= 300 or product not in PRODUCTS:
            raise Refusal(self._no(10001, "params error: timeWindow or product invalid"))
        self._switches.setdefault(call.owner, {})[product] = wait_s
        return self._ok({})

    def on_login(self, owner: str) -> None:
        """A private socket is there again: no cancel is due."""
        for timer in self._timers.pop(owner, ()):
            timer.cancel()

    def on_close(self, session: Session) -> None:
        owner, loop = session.account, asyncio.get_running_loop()
        if any(other.account == owner for other in self.sessions):
            return
        for product, wait_s in self._switches.get(owner, {}).items():
            for market in self.exchange.markets.values():
                if market.kind in PRODUCTS[product]:
                    timer = loop.call_later(wait_s, self.exchange.cancel_all, owner, market.id)
                    self._timers.setdefault(owner, []).append(timer)

    def _realtime(self, call: Call) -> Answer:
        query, by_name = call.query, {"orderId", "orderLinkId"} & call.query.keys()
        markets = self._of(query.get("category", ""))
        if not self._is_spot and not by_name and not {"symbol", "settleCoin", "baseCoin"} & query.keys():
            raise Refusal(self._no(10001, "Missing some parameters that must be filled in, symbol or settleCoin"))
        if by_name:
            found = self.visible(self._by_name(call.owner, query))
            orders = [found] if found is not None and found.market in markets else []
        else:
            orders = [o for o in self.visible_orders(call.owner) if o.is_open and _matches(o.market, query, markets)]
        return self._page([order_row(order) for order in reversed(orders)], query, 20, 50)

    def _history(self, call: Call) -> Answer:
        query, markets = call.query, self._of(call.query.get("category", ""))
        orders = [o for o in self.visible_orders(call.owner) if not o.is_open and _matches(o.market, query, markets)]
        for word, of in (("orderId", "id"), ("orderLinkId", "client_id")):
            orders = [order for order in orders if query.get(word, getattr(order, of)) == getattr(order, of)]
        rows = [order_row(order) for order in reversed(orders)]
        return self._page(
            [row for row in rows if row["orderStatus"] == query.get("orderStatus", row["orderStatus"])], query
        )

    def _executions(self, call: Call) -> Answer:
        query, markets = call.query, self._of(call.query.get("category", ""))
        first_ms, last_ms = int(query.get("startTime") or 0), int(query.get("endTime") or 10**15)
        fills = [
            fill
            for fill in self.visible_fills(call.owner)
            if _matches(fill.market, query, markets)
            and first_ms <= fill.ts_ns // NS_PER_MS <= last_ms
            and query.get("orderId", fill.order_id) == fill.order_id
            and query.get("orderLinkId", fill.client_id) == fill.client_id
        ]
        return self._page([execution_row(fill, self.exchange.orders[fill.order_id]) for fill in reversed(fills)], query)

    def _page(self, rows: list[dict[str, Any]], query: dict[str, str], default: int = 50, most: int = 100) -> Answer:
        limit, start = min(most, int(query.get("limit") or default)), int(query.get("cursor") or 0)
        cursor = str(start + limit) if len(rows) > start + limit else ""
        result = {"category": query["category"], "list": rows[start : start + limit], "nextPageCursor": cursor}
        return self._ok(result)

    # -- streams ---------------------------------------------------------------------------------------------------

    def on_open(self, session: Session) -> None:
        self.streams.open(session)

    def on_text(self, session: Session, text: str) -> None:
        self.streams.text(session, text)

    def on_event(self, event: Event) -> None:
        self.streams.event(event)

    def hears_orders(self, session: Session) -> bool:
        return any(topic.startswith(("order", "execution")) for topic in session.state["topics"])


def _matches(market: Market, query: dict[str, str], markets: list[Market]) -> bool:
    return (
        market in markets
        and query.get("symbol", market.name) == market.name
        and query.get("settleCoin", market.cash) == market.cash
        and query.get("baseCoin", market.base) == market.base
    )


def _limits(limit: int, left: int, reset_ms: int) -> dict[str, str]:
    return {
        "X-Bapi-Limit": str(limit),
        "X-Bapi-Limit-Status": str(left),
        "X-Bapi-Limit-Reset-Timestamp": str(reset_ms),
    }


PROTOCOL = Bybit
