"""Bitget's spelling of markets, orders, fills, books and refusals, and what its behaviour rests on."""

from __future__ import annotations

import zlib
from typing import Any

from tests.venues.exchange.book import BUY, Order
from tests.venues.exchange.markets import Kind, Market
from tests.venues.exchange.settlement import Fill
from tests.venues.exchange.units import fixed, text

from .base import Basis
from .window import Rows
from .wording import average, ms, rate

USDT_FUTURES = "USDT-FUTURES"
CHECKED_LEVELS = 25

MARKETS = (
    Market("BTCUSDT", "BTC", "USDT", "0.01", "0.000001", "60000", min_notional="1"),
    Market("ETHUSDT", "ETH", "USDT", "0.01", "0.0001", "3000", min_notional="1"),
    Market(
        "BTCUSDT.mix",
        "BTC",
        "USDT",
        "0.1",
        "0.0001",
        "60010",
        Kind.LINEAR,
        "USDT",
        min_notional="5",
        maker_ppm=200,
        taker_ppm=600,
        fee_in="settle",
        alias="BTCUSDT",
    ),
)

BASIS = (
    Basis("code, msg, requestTime, data around every answer; refusals come with status 400", "document", "api-doc"),
    Basis("symbols and contracts as listed in 2022, with the fields of v2", "recording", "wire/BITGET/*.0"),
    Basis("signature: base64 HMAC-SHA256 of timestamp + METHOD + path?query + body", "document", "api-doc/signature"),
    Basis("40008 when the timestamp is 30 s away", "document", "api-doc/signature"),
    Basis(
        "a classic account answers 40084 to the unified account's endpoints",
        "assumption",
        "ccxt takes any error for it",
    ),
    Basis(
        "spot and futures money is one wallet here; the real account has two",
        "assumption",
        "simpler, and transfers are out of scope",
    ),
    Basis(
        "post_only that would take is taken in and canceled at once",
        "assumption",
        "refused or canceled: no source at hand",
    ),
    Basis("clientOid: at most 40 characters, never twice", "document", "error 40305"),
    Basis("the size of a spot market buy counts quote", "document", "spot/trade/Place-Order"),
    Basis("open spot orders bear their price in priceAvg and their mean in basePrice", "document", "Get-Unfilled"),
    Basis("an unknown id gives an empty list (spot) or 40109 (mix)", "document", "Get-Order-Info"),
    Basis("book: snapshot, updates, CRC32 signed over 25 levels bid:ask as printed", "recording", "wire/BITGET/*.ws.*"),
    Basis("prices and sizes with all their digits, 0 for a level that is gone", "recording", "wire/BITGET/*.ws.*"),
    Basis("subscribe is answered once for each argument", "recording", "wire/BITGET/*.ws.*"),
    Basis("private login: base64 HMAC of seconds + GET/user/verify", "document", "api-doc/websocket-intro"),
    Basis("replacing or modifying gives a new order with a new id", "document", "spot/trade/Cancel-Replace-Order"),
    Basis("v2 spot symbols, placements, orders and fills", "recording", "adapters/xchange/bitget"),
    Basis("spot fees are taken from what is received", "recording", "adapters/xchange/bitget"),
    Basis("stpMode cancels the taker, the maker or both", "document", "spot/trade/Place-Order"),
    Basis("one-way positions only", "assumption", "hedge mode is not played"),
    Basis("X-MBX-USED-REMAIN-LIMIT tells what is left of the second", "assumption", "seen in use, not documented"),
)

REFUSALS = {
    "unknown_market": ("40034", "Parameter {0} does not exist"),
    "price_precision": ("40808", "Parameter verification exception price checkBDScale error value={0}"),
    "qty_precision": ("40808", "Parameter verification exception size checkBDScale error value={0}"),
    "min_qty": ("45111", "less than the minimum order quantity"),
    "min_notional": ("45110", "less than the minimum amount {0} USDT"),
    "insufficient_balance": ("43012", "Insufficient balance"),
    "duplicate_client_id": ("43118", "clientOrderId duplicate"),
    "bad_client_id": ("40305", "client_oid length is not greater than 40, and cannot be Martian characters"),
    "reduce_only": ("22002", "No position to close"),
    "order_closed": ("43001", "The order does not exist"),
    "unknown_order": ("43001", "The order does not exist"),
    "qty_below_filled": ("40020", "Parameter newSize error"),
}
MIX_REFUSALS = REFUSALS | {
    "insufficient_balance": ("40762", "The order amount exceeds the balance"),
    "duplicate_client_id": ("40786", "Duplicate clientOid"),
    "order_closed": ("40768", "Order does not exist"),
    "unknown_order": ("40768", "Order does not exist"),
}


