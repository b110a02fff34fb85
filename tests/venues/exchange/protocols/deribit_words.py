"""Deribit's spelling of instruments, orders, trades and errors, and what its behaviour here rests on."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from tests.venues.exchange.book import BUY, Order
from tests.venues.exchange.engine import NS_PER_MS
from tests.venues.exchange.markets import Kind, Market
from tests.venues.exchange.settlement import Fill
from tests.venues.exchange.units import ATOM, decimal

from .base import Answer, Basis

EXPIRY_MS = int(datetime(2032, 12, 31, 8, tzinfo=UTC).timestamp() * 1000)


def _option(strike: str, right: str, mid: str) -> Market:
    return Market(
        f"BTC-31DEC32-{strike}-{right}",
        "BTC",
        "USD",
        "0.0001",
        "0.1",
        mid,
        Kind.OPTION,
        "BTC",
        maker_ppm=300,
        taker_ppm=300,
        fee_in="settle",
        expiry_ms=EXPIRY_MS,
        strike=strike,
        option_type="call" if right == "C" else "put",
    )


MARKETS = (
    Market("BTC_USDT", "BTC", "USDT", "0.01", "0.0001", "60000", maker_ppm=0, taker_ppm=0),
    Market("BTC_USDC", "BTC", "USDC", "0.01", "0.0001", "60000", maker_ppm=0, taker_ppm=0),
    Market(
        "BTC-PERPETUAL",
        "BTC",
        "USD",
        "0.5",
        "10",
        "60000",
        Kind.INVERSE,
        "BTC",
        maker_ppm=0,
        taker_ppm=500,
        fee_in="settle",
    ),
    Market(
        "BTC-31DEC32",
        "BTC",
        "USD",
        "2.5",
        "10",
        "61000",
        Kind.INVERSE,
        "BTC",
        maker_ppm=0,
        taker_ppm=500,
        fee_in="settle",
        expiry_ms=EXPIRY_MS,
    ),
    Market(
        "BTC_USDC-PERPETUAL",
        "BTC",
        "USDC",
        "0.5",
        "0.001",
        "60000",
        Kind.LINEAR,
        "USDC",
        maker_ppm=0,
        taker_ppm=500,
        fee_in="settle",
    ),
    _option("60000", "C", "0.2"),
    _option("60000", "P", "0.1"),
    _option("80000", "C", "0.15"),
)

_V2 = "Deribit API v2 documents"
BASIS = (
    Basis("get_instruments, get_order_book", "recording", "wire/DERIBIT, derivatives/ (quantflow fixtures)"),
    Basis("book notifications: snapshot, change, change_id and prev_change_id", "recording", "wire/DERIBIT"),
    Basis("JSON-RPC over HTTP GET, POST and WebSocket, errors with HTTP 400", "document", _V2 + ", naming"),
    Basis("public/auth: client_credentials, client_signature; deri-hmac-sha256 header", "document", _V2),
    Basis("label as client id: up to 64 characters, not unique, get_order_state_by_label", "document", _V2),
    Basis("post_only moves the price unless reject_post_only (11054)", "document", _V2 + ", private/buy"),
    Basis("raw books only for who has logged in (13778)", "document", _V2 + ", book channel"),
    Basis("user.orders, user.trades, user.portfolio channels", "document", _V2),
    Basis("enable_cancel_on_disconnect", "document", _V2),
    Basis("set_heartbeat, test_request answered by public/test", "document", _V2),
    Basis("13888 timed_out and 13028 leave the order unknown", "assumption", "read from the error list's wording"),
    Basis("stop_limit: trigger, trigger_price; a trigger order with an id of its own, untriggered", "document", _V2),
    Basis("one that is off is triggered, and an order with trigger_order_id and its label is made", "document", _V2),
    Basis("11036 for a trigger price that is through already", "document", _V2 + ", error codes"),
    Basis("spot takes trigger orders; a time in force is of the order that comes of them", "assumption", "not said"),
    Basis("by label: trigger orders in any state; by id too; canceled ones are in no order history", "assumption", "-"),
    Basis("a trigger order holds nothing; one that cannot be paid when it is off is rejected", "assumption", "-"),
    Basis("option fee on the underlying, at most an eighth of the premium", "document", "Deribit fees"),
    Basis("spot without fee", "document", "Deribit fees"),
    Basis("self-trade prevention cancels the taker", "assumption", "the account's setting; default not seen"),
    Basis("margin: a tenth of the notional; no settlement, funding or expiry", "assumption", "not needed to route"),
)

# code of the engine -> (code, message, reason)
REFUSALS = {
    "unknown_market": (13020, "not_found", "instrument not found"),
    "price_precision": (-32602, "Invalid params", "must conform to tick size"),
    "qty_precision": (-32602, "Invalid params", "must be a multiple of the minimum order size"),
    "min_qty": (-32602, "Invalid params", "must be at least the minimum order size"),
    "min_notional": (-32602, "Invalid params", "must be at least the minimum order size"),
    "insufficient_balance": (10009, "not_enough_funds", ""),
    "bad_client_id": (-32602, "Invalid params", "label too long"),
    "post_only": (11054, "post_only_reject", ""),
    "reduce_only": (11042, "must_be_reduce_only", "no position to reduce"),
    "order_closed": (11044, "not_open_order", ""),
    "order_unknown": (10004, "order_not_found", ""),
    "qty_below_filled": (10018, "invalid_amount", ""),
    "stop_through": (11036, "invalid_stoppx_for_index_or_last", ""),
}
FORCES = {
    "good_til_cancelled": "GTC",
    "good_til_day": "GTC",
    "immediate_or_cancel": "IOC",
    "fill_or_kill": "FOK",
}
_FORCE_WORDS = {"GTC": "good_til_cancelled", "IOC": "immediate_or_cancel", "FOK": "fill_or_kill"}


def failed(code: int, message: str, reason: str = "", status: int = 400) -> Answer:
    error: dict[str, Any] = {"code": code, "message": message}
    if reason:
        error["data"] = {"reason": reason}
    return Answer({"jsonrpc": "2.0", "error": error}, status)


def number(amount: int) -> int | float:
    """The JSON number that the venue prints: an integer where it is one, else the shortest double."""
    plain = decimal(amount)
    return int(plain) if plain == plain.to_integral_value() else float(plain)


def digits(value: Any) -> str:
    """A number or string of a request as plain digits."""
    return format(Decimal(str(value)), "f") if value not in {None, ""} else ""


def kind_of(market: Market) -> str:
    return {Kind.SPOT: "spot", Kind.OPTION: "option"}.get(market.kind, "future")


def instrument(market: Market) -> dict[str, Any]:
    linear = market.kind in {Kind.LINEAR, Kind.SPOT}
    row: dict[str, Any] = {
        "tick_size": float(market.tick),
        "tick_size_steps": [],
        "taker_commission": market.taker_ppm / 1e6,
        "maker_commission": market.maker_ppm / 1e6,
        "settlement_period": "month" if market.expiry_ms else "perpetual",
        "settlement_currency": market.settle or market.quote,
        "rfq": False,
        "quote_currency": market.settle if market.kind is Kind.OPTION else market.quote,
        "price_index": f"{market.base}_{market.quote}".lower(),
        "min_trade_amount": number(market.lot_atoms),
        "kind": kind_of(market),
        "is_active": True,
        "instrument_name": market.id,
        "instrument_id": 124972,
        "instrument_type": "linear" if linear else "reversed",
        "expiration_timestamp": market.expiry_ms or 32503708800000,
        "creation_timestamp": 1534167754000,
        "counter_currency": market.quote,
        "contract_size": number(market.lot_atoms) if market.kind is not Kind.OPTION else 1,
        "base_currency": market.base,
        "block_trade_commission": 0.0003,
    }
    if market.kind is Kind.SPOT:
        del row["settlement_period"], row["settlement_currency"], row["expiration_timestamp"]
    if market.kind is Kind.OPTION:
        row |= {"strike": float(market.strike), "option_type": market.option_type}
    elif market.is_derivative:
        row |= {"max_leverage": 50, "future_type": "linear" if linear else "reversed"}
    return row


def state_of(order: Order) -> str:
    return {"open": "open", "filled": "filled", "canceled": "cancelled"}[order.state]


def mean_price(market: Market, cash: int, lots: int) -> int:
    """Atoms of price at which `lots` cost `cash`."""
    if not lots:
        return 0
    if market.kind is Kind.INVERSE:
        return lots * market.lot_atoms * ATOM // cash if cash else 0
    return cash * market.tick_atoms // (lots * market.unit_atoms)


def order_row(order: Order) -> dict[str, Any]:
    market = order.market
    row: dict[str, Any] = {
        "order_id": order.id,
        "instrument_name": market.id,
        "direction": "buy" if order.side == BUY else "sell",
        "order_type": order.kind,
        "order_state": state_of(order),
        "price": number(order.price * market.tick_atoms) if order.price else "market_price",
        "amount": number(order.qty * market.lot_atoms),
        "filled_amount": number(order.filled * market.lot_atoms),
        "average_price": number(mean_price(market, order.cash, order.filled)),
        "max_show": number(order.qty * market.lot_atoms),
        "time_in_force": _FORCE_WORDS[order.time_in_force],
        "post_only": order.post_only,
        "reduce_only": order.reduce_only,
        "label": order.client_id,
        "creation_timestamp": order.created_ns // NS_PER_MS,
        "last_update_timestamp": order.updated_ns // NS_PER_MS,
        "replaced": False,
        "api": True,
        "web": False,
        "mmp": False,
        "is_liquidation": False,
        "risk_reducing": False,
    }
    if order.stop:
        row |= {"trigger_order_id": trigger_id(order), "triggered": True}
    if order.state == "canceled":
        row["cancel_reason"] = "user_request" if order.reason == "user" else order.reason
    return row


def trigger_id(order: Order) -> str:
    """The id of a trigger order: of a stop loss by the last trade price, as long as nothing has come of it."""
    return f"{order.market.cash}-SLT{'B' if order.side == BUY else 'S'}-{order.id}"


def numbers_order(name: str) -> str:
    """The engine's id in the id of an order or of a trigger order."""
    return name.rpartition("-SLT")[2][2:] if "-SLT" in name else name


