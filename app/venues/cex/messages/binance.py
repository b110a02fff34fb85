"""Binance's spot, USD-M and COIN-M words, and those of its licensees, which speak the same protocol."""

from __future__ import annotations

from typing import Any

from app.venues.cex.messages.words import (
    ACCOUNT,
    CANDLES,
    CLOCK,
    OWN_ORDERS,
    STATISTICS,
    TRANSFERS,
    Book,
    Confirmed,
    Funding,
    Fundings,
    Incoming,
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
    levels,
    maybe,
)

EVENTS = {
    "kline": CANDLES,
    "continuous_kline": CANDLES,
    "executionReport": OWN_ORDERS,
    "ORDER_TRADE_UPDATE": OWN_ORDERS,
    "listStatus": OWN_ORDERS,
    "outboundAccountPosition": ACCOUNT,
    "outboundAccountInfo": ACCOUNT,
    "balanceUpdate": ACCOUNT,
    "ACCOUNT_UPDATE": ACCOUNT,
}
ANSWERS = {
    "klines": CANDLES,
    "continuousKlines": CANDLES,
    "indexPriceKlines": CANDLES,
    "markPriceKlines": CANDLES,
    "account": ACCOUNT,
    "userDataStream": ACCOUNT,
    "order": OWN_ORDERS,
    "order/test": OWN_ORDERS,
    "allOrders": OWN_ORDERS,
    "openOrders": OWN_ORDERS,
    "avgPrice": STATISTICS,
    "indexInfo": STATISTICS,
    "fundingInfo": Unused("funding caps and intervals: the rate itself is read from the premium index"),
    "time": CLOCK,
}


def parse(message: Incoming) -> Parsed:
    """One message of any Binance."""
    if message.is_answer:
        return _answer(message)
    body = message.body
    data = body.get("data", body)
    if "result" in data:
        return Confirmed("subscription")
    if "e" not in data and {"u", "b", "B", "a", "A"} <= data.keys():
        return _book_ticker(data)
    return _event(data)


def _event(data: Any) -> Parsed:
    match data["e"]:
        case "depthUpdate":
            return Book(
                data["s"],
                levels(data["b"]),
                levels(data["a"]),
                is_whole=False,
                first_seq=data.get("U", 0),  # the first protocol had none
                last_seq=data["u"],
                prev_seq=data.get("pu", max(data.get("U", 0) - 1, 0)),
            )
        case "bookTicker":
            return _book_ticker(data)
        case "aggTrade":
            return Trades((Trade(data["s"], str(data["a"]), exact(data["p"]), exact(data["q"]), not data["m"]),))
        case "trade":
            return Trades((Trade(data["s"], str(data["t"]), exact(data["p"]), exact(data["q"]), not data["m"]),))
        case "24hrTicker":
            return Ticker(data["s"], exact(data["b"]), exact(data["a"]), exact(data["c"]))
        case "markPriceUpdate":
            return Funding(data["s"], maybe(data["r"]), exact(data["p"]), exact(data["i"]))
        case known if known in EVENTS:
            return EVENTS[known]
    raise UnknownShape(data["e"])


def _book_ticker(data: Any) -> Ticker:
    return Ticker(data["s"], exact(data["b"]), exact(data["a"]))


def _answer(message: Incoming) -> Parsed:
    body, path = message.body, message.path
    if isinstance(body, dict) and body.keys() == {"code", "msg"}:
        return VenueSaysNo(str(body["code"]), body["msg"])
    if path.startswith(("/sapi/", "/wapi/")):
        return TRANSFERS
    if path.startswith("/futures/data/"):
        return STATISTICS
    name = path.partition("/v1/")[2] or path.partition("/v3/")[2]
    if name in ANSWERS:
        return ANSWERS[name]
    if body is None:
        return VenueSaysNo("empty", "an answer without a body")
    if name == "depth":
        symbol = body.get("symbol") or message.asked("symbol")
        return Book(symbol, levels(body["bids"]), levels(body["asks"]), is_whole=True, last_seq=body["lastUpdateId"])
    if name == "exchangeInfo":
        return Listings(tuple(_listing(row) for row in body["symbols"]))
    if name in {"trades", "historicalTrades", "aggTrades"}:
        return Trades(tuple(_trade(row, message.asked("symbol")) for row in body))
    rows = body if isinstance(body, list) else [body]
    if name == "ticker/24hr":
        return Tickers(
            tuple(
                Ticker(r["symbol"], maybe(r.get("bidPrice")), maybe(r.get("askPrice")), exact(r["lastPrice"]))
                for r in rows
            )
        )
    if name == "ticker/bookTicker":
        return Tickers(tuple(Ticker(r["symbol"], exact(r["bidPrice"]), exact(r["askPrice"])) for r in rows))
    if name == "ticker/price":
        return Tickers(tuple(Ticker(r["symbol"], last=exact(r["price"])) for r in rows))
    if name == "premiumIndex":
        return Fundings(
            tuple(
                Funding(r["symbol"], maybe(r["lastFundingRate"]), exact(r["markPrice"]), maybe(r.get("indexPrice")))
                for r in rows
            )
        )
    if name == "fundingRate":
        return Fundings(tuple(Funding(r["symbol"], exact(r["fundingRate"])) for r in rows))
    if name == "openInterest":
        return Funding(body["symbol"], open_interest=exact(body["openInterest"]))
    raise UnknownShape(path)


def _trade(row: Any, symbol: str) -> Trade:
    if "a" in row:
        return Trade(symbol, str(row["a"]), exact(row["p"]), exact(row["q"]), not row["m"] if "m" in row else None)
    return Trade(symbol, str(row["id"]), exact(row["price"]), exact(row["qty"]), not row["isBuyerMaker"])


def _listing(row: Any) -> Listing:
    filters = {one["filterType"]: one for one in row["filters"]}
    tick = exact(filters["PRICE_FILTER"]["tickSize"]) if "PRICE_FILTER" in filters else None
    lot = exact(filters["LOT_SIZE"]["stepSize"]) if "LOT_SIZE" in filters else None
    size = maybe(row.get("contractSize"))
    # A tick or lot of 0 says that the venue sets none.
    return Listing(row["symbol"], row["baseAsset"], row["quoteAsset"], tick or None, lot or None, size)
