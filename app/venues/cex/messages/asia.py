"""The words of four venues of Japan and Korea: bitFlyer, Bithumb, Upbit and ProBit."""

from __future__ import annotations

from typing import Any

from app.venues.cex.messages.words import (
    Book,
    Confirmed,
    Greeting,
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
    VenueSaysNo,
    exact,
    is_buy,
    levels,
    maybe,
    one_of,
    step,
)


def parse_bitflyer(message: Incoming) -> Parsed:
    """One message of bitFlyer."""
    body = message.body
    if message.is_answer:
        return Listings(tuple(_bitflyer_listing(row["product_code"]) for row in body))
    if "result" in body:
        return Confirmed("subscription")
    channel, data = body["params"]["channel"], body["params"]["message"]
    for prefix in ("board_snapshot", "board", "executions", "ticker"):
        if channel.startswith(f"lightning_{prefix}_"):
            return _bitflyer(prefix, channel.removeprefix(f"lightning_{prefix}_"), data)
    raise UnknownShape(channel)


def _bitflyer(kind: str, symbol: str, data: Any) -> Parsed:
    if kind == "executions":
        # No side in an auction.
        return Trades(
            tuple(
                Trade(
                    symbol, str(r["id"]), exact(r["price"]), exact(r["size"]), is_buy(r["side"]) if r["side"] else None
                )
                for r in data
            )
        )
    if kind == "ticker":
        return Ticker(symbol, maybe(data["best_bid"]), maybe(data["best_ask"]), maybe(data["ltp"]))
    # Price 0 stands for market orders that wait for the auction: no level.
    bids, asks = (tuple(one for one in levels(data[side], "price", "size") if one[0]) for side in ("bids", "asks"))
    return Book(symbol, bids, asks, is_whole=kind == "board_snapshot")


def _bitflyer_listing(code: str) -> Listing:
    parts = code.removeprefix("FX_").split("_")
    base, quote = parts if len(parts) == 2 else (code[:3], code[3:6])
    return Listing(code, base, quote)


def parse_bithumb(message: Incoming) -> Parsed:
    """One message of Bithumb."""
    body = message.body
    if message.is_answer:
        quote = message.path.rpartition("_")[2]
        rows = {name: row for name, row in body["data"].items() if name != "date"}
        return Tickers(tuple(Ticker(f"{name}_{quote}", last=exact(r["closing_price"])) for name, r in rows.items()))
    if "status" in body:
        return Greeting() if body["status"] == "0000" else VenueSaysNo(body["status"], body["resmsg"])
    if body["type"] == "transaction":
        # Side 1 sells, 2 buys.
        return Trades(
            tuple(
                Trade(r["symbol"], "", exact(r["contPrice"]), exact(r["contQty"]), one_of(r["buySellGb"], "2", "1"))
                for r in body["content"]["list"]
            )
        )
    raise UnknownShape(body["type"])


def parse_upbit(message: Incoming) -> Parsed:
    """One message of Upbit in its short form."""
    body = message.body
    if message.is_answer:
        return Listings(tuple(_upbit_listing(row["market"]) for row in body))
    symbol = body["cd"]
    match body["ty"]:
        case "trade":
            taker_buys = one_of(body["ab"], "bid", "ask")
            return Trades((Trade(symbol, str(body["sid"]), exact(body["tp"]), exact(body["tv"]), taker_buys),))
        case "orderbook":
            rows = body["obu"]
            return Book(symbol, levels(rows, "bp", "bs"), levels(rows, "ap", "as"), is_whole=True, last_seq=body["tms"])
        case "ticker":
            return Ticker(symbol, last=exact(body["tp"]))
    raise UnknownShape(body["ty"])


def _upbit_listing(market: str) -> Listing:
    quote, _, base = market.partition("-")
    return Listing(market, base, quote)


def parse_probit(message: Incoming) -> Parsed:
    """One message of ProBit: a message may hold changes of the book and trades."""
    body = message.body
    if message.is_answer:
        return Listings(tuple(_probit_listing(row) for row in body["data"]))
    if body["channel"] != "marketdata" or body["status"] != "ok":
        raise UnknownShape(body["channel"])
    symbol, is_whole = body["market_id"], bool(body.get("reset", False))
    bids: list[Level] = []
    asks: list[Level] = []
    for row in body.get("order_books", ()):
        (bids if is_buy(row["side"]) else asks).append((exact(row["price"]), exact(row["quantity"])))
    trades = tuple(
        Trade(symbol, r["id"], exact(r["price"]), exact(r["quantity"]), is_buy(r["side"]))
        for r in body.get("recent_trades", ())
    )
    return Book(symbol, tuple(bids), tuple(asks), is_whole), Trades(trades)


def _probit_listing(row: Any) -> Listing:
    tick, lot = exact(row["price_increment"]), step(row["quantity_precision"])
    return Listing(row["id"], row["base_currency_id"], row["quote_currency_id"], tick, lot)
