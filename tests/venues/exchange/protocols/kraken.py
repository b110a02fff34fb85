"""Kraken spot over REST; the WebSocket v2 is in kraken_streams, spellings in kraken_words."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import itertools
from typing import Any

from tests.venues.exchange.book import BUY, SELL, Order
from tests.venues.exchange.engine import Event, Exchange, Ticket
from tests.venues.exchange.faults import Faults
from tests.venues.exchange.markets import Habits, Market, Refused
from tests.venues.exchange.session import Session
from tests.venues.exchange.settlement import Account
from tests.venues.exchange.units import fixed, text

from .base import Answer, Call, Protocol, Refusal, Route
from .kraken_streams import Streams
from .kraken_words import (
    ALT,
    BASIS,
    MARKETS,
    REFUSALS,
    altname,
    asset,
    coded,
    describe,
    failed,
    order_row,
    seconds,
    trade_row,
    trade_txid,
    unquoted,
    v2_symbol,
)

UUID = r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}"


class Kraken(Protocol):
    venue = "kraken"
    hosts = ("api.kraken.com", "ws.kraken.com", "ws-auth.kraken.com")
    markets = MARKETS
    habits = Habits(
        rf"{UUID}|[ -~]{{1,18}}", "open", "cancel", "taker", 10, stop_through="trigger", first_trade_id=40274859
    )
    basis = BASIS

    def __init__(self, exchange: Exchange, faults: Faults) -> None:
        self.tokens: dict[str, str] = {}
        self._nonces: dict[str, int] = {}
        self._numbers = itertools.count(1)
        self._deadlines: dict[str, asyncio.TimerHandle] = {}
        self.streams = Streams(self)
        exchange.order_id = lambda number: coded("O", number)
        super().__init__(exchange, faults)

    def routes(self) -> list[Route]:
        private = {
            "AddOrder": ("place", self._place),
            "CancelOrder": ("cancel", self._cancel),
            "CancelAll": ("cancel", self._cancel_all),
            "CancelAllOrdersAfter": ("cancel", self._cancel_all_after),
            "AmendOrder": ("amend", self._amend),
            "OpenOrders": ("query", self._open_orders),
            "ClosedOrders": ("query", self._closed_orders),
            "QueryOrders": ("query", self._query_orders),
            "TradesHistory": ("query", self._trades),
            "Balance": ("account", self._balance),
            "BalanceEx": ("account", self._balance_ex),
            "TradeVolume": ("account", self._volume),
            "GetApiKeyInfo": ("account", self._key_info),
            "GetWebSocketsToken": ("auth", self._token),
        }
        return [
            Route("GET", "/0/public/Time", "time", self._time),
            Route("GET", "/0/public/SystemStatus", "public", lambda _: _ok({"status": "online"})),
            Route("GET", "/0/public/Assets", "public", self._assets),
            Route("GET", "/0/public/AssetPairs", "public", self._pairs),
            Route("GET", "/0/public/Depth", "public", self._depth),
            *(Route("POST", f"/0/private/{name}", kind, act, True) for name, (kind, act) in private.items()),
        ]

    # -- the door --------------------------------------------------------------------------------------------------

    def authenticate(self, call: Call) -> Account:
        account = self.exchange.accounts.by_key(call.headers.get("API-Key", ""))
        if account is None:
            raise Refusal(failed("EAPI:Invalid key"))
        words = call.json if call.body.startswith("{") else call.form
        nonce = str(words.get("nonce", ""))
        digest = hashlib.sha256((nonce + call.body).encode()).digest()
        secret = base64.b64decode(account.secret)
        expected = base64.b64encode(hmac.new(secret, call.path.encode() + digest, hashlib.sha512).digest()).decode()
        if not hmac.compare_digest(expected, call.headers.get("API-Sign", "")):
            raise Refusal(failed("EAPI:Invalid signature"))
        if int(nonce) <= self._nonces.get(account.key, 0):
            raise Refusal(failed("EAPI:Invalid nonce"))
        self._nonces[account.key] = int(nonce)
        trades = ("AddOrder", "Cancel", "Amend")
        if call.path.rpartition("/")[2].startswith(trades) and "trade" not in account.permissions:
            raise Refusal(failed("EGeneral:Permission denied"))
        return account

    def refused(self, code: str, detail: str, kind: str) -> Answer:
        return failed(REFUSALS[code])

    def too_many(self, is_ban: bool, retry_s: float) -> Answer:
        if is_ban:
            return failed("EGeneral:Temporary lockout")
        return failed("EAPI:Rate limit exceeded")

    def broken(self, status: int) -> Answer:
        return Answer("<html><body>Bad gateway</body></html>", status, {"Content-Type": "text/html"})

    def lie(self) -> Answer:
        return failed("EGeneral:Internal error", 400)

    def malformed(self, detail: str) -> Answer:
        return failed("EGeneral:Invalid arguments")

    def unknown_route(self, call: Call) -> Answer:
        return failed("EGeneral:Unknown method", 404)

    def spoil(self, message: Any) -> Any:
        return message | {"data": [row | {"checksum": row["checksum"] ^ 1} for row in message["data"]]}

    # -- markets ---------------------------------------------------------------------------------------------------

    def market_by_symbol(self, name: str) -> Market | None:
        """By the v2 name, BTC/USD; the older XBT/USD is known too."""
        plain = name.replace("XBT", "BTC")
        return next((m for m in self.exchange.markets.values() if v2_symbol(m) == plain), None)

    def _market(self, name: str) -> Market:
        for market in self.exchange.markets.values():
            if name in {market.id, altname(market), v2_symbol(market)}:
                return market
        raise Refused("unknown_market", name)

    def _time(self, _: Call) -> Any:
        return _ok({"unixtime": self.now_ms() // 1000, "rfc1123": "Sun, 21 Mar 21 14:23:14 +0000"})

    def _assets(self, _: Call) -> Any:
        names = sorted({name for market in self.exchange.markets.values() for name in (market.base, market.quote)})
        row = {"aclass": "currency", "decimals": 10, "display_decimals": 5, "status": "enabled"}
        return _ok({asset(name): row | {"altname": ALT.get(name, name)} for name in names})

    def _pairs(self, _: Call) -> Any:
        rows = {}
        for market in self.exchange.markets.values():
            rows[market.id] = {
                "altname": altname(market),
                "wsname": f"{ALT.get(market.base, market.base)}/{market.quote}",
                "aclass_base": "currency",
                "base": asset(market.base),
                "aclass_quote": "currency",
                "quote": asset(market.quote),
                "lot": "unit",
                "cost_decimals": 5,
                "pair_decimals": market.price_places,
                "lot_decimals": market.qty_places,
                "lot_multiplier": 1,
                "leverage_buy": [],
                "leverage_sell": [],
                "fees": [[0, market.taker_ppm / 10000]],
                "fees_maker": [[0, market.maker_ppm / 10000]],
                "fee_volume_currency": "ZUSD",
                "margin_call": 80,
                "margin_stop": 40,
                "ordermin": market.min_qty,
                "costmin": market.min_notional,
                "tick_size": market.tick,
                "status": "online",
            }
        return _ok(rows)

    def _depth(self, call: Call) -> Any:
        market = self._market(call.query.get("pair", ""))
        book, depth = self.exchange.books[market.id], int(call.query.get("count", 100))
        now = self.now_ms() // 1000

        def side(which: int) -> list[list[Any]]:
            return [
                [fixed(p * market.tick_atoms, 5), fixed(q * market.lot_atoms, 3 if not market.qty_places else 8), now]
                for p, q in book.levels(which, depth)
            ]

        return _ok({market.id: {"asks": side(SELL), "bids": side(BUY)}})

    # -- orders ----------------------------------------------------------------------------------------------------

    def _place(self, call: Call) -> Any:
        words = call.form
        market, flags = self._market(words.get("pair", "")), words.get("oflags", "").split(",")
        is_market, is_stop = words.get("ordertype") == "market", words.get("ordertype") == "stop-loss-limit"
        if words.get("ordertype") not in {"limit", "market", "stop-loss-limit"}:
            raise Refusal(failed("EGeneral:Invalid arguments:ordertype"))
        by_quote = is_market and "viqc" in flags
        ticket = Ticket(
            market.id,
            BUY if words.get("type") == "buy" else SELL,
            "" if by_quote else words.get("volume", ""),
            "" if is_market else words.get("price2" if is_stop else "price", ""),
            words.get("timeinforce", "GTC"),
            words.get("cl_ord_id", ""),
            post_only="post" in flags,
            budget=words.get("volume", "") if by_quote else "",
            self_trade={"cancel-oldest": "maker", "cancel-both": "both"}.get(words.get("stptype", ""), ""),
            tags=(("userref", words.get("userref", "0")),),
            stop=words.get("price", "") if is_stop else "",
        )
        order = self.exchange.place(call.owner, ticket)
        return _ok({"descr": {"order": describe(order)}, "txid": [order.id]})

    def _named(self, call: Call) -> Order:
        words = call.form
        if words.get("cl_ord_id"):
            order = self.exchange.by_client_id(call.owner, words["cl_ord_id"])
        else:
            order = self.exchange.by_id(call.owner, words.get("txid", ""))
        if order is None or not order.is_open:
            raise Refused("order_closed")
        return order

    def _cancel(self, call: Call) -> Any:
        self.exchange.cancel(self._named(call))
        return _ok({"count": 1})

    def _cancel_all(self, call: Call) -> Any:
        return _ok({"count": len(self.exchange.cancel_all(call.owner))})

    def _cancel_all_after(self, call: Call) -> Any:
        wait_s = int(call.form.get("timeout", "0"))
        if (old := self._deadlines.pop(call.owner, None)) is not None:
            old.cancel()
        if wait_s:
            loop = asyncio.get_running_loop()
            self._deadlines[call.owner] = loop.call_later(wait_s, self.exchange.cancel_all, call.owner)
        now = self.now_ms() // 1000
        return _ok({"currentTime": str(now), "triggerTime": str(now + wait_s) if wait_s else "0"})

    def _amend(self, call: Call) -> Any:
        order = self._named(call)
        self.exchange.amend(order, call.form.get("limit_price", ""), call.form.get("order_qty", ""))
        return _ok({"amend_id": f"T{next(self._numbers):05d}-AMEND-000000"})

    # -- queries ---------------------------------------------------------------------------------------------------

    def _rows(self, orders: list[Order]) -> dict[str, Any]:
        return {order.id: order_row(order, self.exchange.fills_of_order(order)) for order in orders}

    def _of_client(self, call: Call, is_open: bool) -> list[Order]:
        client_id, userref = call.form.get("cl_ord_id", ""), call.form.get("userref", "")
        return [
            order
            for order in self.visible_orders(call.owner)
            if order.is_open is is_open
            and client_id in {"", order.client_id}
            and userref in {"", order.tags.get("userref")}
        ]

    def _open_orders(self, call: Call) -> Any:
        return _ok({"open": self._rows(self._of_client(call, is_open=True))})

    def _closed_orders(self, call: Call) -> Any:
        found = self._of_client(call, is_open=False)
        start = int(call.form.get("ofs", "0"))
        page = found[::-1][start : start + 50]
        return _ok({"closed": self._rows(page), "count": len(found)})

    def _query_orders(self, call: Call) -> Any:
        ids = call.form.get("txid", "").split(",")
        found = [self.visible(self.exchange.by_id(call.owner, name)) for name in ids]
        if None in found:
            raise Refusal(failed("EOrder:Unknown order"))
        return _ok(self._rows([order for order in found if order is not None]))

    def _trades(self, call: Call) -> Any:
        start, offset = float(call.form.get("start", "0")), int(call.form.get("ofs", "0"))
        found = [fill for fill in self.visible_fills(call.owner) if seconds(fill.ts_ns) >= start]
        page = found[::-1][offset : offset + 50]
        return _ok({"trades": {trade_txid(fill.trade_id): trade_row(fill) for fill in page}, "count": len(found)})

    # -- the account -----------------------------------------------------------------------------------------------

    def _balance(self, call: Call) -> Any:
        owner = self.exchange.accounts[call.owner]
        return _ok({asset(currency): text(amount) for currency, amount in owner.total.items()})

    def _balance_ex(self, call: Call) -> Any:
        owner = self.exchange.accounts[call.owner]
        return _ok(
            {
                asset(currency): {"balance": text(owner.total[currency]), "hold_trade": text(owner.held[currency])}
                for currency in list(owner.total)
            }
        )

    def _volume(self, call: Call) -> Any:
        def rates(ppm: int) -> dict[str, str]:
            return {"fee": fixed(ppm * 10**14, 4), "minfee": "0.1000", "maxfee": "0.2600"}

        names = call.form.get("pair", "").split(",")
        found = [self._market(name) for name in names if name]
        return _ok(
            {
                "currency": "ZUSD",
                "volume": "0.0000",
                "fees": {market.id: rates(market.taker_ppm) for market in found},
                "fees_maker": {market.id: rates(market.maker_ppm) for market in found},
            }
        )

    def _key_info(self, call: Call) -> Any:
        words = {
            "read": ["query-funds", "query-open-trades", "query-closed-trades"],
            "trade": ["modify-trades", "close-trades"],
            "withdraw": ["withdraw-funds"],
        }
        allowed = self.exchange.accounts[call.owner].permissions
        granted = [word for name in allowed for word in words.get(name, ())]
        return _ok({"apiKeyName": call.owner, "apiKey": call.headers.get("API-Key", ""), "permissions": granted})

    def _token(self, call: Call) -> Any:
        token = base64.b64encode(hashlib.sha256(call.owner.encode()).digest()).decode()
        self.tokens[token] = call.owner
        return _ok({"token": token, "expires": 900})

    # -- sockets ---------------------------------------------------------------------------------------------------

    def on_open(self, session: Session) -> None:
        self.streams.open(session)

    def on_text(self, session: Session, text: str) -> None:
        self.streams.text(session, text)

    def on_second(self, session: Session) -> None:
        self.streams.second(session)

    def on_event(self, event: Event) -> None:
        self.streams.event(event)

    def encode(self, session: Session, message: Any) -> str | bytes:
        plain = super().encode(session, message)
        assert isinstance(plain, str)
        return unquoted(plain)


def _ok(result: Any) -> dict[str, Any]:
    return {"error": [], "result": result}


PROTOCOL = Kraken
