"""The words of Gate: spot and USDT-margined futures (v4)."""

from __future__ import annotations

from typing import Any

from app.venues.cex.messages.words import (
    ACCOUNT,
    CANDLES,
    OWN_ORDERS,
    STATISTICS,
    Alive,
    Book,
    Confirmed,
    Incoming,
    Level,
    Listing,
    Listings,
    Parsed,
    Ticker,
    Tickers,
    Trade,
    Trades,
    UnknownShape,
    Unused,
    VenueSaysNo,
    exact,
    is_buy,
    levels,
    maybe,
    step,
)

CHANNELS = {
    "candlesticks": CANDLES,
    "orders": OWN_ORDERS,
    "usertrades": OWN_ORDERS,
    "autoorders": OWN_ORDERS,
    "balances": ACCOUNT,
    "balance": ACCOUNT,
    "positions": ACCOUNT,
    "position_closes": ACCOUNT,
    "reduce_risk_limits": ACCOUNT,
    "liquidates": STATISTICS,
    "auto_deleverages": STATISTICS,
}


def parse(message: Incoming) -> Parsed:
    """One message of Gate."""
    if message.is_answer:
        return _answer(message)
    body = message.body
    kind = body["channel"].partition(".")[2]
    if body.get("error"):
        return VenueSaysNo(str(body["error"]["code"]), body["error"]["message"])
    if body["event"] in {"subscribe", "unsubscribe"}:
        return Confirmed(body["channel"])
    if kind == "pong":
        return Alive()
    return _update(kind, body)


def _update(kind: str, body: Any) -> Parsed:
    data = body["result"]
    if kind in {"order_book_update", "obu"}:
        symbol = data["s"].split(".")[1] if kind == "obu" else data["s"]
        is_whole = kind == "obu" and data.get("full", False)
        bids, asks = _side(data.get("b", ())), _side(data.get("a", ()))
        return Book(symbol, bids, asks, is_whole, first_seq=data["U"], last_seq=data["u"], prev_seq=data["U"] - 1)
    if kind == "order_book":
        symbol = data.get("contract") or data["s"]
        return Book(symbol, _side(data["bids"]), _side(data["asks"]), is_whole=True, last_seq=data.get("id", 0))
    if kind == "book_ticker":
        return Ticker(data["s"], maybe(data["b"]), maybe(data["a"]))
    if kind in {"tickers", "ticker"}:
        return Tickers(tuple(_ticker(row) for row in _rows(data)))
    if kind == "trades":
        return Trades(tuple(_trade(row) for row in _rows(data)))
    if kind in CHANNELS:
        return CHANNELS[kind]
    raise UnknownShape(kind)


def _answer(message: Incoming) -> Parsed:
    body, path = message.body, message.path
    if path.endswith("/order_book"):
        symbol = message.asked("contract" if "/futures/" in path else "currency_pair")
        return Book(symbol, _side(body["bids"]), _side(body["asks"]), is_whole=True, last_seq=body.get("id", 0))
    if path.endswith("/currency_pairs"):
        return Listings(tuple(_pair(row) for row in body))
    if path.endswith("/contracts"):
        return Listings(tuple(_contract(row) for row in body))
    if path.endswith("/risk_limit_table"):
        return Unused("risk limit tiers: leverage is the account's own setting")
    raise UnknownShape(path)


def _rows(data: Any) -> Any:
    return data if isinstance(data, list) else [data]


def _side(rows: Any) -> tuple[Level, ...]:
    is_object = bool(rows) and isinstance(rows[0], dict)
    return levels(rows, "p", "s") if is_object else levels(rows)


def _ticker(row: Any) -> Ticker:
    if "contract" in row:
        return Ticker(row["contract"], last=exact(row["last"]))
    return Ticker(row["currency_pair"], maybe(row["highest_bid"]), maybe(row["lowest_ask"]), exact(row["last"]))


def _trade(row: Any) -> Trade:
    if "size" in row:  # futures: the sign of the size is the taker's side
        size = exact(row["size"])
        return Trade(row["contract"], str(row["id"]), exact(row["price"]), abs(size), size > 0)
    return Trade(row["currency_pair"], str(row["id"]), exact(row["price"]), exact(row["amount"]), is_buy(row["side"]))


def _pair(row: Any) -> Listing:
    return Listing(row["id"], row["base"], row["quote"], step(row["precision"]), step(row["amount_precision"]))


def _contract(row: Any) -> Listing:
    base, _, quote = row["name"].partition("_")
    multiplier = exact(row["quanto_multiplier"]) or None  # 0: an inverse contract of one unit of the quote
    return Listing(row["name"], base, quote, exact(row["order_price_round"]), exact(1), multiplier)
