"""What Binance lists and what its behaviour here rests on."""

from __future__ import annotations

from typing import Any

from tests.venues.exchange.markets import Kind, Market

from .base import Basis

MARKETS = (
    Market("BTCUSDT", "BTC", "USDT", "0.01", "0.00001", "60000", min_notional="5"),
    Market("ETHUSDT", "ETH", "USDT", "0.01", "0.0001", "3000", min_notional="5"),
    Market("ETHBTC", "ETH", "BTC", "0.00001", "0.0001", "0.05", min_notional="0.0001"),
    Market(
        "BTCUSDT_PERP",
        "BTC",
        "USDT",
        "0.10",
        "0.001",
        "60000",
        Kind.LINEAR,
        "USDT",
        min_notional="100",
        maker_ppm=200,
        taker_ppm=500,
        fee_in="settle",
        alias="BTCUSDT",
    ),
    Market(
        "ETHUSDT_PERP",
        "ETH",
        "USDT",
        "0.01",
        "0.001",
        "3000",
        Kind.LINEAR,
        "USDT",
        min_notional="20",
        maker_ppm=200,
        taker_ppm=500,
        fee_in="settle",
        alias="ETHUSDT",
    ),
)

_SPOT = "Binance spot API documents"
_FUTURES = "Binance USD-M futures API documents"
BASIS = (
    Basis("exchangeInfo: symbols, filters, limits", "recording", "wire/BINANCE, adapters/gocryptotrader/binance_http"),
    Basis("depth snapshot with lastUpdateId", "recording", "wire/BINANCE, wire/BINANCE_FUTURES"),
    Basis("depth diffs: U = previous u + 1 (spot), pu = previous u (futures)", "recording", "wire/, l2/binance_3mkt"),
    Basis("one diff for every change instead of one per 100 ms", "assumption", "none: more messages, same books"),
    Basis(
        "order, openOrders, allOrders, account answers", "recording", "adapters/gocryptotrader/binance_http (redacted)"
    ),
    Basis("HMAC-SHA256 over query and body, timestamp and recvWindow (-1021, -1022)", "document", _SPOT),
    Basis("-1007, -1006, 5xx: execution status unknown", "document", _SPOT + ", HTTP return codes"),
    Basis("-2010 duplicate and insufficient, -2011 unknown on cancel, -2013 unknown on query", "document", _SPOT),
    Basis("newClientOrderId unique among open orders", "document", _SPOT + ", new order"),
    Basis("user stream by userDataStream.subscribe.signature; c and C of a cancel", "document", _SPOT + ", WS API"),
    Basis("used weight and order count headers; limits enforced only when switched on", "document", _SPOT),
    Basis("commission in the received asset, cut to 8 decimals, no BNB discount", "assumption", "rates as published"),
    Basis("LIMIT_MAKER refused with -2010; IOC and FOK end EXPIRED", "document", _SPOT),
    Basis("STOP_LOSS_LIMIT: on the last price, through already is -2010, isWorking and w", "document", _SPOT),
    Basis("a stop that waits holds what it would pay; going off is NEW with w true", "assumption", "as it works"),
    Basis("default self-trade prevention EXPIRE_MAKER", "document", _SPOT + ", STP FAQ"),
    Basis("order amendment on PUT, countdownCancelAll, listenKey", "document", _FUTURES),
    Basis("margin: a tenth of the notional, cross; no liquidation, no funding", "assumption", "not needed to route"),
)


def spot_symbol(market: Market) -> dict[str, Any]:
    return {
        "symbol": market.name,
        "status": "TRADING",
        "baseAsset": market.base,
        "baseAssetPrecision": 8,
        "quoteAsset": market.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS_LIMIT"],
        "icebergAllowed": False,
        "ocoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "cancelReplaceAllowed": True,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": market.tick,
                "maxPrice": "10000000.00000000",
                "tickSize": market.tick,
            },
            {"filterType": "LOT_SIZE", "minQty": market.lot, "maxQty": "9000.00000000", "stepSize": market.lot},
            {
                "filterType": "NOTIONAL",
                "minNotional": market.min_notional,
                "applyMinToMarket": True,
                "maxNotional": "9000000.00000000",
                "applyMaxToMarket": False,
                "avgPriceMins": 5,
            },
        ],
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": ["NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"],
    }


def futures_symbol(market: Market) -> dict[str, Any]:
    return {
        "symbol": market.name,
        "pair": market.name,
        "contractType": "PERPETUAL",
        "deliveryDate": 4133404800000,
        "onboardDate": 1569398400000,
        "status": "TRADING",
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": market.base,
        "quoteAsset": market.quote,
        "marginAsset": market.settle,
        "pricePrecision": market.price_places,
        "quantityPrecision": market.qty_places,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "orderTypes": ["LIMIT", "MARKET"],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": market.tick, "maxPrice": "4529764", "tickSize": market.tick},
            {"filterType": "LOT_SIZE", "minQty": market.lot, "maxQty": "1000", "stepSize": market.lot},
            {"filterType": "MARKET_LOT_SIZE", "minQty": market.lot, "maxQty": "120", "stepSize": market.lot},
            {"filterType": "MIN_NOTIONAL", "notional": market.min_notional},
        ],
    }


RATE_LIMITS = [
    {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000},
    {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 100},
    {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 200000},
]