def spell(market: Market, price: int, lots: int) -> tuple[str, str]:
    """A level with all its digits: what the checksum is counted over."""
    return fixed(price * market.tick_atoms, market.price_places), fixed(lots * market.lot_atoms, market.qty_places)


def checksum(bids: Rows, asks: Rows) -> int:
    """CRC32 as a signed integer over the best 25 levels, a bid and an ask by turns."""
    parts: list[str] = []
    for i in range(CHECKED_LEVELS):
        parts.extend(value for rows in (bids, asks) if i < len(rows) for value in rows[i])
    crc = zlib.crc32(":".join(parts).encode())
    return crc - (1 << 32) if crc & 0x80000000 else crc


def spot_symbol(market: Market) -> dict[str, Any]:
    return {
        "symbol": market.name,
        "baseCoin": market.base,
        "quoteCoin": market.quote,
        "minTradeAmount": "0",
        "maxTradeAmount": "900000000000000000000",
        "takerFeeRate": rate(market.taker_ppm),
        "makerFeeRate": rate(market.maker_ppm),
        "pricePrecision": str(market.price_places),
        "quantityPrecision": str(market.qty_places),
        "quotePrecision": "8",
        "status": "online",
        "minTradeUSDT": market.min_notional,
        "buyLimitPriceRatio": "0.05",
        "sellLimitPriceRatio": "0.05",
    }


def contract(market: Market) -> dict[str, Any]:
    return {
        "symbol": market.name,
        "baseCoin": market.base,
        "quoteCoin": market.quote,
        "buyLimitPriceRatio": "0.05",
        "sellLimitPriceRatio": "0.05",
        "makerFeeRate": rate(market.maker_ppm),
        "takerFeeRate": rate(market.taker_ppm),
        "supportMarginCoins": [market.settle],
        "minTradeNum": market.qty(market.min_lots),
        "priceEndStep": "1",
        "volumePlace": str(market.qty_places),
        "pricePlace": str(market.price_places),
        "sizeMultiplier": market.lot,
        "symbolType": "perpetual",
        "minTradeUSDT": market.min_notional,
        "symbolStatus": "normal",
        "deliveryTime": "",
        "launchTime": "",
        "minLever": "1",
        "maxLever": "125",
    }


def status_of(order: Order) -> str:
    if order.is_open:
        return "partially_filled" if order.filled else "live"
    return "filled" if order.state == "filled" else "cancelled"


def side_of(side: int) -> str:
    return "buy" if side == BUY else "sell"


def size_of(order: Order) -> str:
    return text(order.budget) if order.budget else order.market.qty(order.qty)


def _common(order: Order) -> dict[str, Any]:
    return {
        "symbol": order.market.name,
        "orderId": order.id,
        "clientOid": order.client_id,
        "size": size_of(order),
        "orderType": order.kind,
        "side": side_of(order.side),
        "baseVolume": order.market.qty(order.filled),
        "quoteVolume": text(order.cash),
        "enterPointSource": "API",
        "orderSource": "normal",
        "cTime": str(ms(order.created_ns)),
        "uTime": str(ms(order.updated_ns)),
    }


def spot_row(order: Order) -> dict[str, Any]:
    """The order as order-info and history-orders give it."""
    mean = average(order.market, order.filled, order.cash) or "0"
    row = _common(order) | {"price": order.market.price(order.price), "priceAvg": mean, "status": status_of(order)}
    row |= {"userId": "1", "quoteCoin": order.market.quote, "baseCoin": order.market.base, "cancelReason": ""}
    return row | {"feeDetail": fee_text(order)}


