"""The words of Bitfinex (v2): arrays that start with the number of a channel."""

from __future__ import annotations

from typing import Any

from app.venues.cex.messages.words import (
    STATISTICS,
    Alive,
    Book,
    Confirmed,
    Greeting,
    Incoming,
    Level,
    Listing,
    Listings,
    Parsed,
    Ticker,
    Trade,
    Trades,
    UnknownShape,
    VenueSaysNo,
    exact,
)


def parse(message: Incoming) -> Parsed:
    """One message of Bitfinex; what a channel number means was said by its confirmation."""
    body = message.body
    if message.is_answer:
        (names,) = body
        if message.path.endswith(":currency"):
            return STATISTICS  # names of currencies: the pairs name them too
        return Listings(tuple(_listing(name) for name in names))
    if isinstance(body, dict):
        return _event(body)
    if body[1] == "hb":
        return Alive()
    channel, symbol = message.channels[body[0]]
    if channel == "ticker":
        return Ticker(symbol, exact(body[1][0]), exact(body[1][2]), exact(body[1][6]))
    if channel == "trades":
        return _trades(symbol, body)
    if channel == "book":
        return _book(symbol, body[1])
    raise UnknownShape(channel)


def _event(body: Any) -> Parsed:
    match body["event"]:
        case "info":
            return Greeting()
        case "conf":
            return Confirmed("conf")
        case "subscribed":
            return Confirmed(body["channel"], body["symbol"], body["chanId"])
        case "error":
            return VenueSaysNo(str(body.get("code", "")), body.get("msg", ""))
    raise UnknownShape(str(body["event"]))


def _trades(symbol: str, body: Any) -> Trades:
    # A list of rows, or one row behind te (executed) or tu (the same again, updated); f...: funding, which is lent.
    if isinstance(body[1], list):
        rows = body[1]
    elif body[1] in {"te", "tu", "fte", "ftu"}:
        rows = [body[2]]
    else:
        raise UnknownShape(str(body[1]))
    return Trades(tuple(Trade(symbol, str(r[0]), exact(r[3]), abs(exact(r[2])), exact(r[2]) > 0) for r in rows))


def _book(symbol: str, data: Any) -> Book:
    """Rows of price, number of orders, amount: positive bids, negative asks; no order left deletes the level."""
    is_whole = not data or isinstance(data[0], list)
    bids: list[Level] = []
    asks: list[Level] = []
    for price, n_orders, amount in data if is_whole else [data]:
        side = bids if exact(amount) > 0 else asks
        side.append((exact(price), abs(exact(amount)) if n_orders else exact(0)))
    return Book(symbol, tuple(bids), tuple(asks), is_whole)


def _listing(name: str) -> Listing:
    base, _, quote = name.partition(":") if ":" in name else (name[:3], "", name[3:])
    return Listing(name, base, quote)
