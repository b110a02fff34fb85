"""Gate's spelling of markets, orders, fills and refusals, and what its behaviour rests on."""

from __future__ import annotations

from typing import Any

from tests.venues.exchange.book import BUY, Order
from tests.venues.exchange.markets import Kind, Market
from tests.venues.exchange.settlement import Fill
from tests.venues.exchange.units import text

from .base import Basis
from .wording import average, ms, rate

MARKETS = (
    Market(
        "BTC_USDT",
        "BTC",
        "USDT",
        "0.1",
        "0.000001",
        "60000",
        min_qty="0.00001",
        min_notional="3",
        maker_ppm=2000,
        taker_ppm=2000,
        fee_places=18,
    ),
    Market(
        "ETH_USDT",
        "ETH",
        "USDT",
        "0.01",
        "0.00001",
        "3000",
        min_notional="3",
        maker_ppm=2000,
        taker_ppm=2000,
        fee_places=18,
    ),
    Market(
        "BTC_USDT.futures",
        "BTC",
        "USDT",
        "0.1",
        "1",
        "60010",
        Kind.LINEAR,
        "USDT",
        "0.0001",
        maker_ppm=200,
        taker_ppm=500,
        fee_in="settle",
        fee_places=18,
        alias="BTC_USDT",
    ),
)

BASIS = (
    Basis("plain JSON answers; refusals as label and message with a 4xx status", "document", "apiv4 error handling"),
    Basis("currency_pairs with fee in percent, precisions and minimums", "recording", "wire/GATEIO/*.0"),
    Basis("order_book with id, bids and asks as pairs (spot) or p and s (futures)", "recording", "wire/GATEIO*/*.http"),
    Basis("signature: HMAC-SHA512 of METHOD, path, query, SHA512 of the body, seconds", "document", "apiv4 signature"),
    Basis("REQUEST_EXPIRED when the timestamp is 60 s away", "document", "apiv4 signature"),
    Basis("X-Gate-RateLimit headers; 429 TOO_MANY_REQUESTS beyond", "document", "apiv4 rate limit"),
    Basis("my_trades: newest first, 1000 at most, by page", "document", "apiv4 my_trades"),
    Basis("text: t- and at most 28 of 0-9A-Za-z_-.", "document", "apiv4 create order"),
    Basis("the same text twice makes two orders", "assumption", "the docs promise no uniqueness"),
    Basis("poc that would take is refused with POC_FILL_IMMEDIATELY", "document", "apiv4 labels, ccxt gate.py"),
    Basis("the amount of a spot market buy counts quote", "document", "apiv4 create order"),
    Basis("futures sizes are signed contracts, decimal strings when X-Gate-Size-Decimal asks", "document", "ccxt"),
    Basis(
        "spot and futures money is one wallet here; the real account has two",
        "assumption",
        "simpler, and transfers are out of scope",
    ),
    Basis("order_book_update: U to u, size 0 deletes, lists of pairs or of p and s", "recording", "wire/GATEIO*/*.ws"),
    Basis("spot.obu: full first, then changes of the best 50 with U and u", "document", "ccxt pro/gate.py"),
    Basis("subscribe is answered with result.status success", "recording", "wire/GATEIO*/*.ws"),
    Basis("a private subscription signs channel, event and time with HMAC-SHA512", "document", "ws v4 authentication"),
    Basis("futures orders are told with finish_as _new and _update while they live", "document", "futures ws v4"),
    Basis("spot orders, trades, accounts; BALANCE_NOT_ENOUGH", "recording", "adapters/xchange/gateio-v4"),
    Basis("401 for INVALID_KEY and INVALID_SIGNATURE, 403 FORBIDDEN", "recording", "adapters/xchange/gateio-v4"),
    Basis("spot fees are taken from what is received", "recording", "adapters/xchange/gateio-v4"),
    Basis(
        "rows of futures.orders, usertrades and positions, then with numbers for strings",
        "recording",
        "adapters/gocryptotrader/gateio_wsFutures",
    ),
    Basis("fok that cannot fill is taken in and finished as fok", "assumption", "the label FOK_NOT_FILL exists too"),
    Basis(
        "each change is told at once; the real channel gathers 100 ms, so it names fewer levels than numbers",
        "assumption",
        "wire/GATEIO*/*.ws",
    ),
    Basis("stp_act cn, co and cb", "document", "apiv4 create order"),
)

