"""The words of AscendEX, spot and futures."""

from __future__ import annotations

from typing import Any

from app.venues.cex.messages.words import (
    Alive,
    Book,
    Confirmed,
    Greeting,
    Incoming,
    Listing,
    Listings,
    Parsed,
    Trade,
    Trades,
    UnknownShape,
    exact,
    levels,
)


def parse(message: Incoming) -> Parsed:
    """One message of AscendEX."""
    body = message.body
    if message.is_answer:
        return Listings(tuple(_listing(row) for row in body["data"]))
    data = body.get("data")
    match body["m"]:
        case "connected":
            return Greeting()
        case "sub":
            return Confirmed(body["ch"])
        case "ping":
            return Alive(answer='{"op":"pong"}')
        case "depth" | "depth-snapshot":
            bids, asks = levels(data["bids"]), levels(data["asks"])
            return Book(body["symbol"], bids, asks, body["m"] == "depth-snapshot", last_seq=data["seqnum"])
        case "trades":
            # `bm`: the buyer was the maker.
            symbol = body["symbol"]
            return Trades(
                tuple(Trade(symbol, str(r["seqnum"]), exact(r["p"]), exact(r["q"]), not r["bm"]) for r in data)
            )
    raise UnknownShape(body["m"])


def _listing(row: Any) -> Listing:
    if "priceFilter" in row:
        base, _, quote = row["underlying"].partition("/")
        tick, lot = exact(row["priceFilter"]["tickSize"]), exact(row["lotSizeFilter"]["lotSize"])
        return Listing(row["symbol"], base, quote, tick, lot)
    return Listing(row["symbol"], row["baseAsset"], row["quoteAsset"], exact(row["tickSize"]), exact(row["lotSize"]))
