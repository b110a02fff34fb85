"""Which venues the local exchange speaks, found by name: `protocols/<venue>.py` defines PROTOCOL."""

from __future__ import annotations

import importlib

from .protocols.base import Protocol

VENUES = ("binance", "okx", "bybit", "kraken", "coinbase", "deribit", "bitget", "kucoin", "gate", "htx")


def protocol_of(venue: str) -> type[Protocol]:
    """The protocol class of a venue; only what is asked for is imported."""
    if venue not in VENUES:
        raise ValueError(f"the local exchange does not speak {venue!r}; it speaks {', '.join(VENUES)}")
    module = importlib.import_module(f"tests.venues.exchange.protocols.{venue}")
    protocol: type[Protocol] = module.PROTOCOL
    return protocol
