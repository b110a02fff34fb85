"""Venues' markets as listings of fungibility classes: from ccxt's market dicts and from recorded instrument rows.

What cannot be a class that we route is refused by name, never guessed: options, quanto contracts, a dated contract
whose expiry is not stated, a contract whose size or settlement is not stated.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum, unique
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from app.domain.enums import ContractKind
from app.domain.errors import InvariantBroken
from app.domain.instrument import FungibilityClass
from app.domain.listing import Listing, unified_symbol
from app.domain.units import NANO, NANO_SCALE

_CURRENCIES: Final = Path(__file__).with_name("currencies.toml")
_NS_PER_MS: Final = 1_000_000
# Venues say "never" with a date: 2100-01-01 and later.
_NEVER_MS: Final = 4_102_444_800_000
# ccxt's precision modes.
_DECIMAL_PLACES, _SIGNIFICANT_DIGITS, _TICK_SIZE = 2, 3, 4

# Coins that are meant to be one unit of a currency. A depeg is the router's business (basis), membership is ours:
# USTC and its like are not here, for they no longer try.
_DOLLARS: Final = """
    USDT USDC BUSD TUSD USDP PAX DAI GUSD HUSD FDUSD PYUSD USDD LUSD RLUSD USDE USDS SUSD USDK
"""
STABLE_GROUPS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "USD": frozenset(_DOLLARS.split()),
        "EUR": frozenset(["EURT", "EURS", "EURC", "EURI", "EURQ", "EURCV"]),
        "GBP": frozenset(["GBPT"]),
        "JPY": frozenset(["GYEN", "JPYC"]),
        "TRY": frozenset(["TRYB"]),
        "BRL": frozenset(["BRZ"]),
    }
)


@unique
class NotRouted(StrEnum):
    """Why a market is no listing of ours."""

    OPTION = "option"  # a class has no strike
    OTHER_CONTRACT = "other_contract"  # spreads, rate swaps, move contracts
    QUANTO = "quanto"  # settled in a third currency: its size in the base depends on a price
    EXPIRY_NOT_STATED = "expiry_not_stated"
    SIZE_NOT_STATED = "size_not_stated"
    SETTLEMENT_NOT_STATED = "settlement_not_stated"
    NO_TICK = "no_tick"  # significant digits: the tick moves with the price
    TWICE = "twice"  # two listings of one venue have one unified symbol


@unique
class Unit(StrEnum):
    """What a venue counts a contract's quantity in: its contracts of a stated size, or the currency itself."""

    CONTRACT = "contract"
    CURRENCY = "currency"


@dataclass(frozen=True, slots=True)
class ContractRule:
    """How a venue's recorded contracts settle, by their quote currency."""

    unit: Unit
    linear_quotes: frozenset[str]
    inverse_quotes: frozenset[str]
    linear_settle: str = ""  # where it is not the quote


def _rule(unit: Unit, linear: str = "", inverse: str = "", settle: str = "") -> ContractRule:
    return ContractRule(unit, frozenset(linear.split()), frozenset(inverse.split()), settle)


_CONTRACTS: Final[Mapping[str, ContractRule]] = MappingProxyType(
    {
        "binanceusdm": _rule(Unit.CURRENCY, linear="USDT BUSD USDC"),
        "binancecoinm": _rule(Unit.CONTRACT, inverse="USD"),
        "bybit": _rule(Unit.CURRENCY, linear="USDT USDC", inverse="USD"),
        "okx": _rule(Unit.CONTRACT, linear="USDT USDC", inverse="USD"),
        "htxswap": _rule(Unit.CONTRACT, linear="USDT", inverse="USD"),
        "gatefutures": _rule(Unit.CONTRACT, linear="USDT", inverse="USD"),
        "krakenfutures": _rule(Unit.CONTRACT, inverse="USD"),
        "deribit": _rule(Unit.CURRENCY, linear="USDC USDT", inverse="USD"),
        "dydx": _rule(Unit.CURRENCY, linear="USD", settle="USDC"),
        "bitcom": _rule(Unit.CURRENCY, linear="USDT USD"),
        "bitgetmix": _rule(Unit.CURRENCY, linear="USDT USDC"),
        "delta": _rule(Unit.CONTRACT, linear="USDT BTC"),
        "bitmex": _rule(Unit.CONTRACT, linear="BTC"),
    }
)
# Of ccxt's markets: where create_order counts currency although a contract's size is stated too.
_COUNTS_CURRENCY: Final = frozenset({"deribit"})
# BitMEX states sizes in satoshi; a negative one is inverse, a positive one on a dollar price is quanto.
_SATOSHI: Final = 100_000_000


