"""KuCoin spot, a classic account whose trading is high-frequency or not; sockets are in kucoin_streams."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from tests.venues.exchange.book import BUY, SELL, Order
from tests.venues.exchange.engine import Event, Exchange, Ticket
from tests.venues.exchange.faults import Faults
from tests.venues.exchange.markets import Habits, Market, Refused
from tests.venues.exchange.session import Session
from tests.venues.exchange.settlement import Account, Fill
from tests.venues.exchange.units import text

from .base import Answer, Call, Protocol, Refusal, Route
from .kucoin_streams import ORDERS, Streams
from .kucoin_words import BASIS, MARKETS, REFUSALS, fill_row, order_row, symbol_row, ticker_row
from .meter import Meter
from .signatures import agrees, base64_sha256
from .wording import ms, rate

WINDOW_MS = 5000
SELF_TRADE = {"CN": "taker", "CO": "maker", "CB": "both", "DC": "both"}


class KuCoin(Protocol):
    venue = "kucoin"
    hosts = ("api.kucoin.com", "api-futures.kucoin.com", "ws-api-spot.kucoin.com")
    markets = MARKETS
    habits = Habits(
        client_id=r"[A-Za-z0-9_-]{1,40}",
        client_id_unique="ever",
        post_only="cancel",
        first_order_id=0x6478CF1439BDFC0001528A1D,
        first_trade_id=11_029_373_945_659_393,
    )
    basis = BASIS

    def __init__(self, exchange: Exchange, faults: Faults) -> None:
        self.streams = Streams(self)
        self.is_high_frequency = True  # what hf/accounts/opened says of every account
        self.tokens: dict[str, str] = {}  # websocket token -> account, "" for a public one
        self._numbers = itertools.count(1)
        self._meter = Meter(limit=4000, window_ms=30_000)
        super().__init__(exchange, faults)
        exchange.order_id = lambda number: f"{number:024x}"

    def routes(self) -> list[Route]:
        def public(method: str, path: str, handler: Callable[[Call], Any], kind: str = "public") -> Route:
            return Route(method, f"/api/{path}", kind, self._wrapped(handler))

        def private(method: str, path: str, kind: str, handler: Callable[[Call], Any]) -> Route:
            return Route(method, f"/api/{path}", kind, self._wrapped(handler), private=True)

        return [
            public("GET", "v1/timestamp", lambda _: self.now_ms(), "time"),
            public("GET", "v3/currencies", lambda _: []),
            public("GET", "{version}/symbols", lambda _: [symbol_row(market) for market in MARKETS]),
            public("GET", "v1/market/allTickers", lambda _: self._tickers()),
            public("GET", "v1/market/orderbook/level2_{depth}", self._orderbook),
            public("GET", "v1/contracts/active", lambda _: []),
            public("POST", "v1/bullet-public", lambda call: self._bullet(call, ""), "auth"),
            private("POST", "v1/bullet-private", "auth", lambda call: self._bullet(call, call.owner)),
            private("GET", "v3/market/orderbook/level2", "public", self._orderbook),
            private("GET", "v3/margin/symbols", "public", lambda _: {"timestamp": self.now_ms(), "items": []}),
            private("GET", "v1/isolated/symbols", "public", lambda _: []),
            private("GET", "ua/v1/account/mode", "account", lambda _: {"selfAccountMode": "CLASSIC"}),
            private("GET", "v1/hf/accounts/opened", "account", lambda _: self.is_high_frequency),
            private("GET", "v1/user/api-key", "account", self._key),
            private("GET", "v1/trade-fees", "account", self._fees),
            private("GET", "v1/accounts", "account", self._accounts),
            private("POST", "v1/hf/orders", "place", lambda call: _ids(self._place(call), "clientOid")),
            private("POST", "v1/hf/orders/sync", "place", lambda call: self._synced(self._place(call))),
            private("DELETE", "v1/hf/orders", "cancel", self._cancel_symbol),
            private("DELETE", "v1/hf/orders/cancelAll", "cancel", self._cancel_everything),
            private("DELETE", "v1/hf/orders/client-order/{client_id}", "cancel", self._cancel_by_client),
            private("DELETE", "v1/hf/orders/{order_id}", "cancel", lambda call: _ids(self._cancel(call))),
            private("GET", "v1/hf/orders/active", "query", lambda call: self._orders(call, is_open=True)),
            private("GET", "v1/hf/orders/done", "query", self._done),
            private("GET", "v1/hf/orders/client-order/{client_id}", "query", lambda call: self._order(call, True)),
            private("GET", "v1/hf/orders/{order_id}", "query", lambda call: self._order(call, True)),
            private("GET", "v1/hf/fills", "query", self._fills),
            private("POST", "v1/orders", "place", lambda call: _ids(self._place(call))),
            private("DELETE", "v1/orders/{order_id}", "cancel", lambda call: _canceled([self._cancel(call)])),
            private("DELETE", "v1/order/client-order/{client_id}", "cancel", self._cancel_classic_by_client),
            private("DELETE", "v1/orders", "cancel", lambda call: _canceled(self._cancel_in(call))),
            private("GET", "v1/orders", "query", self._classic_orders),
            private("GET", "v1/orders/{order_id}", "query", lambda call: self._order(call, False)),
            private("GET", "v1/order/client-order/{client_id}", "query", lambda call: self._order(call, False)),
            private("GET", "v1/fills", "query", self._classic_fills),
        ]

    # -- the envelope ----------------------------------------------------------------------------------------------

    def _wrapped(self, handler: Callable[[Call], Any]) -> Callable[[Call], Answer]:
        return lambda call: Answer({"code": "200000", "data": handler(call)})

    def _no(self, code: str, message: str, status: int) -> Answer:
        return Answer({"code": code, "msg": message}, status)

    def refused(self, code: str, detail: str, kind: str) -> Answer:
        return self._no(*REFUSALS.get(code, ("400100", f"{code} {detail}", 400)))

    def too_many(self, is_ban: bool, retry_s: float) -> Answer:
        if is_ban:
            return self._no("403000", "Your IP has been blocked for a while.", 403)
        answer = self._no("429000", "Too many requests in a short period of time, please retry later", 429)
        answer.headers["gw-ratelimit-reset"] = str(round(retry_s * 1000))
        return answer

    def lie(self) -> Answer:
        return self._no("400000", "Bad Request", 400)

    def broken(self, status: int) -> Answer:
        return self._no("500000", "Internal Server Error", status)

    def malformed(self, detail: str) -> Answer:
        return self._no("400100", f"Parameter Error {detail}", 400)

    def unknown_route(self, call: Call) -> Answer:
        return self._no("404000", "Url Not Found", 404)

    def dress(self, call: Call, route: Route, answer: Answer) -> Answer:
        if call.account is not None:
            now_ms = self.now_ms()
            left = self._meter.count(call.account.name, now_ms)
            words = {"limit": self._meter.limit, "remaining": left, "reset": self._meter.ends_ms(now_ms) - now_ms}
            answer.headers = {f"gw-ratelimit-{word}": str(value) for word, value in words.items()} | answer.headers
        return answer

    def authenticate(self, call: Call) -> Account:
        words = ("KEY", "SIGN", "TIMESTAMP", "PASSPHRASE")
        head = {word: call.headers.get(f"KC-API-{word}", "") for word in words}
        account = self.exchange.accounts.by_key(head["KEY"])
        if account is None:
            raise Refusal(self._no("400003", "KC-API-KEY not exists", 401))
        query = f"?{call.raw_query}" if call.raw_query else ""
        payload = f"{head['TIMESTAMP']}{call.method}{call.path}{query}{call.body}"
        if not agrees(head["SIGN"], base64_sha256(account.secret, payload)):
            raise Refusal(self._no("400005", "Invalid KC-API-SIGN", 401))
        if not agrees(head["PASSPHRASE"], base64_sha256(account.secret, account.passphrase)):
            raise Refusal(self._no("400004", "Invalid KC-API-PASSPHRASE", 401))
        if abs(self.now_ms(account.name) - int(head["TIMESTAMP"])) > WINDOW_MS:
            raise Refusal(self._no("400002", "KC-API-TIMESTAMP Invalid", 401))
        if call.method != "GET" and "bullet" not in call.path and "trade" not in account.permissions:
            raise Refusal(self._no("400007", "Access denied, require more permission.", 401))
        return account

    # -- public ----------------------------------------------------------------------------------------------------

    def _tickers(self) -> Any:
        rows = []
        for market in MARKETS:
            best = [self.exchange.books[market.id].strings(side, 1) for side in (BUY, SELL)]
            rows.append(ticker_row(market, *(side[0][0] if side else "0" for side in best)))
        return {"time": self.now_ms(), "ticker": rows}

    def _market(self, name: str) -> Market:
        market = self.market_named(name)
        if market is None:
            raise Refused("unknown_market", name)
        return market

    def _orderbook(self, call: Call) -> Any:
        market = self._market(call.query.get("symbol", ""))
        book, depth = self.exchange.books[market.id], int(call.params.get("depth", 0))
        rows = {"bids": book.strings(BUY, depth), "asks": book.strings(SELL, depth)}
        return {"time": self.now_ms(), "sequence": str(self.streams.sequence(market))} | rows

    def _bullet(self, call: Call, owner: str) -> Any:
        token = f"token-{owner or 'public'}-{next(self._numbers)}"
        self.tokens[token] = owner
        server = {
            "endpoint": f"ws://{call.headers['Host']}/ws-api-spot.kucoin.com/",
            "encrypt": True,
            "protocol": "websocket",
            "pingInterval": 18000,
            "pingTimeout": 10000,
        }
        return {"token": token, "instanceServers": [server]}

    # -- the account -----------------------------------------------------------------------------------------------

    def _key(self, call: Call) -> Any:
        account = self.exchange.accounts[call.owner]
        words = {"read": "General", "trade": "Spot", "withdraw": "Withdrawal"}
        permission = ",".join(words[granted] for granted in account.permissions if granted in words)
        return {"remark": account.name, "apiKey": account.key, "apiVersion": 2, "permission": permission, "uid": 1}

    def _fees(self, call: Call) -> Any:
        markets = [self._market(name) for name in call.query.get("symbols", "").split(",")]
        return [
            {"symbol": m.name, "takerFeeRate": rate(m.taker_ppm), "makerFeeRate": rate(m.maker_ppm)} for m in markets
        ]

    def account_id(self, owner: str, currency: str) -> str:
        return f"{owner}-{currency}"

    def _accounts(self, call: Call) -> Any:
        account, kind = self.exchange.accounts[call.owner], "trade_hf" if self.is_high_frequency else "trade"
        wanted = call.query.get("currency", "")
        return [
            {
                "id": self.account_id(account.name, currency),
                "currency": currency,
                "type": kind,
                "balance": text(account.total[currency]),
                "available": text(account.free(currency)),
                "holds": text(account.held[currency]),
            }
            for currency in sorted(account.total)
            if wanted in {"", currency} and call.query.get("type", kind) == kind
        ]

    # -- orders ----------------------------------------------------------------------------------------------------

    def _place(self, call: Call) -> Order:
        given = call.json
        side = {"buy": BUY, "sell": SELL}.get(given.get("side", ""))
        kind, force = given.get("type", "limit"), given.get("timeInForce", "GTC")
        if side is None or kind not in {"limit", "market"} or force not in {"GTC", "IOC", "FOK"}:
            raise Refusal(self._no("400100", "validation.createOrder.typeOrSideIsInvalid", 400))
        if not given.get("clientOid"):
            raise Refusal(self._no("400100", "clientOid may not be empty", 400))
        market = self._market(str(given.get("symbol", "")))
        ticket = Ticket(
            market.id,
            side,
            str(given.get("size", "")),
            str(given.get("price", "")) if kind == "limit" else "",
            force,
            client_id=str(given["clientOid"]),
            post_only=bool(given.get("postOnly")),
            budget=str(given.get("funds", "")) if kind == "market" else "",
            self_trade=SELF_TRADE.get(given.get("stp", ""), ""),
            tags=(("stp", given.get("stp", "")),),
        )
        return self.exchange.place(call.owner, ticket)

    def _synced(self, order: Order) -> Any:
        """The answer of the placement that waits for the match."""
        market = order.market
        words = {"open": "open", "filled": "done", "canceled": "done"}
        return {
            "orderId": order.id,
            "clientOid": order.client_id,
            "orderTime": ms(order.created_ns),
            "originSize": market.qty(order.qty),
            "dealSize": market.qty(order.filled),
            "remainSize": market.qty(order.left) if order.is_open else "0",
            "canceledSize": "0" if order.is_open else market.qty(order.left),
            "status": words[order.state],
            "matchTime": ms(order.updated_ns),
        }

    def _named(self, call: Call) -> Order | None:
        if "order_id" in call.params:
            return self.exchange.by_id(call.owner, call.params["order_id"])
        return self.exchange.by_client_id(call.owner, call.params["client_id"])

    def _cancel(self, call: Call) -> Order:
        order = self._named(call)
        if order is None:
            raise Refused("unknown_order")
        return self.exchange.cancel(order)

    def _cancel_by_client(self, call: Call) -> Any:
        return {"clientOid": self._cancel(call).client_id}

    def _cancel_classic_by_client(self, call: Call) -> Any:
        order = self._cancel(call)
        return {"cancelledOrderId": order.id, "clientOid": order.client_id}

    def _cancel_in(self, call: Call) -> list[Order]:
        name = call.query.get("symbol", "")
        return self.exchange.cancel_all(call.owner, self._market(name).id if name else "")

    def _cancel_symbol(self, call: Call) -> Any:
        self._market(call.query.get("symbol", ""))
        self._cancel_in(call)
        return "success"

    def _cancel_everything(self, call: Call) -> Any:
        gone = self.exchange.cancel_all(call.owner)
        return {"succeedSymbols": sorted({order.market.name for order in gone}), "failedSymbols": []}

    # -- queries ---------------------------------------------------------------------------------------------------

    def _order(self, call: Call, is_high_frequency: bool) -> Any:
        order = self.visible(self._named(call))
        if order is None:
            raise Refusal(self._no("400100", "order_not_exist", 400))
        return order_row(order, is_high_frequency)

    def _found(self, call: Call, is_open: bool) -> list[Order]:
        query = call.query
        orders = [
            order
            for order in self.visible_orders(call.owner)
            if order.is_open is is_open
            and query.get("symbol", order.market.name) == order.market.name
            and query.get("side", _side(order)) == _side(order)
            and int(query.get("startAt") or 0) <= ms(order.created_ns) <= int(query.get("endAt") or 10**15)
        ]
        return orders[::-1]

    def _orders(self, call: Call, is_open: bool) -> Any:
        self._market(call.query.get("symbol", ""))
        return [order_row(order, is_high_frequency=True) for order in self._found(call, is_open)]

    def _done(self, call: Call) -> Any:
        return {"lastId": 0, "items": self._orders(call, is_open=False)}

    def _classic_orders(self, call: Call) -> Any:
        orders = self._found(call, call.query.get("status", "done") == "active")
        return _page(call, [order_row(order, is_high_frequency=False) for order in orders])

    def _found_fills(self, call: Call) -> list[Fill]:
        query = call.query
        fills = [
            fill
            for fill in self.visible_fills(call.owner)
            if query.get("symbol", fill.market.name) == fill.market.name
            and query.get("orderId", fill.order_id) == fill.order_id
            and int(query.get("startAt") or 0) <= ms(fill.ts_ns) <= int(query.get("endAt") or 10**15)
        ]
        return fills[::-1]

    def _fills(self, call: Call) -> Any:
        self._market(call.query.get("symbol", ""))
        last = int(call.query.get("lastId") or 2**63)
        fills = [fill for fill in self._found_fills(call) if fill.trade_id < last][
            : min(100, int(call.query.get("limit") or 100))
        ]
        rows = [fill_row(fill, self.exchange.orders[fill.order_id]) for fill in fills]
        return {"items": rows, "lastId": fills[-1].trade_id if fills else 0}

    def _classic_fills(self, call: Call) -> Any:
        return _page(call, [fill_row(f, self.exchange.orders[f.order_id]) for f in self._found_fills(call)])

    # -- streams ---------------------------------------------------------------------------------------------------

    def on_open(self, session: Session) -> None:
        self.streams.open(session)

    def on_text(self, session: Session, text: str) -> None:
        self.streams.text(session, text)

    def on_event(self, event: Event) -> None:
        self.streams.event(event)

    def hears_orders(self, session: Session) -> bool:
        return ORDERS in session.state["topics"]


def _side(order: Order) -> str:
    return "buy" if order.side == BUY else "sell"


def _ids(order: Order, *more: str) -> dict[str, str]:
    ids = {"orderId": order.id, "clientOid": order.client_id}
    return {word: value for word, value in ids.items() if word == "orderId" or word in more}


def _canceled(orders: list[Order]) -> dict[str, list[str]]:
    return {"cancelledOrderIds": [order.id for order in orders]}


def _page(call: Call, rows: list[dict[str, Any]]) -> dict[str, Any]:
    size, page = int(call.query.get("pageSize") or 50), int(call.query.get("currentPage") or 1)
    pages = -(-len(rows) // size)
    counts = {"currentPage": page, "pageSize": size, "totalNum": len(rows), "totalPage": pages}
    return counts | {"items": rows[(page - 1) * size : page * size]}


PROTOCOL = KuCoin
