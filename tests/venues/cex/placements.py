"""Placements exactly as ccxt builds them, for a market of our own making, and the child that each one places."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import ccxt

from app.domain.enums import ContractKind, Side, TimeInForce
from app.domain.proof import ChildTerms
from app.domain.units import NANO
from app.domain.venue_stops import StopSource
from app.venues.cex.client_ids import client_id_params
from app.venues.cex.endpoints import load_rules
from app.venues.cex.profile import VenueProfile
from app.venues.cex.profile_table import profile_of, profiles
from app.venues.cex.signing import SignRequest
from app.venues.cex.stops import dialect_of, stop_words
from app.venues.stop_offers import served_offers

from .captured import HANDSHAKES, credentials, one_market

ACCOUNT = "acme"
CLIENT_ID = "01JD9Z3W4X5Y6Z7A8B9C0D1E2F"
T0_NS = 1_800_000_000_000_000_000
SPOT, LINEAR, INVERSE = ContractKind.SPOT, ContractKind.LINEAR, ContractKind.INVERSE
# (ccxt id, kind, unified symbol, the venue's own)
MARKETS = (
    ("binance", SPOT, "BTC/USDT", "BTCUSDT"),
    ("binance", LINEAR, "BTC/USDT:USDT", "BTCUSDT"),
    ("binance", INVERSE, "BTC/USD:BTC", "BTCUSD_PERP"),
    ("okx", SPOT, "BTC/USDT", "BTC-USDT"),
    ("okx", LINEAR, "BTC/USDT:USDT", "BTC-USDT-SWAP"),
    ("bybit", SPOT, "BTC/USDT", "BTCUSDT"),
    ("bybit", LINEAR, "BTC/USDT:USDT", "BTCUSDT"),
    ("kraken", SPOT, "BTC/USDT", "XBTUSDT"),
    ("coinbase", SPOT, "BTC/USDT", "BTC-USDT"),
    ("deribit", SPOT, "BTC/USDC", "BTC_USDC"),
    ("deribit", INVERSE, "BTC/USD:BTC", "BTC-PERPETUAL"),
    ("bitget", SPOT, "BTC/USDT", "BTCUSDT"),
    ("bitget", LINEAR, "BTC/USDT:USDT", "BTCUSDT"),
    ("kucoin", SPOT, "BTC/USDT", "BTC-USDT"),
    ("gate", SPOT, "BTC/USDT", "BTC_USDT"),
    ("gate", LINEAR, "BTC/USDT:USDT", "BTC_USDT"),
    ("htx", SPOT, "BTC/USDT", "btcusdt"),
)


class Captured(Exception):
    """Ends ccxt's create_order where it would ask for a signature."""


@dataclass(frozen=True)
class Placement:
    request: SignRequest
    terms: ChildTerms


def post_only_placements() -> list[Placement]:
    """What ccxt would have signed for children that must not take, at every venue where such a child may rest."""
    return [captured(market, side, TimeInForce.GTC, is_post_only=True) for market in MARKETS for side in Side]


def stop_placements() -> list[Placement]:
    """What ccxt would have signed for stops, at every venue that they are left with, either way and by each source."""
    return [
        captured(market, side, TimeInForce.IOC, stop_by=by)
        for market in MARKETS
        for side in Side
        if (offer := served_offers().get(market[0])) is not None and market[1] in offer.kinds
        for by in sorted(offer.sources)
    ]


def captured(
    market: tuple[str, ContractKind, str, str],
    side: Side,
    tif: TimeInForce,
    *,
    is_post_only: bool = False,
    stop_by: StopSource | None = None,
) -> Placement:
    """What ccxt would have signed for 0.012 BTC (or 3 contracts) at 60,000.5; a stop waits for 60,100.25."""
    ccxt_id, kind, symbol, venue_symbol = market
    amount = 0.012 if kind is SPOT else 3
    asked: list[tuple[str, Any, str, Any]] = []
    exchange = _exchange(market)

    def fetch2(path: str, api: Any = "public", method: str = "GET", params: Any = None, *_: Any) -> Any:
        if path == "account/mode":
            return {"code": "200000", "data": {"selfAccountMode": "CLASSIC", "accountMode": "CLASSIC"}}
        if path == "v1/account/accounts":
            return {"status": "ok", "data": [{"id": 1234, "type": "spot", "state": "working"}]}
        asked.append((path, api, method, params))
        raise Captured

    exchange.fetch2 = fetch2
    profile = profile_of(ccxt_id)
    params = {**client_id_params(profile.client_id, CLIENT_ID), **profile.time_in_force[tif]}
    if is_post_only:
        assert profile.rests, ccxt_id
        params |= profile.post_only_params
    if stop_by is not None:
        dialect = dialect_of(ccxt_id)
        assert dialect is not None
        words = profile.time_in_force[tif if dialect.is_immediate else TimeInForce.GTC]
        ids = client_id_params(profile.client_id, CLIENT_ID)
        if dialect.apart is not None:
            ids = dict.fromkeys((dialect.apart.id_param,), CLIENT_ID)
        params = ids | words
        params |= stop_words(ccxt_id, side, stop_by, "60100.25")
    with contextlib.suppress(Captured):
        exchange.create_order(symbol, "limit", side.value, amount, 60_000.5, params)
    path, api, method, given = asked[-1]
    words = (api,) if isinstance(api, str) else tuple(api)
    request = SignRequest(ccxt_id, ACCOUNT, path, words, method, given)
    qty_nano = 12_000_000 if kind is SPOT else 3 * NANO
    terms = ChildTerms(
        ACCOUNT, ccxt_id, venue_symbol, kind, CLIENT_ID, side, tif, 60_000_500_000_000, qty_nano, NANO, T0_NS
    )
    if stop_by is not None:
        terms = replace(terms, stop_nano=60_100_250_000_000, stop_by=stop_by)
    return Placement(request, terms)


