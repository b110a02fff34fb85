"""The words of HitBTC (v2) and of Bequant, which runs on it."""

from __future__ import annotations

from typing import Any

from app.venues.cex.messages.words import (
    CANDLES,
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
    is_buy,
    levels,
    maybe,
)


def parse(message: Incoming) -> Parsed:
    """One message of HitBTC or Bequant."""
    body = message.body
    if message.is_answer:
        return Listings(tuple(_listing(row) for row in body))
    if "error" in body:
        return VenueSaysNo(str(body["error"]["code"]), body["error"]["message"])
    if "result" in body:
        if body["result"] is not True:
            raise UnknownShape("a result that is not true")
        return Confirmed("subscription")
    data = body["params"]
    match body["method"]:
        case "snapshotOrderbook" | "updateOrderbook":
            bids, asks = levels(data["bid"], "price", "size"), levels(data["ask"], "price", "size")
            is_whole, seq = body["method"] == "snapshotOrderbook", data["sequence"]
            return Book(data["symbol"], bids, asks, is_whole, last_seq=seq, prev_seq=0 if is_whole else seq - 1)
        case "snapshotTrades" | "updateTrades":
            symbol = data["symbol"]
            return Trades(
                tuple(
                    Trade(symbol, str(r["id"]), exact(r["price"]), exact(r["quantity"]), is_buy(r["side"]))
                    for r in data["data"]
                )
            )
        case "ticker":
            return Ticker(data["symbol"], maybe(data["bid"]), maybe(data["ask"]), maybe(data["last"]))
        case "snapshotCandles" | "updateCandles":
            return CANDLES
    raise UnknownShape(body["method"])


def _listing(row: Any) -> Listing:
    tick, lot = exact(row["tickSize"]), exact(row["quantityIncrement"])
    return Listing(row["id"], row["baseCurrency"], row["quoteCurrency"], tick, lot)
