"""The words of venues with a protocol of their own: Bittrex, Crypto.com, dYdX, Independent Reserve, Phemex."""

from __future__ import annotations

import base64
import zlib
from typing import Any

from app.venues.cex.messages.words import (
    CANDLES,
    Alive,
    Book,
    Confirmed,
    Entries,
    Entry,
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
    Unused,
    VenueSaysNo,
    Word,
    decode,
    exact,
    is_buy,
    levels,
    maybe,
    one_of,
    step,
)


def parse_bittrex(message: Incoming) -> Parsed:
    """One SignalR frame of Bittrex (v3, retired): none or several messages, each deflated."""
    body = message.body
    if message.is_answer:
        if message.path.endswith("/orderbook"):
            bids, asks = levels(body["bid"], "rate", "quantity"), levels(body["ask"], "rate", "quantity")
            return Book(message.path.split("/")[3], bids, asks, is_whole=True)
        return Listings(tuple(_bittrex_listing(row) for row in body))
    if not body:
        return Alive()
    if "R" in body:
        failed = [one for one in body["R"] if not one["Success"]]
        return VenueSaysNo("subscription", str(failed[0]["ErrorCode"])) if failed else Confirmed("subscription")
    if body.get("S") == 1:
        return Greeting()
    if not body["M"]:
        return Alive()  # only carries the token of the group on
    return tuple(_bittrex(one["M"], packed) for one in body["M"] for packed in one["A"])


def _bittrex(kind: str, packed: str) -> Word:
    data = decode(zlib.decompress(base64.b64decode(packed), -zlib.MAX_WBITS).decode())
    match kind:
        case "orderBook":
            bids, asks = levels(data["bidDeltas"], "rate", "quantity"), levels(data["askDeltas"], "rate", "quantity")
            seq = data["sequence"]
            return Book(data["marketSymbol"], bids, asks, is_whole=False, last_seq=seq, prev_seq=seq - 1)
        case "ticker":
            return Ticker(data["symbol"], exact(data["bidRate"]), exact(data["askRate"]), exact(data["lastTradeRate"]))
        case "candle":
            return CANDLES
    raise UnknownShape(kind)


def _bittrex_listing(row: Any) -> Listing:
    return Listing(row["symbol"], row["baseCurrencySymbol"], row["quoteCurrencySymbol"], step(row["precision"]))


def parse_btcmarkets(message: Incoming) -> Parsed:
    """One message of BTC Markets (v2): trades."""
    body = message.body
    if body["messageType"] != "trade":
        raise UnknownShape(body["messageType"])
    price, qty = exact(body["price"]), exact(body["volume"])
    taker_buys = one_of(body["side"], "bid", "ask")
    return Trades((Trade(body["marketId"], str(body["tradeId"]), price, qty, taker_buys),))


def parse_btse(message: Incoming) -> Parsed:
    """One message of BTSE: trades."""
    body = message.body
    if not body["topic"].startswith("tradeHistoryApi:"):
        raise UnknownShape(body["topic"])
    return Trades(
        tuple(
            Trade(r["symbol"], str(r["tradeId"]), exact(r["price"]), exact(r["size"]), is_buy(r["side"]))
            for r in body["data"]
        )
    )


def parse_crypto_com(message: Incoming) -> Parsed:
    """One answer of Crypto.com."""
    if not message.is_answer or message.body["method"] != "public/get-instruments":
        raise UnknownShape(message.url)
    return Listings(
        tuple(
            Listing(
                row["instrument_name"],
                row["base_currency"],
                row["quote_currency"],
                step(row["price_decimals"]),
                step(row["quantity_decimals"]),
            )
            for row in message.body["result"]["instruments"]
        )
    )


def parse_dydx(message: Incoming) -> Parsed:
    """One message of dYdX (v3)."""
    body = message.body
    if message.is_answer:
        return Listings(
            tuple(
                Listing(name, r["baseAsset"], r["quoteAsset"], exact(r["tickSize"]), exact(r["stepSize"]))
                for name, r in body["markets"].items()
            )
        )
    if body["type"] == "connected":
        return Greeting()
    is_whole = one_of(body["type"], "subscribed", "channel_data")
    symbol, data = body["id"], body["contents"]
    if body["channel"] == "v3_orderbook" and is_whole:
        bids, asks = levels(data["bids"], "price", "size"), levels(data["asks"], "price", "size")
        return Book(symbol, bids, asks, is_whole=True)
    if body["channel"] == "v3_orderbook":
        # The offset orders changes of one level; it is no sequence of the book.
        return Book(symbol, levels(data["bids"]), levels(data["asks"]), is_whole=False)
    if body["channel"] == "v3_trades":
        rows = data["trades"]
        return Trades(tuple(Trade(symbol, "", exact(r["price"]), exact(r["size"]), is_buy(r["side"])) for r in rows))
    raise UnknownShape(body["channel"])


