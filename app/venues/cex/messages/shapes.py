"""Books, tickers, trades and lists found by their field names alone: for venues that have no parser of their own.

A venue that is routed to has its own file; this reads what dozens of small or dead venues answer, of which only the
names of fields differ. Whatever a word needs and is not there makes an UnknownShape.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, Final

from app.venues.cex.messages.words import (
    Book,
    Level,
    Listing,
    Listings,
    Ticker,
    Tickers,
    Trade,
    Trades,
    UnknownShape,
    exact,
    levels,
    maybe,
)

SIDES: Final = (("bids", "asks"), ("bid", "ask"), ("buy", "sell"), ("buy_price_levels", "sell_price_levels"))
PRICE: Final = ("price", "Price", "px", "rate", "Rate", "p", "trade_price")
QTY: Final = (
    "amount",
    "quantity",
    "Quantity",
    "qty",
    "size",
    "volume",
    "Volume",
    "units_traded",
    "traded_btc",
    "q",
    "n",
    "amount_currency_to_trade",
    "trade_volume",
)
BID: Final = (
    "bid",
    "Bid",
    "buy",
    "buy_price",
    "best_bid",
    "bestBid",
    "bidPrice",
    "highest_bid",
    "market_bid",
    "best_bid_price",
)
ASK: Final = (
    "ask",
    "Ask",
    "sell",
    "sell_price",
    "best_ask",
    "bestAsk",
    "askPrice",
    "lowest_ask",
    "market_ask",
    "best_ask_price",
)
LAST: Final = (
    "last",
    "Last",
    "last_price",
    "lastPrice",
    "ltp",
    "closing_price",
    "current",
    "close",
    "price",
    "lastDealPrice",
    "last_order",
    "last_traded_price",
    "trade_price",
)
NAME: Final = (
    "symbol",
    "pair",
    "MarketName",
    "currency_pair_code",
    "currency_pair",
    "product_code",
    "instrument",
    "market",
    "name",
    "Name",
    "id",
    "Id",
    "order_currency",
    "AssetPair",
    "asset",
    "trading_pair",
)
BASE_QUOTE: Final = (
    ("baseAsset", "quoteAsset"),
    ("underlying", "quoteCurrency"),
    ("base_currency", "currency"),
    ("baseCoin", "quoteCoin"),
    ("base_currency", "quote_currency"),
    ("base", "quote"),
    ("MarketCurrency", "BaseCurrency"),
    ("firstCurrency", "secondCurrency"),
    ("baseCurrency", "quotedCurrency"),
    ("commodity", "currency"),
    ("input", "output"),
)
TRADE_ID: Final = ("tid", "id", "_id", "tradeID", "trade_id", "uuid")


def books(body: Any, symbol: str) -> tuple[Book, ...]:
    """Every whole book within an answer; `symbol` where it does not say. Raises UnknownShape where there is none."""
    found = []
    for name, node in _objects(body, symbol):
        sides = _sides(node)
        if sides is not None:
            seq = int(node.get("lastUpdateId", 0))
            found.append(Book(_name(node, name), sides[0], sides[1], is_whole=True, last_seq=seq))
    return _some(found, "book")


def tickers(body: Any, symbol: str) -> Tickers:
    """Every ticker within an answer."""
    found = []
    for name, node in _objects(body, symbol):
        bid, ask, last = (_number(node, names) for names in (BID, ASK, LAST))
        if last is not None or (bid is not None and ask is not None):
            found.append(Ticker(_name(node, name), bid, ask, last))
    return Tickers(_some(found, "ticker"))


def trades(body: Any, symbol: str) -> Trades:
    """Every trade within an answer; the side is not read."""
    found = []
    for name, node in _objects(body, symbol):
        price, qty = _first(node, PRICE), _first(node, QTY)
        if price is not None and qty is not None and exact(qty):  # an index is told as trades of nothing
            trade_id = str(_first(node, TRADE_ID) or "")
            found.append(Trade(_name(node, name), trade_id, exact(price), exact(qty), None))
    return Trades(_some(found, "trade"))


def ticker_rows(rows: Sequence[Sequence[Any]]) -> Tickers:
    """Tickers that are lists: name, bid, its size, ask, its size, two changes, last. Funding markets are left out."""
    found = [Ticker(row[0], exact(row[1]), exact(row[3]), exact(row[7])) for row in rows if row[0][0] == "t"]
    return Tickers(_some(found, "ticker"))


def trade_rows(rows: Sequence[Sequence[Any]], symbol: str, price_i: int, qty_i: int) -> Trades:
    """Trades that are lists, price and quantity by place."""
    return Trades(tuple(Trade(symbol, "", exact(row[price_i]), abs(exact(row[qty_i])), None) for row in rows))


def listings(body: Any) -> Listings:
    """Every instrument within an answer: objects that name a base and a quote, or a plain list of names."""
    if isinstance(body, list) and body and all(isinstance(one, str) for one in body):
        return Listings(tuple(Listing(name, "", "") for name in body))
    found = []
    for name, node in _objects(body, ""):
        for base, quote in BASE_QUOTE:
            if isinstance(node.get(base), str) and isinstance(node.get(quote), str):
                found.append(Listing(_name(node, name or f"{node[base]}-{node[quote]}"), node[base], node[quote]))
                break
        else:
            if {"tickSize", "stepSize"} <= node.keys():
                tick, lot = exact(node["tickSize"]), exact(node["stepSize"])
                found.append(Listing(_name(node, name), "", "", tick, lot))
            elif {"QuotingAssetId", "decimal_places"} & node.keys():
                found.append(Listing(_name(node, name), "", ""))
    return Listings(_some(found, "instrument"))


def _objects(node: Any, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object within, outer ones first, with the name under which it stands."""
    if isinstance(node, dict):
        yield name, node
        for key, inner in node.items():
            yield from _objects(inner, key if isinstance(inner, dict) and key not in WRAPPERS else name)
    elif isinstance(node, list):
        for inner in node:
            yield from _objects(inner, name)


