"""KuCoin's spelling of symbols, orders, fills and refusals, and what its behaviour rests on."""

from __future__ import annotations

from typing import Any

from tests.venues.exchange.book import BUY, Order
from tests.venues.exchange.engine import OrderChange
from tests.venues.exchange.markets import Market
from tests.venues.exchange.settlement import Fill
from tests.venues.exchange.units import text

from .base import Basis
from .wording import average, ms, rate

MARKETS = (
    Market(
        "BTC-USDT",
        "BTC",
        "USDT",
        "0.1",
        "0.00000001",
        "60000",
        min_qty="0.00001",
        min_notional="0.1",
        fee_in="quote",
        fee_places=18,
    ),
    Market(
        "ETH-USDT",
        "ETH",
        "USDT",
        "0.01",
        "0.0000001",
        "3000",
        min_qty="0.0001",
        min_notional="0.1",
        fee_in="quote",
        fee_places=18,
    ),
)

BASIS = (
    Basis("code 200000 and data around every answer", "recording", "wire/KUCOIN/*.0 and *.http"),
    Basis("symbols with increments, minimums and feeCurrency, which is the quote", "recording", "wire/KUCOIN/*.0"),
    Basis("signature: base64 HMAC-SHA256 of timestamp + METHOD + path?query + body", "document", "docs authentication"),
    Basis("the passphrase is sent as its own base64 HMAC (key version 2)", "document", "docs authentication"),
    Basis("400002 when the timestamp is 5 s away; 401 for a wrong key, passphrase or signature", "document", "docs"),
    Basis(
        "refusals of the engine come with status 200, of parameters with 400", "assumption", "ccxt reads the code alone"
    ),
    Basis("gw-ratelimit-limit, -remaining and -reset in milliseconds; 429000 beyond", "document", "docs rate limit"),
    Basis("account mode CLASSIC; high-frequency and classic order paths both answer", "document", "ccxt kucoin.py"),
    Basis("clientOid: 40 of A-Za-z0-9_-, never twice", "assumption", "the docs promise only the alphabet"),
    Basis("postOnly that would take is canceled at once", "assumption", "refused or canceled: no source at hand"),
    Basis("tradeOrders rows open, match, filled", "recording", "adapters/gocryptotrader/kucoin_wsHandleData"),
    Basis("stp CN, CO, CB and DC; DC is played as CB", "document", "docs place order"),
    Basis("websocket address and token come from bullet-public and bullet-private", "document", "docs apply token"),
    Basis("welcome, ack, pong", "recording", "wire/KUCOIN/*.ws.1.0"),
    Basis(
        "level2: sequenceStart to sequenceEnd, each level with its own number, size 0 deletes",
        "recording",
        "wire/KUCOIN/*.ws.1.0",
    ),
    Basis("numbers are used up by rows of price 0, a third of all", "recording", "wire/KUCOIN/*.ws.1.0"),
    Basis("a limit order is told open when it comes, even when it takes at once", "assumption", "real: once it rests"),
)

# code of the engine -> (venue's code, message, status)
REFUSALS = {
    "unknown_market": ("400600", "validation.createOrder.symbolNotAvailable", 400),
    "price_precision": ("400100", "Price increment invalid.", 400),
    "qty_precision": ("400100", "Order size increment invalid.", 400),
    "min_qty": ("400100", "Order size below the minimum requirement.", 400),
    "min_notional": ("400100", "Order funds below the minimum requirement.", 400),
    "insufficient_balance": ("200004", "Balance insufficient!", 200),
    "duplicate_client_id": ("400100", "The clientOid is duplicated.", 400),
    "bad_client_id": ("400100", "validation.createOrder.clientOidIsTooLong", 400),
    "order_closed": ("400100", "order_not_exist_or_not_allow_to_cancel", 400),
    "unknown_order": ("400100", "order_not_exist_or_not_allow_to_cancel", 400),
    "qty_below_filled": ("400100", "newSize is below the filled size", 400),
}


