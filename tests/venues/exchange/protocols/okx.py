"""OKX v5: spot and perpetual swaps over REST; sockets are in okx_streams, spellings in okx_words."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import itertools
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from tests.venues.exchange.book import BUY, SELL, Order
from tests.venues.exchange.engine import Event, Exchange, Ticket
from tests.venues.exchange.faults import Faults
from tests.venues.exchange.markets import Habits, Kind, Refused
from tests.venues.exchange.session import Session
from tests.venues.exchange.settlement import Account, Fill
from tests.venues.exchange.units import text

from .base import Answer, Call, Protocol, Refusal, Route
from .okx_algo import Algos, is_algo
from .okx_streams import Streams
from .okx_words import (
    BASIS,
    MARKETS,
    REFUSALS,
    entry_price,
    failed,
    fill_row,
    inst_type,
    instrument,
    ms,
    order_row,
    rows,
    wrapped,
)

FORCES = {"limit": "GTC", "post_only": "GTC", "ioc": "IOC", "fok": "FOK", "market": "IOC"}
STP = {"cancel_maker": "maker", "cancel_taker": "taker", "cancel_both": "both"}


class Okx(Protocol):
    venue = "okx"
    hosts = ("www.okx.com", "ws.okx.com:443", "ws.okx.com:8443", "ws.okx.com")
    markets = MARKETS
    # Order numbers beyond 2^53, as the venue's are: whoever reads them as floats loses them.
    habits = Habits(
        "[A-Za-z0-9]{1,32}",
        "open",
        "cancel",
        "maker",
        first_order_id=1_526_000_000_000_000_001,
        first_trade_id=130639474,
    )
    basis = BASIS

    def __init__(self, exchange: Exchange, faults: Faults) -> None:
        self._numbers = itertools.count(1)
        self._deadlines: dict[str, asyncio.TimerHandle] = {}
        self.streams, self.algos = Streams(self), Algos(self)
        super().__init__(exchange, faults)

    def routes(self) -> list[Route]:
        api = "/api/v5"
        history = ("orders-history", "orders-history-archive")
        return [
            Route("GET", f"{api}/public/time", "time", lambda _: wrapped([{"ts": str(self.now_ms())}])),
            Route("GET", f"{api}/public/instruments", "public", self._instruments),
            Route("GET", f"{api}/system/status", "public", lambda _: wrapped([])),
            Route("GET", f"{api}/market/books", "public", self._book),
            Route("GET", f"{api}/asset/currencies", "account", self._currencies, True),
            Route("GET", f"{api}/account/balance", "account", lambda c: wrapped([self.balance_of(c.owner)]), True),
            Route("GET", f"{api}/account/config", "account", self._config, True),
            Route("GET", f"{api}/account/positions", "account", self._positions, True),
            Route("GET", f"{api}/account/trade-fee", "account", self._fee, True),
            Route("POST", f"{api}/trade/order", "place", lambda c: self.place_all(c.owner, [self._timed(c)]), True),
            Route(
                "POST", f"{api}/trade/batch-orders", "place", lambda c: self.place_all(c.owner, self._timed(c)), True
            ),
            Route("POST", f"{api}/trade/cancel-order", "cancel", lambda c: self.cancel_each(c.owner, [c.json]), True),
            Route(
                "POST", f"{api}/trade/cancel-batch-orders", "cancel", lambda c: self.cancel_each(c.owner, c.json), True
            ),
            Route("POST", f"{api}/trade/amend-order", "amend", lambda c: self.amend_each(c.owner, [c.json]), True),
            Route("POST", f"{api}/trade/cancel-all-after", "cancel", self._cancel_all_after, True),
            Route("GET", f"{api}/trade/order", "query", self._order, True),
            Route("GET", f"{api}/trade/orders-pending", "query", self._open_orders, True),
            *self.algos.routes(),
            *(Route("GET", f"{api}/trade/{name}", "query", self._closed_orders, True) for name in history),
            *(Route("GET", f"{api}/trade/{name}", "query", self._fills, True) for name in ("fills", "fills-history")),
        ]

    # -- the door --------------------------------------------------------------------------------------------------

    def authenticate(self, call: Call) -> Account:
        account = self.exchange.accounts.by_key(call.headers.get("OK-ACCESS-KEY", ""))
        if account is None:
            raise Refusal(failed("50111", "Invalid OK-ACCESS-KEY", 401))
        stamp = call.headers.get("OK-ACCESS-TIMESTAMP", "")
        path = call.path + (f"?{call.raw_query}" if call.raw_query else "")
        payload = f"{stamp}{call.method}{path}{call.body}"
        expected = base64.b64encode(hmac.new(account.secret.encode(), payload.encode(), hashlib.sha256).digest())
        if not hmac.compare_digest(expected.decode(), call.headers.get("OK-ACCESS-SIGN", "")):
            raise Refusal(failed("50113", "Invalid Sign", 401))
        if account.passphrase != call.headers.get("OK-ACCESS-PASSPHRASE", ""):
            raise Refusal(failed("50105", "Request header OK-ACCESS-PASSPHRASE incorrect.", 401))
        sent_ms = datetime.strptime(stamp, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC).timestamp() * 1000
        if abs(self.now_ms(account.name) - sent_ms) > 30_000:
            raise Refusal(failed("50102", "Timestamp request expired", 401))
        if call.method == "POST" and "trade" not in account.permissions:
            raise Refusal(failed("50120", "This API key doesn't have permission to use this function", 401))
        return account

    def refused(self, code: str, detail: str, kind: str) -> Answer:
        return failed(*REFUSALS[code])

    def too_many(self, is_ban: bool, retry_s: float) -> Answer:
        return failed("50011", "Too Many Requests", 429)

    def broken(self, status: int) -> Answer:
        return failed("50001", "Service temporarily unavailable. Please try again later", status)

    def lie(self) -> Answer:
        return failed("50026", "System error. Please try again later.", 400)

    def malformed(self, detail: str) -> Answer:
        return failed("51000", f"Parameter error: {detail}", 400)

    def unknown_route(self, call: Call) -> Answer:
        return failed("404", "Not Found", 404)

    def hears_orders(self, session: Session) -> bool:
        return any(arg.get("channel") == "orders" for arg in session.state.get("args", ()))

    def spoil(self, message: Any) -> Any:
        rows_ = [row | {"checksum": row["checksum"] ^ 1} if "checksum" in row else row for row in message["data"]]
        return message | {"data": rows_}

    # -- markets ---------------------------------------------------------------------------------------------------

    def _instruments(self, call: Call) -> Answer:
        wanted, name = call.query.get("instType"), call.query.get("instId", "")
        found = [m for m in self.exchange.markets.values() if inst_type(m) == wanted and name in {"", m.id}]
        return wrapped([instrument(market) for market in found])

    def _book(self, call: Call) -> Answer:
        book = self.exchange.books.get(call.query.get("instId", ""))
        if book is None:
            return failed("51001", "Instrument ID or Spread ID doesn't exist.")
        depth = min(400, int(call.query.get("sz", 1)))
        row = {"asks": rows(book, SELL, depth), "bids": rows(book, BUY, depth)}
        return wrapped([row | {"ts": str(self.now_ms()), "seqId": book.seq}])

    def _currencies(self, _: Call) -> Answer:
        names = sorted({name for market in self.exchange.markets.values() for name in (market.base, market.quote)})
        return wrapped([{"ccy": n, "name": n, "chain": f"{n}-Local", "canDep": False, "canWd": False} for n in names])

    # -- orders ----------------------------------------------------------------------------------------------------

    def _timed(self, call: Call) -> Any:
        """The body, with the deadline of the expTime header in each order."""
        deadline = call.headers.get("expTime", "")
        body = call.json
        for row in body if isinstance(body, list) else [body]:
            row["_expTime"] = deadline
        return body

    def place_all(self, account: str, orders: list[dict[str, Any]]) -> Answer:
        return self._each(orders, lambda words: self._place(account, words), "Order placed")

    def cancel_each(self, account: str, orders: list[dict[str, Any]]) -> Answer:
        def cancel(words: dict[str, Any]) -> Order:
            order = self._named(account, words)
            if order is None:
                raise Refused("order_closed")
            return self.exchange.cancel(order)

        return self._each(orders, cancel, "")

    def amend_each(self, account: str, orders: list[dict[str, Any]]) -> Answer:
        def amend(words: dict[str, Any]) -> Order:
            order = self._named(account, words)
            if order is None:
                raise Refused("order_closed")
            return self.exchange.amend(order, str(words.get("newPx", "")), str(words.get("newSz", "")))

        return self._each(orders, amend, "")

    def _each(self, orders: list[dict[str, Any]], act: Callable[[dict[str, Any]], Order], done: str) -> Answer:
        """One result per order; code 0 when all went well, 2 when some did, 1 when none did."""
        results, good = [], 0
        for words in orders:
            stamp = {"tag": str(words.get("tag", "")), "ts": str(self.now_ms())}
            try:
                order = act(words)
            except Refused as refused:
                code, message = ("51149", "Order timed out.") if refused.code == "late" else REFUSALS[refused.code]
                ids = {"ordId": str(words.get("ordId", "")), "clOrdId": str(words.get("clOrdId", ""))}
                results.append(ids | stamp | {"sCode": code, "sMsg": message})
            else:
                good += 1
                ids = {"ordId": order.id, "clOrdId": order.client_id}
                results.append(ids | stamp | {"sCode": "0", "sMsg": done})
        code = "0" if good == len(orders) else "2" if good else "1"
        answer = wrapped(results, code, "" if good else "All operations failed")
        answer.body |= {"inTime": str(self.now_ms() * 1000), "outTime": str(self.now_ms() * 1000)}
        return answer

    def _place(self, account: str, words: dict[str, Any]) -> Order:
        deadline = words.get("_expTime", "")
        if deadline and self.now_ms(account) > int(deadline):
            raise Refused("late")
        kind, side = words["ordType"], BUY if words["side"] == "buy" else SELL
        market = self.exchange.markets.get(words.get("instId", ""))
        if market is None:
            raise Refused("unknown_market")
        is_spot = market.kind is Kind.SPOT
        target = words.get("tgtCcy") or ("quote_ccy" if side == BUY and kind == "market" and is_spot else "base_ccy")
        by_quote = kind == "market" and side == BUY and is_spot and target == "quote_ccy"
        tags = (("ordType", kind), ("tdMode", words.get("tdMode", "cash")), ("tag", words.get("tag", "")))
        ticket = Ticket(
            market.id,
            side,
            "" if by_quote else str(words["sz"]),
            "" if kind == "market" else str(words["px"]),
            FORCES[kind],
            words.get("clOrdId") or "",
            post_only=kind == "post_only",
            reduce_only=words.get("reduceOnly") in {True, "true"},
            budget=str(words["sz"]) if by_quote else "",
            self_trade=STP.get(words.get("stpMode", ""), ""),
            tags=(*tags, ("tgtCcy", target if is_spot else "")),
        )
        return self.exchange.place(account, ticket)

    def _cancel_all_after(self, call: Call) -> Answer:
        wait_s = int(call.json["timeOut"])
        if (old := self._deadlines.pop(call.owner, None)) is not None:
            old.cancel()
        trigger = "0"
        if wait_s:
            loop = asyncio.get_running_loop()
            self._deadlines[call.owner] = loop.call_later(wait_s, self.exchange.cancel_all, call.owner)
            trigger = str(self.now_ms() + wait_s * 1000)
        return wrapped([{"triggerTime": trigger, "tag": "", "ts": str(self.now_ms())}])

    # -- queries ---------------------------------------------------------------------------------------------------

    def _named(self, account: str, words: dict[str, Any]) -> Order | None:
        if words.get("ordId"):
            order = self.exchange.by_id(account, str(words["ordId"]))
        else:
            order = self.exchange.by_client_id(account, str(words.get("clOrdId", "")))
        if order is not None and is_algo(order):
            return None
        return order if order is not None and order.market.id == words.get("instId") else None

    def _order(self, call: Call) -> Answer:
        order = self.visible(self._named(call.owner, call.query))
        if order is None:
            return failed("51603", "Order does not exist")
        return wrapped([self._row(order)])

    def _row(self, order: Order) -> dict[str, Any]:
        fills = self.exchange.fills_of_order(order)
        return order_row(order, fills[-1] if fills else None)

    def _open_orders(self, call: Call) -> Answer:
        found = self._filtered(call, is_open=True)
        return wrapped([self._row(order) for order in reversed(found)])

    def _closed_orders(self, call: Call) -> Answer:
        found = self._filtered(call, is_open=False)
        return wrapped([self._row(order) for order in reversed(found)])

    def _filtered(self, call: Call, *, is_open: bool) -> list[Order]:
        kind, name = call.query.get("instType", ""), call.query.get("instId", "")
        orders = [o for o in self.visible_orders(call.owner) if o.is_open is is_open and not is_algo(o)]
        found = [o for o in orders if kind in {"", inst_type(o.market)} and name in {"", o.market.id}]
        before, after = call.query.get("before", ""), call.query.get("after", "")  # newer than, older than an id
        found = [o for o in found if (not before or int(o.id) > int(before)) and (not after or int(o.id) < int(after))]
        return found[-min(100, int(call.query.get("limit", 100))) :]

    def _fills(self, call: Call) -> Answer:
        kind, name = call.query.get("instType", ""), call.query.get("instId", "")
        order_id, begin = call.query.get("ordId", ""), int(call.query.get("begin", 0))
        found = [
            fill
            for fill in self.visible_fills(call.owner)
            if kind in {"", inst_type(fill.market)}
            and name in {"", fill.market.id}
            and order_id in {"", fill.order_id}
            and int(ms(fill.ts_ns)) >= begin
        ]
        rows = [fill_row(fill, is_of_algo=self._is_of_algo(fill)) for fill in reversed(found)]
        older = int(call.query.get("after") or 2**63)
        return wrapped([row for row in rows if int(row["billId"]) < older][:100])

    def _is_of_algo(self, fill: Fill) -> bool:
        order = self.exchange.by_id(fill.account, fill.order_id)
        return order is not None and bool(order.stop)

    # -- the account -----------------------------------------------------------------------------------------------

    def balance_of(self, account: str) -> dict[str, Any]:
        owner, now = self.exchange.accounts[account], str(self.now_ms(account))
        details = [
            {
                "ccy": currency,
                "eq": text(owner.total[currency]),
                "cashBal": text(owner.total[currency]),
                "availBal": text(owner.free(currency)),
                "availEq": text(owner.free(currency)),
                "frozenBal": text(owner.held[currency]),
                "ordFrozen": text(owner.held[currency]),
                "upl": "0",
                "uTime": now,
            }
            for currency in list(owner.total)
        ]
        return {"uTime": now, "totalEq": "", "adjEq": "", "isoEq": "0", "details": details}

    def positions_of(self, account: str) -> list[dict[str, Any]]:
        owner = self.exchange.accounts[account]
        found = []
        for market in self.exchange.markets.values():
            position = self.exchange.accounts.position(owner, market) if market.is_derivative else None
            if position is None or not position.lots:
                continue
            entry = entry_price(position.cash, position.lots, market)
            found.append(
                {
                    "instType": inst_type(market),
                    "instId": market.id,
                    "mgnMode": "cross",
                    "posId": f"{market.id}-{account}",
                    "posSide": "net",
                    "pos": text(position.lots * market.lot_atoms),
                    "avgPx": entry,
                    "markPx": entry,
                    "upl": "0",
                    "lever": str(self.habits.leverage),
                    "imr": text(abs(position.cash) // self.habits.leverage),
                    "mmr": "0",
                    "notionalUsd": text(abs(position.cash)),
                    "ccy": market.cash,
                    "cTime": str(self.now_ms(account)),
                    "uTime": str(self.now_ms(account)),
                }
            )
        return found

    def _positions(self, call: Call) -> Answer:
        names = call.query.get("instId", "")
        return wrapped([p for p in self.positions_of(call.owner) if not names or p["instId"] in names.split(",")])

    def _config(self, call: Call) -> Answer:
        allowed = self.exchange.accounts[call.owner].permissions
        words = {"read": "read_only", "trade": "trade", "withdraw": "withdraw"}
        perm = ",".join(words[name] for name in allowed if name in words)
        return wrapped(
            [
                {
                    "uid": "44705892343619584",
                    "mainUid": "44705892343619584",
                    "acctLv": "2",
                    "posMode": "net_mode",
                    "level": "Lv1",
                    "acctStpMode": "cancel_maker",
                    "perm": perm,
                    "ip": "127.0.0.1" if "ip" in allowed else "",
                }
            ]
        )

    def _fee(self, call: Call) -> Answer:
        market = self.exchange.markets.get(call.query.get("instId", "")) or MARKETS[0]
        rates = {"maker": text(-market.maker_ppm * 10**12), "taker": text(-market.taker_ppm * 10**12)}
        return wrapped([rates | {"instType": inst_type(market), "level": "Lv1", "ts": str(self.now_ms())}])

    # -- sockets ---------------------------------------------------------------------------------------------------

    def on_text(self, session: Session, text: str) -> None:
        self.streams.text(session, text)

    def on_event(self, event: Event) -> None:
        self.algos.hear(event)
        self.streams.event(event)


PROTOCOL = Okx
