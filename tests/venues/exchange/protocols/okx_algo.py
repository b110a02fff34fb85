"""OKX's algo orders, of which stop losses (ordType conditional) are spoken: a thing of its own until it goes off.

An algo has an id, a client id and lists of its own. When it goes off it places a limit order under another id, without
a client id, which names the algo. In the engine both are one order; `off` in its tags says which of the two it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.venues.exchange.book import BUY, Order
from tests.venues.exchange.engine import Event, OrderChange, Ticket
from tests.venues.exchange.markets import Kind, Refused

from .base import Answer, Call, Route
from .okx_words import REFUSALS, failed, inst_type, ms, wrapped

if TYPE_CHECKING:
    from .okx import Okx

_ALGO = 10**15
_REFUSALS = {
    "duplicate_client_id": ("51065", "algoClOrdId already exists."),
    "bad_client_id": ("51000", "Parameter algoClOrdId error"),
}


class Algos:
    """The endpoints of stop losses around one protocol."""

    def __init__(self, protocol: Okx) -> None:
        self._protocol = protocol

    def routes(self) -> list[Route]:
        api = "/api/v5/trade"
        return [
            Route("POST", f"{api}/order-algo", "place", self._place, True),
            Route("POST", f"{api}/cancel-algos", "cancel", self._cancel, True),
            Route("GET", f"{api}/order-algo", "query", self._one, True),
            Route("GET", f"{api}/orders-algo-pending", "query", self._pending, True),
        ]

    def hear(self, event: Event) -> None:
        """Before anybody is told of it: an algo that goes off is an order from now on."""
        if isinstance(event, OrderChange) and event.what == "triggered":
            event.order.tags["off"] = "yes"

    def _place(self, call: Call) -> Answer:
        words = call.json
        market = self._protocol.exchange.markets.get(words.get("instId", ""))
        if words.get("ordType") != "conditional" or "slTriggerPx" not in words or words.get("tdMode") != "cash":
            return self._result(call, "", words, ("51000", "Parameter ordType error"))
        if market is None or market.kind is not Kind.SPOT:
            return self._result(call, "", words, REFUSALS["unknown_market"])
        ticket = Ticket(
            market.id,
            BUY if words["side"] == "buy" else -BUY,
            str(words["sz"]),
            str(words["slOrdPx"]),
            "GTC",
            words.get("algoClOrdId") or "",
            tags=(("ordType", "limit"), ("tdMode", "cash"), ("tag", ""), ("tgtCcy", words.get("tgtCcy", ""))),
            stop=str(words["slTriggerPx"]),
        )
        try:
            order = self._protocol.exchange.place(call.owner, ticket)
        except Refused as refused:
            code = _REFUSALS.get(refused.code) or REFUSALS[refused.code]
            return self._result(call, "", words, code)
        return self._result(call, algo_id(order), words, ("0", ""))

    def _cancel(self, call: Call) -> Answer:
        (words,) = call.json
        order = self._named(call.owner, words)
        if order is None or not order.waits:
            return self._result(call, str(words.get("algoId", "")), words, REFUSALS["order_closed"])
        self._protocol.exchange.cancel(order)
        return self._result(call, algo_id(order), words, ("0", ""))

    def _result(self, call: Call, name: str, words: dict[str, Any], code: tuple[str, str]) -> Answer:
        row = {"algoId": name, "clOrdId": "", "algoClOrdId": str(words.get("algoClOrdId", "")), "tag": ""}
        good = code[0] == "0"
        return wrapped([row | {"sCode": code[0], "sMsg": code[1]}], "0" if good else "1", "" if good else "Failed")

    def _named(self, account: str, words: dict[str, Any]) -> Order | None:
        if words.get("algoId"):
            order = self._protocol.exchange.by_id(account, str(int(words["algoId"]) - _ALGO))
        else:
            order = self._protocol.exchange.by_client_id(account, str(words.get("algoClOrdId", "")))
        return order if order is not None and order.stop else None

    def _one(self, call: Call) -> Answer:
        order = self._protocol.visible(self._named(call.owner, call.query))
        return failed("51603", "Order does not exist") if order is None else wrapped([algo_row(order)])

    def _pending(self, call: Call) -> Answer:
        name, kind = call.query.get("instId", ""), call.query.get("ordType")
        orders = [o for o in self._protocol.visible_orders(call.owner) if o.waits and o.is_open]
        found = [algo_row(o) for o in reversed(orders) if kind == "conditional" and name in {"", o.market.id}]
        return wrapped(found[:100])


def algo_id(order: Order) -> str:
    return str(int(order.id) + _ALGO)


def is_algo(order: Order) -> bool:
    """Whether it is no order yet, or never became one."""
    return bool(order.stop) and "off" not in order.tags


def algo_row(order: Order) -> dict[str, Any]:
    is_off = not is_algo(order)
    market = order.market
    return {
        "instType": inst_type(market),
        "instId": market.id,
        "algoId": algo_id(order),
        "algoClOrdId": order.client_id,
        "clOrdId": "",
        "ordId": order.id if is_off else "",
        "ordIdList": [order.id] if is_off else [],
        "ordType": "conditional",
        "side": "buy" if order.side == BUY else "sell",
        "posSide": "",
        "tdMode": "cash",
        "sz": market.qty(order.qty),
        "slTriggerPx": market.price(order.stop),
        "slTriggerPxType": "last",
        "slOrdPx": market.price(order.price),
        "tpTriggerPx": "",
        "tpOrdPx": "",
        "state": "effective" if is_off else "live" if order.is_open else "canceled",
        "actualSz": market.qty(order.filled) if is_off else "",
        "actualSide": "sl" if is_off else "",
        "triggerTime": ms(order.updated_ns) if is_off else "",
        "failCode": "",
        "reduceOnly": "false",
        "cTime": ms(order.created_ns),
        "uTime": ms(order.updated_ns),
    }
