"""Bybit's spelling of markets, orders, fills and refusals, and what its behaviour rests on."""

from __future__ import annotations

from typing import Any

from tests.venues.exchange.book import BUY, Order
from tests.venues.exchange.engine import NS_PER_MS
from tests.venues.exchange.markets import Kind, Market
from tests.venues.exchange.settlement import Fill
from tests.venues.exchange.units import text

from .base import Basis
from .wording import average, rate

# The engine's refusals in the words of the spot matching engine and of the derivatives one.
SPOT_CODES = {
    "unknown_market": (170121, "Invalid symbol."),
    "price_precision": (170134, "Order price has too many decimals."),
    "qty_precision": (170137, "Order quantity has too many decimals."),
    "min_qty": (170136, "Order quantity exceeded lower limit."),
    "min_notional": (170140, "Order value exceeded lower limit."),
    "insufficient_balance": (170131, "Insufficient balance."),
    "duplicate_client_id": (170141, "Duplicate clientOrderId."),
    "bad_client_id": (10001, "orderLinkId invalid."),
    "order_closed": (170213, "Order does not exist."),
    "unknown_order": (170213, "Order does not exist."),
    "qty_below_filled": (170810, "Cannot exceed maximum of 500 conditional, TP/SL and active orders."),
}
CONTRACT_CODES = {
    "unknown_market": (10001, "params error: symbol invalid"),
    "price_precision": (10001, "params error: Price invalid"),
    "qty_precision": (10001, "params error: Qty invalid"),
    "min_qty": (10001, "The number of contracts exceeds minimum limit allowed"),
    "min_notional": (110094, "Order notional value below the lower limit"),
    "insufficient_balance": (110007, "ab not enough for new order"),
    "duplicate_client_id": (110072, "OrderLinkedID is duplicate"),
    "bad_client_id": (10001, "orderLinkId invalid."),
    "order_closed": (110001, "order not exists or too late to cancel"),
    "unknown_order": (110001, "order not exists or too late to cancel"),
    "reduce_only": (110017, "current position is zero, cannot fix reduce-only order qty"),
    "qty_below_filled": (
        110064,
        "The number of contracts modified cannot be less than or equal to the filled quantity",
    ),
}

MARKETS = (
    Market("BTCUSDT", "BTC", "USDT", "0.01", "0.000001", "60000", min_notional="5"),
    Market("ETHUSDT", "ETH", "USDT", "0.01", "0.00001", "3000", min_notional="5"),
    Market(
        "BTCUSDT.linear",
        "BTC",
        "USDT",
        "0.1",
        "0.001",
        "60010",
        Kind.LINEAR,
        "USDT",
        min_notional="5",
        maker_ppm=200,
        taker_ppm=550,
        fee_in="settle",
        alias="BTCUSDT",
    ),
    Market(
        "BTCUSD",
        "BTC",
        "USD",
        "0.1",
        "1",
        "60005",
        Kind.INVERSE,
        "BTC",
        maker_ppm=200,
        taker_ppm=550,
        fee_in="settle",
    ),
)

REJECT_REASONS = {"post_only": "EC_PostOnlyWillTakeLiquidity", "ioc": "EC_NoImmediateQtyToFill"}

BASIS = (
    Basis("retCode, retMsg, result, time around every answer; errors come with status 200", "document", "v5/guide"),
    Basis("signature: HMAC-SHA256 hex of timestamp + key + recv_window + query or body", "document", "v5/guide"),
    Basis("10002 when the timestamp is a window old or a second early", "document", "v5/guide"),
    Basis("10006 with X-Bapi-Limit headers at the limit, 403 for a banned address", "document", "v5/rate-limit"),
    Basis(
        "order ids for spot and derivatives are digits; the real derivatives ids are UUIDs",
        "assumption",
        "one counter for all",
    ),
    Basis("a create is acknowledged before it matches; post-only that would take is Cancelled", "document", "enum"),
    Basis("orderLinkId: 36 of A-Za-z0-9-_, never twice", "document", "v5/order/create-order"),
    Basis("spot market buys count quote unless marketUnit is baseCoin", "document", "v5/order/create-order"),
    Basis("realtime shows closed orders only by id (the last 500)", "document", "v5/order/open-order"),
    Basis("book: snapshot, deltas whose u grows by one, size 0 deletes", "document", "v5/websocket/public/orderbook"),
    Basis("subscribe answer {success, ret_msg, conn_id}", "recording", "wire/BYBIT (v2 protocol, 2021)"),
    Basis("rows of order, execution, wallet and position", "recording", "adapters/gocryptotrader/bybit_wsAuth"),
    Basis("private login: HMAC-SHA256 hex of GET/realtime and expires", "document", "v5/ws/connect"),
    Basis("smpType cancels the taker, the maker or both", "document", "v5/smp"),
    Basis(
        "disconnected-cancel-all: timeWindow seconds without a private socket, for one product",
        "document",
        "v5/order/dcp",
    ),
    Basis(
        "spot fees are taken from what is received, to 8 decimals", "assumption", "v5 says received, not the decimals"
    ),
    Basis(
        "conditional orders of contracts: triggerDirection, one id; Untriggered, Deactivated if canceled so",
        "document",
        "v5/order/create-order, v5/enum",
    ),
    Basis("the rest of an IOC: Cancelled, rejectReason EC_NoImmediateQtyToFill", "document", "v5/enum"),
    Basis("a trigger price that is through: 110092 rising, 110093 falling", "document", "v5/error"),
    Basis("lists without orderFilter show conditional orders of contracts too", "document", "v5/order/open-order"),
    Basis("a conditional order holds nothing until it is off", "assumption", "said of spot alone"),
    Basis("one that is off is told as New, then as what it becomes", "assumption", "Triggered is an instant"),
    Basis("fills are told on execution before the order's state on order", "assumption", "the topics have no order"),
)


