"""The words of Bitstamp (v2)."""

from __future__ import annotations

from typing import Any

from app.venues.cex.messages.words import (
    ACCOUNT,
    CANDLES,
    OWN_ORDERS,
    STATISTICS,
    TRANSFERS,
    Alive,
    Book,
    Confirmed,
    Incoming,
    Listing,
    Listings,
    Parsed,
    Ticker,
    Trade,
    Trades,
    UnknownShape,
    VenueSaysNo,
    exact,
    levels,
    one_of,
    step,
)

# Of a request, by the first part of its path that is here.
ANSWERS = {
    "ohlc": CANDLES,
    "eur_usd": STATISTICS,
    "balance": ACCOUNT,
    "fees": ACCOUNT,
    "websockets_token": ACCOUNT,
    "buy": OWN_ORDERS,
    "sell": OWN_ORDERS,
    "cancel_order": OWN_ORDERS,
    "cancel_all_orders": OWN_ORDERS,
    "order_status": OWN_ORDERS,
    "open_orders": OWN_ORDERS,
    "user_transactions": OWN_ORDERS,
    "transfer-to-main": TRANSFERS,
    "withdrawal": TRANSFERS,
    "withdrawal_requests": TRANSFERS,
    "bitcoin_withdrawal": TRANSFERS,
    "btc_withdrawal": TRANSFERS,
    "bitcoin_deposit_address": TRANSFERS,
    "ripple_address": TRANSFERS,
    "xrp_address": TRANSFERS,
    "unconfirmed_btc": TRANSFERS,
}


def parse(message: Incoming) -> Parsed:
    """One message of Bitstamp."""
    body = message.body
    if message.is_answer:
        return _answer(message)
    match body["event"]:
        case "bts:subscription_succeeded" | "bts:unsubscription_succeeded":
            return Confirmed(body["channel"])
        case "bts:heartbeat" | "bts:request_reconnect":
            return Alive()
        case "bts:error":
            return VenueSaysNo(str(body["data"].get("code", "")), body["data"]["message"])
        case "order_created" | "order_changed" | "order_deleted" if body["channel"].startswith("private-"):
            return OWN_ORDERS
    channel, _, symbol = body["channel"].rpartition("_")
    data = body["data"]
    if channel in {"diff_order_book", "order_book", "detail_order_book"}:
        return _book(symbol, data, is_whole=channel != "diff_order_book")
    if channel == "live_trades":
        # The first version had no texts, and another name for the side.
        price, qty = exact(data.get("price_str", data["price"])), exact(data.get("amount_str", data["amount"]))
        side = data["type"] if "type" in data else data["order_type"]
        return Trades((Trade(symbol, str(data["id"]), price, qty, one_of(side, "0", "1")),))
    raise UnknownShape(body["channel"])


def _book(symbol: str, data: Any, *, is_whole: bool) -> Book:
    # The venue orders books by its microsecond stamp; there is no other sequence.
    seq = int(data["microtimestamp"])
    return Book(symbol, levels(data["bids"]), levels(data["asks"]), is_whole, last_seq=seq)


def _answer(message: Incoming) -> Parsed:
    body = message.body
    if isinstance(body, dict) and ("error" in body or body.get("status") == "error"):
        return VenueSaysNo(str(body.get("code", "")), str(body.get("error", body.get("reason", ""))))
    parts = [part for part in message.path.split("/") if part not in {"", "api", "v2"}]
    for part in parts:
        if part in ANSWERS:
            return ANSWERS[part]
    match parts:
        case ["order_book", symbol]:
            return _book(symbol, body | {"microtimestamp": body.get("microtimestamp", "0")}, is_whole=True)
        case ["ticker", symbol]:
            return Ticker(symbol, exact(body["bid"]), exact(body["ask"]), exact(body["last"]))
        case ["transactions", symbol]:
            return Trades(
                tuple(
                    Trade(symbol, r["tid"], exact(r["price"]), exact(r["amount"]), one_of(r["type"], "0", "1"))
                    for r in body
                )
            )
        case ["trading-pairs-info"]:
            return Listings(tuple(_listing(row) for row in body))
    raise UnknownShape(message.path)


def _listing(row: Any) -> Listing:
    base, _, quote = row["name"].partition("/")
    return Listing(row["url_symbol"], base, quote, step(row["counter_decimals"]), step(row["base_decimals"]))
