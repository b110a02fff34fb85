"""Bitget v2, a classic account: spot and USDT futures over REST; sockets are in bitget_streams."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from tests.venues.exchange.book import BUY, SELL, Order
from tests.venues.exchange.engine import Event, Exchange, Ticket
from tests.venues.exchange.faults import Faults
from tests.venues.exchange.markets import Habits, Kind, Market, Refused
from tests.venues.exchange.session import Session
from tests.venues.exchange.settlement import Account
from tests.venues.exchange.units import text

from .base import Answer, Call, Protocol, Refusal, Route
from .bitget_streams import Streams
from .bitget_words import (
    BASIS,
    MARKETS,
    MIX_REFUSALS,
    REFUSALS,
    USDT_FUTURES,
    contract,
    fill_row,
    mix_row,
    spell,
    spot_open_row,
    spot_row,
    spot_symbol,
)
from .meter import Meter
from .signatures import agrees, base64_sha256
from .wording import average, ms, rate

WINDOW_MS = 30_000
SELF_TRADE = {"cancel_taker": "taker", "cancel_maker": "maker", "cancel_both": "both"}
FORCES = {"gtc": "GTC", "ioc": "IOC", "fok": "FOK", "post_only": "GTC"}


class Bitget(Protocol):
    venue = "bitget"
    hosts = ("api.bitget.com", "ws.bitget.com")
    markets = MARKETS
    habits = Habits(
        client_id=r"[\x21-\x7e]{1,40}",
        client_id_unique="ever",
        post_only="cancel",
        first_order_id=1_111_499_608_327_360_513,
        first_trade_id=1_116_461_060_594_286_593,
    )
    basis = BASIS

    def __init__(self, exchange: Exchange, faults: Faults) -> None:
        self.streams = Streams(self)
        self._meter = Meter(limit=10, window_ms=1000)
        self._numbers = itertools.count(1_098_758_604_585_598_977)
        self._is_spot = True  # of the request being handled: handlers run one after the other
        super().__init__(exchange, faults)

    def routes(self) -> list[Route]:
        def public(path: str, handler: Callable[[Call], Any], kind: str = "public") -> Route:
            return Route("GET", f"/api/v2/{path}", kind, self._spot_or_mix(handler))

        def private(method: str, path: str, kind: str, handler: Callable[[Call], Any]) -> Route:
            return Route(method, f"/api/v2/{path}", kind, self._spot_or_mix(handler), private=True)

        return [
            public("public/time", lambda _: {"serverTime": str(self.now_ms())}, "time"),
            public("spot/public/coins", lambda _: []),
            public("spot/public/symbols", lambda _: [spot_symbol(m) for m in MARKETS if m.kind is Kind.SPOT]),
            public("margin/currencies", lambda _: []),
            public("mix/market/contracts", self._contracts),
            public("spot/market/orderbook", self._orderbook),
            public("mix/market/merge-depth", self._orderbook),
            Route("GET", "/api/v3/account/settings", "account", self._not_unified, private=True),
            private("GET", "spot/account/info", "account", self._key),
            private("GET", "common/trade-rate", "account", self._fees),
            private("GET", "spot/account/assets", "account", self._assets),
            private("POST", "spot/trade/place-order", "place", self._place),
            private("POST", "spot/trade/cancel-order", "cancel", self._cancel),
            private("POST", "spot/trade/cancel-replace-order", "amend", self._replace),
            private("POST", "spot/trade/cancel-symbol-order", "cancel", self._cancel_symbol),
            private("GET", "spot/trade/orderInfo", "query", self._spot_order),
            private("GET", "spot/trade/unfilled-orders", "query", self._spot_open),
            private("GET", "spot/trade/history-orders", "query", self._spot_closed),
            private("GET", "spot/trade/fills", "query", self._fills),
            private("GET", "mix/account/accounts", "account", self._margins),
            private("GET", "mix/position/all-position", "account", self._positions),
            private("POST", "mix/order/place-order", "place", self._place),
            private("POST", "mix/order/cancel-order", "cancel", self._cancel),
            private("POST", "mix/order/modify-order", "amend", self._replace),
            private("POST", "mix/order/batch-cancel-orders", "cancel", self._cancel_mix),
            private("GET", "mix/order/detail", "query", self._mix_order),
            private("GET", "mix/order/orders-pending", "query", self._mix_open),
            private("GET", "mix/order/orders-history", "query", self._mix_closed),
            private("GET", "mix/order/fills", "query", self._fills),
        ]

    def _spot_or_mix(self, handler: Callable[[Call], Any]) -> Callable[[Call], Answer]:
        """The handler with its data in the venue's envelope, knowing which of the two engines is asked."""

        def run(call: Call) -> Answer:
            self._is_spot = "/mix/" not in call.path
            return self._answer("00000", "success", handler(call))

        return run

    # -- the envelope ----------------------------------------------------------------------------------------------

    def _answer(self, code: str, message: str, data: Any, status: int = 200) -> Answer:
        return Answer({"code": code, "msg": message, "requestTime": self.now_ms(), "data": data}, status)

    def _no(self, code: str, message: str, status: int = 400) -> Answer:
        return self._answer(code, message, None, status)

    def refused(self, code: str, detail: str, kind: str) -> Answer:
        number, words = (REFUSALS if self._is_spot else MIX_REFUSALS).get(code, ("40017", f"Parameter {code} {{0}}"))
        return self._no(number, words.format(detail))

    def too_many(self, is_ban: bool, retry_s: float) -> Answer:
        return Answer("Forbidden", 403) if is_ban else self._no("429", "Too Many Requests", 429)

    def lie(self) -> Answer:
        return self._no("40010", "Request timed out")

    def malformed(self, detail: str) -> Answer:
        return self._no("40017", f"Parameter verification failed {detail}")

    def unknown_route(self, call: Call) -> Answer:
        return self._no("40404", "Request URL NOT FOUND", 404)

    def dress(self, call: Call, route: Route, answer: Answer) -> Answer:
        if call.account is not None:
            left = self._meter.count(f"{call.account.name} {route.path}", self.now_ms())
            answer.headers["X-MBX-USED-REMAIN-LIMIT"] = str(left)
        return answer

    def authenticate(self, call: Call) -> Account:
        head = {name: call.headers.get(f"ACCESS-{name}", "") for name in ("KEY", "SIGN", "TIMESTAMP", "PASSPHRASE")}
        account = self.exchange.accounts.by_key(head["KEY"])
        if account is None:
            raise Refusal(self._no("40037", "Apikey does not exist"))
        query = f"?{unquote(call.raw_query)}" if call.raw_query else ""
        payload = f"{head['TIMESTAMP']}{call.method}{call.path}{query}{call.body}"
        if not agrees(head["SIGN"], base64_sha256(account.secret, payload)):
            raise Refusal(self._no("40009", "sign signature error"))
        if head["PASSPHRASE"] != account.passphrase:
            raise Refusal(self._no("40012", "apikey/password is incorrect"))
        if abs(self.now_ms(account.name) - int(head["TIMESTAMP"])) > WINDOW_MS:
            raise Refusal(self._no("40008", "Request timestamp expired"))
        if call.method == "POST" and "trade" not in account.permissions:
            raise Refusal(self._no("40014", "Incorrect permissions, need spot order write permissions"))
        return account

    # -- public ----------------------------------------------------------------------------------------------------

    def _contracts(self, call: Call) -> Any:
        is_usdt = call.query.get("productType", "").upper() == USDT_FUTURES
        return [contract(market) for market in MARKETS if market.kind is Kind.LINEAR and is_usdt]

    def _market(self, name: str) -> Market:
        market = self.market_named(name, Kind.SPOT if self._is_spot else Kind.LINEAR)
        if market is None:
            raise Refused("unknown_market", name)
        return market

    def _orderbook(self, call: Call) -> Any:
        market = self._market(call.query.get("symbol", ""))
        limit = call.query.get("limit", "100")
        book, depth = self.exchange.books[market.id], 0 if limit == "max" else int(limit)
        sides = {"asks": SELL, "bids": BUY}
        rows = {word: [spell(market, p, q) for p, q in book.levels(side, depth)] for word, side in sides.items()}
        return rows | {"ts": str(self.now_ms())}

    # -- the account -----------------------------------------------------------------------------------------------

    def _not_unified(self, call: Call) -> Answer:
        return self._no("40084", "You are in Classic Account mode, and the Unified Account API is not supported")

    def _key(self, call: Call) -> Any:
        words = {"read": ["coor", "cpor", "stor"], "trade": ["coow", "cpow", "stow"], "withdraw": ["wtow"]}
        permissions = self.exchange.accounts[call.owner].permissions
        authorities = [word for permission in permissions for word in words.get(permission, ())]
        return {"userId": "1", "inviterId": "", "ips": "", "authorities": authorities, "parentId": 0, "traderType": ""}

    def _fees(self, call: Call) -> Any:
        self._is_spot = call.query.get("business", "spot") == "spot"
        market = self._market(call.query.get("symbol", ""))
        return {"makerFeeRate": rate(market.maker_ppm), "takerFeeRate": rate(market.taker_ppm)}

    def _assets(self, call: Call) -> Any:
        wanted = call.query.get("coin", "")
        coins = sorted(self.exchange.accounts[call.owner].total)
        return [self.asset_row(call.owner, coin) for coin in coins if wanted in {"", coin}]

    def asset_row(self, owner: str, coin: str) -> dict[str, Any]:
        account = self.exchange.accounts[owner]
        free, held = text(account.free(coin)), text(account.held[coin])
        row = {"coin": coin, "available": free, "frozen": held, "locked": "0", "limitAvailable": "0"}
        return row | {"uTime": str(self.now_ms())}

    def _margins(self, call: Call) -> Any:
        return [self.margin_row(call.owner, "USDT")]

    def margin_row(self, owner: str, coin: str) -> dict[str, Any]:
        account = self.exchange.accounts[owner]
        positions = [p for key, p in account.positions.items() if key.endswith(f"|{coin}")]
        used = sum(abs(position.cash) for position in positions) // self.habits.leverage
        free, equity = text(account.free(coin) - used), text(account.total[coin])
        row = {"marginCoin": coin, "locked": text(account.held[coin]), "available": free, "accountEquity": equity}
        return row | {"crossedMaxAvailable": free, "maxTransferOut": free, "usdtEquity": equity, "unrealizedPL": "0"}

    def _positions(self, call: Call) -> Any:
        account = self.exchange.accounts[call.owner]
        markets = [m for m in MARKETS if m.kind is Kind.LINEAR and self.exchange.accounts.position(account, m).lots]
        return [self.position_row(call.owner, market) for market in markets]

    def position_row(self, owner: str, market: Market) -> dict[str, Any]:
        position = self.exchange.accounts.position(self.exchange.accounts[owner], market)
        lots, value = abs(position.lots), abs(position.cash)
        mean = average(market, lots, value) or "0"
        return {
            "marginCoin": market.settle,
            "symbol": market.name,
            "instId": market.name,
            "holdSide": "long" if position.lots >= 0 else "short",
            "marginSize": text(value // self.habits.leverage),
            "available": market.qty(lots),
            "locked": "0",
            "total": market.qty(lots),
            "leverage": str(self.habits.leverage),
            "achievedProfits": text(position.realised),
            "openPriceAvg": mean,
            "marginMode": "crossed",
            "posMode": "one_way_mode",
            "unrealizedPL": "0",
            "liquidationPrice": "0",
            "keepMarginRate": "0.004",
            "markPrice": mean,
            "cTime": str(self.now_ms()),
        }

    # -- orders ----------------------------------------------------------------------------------------------------

    def _place(self, call: Call) -> Any:
        given = call.json
        market = self._market(str(given.get("symbol", "")))
        force = str(given.get("force", "gtc")).lower()
        side = {"buy": BUY, "sell": SELL}.get(str(given.get("side", "")).lower())
        kind, size = given.get("orderType"), str(given.get("size", ""))
        if side is None or force not in FORCES or kind not in {"limit", "market"}:
            raise Refusal(self._no("40017", "Parameter verification failed side, force or orderType"))
        if not self._is_spot and given.get("productType") != USDT_FUTURES:
            raise Refusal(self._no("40019", "Parameter productType cannot be empty"))
        is_quote = self._is_spot and kind == "market" and side == BUY
        ticket = Ticket(
            market.id,
            side,
            "" if is_quote else size,
            "" if kind == "market" else str(given.get("price", "")),
            FORCES[force],
            client_id=str(given.get("clientOid") or next(self._numbers)),
            post_only=force == "post_only",
            reduce_only=str(given.get("reduceOnly", "NO")).upper() == "YES",
            budget=size if is_quote else "",
            self_trade=SELF_TRADE.get(given.get("stpMode", ""), ""),
            tags=(("force", force),),
        )
        order = self.exchange.place(call.owner, ticket)
        return {"orderId": order.id, "clientOid": order.client_id}

    def _named(self, owner: str, given: dict[str, Any]) -> Order | None:
        """The order that `orderId` or `clientOid` names, of the engine that is asked."""
        if given.get("orderId"):
            order = self.exchange.by_id(owner, str(given["orderId"]))
        else:
            order = self.exchange.by_client_id(owner, str(given.get("clientOid", "")))
        is_right = order is not None and (order.market.kind is Kind.SPOT) is self._is_spot
        return order if is_right else None

    def _cancel(self, call: Call) -> Any:
        order = self._named(call.owner, call.json)
        if order is None:
            raise Refused("unknown_order")
        self.exchange.cancel(order)
        return {"orderId": order.id, "clientOid": order.client_id}

    def _replace(self, call: Call) -> Any:
        """Cancel an order and place another for it, with an id of its own: the venue amends nothing in place."""
        given, order = call.json, self._named(call.owner, call.json)
        if order is None or not order.is_open:
            raise Refused("unknown_order")
        price = str(given.get("price", given.get("newPrice", ""))) or order.market.price(order.price)
        size = str(given.get("size", given.get("newSize", ""))) or order.market.qty(order.left)
        self.exchange.cancel(order)
        ticket = Ticket(
            order.market.id,
            order.side,
            size,
            price,
            client_id=str(given.get("newClientOid") or next(self._numbers)),
            post_only=order.post_only,
            reduce_only=order.reduce_only,
            tags=tuple(order.tags.items()),
        )
        fresh = self.exchange.place(call.owner, ticket)
        ids = {"orderId": fresh.id, "clientOid": fresh.client_id}
        return ids | {"success": "success", "msg": ""} if self._is_spot else ids

    def _cancel_symbol(self, call: Call) -> Any:
        market = self._market(str(call.json.get("symbol", "")))
        self.exchange.cancel_all(call.owner, market.id)
        return {"symbol": market.name}

    def _cancel_mix(self, call: Call) -> Any:
        market = self._market(str(call.json.get("symbol", "")))
        orders = self.exchange.cancel_all(call.owner, market.id)
        gone = [{"orderId": order.id, "clientOid": order.client_id} for order in orders]
        return {"successList": gone, "failureList": []}

    # -- queries ---------------------------------------------------------------------------------------------------

    def _spot_order(self, call: Call) -> Any:
        order = self.visible(self._named(call.owner, call.query))
        return [spot_row(order)] if order is not None else []

    def _mix_order(self, call: Call) -> Any:
        order = self.visible(self._named(call.owner, call.query))
        if order is None:
            raise Refusal(self._no("40109", "The data of the order cannot be found, please confirm the order number"))
        return mix_row(order, "state")

    def _orders(self, call: Call, is_open: bool) -> list[Order]:
        """Orders of the engine that is asked, youngest first, as the query narrows them."""
        query = call.query
        orders = [
            order
            for order in self.visible_orders(call.owner)
            if order.is_open is is_open
            and (order.market.kind is Kind.SPOT) is self._is_spot
            and query.get("symbol", order.market.name) == order.market.name
            and query.get("orderId", order.id) == order.id
            and query.get("clientOid", order.client_id) == order.client_id
            and int(query.get("idLessThan", 2**63)) > int(order.id)
            and int(query.get("startTime") or 0) <= ms(order.created_ns)
        ]
        return orders[::-1][: int(query.get("limit") or 100)]

    def _spot_open(self, call: Call) -> Any:
        return [spot_open_row(order) for order in self._orders(call, is_open=True)]

    def _spot_closed(self, call: Call) -> Any:
        return [spot_row(order) for order in self._orders(call, is_open=False)]

    def _mix_open(self, call: Call) -> Any:
        orders = self._orders(call, is_open=True)
        return {"entrustedList": [mix_row(order) for order in orders], "endId": orders[-1].id if orders else ""}

    def _mix_closed(self, call: Call) -> Any:
        orders = self._orders(call, is_open=False)
        return {"entrustedList": [mix_row(order) for order in orders], "endId": orders[-1].id if orders else ""}

    def _fills(self, call: Call) -> Any:
        query = call.query
        fills = [
            fill
            for fill in self.visible_fills(call.owner)
            if (fill.market.kind is Kind.SPOT) is self._is_spot
            and query.get("symbol", fill.market.name) == fill.market.name
            and query.get("orderId", fill.order_id) == fill.order_id
            and int(query.get("idLessThan", 2**63)) > fill.trade_id
            and int(query.get("startTime") or 0) <= ms(fill.ts_ns) <= int(query.get("endTime") or 10**15)
        ][::-1][: min(100, int(query.get("limit") or 100))]
        rows = [fill_row(fill, self.exchange.orders[fill.order_id], is_stream=False) for fill in fills]
        return rows if self._is_spot else {"fillList": rows, "endId": str(fills[-1].trade_id) if fills else ""}

    # -- streams ---------------------------------------------------------------------------------------------------

    def on_open(self, session: Session) -> None:
        self.streams.open(session)

    def on_text(self, session: Session, text: str) -> None:
        self.streams.text(session, text)

    def on_event(self, event: Event) -> None:
        self.streams.event(event)

    def hears_orders(self, session: Session) -> bool:
        return any(arg.get("channel") in {"orders", "fill"} for arg in session.state["args"])

    def spoil(self, message: Any) -> Any:
        (data,) = message["data"]
        return message | {"data": [data | {"checksum": data["checksum"] ^ 1}]}


PROTOCOL = Bitget
