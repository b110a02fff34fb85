"""The words of Poloniex: spot (2022) and contracts (v3)."""

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

CURRENCIES = Unused("currencies and their chains: pairs name what is traded, and nothing is withdrawn")
RISK = Unused("risk limits, collateral and borrowing: leverage is the account's own setting")
# Of a request, by the beginning of its path; the first that fits.
ANSWERS = (
    ("/orders", OWN_ORDERS),
    ("/smartorders", OWN_ORDERS),
    ("/trades", OWN_ORDERS),
    ("/v3/trade/", OWN_ORDERS),
    ("/accounts/transfer", TRANSFERS),
    ("/subaccounts/transfer", TRANSFERS),
    ("/wallets/", TRANSFERS),
    ("/v2/wallets/", TRANSFERS),
    ("/accounts", ACCOUNT),
    ("/subaccounts", ACCOUNT),
    ("/feeinfo", ACCOUNT),
    ("/margin/", ACCOUNT),
    ("/v3/account/", ACCOUNT),
    ("/v3/position/", ACCOUNT),
    ("/currencies", CURRENCIES),
    ("/v2/currencies", CURRENCIES),
    ("/timestamp", CLOCK),
    ("/markets/borrowRatesInfo", RISK),
    ("/markets/collateralInfo", RISK),
    ("/v3/market/riskLimit", RISK),
    ("/v3/market/limitPrice", RISK),
    ("/v3/market/insurance", STATISTICS),
    ("/v3/market/indexPriceComponents", STATISTICS),
    ("/v3/market/liquidationOrder", STATISTICS),
    ("/v3/market/candles", CANDLES),
    ("/v3/market/indexPriceCandlesticks", CANDLES),
    ("/v3/market/markPriceCandlesticks", CANDLES),
    ("/v3/market/premiumIndexCandlesticks", CANDLES),
)


def parse(message: Incoming) -> Parsed:
    """One message of Poloniex."""
    if message.is_answer:
        return _answer(message)
    body = message.body
    if body.get("event") == "subscribe":
        return Confirmed(body["channel"], ",".join(body["symbols"]))
    if body.get("event") == "error":
        return VenueSaysNo("error", body["message"])
    if body["channel"] == "book_lv2":
        (data,) = body["data"]
        is_whole = body["action"] == "snapshot"
        seq, prev = data["id"], 0 if is_whole else data["lastId"]
        return Book(data["symbol"], levels(data["bids"]), levels(data["asks"]), is_whole, last_seq=seq, prev_seq=prev)
    if body["channel"] == "trades":
        return Trades(tuple(_trade(row, row["symbol"]) for row in body["data"]))
    raise UnknownShape(body["channel"])


def _answer(message: Incoming) -> Parsed:
    body, path = message.body, message.path
    if isinstance(body, dict) and body.keys() >= {"code"} and body["code"] != 200:
        return VenueSaysNo(str(body["code"]), str(body.get("message", body.get("msg", ""))))
    if path.endswith("/collateralInfo"):
        return RISK
    for prefix, word in ANSWERS:
        if path.startswith(prefix):
            return word
    if path.startswith("/v3/market/"):
        return _contracts(message, path.removeprefix("/v3/market/"))
    if body is None:
        return VenueSaysNo("empty", "an answer without a body")
    match path.removeprefix("/markets").split("/"):
        case [""] | ["", _] if "symbolTradeLimit" in str(body)[:2000]:
            return Listings(tuple(_listing(row) for row in body))
        case ["", symbol, "orderBook"]:
            return Book(symbol, _flat(body["bids"]), _flat(body["asks"]), is_whole=True)
        case ["", symbol, "trades"]:
            return Trades(tuple(_trade(row, symbol) for row in body))
        case ["", _, "candles"]:
            return CANDLES
        case ["", _, "markPriceComponents"]:
            return STATISTICS
    rows = body if isinstance(body, list) else [body]
    match path.rpartition("/")[2]:
        case "price":
            return Tickers(tuple(Ticker(r["symbol"], last=exact(r["price"])) for r in rows))
        case "ticker24h":
            return Tickers(
                tuple(Ticker(r["symbol"], maybe(r["bid"]), maybe(r["ask"]), exact(r["close"])) for r in rows)
            )
        case "markPrice":
            return Fundings(tuple(Funding(r["symbol"], mark_price=exact(r["markPrice"])) for r in rows))
    raise UnknownShape(path)


def _contracts(message: Incoming, name: str) -> Parsed:
    data = message.body["data"]
    rows = data if isinstance(data, list) else [data]
    match name:
        case "allInstruments" | "instruments":
            return Listings(tuple(_contract(row) for row in rows))
        case "orderBook":
            symbol = message.asked("symbol")
            return Book(symbol, levels(data["bids"]), levels(data["asks"]), is_whole=True)
        case "trades":
            symbol = message.asked("symbol")
            return Trades(
                tuple(Trade(symbol, str(r["id"]), exact(r["px"]), exact(r["qty"]), is_buy(r["side"])) for r in rows)
            )
        case "tickers":
            return Tickers(tuple(Ticker(r["s"], maybe(r["bPx"]), maybe(r["aPx"]), maybe(r["c"])) for r in rows))
        case "fundingRate" | "fundingRate/history":
            return Fundings(tuple(Funding(r["s"], exact(r["fR"])) for r in rows))
        case "indexPrice":
            return Fundings(tuple(Funding(r["s"], index_price=exact(r["iPx"])) for r in rows))
        case "markPrice":
            return Fundings(tuple(Funding(r["s"], mark_price=exact(r["mPx"])) for r in rows))
        case "openInterest":
            return Fundings(tuple(Funding(r["s"], open_interest=exact(r["oInterest"])) for r in rows))
    raise UnknownShape(name)


def _flat(numbers: list[Any]) -> tuple[Level, ...]:
    """Levels of a flat list: price, quantity, price, quantity."""
    return tuple(zip(map(exact, numbers[::2]), map(exact, numbers[1::2]), strict=True))


def _trade(row: Any, symbol: str) -> Trade:
    return Trade(symbol, row["id"], exact(row["price"]), exact(row["quantity"]), is_buy(row["takerSide"]))


def _listing(row: Any) -> Listing:
    limits = row["symbolTradeLimit"]
    tick, lot = step(limits["priceScale"]), step(limits["quantityScale"])
    return Listing(row["symbol"], row["baseCurrencyName"], row["quoteCurrencyName"], tick, lot)


def _contract(row: Any) -> Listing:
    return Listing(row["symbol"], row["bCcy"], row["qCcy"], exact(row["tSz"]), exact(row["lotSz"]), exact(row["ctVal"]))
