"""Binance's spelling of orders, fills and refusals, spot and USD-M futures."""

from __future__ import annotations

from typing import Any

from tests.venues.exchange.book import BUY, Order
from tests.venues.exchange.engine import NS_PER_MS, OrderChange
from tests.venues.exchange.markets import Kind, Market
from tests.venues.exchange.settlement import Fill
from tests.venues.exchange.units import fixed, text

from .base import Answer

STP = {"NONE": "none", "EXPIRE_TAKER": "taker", "EXPIRE_MAKER": "maker", "EXPIRE_BOTH": "both"}
STP_WORD = {word: name for name, word in STP.items()}

# code of the engine -> (spot code, spot message, futures code, futures message)
REFUSALS = {
    "unknown_market": (-1121, "Invalid symbol.", -1121, "Invalid symbol."),
    "price_precision": (
        -1013,
        "Filter failure: PRICE_FILTER",
        -4014,
        "Price not increased by tick size.",
    ),
    "qty_precision": (
        -1013,
        "Filter failure: LOT_SIZE",
        -1111,
        "Precision is over the maximum defined for this asset.",
    ),
    "min_qty": (-1013, "Filter failure: LOT_SIZE", -4003, "Quantity less than or equal to zero."),
    "min_notional": (-1013, "Filter failure: NOTIONAL", -4164, "Order's notional must be no smaller than 100."),
    "insufficient_balance": (
        -2010,
        "Account has insufficient balance for requested action.",
        -2019,
        "Margin is insufficient.",
    ),
    "duplicate_client_id": (-2010, "Duplicate order sent.", -4116, "ClientOrderId is duplicated."),
    "bad_client_id": (
        -1100,
        "Illegal characters found in parameter 'newClientOrderId'; legal range is '^[a-zA-Z0-9-_]{1,36}$'.",
        -4015,
        "Client order id length should not be more than 36 chars.",
    ),
    "post_only": (
        -2010,
        "Order would immediately match and take.",
        -5022,
        "Due to the order could not be executed as maker, the Post Only order will be rejected.",
    ),
    "reduce_only": (-1106, "Parameter 'reduceOnly' sent when not required.", -2022, "ReduceOnly Order is rejected."),
    "stop_through": (
        -2010,
        "Stop price would trigger immediately.",
        -2021,
        "Order would immediately trigger.",
    ),
    "order_closed": (-2011, "Unknown order sent.", -2011, "Unknown order sent."),
    "qty_below_filled": (-2010, "Order amend rejected.", -4028, "Quantity is below the executed quantity."),
}


def error(code: int, message: str, status: int = 400) -> Answer:
    return Answer({"code": code, "msg": message}, status)


def refusal(code: str, is_futures: bool) -> Answer:
    words = REFUSALS[code]
    return error(*(words[2:] if is_futures else words[:2]))


def ms(ts_ns: int) -> int:
    return ts_ns // NS_PER_MS


def status_of(order: Order) -> str:
    if order.state == "filled":
        return "FILLED"
    if order.state == "canceled":
        if order.reason == "user":
            return "CANCELED"
        return "EXPIRED_IN_MATCH" if order.reason == "self_trade" else "EXPIRED"
    return "PARTIALLY_FILLED" if order.filled else "NEW"


def type_of(order: Order) -> str:
    return order.tags.get("type", "LIMIT" if order.price else "MARKET")


def force_of(order: Order) -> str:
    return order.tags.get("timeInForce", order.time_in_force)


def price_of(order: Order) -> str:
    market = order.market
    return fixed(order.price * market.tick_atoms, 8 if market.kind is Kind.SPOT else market.price_places)


def stop_price_of(order: Order) -> str:
    return fixed(order.stop * order.market.tick_atoms, 8)


def quantity(market: Market, lots: int) -> str:
    return fixed(lots * market.lot_atoms, 8 if market.kind is Kind.SPOT else market.qty_places)


