"""How a stop is left with each exchange: who takes one, what its placement says, and how its end is to be read.

Laws: a stop leaves as a limit order that its venue places at the trigger. It is immediate where the venue knows that;
elsewhere what it leaves in the book is taken back as soon as it is seen to have gone off, and told as expired: that is
an end without a wish of ours. The order itself says from which side the price must come: a venue that reads it off the
price of the instant could take one that is through already for one that waits for the way back, so none is left there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from app.domain.enums import ContractKind, Side
from app.domain.instrument import Instrument, Symbol
from app.domain.orders import ChildOrder
from app.domain.venue_stops import StopSource
from app.venues.cex.exact import price_text
from app.venues.cex.profile import Endpoint
from app.venues.stop_offers import load_offers

Words = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Apart:
    """A stop's own things. `placement`: its endpoints, none where they are those of any order; `id_param`: what
    create_order takes our id as, and what the vendor's rows call it; `asking`: what ccxt's questions and cancels take
    to mean stops; `listing`: the same of lists, none where one list has all; `live_ids`: the fields of a row that name
    what came of it, one id or a list; `price`: the field that has its limit. `of_stop`: where what came of it is told
    in a row of its own, the field that names the stop. `spent`: then, the field and the word of the stop's row that say
    so. `by_label`: both are asked for by our id, which nothing keeps unique there, so a stop is asked for before it is
    placed.
    """

    placement: tuple[Endpoint, ...]
    id_param: str
    asking: Mapping[str, Any]
    listing: Words | None
    live_ids: tuple[str, ...]
    price: str
    of_stop: str = ""
    spent: tuple[str, str] = ("", "")
    by_label: bool = False

    def made(self, info: Any) -> tuple[str, ...]:
        """The ids of the orders that came of it, as the vendor's row `info` names them; none before it is off."""
        is_said = isinstance(info, Mapping) and (not self.of_stop or info.get(self.of_stop))
        said = [info.get(name) for name in self.live_ids] if is_said else []
        each = [one for value in said for one in (value if isinstance(value, list) else [value]) if one]
        return tuple(dict.fromkeys(str(one) for one in each))


@dataclass(frozen=True, slots=True)
class StopDialect:
    """What create_order takes for a stop. `params`: of each, `{}` stands for the trigger price; `by`: what says whose
    price sets it off, by source; `ways`: what says from which side the price must come, where the type does not.
    `is_immediate`: what does not fill when it goes off is given up by the venue itself. `off`: of the vendor's row, the
    field (a dot leads inside) and the words of it that say that the stop waits no more. `apart`: where a stop is a
    thing of its own until then, with an endpoint, an id and a list of its own.
    """

    params: Words
    by: Mapping[StopSource, Words] = field(default_factory=lambda: {StopSource.LAST: {}})
    ways: Mapping[Side, Words] = field(default_factory=dict)
    is_immediate: bool = True
    off: Mapping[str, frozenset[str]] = field(default_factory=dict)
    apart: Apart | None = None


# By ccxt id, from the venues' documents and ccxt's code.
_DIALECTS: Final[Mapping[str, StopDialect]] = {
    "binance": StopDialect({"stopLossPrice": "{}"}),  # STOP_LOSS_LIMIT on the same endpoint, its id and its client id
    # stop-loss-limit: price is the trigger, price2 the limit; the same id before and after.
    "kraken": StopDialect(
        {"stopLossPrice": "{}"},
        is_immediate=False,
        off={"misc": frozenset({"stopped"}), "triggers.status": frozenset({"triggered"})},
    ),
    # stop_limit_stop_limit_gtc with its direction, which ccxt reads off the side.
    "coinbase": StopDialect(
        {"stopLossPrice": "{}"}, is_immediate=False, off={"trigger_status": frozenset({"STOP_TRIGGERED"})}
    ),
    # stop-limit on the order endpoint with its operator, which ccxt reads off the side; `created` until it is off.
    "htx": StopDialect(
        {"triggerPrice": "{}"},
        is_immediate=False,
        off={
            "state": frozenset({"submitted", "partial-filled"}),
            "orderStatus": frozenset({"submitted", "partial-filled"}),
        },
    ),
    # A stop loss of its own (ordType conditional) that places a limit order with another id. ccxt would ask for margin.
    "okx": StopDialect(
        {"stopLossPrice": "{}", "tdMode": "cash"},
        is_immediate=False,
        off={"state": frozenset({"effective", "order_failed"})},
        apart=Apart(
            (Endpoint(("private",), "POST", "trade/order-algo"),),
            "algoClOrdId",
            {"trigger": True},
            {"ordType": "conditional"},
            ("ordId", "ordIdList"),
            "slOrdPx",
        ),
    ),
    # A conditional order with its direction, one id before and after; of contracts, for spot says no direction. ccxt's
    # stopLossPrice would make it one that only reduces. Canceled before it was off: Deactivated.
    "bybit": StopDialect(
        {"triggerPrice": "{}"},
        by={StopSource.LAST: {"triggerBy": "LastPrice"}},
        ways={Side.BUY: {"triggerDirection": "ascending"}, Side.SELL: {"triggerDirection": "descending"}},
        off={
            "orderStatus": frozenset({"Triggered", "New", "PartiallyFilled", "Filled", "Rejected"}),
            "rejectReason": frozenset({"EC_NoImmediateQtyToFill"}),  # a bare Cancelled proves nothing
        },
    ),
    # stop_limit on the endpoints of any order, with an id of its own; what comes of it names it and has its label too.
    "deribit": StopDialect(
        {"stopLossPrice": "{}"},
        by={StopSource.LAST: {"trigger": "last_price"}},
        off={"order_state": frozenset({"triggered", "rejected"})},
        apart=Apart(
            (),
            "label",
            {},
            None,
            ("order_id",),
            "price",
            of_stop="trigger_order_id",
            spent=("order_state", "triggered"),
            by_label=True,
        ),
    ),
}