def fee_text(order: Order) -> str:
    """The fees as the JSON text that the venue puts in a string, with numbers; empty when there are none."""
    parts = []
    for coin, fee in order.fees.items():
        head = f'"{coin}":{{"deduction":false,"feeCoinCode":"{coin}"'
        parts.append(f'{head},"totalDeductionFee":0,"totalFee":{text(-fee)}}}')
    return f"{{{','.join(parts)}}}" if parts else ""


def spot_open_row(order: Order) -> dict[str, Any]:
    """The order as unfilled-orders gives it: the price in priceAvg, the mean in basePrice."""
    mean = average(order.market, order.filled, order.cash) or "0"
    return _common(order) | {
        "userId": "1",
        "priceAvg": order.market.price(order.price),
        "basePrice": mean,
        "status": status_of(order),
    }


def mix_row(order: Order, word: str = "status") -> dict[str, Any]:
    """The futures order; its state stands under `state` in order details, under `status` in lists."""
    return _common(order) | {
        "price": order.market.price(order.price),
        "priceAvg": average(order.market, order.filled, order.cash),
        "fee": text(-sum(order.fees.values())),
        word: status_of(order),
        "force": order.tags.get("force", "gtc"),
        "totalProfits": "0",
        "posSide": "net",
        "marginCoin": order.market.settle,
        "leverage": "10",
        "marginMode": "crossed",
        "tradeSide": "reduce_only" if order.reduce_only else side_of(order.side) + "_single",
        "posMode": "one_way_mode",
        "reduceOnly": "YES" if order.reduce_only else "NO",
    }


def fee_detail(fill: Fill) -> dict[str, Any]:
    return {"deduction": "no", "feeCoin": fill.fee_in, "totalDeductionFee": "", "totalFee": text(-fill.fee)}


def fill_row(fill: Fill, order: Order, is_stream: bool) -> dict[str, Any]:
    """One fill as REST or the fill channel gives it."""
    market, detail = fill.market, fee_detail(fill)
    price, qty = market.price(fill.price), market.qty(fill.lots)
    row = {
        "symbol": market.name,
        "orderId": fill.order_id,
        "tradeId": str(fill.trade_id),
        "orderType": order.kind,
        "side": side_of(fill.side),
        "tradeScope": fill.liquidity,
        "cTime": str(ms(fill.ts_ns)),
        "uTime": str(ms(fill.ts_ns)),
    }
    if market.kind is Kind.SPOT:
        row |= {"priceAvg": price, "size": qty, "amount": text(fill.cash)}
        return row | {"feeDetail": [detail] if is_stream else detail}
    row |= {"price": price, "baseVolume": qty, "quoteVolume": text(fill.cash), "profit": text(fill.realised)}
    return row | {"posMode": "one_way_mode", "feeDetail": [detail]}


def stream_row(order: Order, fill: Fill | None) -> dict[str, Any]:
    """The order as the orders channel gives it, with the fill that caused the message."""
    market = order.market
    row: dict[str, Any] = {
        "instId": market.name,
        "orderId": order.id,
        "clientOid": order.client_id,
        "size": size_of(order),
        "orderType": order.kind,
        "force": order.tags.get("force", "gtc"),
        "side": side_of(order.side),
        "accBaseVolume": market.qty(order.filled),
        "priceAvg": average(market, order.filled, order.cash) or "0",
        "price": market.price(order.price),
        "status": status_of(order),
        "cTime": str(ms(order.created_ns)),
        "uTime": str(ms(order.updated_ns)),
        "feeDetail": [{"feeCoin": coin, "fee": text(-fee)} for coin, fee in order.fees.items()],
        "enterPointSource": "API",
    }
    if market.kind is Kind.SPOT:
        row |= {"newSize": size_of(order), "notional": text(order.cash)}
    else:
        row |= {"posMode": "one_way_mode", "posSide": "net", "reduceOnly": "yes" if order.reduce_only else "no"}
        row |= {"marginCoin": market.settle, "marginMode": "crossed", "leverage": "10", "tradeSide": "open"}
    if fill is not None:
        row |= {"fillPrice": market.price(fill.price), "baseVolume": market.qty(fill.lots)}
        row |= {"tradeId": str(fill.trade_id), "fillTime": str(ms(fill.ts_ns)), "fillFee": text(-fill.fee)}
        row |= {"fillFeeCoin": fill.fee_in, "tradeScope": "M" if fill.liquidity == "maker" else "T"}
    return row