def table_placements() -> list[Placement]:
    """The same for every other venue of the table that has a rule, through a market that all of them can have."""
    rules = load_rules()
    made = []
    for venue, profile in profiles().items():
        if venue in {market[0] for market in MARKETS} or profile.ccxt_id != venue or not rules[venue].places:
            continue
        kinds = {kind for places in rules[venue].places.values() for place in places for kind in place.kinds}
        offered = {kind.value for kind in profile.kinds}
        for kind in sorted(kind for kind in kinds if kind.value in offered):
            made += [_tabled(profile, kind, side, tif) for side in Side for tif in TIFS if tif in profile.time_in_force]
    return made


def _tabled(profile: VenueProfile, kind: ContractKind, side: Side, tif: TimeInForce) -> Placement:
    exchange = getattr(ccxt, profile.ccxt_id)({**credentials(profile.ccxt_id), "enableRateLimit": False})
    exchange.options.update(profile.options)
    symbol = one_market(exchange, kind.value)
    exchange.load_markets = lambda *_, **__: exchange.markets
    asked: list[SignRequest] = []

    def fetch2(path: str, api: Any = "public", method: str = "GET", params: Any = None, *_: Any) -> Any:
        for handshake, answer in HANDSHAKES.items():
            if handshake.endswith(path):
                return answer
        asked.append(SignRequest(profile.venue_id, ACCOUNT, path, tuple(api), method, params))
        raise Captured

    exchange.fetch2 = fetch2
    params = {**client_id_params(profile.client_id, CLIENT_ID), **profile.time_in_force[tif]}
    qty = 1.25 if kind is SPOT else 2
    with contextlib.suppress(Captured):
        exchange.create_order(symbol, "limit", side.value, qty, 98_765.5, params)
    words = (ACCOUNT, profile.venue_id, exchange.market(symbol)["id"], kind, CLIENT_ID, side, tif)
    return Placement(asked[-1], ChildTerms(*words, 98_765_500_000_000, int(qty * 4) * NANO // 4, NANO, T0_NS))


def all_placements() -> list[Placement]:
    return [
        captured(market, side, tif)
        for market in MARKETS
        for side in Side
        for tif in TIFS
        if tif in profile_of(market[0]).time_in_force
    ]


TIFS = (TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK)


@cache
def _exchange(market: tuple[str, ContractKind, str, str]) -> Any:
    ccxt_id, kind, symbol, venue_symbol = market
    exchange = getattr(ccxt, ccxt_id)({"apiKey": "a", "secret": "c2VjcmV0", "password": "p", "uid": "1"})
    exchange.options |= {"enableUnifiedMargin": False, "enableUnifiedAccount": True, "unifiedMarginStatus": 6}
    exchange.options |= {"unifiedAccount": False, **({"brokerId": ""} if ccxt_id == "okx" else {})}
    base, _, rest = symbol.partition("/")
    quote, _, settle = rest.partition(":")
    is_spot = kind is SPOT
    listing = {
        "id": venue_symbol,
        "lowercaseId": venue_symbol.lower(),
        "symbol": symbol,
        "base": base,
        "quote": quote,
        "baseId": base,
        "quoteId": quote,
        "settle": settle or None,
        "settleId": settle or None,
        "type": "spot" if is_spot else "swap",
        "spot": is_spot,
        "margin": False,
        "swap": not is_spot,
        "future": False,
        "option": False,
        "contract": not is_spot,
        "active": True,
        "linear": None if is_spot else kind is LINEAR,
        "inverse": None if is_spot else kind is INVERSE,
        "contractSize": None if is_spot else 1.0,
        "precision": {"amount": 0.00001 if is_spot else 1, "price": 0.01},
        "limits": {"amount": {}, "price": {}, "cost": {}, "leverage": {}},
        "info": {"orderTypes": ["LIMIT", "STOP_LOSS_LIMIT"], "quantityScale": 5},
    }
    currencies = {code: {"id": code, "code": code, "precision": 1e-8} for code in ("BTC", "USDT", "USD", "USDC")}
    exchange.set_markets([exchange.safe_market_structure(listing)], currencies)
    exchange.load_markets = lambda *_, **__: exchange.markets
    return exchange


def with_params(request: SignRequest, **changed: Any) -> SignRequest:
    """The request with some parameters changed, also inside a batch of one."""
    if isinstance(request.params, list):
        return replace(request, params=[{**request.params[0], **changed}])
    return replace(request, params={**request.params, **changed})
