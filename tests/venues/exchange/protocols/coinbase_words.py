"""Coinbase Advanced's spelling of products, orders and refusals, and what its behaviour here rests on."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from tests.venues.exchange.book import BUY, Order
from tests.venues.exchange.markets import Market
from tests.venues.exchange.settlement import Fill
from tests.venues.exchange.units import ATOM, text

from .base import Answer, Basis


def _product(name: str, tick: str, lot: str, mid: str) -> Market:
    base, quote = name.split("-")
    return Market(
        name,
        base,
        quote,
        tick,
        lot,
        mid,
        min_notional="1",
        maker_ppm=4000,
        taker_ppm=6000,
        fee_in="quote",
        fee_places=13,
    )


MARKETS = (
    _product("BTC-USD", "0.01", "0.00000001", "60000"),
    _product("ETH-USD", "0.01", "0.00000001", "3000"),
    _product("BTC-USDT", "0.01", "0.00000001", "60000"),
    _product("ETH-USDT", "0.01", "0.00000001", "3000"),
)

_REST, _WS = "Coinbase Advanced Trade REST documents", "Coinbase Advanced Trade WebSocket documents"
BASIS = (
    Basis("JWT by ES256 or Ed25519: sub, uri, nbf, exp; 401 `Unauthorized`", "document", "Coinbase CDP authentication"),
    Basis("products, product_book, accounts, orders, fills", "document", _REST),
    Basis("level2: snapshot and updates in l2_data, sequence_num counted per connection", "document", _WS),
    Basis("one update for every change", "assumption", "the venue joins changes of a moment; same books"),
    Basis("user channel: orders without single fills, cumulative sums only", "document", _WS + ", user channel"),
    Basis("a client_order_id used before: the old order comes back", "document", _REST + ", create order"),
    Basis("no query by client_order_id", "document", _REST + ", list orders has no such filter"),
    Basis("post-only that would take: success false, INVALID_LIMIT_PRICE_POST_ONLY", "document", _REST),
    Basis("success false with HTTP 200 proves that nothing was taken", "assumption", "read from the error examples"),
    Basis("IOC and FOK end CANCELLED", "assumption", "the status list has no other end"),
    Basis("stop_limit_stop_limit_gtc: stop_direction, trigger_status, one id before and after", "document", _REST),
    Basis("a stop on the wrong side of the last price: PREVIEW_STOP_PRICE_*, holds while it waits", "assumption", "-"),
    Basis("self-trade prevention cancels the newer order", "assumption", "not in the documents of Advanced Trade"),
    Basis("fee in the quote currency, uncut", "assumption", "commissions are printed with many decimals"),
    Basis("rate limits are not enforced", "assumption", "faults set them"),
)

# code of the engine -> (error, preview_failure_reason, message)
REFUSALS = {
    "unknown_market": ("INVALID_PRODUCT_ID", "PREVIEW_INVALID_PRODUCT_ID", "Invalid product_id"),
    "price_precision": ("INVALID_PRICE_PRECISION", "PREVIEW_INVALID_PRICE_PRECISION", "Too many decimals in price"),
    "qty_precision": ("INVALID_SIZE_PRECISION", "PREVIEW_INVALID_SIZE_PRECISION", "Too many decimals in size"),
    "min_qty": ("INVALID_BASE_SIZE", "PREVIEW_INVALID_BASE_SIZE_TOO_SMALL", "Size too small"),
    "min_notional": ("INVALID_QUOTE_SIZE", "PREVIEW_INVALID_QUOTE_SIZE_TOO_SMALL", "Order too small"),
    "insufficient_balance": (
        "INSUFFICIENT_FUND",
        "PREVIEW_INSUFFICIENT_FUND",
        "Insufficient balance in source account",
    ),
    "bad_client_id": ("INVALID_CLIENT_ORDER_ID", "PREVIEW_INVALID_CLIENT_ORDER_ID", "Invalid client_order_id"),
    "post_only": (
        "INVALID_LIMIT_PRICE_POST_ONLY",
        "PREVIEW_INVALID_LIMIT_PRICE_POST_ONLY",
        "Post only order would take liquidity",
    ),
    "stop_through": (
        "UNKNOWN_FAILURE_REASON",
        "PREVIEW_STOP_PRICE_BELOW_LAST_TRADE_PRICE",
        "Stop price is on the wrong side of the last trade price",
    ),
    "order_closed": ("UNKNOWN_CANCEL_ORDER", "UNKNOWN", "Order is not open"),
    "qty_below_filled": ("CANNOT_EDIT_TO_BELOW_FILLED_SIZE", "UNKNOWN", "Below the filled size"),
    "reduce_only": ("UNSUPPORTED_ORDER_CONFIGURATION", "UNKNOWN", "Not for spot"),
}
CONFIGURATIONS = {
    "limit_limit_gtc": "GTC",
    "sor_limit_ioc": "IOC",
    "limit_limit_fok": "FOK",
    "stop_limit_stop_limit_gtc": "GTC",
    "market_market_ioc": "IOC",
    "market_market_fok": "FOK",
}
DIRECTIONS = {BUY: "STOP_DIRECTION_STOP_UP", -BUY: "STOP_DIRECTION_STOP_DOWN"}
_FORCES = {"GTC": "GOOD_UNTIL_CANCELLED", "IOC": "IMMEDIATE_OR_CANCEL", "FOK": "FILL_OR_KILL"}
_NAMES = uuid.UUID("6f0f7a0e-0000-4000-8000-000000000000")


def order_uuid(number: int) -> str:
    return str(uuid.uuid5(_NAMES, f"order {number}"))


def trade_uuid(number: int | str) -> str:
    return str(uuid.uuid5(_NAMES, f"trade {number}"))


def stamp(ts_ns: int) -> str:
    whole = datetime.fromtimestamp(ts_ns // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{ts_ns % 10**9 // 1000:06d}Z"


def problem(word: str, message: str, status: int) -> Answer:
    return Answer({"error": word, "error_details": message, "message": message}, status)


def failure(code: str, order: dict[str, Any]) -> Answer:
    """An order that was not taken: HTTP 200 and success false."""
    error, reason, message = REFUSALS[code]
    response = {"error": error, "message": message, "error_details": "", "preview_failure_reason": reason}
    return Answer(
        {
            "success": False,
            "failure_reason": "UNKNOWN_FAILURE_REASON",
            "order_id": "",
            "error_response": response | {"new_order_failure_reason": error},
            "order_configuration": order.get("order_configuration"),
        }
    )


def product(market: Market) -> dict[str, Any]:
    return {
        "product_id": market.id,
        "price": market.mid,
        "base_increment": market.lot,
        "quote_increment": market.tick,
        "price_increment": market.tick,
        "quote_min_size": market.min_notional,
        "quote_max_size": "50000000",
        "base_min_size": market.lot,
        "base_max_size": "3400",
        "base_name": market.base,
        "quote_name": market.quote,
        "base_currency_id": market.base,
        "quote_currency_id": market.quote,
        "base_display_symbol": market.base,
        "quote_display_symbol": market.quote,
        "watched": False,
        "is_disabled": False,
        "new": False,
        "status": "online",
        "cancel_only": False,
        "limit_only": False,
        "post_only": False,
        "trading_disabled": False,
        "auction_mode": False,
        "product_type": "SPOT",
        "view_only": False,
        "alias": "",
        "alias_to": [],
    }


def status_of(order: Order) -> str:
    return {"open": "OPEN", "filled": "FILLED", "canceled": "CANCELLED"}[order.state]


def trigger_status(order: Order) -> str:
    if not order.stop:
        return "INVALID_ORDER_TYPE"
    return "STOP_PENDING" if order.waits else "STOP_TRIGGERED"


def average(order: Order) -> str:
    return text(order.cash * ATOM // (order.filled * order.market.lot_atoms)) if order.filled else "0"


def _configuration(order: Order) -> dict[str, Any]:
    name = order.tags["configuration"]
    if name.startswith("market"):
        size = {"quote_size": text(order.budget)} if order.budget else {"base_size": order.market.qty(order.qty)}
        return {name: size}
    body = {"base_size": order.market.qty(order.qty), "limit_price": order.market.price(order.price)}
    if name == "limit_limit_gtc":
        body |= {"post_only": order.post_only}
    if order.stop:
        body |= {"stop_price": order.market.price(order.stop), "stop_direction": DIRECTIONS[order.side]}
    return {name: body}


def order_row(order: Order, fills: list[Fill]) -> dict[str, Any]:
    fee = sum(order.fees.values())
    sign = 1 if order.side == BUY else -1
    return {
        "order_id": order.id,
        "product_id": order.market.id,
        "user_id": order.account,
        "order_configuration": _configuration(order),
        "side": "BUY" if order.side == BUY else "SELL",
        "client_order_id": order.client_id,
        "status": status_of(order),
        "time_in_force": _FORCES[order.time_in_force],
        "created_time": stamp(order.created_ns),
        "completion_percentage": str(100 * order.filled // order.qty if order.qty else 100),
        "filled_size": order.market.qty(order.filled),
        "average_filled_price": average(order),
        "fee": "",
        "number_of_fills": str(len(fills)),
        "filled_value": text(order.cash),
        "pending_cancel": False,
        "size_in_quote": bool(order.budget),
        "total_fees": text(fee),
        "size_inclusive_of_fees": False,
        "total_value_after_fees": text(order.cash + sign * fee),
        "trigger_status": trigger_status(order),
        "order_type": "STOP_LIMIT" if order.stop else "LIMIT" if order.price else "MARKET",
        "reject_reason": "REJECT_REASON_UNSPECIFIED",
        "settled": not order.is_open,
        "product_type": "SPOT",
        "reject_message": "",
        "cancel_message": "" if order.is_open else order.reason,
        "order_placement_source": "RETAIL_ADVANCED",
        "outstanding_hold_amount": text(order.held),
        "is_liquidation": False,
        "last_fill_time": stamp(fills[-1].ts_ns) if fills else None,
        "edit_history": [],
    }


def user_row(order: Order, fills: list[Fill]) -> dict[str, Any]:
    """The order as the user channel tells it: sums only, no single fill."""
    return {
        "avg_price": average(order),
        "cancel_reason": "" if order.is_open else order.reason,
        "client_order_id": order.client_id,
        "completion_percentage": str(100 * order.filled // order.qty if order.qty else 100),
        "contract_expiry_type": "UNKNOWN_CONTRACT_EXPIRY_TYPE",
        "cumulative_quantity": order.market.qty(order.filled),
        "filled_value": text(order.cash),
        "leaves_quantity": order.market.qty(order.left) if order.is_open else "0",
        "limit_price": order.market.price(order.price),
        "number_of_fills": str(len(fills)),
        "order_id": order.id,
        "order_side": "BUY" if order.side == BUY else "SELL",
        "order_type": "Stop Limit" if order.stop else "Limit" if order.price else "Market",
        "outstanding_hold_amount": text(order.held),
        "post_only": str(order.post_only).lower(),
        "product_id": order.market.id,
        "product_type": "SPOT",
        "reject_reason": "",
        "risk_managed_by": "UNKNOWN_RISK_MANAGEMENT_TYPE",
        "status": status_of(order),
        "stop_price": order.market.price(order.stop) if order.stop else "",
        "time_in_force": _FORCES[order.time_in_force],
        "total_fees": text(sum(order.fees.values())),
        "total_value_after_fees": text(order.cash),
        "trigger_status": trigger_status(order),
        "creation_time": stamp(order.created_ns),
        "end_time": "0001-01-01T00:00:00Z",
        "start_time": "0001-01-01T00:00:00Z",
    }


def fill_row(fill: Fill) -> dict[str, Any]:
    return {
        "entry_id": trade_uuid(f"{fill.trade_id}/{fill.order_id}"),
        "trade_id": trade_uuid(fill.trade_id),
        "order_id": fill.order_id,
        "trade_time": stamp(fill.ts_ns),
        "trade_type": "FILL",
        "price": fill.market.price(fill.price),
        "size": fill.market.qty(fill.lots),
        "commission": text(fill.fee),
        "product_id": fill.market.id,
        "sequence_timestamp": stamp(fill.ts_ns),
        "liquidity_indicator": fill.liquidity.upper(),
        "size_in_quote": False,
        "user_id": fill.account,
        "side": "BUY" if fill.side == BUY else "SELL",
        "retail_portfolio_id": "",
    }
