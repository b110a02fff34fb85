"""The words of KuCoin, spot and futures."""

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
    Funding,
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
    exact,
    is_buy,
    levels,
    maybe,
)

TOPICS = {
    "/market/candles": CANDLES,
    "/indicator/index": STATISTICS,
    "/spotMarket/tradeOrders": OWN_ORDERS,
    "/spotMarket/advancedOrders": OWN_ORDERS,
    "/contractMarket/tradeOrders": OWN_ORDERS,
    "/contractMarket/advancedOrders": OWN_ORDERS,
    "/account/balance": ACCOUNT,
    "/margin/position": ACCOUNT,
    "/margin/loan": Unused("margin lending: not traded here"),
    "/contract/position": ACCOUNT,
    "/contractAccount/wallet": ACCOUNT,
}


def parse(message: Incoming) -> Parsed:
    """One message of KuCoin."""
    if message.is_answer:
        return _answer(message)
    body = message.body
    match body.get("type"):
        case "welcome":
            return Greeting()
        case "ack":
            return Confirmed("subscription")
        case "pong":
            return Alive()
    topic, _, symbol = body["topic"].partition(":")
    if topic in TOPICS:
        return TOPICS[topic]
    return _market(topic, symbol, body["subject"], body["data"])


def _market(topic: str, symbol: str, subject: str, data: Any) -> Parsed:
    match topic:
        case "/market/ticker":
            return Ticker(
                subject if symbol == "all" else symbol,
                exact(data["bestBid"]),
                exact(data["bestAsk"]),
                exact(data["price"]),
            )
        case "/contractMarket/tickerV2":
            return Ticker(symbol, exact(data["bestBidPrice"]), exact(data["bestAskPrice"]))
        case "/market/snapshot":
            data = data["data"]
            return Ticker(data["symbol"], maybe(data["buy"]), maybe(data["sell"]), maybe(data["lastTradedPrice"]))
        case "/contractMarket/snapshot":
            return Ticker(symbol, last=exact(data["lastPrice"]))
        case "/market/level2":
            changes = data["changes"]
            first, last = data["sequenceStart"], data["sequenceEnd"]
            return Book(
                symbol,
                _changed(changes["bids"]),
                _changed(changes["asks"]),
                is_whole=False,
                first_seq=first,
                last_seq=last,
            )
        case "/contractMarket/level2":
            price, side, qty = data["change"].split(",")
            level = ((exact(price), exact(qty)),)
            bids, asks = (level, ()) if is_buy(side) else ((), level)
            return Book(symbol, bids, asks, is_whole=False, last_seq=data["sequence"], prev_seq=data["sequence"] - 1)
        case "/spotMarket/level2Depth5" | "/spotMarket/level2Depth50" | "/contractMarket/level2Depth5":
            seq = int(data.get("sequence", 0))
            return Book(symbol, levels(data["bids"]), levels(data["asks"]), is_whole=True, last_seq=seq)
        case "/market/match":
            price, qty = exact(data["price"]), exact(data["size"])
            return Trades((Trade(data["symbol"], data["tradeId"], price, qty, is_buy(data["side"])),))
        case "/contractMarket/execution":
            price, qty = exact(data["price"]), exact(data["size"])
            return Trades((Trade(data["symbol"], data["tradeId"], price, qty, is_buy(data["side"])),))
        case "/indicator/markPrice":
            return Funding(symbol, mark_price=exact(data["value"]))
        case "/contract/announcement":
            return Funding(data["symbol"], exact(data["fundingRate"]))
        case "/contract/instrument":
            rate, mark, index = data.get("fundingRate"), data.get("markPrice"), data.get("indexPrice")
            return Funding(symbol, maybe(rate), maybe(mark), maybe(index))
    raise UnknownShape(topic)


def _changed(rows: Any) -> tuple[Level, ...]:
    """A price of 0 only carries the sequence on: no level changed."""
    return tuple(level for level in levels(rows) if level[0])


def _answer(message: Incoming) -> Parsed:
    data = message.body["data"]
    if "/orderbook" in message.path:
        symbol = data.get("symbol") or message.asked("symbol")
        return Book(symbol, levels(data["bids"]), levels(data["asks"]), is_whole=True, last_seq=int(data["sequence"]))
    if message.path.endswith("/symbols"):
        return Listings(tuple(_listing(row) for row in data))
    raise UnknownShape(message.path)


def _listing(row: Any) -> Listing:
    tick, lot = exact(row["priceIncrement"]), exact(row["baseIncrement"])
    return Listing(row["symbol"], row["baseCurrency"], row["quoteCurrency"], tick, lot)
