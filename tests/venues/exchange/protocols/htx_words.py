"""HTX's spelling of symbols, orders, fills and refusals, and what its behaviour rests on."""

from __future__ import annotations

from typing import Any

from tests.venues.exchange.book import BUY, Order
from tests.venues.exchange.markets import Market
from tests.venues.exchange.settlement import Fill
from tests.venues.exchange.units import fixed, text

from .base import Basis
from .wording import ms

MARKETS = (
    Market(
        "btcusdt",
        "BTC",
        "USDT",
        "0.01",
        "0.000001",
        "60000",
        min_qty="0.0001",
        min_notional="10",
        maker_ppm=2000,
        taker_ppm=2000,
        fee_places=18,
    ),
    Market(
        "ethusdt",
        "ETH",
        "USDT",
        "0.01",
        "0.0001",
        "3000",
        min_qty="0.001",
        min_notional="10",
        maker_ppm=2000,
        taker_ppm=2000,
        fee_places=18,
    ),
)

BASIS = (
    Basis("status ok and data, or status error with err-code and err-msg and HTTP 200", "document", "huobi api v1"),
    Basis("symbols with precisions, minimums and state", "recording", "wire/HUOBI/*.0"),
    Basis("signature in the query: base64 HMAC-SHA256 of METHOD, host, path and sorted query", "document", "api docs"),
    Basis("the timestamp may be 5 minutes away", "document", "api docs"),
    Basis("429 rate-too-many-requests; X-HB-RateLimit-Requests-Remain and -Expire", "document", "api docs"),
    Basis("client-order-id: 64 of A-Za-z0-9_-, never twice (the docs say within 24 hours)", "document", "place order"),
    Basis("the refusal of a repeated client-order-id", "assumption", "its err-code is in no source at hand"),
    Basis(
        "matchresults beyond a page: older than the row named by from",
        "assumption",
        "documented; whether inclusive is not",
    ),
    Basis("limit-maker that would take is canceled at once", "assumption", "refused or canceled: no source at hand"),
    Basis("the amount of buy-market counts quote", "document", "place order"),
    Basis("single orders say field-amount, lists filled-amount", "document", "ccxt htx.py"),
    Basis("cancel by client id answers with a state number", "document", "submitCancelClientOrder"),
    Basis("public sockets speak gzip; ping every 5 s, closed when two stay unanswered", "recording", "wire/HUOBI/*.ws"),
    Basis("levels are JSON numbers", "recording", "wire/HUOBI/*.ws"),
    Basis("mbp.150: seqNum and prevSeqNum link the changes; req gives the snapshot", "document", "ccxt pro/htx.py"),
    Basis("the recordings have depth.step0 only, no mbp", "recording", "wire/HUOBI/*.ws"),
    Basis("orders# creation and trade.clearing# rows", "recording", "adapters/gocryptotrader/huobi_wsMyOrders"),
    Basis(
        "accounts.update tells a new subscriber every balance", "recording", "adapters/gocryptotrader/huobi_wsMyAccount"
    ),
    Basis("depth.step0 with version", "recording", "adapters/gocryptotrader/huobi_wsOrderbook"),
    Basis("private v2 socket: plain text; auth, orders#, trade.clearing#, accounts.update#", "document", "api docs"),
    Basis(
        "ccxt signs the whole loopback address where the real path is /ws/v2: both are accepted",
        "assumption",
        "ccxt pro/htx.py authenticate",
    ),
    Basis("stop-limit: stop-price, operator; one that is through is refused", "document", "notice of 2019-09-02"),
    Basis("created and untold by the socket until off, then submitted and told", "document", "HTX notice, 2019-09"),
    Basis("order-stop-order-hit-trigger", "document", "ccxt htx.py"),
    Basis("a stop that waits holds what it would pay; its cancel is untold, too", "assumption", "not in the notice"),
    Basis("fees are taken from what is received", "recording", "adapters/gocryptotrader/huobi_wsMyTrades"),
)

OPERATORS = {BUY: "gte", -BUY: "lte"}
# code of the engine -> (err-code, err-msg)
REFUSALS = {
    "unknown_market": ("base-symbol-error", "The symbol is invalid"),
    "price_precision": ("order-orderprice-precision-error", "order price precision error"),
    "qty_precision": ("order-orderamount-precision-error", "order amount precision error"),
    "min_qty": ("order-limitorder-amount-min-error", "limit order amount error, min: `0.0001`"),
    "min_notional": ("order-value-min-error", "Order total cannot be lower than: 10 USDT"),
    "insufficient_balance": (
        "account-frozen-balance-insufficient-error",
        "trade account balance is not enough, left: `0`",
    ),
    "duplicate_client_id": ("order-client-order-id-repeated", "client-order-id repeated"),
    "bad_client_id": ("invalid-client-order-id", "Invalid client order id"),
    "stop_through": (
        "order-stop-order-hit-trigger",
        "Orders that are triggered immediately are not supported.",
    ),
    "order_closed": ("order-orderstate-error", "Incorrect order state"),
    "unknown_order": ("base-record-invalid", "record invalid"),
}