def symbol_row(market: Market) -> dict[str, Any]:
    return {
        "symbol": market.name,
        "name": market.name,
        "baseCurrency": market.base,
        "quoteCurrency": market.quote,
        "feeCurrency": market.quote,
        "market": "USDS",
        "baseMinSize": market.qty(market.min_lots),
        "quoteMinSize": market.min_notional,
        "baseMaxSize": "10000000000",
        "quoteMaxSize": "99999999",
        "baseIncrement": market.lot,
        "quoteIncrement": "0.000001",
        "priceIncrement": market.tick,
        "priceLimitRate": "0.1",
        "minFunds": market.min_notional,
        "isMarginEnabled": False,
        "enableTrading": True,
    }


def ticker_row(market: Market, bid: str, ask: str) -> dict[str, Any]:
    return {
        "symbol": market.name,
        "symbolName": market.name,
        "buy": bid,
        "sell": ask,
        "last": bid,
        "takerFeeRate": rate(market.taker_ppm),
        "makerFeeRate": rate(market.maker_ppm),
        "takerCoefficient": "1",
        "makerCoefficient": "1",
    }


def side_of(side: int) -> str:
    return "buy" if side == BUY else "sell"


def order_row(order: Order, is_high_frequency: bool) -> dict[str, Any]:
    market = order.market
    is_canceled = order.state == "canceled"
    row: dict[str, Any] = {
        "id": order.id,
        "clientOid": order.client_id,
        "symbol": market.name,
        "opType": "DEAL",
        "type": order.kind,
        "side": side_of(order.side),
        "price": market.price(order.price),
        "size": market.qty(order.qty) if not order.budget else "0",
        "funds": text(order.budget),
        "dealSize": market.qty(order.filled),
        "dealFunds": text(order.cash),
        "fee": text(sum(order.fees.values())),
        "feeCurrency": market.quote,
        "stp": order.tags.get("stp", ""),
        "timeInForce": order.time_in_force if order.price else "GTC",
        "postOnly": order.post_only,
        "hidden": False,
        "iceberg": False,
        "cancelAfter": 0,
        "channel": "API",
        "cancelExist": is_canceled,
        "createdAt": ms(order.created_ns),
        "tradeType": "TRADE",
    }
    if not is_high_frequency:
        return row | {"isActive": order.is_open}
    return row | {
        "active": order.is_open,
        "inOrderBook": order.is_open,
        "lastUpdatedAt": ms(order.updated_ns),
        "cancelledSize": market.qty(order.left) if is_canceled else "0",
        "remainSize": market.qty(order.left) if order.is_open else "0",
        "avgDealPrice": average(market, order.filled, order.cash),
    }


def fill_row(fill: Fill, order: Order) -> dict[str, Any]:
    market = fill.market
    ppm = market.maker_ppm if fill.liquidity == "maker" else market.taker_ppm
    return {
        "symbol": market.name,
        "tradeId": str(fill.trade_id),
        "orderId": fill.order_id,
        "side": side_of(fill.side),
        "liquidity": fill.liquidity,
        "forceTaker": False,
        "price": market.price(fill.price),
        "size": market.qty(fill.lots),
        "funds": text(fill.cash),
        "fee": text(fill.fee),
        "feeRate": rate(ppm),
        "feeCurrency": fill.fee_in,
        "stop": "",
        "tradeType": "TRADE",
        "type": order.kind,
        "createdAt": ms(fill.ts_ns),
    }


def order_message(change: OrderChange, what: str) -> dict[str, Any]:
    """The data of /spotMarket/tradeOrders: `what` is open, match, filled, canceled or update."""
    order, market, fill = change.order, change.order.market, change.fill
    row: dict[str, Any] = {
        "symbol": market.name,
        "orderType": order.kind,
        "side": side_of(order.side),
        "orderId": order.id,
        "clientOid": order.client_id,
        "type": what,
        "orderTime": order.created_ns,
        "size": market.qty(order.qty),
        "filledSize": market.qty(order.filled),
        "remainSize": market.qty(order.left) if order.is_open else "0",
        "price": market.price(order.price),
        "status": {"open": "open", "match": "match", "update": "open"}.get(what, "done"),
        "ts": change.ts_ns,
    }
    if what == "canceled":
        row["canceledSize"] = market.qty(order.left)
    if what == "match" and fill is not None:
        row |= {"matchPrice": market.price(fill.price), "matchSize": market.qty(fill.lots)}
        row |= {"tradeId": str(fill.trade_id), "liquidity": fill.liquidity, "feeType": f"{fill.liquidity}Fee"}
    return row
