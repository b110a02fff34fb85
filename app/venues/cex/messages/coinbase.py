"""The words of Coinbase (Exchange protocol) and of Gemini: changes as rows of side, price, quantity."""

from __future__ import annotations

from typing import Any

from app.venues.cex.messages.words import (
    ACCOUNT,
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
    is_buy,
    levels,
    maybe,
)

GEMINI_PRIVATE = {
    "balances": ACCOUNT,
    "notionalvolume": ACCOUNT,
    "tradevolume": ACCOUNT,
    "mytrades": OWN_ORDERS,
    "order": OWN_ORDERS,
    "orders": OWN_ORDERS,
    "deposit": TRANSFERS,
    "withdraw": TRANSFERS,
    "auction": STATISTICS,
}


def parse(message: Incoming) -> Parsed:
    """One message of Coinbase."""
    body = message.body
    if message.is_answer:
        return Listings(tuple(_product(row) for row in body))
    match body["type"]:
        case "snapshot":
            return Book(body["product_id"], levels(body["bids"]), levels(body["asks"]), is_whole=True)
        case "l2update":
            return _changes(body["product_id"], body["changes"], is_whole=False)
        case "ticker":
            bid, ask = maybe(body["best_bid"]), maybe(body["best_ask"])
            return Ticker(body["product_id"], bid, ask, exact(body["price"]))
        case "match" | "last_match":
            # `side` is the maker's.
            taker_buys = not is_buy(body["side"])
            row = Trade(
                body["product_id"], str(body["trade_id"]), exact(body["price"]), exact(body["size"]), taker_buys
            )
            return Trades((row,))
        case "subscriptions":
            return Confirmed(",".join(channel["name"] for channel in body["channels"]))
        case "heartbeat":
            return Alive()
        case "error":
            return VenueSaysNo("error", body["message"])
    raise UnknownShape(body["type"])


def _changes(symbol: str, changes: Any, *, is_whole: bool) -> Book:
    bids = tuple((exact(price), exact(qty)) for side, price, qty in changes if is_buy(side))
    asks = tuple((exact(price), exact(qty)) for side, price, qty in changes if not is_buy(side))
    return Book(symbol, bids, asks, is_whole)


def _product(row: Any) -> Listing:
    tick, lot = exact(row["quote_increment"]), exact(row["base_increment"])
    return Listing(row["id"], row["base_currency"], row["quote_currency"], tick, lot)


def parse_gemini(message: Incoming) -> Parsed:
    """One message of Gemini."""
    body = message.body
    if message.is_answer:
        return _gemini_answer(message)
    match body["type"]:
        case "l2_updates":
            # The first one of a symbol is the whole book and carries its last trades.
            book = _changes(body["symbol"], body["changes"], is_whole="trades" in body)
            trades = tuple(_gemini_trade(row) for row in body.get("trades", ()))
            return (book, Trades(trades)) if trades else book
        case "trade":
            return Trades((_gemini_trade(body),))
        case "heartbeat":
            return Alive()
        case "auction_indicative" | "auction_result":
            return STATISTICS
    raise UnknownShape(body["type"])


def _gemini_trade(row: Any) -> Trade:
    price, qty = exact(row["price"]), exact(row["quantity"])
    return Trade(row["symbol"], str(row["event_id"]), price, qty, is_buy(row["side"]))


def _gemini_answer(message: Incoming) -> Parsed:
    body, path = message.body, message.path
    if isinstance(body, dict) and body.get("result") == "error":
        return VenueSaysNo(body["reason"], body["message"])
    _, _, name, *rest = path.split("/")
    if name in GEMINI_PRIVATE:
        return GEMINI_PRIVATE[name]
    if name == "heartbeat":
        return Alive()
    if name == "symbols" and not rest:
        # Names without a mark between base and quote: the details say which is which.
        return Listings(tuple(Listing(symbol, "", "") for symbol in body))
    if name == "symbols":
        rows = body if isinstance(body, list) else [body]
        return Listings(tuple(_detail(row) for row in rows))
    if name == "book":
        bids, asks = levels(body["bids"], "price", "amount"), levels(body["asks"], "price", "amount")
        return Book(rest[0], bids, asks, is_whole=True)
    if name in {"pubticker", "ticker"}:
        last = body.get("last", body.get("close"))
        return Ticker(rest[0], maybe(body["bid"]), maybe(body["ask"]), maybe(last))
    if name == "trades":
        return Trades(
            tuple(Trade(rest[0], str(r["tid"]), exact(r["price"]), exact(r["amount"]), is_buy(r["type"])) for r in body)
        )
    raise UnknownShape(path)


def _detail(row: Any) -> Listing:
    # Gemini calls the lot `tick_size`.
    tick, lot = exact(row["quote_increment"]), exact(row["tick_size"])
    return Listing(row["symbol"], row["base_currency"], row["quote_currency"], tick, lot)