def instrument(market: Market) -> dict[str, Any]:
    names = {"symbol": market.name, "baseCoin": market.base, "quoteCoin": market.quote, "status": "Trading"}
    if market.kind is Kind.SPOT:
        lots = {"basePrecision": market.lot, "quotePrecision": "0.00000001", "minOrderQty": market.qty(market.min_lots)}
        lots |= {"maxOrderQty": "10000", "minOrderAmt": market.min_notional, "maxOrderAmt": "4000000"}
        return names | {
            "innovation": "0",
            "marginTrading": "none",
            "lotSizeFilter": lots,
            "priceFilter": {"tickSize": market.tick},
        }
    lots = {"qtyStep": market.lot, "minOrderQty": market.qty(market.min_lots), "maxOrderQty": "1000000"}
    if market.kind is Kind.LINEAR:
        lots["minNotionalValue"] = market.min_notional
    word = "LinearPerpetual" if market.kind is Kind.LINEAR else "InversePerpetual"
    return names | {
        "contractType": word,
        "settleCoin": market.settle,
        "launchTime": "1585526400000",
        "deliveryTime": "0",
        "priceScale": str(market.price_places),
        "lotSizeFilter": lots,
        "fundingInterval": 480,
        "priceFilter": {"minPrice": market.tick, "maxPrice": "1999999.8", "tickSize": market.tick},
        "leverageFilter": {"minLeverage": "1", "maxLeverage": "100.00", "leverageStep": "0.01"},
    }


def order_row(order: Order) -> dict[str, Any]:
    market = order.market
    is_quote = order.tags.get("unit") == "quoteCoin"
    row = {
        "symbol": market.name,
        "orderId": order.id,
        "orderLinkId": order.client_id,
        "side": "Buy" if order.side == BUY else "Sell",
        "orderType": order.kind.capitalize(),
        "price": market.price(order.price),
        "qty": text(order.budget) if is_quote else market.qty(order.qty),
        "timeInForce": order.tags.get("force", "GTC"),
        "orderStatus": status_of(order),
        "leavesQty": market.qty(order.left) if order.is_open else "0",
        "cumExecQty": market.qty(order.filled),
        "cumExecValue": text(order.cash),
        "avgPrice": average(market, order.filled, order.cash),
        "cumExecFee": text(sum(order.fees.values())),
        "cumFeeDetail": {c: text(f) for c, f in order.fees.items()},
        "rejectReason": REJECT_REASONS.get(order.reason, "EC_NoError"),
        "cancelType": "CancelByUser" if order.reason == "user" else "UNKNOWN",
        "createType": "CreateByUser",
        "createdTime": str(order.created_ns // NS_PER_MS),
        "updatedTime": str(order.updated_ns // NS_PER_MS),
        "reduceOnly": order.reduce_only,
        "positionIdx": 0,
        "triggerPrice": market.price(order.stop) if order.stop else "",
        "stopOrderType": "Stop" if order.stop else "",
    }
    if market.is_derivative:
        row |= {"tpslMode": "", "takeProfit": "", "stopLoss": "", "closeOnTrigger": False, "triggerDirection": 0}
        row |= {"triggerBy": "LastPrice", "triggerDirection": 1 if order.side == BUY else 2} if order.stop else {}
    else:
        row |= {"marketUnit": order.tags.get("unit", "") if order.kind == "market" else ""}
    return row


def execution_row(fill: Fill, order: Order) -> dict[str, Any]:
    market = fill.market
    ppm = market.maker_ppm if fill.liquidity == "maker" else market.taker_ppm
    return {
        "category": str(market.kind),
        "symbol": market.name,
        "orderId": fill.order_id,
        "orderLinkId": fill.client_id,
        "execId": str(fill.trade_id),
        "side": "Buy" if fill.side == BUY else "Sell",
        "execType": "Trade",
        "execPrice": market.price(fill.price),
        "execQty": market.qty(fill.lots),
        "execValue": text(fill.cash),
        "execFee": text(fill.fee),
        "feeCurrency": fill.fee_in,
        "feeCoin": fill.fee_in,
        "feeRate": rate(ppm),
        "isMaker": fill.liquidity == "maker",
        "orderType": order.kind.capitalize(),
        "stopOrderType": "",
        "orderPrice": market.price(order.price),
        "orderQty": market.qty(order.qty),
        "closedSize": "",
        "leavesQty": market.qty(order.left),
        "execTime": str(fill.ts_ns // NS_PER_MS),
        "seq": fill.trade_id,
    }


def status_of(order: Order) -> str:
    if order.waits:
        return "Untriggered" if order.is_open else "Deactivated"
    if order.reason == "trigger_failed":
        return "Rejected"
    if order.is_open:
        return "PartiallyFilled" if order.filled else "New"
    if order.state == "filled":
        return "Filled"
    return "PartiallyFilledCanceled" if order.filled and not order.market.is_derivative else "Cancelled"