def symbol_row(market: Market) -> dict[str, Any]:
    return {
        "base-currency": market.base.lower(),
        "quote-currency": market.quote.lower(),
        "price-precision": market.price_places,
        "amount-precision": market.qty_places,
        "symbol-partition": "main",
        "symbol": market.name,
        "state": "online",
        "value-precision": 8,
        "min-order-amt": float(market.qty(market.min_lots)),
        "max-order-amt": 10_000,
        "min-order-value": float(market.min_notional),
        "limit-order-min-order-amt": float(market.qty(market.min_lots)),
        "limit-order-max-order-amt": 10_000,
        "api-trading": "enabled",
        "tags": "",
    }


def number(digits: str) -> float | int:
    """A JSON number; exact for the at most 15 digits that this venue's markets have."""
    return int(digits) if digits.isdigit() else float(digits)


def state_of(order: Order) -> str:
    if order.waits and order.is_open:
        return "created"
    if order.is_open:
        return "partial-filled" if order.filled else "submitted"
    if order.state == "filled":
        return "filled"
    return "partial-canceled" if order.filled else "canceled"


def type_of(order: Order) -> str:
    return order.tags.get("type", "buy-limit" if order.side == BUY else "sell-limit")


def _amount(order: Order) -> str:
    return fixed(order.budget, 18) if order.budget else fixed(order.qty * order.market.lot_atoms, 18)


def order_row(order: Order, account_id: int, word: str) -> dict[str, Any]:
    """The order; `word` is "field" where one is asked for, "filled" in lists: so the venue spells them."""
    market, is_canceled = order.market, order.state == "canceled"
    return {
        "id": int(order.id),
        "symbol": market.name,
        "account-id": account_id,
        "client-order-id": order.client_id,
        "amount": _amount(order),
        "price": fixed(order.price * market.tick_atoms, 18),
        "created-at": ms(order.created_ns),
        "type": type_of(order),
        f"{word}-amount": fixed(order.filled * market.lot_atoms, 18),
        f"{word}-cash-amount": fixed(order.cash, 18),
        f"{word}-fees": fixed(sum(order.fees.values()), 18),
        "finished-at": 0 if order.is_open else ms(order.updated_ns),
        "canceled-at": ms(order.updated_ns) if is_canceled else 0,
        "source": "spot-api",
        "state": state_of(order),
        **stop_words(order, "-"),
    }


def stop_words(order: Order, joint: str) -> dict[str, Any]:
    """What a stop-limit order says more."""
    if not order.stop:
        return {}
    price = "stop-price" if joint == "-" else "stopPrice"
    return {price: order.market.price(order.stop), "operator": OPERATORS[order.side]}


def match_row(fill: Fill, order: Order, number_of_row: int) -> dict[str, Any]:
    return {
        "id": number_of_row,
        "symbol": fill.market.name,
        "order-id": int(fill.order_id),
        "match-id": fill.trade_id,
        "trade-id": fill.trade_id,
        "price": fill.market.price(fill.price),
        "filled-amount": fill.market.qty(fill.lots),
        "filled-fees": text(fill.fee),
        "filled-points": "0.0",
        "fee-currency": fill.fee_in.lower(),
        "fee-deduct-currency": "",
        "fee-deduct-state": "done",
        "source": "spot-api",
        "role": fill.liquidity,
        "type": type_of(order),
        "created-at": ms(fill.ts_ns),
    }


def order_message(order: Order, fill: Fill | None, what: str, account_id: int) -> dict[str, Any]:
    """The data of orders#: `what` is creation, trade or cancellation."""
    market = order.market
    row: dict[str, Any] = {
        "eventType": what,
        "symbol": market.name,
        "accountId": account_id,
        "orderId": int(order.id),
        "clientOrderId": order.client_id,
        "orderSource": "spot-api",
        "orderPrice": market.price(order.price),
        "orderSize": text(order.budget) if order.budget else market.qty(order.qty),
        "type": type_of(order),
        "orderStatus": state_of(order),
        **stop_words(order, ""),
    }
    if what == "creation":
        return row | {"orderCreateTime": ms(order.created_ns)}
    row |= {"execAmt": market.qty(order.filled), "remainAmt": market.qty(order.left)}
    if fill is None:
        return row | {"lastActTime": ms(order.updated_ns)}
    return row | {
        "tradePrice": market.price(fill.price),
        "tradeVolume": market.qty(fill.lots),
        "tradeId": fill.trade_id,
        "tradeTime": ms(fill.ts_ns),
        "aggressor": fill.liquidity == "taker",
    }


def clearing_message(order: Order, fill: Fill, account_id: int) -> dict[str, Any]:
    """The data of trade.clearing#."""
    market = fill.market
    return {
        "eventType": "trade",
        "symbol": market.name,
        "orderId": int(fill.order_id),
        "orderSide": "buy" if fill.side == BUY else "sell",
        "orderType": type_of(order),
        "accountId": account_id,
        "source": "spot-api",
        "orderPrice": market.price(order.price),
        "orderSize": market.qty(order.qty),
        "orderCreateTime": ms(order.created_ns),
        "orderStatus": state_of(order),
        "clientOrderId": order.client_id,
        "tradePrice": market.price(fill.price),
        "tradeVolume": market.qty(fill.lots),
        "tradeId": fill.trade_id,
        "tradeTime": ms(fill.ts_ns),
        "aggressor": fill.liquidity == "taker",
        "transactFee": text(fill.fee),
        "feeCurrency": fill.fee_in.lower(),
        "feeDeduct": "0",
        "feeDeductType": "",
    }
