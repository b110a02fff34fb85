"""Which parser reads which venue, and the one call through which every message goes."""

from __future__ import annotations

from collections.abc import Callable
from decimal import DecimalException
from typing import Final

from app.venues.cex.messages import (
    ascendex,
    asia,
    binance,
    bitfinex,
    bitstamp,
    bybit,
    coinbase,
    deribit,
    gate,
    hitbtc,
    huobi,
    kraken,
    kucoin,
    okx,
    others,
    poloniex,
)
from app.venues.cex.messages.words import Incoming, Parsed, UnknownShape, Word

Parser = Callable[[Incoming], Parsed]

PARSERS: Final[dict[str, Parser]] = {
    "ascendex": ascendex.parse,
    "ascendex_futures": ascendex.parse,
    "bequant": hitbtc.parse,
    "binance": binance.parse,
    "binance_delivery": binance.parse,
    "binance_futures": binance.parse,
    "binance_tr": binance.parse,
    "binance_us": binance.parse,
    "bit.com": deribit.parse_bitcom,
    "bitfinex": bitfinex.parse,
    "bitflyer": asia.parse_bitflyer,
    "bitget": okx.parse,
    "bithumb": asia.parse_bithumb,
    "bitmex": bybit.parse_bitmex,
    "bitstamp": bitstamp.parse,
    "bittrex": others.parse_bittrex,
    "btcmarkets": others.parse_btcmarkets,
    "btse": others.parse_btse,
    "bybit": bybit.parse,
    "coinbase": coinbase.parse,
    "crypto.com": others.parse_crypto_com,
    "delta": deribit.parse_delta,
    "deribit": deribit.parse,
    "dydx": others.parse_dydx,
    "gateio": gate.parse,
    "gateio_futures": gate.parse,
    "gemini": coinbase.parse_gemini,
    "hitbtc": hitbtc.parse,
    "huobi": huobi.parse,
    "huobi_dm": huobi.parse,
    "huobi_swap": huobi.parse,
    "independent_reserve": others.parse_independent_reserve,
    "kraken": kraken.parse,
    "kraken_futures": kraken.parse_futures,
    "kucoin": kucoin.parse,
    "okcoin": okx.parse,
    "okx": okx.parse,
    "phemex": others.parse_phemex,
    "poloniex": poloniex.parse,
    "probit": asia.parse_probit,
    "upbit": asia.parse_upbit,
}
# What a parser meets in a message that is not what its rule says.
BROKEN: Final = (KeyError, IndexError, TypeError, AttributeError, ValueError, DecimalException)


def parse(venue: str, message: Incoming) -> tuple[Word, ...]:
    """What one message of `venue` says; empty where it bundles nothing. Raises UnknownShape."""
    parser = PARSERS.get(venue)
    if parser is None:
        raise UnknownShape(f"no parser of {venue}")
    try:
        found = parser(message)
    except UnknownShape:
        raise
    except BROKEN as broken:
        raise UnknownShape(f"{venue}: {type(broken).__name__} {broken}") from broken
    return found if isinstance(found, tuple) else (found,)
