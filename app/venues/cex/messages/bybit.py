"""The words of Bybit (v2, retired, and v5) and of BitMEX: books of levels that the venue names by an id."""

from __future__ import annotations

from typing import Any

from app.venues.cex.messages.words import (
    ACCOUNT,
    CANDLES,
    OWN_ORDERS,
    Book,
    Confirmed,
    Entries,
    Entry,
    Greeting,
    Incoming,
    Listing,
    Listings,
    Parsed,
    Ticker,
    Tickers,
    Trade,
    Trades,
    UnknownShape,
    VenueSaysNo,
    exact,
    is_buy,
    levels,
    maybe,
)

ACTIONS = {"partial": "whole", "insert": "add", "update": "change", "delete": "remove"}
PRIVATE = {"position": ACCOUNT, "wallet": ACCOUNT, "greeks": ACCOUNT, "order": OWN_ORDERS, "execution": OWN_ORDERS}


def parse(message: Incoming) -> Parsed:
    """One message of Bybit."""
    body = message.body
    if message.is_answer:
        return Listings(tuple(_listing(row) for row in body["result"]))
    if "success" in body:
        if not body["success"]:
            return VenueSaysNo("subscription", body["ret_msg"])
        return Confirmed(",".join(body["request"]["args"]))
    topic, _, symbol = body["topic"].partition(".")
    data = body["data"]
    if topic == "orderBookL2_25":
        return _levels(symbol, body["type"], data)
    if topic == "trade":
        return Trades(tuple(_trade(row, "trade_id") for row in data))
    if topic == "tickers":
        bid, ask = data.get("bid1Price", data.get("bidPrice")), data.get("ask1Price", data.get("askPrice"))
        return Ticker(data["symbol"], maybe(bid), maybe(ask), maybe(data.get("lastPrice")))
    if topic == "orderbook":
        is_whole = body["type"] == "snapshot"
        return Book(data["s"], levels(data["b"]), levels(data["a"]), is_whole, last_seq=data["u"])
    if topic == "kline":
        return CANDLES
    if topic in PRIVATE:
        return PRIVATE[topic]
    raise UnknownShape(topic)


def _levels(symbol: str, kind: str, data: Any) -> Parsed:
    if kind == "snapshot":
        rows = data["order_book"] if isinstance(data, dict) else data
        return Entries(symbol, "whole", tuple(_entry(row) for row in rows))
    if kind == "delta":
        named = (("remove", "delete"), ("change", "update"), ("add", "insert"))
        return tuple(Entries(symbol, ours, tuple(_entry(row) for row in data[theirs])) for ours, theirs in named)
    raise UnknownShape(kind)


def _entry(row: Any) -> Entry:
    return Entry(str(row["id"]), is_buy(row["side"]), maybe(row.get("price")), maybe(row.get("size")))


def _trade(row: Any, trade_id: str) -> Trade:
    return Trade(row["symbol"], row[trade_id], exact(row["price"]), exact(row["size"]), is_buy(row["side"]))


def _listing(row: Any) -> Listing:
    tick, lot = exact(row["price_filter"]["tick_size"]), exact(row["lot_size_filter"]["qty_step"])
    return Listing(row["name"], row["base_currency"], row["quote_currency"], tick, lot)


def parse_bitmex(message: Incoming) -> Parsed:
    """One message of BitMEX."""
    body = message.body
    if message.is_answer:
        return Listings(tuple(_contract(row) for row in body))
    if "info" in body:
        return Greeting()
    if "subscribe" in body:
        return Confirmed(body["subscribe"])
    if "error" in body:
        return VenueSaysNo(str(body.get("status", "error")), body["error"])
    rows, table = body["data"], body["table"]
    if table == "orderBookL2":
        by_symbol: dict[str, list[Entry]] = {}
        for row in rows:
            by_symbol.setdefault(row["symbol"], []).append(_entry(row))
        return tuple(Entries(symbol, ACTIONS[body["action"]], tuple(found)) for symbol, found in by_symbol.items())
    if table == "trade":
        return Trades(tuple(_trade(row, "trdMatchID") for row in rows))
    if table == "quote":
        return Tickers(tuple(Ticker(r["symbol"], maybe(r["bidPrice"]), maybe(r["askPrice"])) for r in rows))
    if table in {"execution", "order"}:
        return OWN_ORDERS
    if table in {"position", "margin", "wallet"}:
        return ACCOUNT
    raise UnknownShape(table)


def _contract(row: Any) -> Listing:
    # `multiplier` is in the settlement's smallest unit; its sign says inverse.
    multiplier = abs(exact(row["multiplier"])) or None
    return Listing(
        row["symbol"],
        row["underlying"],
        row["quoteCurrency"],
        exact(row["tickSize"]),
        maybe(row["lotSize"]),
        multiplier,
    )
