"""Kraken's spelling of pairs, assets, orders and refusals, and what its behaviour here rests on."""

from __future__ import annotations

import re
import zlib
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from tests.venues.exchange.book import BUY, SELL, Book, Order
from tests.venues.exchange.engine import OrderChange
from tests.venues.exchange.markets import Market
from tests.venues.exchange.settlement import Fill
from tests.venues.exchange.units import ATOM, fixed

from .base import Answer, Basis


def _pair(name: str, base: str, quote: str, tick: str, mid: str, least: str) -> Market:
    return Market(
        name,
        base,
        quote,
        tick,
        "0.00000001",
        mid,
        min_qty=least,
        min_notional="0.5",
        maker_ppm=1600,
        taker_ppm=2600,
        fee_in="quote",
        fee_places=5,
    )


MARKETS = (
    _pair("XXBTZUSD", "BTC", "USD", "0.1", "60000", "0.00005"),
    _pair("XBTUSDT", "BTC", "USDT", "0.1", "60000", "0.00005"),
    _pair("XETHZUSD", "ETH", "USD", "0.01", "3000", "0.002"),
    _pair("ETHUSDT", "ETH", "USDT", "0.01", "3000", "0.002"),
)
ASSETS = {"BTC": "XXBT", "ETH": "XETH", "USD": "ZUSD"}
ALT = {"BTC": "XBT"}

_REST, _V2 = "Kraken spot REST documents", "Kraken WebSocket v2 documents"
BASIS = (
    Basis("AssetPairs, Assets, Depth answers", "recording", "wire/KRAKEN, adapters/xchange/kraken"),
    Basis("CRC32 over ten asks and ten bids, digits only", "recording", "wire/KRAKEN (v1; the rule is the same in v2)"),
    Basis("book channel of v2: numbers with the pair's decimals, levels cut to the depth", "document", _V2),
    Basis("one update for every change", "assumption", "the venue joins changes of a moment; same books"),
    Basis("API-Sign, nonce that must rise (EAPI:Invalid nonce)", "document", _REST + ", authentication"),
    Basis("errors in `error` with HTTP 200", "recording", "adapters/xchange/kraken"),
    Basis("order and trade records of OpenOrders, QueryOrders, TradesHistory", "recording", "adapters/xchange/kraken"),
    Basis("cl_ord_id: up to 18 free characters or a UUID, unique among open orders", "document", _REST + ", AddOrder"),
    Basis("words of the refusal of a doubled cl_ord_id", "assumption", "not in the documents"),
    Basis("post-only that would take: accepted, then canceled for `Post only order`", "document", _REST),
    Basis("FOK by timeinforce", "assumption", "documented for WebSocket v2; taken for REST too"),
    Basis("executions channel: token, snapshot, sequence, one message per event", "document", _V2 + ", executions"),
    Basis("stop-loss-limit: price the trigger, price2 the limit, misc `stopped` once off", "document", _REST),
    Basis("its executions: triggers.status, `status` when it goes off; one id before and after", "document", _V2),
    Basis("a stop that is through goes off at once; one that waits holds what it would pay", "assumption", "not said"),
    Basis("self-trade prevention cancel_newest", "document", _REST + ", stptype"),
    Basis("fee in the quote currency, cut to five decimals", "assumption", "fciq is the default; decimals as recorded"),
    Basis("EGeneral:Internal error and 5xx leave the order unknown", "assumption", "EService:* is documented as busy"),
    Basis("call counter of the account is not enforced", "assumption", "faults set EAPI:Rate limit exceeded instead"),
)