# code of the engine -> (label, message, status)
REFUSALS = {
    "unknown_market": ("INVALID_CURRENCY_PAIR", "Invalid currency pair {0}", 400),
    "price_precision": ("INVALID_PRECISION", "Invalid price precision: {0}", 400),
    "qty_precision": ("INVALID_PRECISION", "Invalid amount precision: {0}", 400),
    "min_qty": ("INVALID_PARAM_VALUE", "Your order size {0} is too small", 400),
    "min_notional": ("INVALID_PARAM_VALUE", "Your order size {0} USDT is too small. The minimum is 3 USDT", 400),
    "insufficient_balance": ("BALANCE_NOT_ENOUGH", "Not enough balance", 400),
    "bad_client_id": ("INVALID_PARAM_VALUE", "Invalid text {0}", 400),
    "post_only": ("POC_FILL_IMMEDIATELY", "Order would match and take immediately so its cancelled", 400),
    "order_closed": ("ORDER_CLOSED", "Order is closed", 400),
    "unknown_order": ("ORDER_NOT_FOUND", "Order with ID {0} not found", 404),
    "qty_below_filled": ("INVALID_PARAM_VALUE", "New amount is below the filled one", 400),
}
FUTURES_REFUSALS = REFUSALS | {
    "unknown_market": ("CONTRACT_NOT_FOUND", "Contract {0} not found", 400),
    "insufficient_balance": ("INSUFFICIENT_AVAILABLE", "Insufficient available balance", 400),
    "order_closed": ("ORDER_FINISHED", "Order is finished", 400),
    "reduce_only": ("REDUCE_EXCEEDED", "Empty position", 400),
}
FINISHED_AS = {"user": "cancelled", "ioc": "ioc", "fok": "fok", "no_liquidity": "depth_not_enough", "self_trade": "stp"}


def pair_row(market: Market) -> dict[str, Any]:
    return {
        "id": market.name,
        "base": market.base,
        "base_name": market.base,
        "quote": market.quote,
        "quote_name": market.quote,
        "fee": text(market.taker_ppm * 10**14),
        "min_base_amount": market.qty(market.min_lots),
        "min_quote_amount": market.min_notional,
        "max_quote_amount": "5000000",
        "amount_precision": market.qty_places,
        "precision": market.price_places,
        "trade_status": "tradable",
        "sell_start": 0,
        "buy_start": 0,
        "type": "normal",
    }


def contract_row(market: Market) -> dict[str, Any]:
    return {
        "name": market.name,
        "type": "direct",
        "quanto_multiplier": market.contract,
        "leverage_min": "1",
        "leverage_max": "100",
        "maintenance_rate": "0.005",
        "mark_type": "index",
        "mark_price": market.mid,
        "last_price": market.mid,
        "maker_fee_rate": rate(market.maker_ppm),
        "taker_fee_rate": rate(market.taker_ppm),
        "order_price_round": market.tick,
        "mark_price_round": "0.01",
        "order_price_deviate": "0.5",
        "order_size_min": 1,
        "order_size_max": 1_000_000,
        "in_delisting": False,
        "enable_decimal": False,
        "status": "trading",
        "create_time": 1_546_905_600,
    }


def side_of(side: int) -> str:
    return "buy" if side == BUY else "sell"


def size_of(market: Market, side: int, lots: int, is_decimal: bool) -> str | int:
    """Signed contracts, in the form the client asked for."""
    digits = market.qty(lots)
    signed = digits if side == BUY or not lots else f"-{digits}"
    return signed if is_decimal else int(signed)


