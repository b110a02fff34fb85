"""The words of venues of options and futures: Deribit, Delta and Bit.com."""

from __future__ import annotations

from typing import Any

from app.venues.cex.messages.words import (
    CANDLES,
    Book,
    Confirmed,
    Funding,
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
    is_buy,
    levels,
    maybe,
)


def parse(message: Incoming) -> Parsed:
    """One message of Deribit."""
    body = message.body
    if "error" in body:
        return VenueSaysNo(str(body["error"]["code"]), body["error"]["message"])
    if message.is_answer:
        return Listings(tuple(_instrument(row) for row in body["result"]))
    if "result" in body:
        return Confirmed(",".join(body["result"]))
    kind, _, _ = body["params"]["channel"].partition(".")
    data = body["params"]["data"]
    if kind == "book":
        # Rows of what happened to the level (new, change, delete), price, amount.
        return Book(
            data["instrument_name"],
            levels(data["bids"], 1, 2),
            levels(data["asks"], 1, 2),
            is_whole=data["type"] == "snapshot",
            last_seq=data["change_id"],
            prev_seq=data.get("prev_change_id", 0),
        )
    if kind == "trades":
        return Trades(
            tuple(
                Trade(
                    r["instrument_name"], r["trade_id"], exact(r["price"]), exact(r["amount"]), is_buy(r["direction"])
                )
                for r in data
            )
        )
    if kind == "ticker":
        name = data["instrument_name"]
        ticker = Ticker(name, maybe(data["best_bid_price"]), maybe(data["best_ask_price"]), maybe(data["last_price"]))
        rate, index = maybe(data.get("current_funding")), maybe(data.get("index_price"))
        return ticker, Funding(name, rate, exact(data["mark_price"]), index, maybe(data["open_interest"]))
    raise UnknownShape(kind)


def _instrument(row: Any) -> Listing:
    base = row.get("base_currency", row["instrument_name"].partition("-")[0])
    lot, size = exact(row["min_trade_amount"]), maybe(row.get("contract_size"))
    return Listing(row["instrument_name"], base, row["quote_currency"], exact(row["tick_size"]), lot, size)


def parse_delta(message: Incoming) -> Parsed:
    """One message of Delta."""
    body = message.body
    if message.is_answer:
        return Listings(tuple(_product(row) for row in body["result"]))
    kind = body["type"]
    if kind == "subscriptions":
        return Confirmed(",".join(channel["name"] for channel in body["channels"]))
    if kind == "l2_orderbook":
        bids, asks = levels(body["buy"], "limit_price", "size"), levels(body["sell"], "limit_price", "size")
        return Book(body["symbol"], bids, asks, is_whole=True)
    if kind.startswith("candlestick_"):
        return CANDLES
    raise UnknownShape(kind)


def _product(row: Any) -> Listing:
    base, quote = row["underlying_asset"]["symbol"], row["quoting_asset"]["symbol"]
    size = maybe(row["contract_value"])
    return Listing(row["symbol"], base, quote, maybe(row["tick_size"]), exact(1), size or None)


def parse_bitcom(message: Incoming) -> Parsed:
    """One message of Bit.com."""
    body = message.body
    if message.is_answer:
        return Listings(tuple(_bitcom_listing(row) for row in body["data"]))
    data = body["data"]
    match body["channel"]:
        case "subscription":
            return Confirmed(",".join(data["subscription"]))
        case "depth":
            return _bitcom_book(data)
        case "trade":
            return Trades(tuple(_bitcom_trade(row) for row in data))
        case "ticker":
            name = data.get("pair") or data["instrument_id"]
            ticker = Ticker(name, maybe(data["best_bid"]), maybe(data["best_ask"]), maybe(data["last_price"]))
            if "funding_rate" not in data:
                return ticker
            rate, mark = maybe(data["funding_rate"]), maybe(data["mark_price"])
            return ticker, Funding(name, rate, mark, maybe(data["index_price"]), maybe(data["open_interest"]))
    raise UnknownShape(body["channel"])


def _bitcom_book(data: Any) -> Book:
    name = data.get("pair") or data["instrument_id"]
    if data["type"] == "snapshot":
        return Book(name, levels(data["bids"]), levels(data["asks"]), is_whole=True, last_seq=data["sequence"])
    bids: list[Level] = []
    asks: list[Level] = []
    for side, price, qty in data["changes"]:
        (bids if is_buy(side) else asks).append((exact(price), exact(qty)))
    prev, seq = data["prev_sequence"], data["sequence"]
    return Book(name, tuple(bids), tuple(asks), is_whole=False, last_seq=seq, prev_seq=prev)


def _bitcom_trade(row: Any) -> Trade:
    name = row.get("pair") or row["instrument_id"]
    return Trade(name, row["trade_id"], exact(row["price"]), exact(row["qty"]), is_buy(row["side"]))


def _bitcom_listing(row: Any) -> Listing:
    if "pair" in row:
        tick, lot = exact(row["price_step"]), exact(row["qty_step"])
        return Listing(row["pair"], row["base_currency"], row["quote_currency"], tick, lot)
    tick, lot, size = exact(row["price_step"]), exact(row["size_step"]), exact(row["contract_size"])
    return Listing(row["instrument_id"], row["base_currency"], row["quote_currency"], tick, lot, size)