def dialect_of(ccxt_id: str) -> StopDialect | None:
    """How stops are left with the venue; None where none are."""
    return _DIALECTS.get(ccxt_id)


def barred_stop(venue_id: str, ccxt_id: str, kind: ContractKind, child: ChildOrder) -> str:
    """Why a stop does not leave for the venue; empty where it may."""
    stop, offer, dialect = child.stop, load_offers().get(venue_id), dialect_of(ccxt_id)
    assert stop is not None
    if dialect is None or offer is None or not offer.is_served or kind not in offer.kinds:
        return "no stop may rest here: that has not been shown at this venue"
    if stop.by not in offer.sources or stop.by not in dialect.by:
        return f"no stop on the {stop.by.value} price here"
    if stop.replaces and not offer.can_replace:
        return "no stop takes another's place in one step here"
    return ""


def stop_words(ccxt_id: str, side: Side, by: StopSource, price: str) -> dict[str, str]:
    """What create_order takes beside the order for a stop that waits for `price` of the source."""
    dialect = _DIALECTS[ccxt_id]
    params = {name: text.replace("{}", price) for name, text in dialect.params.items()}
    return {**params, **dialect.by[by], **dialect.ways.get(side, {})}


def apart_of(ccxt_id: str, child: ChildOrder) -> Apart | None:
    """How the venue keeps this stop apart from other orders; None for what it does not."""
    dialect = _DIALECTS.get(ccxt_id)
    return None if child.stop is None or dialect is None else dialect.apart


def apart_at(ccxt_id: str) -> Apart | None:
    """How the venue keeps stops apart from other orders; None where it does not."""
    dialect = _DIALECTS.get(ccxt_id)
    return None if dialect is None else dialect.apart


def as_order(apart: Apart, raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """A stop's own row as a unified order: ccxt leaves out our id, its limit, and that all of it is left."""
    info = raw.get("info") or {}
    return {
        **under_its_stop(apart, raw),
        "clientOrderId": raw.get("clientOrderId") or info.get(apart.id_param),
        "price": raw.get("price") or info.get(apart.price),
        "remaining": raw.get("remaining") or raw.get("amount"),
    }


def under_its_stop(apart: Apart, raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """What came of a stop under the stop's own id, where a row of its own tells it; any other row as it is."""
    info = raw.get("info")
    stop_id = info.get(apart.of_stop) if apart.of_stop and isinstance(info, Mapping) else None
    return {**raw, "id": stop_id} if stop_id else raw


def is_of_stop(apart: Apart, raw: Mapping[str, Any], stop_id: str) -> bool:
    """Whether the row names the stop that it came of, and that is `stop_id`."""
    info = raw.get("info")
    return bool(stop_id and apart.of_stop) and isinstance(info, Mapping) and info.get(apart.of_stop) == stop_id


def told_of(apart: Apart, rows: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Of the rows under one label: what came of the stop, else the stop itself, unless its row says that it is off and
    what came of it is not among them; None then, and for no rows."""
    made = [row for row in rows if apart.made(row.get("info"))]
    name, word = apart.spent
    stays = [row for row in rows if (row.get("info") or {}).get(name) != word]
    return next(iter(made or stays), None)


def has_gone_off(ccxt_id: str, info: Any) -> bool:
    """Whether the vendor's own row of a stop says that it waits no more."""
    dialect = _DIALECTS.get(ccxt_id)
    for path, words in dialect.off.items() if dialect is not None else ():
        said = info
        for name in path.split("."):
            said = said.get(name) if isinstance(said, Mapping) else None
        if isinstance(said, str) and words & set(said.split(",")):
            return True
    return False


def rests_once_off(ccxt_id: str, child: ChildOrder) -> bool:
    """Whether what this stop does not fill at once would stay in the venue's book."""
    dialect = _DIALECTS.get(ccxt_id)
    return child.stop is not None and dialect is not None and not dialect.is_immediate


def stop_params(ccxt_id: str, child: ChildOrder, symbol: Symbol, instrument: Instrument) -> dict[str, str]:
    """What the placement of a stop adds, its trigger price exact; nothing for a child that is none."""
    if child.stop is None:
        return {}
    price = price_text(symbol, instrument, child.stop.price_ticks)
    return stop_words(ccxt_id, child.side, child.stop.by, price)
