"""The words of Huobi (HTX): spot, dated coin-margined contracts, coin- and USDT-margined swaps."""

from __future__ import annotations

from typing import Any

from app.venues.cex.messages.words import (
    ACCOUNT,
    CANDLES,
    OWN_ORDERS,
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
    exact,
    is_buy,
    levels,
    step,
)


def parse(message: Incoming) -> Parsed:
    """One message of any Huobi."""
    body = message.body
    if message.is_answer:
        return Listings(tuple(_listing(row) for row in body["data"]))
    if "ping" in body:
        return Alive(answer=f'{{"pong":{body["ping"]}}}')
    if "subbed" in body:
        return Confirmed(body["subbed"])
    channel: str = body["ch"]
    if channel.startswith("market."):
        _, symbol, kind = channel.split(".", 2)
        return _market(symbol, kind, body["tick"])
    if channel.startswith(("orders#", "trade.clearing#")):
        return OWN_ORDERS
    if channel.startswith("accounts.update#"):
        return ACCOUNT
    raise UnknownShape(channel)


def _market(symbol: str, kind: str, tick: Any) -> Parsed:
    if kind.startswith("depth."):
        # A whole book each time; a side may be missing where it is empty.
        seq = tick.get("version", tick.get("mrid", 0))
        bids, asks = levels(tick.get("bids", ())), levels(tick.get("asks", ()))
        return Book(symbol, bids, asks, is_whole=True, last_seq=seq)
    if kind == "trade.detail":
        return Trades(
            tuple(
                Trade(
                    symbol,
                    str(r.get("tradeId", r["id"])),
                    exact(r["price"]),
                    exact(r["amount"]),
                    is_buy(r["direction"]),
                )
                for r in tick["data"]
            )
        )
    if kind == "detail":
        return Ticker(symbol, last=exact(tick["close"]))
    if kind.startswith("kline."):
        return CANDLES
    raise UnknownShape(kind)


def _listing(row: Any) -> Listing:
    if "contract_code" in row:
        quote = row["contract_code"].partition("-")[2] or "USD"
        return Listing(
            row["contract_code"], row["symbol"], quote, exact(row["price_tick"]), exact(1), exact(row["contract_size"])
        )
    tick, lot = step(row["price-precision"]), step(row["amount-precision"])
    return Listing(row["symbol"], row["base-currency"], row["quote-currency"], tick, lot)
