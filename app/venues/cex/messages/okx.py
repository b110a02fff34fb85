"""The words of OKX and OKCoin (v5), and of Bitget v1, which took them over with other instrument answers."""

from __future__ import annotations

from typing import Any

from app.venues.cex.messages.words import (
    ACCOUNT,
    CANDLES,
    OWN_ORDERS,
    Book,
    Confirmed,
    Funding,
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
    step,
)

BOOKS = {"books", "books5", "books50-l2-tbt", "books-l2-tbt", "bbo-tbt"}
PRIVATE = {"orders": OWN_ORDERS, "orders-algo": OWN_ORDERS, "account": ACCOUNT, "positions": ACCOUNT}


def parse(message: Incoming) -> Parsed:
    """One message of OKX, OKCoin or Bitget."""
    body = message.body
    if message.is_answer:
        return Listings(tuple(_listing(row) for row in body["data"]))
    if "event" in body:
        return _event(body)
    argument, channel = body["arg"], body["arg"]["channel"]
    if channel in BOOKS:
        (data,) = body["data"]
        return Book(
            argument["instId"],
            levels(data["bids"]),
            levels(data["asks"]),
            is_whole=body.get("action", "snapshot") == "snapshot",
            last_seq=data.get("seqId", 0),
            prev_seq=data.get("prevSeqId", 0),
            checksum=data.get("checksum"),
        )
    if channel in {"trades", "trade"}:
        return Trades(tuple(_trade(row, argument["instId"]) for row in body["data"]))
    if channel in {"tickers", "ticker"}:
        return Tickers(tuple(_ticker(row) for row in body["data"]))
    if channel == "funding-rate":
        (data,) = body["data"]
        return Funding(data["instId"], exact(data["fundingRate"]))
    if channel.startswith("candle"):
        return CANDLES
    if channel in PRIVATE:
        return PRIVATE[channel]
    raise UnknownShape(channel)


def _event(body: Any) -> Parsed:
    if body["event"] == "error":
        return VenueSaysNo(str(body["code"]), body["msg"])
    if body["event"] in {"subscribe", "unsubscribe", "login"}:
        argument = body.get("arg", {"channel": body["event"]})
        return Confirmed(argument["channel"], argument.get("instId", ""))
    raise UnknownShape(body["event"])


def _trade(row: Any, symbol: str) -> Trade:
    if isinstance(row, list):  # Bitget: time, price, quantity, side; no id
        return Trade(symbol, "", exact(row[1]), exact(row[2]), is_buy(row[3]))
    return Trade(row["instId"], row["tradeId"], exact(row["px"]), exact(row["sz"]), is_buy(row["side"]))


def _ticker(row: Any) -> Ticker:
    bid, ask = row.get("bidPx", row.get("bestBid")), row.get("askPx", row.get("bestAsk"))
    return Ticker(row["instId"], maybe(bid), maybe(ask), maybe(row["last"]))


def _listing(row: Any) -> Listing:
    if "instId" in row:
        base, _, quote = (row["baseCcy"] + "-" + row["quoteCcy"] if row["baseCcy"] else row["uly"]).partition("-")
        return Listing(row["instId"], base, quote, maybe(row["tickSz"]), exact(row["lotSz"]), maybe(row["ctVal"]))
    if "priceEndStep" in row:  # Bitget's contracts: the tick is so many of the last place
        tick = exact(row["priceEndStep"]) * step(row["pricePlace"])
        return Listing(row["symbol"], row["baseCoin"], row["quoteCoin"], tick, step(row["volumePlace"]))
    tick, lot = step(row["priceScale"]), step(row["quantityScale"])
    return Listing(row["symbol"], row["baseCoin"], row["quoteCoin"], tick, lot)
