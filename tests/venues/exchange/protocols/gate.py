"""Gate v4: spot and USDT futures over REST; sockets are in gate_streams."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from tests.venues.exchange.book import BUY, SELL, Order
from tests.venues.exchange.engine import Event, Exchange, Ticket
from tests.venues.exchange.faults import Faults
from tests.venues.exchange.markets import Habits, Kind, Market, Refused
from tests.venues.exchange.session import Session
from tests.venues.exchange.settlement import Account, Fill
from tests.venues.exchange.units import text

from .base import Answer, Call, Protocol, Refusal, Route
from .gate_streams import Streams
from .gate_words import (
    BASIS,
    FUTURES_REFUSALS,
    MARKETS,
    REFUSALS,
    contract_row,
    futures_fill,
    futures_row,
    pair_row,
    size_of,
    spot_fill,
    spot_row,
)
from .meter import Meter
from .signatures import agrees, hex_sha512
from .wording import average, ms, rate

WINDOW_S = 60
SELF_TRADE = {"cn": "taker", "co": "maker", "cb": "both"}
FORCES = {"gtc": "GTC", "ioc": "IOC", "fok": "FOK", "poc": "GTC"}
FUTURES = "/api/v4/futures/usdt/"


class Gate(Protocol):
    venue = "gate"
    hosts = ("api.gateio.ws", "fx-ws.gateio.ws")
    markets = MARKETS
    habits = Habits(
        client_id=r"t-[0-9A-Za-z_.\-]{1,28}",
        client_id_unique="never",
        post_only="refuse",
        first_order_id=1_036_717_689_726,
        first_trade_id=2_876_130_500,
    )
    basis = BASIS

    def __init__(self, exchange: Exchange, faults: Faults) -> None:
        self.streams = Streams(self)
        self._meter = Meter(limit=200, window_ms=10_000)
        self._countdowns: dict[tuple[str, str], asyncio.TimerHandle] = {}
        self._is_spot = True  # of the request being handled: handlers run one after the other
        super().__init__(exchange, faults)

    def routes(self) -> list[Route]:
        def route(method: str, path: str, kind: str, handler: Callable[[Call], Any], private: bool = True) -> Route:
            return Route(method, f"/api/v4/{path}", kind, self._spot_or_futures(handler), private)

        public = [
            ("spot/time", "time", lambda _: {"server_time": self.now_ms()}),
            ("spot/currencies", "public", lambda _: []),
            ("spot/currency_pairs", "public", lambda _: [pair_row(m) for m in MARKETS if m.kind is Kind.SPOT]),
            ("margin/currency_pairs", "public", lambda _: []),
            ("spot/order_book", "public", self._orderbook),
            ("futures/usdt/contracts", "public", lambda _: [contract_row(m) for m in MARKETS if m.is_derivative]),
            ("futures/usdt/order_book", "public", self._orderbook),
            ("futures/btc/contracts", "public", lambda _: []),
            ("delivery/{settle}/contracts", "public", lambda _: []),
            ("options/underlyings", "public", lambda _: []),
        ]
        rows = [route("GET", path, kind, handler, False) for path, kind, handler in public]
        rows += [
            route("GET", "account/detail", "account", self._key),
            route("GET", "wallet/fee", "account", self._fees),
            route("GET", "spot/accounts", "account", self._accounts),
            route("GET", "spot/open_orders", "query", self._open_by_pair),
            route("GET", "spot/my_trades", "query", self._spot_trades),
            route("POST", "spot/countdown_cancel_all", "cancel", self._countdown),
            route("GET", "futures/usdt/accounts", "account", self._margin),
            route("GET", "futures/usdt/positions", "account", self._positions),
            route("GET", "futures/usdt/my_trades_timerange", "query", lambda c: self._futures_trades(c, "trade_id")),
            route("GET", "futures/usdt/my_trades", "query", lambda c: self._futures_trades(c, "id")),
            route("POST", "futures/usdt/countdown_cancel_all", "cancel", self._countdown),
        ]
        for base, place in (("spot", self._place_spot), ("futures/usdt", self._place_futures)):
            rows += [
                route("POST", f"{base}/orders", "place", place),
                route("DELETE", f"{base}/orders", "cancel", self._cancel_all),
                route("GET", f"{base}/orders", "query", self._orders),
                route("DELETE", f"{base}/orders/{{order_id}}", "cancel", self._cancel),
                route("PATCH" if base == "spot" else "PUT", f"{base}/orders/{{order_id}}", "amend", self._amend),
                route("GET", f"{base}/orders/{{order_id}}", "query", self._order),
            ]
        return rows

    def _spot_or_futures(self, handler: Callable[[Call], Any]) -> Callable[[Call], Any]:
        def run(call: Call) -> Any:
            self._is_spot = not call.path.startswith(FUTURES)
            return handler(call)

        return run

    # -- the door --------------------------------------------------------------------------------------------------

    def _no(self, label: str, message: str, status: int = 400) -> Answer:
        return Answer({"label": label, "message": message}, status)

    def refused(self, code: str, detail: str, kind: str) -> Answer:
        words = REFUSALS if self._is_spot else FUTURES_REFUSALS
        label, message, status = words.get(code, ("INVALID_PARAM_VALUE", f"{code} {{0}}", 400))
        return self._no(label, message.format(detail), status)

    def too_many(self, is_ban: bool, retry_s: float) -> Answer:
        if is_ban:
            return self._no("IP_FORBIDDEN", "Your IP is forbidden for a while", 403)
        answer = self._no("TOO_MANY_REQUESTS", "Request Rate limit Exceeded", 429)
        answer.headers["X-Gate-Ratelimit-Reset-Timestamp"] = str(self.now_ms() // 1000 + max(1, round(retry_s)))
        return answer

    def broken(self, status: int) -> Answer:
        return self._no("SERVER_ERROR", "Internal server error", status)

    def lie(self) -> Answer:
        return self._no("INTERNAL", "Request timeout", 400)

    def malformed(self, detail: str) -> Answer:
        return self._no("INVALID_PARAM_VALUE", f"Invalid request parameter value: {detail}")

    def unknown_route(self, call: Call) -> Answer:
        return self._no("METHOD_NOT_ALLOWED", "Not found", 404)

    def dress(self, call: Call, route: Route, answer: Answer) -> Answer:
        if call.account is not None:
            now_ms = self.now_ms()
            left = self._meter.count(f"{call.account.name} {route.path}", now_ms)
            answer.headers = {
                "X-Gate-RateLimit-Limit": str(self._meter.limit),
                "X-Gate-RateLimit-Requests-Remain": str(left),
                "X-Gate-Ratelimit-Reset-Timestamp": str(self._meter.ends_ms(now_ms) // 1000),
            } | answer.headers
        return answer

    def authenticate(self, call: Call) -> Account:
        account = self.exchange.accounts.by_key(call.headers.get("KEY", ""))
        if account is None:
            raise Refusal(self._no("INVALID_KEY", "Invalid key provided", 401))
        stamp, digest = call.headers.get("Timestamp", "0"), hashlib.sha512(call.body.encode()).hexdigest()
        payload = "\n".join((call.method, call.path, unquote(call.raw_query), digest, stamp))
        if not agrees(call.headers.get("SIGN", ""), hex_sha512(account.secret, payload)):
            raise Refusal(self._no("INVALID_SIGNATURE", "Signature mismatch", 401))
        if abs(self.now_ms(account.name) // 1000 - int(stamp)) > WINDOW_S:
            raise Refusal(self._no("REQUEST_EXPIRED", "gap between request Timestamp and server time exceeds 60", 403))
        if call.method != "GET" and "trade" not in account.permissions:
            raise Refusal(self._no("FORBIDDEN", "API key has insufficient permissions", 403))
        return account

    # -- public ----------------------------------------------------------------------------------------------------

    def _market(self, given: dict[str, Any]) -> Market:
        name = str(given.get("currency_pair" if self._is_spot else "contract", ""))
        market = self.market_named(name, Kind.SPOT if self._is_spot else Kind.LINEAR)
        if market is None:
            raise Refused("unknown_market", name)
        return market

    def _orderbook(self, call: Call) -> Any:
        market, now_ms = self._market(call.query), self.now_ms()
        book, depth = self.exchange.books[market.id], int(call.query.get("limit") or 10)
        answer: dict[str, Any] = {"id": book.seq} if call.query.get("with_id", "").lower() == "true" else {}
        if self._is_spot:
            rows = {"asks": book.strings(SELL, depth), "bids": book.strings(BUY, depth)}
            return answer | {"current": now_ms, "update": now_ms} | rows
        answer |= {"current": now_ms / 1000, "update": now_ms / 1000}
        for word, side in (("asks", SELL), ("bids", BUY)):
            answer[word] = [{"p": p, "s": s if _is_decimal(call) else int(s)} for p, s in book.strings(side, depth)]
        return answer

    # -- the account -----------------------------------------------------------------------------------------------

    def _key(self, call: Call) -> Any:
        return {"user_id": 1, "ip_whitelist": [], "currency_pairs": [], "tier": 0, "key": {"mode": 1}}

    def _fees(self, call: Call) -> Any:
        spot, futures = MARKETS[0], MARKETS[-1]
        row = {"user_id": 1, "taker_fee": rate(spot.taker_ppm), "maker_fee": rate(spot.maker_ppm)}
        futures_fees = {"futures_taker_fee": rate(futures.taker_ppm), "futures_maker_fee": rate(futures.maker_ppm)}
        return row | futures_fees | {"gt_discount": False, "point_type": "0"}

    def _accounts(self, call: Call) -> Any:
        account, wanted = self.exchange.accounts[call.owner], call.query.get("currency", "")
        return [
            {"currency": c, "available": text(account.free(c)), "locked": text(account.held[c]), "update_id": 1}
            for c in sorted(account.total)
            if wanted in {"", c}
        ]

    def _margin(self, call: Call) -> Any:
        account = self.exchange.accounts[call.owner]
        positions = [p for key, p in account.positions.items() if key.endswith("|USDT")]
        used = sum(abs(position.cash) for position in positions) // self.habits.leverage
        return {
            "user": 1,
            "currency": "USDT",
            "total": text(account.total["USDT"]),
            "available": text(account.free("USDT") - used),
            "position_margin": text(used),
            "order_margin": text(account.held["USDT"]),
            "unrealised_pnl": "0",
            "in_dual_mode": False,
        }

    def _positions(self, call: Call) -> Any:
        return [self.position_row(call.owner, m, _is_decimal(call)) for m in MARKETS if m.is_derivative]

    def position_row(self, owner: str, market: Market, is_decimal: bool) -> dict[str, Any]:
        position = self.exchange.accounts.position(self.exchange.accounts[owner], market)
        side, lots, value = (BUY if position.lots >= 0 else SELL), abs(position.lots), abs(position.cash)
        mean = average(market, lots, value) or "0"
        return {
            "user": 1,
            "contract": market.name,
            "size": size_of(market, side, lots, is_decimal),
            "leverage": "0",
            "cross_leverage_limit": str(self.habits.leverage),
            "value": text(value),
            "margin": text(value // self.habits.leverage),
            "entry_price": mean,
            "mark_price": mean,
            "liq_price": "0",
            "unrealised_pnl": "0",
            "realised_pnl": text(position.realised),
            "maintenance_rate": "0.005",
            "mode": "single",
            "update_time": self.now_ms() // 1000,
        }

    # -- orders ----------------------------------------------------------------------------------------------------

    def _force(self, given: dict[str, Any], word: str) -> str:
        force = str(given.get(word, "gtc"))
        if force not in FORCES:
            raise Refusal(self._no("INVALID_PARAM_VALUE", f"Invalid time in force {force}"))
        return force

    def _place_spot(self, call: Call) -> Any:
        given = call.json
        market, force = self._market(given), self._force(given, "time_in_force")
        side = {"buy": BUY, "sell": SELL}.get(given.get("side", ""))
        kind, amount = given.get("type", "limit"), str(given.get("amount", ""))
        if side is None or kind not in {"limit", "market"} or given.get("account", "spot") != "spot":
            raise Refusal(self._no("INVALID_PARAM_VALUE", "Invalid side, type or account"))
        if kind == "market" and force not in {"ioc", "fok"}:
            raise Refusal(self._no("INVALID_PARAM_VALUE", "Only ioc and fok are supported for market orders"))
        is_quote = kind == "market" and side == BUY
        ticket = Ticket(
            market.id,
            side,
            "" if is_quote else amount,
            "" if kind == "market" else str(given.get("price", "")),
            FORCES[force],
            client_id=str(given.get("text", "")),
            post_only=force == "poc",
            budget=amount if is_quote else "",
            self_trade=SELF_TRADE.get(given.get("stp_act", ""), ""),
            tags=(("tif", force),),
        )
        return spot_row(self.exchange.place(call.owner, ticket))

    def _place_futures(self, call: Call) -> Any:
        given = call.json
        market, force = self._market(given), self._force(given, "tif")
        size, price = str(given.get("size", "")), str(given.get("price", "0"))
        ticket = Ticket(
            market.id,
            SELL if size.startswith("-") else BUY,
            size.removeprefix("-"),
            "" if float(price) == 0 else price,
            FORCES[force],
            client_id=str(given.get("text", "")),
            post_only=force == "poc",
            reduce_only=bool(given.get("reduce_only")),
            self_trade=SELF_TRADE.get(given.get("stp_act", ""), ""),
            tags=(("tif", force),),
        )
        return futures_row(self.exchange.place(call.owner, ticket), _is_decimal(call))

    def _row(self, call: Call, order: Order) -> dict[str, Any]:
        return spot_row(order) if self._is_spot else futures_row(order, _is_decimal(call))

    def _named(self, call: Call) -> Order:
        """The order whose number or text is in the path."""
        name = call.params["order_id"]
        by = self.exchange.by_client_id if name.startswith("t-") else self.exchange.by_id
        order = by(call.owner, name)
        if order is None or (order.market.kind is Kind.SPOT) is not self._is_spot:
            raise Refused("unknown_order", name)
        return order

    def _cancel(self, call: Call) -> Any:
        return self._row(call, self.exchange.cancel(self._named(call)))

    def _cancel_all(self, call: Call) -> Any:
        side = {"buy": BUY, "bid": BUY, "sell": SELL, "ask": SELL}.get(call.query.get("side", ""), 0)
        word = "currency_pair" if self._is_spot else "contract"
        kind = Kind.SPOT if self._is_spot else Kind.LINEAR
        markets = [self._market(call.query)] if word in call.query else [m for m in MARKETS if m.kind is kind]
        return [self._row(call, o) for m in markets for o in self.exchange.cancel_all(call.owner, m.id, side)]

    def _amend(self, call: Call) -> Any:
        given = call.json or call.query
        qty = str(given.get("amount", "") if self._is_spot else given.get("size", "")).removeprefix("-")
        return self._row(call, self.exchange.amend(self._named(call), str(given.get("price", "")), qty))

    def _countdown(self, call: Call) -> Any:
        given = call.json
        name, wait_s = str(given.get("currency_pair" if self._is_spot else "contract", "")), int(given["timeout"])
        key = (call.owner, self._market(given).id if name else "")
        if (old := self._countdowns.pop(key, None)) is not None:
            old.cancel()
        if wait_s:
            loop = asyncio.get_running_loop()
            self._countdowns[key] = loop.call_later(wait_s, self.exchange.cancel_all, *key)
        return {"triggerTime": self.now_ms() + wait_s * 1000}

    # -- queries ---------------------------------------------------------------------------------------------------

    def _order(self, call: Call) -> Any:
        order = self.visible(self._named(call))
        if order is None:
            raise Refused("unknown_order", call.params["order_id"])
        return self._row(call, order)

    def _found(self, call: Call, is_open: bool) -> list[Order]:
        """Orders of the engine that is asked, youngest first."""
        name = call.query.get("currency_pair" if self._is_spot else "contract", "")
        return [
            order
            for order in self.visible_orders(call.owner)
            if order.is_open is is_open
            and (order.market.kind is Kind.SPOT) is self._is_spot
            and name in {"", order.market.name}
            and int(call.query.get("from") or 0) <= ms(order.created_ns) // 1000
        ][::-1]

    def _orders(self, call: Call) -> Any:
        orders = self._found(call, call.query.get("status") == "open")
        return [self._row(call, order) for order in _page(call, orders)]

    def _open_by_pair(self, call: Call) -> Any:
        pairs: dict[str, list[dict[str, Any]]] = {}
        for order in self._found(call, is_open=True):
            pairs.setdefault(order.market.name, []).append(spot_row(order))
        return [
            {"currency_pair": name, "total": len(rows), "orders": _page(call, rows)} for name, rows in pairs.items()
        ]

    def _fills(self, call: Call) -> list[Fill]:
        query, name = call.query, call.query.get("currency_pair" if self._is_spot else "contract", "")
        fills = [
            fill
            for fill in self.visible_fills(call.owner)
            if (fill.market.kind is Kind.SPOT) is self._is_spot
            and name in {"", fill.market.name}
            and query.get("order_id", query.get("order", fill.order_id)) == fill.order_id
            and int(query.get("from") or 0) <= ms(fill.ts_ns) // 1000 <= int(query.get("to") or 10**12)
        ]
        limit = min(1000, int(query.get("limit") or 100))
        first = limit * (int(query.get("page") or 1) - 1)
        return fills[::-1][first : first + limit]

    def _spot_trades(self, call: Call) -> Any:
        return [spot_fill(fill) for fill in self._fills(call)]

    def _futures_trades(self, call: Call, id_word: str) -> Any:
        return [futures_fill(fill, _is_decimal(call), id_word) for fill in self._fills(call)]

    # -- streams ---------------------------------------------------------------------------------------------------

    def on_open(self, session: Session) -> None:
        self.streams.open(session)

    def on_text(self, session: Session, text: str) -> None:
        self.streams.text(session, text)

    def on_event(self, event: Event) -> None:
        self.streams.event(event)

    def hears_orders(self, session: Session) -> bool:
        return any(channel.endswith((".orders", ".usertrades")) for channel, _ in session.state["subs"])


def _is_decimal(call: Call) -> bool:
    """Whether the client asks for contract sizes as decimal strings."""
    return call.headers.get("X-Gate-Size-Decimal") == "1"


def _page(call: Call, rows: list[Any]) -> list[Any]:
    limit = min(100, int(call.query.get("limit") or 100))
    first = limit * (int(call.query.get("page") or 1) - 1)
    return rows[first : first + limit]


PROTOCOL = Gate