def stable_group(currency: str) -> str:
    """The currency that `currency` is meant to be one unit of, itself included; empty where it is no such coin."""
    if currency in STABLE_GROUPS:
        return currency
    return next((peg for peg, coins in STABLE_GROUPS.items() if currency in coins), "")


@cache
def _currency_table() -> Mapping[str, Mapping[str, str]]:
    return MappingProxyType(tomllib.loads(_CURRENCIES.read_text(encoding="utf-8")))


def currency_of(venue: str, code: str) -> str:
    """What everybody calls `venue`'s currency `code`; the same code at two venues may be two coins."""
    table, upper = _currency_table(), code.upper()
    home = {"htxswap": "htx", "gatefutures": "gate", "bitgetmix": "bitget"}.get(venue, venue)
    own = table.get(home, {})
    return own[upper] if upper in own else table["everywhere"].get(upper, upper)


def recorded_listing(row: Mapping[str, Any]) -> Listing | NotRouted:
    """The listing of one row of the recorded instruments, or why it is none. Floats of the file are read as written."""
    venue, kind = row["venue"], row["kind"]
    if kind == "option":
        return NotRouted.OPTION
    if kind not in ("spot", "perp", "future"):
        return NotRouted.OTHER_CONTRACT
    base, quote = currency_of(venue, row["base"]), currency_of(venue, row["quote"])
    expiry_ms = 0 if row["expiry_ms"] >= _NEVER_MS else max(0, row["expiry_ms"])
    if kind == "spot":
        fungible: FungibilityClass | NotRouted = FungibilityClass(base, quote, quote, ContractKind.SPOT)
    elif kind == "future" and row["expiry_ms"] < 0:
        return NotRouted.EXPIRY_NOT_STATED
    else:
        fungible = _recorded_contract(row, base, quote, _iso_date(expiry_ms))
    if isinstance(fungible, NotRouted):
        return fungible
    return Listing(
        venue=venue,
        venue_symbol=row["symbol"],
        unified=unified_symbol(fungible),
        fungible=fungible,
        tick=_decimal(row["tick"]),
        lot=_decimal(row["lot"]),
        min_qty=_decimal(row["min_qty"]),
        min_notional=_decimal(row["min_notional"]),
        expiry_ts_ns=expiry_ms * _NS_PER_MS,
    )


def _recorded_contract(row: Mapping[str, Any], base: str, quote: str, expiry: str) -> FungibilityClass | NotRouted:
    venue = row["venue"]
    rule = _CONTRACTS.get(venue)
    if rule is None:
        return NotRouted.SETTLEMENT_NOT_STATED
    size = _decimal(row["contract_size"])
    if venue == "bitmex":
        if size == -_SATOSHI:
            return FungibilityClass(base, quote, base, ContractKind.INVERSE, expiry, NANO)
        if quote not in rule.linear_quotes:
            return NotRouted.QUANTO
        size /= _SATOSHI
    if venue == "delta" and (base, quote) == ("BTC", "USD"):
        return FungibilityClass(base, quote, base, ContractKind.INVERSE, expiry, _nano(size))
    multiplier = NANO if rule.unit is Unit.CURRENCY else _nano(size)
    if multiplier <= 0:
        return NotRouted.SIZE_NOT_STATED
    if quote in rule.linear_quotes:
        return FungibilityClass(base, quote, rule.linear_settle or quote, ContractKind.LINEAR, expiry, multiplier)
    if quote in rule.inverse_quotes:
        return FungibilityClass(base, quote, base, ContractKind.INVERSE, expiry, multiplier)
    return NotRouted.SETTLEMENT_NOT_STATED