def parse_independent_reserve(message: Incoming) -> Parsed:
    """One message of Independent Reserve: books of single orders, priced in each quote currency."""
    body = message.body
    if message.is_answer:
        if message.path.endswith("/GetAllOrders"):
            symbol = f"{message.asked('primaryCurrencyCode')}-{message.asked('secondaryCurrencyCode')}"
            rows = [(True, row) for row in body["BuyOrders"]] + [(False, row) for row in body["SellOrders"]]
            return Entries(
                symbol,
                "whole",
                tuple(Entry(r["Guid"], is_bid, exact(r["Price"]), exact(r["Volume"])) for is_bid, r in rows),
            )
        if message.path.endswith("CurrencyCodes"):
            return Unused("names of currencies: pairs are made of every first and second one")
        raise UnknownShape(message.path)
    data, event = body.get("Data"), body["Event"]
    if event == "Heartbeat":
        return Alive()
    if event == "Subscriptions":
        return Confirmed(",".join(data))
    if event == "Trade":
        price = exact(next(iter(data["Price"].values()))) if isinstance(data["Price"], dict) else exact(data["Price"])
        symbol = body["Channel"].removeprefix("ticker-")
        return Trades((Trade(symbol, data["TradeGuid"], price, exact(data["Volume"]), is_buy(data["Side"])),))
    action = {"NewOrder": "add", "OrderChanged": "change", "OrderCanceled": "remove"}[event]
    coin = body["Channel"].removeprefix("orderbook-")
    is_bid, order, qty = (
        one_of(data["OrderType"], "limitbid", "limitoffer"),
        data["OrderGuid"],
        maybe(data.get("Volume")),
    )
    prices = data.get("Price", {}).items() if action == "add" else ()
    if not prices:
        return Entries(coin, action, (Entry(order, is_bid, None, qty),))
    return tuple(Entries(f"{coin}-{quote}", action, (Entry(order, is_bid, exact(p), qty),)) for quote, p in prices)


def parse_phemex(message: Incoming) -> Parsed:
    """One message of Phemex: prices and quantities are integers, scaled by kind (spot symbols begin with s)."""
    body = message.body
    if message.is_answer:
        return Listings(tuple(_phemex_listing(row) for row in body["data"]["products"]))
    if "error" in body:
        no = body["error"]
        return VenueSaysNo(str(no["code"]), no["message"]) if no else Confirmed("subscription")
    if "kline" in body:
        return CANDLES
    symbol, is_spot = body["symbol"], body["symbol"].startswith("s")
    if "book" in body:
        bids, asks = _phemex_side(body["book"]["bids"], is_spot), _phemex_side(body["book"]["asks"], is_spot)
        return Book(symbol, bids, asks, body["type"] == "snapshot", last_seq=body["sequence"])
    rows = ((is_buy(side), _phemex_level(price, qty, is_spot)) for _, side, price, qty in body["trades"])
    return Trades(tuple(Trade(symbol, "", *level, is_buyer) for is_buyer, level in rows))


def _phemex_side(rows: Any, is_spot: bool) -> tuple[Level, ...]:
    return tuple(_phemex_level(price, qty, is_spot) for price, qty in rows)


def _phemex_level(price: object, qty: object, is_spot: bool) -> Level:
    if is_spot:
        return exact(price).scaleb(-8), exact(qty).scaleb(-8)
    return exact(price).scaleb(-4), exact(qty)


def _phemex_listing(row: Any) -> Listing:
    if row["type"] == "Spot":
        tick, lot = exact(row["quoteTickSizeEv"]).scaleb(-8), exact(row["baseTickSizeEv"]).scaleb(-8)
        return Listing(row["symbol"], row["baseCurrency"], row["quoteCurrency"], tick, lot)
    base = row["displaySymbol"].partition(" / ")[0]
    size = exact(row["contractSize"])
    return Listing(row["symbol"], base, row["quoteCurrency"], exact(row["tickSize"]), exact(row["lotSize"]), size)
