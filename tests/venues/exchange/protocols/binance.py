"""Binance: spot and USD-M perpetuals over REST; sockets are in binance_streams, spellings in binance_words."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import itertools
import re
from typing import Any

from tests.venues.exchange.book import BUY, SELL, Order
from tests.venues.exchange.engine import NS_PER_MS, Event, Exchange, Ticket
from tests.venues.exchange.faults import Faults
from tests.venues.exchange.markets import Habits, Kind, Market, Refused
from tests.venues.exchange.session import Session
from tests.venues.exchange.settlement import Account
from tests.venues.exchange.units import ATOM, fixed, text

from .base import Answer, Call, Protocol, Refusal, Route
from .binance_info import BASIS, MARKETS, RATE_LIMITS, futures_symbol, spot_symbol
from .binance_streams import Streams
from .binance_words import STP, error, futures_row, ms, placed, quantity, refusal, spot_row, trade_row

WEIGHT_PER_MINUTE = 6000
TIMEOUT = {
    "code": -1007,
    "msg": "Timeout waiting for response from backend server. Send status unknown; execution status unknown.",
}


class Binance(Protocol):
    venue = "binance"
    hosts = (
        "api.binance.com",
        "fapi.binance.com",
        "dapi.binance.com",
        "stream.binance.com:9443",
        "fstream.binance.com",
        "ws-api.binance.com:443",
        "ws-fapi.binance.com",
    )
    markets = MARKETS
    habits = Habits(r"[a-zA-Z0-9\-_]{1,36}", "open", "refuse", "maker", first_order_id=28, first_trade_id=56)
    basis = BASIS

    def __init__(self, exchange: Exchange, faults: Faults) -> None:
        self.listen_keys: dict[str, str] = {}
        self.limits_on = False  # enforce the announced weight per minute
        self._weight: dict[int, int] = {}
        self._numbers = itertools.count(1)
        self._countdowns: dict[tuple[str, str], asyncio.TimerHandle] = {}
        self.streams = Streams(self)
        super().__init__(exchange, faults)

    def routes(self) -> list[Route]:
        rows = [
            Route("GET", "/sapi/v1/capital/config/getall", "account", self._currencies, True, 10),
            Route("GET", "/sapi/v1/margin/allPairs", "public", lambda _: []),
            Route("GET", "/sapi/v1/margin/isolated/allPairs", "public", lambda _: []),
            Route("GET", "/sapi/v1/asset/tradeFee", "account", self._fees, True),
            Route("GET", "/sapi/v1/account/apiRestrictions", "account", self._restrictions, True),
            Route("GET", "/dapi/v1/exchangeInfo", "public", lambda _: {"symbols": [], "rateLimits": []}),
            Route("GET", "/api/v3/account", "account", self._account, True, 20),
            Route("POST", "/api/v3/order/cancelReplace", "amend", self._cancel_replace, True),
            Route("GET", "/fapi/v3/account", "account", self._futures_account, True, 5),
            Route("GET", "/fapi/v2/account", "account", self._futures_account, True, 5),
            Route("GET", "/fapi/v3/positionRisk", "account", self._positions, True, 5),
            Route("GET", "/fapi/v2/positionRisk", "account", self._positions, True, 5),
            Route("GET", "/fapi/v1/leverageBracket", "account", self._brackets, True),
            Route("GET", "/fapi/v1/commissionRate", "account", self._commission, True, 20),
            Route("PUT", "/fapi/v1/order", "amend", self._amend, True),
            Route("POST", "/fapi/v1/countdownCancelAll", "cancel", self._countdown, True, 10),
            *(Route(verb, "/fapi/v1/listenKey", "auth", self._listen_key) for verb in ("POST", "PUT", "DELETE")),
            Route("DELETE", "/fapi/v1/allOpenOrders", "cancel", self._cancel_all, True),
        ]
        for base, trades in (("/api/v3", "/api/v3/myTrades"), ("/fapi/v1", "/fapi/v1/userTrades")):
            place = self._place if base == "/api/v3" else self._place_futures
            rows += [
                Route("GET", f"{base}/ping", "public", lambda _: {}),
                Route("GET", f"{base}/time", "time", lambda _: {"serverTime": self.now_ms()}),
                Route("GET", f"{base}/exchangeInfo", "public", self._info, weight=20),
                Route("GET", f"{base}/depth", "public", self._depth, weight=5),
                Route("POST", f"{base}/order", "place", place, True),
                Route("DELETE", f"{base}/order", "cancel", self._cancel, True),
                Route("GET", f"{base}/order", "query", self._order, True, 4),
                Route("GET", f"{base}/openOrders", "query", self._open_orders, True, 6),
                Route("DELETE", f"{base}/openOrders", "cancel", self._cancel_all, True),
                Route("GET", f"{base}/allOrders", "query", self._all_orders, True, 20),
                Route("GET", trades, "query", self._trades, True, 20),
            ]
        return rows

    # -- the door --------------------------------------------------------------------------------------------------

    def authenticate(self, call: Call) -> Account:
        unsigned = [re.sub(r"(^|&)signature=[^&]*", "", part) for part in (call.raw_query, call.body)]
        return self.verify(call, "".join(unsigned), _of(call, "signature"))

    def verify(self, call: Call, payload: str, signature: str) -> Account:
        """The account of a signed request, REST or WS API."""
        account = self.exchange.accounts.by_key(call.headers.get("X-MBX-APIKEY", ""))
        if account is None:
            raise Refusal(error(-2015, "Invalid API-key, IP, or permissions for action.", 401))
        expected = hmac.new(account.secret.encode(), payload.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected, signature):
            raise Refusal(error(-1022, "Signature for this request is not valid."))
        stamp, window = int(_of(call, "timestamp") or 0), int(float(_of(call, "recvWindow") or 5000))
        now = self.now_ms(account.name)
        if not now - window <= stamp < now + 1000:
            raise Refusal(error(-1021, "Timestamp for this request is outside of the recvWindow."))
        if call.method != "GET" and "trade" not in account.permissions:
            raise Refusal(error(-2015, "Invalid API-key, IP, or permissions for action.", 401))
        return account

    def dress(self, call: Call, route: Route, answer: Answer) -> Answer:
        minute = self.exchange.now_ns() // (60_000 * NS_PER_MS)
        self._weight = {minute: self._weight.get(minute, 0) + route.weight}
        answer.headers["X-MBX-USED-WEIGHT-1M"] = str(self._weight[minute])
        if route.kind == "place":
            answer.headers["X-MBX-ORDER-COUNT-10S"] = "1"
        if self.limits_on and self._weight[minute] > WEIGHT_PER_MINUTE:
            refused = self.too_many(False, 1)
            return Answer(refused.body, refused.status, answer.headers | refused.headers)
        return answer

    def refused(self, code: str, detail: str, kind: str) -> Answer:
        return refusal(code, is_futures=False)

    def too_many(self, is_ban: bool, retry_s: float) -> Answer:
        until = self.now_ms() + round(retry_s * 1000)
        words = (
            f"Way too many requests; IP banned until {until}." if is_ban else "Too many requests; current limit hit."
        )
        answer = error(-1003, words, 418 if is_ban else 429)
        answer.headers["Retry-After"] = str(max(1, round(retry_s)))
        return answer

    def broken(self, status: int) -> Answer:
        if status in {408, 504}:
            return Answer(dict(TIMEOUT), status)
        return error(-1000, "Unknown error, please check your request or try again later.", status)

    def lie(self) -> Answer:
        return error(-1006, "An unexpected response was received from the message bus. Execution status unknown.")

    def malformed(self, detail: str) -> Answer:
        return error(-1102, f"Mandatory parameter was not sent, was empty/null, or malformed: {detail}")

    def unknown_route(self, call: Call) -> Answer:
        return Answer("<html><body><h1>404 Not found</h1></body></html>", 404, {"Content-Type": "text/html"})

    # -- markets ---------------------------------------------------------------------------------------------------

    def markets_of(self, kind: Kind) -> list[Market]:
        return [market for market in self.exchange.markets.values() if market.kind is kind]

    def _market(self, call: Call) -> Market:
        market = self.market_named(_of(call, "symbol"), _kind(call))
        if market is None:
            raise Refusal(error(-1121, "Invalid symbol."))
        return market

    def _info(self, call: Call) -> Any:
        kind = _kind(call)
        symbol = futures_symbol if kind is Kind.LINEAR else spot_symbol
        rows = [symbol(market) for market in self.markets_of(kind)]
        stamp = {"timezone": "UTC", "serverTime": self.now_ms()}
        return stamp | {"rateLimits": RATE_LIMITS, "exchangeFilters": [], "symbols": rows}

    def _depth(self, call: Call) -> Any:
        market = self._market(call)
        book, depth = self.exchange.books[market.id], int(_of(call, "limit") or 100)
        answer: dict[str, Any] = {"lastUpdateId": book.seq}
        if market.kind is Kind.LINEAR:
            answer |= {"E": self.now_ms(), "T": self.now_ms()}
        for word, side in (("bids", BUY), ("asks", SELL)):
            answer[word] = [self.streams.level(market, p, q) for p, q in book.levels(side, depth)]
        return answer

    # -- orders ----------------------------------------------------------------------------------------------------

    def _place(self, call: Call) -> Any:
        market = self._market(call)
        words = call.query | call.form
        kind, force = words["type"], words.get("timeInForce", "GTC")
        is_stop = kind == "STOP_LOSS_LIMIT" and market.kind is Kind.SPOT
        if kind not in {"LIMIT", "MARKET", "LIMIT_MAKER"} and not is_stop:
            raise Refusal(error(-1116, "Invalid orderType."))
        if is_stop and "stopPrice" not in words:
            raise Refusal(error(-1102, "Mandatory parameter 'stopPrice' was not sent, was empty/null, or malformed."))
        if (kind == "LIMIT" or is_stop) and "timeInForce" not in words:
            raise Refusal(error(-1102, "Mandatory parameter 'timeInForce' was not sent, was empty/null, or malformed."))
        ticket = Ticket(
            market.id,
            BUY if words["side"] == "BUY" else SELL,
            words.get("quantity", ""),
            "" if kind == "MARKET" else words.get("price", ""),
            "GTC" if force == "GTX" else force,
            words.get("newClientOrderId") or f"auto{next(self._numbers):018d}",
            post_only=kind == "LIMIT_MAKER" or force == "GTX",
            reduce_only=words.get("reduceOnly") == "true",
            budget=words.get("quoteOrderQty", ""),
            self_trade=STP.get(words.get("selfTradePreventionMode", ""), ""),
            tags=(("type", kind), ("timeInForce", force)),
            stop=words["stopPrice"] if is_stop else "",
        )
        order = self.exchange.place(call.owner, ticket)
        if market.kind is Kind.LINEAR:
            return futures_row(order)
        return placed(order, self.exchange.fills_of_order(order))

    def _place_futures(self, call: Call) -> Any:
        try:
            return self._place(call)
        except Refused as refused:
            raise Refusal(refusal(refused.code, is_futures=True)) from refused

    def _cancel(self, call: Call) -> Any:
        order = self._found(call)
        if order is None or not order.is_open:
            raise Refusal(error(-2011, "Unknown order sent."))
        cancel_id = _of(call, "newClientOrderId") or f"cancel{next(self._numbers):016d}"
        order.tags["cancel_id"] = cancel_id
        self.exchange.cancel(order)
        return self._canceled(order)

    def _canceled(self, order: Order) -> dict[str, Any]:
        if order.market.kind is Kind.LINEAR:
            return futures_row(order)
        ids = {"origClientOrderId": order.client_id, "clientOrderId": order.tags.get("cancel_id", order.client_id)}
        return spot_row(order) | ids | {"transactTime": ms(order.updated_ns)}

    def _cancel_all(self, call: Call) -> Any:
        market = self._market(call)
        orders = self.exchange.cancel_all(call.owner, market.id)
        if market.kind is Kind.LINEAR:
            return {"code": 200, "msg": "The operation of cancel all open order is done."}
        if not orders:
            raise Refusal(error(-2011, "Unknown order sent."))
        return [self._canceled(order) for order in orders]

    def _cancel_replace(self, call: Call) -> Any:
        words = call.query | call.form
        order = self._by(call, words.get("cancelOrderId", ""), words.get("cancelOrigClientOrderId", ""))
        if order is None or not order.is_open:
            failure = {"code": -2011, "msg": "Unknown order sent."}
            data = {"cancelResult": "FAILURE", "newOrderResult": "NOT_ATTEMPTED", "cancelResponse": failure}
            raise Refusal(Answer({"code": -2022, "msg": "Order cancel-replace failed.", "data": data}, 400))
        self.exchange.cancel(order)
        fresh = self._place(call)
        return {
            "cancelResult": "SUCCESS",
            "newOrderResult": "SUCCESS",
            "cancelResponse": self._canceled(order),
            "newOrderResponse": fresh,
        }

    def _amend(self, call: Call) -> Any:
        order = self._found(call)
        if order is None or not order.is_open:
            raise Refusal(error(-2013, "Order does not exist."))
        return futures_row(self.exchange.amend(order, _of(call, "price"), _of(call, "quantity")))

    def _countdown(self, call: Call) -> Any:
        market, wait_ms = self._market(call), int(_of(call, "countdownTime"))
        key = (call.owner, market.id)
        if (old := self._countdowns.pop(key, None)) is not None:
            old.cancel()
        if wait_ms:
            loop = asyncio.get_running_loop()
            self._countdowns[key] = loop.call_later(wait_ms / 1000, self.exchange.cancel_all, *key)
        return {"symbol": market.name, "countdownTime": str(wait_ms)}

    # -- queries ---------------------------------------------------------------------------------------------------

    def _by(self, call: Call, order_id: str, client_id: str) -> Order | None:
        if order_id:
            return self.exchange.by_id(call.owner, order_id)
        return self.exchange.by_client_id(call.owner, client_id)

    def _found(self, call: Call) -> Order | None:
        order = self._by(call, _of(call, "orderId"), _of(call, "origClientOrderId"))
        return order if order is not None and order.market is self._market(call) else None

    def _order(self, call: Call) -> Any:
        order = self.visible(self._found(call))
        if order is None:
            raise Refusal(error(-2013, "Order does not exist."))
        return _row(order)

    def _open_orders(self, call: Call) -> Any:
        kind, name = _kind(call), _of(call, "symbol")
        orders = (o for o in self.visible_orders(call.owner) if o.is_open and o.market.kind is kind)
        return [_row(order) for order in orders if name in {"", order.market.name}]

    def _all_orders(self, call: Call) -> Any:
        market, since = self._market(call), int(_of(call, "startTime") or 0)
        orders = (o for o in self.visible_orders(call.owner) if o.market is market and ms(o.created_ns) >= since)
        return [_row(order) for order in orders][-int(_of(call, "limit") or 500) :]

    def _trades(self, call: Call) -> Any:
        market, since = self._market(call), int(_of(call, "startTime") or 0)
        first, order_id = int(_of(call, "fromId") or 0), _of(call, "orderId")
        rows = [
            trade_row(fill)
            for fill in self.visible_fills(call.owner)
            if fill.market is market
            and ms(fill.ts_ns) >= since
            and fill.trade_id >= first
            and order_id in {"", fill.order_id}
        ]
        limit = min(1000, int(_of(call, "limit") or 500))
        return rows[:limit] if first or since else rows[-limit:]

    # -- the account -----------------------------------------------------------------------------------------------

    def _account(self, call: Call) -> Any:
        owner = self.exchange.accounts[call.owner]
        rows = [
            {"asset": currency, "free": fixed(owner.free(currency), 8), "locked": fixed(owner.held[currency], 8)}
            for currency in list(owner.total)
        ]
        rates = {"maker": "0.00100000", "taker": "0.00100000", "buyer": "0.00000000", "seller": "0.00000000"}
        return {
            "makerCommission": 10,
            "takerCommission": 10,
            "commissionRates": rates,
            "canTrade": "trade" in owner.permissions,
            "canWithdraw": True,  # of the account, not of the key: see apiRestrictions
            "canDeposit": True,
            "updateTime": self.now_ms(owner.name),
            "accountType": "SPOT",
            "balances": rows,
            "permissions": ["SPOT"],
            "uid": 354937868,
        }

    def _currencies(self, _: Call) -> Any:
        names = sorted({name for market in self.exchange.markets.values() for name in (market.base, market.quote)})
        flags = {"trading": True, "depositAllEnable": False, "withdrawAllEnable": False, "isLegalMoney": False}
        return [{"coin": name, "name": name, "free": "0", "locked": "0", "networkList": []} | flags for name in names]

    def _restrictions(self, call: Call) -> Any:
        allowed = self.exchange.accounts[call.owner].permissions
        return {
            "ipRestrict": "ip" in allowed,
            "createTime": 1698645219000,
            "enableReading": "read" in allowed,
            "enableWithdrawals": "withdraw" in allowed,
            "enableInternalTransfer": "transfer" in allowed,
            "permitsUniversalTransfer": "transfer" in allowed,
            "enableSpotAndMarginTrading": "trade" in allowed,
            "enableFutures": "trade" in allowed,
            "enableMargin": False,
        }

    def _fees(self, call: Call) -> Any:
        name = _of(call, "symbol")
        return [
            {
                "symbol": m.name,
                "makerCommission": text(m.maker_ppm * 10**12),
                "takerCommission": text(m.taker_ppm * 10**12),
            }
            for m in self.markets_of(Kind.SPOT)
            if name in {"", m.name}
        ]

    def _commission(self, call: Call) -> Any:
        market = self._market(call)
        rates = {"maker": text(market.maker_ppm * 10**12), "taker": text(market.taker_ppm * 10**12)}
        return {
            "symbol": market.name,
            "makerCommissionRate": rates["maker"],
            "takerCommissionRate": rates["taker"],
        }

    def position_row(self, owner: Account, market: Market) -> dict[str, Any]:
        position = self.exchange.accounts.position(owner, market)
        entry = abs(position.cash) * ATOM // (abs(position.lots) * market.lot_atoms) if position.lots else 0
        return {
            "symbol": market.name,
            "positionSide": "BOTH",
            "positionAmt": quantity(market, position.lots),
            "entryPrice": text(entry),
            "breakEvenPrice": text(entry),
            "markPrice": text(entry),
            "unRealizedProfit": "0.00000000",
            "unrealizedProfit": "0.00000000",
            "liquidationPrice": "0",
            "isolatedMargin": "0",
            "isolatedWallet": "0",
            "notional": text(abs(position.cash)),
            "marginAsset": market.settle,
            "initialMargin": text(abs(position.cash) // self.habits.leverage),
            "maintMargin": "0",
            "positionInitialMargin": text(abs(position.cash) // self.habits.leverage),
            "openOrderInitialMargin": "0",
            "leverage": str(self.habits.leverage),
            "adl": 1,
            "updateTime": self.now_ms(owner.name),
        }

    def _positions(self, call: Call) -> Any:
        owner = self.exchange.accounts[call.owner]
        rows = [self.position_row(owner, market) for market in self.markets_of(Kind.LINEAR)]
        return [row for row in rows if row["entryPrice"] != "0"]

    def _brackets(self, _: Call) -> Any:
        bracket = {"bracket": 1, "initialLeverage": 50, "notionalCap": 50000000, "notionalFloor": 0}
        rows = [bracket | {"maintMarginRatio": 0.004, "cum": 0.0}]
        return [{"symbol": market.name, "brackets": rows} for market in self.markets_of(Kind.LINEAR)]

    def _futures_account(self, call: Call) -> Any:
        owner = self.exchange.accounts[call.owner]
        assets = [
            {
                "asset": currency,
                "walletBalance": text(owner.total[currency]),
                "marginBalance": text(owner.total[currency]),
                "availableBalance": text(owner.free(currency)),
                "initialMargin": text(owner.held[currency]),
                "maintMargin": "0",
                "unrealizedProfit": "0",
                "crossWalletBalance": text(owner.total[currency]),
                "maxWithdrawAmount": text(owner.free(currency)),
                "updateTime": self.now_ms(owner.name),
            }
            for currency in ("USDT",)
        ]
        positions = [self.position_row(owner, market) for market in self.markets_of(Kind.LINEAR)]
        return {"feeTier": 0, "canTrade": True, "assets": assets, "positions": positions}

    def _listen_key(self, call: Call) -> Any:
        account = self.exchange.accounts.by_key(call.headers.get("X-MBX-APIKEY", ""))
        if account is None:
            raise Refusal(error(-2015, "Invalid API-key, IP, or permissions for action.", 401))
        key = hashlib.sha256(account.key.encode()).hexdigest()
        self.listen_keys[key] = account.name
        return {"listenKey": key} if call.method == "POST" else {}

    # -- sockets ---------------------------------------------------------------------------------------------------

    def on_open(self, session: Session) -> None:
        self.streams.open(session)

    def on_text(self, session: Session, text: str) -> None:
        self.streams.text(session, text)

    def on_event(self, event: Event) -> None:
        self.streams.event(event)


def _of(call: Call, word: str) -> str:
    return call.query.get(word) or call.form.get(word) or ""


def _kind(call: Call) -> Kind:
    return Kind.LINEAR if call.path.startswith("/fapi") else Kind.SPOT


def _row(order: Order) -> dict[str, Any]:
    return futures_row(order) if order.market.kind is Kind.LINEAR else spot_row(order)


PROTOCOL = Binance
