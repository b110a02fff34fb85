"""The words of Kraken spot (v1: arrays named by channel) and of Kraken Futures."""

from __future__ import annotations

from typing import Any

from app.venues.cex.messages.words import (
    CANDLES,
    OWN_ORDERS,
    Alive,
    Book,
    Confirmed,
    Greeting,
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
    one_of,
    step,
)


def parse(message: Incoming) -> Parsed:
    """One message of Kraken spot."""
    body = message.body
    if message.is_answer:
        return Listings(tuple(_pair(name, row) for name, row in body["result"].items()))
    if isinstance(body, dict):
        return _event(body)
    if isinstance(body[0], list):
        if body[1] in {"openOrders", "ownTrades"}:
            return OWN_ORDERS
        raise UnknownShape(str(body[1]))
    # Number of the channel, one or two parts, name, pair.
    parts, channel, symbol = body[1:-2], body[-2], body[-1]
    kind = channel.partition("-")[0]
    if kind == "book":
        return _book(symbol, parts)
    (data,) = parts
    if kind == "trade":
        return Trades(tuple(Trade(symbol, "", exact(r[0]), exact(r[1]), one_of(r[3], "b", "s")) for r in data))
    if kind == "ticker":
        return Ticker(symbol, exact(data["b"][0]), exact(data["a"][0]), exact(data["c"][0]))
    if kind == "spread":
        return Ticker(symbol, exact(data[0]), exact(data[1]))
    if kind == "ohlc":
        return CANDLES
    raise UnknownShape(channel)


def _event(body: Any) -> Parsed:
    match body["event"]:
        case "heartbeat" | "pong":
            return Alive()
        case "systemStatus":
            return Greeting()
        case "subscriptionStatus" if body["status"] == "error":
            return VenueSaysNo("subscription", body["errorMessage"])
        case "subscriptionStatus":
            return Confirmed(body["channelName"], body.get("pair", ""), body.get("channelID", 0))
    raise UnknownShape(str(body["event"]))


def _book(symbol: str, parts: Any) -> Book:
    data = {key: value for part in parts for key, value in part.items()}
    if "as" in data:
        return Book(symbol, levels(data["bs"]), levels(data["as"]), is_whole=True)
    checksum = int(data["c"]) if "c" in data else None
    return Book(symbol, levels(data.get("b", ())), levels(data.get("a", ())), is_whole=False, checksum=checksum)


def _pair(name: str, row: Any) -> Listing:
    symbol = row.get("wsname", name)  # a dark pool pair has no name on the socket
    return Listing(symbol, row["base"], row["quote"], step(row["pair_decimals"]), step(row["lot_decimals"]))


def parse_futures(message: Incoming) -> Parsed:
    """One message of Kraken Futures."""
    body = message.body
    if message.is_answer:
        return Listings(tuple(_contract(row) for row in body["instruments"] if row["type"] != "spot index"))
    if "feed" in body and "event" not in body:
        return _feed(body)
    match body["event"]:
        case "info":
            return Greeting()
        case "subscribed":
            return Confirmed(body["feed"], ",".join(body["product_ids"]))
        case "error":
            return VenueSaysNo("error", body["message"])
    raise UnknownShape(str(body["event"]))


def _feed(body: Any) -> Parsed:
    symbol = body["product_id"]
    match body["feed"]:
        case "book_snapshot":
            bids, asks = levels(body["bids"], "price", "qty"), levels(body["asks"], "price", "qty")
            return Book(symbol, bids, asks, is_whole=True, last_seq=body["seq"])
        case "book":
            level = levels([body], "price", "qty")
            bids, asks = (level, ()) if is_buy(body["side"]) else ((), level)
            return Book(symbol, bids, asks, is_whole=False, last_seq=body["seq"], prev_seq=body["seq"] - 1)
        case "trade_snapshot":
            return Trades(tuple(_trade(row) for row in body["trades"]))
        case "trade":
            return Trades((_trade(body),))
        case "ticker_lite":
            return Ticker(symbol, exact(body["bid"]), exact(body["ask"]))
        case "ticker":
            return Ticker(symbol, exact(body["bid"]), exact(body["ask"]), exact(body["last"]))
    raise UnknownShape(body["feed"])


def _trade(row: Any) -> Trade:
    return Trade(row["product_id"], row["uid"], exact(row["price"]), exact(row["qty"]), is_buy(row["side"]))


def _contract(row: Any) -> Listing:
    # pi_xbtusd, fi_xbtusd_210924: the pair is the second part, its quote the last three letters.
    pair = row["symbol"].split("_")[1]
    return Listing(row["symbol"], pair[:-3], pair[-3:], exact(row["tickSize"]), exact(1), exact(row["contractSize"]))
