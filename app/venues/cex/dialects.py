"""How ccxt is set up for each exchange: which kinds of market it loads, and what it must not do by itself."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, Final

from app.domain.enums import ContractKind
from app.venues.cex.exact import decimal_of
from app.venues.cex.stops import apart_at, under_its_stop

_HOST: Final = re.compile(r"^(http|ws)(s?)://([^/]+)")
_SPOT, _LINEAR, _INVERSE = ContractKind.SPOT, ContractKind.LINEAR, ContractKind.INVERSE
_SWAPS: Final = {_SPOT: "spot", _LINEAR: "swap", _INVERSE: "swap"}
_SIDES: Final = {_SPOT: "spot", _LINEAR: "linear", _INVERSE: "inverse"}
# What ccxt calls each kind where it can load one without the others.
_TYPES: Final[Mapping[str, Mapping[ContractKind, str]]] = {
    "binance": _SIDES,
    "binanceus": _SIDES,
    "bybit": _SIDES,
    "okx": _SWAPS,
    "bitget": _SWAPS,
    "kucoin": _SWAPS,
    "gate": _SWAPS,
}
# Where open orders must be asked for market by market: those in markets that are not listed here stay unseen. Without a
# market ccxt asks Deribit for those that count as BTC alone: orders in ETH, and some buyers of BTC, would be missing.
OPEN_BY_MARKET: Final = frozenset({"kucoin", "deribit"})
# Lists that can be asked for one order by our own id, and ccxt's name for it.
_LISTED_BY_ID: Final = {"bybit": "orderLinkId", "kraken": "clientOrderId"}
# Where one question may name several orders by the venue's ids, and how many (venues' documents).
_AT_ONCE: Final = {"kraken": 50}
# The venue's word, in an order message of its stream, for all that the order has filled so far. Empty: ccxt counts it
# from the same message (Gate: the size less what is left).
_RUNNING_TOTAL: Final[Mapping[str, tuple[str, ...]]] = {
    "binance": ("z",),
    "binanceus": ("z",),
    "binanceusdm": ("z",),
    "binancecoinm": ("z",),
    "okx": ("accFillSz",),
    "myokx": ("accFillSz",),
    "bybit": ("cumExecQty",),
    "kraken": ("cum_qty",),
    "coinbase": ("cumulative_quantity",),
    "deribit": ("filled_amount",),
    "bitget": ("accBaseVolume",),  # ccxt gives `baseVolume`, which is the latest fill alone
    "kucoin": ("filledSize",),
    "kucoinfutures": ("filledSize",),
    "htx": ("execAmt", "trade_volume"),
    "gate": (),
}
# What is signed there is a nonce that must only rise, not a time: an offset that falls would lock us out.
NONCE_VENUES: Final = frozenset({"kraken", "bitfinex", "gemini", "whitebit"})
_OWN: Final[Mapping[str, Mapping[str, Any]]] = {
    # `hf`: else it asks in the middle of a placement which kind of account this is. `snapshotDelay`: deltas before the
    # snapshot is asked for; a quiet market would wait for them.
    "kucoin": {"hf": True, "watchOrderBook": {"snapshotDelay": 1}},
    "gate": {"watchOrderBook": {"snapshotDelay": 1, "checksum": True}},
    "bybit": {"fetchOrder": {"acknowledged": True}},
    # ccxt would unsubscribe, on whatever connection there is by then.
    "bitget": {"watchOrderBook": {"checksum": False}},
    # `brokerId`: ccxt would add ids of its own to a stop, whose id has another name.
    "okx": {"watchOrderBook": {"checksum": False}, "brokerId": ""},
    "kraken": {"watchOrderBook": {"checksum": False}},  # ccxt's takes floats for texts; ours is in checksums.py
    "coinbase": {"fetchBalance": "v3PrivateGetBrokerageAccounts", "fetchTime": "v3PublicGetBrokerageTime"},
}


def ccxt_options(ccxt_id: str, kinds: Collection[ContractKind]) -> dict[str, Any]:
    """ccxt's `options` for an account that trades `kinds`.

    Questions without a symbol cost more and are meant; books are checked by the venue's checksum wherever there is one.
    """
    options: dict[str, Any] = {
        "fetchOpenOrders": {"warnWithoutSymbol": False},
        "warnOnFetchOpenOrdersWithoutSymbol": False,
        "watchOrderBook": {"checksum": True},
        "adjustForTimeDifference": False,
        **_OWN.get(ccxt_id, {}),
    }
    words = _TYPES.get(ccxt_id)
    if words is not None:
        options["fetchMarkets"] = {"types": sorted({words[kind] for kind in kinds})}
    if ccxt_id == "htx":
        options["fetchMarkets"] = {"types": {_SIDES[kind]: kind in kinds for kind in (_SPOT, _LINEAR, _INVERSE)}}
    if kinds:
        options["defaultType"] = "spot" if _SPOT in kinds else "swap"
        if _SPOT not in kinds:
            options["defaultSubType"] = "linear" if _LINEAR in kinds else "inverse"
    return options


def local_url(url: str, base_url: str) -> str:
    """`url` at `base_url`, its host as the first path segment; as it is where there is none, or it is there already."""
    base_url = base_url.rstrip("/")
    if not base_url or url.startswith((base_url, base_url.replace("http", "ws", 1))):
        return url
    return _HOST.sub(lambda found: f"{base_url.replace('http', found[1], 1)}/{found[3]}", url)


def own_trade(ccxt_id: str, trade: Mapping[str, Any]) -> Mapping[str, Any]:
    """A trade of the account's stream in the unified meaning: a fee above zero is paid.

    ccxt passes OKX's own sign through where it makes trades of order messages, and turns it elsewhere.
    """
    if ccxt_id != "okx":
        return trade
    fee = trade.get("fee") or {}
    cost = decimal_of(fee.get("cost"))
    if cost is None:
        return trade
    said = {"cost": str(-cost), "currency": fee.get("currency")}
    return {**trade, "fee": said, "fees": [said]}


def own_order(ccxt_id: str, order: Mapping[str, Any]) -> Mapping[str, Any]:
    """An order message of the account's stream in the unified meaning: `filled` is all that filled so far, as the venue
    itself counts it; None where its message does not say so, or where it is not known by which word it would.

    ccxt's own number is another thing at some venues: the latest fill alone, or what an older message said.
    """
    if (apart := apart_at(ccxt_id)) is not None:
        order = under_its_stop(apart, order)
    words = _RUNNING_TOTAL.get(ccxt_id)
    if words == ():
        return order
    info = order.get("info")
    totals = [info[word] for word in words or () if info.get(word) is not None] if isinstance(info, Mapping) else []
    return {**order, "filled": totals[0] if totals else None}


def cancel_words(ccxt_id: str, param: str, wire_id: str) -> tuple[str, dict[str, str]]:
    """(order id, parameters) of a cancel by our own id. Gate takes it in the order id's place."""
    return (wire_id, {}) if ccxt_id == "gate" else ("", {param: wire_id})


def lists_of_ended(has: Mapping[str, Any]) -> tuple[str, ...]:
    """ccxt's methods that together list every order that ended, whatever it filled. At most venues `closed` means
    filled to the last; an order that was given up after a part of it is not there."""
    if has.get("fetchCanceledAndClosedOrders") is True:
        return ("fetch_canceled_and_closed_orders",)
    if has.get("fetchOrders") is True:
        return ("fetch_orders",)
    if has.get("fetchCanceledOrders") is True:
        return ("fetch_closed_orders", "fetch_canceled_orders")
    return ("fetch_closed_orders",)


def ids_at_once(ccxt_id: str) -> int:
    """How many orders one question by the venue's ids may name, through ccxt's fetch_orders_by_ids."""
    return _AT_ONCE.get(ccxt_id, 1)


def list_words(ccxt_id: str, wire_id: str) -> dict[str, str]:
    """Parameters that make a list of orders one of the order with our id alone; none where there is no such thing."""
    param = _LISTED_BY_ID.get(ccxt_id)
    return {} if param is None else {param: wire_id}