def _stamps(order: Order, is_stream: bool) -> dict[str, Any]:
    """Milliseconds are numbers over REST, strings in streams."""
    created, updated = ms(order.created_ns), ms(order.updated_ns)
    row: dict[str, Any] = {"create_time": str(created // 1000), "update_time": str(updated // 1000)}
    if is_stream:
        return row | {"create_time_ms": str(created), "update_time_ms": str(updated)}
    return row | {"create_time_ms": created, "update_time_ms": updated}


def spot_row(order: Order, is_stream: bool = False) -> dict[str, Any]:
    market, (coin, fee) = order.market, next(iter(order.fees.items()), ("", 0))
    is_quote = bool(order.budget)
    amount = text(order.budget) if is_quote else market.qty(order.qty)
    left = text(max(0, order.budget - order.cash)) if is_quote else market.qty(order.left)
    row: dict[str, Any] = {
        "id": order.id,
        "text": order.client_id or "apiv4",
        "amend_text": "-",
        "status": {"open": "open", "filled": "closed", "canceled": "cancelled"}[order.state],
        "finish_as": "open" if order.is_open else FINISHED_AS.get(order.reason, "filled"),
        "currency_pair": market.name,
        "type": order.kind,
        "account": "spot",
        "side": side_of(order.side),
        "amount": amount,
        "price": market.price(order.price),
        "time_in_force": order.tags.get("tif", "gtc"),
        "iceberg": "0",
        "left": left,
        "filled_amount": market.qty(order.filled),
        "fill_price": text(order.cash),
        "filled_total": text(order.cash),
        "fee": text(fee),
        "fee_currency": coin or (market.base if order.side == BUY else market.quote),
        "point_fee": "0",
        "gt_fee": "0",
        "gt_discount": False,
        "rebated_fee": "0",
        "rebated_fee_currency": market.quote,
    }
    if order.filled:
        row["avg_deal_price"] = average(market, order.filled, order.cash)
    return row | _stamps(order, is_stream)


def futures_row(order: Order, is_decimal: bool, is_stream: bool = False) -> dict[str, Any]:
    market = order.market
    finished = "" if order.is_open else FINISHED_AS.get(order.reason, "filled")
    if is_stream and order.is_open:
        finished = "_update" if order.filled else "_new"
    row: dict[str, Any] = {
        "id": int(order.id),
        "user": 1,
        "contract": market.name,
        "mkfr": rate(market.maker_ppm),
        "tkfr": rate(market.taker_ppm),
        "tif": order.tags.get("tif", "gtc"),
        "is_reduce_only": order.reduce_only,
        "is_close": False,
        "is_liq": False,
        "create_time": order.created_ns / 1e9,
        "price": market.price(order.price),
        "size": size_of(market, order.side, order.qty, is_decimal),
        "left": size_of(market, order.side, order.left, is_decimal),
        "fill_price": average(market, order.filled, order.cash) or "0",
        "text": order.client_id or "api",
        "iceberg": 0,
        "status": "open" if order.is_open else "finished",
    }
    if finished:
        row["finish_as"] = finished
    if not order.is_open:
        row["finish_time"] = order.updated_ns / 1e9
    return row


def spot_fill(fill: Fill) -> dict[str, Any]:
    market, stamp_ms = fill.market, ms(fill.ts_ns)
    return {
        "id": str(fill.trade_id),
        "create_time": str(stamp_ms // 1000),
        "create_time_ms": f"{stamp_ms}.{fill.ts_ns % 10**6:06d}",
        "currency_pair": market.name,
        "side": side_of(fill.side),
        "role": fill.liquidity,
        "amount": market.qty(fill.lots),
        "price": market.price(fill.price),
        "order_id": fill.order_id,
        "fee": text(fill.fee),
        "fee_currency": fill.fee_in,
        "point_fee": "0",
        "gt_fee": "0",
        "text": fill.client_id or "apiv4",
    }


def futures_fill(fill: Fill, is_decimal: bool, id_word: str = "trade_id") -> dict[str, Any]:
    """One futures fill: its number is `trade_id` in the list by time, `id` elsewhere."""
    market = fill.market
    return {
        id_word: str(fill.trade_id),
        "create_time": fill.ts_ns / 1e9,
        "contract": market.name,
        "order_id": fill.order_id,
        "size": size_of(market, fill.side, fill.lots, is_decimal),
        "price": market.price(fill.price),
        "text": fill.client_id or "api",
        "fee": text(fill.fee),
        "point_fee": "0",
        "role": fill.liquidity,
        "close_size": "0" if is_decimal else 0,
    }