def market_listing(venue_id: str, market: Mapping[str, Any], precision_mode: int) -> Listing | NotRouted:
    """The listing of one of ccxt's market dicts, or why it is none.

    ccxt gives floats of the venue's decimals: each is read as its shortest text, which is the venue's own.
    """
    fungible = _market_class(venue_id, market)
    if isinstance(fungible, NotRouted):
        return fungible
    tick, lot = (_step(market["precision"].get(each), precision_mode) for each in ("price", "amount"))
    if tick is None or lot is None:
        return NotRouted.NO_TICK
    limits = market.get("limits") or {}
    return Listing(
        venue=venue_id,
        venue_symbol=str(market["id"]),
        unified=unified_symbol(fungible),
        fungible=fungible,
        tick=tick,
        lot=lot,
        min_qty=_decimal((limits.get("amount") or {}).get("min")),
        min_notional=_decimal((limits.get("cost") or {}).get("min")),
        expiry_ts_ns=int(market.get("expiry") or 0) * _NS_PER_MS if fungible.expiry else 0,
        is_active=market.get("active") is not False,
    )


def _market_class(venue_id: str, market: Mapping[str, Any]) -> FungibilityClass | NotRouted:
    base, quote, settle = market["base"], market["quote"], market.get("settle")
    if market.get("option"):
        return NotRouted.OPTION
    if market.get("spot"):
        return FungibilityClass(base, quote, quote, ContractKind.SPOT)
    if not (market.get("swap") or market.get("future")):
        return NotRouted.OTHER_CONTRACT
    if not settle:
        return NotRouted.SETTLEMENT_NOT_STATED
    expiry_ms = int(market.get("expiry") or 0)
    if market.get("future") and not expiry_ms:
        return NotRouted.EXPIRY_NOT_STATED
    expiry = _iso_date(expiry_ms) if market.get("future") and expiry_ms < _NEVER_MS else ""
    if settle not in (base, quote) and not (market.get("linear") and stable_group(settle) == stable_group(quote) != ""):
        return NotRouted.QUANTO
    size = Decimal(1) if venue_id in _COUNTS_CURRENCY else _decimal(market.get("contractSize"))
    if size <= 0:
        return NotRouted.SIZE_NOT_STATED
    kind = ContractKind.INVERSE if market.get("inverse") else ContractKind.LINEAR
    return FungibilityClass(base, quote, settle, kind, expiry, _nano(size))


def unique_listings(found: Iterable[Listing]) -> tuple[list[Listing], list[Listing]]:
    """The first listing of each (venue, unified symbol), and those that came after one."""
    kept: dict[tuple[str, str], Listing] = {}
    twice = []
    for listing in found:
        if kept.setdefault((listing.venue, listing.unified), listing) is not listing:
            twice.append(listing)
    return list(kept.values()), twice


@dataclass(frozen=True, slots=True)
class SymbolTable:
    """Symbols both ways, over listings of which no two share (venue, unified) or (venue, venue symbol)."""

    by_unified: Mapping[tuple[str, str], Listing]
    by_venue_symbol: Mapping[tuple[str, str], Listing]

    @classmethod
    def of(cls, listings: Iterable[Listing]) -> SymbolTable:
        """Raises InvariantBroken where two listings would answer to one name."""
        rows = list(listings)
        unified = {(each.venue, each.unified): each for each in rows}
        own = {(each.venue, each.venue_symbol): each for each in rows}
        if len(unified) != len(rows) or len(own) != len(rows):
            raise InvariantBroken(listings=len(rows), unified=len(unified), own=len(own))
        return cls(MappingProxyType(unified), MappingProxyType(own))


def _step(value: object, precision_mode: int) -> Decimal | None:
    """A tick or lot of ccxt's `precision`; None where it is not stated or moves with the price."""
    if value is None or precision_mode == _SIGNIFICANT_DIGITS:
        return None
    if precision_mode == _DECIMAL_PLACES:
        return Decimal(1).scaleb(-int(str(value)))
    step = _decimal(value)
    return step if step > 0 else None


def _decimal(value: object) -> Decimal:
    """What the venue wrote, 0 for nothing or NaN: a double's shortest text is the decimal that it was read from."""
    if value is None or value != value:  # noqa: PLR0124 - NaN is how the file says "not stated"
        return Decimal(0)
    return Decimal(str(value))


def _nano(size: Decimal) -> int:
    scaled = size.scaleb(NANO_SCALE)
    if scaled != int(scaled):
        raise InvariantBroken(size=size, reason="a contract's size is not exact in 1e-9")
    return int(scaled)


def _iso_date(expiry_ms: int) -> str:
    return datetime.fromtimestamp(expiry_ms / 1000, UTC).date().isoformat() if expiry_ms else ""
