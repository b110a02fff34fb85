"""HTX spot: requests signed in their query, answers with a status word; sockets are in htx_streams."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from tests.venues.exchange.book import BUY, SELL, Order
from tests.venues.exchange.engine import Event, Exchange, Ticket
from tests.venues.exchange.faults import Faults
from tests.venues.exchange.markets import Habits, Market, Refused
from tests.venues.exchange.session import Session
from tests.venues.exchange.settlement import Account, Fill
from tests.venues.exchange.units import fixed

from .base import Answer, Call, Protocol, Refusal, Route
from .htx_streams import Streams
from .htx_words import BASIS, MARKETS, OPERATORS, REFUSALS, match_row, number, order_row, state_of, symbol_row, type_of
from .meter import Meter
from .signatures import agrees, base64_sha256
from .wording import ms, rate

WINDOW_S = 300
# word of the order type after the side -> (kind, time in force, post-only)
TYPES = {
    "limit": ("limit", "GTC", False),
    "market": ("market", "IOC", False),
    "ioc": ("limit", "IOC", False),
    "limit-fok": ("limit", "FOK", False),
    "limit-maker": ("limit", "GTC", True),
    "stop-limit": ("limit", "GTC", False),
}
FIRST_ROW = 313_288_753  # ids of rows of match results: a trade has another
STATE_NUMBERS = {"partial-canceled": 5, "filled": 6, "canceled": 7}


class Htx(Protocol):
    venue = "htx"
    hosts = ("api.huobi.pro",)
    markets = MARKETS
    habits = Habits(
        client_id=r"[A-Za-z0-9_-]{1,64}",
        client_id_unique="ever",
        post_only="cancel",
        first_order_id=438_398_393_065_481,
        first_trade_id=101_539_740_584,
    )
    basis = BASIS

    def __init__(self, exchange: Exchange, faults: Faults) -> None:
        self.streams = Streams(self)
        self._meter = Meter(limit=100, window_ms=2000)
        self._account_ids: dict[str, int] = {}
        self._cancel_timers: dict[str, asyncio.TimerHandle] = {}
        super().__init__(exchange, faults)

    def routes(self) -> list[Route]:
        def public(path: str, handler: Callable[[Call], Any], kind: str = "public") -> Route:
            return Route("GET", path, kind, handler)

        def private(method: str, path: str, kind: str, handler: Callable[[Call], Any]) -> Route:
            return Route(method, f"/v1/{path}", kind, lambda call: self._ok(handler(call)), private=True)

        return [
            public("/v1/common/timestamp", lambda _: self._ok(self.now_ms()), "time"),
            public("/v1/common/symbols", lambda _: self._ok([symbol_row(market) for market in MARKETS])),
            public("/v2/reference/currencies", lambda _: {"code": 200, "data": []}),
            public("/market/depth", self._depth),
            Route("GET", "/v2/reference/transact-fee-rate", "account", self._fees, private=True),
            Route("POST", "/v2/algo-orders/cancel-all-after", "cancel", self._cancel_all_after, private=True),
            Route("GET", "/v2/user/api-key", "account", self._key, private=True),
            private("GET", "account/accounts", "account", self._accounts),
            private("GET", "account/accounts/{account_id}/balance", "account", self._balance),
            private("POST", "order/orders/place", "place", self._place),
            private("POST", "order/orders/batchCancelOpenOrders", "cancel", self._cancel_open),
            private("POST", "order/orders/submitCancelClientOrder", "cancel", self._cancel_by_client),
            private("POST", "order/orders/{order_id}/submitcancel", "cancel", self._cancel),
            private("GET", "order/openOrders", "query", self._open_orders),
            private("GET", "order/orders", "query", self._orders),
            private("GET", "order/matchresults", "query", self._matches),
            private("GET", "order/orders/getClientOrder", "query", self._order_by_client),
            private("GET", "order/orders/{order_id}/matchresults", "query", self._matches),
            private("GET", "order/orders/{order_id}", "query", self._order),
        ]

    # -- the door --------------------------------------------------------------------------------------------------

    def _ok(self, data: Any) -> Any:
        return {"status": "ok", "data": data, "ts": self.now_ms()}

    def _no(self, code: str, message: str, status: int = 200) -> Answer:
        return Answer({"status": "error", "err-code": code, "err-msg": message, "data": None}, status)

    def refused(self, code: str, detail: str, kind: str) -> Answer:
        return self._no(*REFUSALS.get(code, ("bad-request", f"{code} {detail}")))

    def too_many(self, is_ban: bool, retry_s: float) -> Answer:
        if is_ban:
            return Answer("<html><body>403 Forbidden</body></html>", 403, {"Content-Type": "text/html"})
        answer = self._no("rate-too-many-requests", "exceeded rate limit", 429)
        answer.headers["X-HB-RateLimit-Requests-Expire"] = str(self.now_ms() + round(retry_s * 1000))
        return answer

    def broken(self, status: int) -> Answer:
        if status == 504:
            return self._no("timeout", "Request Timeout", status)
        return self._no("gateway-internal-error", "Failed to load data. Try again later.", status)

    def lie(self) -> Answer:
        return self._no("timeout", "Request Timeout", 400)

    def malformed(self, detail: str) -> Answer:
        return self._no("bad-request", f"Invalid parameter: {detail}")

    def unknown_route(self, call: Call) -> Answer:
        return self._no("bad-request", "Not Found", 404)

    def dress(self, call: Call, route: Route, answer: Answer) -> Answer:
        if call.account is not None:
            now_ms = self.now_ms()
            left = self._meter.count(f"{call.account.name} {route.path}", now_ms)
            expire = {"X-HB-RateLimit-Requests-Expire": str(self._meter.ends_ms(now_ms))}
            answer.headers = {"X-HB-RateLimit-Requests-Remain": str(left)} | expire | answer.headers
        return answer

    def authenticate(self, call: Call) -> Account:
        query, invalid = call.query, "api-signature-not-valid"
        account = self.exchange.accounts.by_key(query.get("AccessKeyId", ""))
        if account is None:
            raise Refusal(self._no(invalid, "Signature not valid: Incorrect Access key"))
        parts = sorted(part for part in call.raw_query.split("&") if not part.startswith("Signature="))
        payload = "\n".join((call.method, call.host, call.path, "&".join(parts)))
        if not agrees(query.get("Signature", ""), base64_sha256(account.secret, payload)):
            raise Refusal(self._no(invalid, "Signature not valid: Verification failure"))
        sent = datetime.strptime(query.get("Timestamp", ""), "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
        if abs(self.now_ms(account.name) / 1000 - sent.timestamp()) > WINDOW_S:
            raise Refusal(self._no(invalid, "Signature not valid: Invalid submission time or incorrect time format"))
        if call.method != "GET" and "trade" not in account.permissions:
            raise Refusal(self._no(invalid, "Signature not valid: API key has no permission"))
        return account

    # -- public ----------------------------------------------------------------------------------------------------

    def _market(self, name: str) -> Market:
        market = self.market_named(name)
        if market is None:
            raise Refused("unknown_market", name)
        return market

    def _depth(self, call: Call) -> Any:
        market = self._market(call.query.get("symbol", ""))
        words = {"ch": f"market.{market.name}.depth.step0", "status": "ok", "ts": self.now_ms()}
        return words | {"tick": self.depth(market, int(call.query.get("depth") or 150))}

    def depth(self, market: Market, depth: int) -> dict[str, Any]:
        """The book as depth.step0 tells it."""
        book = self.exchange.books[market.id]
        tick: dict[str, Any] = {"ts": self.now_ms(), "version": book.seq}
        for word, side in (("bids", BUY), ("asks", SELL)):
            tick[word] = [[number(price), number(qty)] for price, qty in book.strings(side, depth)]
        return tick

    # -- the account -----------------------------------------------------------------------------------------------

    def account_id(self, owner: str) -> int:
        return self._account_ids.setdefault(owner, 44_234_548 + len(self._account_ids))

    def _accounts(self, call: Call) -> Any:
        spot = {"id": self.account_id(call.owner), "type": "spot", "subtype": "", "state": "working"}
        return [{"id": 5_202_591, "type": "point", "subtype": "", "state": "working"}, spot]

    def _balance(self, call: Call) -> Any:
        if call.params["account_id"] != str(self.account_id(call.owner)):
            raise Refusal(self._no("account-get-balance-account-inexistent-error", "account does not exist"))
        account = self.exchange.accounts[call.owner]
        rows = [
            {"currency": currency.lower(), "type": kind, "balance": fixed(amount, 18), "seq-num": "0"}
            for currency in sorted(account.total)
            for kind, amount in (("trade", account.free(currency)), ("frozen", account.held[currency]))
        ]
        return {"id": self.account_id(call.owner), "type": "spot", "state": "working", "list": rows}

    def _fees(self, call: Call) -> Any:
        markets = [self._market(name) for name in call.query.get("symbols", "").split(",")]
        rows = []
        for market in markets:
            maker, taker = rate(market.maker_ppm), rate(market.taker_ppm)
            row = {"symbol": market.name, "makerFeeRate": maker, "takerFeeRate": taker}
            rows.append(row | {"actualMakerRate": maker, "actualTakerRate": taker})
        return {"code": 200, "data": rows, "success": True}

    def _key(self, call: Call) -> Any:
        account = self.exchange.accounts[call.owner]
        words = {"read": "readOnly", "trade": "trade", "withdraw": "withdraw"}
        permission = ",".join(words[granted] for granted in account.permissions if granted in words)
        row = {"accessKey": account.key, "note": account.name, "permission": permission, "status": "normal"}
        return {"code": 200, "data": [row | {"ipAddresses": "", "validDays": -1}]}

    # -- orders ----------------------------------------------------------------------------------------------------

    def _place(self, call: Call) -> Any:
        given = call.json
        if str(given.get("account-id", "")) != str(self.account_id(call.owner)):
            raise Refusal(self._no("account-get-accounts-inexistent-error", "account does not exist"))
        market = self._market(str(given.get("symbol", "")))
        word, _, rest = str(given.get("type", "")).partition("-")
        side = {"buy": BUY, "sell": SELL}.get(word)
        if side is None or rest not in TYPES:
            raise Refusal(self._no("invalid-type", "Paramemter `type` is invalid."))
        kind, force, is_maker = TYPES[rest]
        is_stop = rest == "stop-limit"
        if is_stop and (given.get("operator") != OPERATORS[side] or not given.get("stop-price")):
            raise Refusal(self._no("invalid-operator", "Parameter `operator` is invalid."))
        is_quote = kind == "market" and side == BUY
        amount = str(given.get("amount", ""))
        ticket = Ticket(
            market.id,
            side,
            "" if is_quote else amount,
            "" if kind == "market" else str(given.get("price", "")),
            force,
            client_id=str(given.get("client-order-id", "")),
            post_only=is_maker,
            budget=amount if is_quote else "",
            tags=(("type", str(given["type"])),),
            stop=str(given["stop-price"]) if is_stop else "",
        )
        return self.exchange.place(call.owner, ticket).id

    def _cancel(self, call: Call) -> Any:
        order = self.exchange.by_id(call.owner, call.params["order_id"])
        if order is None:
            raise Refused("unknown_order")
        return self.exchange.cancel(order).id

    def _cancel_by_client(self, call: Call) -> Any:
        """A number that says the order's state when the cancel came: 10 when it is being canceled, 0 when unknown."""
        order = self.exchange.by_client_id(call.owner, str(call.json.get("client-order-id", "")))
        if order is None:
            return 0
        if not order.is_open:
            return STATE_NUMBERS[state_of(order)]
        self.exchange.cancel(order)
        return 10

    def _cancel_open(self, call: Call) -> Any:
        given = call.json
        names = [name for name in str(given.get("symbol", "")).split(",") if name]
        side = {"buy": BUY, "sell": SELL}.get(given.get("side", ""), 0)
        markets = [self._market(name).id for name in names] or [""]
        gone = [order for market in markets for order in self.exchange.cancel_all(call.owner, market, side)]
        return {"success-count": len(gone), "failed-count": 0, "next-id": -1}

    def _cancel_all_after(self, call: Call) -> Any:
        wait_s, owner = int(call.json["timeout"]), call.owner
        if (old := self._cancel_timers.pop(owner, None)) is not None:
            old.cancel()
        if wait_s:
            loop = asyncio.get_running_loop()
            self._cancel_timers[owner] = loop.call_later(wait_s, self.exchange.cancel_all, owner)
        now_ms = self.now_ms()
        trigger_ms = now_ms + wait_s * 1000 if wait_s else 0
        return {"code": 200, "data": {"currentTime": now_ms, "triggerTime": trigger_ms}}

    # -- queries ---------------------------------------------------------------------------------------------------

    def _order(self, call: Call) -> Any:
        return self._shown(call, self.exchange.by_id(call.owner, call.params["order_id"]))

    def _order_by_client(self, call: Call) -> Any:
        return self._shown(call, self.exchange.by_client_id(call.owner, call.query.get("clientOrderId", "")))

    def _shown(self, call: Call, order: Order | None) -> Any:
        if self.visible(order) is None:
            raise Refused("unknown_order")
        assert order is not None
        return order_row(order, self.account_id(call.owner), "field")

    def _found(self, call: Call) -> list[Order]:
        """Orders youngest first, as the query narrows them."""
        query = call.query
        orders = [
            order
            for order in self.visible_orders(call.owner)
            if query.get("symbol", order.market.name) == order.market.name
            and int(query.get("start-time") or 0) <= ms(order.created_ns) <= int(query.get("end-time") or 10**15)
        ]
        return orders[::-1]

    def _open_orders(self, call: Call) -> Any:
        if call.query.get("account-id") not in {None, str(self.account_id(call.owner))}:
            raise Refusal(self._no("account-get-accounts-inexistent-error", "account does not exist"))
        last = int(
            call.query.get("from") or 2**63
        )  # an order's id; of the next page by default, which is the older one
        found = [order for order in self._found(call) if order.is_open and int(order.id) <= last]
        orders = found[: min(500, int(call.query.get("size") or 100))]
        return [order_row(order, self.account_id(call.owner), "filled") for order in orders]

    def _orders(self, call: Call) -> Any:
        states = set(call.query.get("states", "").split(","))
        kinds = set(filter(None, call.query.get("types", "").split(",")))
        orders = [o for o in self._found(call) if state_of(o) in states and (not kinds or type_of(o) in kinds)]
        rows = orders[: int(call.query.get("size") or 100)]
        return [order_row(order, self.account_id(call.owner), "field") for order in rows]

    def _matches(self, call: Call) -> Any:
        query, order_id = call.query, call.params.get("order_id", "")
        fills: list[Fill] = [
            fill
            for fill in self.visible_fills(call.owner)
            if query.get("symbol", fill.market.name) == fill.market.name
            and order_id in {"", fill.order_id}
            and int(query.get("start-time") or 0) <= ms(fill.ts_ns) <= int(query.get("end-time") or 10**15)
        ]
        older = int(query.get("from") or 2**63)  # an id of a row; of the next page by default, which is the older one
        rows = [
            match_row(fill, self.exchange.orders[fill.order_id], FIRST_ROW + fill.trade_id)
            for fill in fills[::-1]
            if FIRST_ROW + fill.trade_id < older
        ]
        return rows[: min(500, int(query.get("size") or 100))]

    # -- streams ---------------------------------------------------------------------------------------------------

    def on_open(self, session: Session) -> None:
        self.streams.open(session)

    def on_text(self, session: Session, text: str) -> None:
        self.streams.text(session, text)

    def on_second(self, session: Session) -> None:
        self.streams.second(session)

    def on_event(self, event: Event) -> None:
        self.streams.event(event)

    def encode(self, session: Session, message: Any) -> str | bytes:
        return self.streams.encode(session, message)

    def hears_orders(self, session: Session) -> bool:
        return any(channel.startswith(("orders#", "trade.clearing#")) for channel in session.state["channels"])


PROTOCOL = Htx