# code of the engine -> error word
REFUSALS = {
    "unknown_market": "EQuery:Unknown asset pair",
    "price_precision": "EOrder:Invalid price:price has too many decimals",
    "qty_precision": "EGeneral:Invalid arguments:volume",
    "min_qty": "EOrder:Order minimum not met",
    "min_notional": "EOrder:Cost minimum not met",
    "insufficient_balance": "EOrder:Insufficient funds",
    "duplicate_client_id": "EGeneral:Invalid arguments:cl_ord_id already in use",
    "bad_client_id": "EGeneral:Invalid arguments:cl_ord_id",
    "reduce_only": "EOrder:Reduce only:Non-PNL",
    "order_closed": "EOrder:Unknown order",
    "qty_below_filled": "EGeneral:Invalid arguments:order_qty",
    "post_only": "EOrder:Post only order",
}
_REASON = {
    "user": "User requested",
    "post_only": "Post only order",
    "ioc": "Insufficient liquidity for IOC",
    "fok": "Insufficient liquidity for FOK",
    "no_liquidity": "Market order canceled: no liquidity",
    "self_trade": "Self trade prevention",
}


def failed(word: str, status: int = 200) -> Answer:
    return Answer({"error": [word]}, status)


def asset(currency: str) -> str:
    return ASSETS.get(currency, currency)


def altname(market: Market) -> str:
    return f"{ALT.get(market.base, market.base)}{market.quote}"


def v2_symbol(market: Market) -> str:
    return f"{market.base}/{market.quote}"


def coded(prefix: str, number: int) -> str:
    """An id in the venue's shape, OXXXXX-XXXXX-XXXXXX, that still tells its number."""
    digits = f"{number:016d}"
    return f"{prefix}{digits[:5]}-{digits[5:10]}-{digits[10:]}"


def trade_txid(trade_id: int | str) -> str:
    return coded("T", int(trade_id))


def seconds(ts_ns: int) -> float:
    return round(ts_ns / 1e9, 7)


