"""OKX's spelling of instruments, orders and refusals, and what its behaviour here rests on."""

from __future__ import annotations

import zlib
from typing import Any

from tests.venues.exchange.book import BUY, SELL, Book, Order
from tests.venues.exchange.engine import NS_PER_MS, OrderChange
from tests.venues.exchange.markets import Kind, Market
from tests.venues.exchange.settlement import Fill
from tests.venues.exchange.units import ATOM, text

from .base import Answer, Basis

MARKETS = (
    Market("BTC-USDT", "BTC", "USDT", "0.1", "0.00000001", "60000", min_qty="0.00001", maker_ppm=800),
    Market("ETH-USDT", "ETH", "USDT", "0.01", "0.000001", "3000", min_qty="0.0001", maker_ppm=800),
    Market(
        "BTC-USDT-SWAP",
        "BTC",
        "USDT",
        "0.1",
        "0.01",
        "60000",
        Kind.LINEAR,
        "USDT",
        "0.01",
        maker_ppm=200,
        taker_ppm=500,
        fee_in="settle",
    ),
    Market(
        "ETH-USDT-SWAP",
        "ETH",
        "USDT",
        "0.01",
        "0.01",
        "3000",
        Kind.LINEAR,
        "USDT",
        "0.1",
        maker_ppm=200,
        taker_ppm=500,
        fee_in="settle",
    ),
)

_V5 = "OKX API v5 documents"
BASIS = (
    Basis("books: snapshot, update, prevSeqId", "document", _V5 + ", order book channel"),
    Basis("books: signed CRC32 over 25 interleaved levels", "recording", "wire/OKX (recomputed on every message)"),
    Basis("one update for every change instead of one per 100 ms", "assumption", "none: more messages, same books"),
    Basis("orders channel fields", "recording", "adapters/gocryptotrader/okx_wsOrders"),
    Basis("OK-ACCESS-SIGN, 30 s clock window (50102, 50113, 50111, 50105)", "document", _V5 + ", REST authentication"),
    Basis("WebSocket login, 60009 and 60011, text ping and pong", "document", _V5 + ", WebSocket login"),
    Basis("code 0/1/2 with sCode per order, always HTTP 200", "document", _V5 + ", place multiple orders"),
    Basis("clOrdId: 32 alphanumerics, unique among live orders (51016)", "document", _V5 + ", order details"),
    Basis("post_only accepted and then canceled, cancelSource 31", "document", _V5 + ", cancelSource"),
    Basis("ioc, fok: state canceled, cancelSource 14, 13", "assumption", "numbers as documented, not seen live"),
    Basis("self-trade prevention cancel_maker by default", "document", _V5 + ", stpMode"),
    Basis("expTime: refused once passed, sCode 51149", "assumption", "header documented; its code is not seen live"),
    Basis("cancel-all-after", "document", _V5),
    Basis("algo orders, conditional: own ids and lists, effective with ordId once off", "document", _V5 + ", algo"),
    Basis("what came of an algo has algoId and algoClOrdId, no clOrdId", "document", _V5 + ", orders channel"),
    Basis("a stop loss that is through: 51280 both ways; one that waits holds what it would pay", "assumption", "-"),
    Basis("an algo that is not there: 51603 to a query, 51400 to a cancel; doubled id 51065", "assumption", "-"),
    Basis("fee negative when paid, in the received currency on spot", "document", _V5 + ", fills"),
    Basis("5xx and 50001/50004/50026 leave the order unknown", "document", _V5 + ", error codes"),
    Basis("fills: newest first, 100 at most, older than a billId with after", "document", _V5 + ", fills"),
    Basis("margin: a tenth of the notional, net mode, cross", "assumption", "not needed to route"),
)