WRAPPERS: Final = {"data", "result", "ticker", "tick", "payload", "orders", "rates", "return"}


def _sides(node: dict[str, Any]) -> tuple[tuple[Level, ...], tuple[Level, ...]] | None:
    """Bids and asks of an object that holds a book, by any of the names for them."""
    for bid, ask in SIDES:
        if _is_rows(node.get(bid)) and _is_rows(node.get(ask)):
            return _side(node[bid]), _side(node[ask])
    if {"IsBuy", "Prices"} <= node.keys():
        side = _side(node["Prices"])
        return (side, ()) if node["IsBuy"] else ((), side)
    if "orderbook_units" in node:
        rows = node["orderbook_units"]
        return levels(rows, "bid_price", "bid_size"), levels(rows, "ask_price", "ask_size")
    return None


def _is_rows(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(row, list | dict) for row in value)


def _side(rows: Any) -> tuple[Level, ...]:
    if rows and isinstance(rows[0], dict):
        found = []
        for row in rows:
            price, qty = _first(row, PRICE), _first(row, (*QTY, "taker_gets_funded"))
            # A ledger's amounts are objects with their currency.
            price, qty = (one["value"] if isinstance(one, dict) else one for one in (price, qty))
            found.append((exact(price), abs(exact(qty))))
        return tuple(found)
    return levels(rows)


def _first(node: dict[str, Any], names: Sequence[str]) -> Any:
    return next((node[name] for name in names if node.get(name) is not None), None)


def _number(node: dict[str, Any], names: Sequence[str]) -> Decimal | None:
    value = _first(node, names)
    if isinstance(value, list):  # price and quantity together
        value = value[0] if value else None
    return maybe(value) if isinstance(value, str | int | Decimal) else None


def _name(node: dict[str, Any], fallback: str) -> str:
    value = _first(node, NAME)
    return value if isinstance(value, str) and value else fallback


def _some(found: list[Any], what: str) -> tuple[Any, ...]:
    if not found:
        raise UnknownShape(f"no {what} within")
    return tuple(found)