def stamp(ts_ns: int) -> str:
    whole = datetime.fromtimestamp(ts_ns // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{ts_ns % 10**9 // 1000:06d}Z"


def number(amount: int, places: int) -> str:
    """A string that `unquoted` turns into a JSON number with exactly these digits."""
    return f"#n:{fixed(amount, places)}"


_NUMBER = re.compile(r'"#n:(-?[0-9.]+)"')


def unquoted(text: str) -> str:
    """JSON text in which `number(...)` strings have become numbers, trailing zeros kept."""
    return _NUMBER.sub(r"\1", text)


def level(market: Market, price: int, lots: int) -> dict[str, str]:
    return {
        "price": number(price * market.tick_atoms, market.price_places),
        "qty": number(lots * market.lot_atoms, 8),
    }


def checksum(book: Book) -> int:
    """The CRC32 of the best ten asks, then bids: digits without point and leading zeros."""
    market, parts = book.market, []
    for side in (SELL, BUY):
        for price, lots in book.levels(side, 10):
            for amount, places in ((price * market.tick_atoms, market.price_places), (lots * market.lot_atoms, 8)):
                parts.append(fixed(amount, places).replace(".", "").lstrip("0"))
    return zlib.crc32("".join(parts).encode())


def price_text(order: Order, price: int) -> str:
    return fixed(price * order.market.tick_atoms, order.market.price_places)


def describe(order: Order) -> str:
    verb = "buy" if order.side == BUY else "sell"
    how = f"limit {price_text(order, order.price)}" if order.price else "market"
    if order.stop:
        how = f"stop loss {price_text(order, order.stop)} -> {how}"
    return f"{verb} {fixed(order.qty * order.market.lot_atoms, 8)} {altname(order.market)} @ {how}"


def status_of(order: Order) -> str:
    return {"open": "open", "filled": "closed", "canceled": "canceled"}[order.state]


def average(order: Order) -> str:
    if not order.filled:
        return "0.00000"
    return fixed(order.cash * ATOM // (order.filled * order.market.lot_atoms), 5)


def kind_of(order: Order) -> str:
    return "stop-loss-limit" if order.stop else order.kind


def order_row(order: Order, trades: list[Fill]) -> dict[str, Any]:
    market = order.market
    row: dict[str, Any] = {
        "refid": None,
        "userref": int(order.tags.get("userref", "0")),
        "status": status_of(order),
        "opentm": seconds(order.created_ns),
        "starttm": 0,
        "expiretm": 0,
        "descr": {
            "pair": altname(market),
            "type": "buy" if order.side == BUY else "sell",
            "ordertype": kind_of(order),
            "price": price_text(order, order.stop or order.price),
            "price2": price_text(order, order.price) if order.stop else "0",
            "leverage": "none",
            "order": describe(order),
            "close": "",
        },
        "vol": fixed(order.qty * market.lot_atoms, 8),
        "vol_exec": fixed(order.filled * market.lot_atoms, 8),
        "cost": fixed(order.cash, 5),
        "fee": fixed(sum(order.fees.values()), 5),
        "price": average(order),
        "stopprice": price_text(order, order.stop) if order.stop else "0.00000",
        "limitprice": price_text(order, order.price) if order.stop else "0.00000",
        "misc": "stopped" if order.stop and not order.waits else "",
        "oflags": "fciq,post" if order.post_only else "fciq",
        "trades": [trade_txid(fill.trade_id) for fill in trades],
    }
    if order.client_id:
        row["cl_ord_id"] = order.client_id
    if not order.is_open:
        row |= {"closetm": seconds(order.updated_ns), "reason": _REASON.get(order.reason)}
    return row


def trade_row(fill: Fill) -> dict[str, Any]:
    market = fill.market
    return {
        "ordertxid": fill.order_id,
        "postxid": "TKH2SE-M7IF5-CFI7LT",
        "pair": market.id,
        "time": seconds(fill.ts_ns),
        "type": "buy" if fill.side == BUY else "sell",
        "ordertype": "limit",
        "price": fixed(fill.price * market.tick_atoms, 5),
        "cost": fixed(fill.cash, 5),
        "fee": fixed(fill.fee, 5),
        "vol": fixed(fill.lots * market.lot_atoms, 8),
        "margin": "0.00000",
        "leverage": "0",
        "misc": "",
        "trade_id": fill.trade_id,
        "maker": fill.liquidity == "maker",
    }


def v2_status(order: Order) -> str:
    if order.is_open:
        return "partially_filled" if order.filled else "new"
    return order.state


def execution(change: OrderChange) -> dict[str, Any]:
    """One event of the executions channel."""
    order, fill = change.order, change.fill
    market = order.market
    row: dict[str, Any] = {
        "order_id": order.id,
        "order_userref": int(order.tags.get("userref", "0")),
        "symbol": v2_symbol(market),
        "side": "buy" if order.side == BUY else "sell",
        "order_type": kind_of(order),
        "order_qty": number(order.qty * market.lot_atoms, 8),
        "cum_qty": number(order.filled * market.lot_atoms, 8),
        "cum_cost": number(order.cash, 5),
        "order_status": v2_status(order),
        "time_in_force": order.time_in_force,
        "timestamp": stamp(change.ts_ns),
    }
    if order.client_id:
        row["cl_ord_id"] = order.client_id
    if order.stop:
        status = "untriggered" if order.waits else "triggered"
        price = number(order.stop * market.tick_atoms, market.price_places)
        row["triggers"] = {"reference": "last", "price": price, "price_type": "static", "status": status}
        row["stop_price"] = price
    if order.price:
        row["limit_price"] = number(order.price * market.tick_atoms, market.price_places)
    if order.filled:
        row["avg_price"] = f"#n:{average(order)}"
    if fill is not None:
        return row | {
            "exec_type": "trade",
            "exec_id": trade_txid(fill.trade_id),
            "trade_id": fill.trade_id,
            "last_qty": number(fill.lots * market.lot_atoms, 8),
            "last_price": number(fill.price * market.tick_atoms, market.price_places),
            "liquidity_ind": "m" if fill.liquidity == "maker" else "t",
            "cost": number(fill.cash, 5),
            "fees": [{"asset": fill.fee_in, "qty": number(fill.fee, 5)}],
            "fee_usd_equiv": number(fill.fee, 5),
        }
    if change.what == "canceled":
        return row | {"exec_type": "canceled", "reason": _REASON[order.reason]}
    words = {"triggered": "status"}
    return row | {"exec_type": words.get(change.what, change.what)}


def as_decimal(value: Any) -> str:
    """A JSON number or string of a request, as plain digits."""
    return format(Decimal(str(value)), "f") if value not in {None, ""} else ""