# code of the engine -> (sCode, sMsg)
REFUSALS = {
    "unknown_market": ("51001", "Instrument ID or Spread ID doesn't exist."),
    "price_precision": ("51000", "Parameter px error"),
    "qty_precision": ("51121", "Order quantity must be a multiple of the lot size."),
    "min_qty": ("51020", "Your order should meet or exceed the minimum order amount."),
    "min_notional": ("51020", "Your order should meet or exceed the minimum order amount."),
    "insufficient_balance": ("51008", "Order failed. Insufficient balance in account."),
    "duplicate_client_id": ("51016", "Client order ID already exists."),
    "bad_client_id": ("51000", "Parameter clOrdId error"),
    "reduce_only": (
        "51169",
        "Order failed because you don't have any positions to reduce or close in this direction.",
    ),
    "order_closed": ("51400", "Cancellation failed as the order has been filled, canceled or does not exist."),
    "qty_below_filled": ("51505", "The new quantity must be greater than the filled quantity."),
    "stop_through": ("51280", "SL trigger price must be less than the last price"),
    "post_only": ("51124", "You cannot place a post-only order that would take."),
}

_CANCEL_SOURCE = {"user": "1", "ioc": "14", "fok": "13", "post_only": "31", "self_trade": "32", "no_liquidity": "2"}
_INST_TYPE = {Kind.SPOT: "SPOT", Kind.LINEAR: "SWAP", Kind.INVERSE: "SWAP", Kind.OPTION: "OPTION"}


def wrapped(data: list[Any], code: str = "0", message: str = "") -> Answer:
    return Answer({"code": code, "msg": message, "data": data})


def failed(code: str, message: str, status: int = 200) -> Answer:
    return Answer({"code": code, "msg": message, "data": []}, status)


def inst_type(market: Market) -> str:
    return _INST_TYPE[market.kind]