def average(order: Order) -> str:
    """Mean price of the fills, cut to five decimals as the venue prints it."""
    if not order.filled:
        return "0.00000"
    return fixed(order.cash * 10**18 // (order.filled * order.market.lot_atoms), 5)


def spot_row(order: Order) -> dict[str, Any]:
    """The order as queries give it."""
    return {
        "symbol": order.market.name,
        "orderId": int(order.id),
        "orderListId": -1,
        "clientOrderId": order.client_id,
        "price": price_of(order),
        "origQty": quantity(order.market, order.qty),
        "executedQty": quantity(order.market, order.filled),
        "origQuoteOrderQty": fixed(order.budget, 8),
        "cummulativeQuoteQty": fixed(order.cash, 8),
        "status": status_of(order),
        "timeInForce": force_of(order),
        "type": type_of(order),
        "side": "BUY" if order.side == BUY else "SELL",
        "stopPrice": stop_price_of(order),
        "icebergQty": "0.00000000",
        "time": ms(order.created_ns),
        "updateTime": ms(order.updated_ns),
        "isWorking": not order.waits,
        "workingTime": -1 if order.waits else ms(order.created_ns),
        "selfTradePreventionMode": STP_WORD[order.self_trade],
    }


def futures_row(order: Order) -> dict[str, Any]:
    return {
        "orderId": int(order.id),
        "symbol": order.market.name,
        "status": status_of(order),
        "clientOrderId": order.client_id,
        "price": price_of(order),
        "avgPrice": average(order),
        "origQty": quantity(order.market, order.qty),
        "executedQty": quantity(order.market, order.filled),
        "cumQuote": fixed(order.cash, 5),
        "timeInForce": force_of(order),
        "type": type_of(order),
        "reduceOnly": order.reduce_only,
        "closePosition": False,
        "side": "BUY" if order.side == BUY else "SELL",
        "positionSide": "BOTH",
        "stopPrice": "0",
        "workingType": "CONTRACT_PRICE",
        "priceProtect": False,
        "origType": type_of(order),
        "priceMatch": "NONE",
        "selfTradePreventionMode": STP_WORD[order.self_trade],
        "goodTillDate": 0,
        "time": ms(order.created_ns),
        "updateTime": ms(order.updated_ns),
    }


def placed(order: Order, fills: list[Fill]) -> dict[str, Any]:
    """The answer to a spot order, response type FULL."""
    row = spot_row(order)
    for word in ("stopPrice", "icebergQty", "time", "updateTime", "isWorking"):
        del row[word]
    return row | {
        "transactTime": ms(order.updated_ns),
        "fills": [
            {
                "price": fixed(fill.price * fill.market.tick_atoms, 8),
                "qty": quantity(fill.market, fill.lots),
                "commission": fixed(fill.fee, 8),
                "commissionAsset": fill.fee_in,
                "tradeId": fill.trade_id,
            }
            for fill in fills
        ],
    }


def trade_row(fill: Fill) -> dict[str, Any]:
    market = fill.market
    row: dict[str, Any] = {
        "symbol": market.name,
        "id": fill.trade_id,
        "orderId": int(fill.order_id),
        "price": fixed(fill.price * market.tick_atoms, 8),
        "qty": quantity(market, fill.lots),
        "quoteQty": fixed(fill.cash, 8),
        "commission": fixed(fill.fee, 8),
        "commissionAsset": fill.fee_in,
        "time": ms(fill.ts_ns),
    }
    if market.kind is Kind.SPOT:
        return row | {
            "orderListId": -1,
            "isBuyer": fill.side == BUY,
            "isMaker": fill.liquidity == "maker",
            "isBestMatch": True,
        }
    return row | {
        "side": "BUY" if fill.side == BUY else "SELL",
        "positionSide": "BOTH",
        "buyer": fill.side == BUY,
        "maker": fill.liquidity == "maker",
        "realizedPnl": text(fill.realised),
    }


_EXECUTION = {"new": "NEW", "triggered": "NEW", "fill": "TRADE", "canceled": "CANCELED", "amended": "AMENDMENT"}


def execution_report(change: OrderChange, now_ms: int) -> dict[str, Any]:
    """The spot user stream's event. A cancel bears its own id in `c` and the order's in `C`."""
    order, fill = change.order, change.fill
    execution = _EXECUTION[change.what]
    if execution == "CANCELED" and order.reason != "user":
        execution = "TRADE_PREVENTION" if order.reason == "self_trade" else "EXPIRED"
    is_cancel = execution == "CANCELED"
    return {
        "e": "executionReport",
        "E": now_ms,
        "s": order.market.name,
        "c": order.tags.get("cancel_id", order.client_id) if is_cancel else order.client_id,
        "S": "BUY" if order.side == BUY else "SELL",
        "o": type_of(order),
        "f": force_of(order),
        "q": quantity(order.market, order.qty),
        "p": price_of(order),
        "P": stop_price_of(order),
        "F": "0.00000000",
        "g": -1,
        "C": order.client_id if is_cancel else "",
        "x": execution,
        "X": status_of(order),
        "r": "NONE",
        "i": int(order.id),
        "l": quantity(order.market, fill.lots) if fill else "0.00000000",
        "z": quantity(order.market, order.filled),
        "L": fixed(fill.price * order.market.tick_atoms, 8) if fill else "0.00000000",
        "n": fixed(fill.fee, 8) if fill else "0",
        "N": fill.fee_in if fill else None,
        "T": ms(change.ts_ns),
        "t": fill.trade_id if fill else -1,
        "I": int(order.id) * 10 + order.version,
        "w": order.is_open and not order.waits,
        "m": bool(fill and fill.liquidity == "maker"),
        "M": False,
        "O": ms(order.created_ns),
        "Z": fixed(order.cash, 8),
        "Y": fixed(fill.cash, 8) if fill else "0.00000000",
        "Q": fixed(order.budget, 8),
        "W": ms(order.created_ns),
        "V": STP_WORD[order.self_trade],
    }


def order_trade_update(change: OrderChange, now_ms: int) -> dict[str, Any]:
    """The futures user stream's event."""
    order, fill = change.order, change.fill
    execution = _EXECUTION[change.what]
    if execution == "CANCELED" and order.reason != "user":
        execution = "EXPIRED"
    body: dict[str, Any] = {
        "s": order.market.name,
        "c": order.client_id,
        "S": "BUY" if order.side == BUY else "SELL",
        "o": type_of(order),
        "f": force_of(order),
        "q": quantity(order.market, order.qty),
        "p": price_of(order),
        "ap": average(order),
        "sp": "0",
        "x": execution,
        "X": status_of(order),
        "i": int(order.id),
        "l": quantity(order.market, fill.lots) if fill else "0",
        "z": quantity(order.market, order.filled),
        "L": fixed(fill.price * order.market.tick_atoms, order.market.price_places) if fill else "0",
        "n": fixed(fill.fee, 8) if fill else "0",
        "N": fill.fee_in if fill else order.market.cash,
        "T": ms(change.ts_ns),
        "t": fill.trade_id if fill else 0,
        "b": "0",
        "a": "0",
        "m": bool(fill and fill.liquidity == "maker"),
        "R": order.reduce_only,
        "wt": "CONTRACT_PRICE",
        "ot": type_of(order),
        "ps": "BOTH",
        "cp": False,
        "rp": text(fill.realised) if fill else "0",
        "V": STP_WORD[order.self_trade],
    }
    return {"e": "ORDER_TRADE_UPDATE", "E": now_ms, "T": ms(change.ts_ns), "o": body}