def is_made(order: Order) -> bool:
    """Whether it is an order: not a trigger order that waits, was canceled before, or failed when it went off."""
    return not order.stop or ("off" in order.tags and order.reason != "trigger_failed")


def trigger_row(order: Order) -> dict[str, Any]:
    """A trigger order: what it waits for, and what became of it."""
    state = "untriggered" if order.waits else "triggered"
    if not order.is_open and not is_made(order):
        state = "rejected" if order.reason == "trigger_failed" else "cancelled"
    row = order_row(order) | {"order_id": trigger_id(order), "order_type": "stop_limit", "order_state": state}
    row |= {"filled_amount": 0, "average_price": 0, "triggered": state == "triggered", "trigger": "last_price"}
    row |= {"trigger_price": number(order.stop * order.market.tick_atoms)}
    row.pop("trigger_order_id", None)
    return row


def rows_of(order: Order) -> list[dict[str, Any]]:
    """Everything that bears its label: a trigger order, and the order that came of it."""
    made = [order_row(order)] if is_made(order) else []
    return [trigger_row(order), *made] if order.stop else made


def trade_row(fill: Fill) -> dict[str, Any]:
    market = fill.market
    return {
        "trade_seq": fill.trade_id,
        "trade_id": str(fill.trade_id),
        "timestamp": fill.ts_ns // NS_PER_MS,
        "tick_direction": 0,
        "state": "filled",
        "self_trade": False,
        "reduce_only": False,
        "price": number(fill.price * market.tick_atoms),
        "post_only": False,
        "order_type": "limit",
        "order_id": fill.order_id,
        "matching_id": None,
        "mark_price": number(fill.price * market.tick_atoms),
        "index_price": number(fill.price * market.tick_atoms),
        "liquidity": "M" if fill.liquidity == "maker" else "T",
        "label": fill.client_id,
        "instrument_name": market.id,
        "fee_currency": fill.fee_in,
        "fee": number(fill.fee),
        "direction": "buy" if fill.side == BUY else "sell",
        "amount": number(fill.lots * market.lot_atoms),
        "profit_loss": number(fill.realised),
        "api": True,
    }