def ms(ts_ns: int) -> str:
    return str(ts_ns // NS_PER_MS)


def instrument(market: Market) -> dict[str, Any]:
    is_swap = market.is_derivative
    return {
        "instType": inst_type(market),
        "instId": market.id,
        "uly": f"{market.base}-{market.quote}" if is_swap else "",
        "instFamily": f"{market.base}-{market.quote}" if is_swap else "",
        "baseCcy": "" if is_swap else market.base,
        "quoteCcy": "" if is_swap else market.quote,
        "settleCcy": market.settle,
        "ctVal": market.contract if is_swap else "",
        "ctMult": "1" if is_swap else "",
        "ctValCcy": market.base if is_swap else "",
        "ctType": "linear" if is_swap else "",
        "optType": "",
        "stk": "",
        "listTime": "1611907686000",
        "expTime": "",
        "lever": "10",
        "tickSz": market.tick,
        "lotSz": market.lot,
        "minSz": market.min_qty or market.lot,
        "maxLmtSz": "9999999999",
        "maxMktSz": "1000000",
        "maxLmtAmt": "20000000",
        "maxMktAmt": "1000000",
        "state": "live",
        "ruleType": "normal",
    }


def rows(book: Book, side: int, depth: int) -> list[list[str]]:
    return [[price, qty, "0", "1"] for price, qty in book.strings(side, depth)]


def checksum(book: Book) -> int:
    """The signed CRC32 of price:size of the best 25 levels, bid and ask in turn."""
    bids, asks = book.strings(BUY, 25), book.strings(SELL, 25)
    parts: list[str] = []
    for i in range(25):
        for side in (bids, asks):
            if i < len(side):
                parts.extend(side[i])
    value = zlib.crc32(":".join(parts).encode())
    return value - (1 << 32) if value >= 1 << 31 else value


def state(order: Order) -> str:
    if order.is_open:
        return "partially_filled" if order.filled else "live"
    return order.state


def average(order: Order) -> str:
    """Mean price of the fills, as exact as an atom."""
    if not order.filled:
        return ""
    unit = order.market.unit_atoms * order.filled
    return text(order.cash * order.market.tick_atoms // unit)


def order_row(order: Order, fill: Fill | None = None) -> dict[str, Any]:
    """The order as queries give it; `fill` is its last."""
    market = order.market
    fee_in, fee = next(iter(order.fees.items()), (market.cash, 0))
    return {
        "instType": inst_type(market),
        "instId": market.id,
        "ccy": "",
        "ordId": order.id,
        "clOrdId": "" if order.stop else order.client_id,
        "algoId": str(int(order.id) + 10**15) if order.stop else "",
        "algoClOrdId": order.client_id if order.stop else "",
        "tag": order.tags.get("tag", ""),
        "px": market.price(order.price) if order.price else "",
        "sz": text(order.budget) if order.budget else market.qty(order.qty),
        "ordType": order.tags.get("ordType", order.kind),
        "side": "buy" if order.side == BUY else "sell",
        "posSide": "net" if market.is_derivative else "",
        "tdMode": order.tags.get("tdMode", "cash"),
        "tgtCcy": order.tags.get("tgtCcy", ""),
        "accFillSz": market.qty(order.filled),
        "fillPx": market.price(fill.price) if fill else "",
        "tradeId": str(fill.trade_id) if fill else "",
        "fillSz": market.qty(fill.lots) if fill else "0",
        "fillTime": ms(fill.ts_ns) if fill else "",
        "avgPx": average(order),
        "state": state(order),
        "lever": "10" if market.is_derivative else "",
        "fee": text(-fee),
        "feeCcy": fee_in,
        "rebate": "0",
        "rebateCcy": market.quote,
        "pnl": text(fill.realised) if fill else "0",
        "source": "",
        "category": "normal",
        "reduceOnly": "true" if order.reduce_only else "false",
        "cancelSource": _CANCEL_SOURCE[order.reason] if order.reason else "",
        "stpMode": {"none": "", "maker": "cancel_maker", "taker": "cancel_taker", "both": "cancel_both"}[
            order.self_trade
        ],
        "uTime": ms(order.updated_ns),
        "cTime": ms(order.created_ns),
    }


def order_push(change: OrderChange) -> dict[str, Any]:
    """The order as the orders channel tells it: with the fill that changed it."""
    fill = change.fill
    row = order_row(change.order, fill)
    return row | {
        "fillFee": text(-fill.fee) if fill else "0",
        "fillFeeCcy": fill.fee_in if fill else "",
        "execType": ("M" if fill.liquidity == "maker" else "T") if fill else "",
        "fillPnl": text(fill.realised) if fill else "0",
        "fillNotionalUsd": text(fill.cash) if fill else "",
        "notionalUsd": text(change.order.market.notional(change.order.price or 1, change.order.qty)),
        "amendResult": "0" if change.what == "amended" else "",
        "reqId": "",
        "code": "0",
        "msg": "",
        "amendSource": "",
        "lastPx": "",
    }


def fill_row(fill: Fill, *, is_of_algo: bool = False) -> dict[str, Any]:
    market = fill.market
    return {
        "instType": inst_type(market),
        "instId": market.id,
        "tradeId": str(fill.trade_id),
        "ordId": fill.order_id,
        "clOrdId": "" if is_of_algo else fill.client_id,
        "billId": str(fill.trade_id * 2 + (fill.side == BUY)),
        "tag": "",
        "fillPx": market.price(fill.price),
        "fillSz": market.qty(fill.lots),
        "fillPnl": text(fill.realised),
        "fillTime": ms(fill.ts_ns),
        "side": "buy" if fill.side == BUY else "sell",
        "posSide": "net",
        "execType": "M" if fill.liquidity == "maker" else "T",
        "feeCcy": fill.fee_in,
        "fee": text(-fill.fee),
        "ts": ms(fill.ts_ns),
    }


def entry_price(cash: int, lots: int, market: Market) -> str:
    return text(abs(cash) * ATOM // (abs(lots) * market.unit_atoms * ATOM // market.tick_atoms))
