"""Our orders at one venue as its stream, its REST answers and its acknowledgements tell of them, made one story.

A fill is told once, keyed by the venue's trade id, whoever brought it and how often. A final word is told only when the
fills that it counts are all here: until then the order lacks something, and REST is asked. Numbers are the vendor's
strings; a fill whose fee is not stated waits for the source that states it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from app.domain.enums import ChildState, ContractKind, Liquidity, Side
from app.domain.fills import UNHELD, ExecutionReport, ReportKind
from app.domain.instrument import Instrument, Symbol
from app.domain.orders import ChildOrder
from app.domain.ports import ReportSink
from app.domain.units import NANO_SCALE
from app.venues.cex.client_ids import own_client_id, wire_client_id
from app.venues.cex.exact import decimal_of, lots_floor, nano_of, qty_text, ticks_of
from app.venues.cex.profile import VenueProfile
from app.venues.cex.stops import apart_at, apart_of, has_gone_off

_NS_PER_MS: Final = 1_000_000
# Orders that have ended, held whole; of those before only by which id the venue knows them, some 200 bytes each. Words
# about what is not held at all reach the engine where they name our own id: it knows every child.
_MAX_ENDED: Final = 4_096
_MAX_PAST: Final = 16_384
_MAX_STRANGERS: Final = 1_024
_STATUS_WORDS: Final = (
    "status",
    "X",
    "state",
    "orderStatus",
    "order_status",
    "ord_status",
    "order_state",
    "exec_status",
)
_KINDS: Final = {
    ChildState.CANCELED: ReportKind.CANCELED,
    ChildState.EXPIRED: ReportKind.EXPIRED,
    ChildState.REJECTED: ReportKind.REJECTED,
}
_OFF_ENDS: Final = frozenset({ReportKind.CANCELED, ReportKind.REJECTED})
_UNIFIED: Final = {
    "closed": ChildState.FILLED,
    "canceled": ChildState.CANCELED,
    "expired": ChildState.EXPIRED,
    "rejected": ChildState.REJECTED,
}


@dataclass(slots=True)
class OwnOrder:
    """One child and what its venue said. `seen_qty`: the venue's own running total, in the vendor's unit."""

    child: ChildOrder
    symbol: Symbol
    instrument: Instrument
    wire_id: str
    sent_ts_ns: int
    venue_order_id: str = ""
    fills: dict[str, ExecutionReport] = field(default_factory=dict)
    trades: dict[str, Decimal] = field(default_factory=dict)
    feeless: dict[str, Decimal] = field(
        default_factory=dict
    )  # trades that were told without their fee, and wait for it
    told_lots: int = 0
    # By currency, and negative a rebate: of trades too small for a whole lot, and what is finer than a nano.
    untold_fees: dict[str, Decimal] = field(default_factory=dict)
    traded_money: Decimal = Decimal(0)
    told_money_nano: int = 0
    seen_qty: Decimal = Decimal(0)
    end: ExecutionReport | None = None
    end_state: ChildState | None = None
    is_told: bool = False  # its last word has been given
    is_placed: bool = False  # the venue was heard to know it
    is_off: bool = False  # a stop that waits no more
    live_ids: tuple[str, ...] = ()  # of what came of it, where that has an id of its own
    next_look_ns: int = 0
    n_looks: int = 0
    is_asked_about: bool = False

    @property
    def live_id(self) -> str:
        """Of the order that came of a stop, where that has an id of its own; empty before."""
        return self.live_ids[0] if self.live_ids else ""

    @property
    def traded_qty(self) -> Decimal:
        return sum(self.trades.values(), Decimal(0))

    @property
    def whole_qty(self) -> Decimal:
        """What was asked for, in the vendor's unit."""
        return Decimal(qty_text(self.symbol, self.instrument, self.child.qty_lots))

    @property
    def lacks_fills(self) -> bool:
        """The venue counts more than we hold."""
        return self.seen_qty > self.traded_qty

    @property
    def is_over(self) -> bool:
        return self.is_told or self.told_lots >= self.child.qty_lots


class OwnOrders:
    """Every child that this connection may still hear of. Synchronous; tells `on_report`."""

    def __init__(
        self,
        profile: VenueProfile,
        listings: Mapping[str, tuple[Symbol, Instrument]],
        on_report: ReportSink,
        now_ns: Callable[[], int],
    ) -> None:
        self._profile = profile
        self._listings = listings
        self._on_report = on_report
        self._now_ns = now_ns
        self._by_client_id: dict[str, OwnOrder] = {}
        self._by_wire_id: dict[str, OwnOrder] = {}
        self._by_venue_id: dict[str, OwnOrder] = {}
        self._ended: OrderedDict[str, None] = OrderedDict()
        self._past: OrderedDict[str, str] = OrderedDict()  # the venue's id -> ours
        # Trades of orders whose venue id we do not know yet: a fill may outrun its acknowledgement.
        self._strangers: OrderedDict[tuple[str, str], tuple[Mapping[str, Any], str]] = OrderedDict()

    def add(self, child: ChildOrder) -> OwnOrder:
        """The order of `child`, known from now on."""
        order = self._by_client_id.get(child.client_id)
        if order is None:
            symbol, instrument = self._listings[child.symbol]
            wire_id = wire_client_id(self._profile.client_id, child.client_id)
            order = OwnOrder(child, symbol, instrument, wire_id, self._now_ns())
            self._by_client_id[child.client_id] = self._by_wire_id[wire_id] = order
        return order

    def of(self, client_id: str) -> OwnOrder | None:
        return self._by_client_id.get(client_id)

    def open(self) -> Iterator[OwnOrder]:
        """Orders that are placed there and not over, as far as was heard."""
        return (o for o in list(self._by_client_id.values()) if o.is_placed and not o.is_over)

    def client_id_of(self, order: Mapping[str, Any]) -> str:
        """Our id of a unified order; empty where it is nobody's of ours."""
        wire_id = self._wire_id(order)
        known = self._by_wire_id.get(wire_id) or self._by_venue_id.get(str(order.get("id") or ""))
        return known.child.client_id if known is not None else own_client_id(self._profile.client_id, wire_id)

    def _wire_id(self, order: Mapping[str, Any]) -> str:
        """The client id of a unified order, where ccxt says it or where the vendor does."""
        stated = order.get("clientOrderId")
        info = order.get("info")
        if not stated and isinstance(info, Mapping):
            stated = info.get(self._profile.client_id.wire)
            if not stated and (apart := apart_at(self._profile.ccxt_id)) is not None:
                stated = info.get(apart.id_param)
        return str(stated or "")

    # what is heard

    def take_report(self, order: OwnOrder, report: ExecutionReport) -> None:
        """What became of a placement's request."""
        if report.kind is ReportKind.ACKED:
            self._placed(order, report.venue_order_id, 0, report.evidence)
            return
        if report.kind is ReportKind.REJECTED:
            order.end, order.is_told = report, True
            self._note_end(order)
        self._tell(report)

    def take_order(self, raw: Mapping[str, Any], source: str) -> OwnOrder | None:
        """A unified order of ccxt's from `source`; None where it is not ours."""
        wire_id, venue_id = self._wire_id(raw), str(raw.get("id") or "")
        order = self._by_wire_id.get(wire_id) or self._by_venue_id.get(venue_id)
        if order is None:
            self._tell_unheld(wire_id, venue_id, source)
            return None
        ts_ns = _ts_ns(raw.get("lastUpdateTimestamp") or raw.get("lastTradeTimestamp") or raw.get("timestamp"))
        state = self._state(raw)
        if state is not ChildState.REJECTED:
            self._placed(order, venue_id, ts_ns, source)
        order.seen_qty = max(order.seen_qty, decimal_of(raw.get("filled")) or Decimal(0))
        if order.child.stop is not None:
            self._follow(order, raw.get("info"))
        for trade in raw.get("trades") or ():
            self.take_trade(trade, source)
        if state is not None and source != "rest" and raw.get("filled") is None:
            state = None  # an end that does not count its fills is none yet: REST, which counts them, is asked
            order.next_look_ns = 0
        if state is ChildState.FILLED and _words(raw):
            # The vendor's own word for the whole outweighs a number beside it: fills of it are lacking somewhere.
            order.seen_qty = max(order.seen_qty, _whole_qty(order, raw))
        if state is not None and order.end_state is None:
            order.end_state = state
            order.end = self._end(order, state, ts_ns, f"{source} order:{venue_id}")
        self.settle(order)
        return order

    def _tell_unheld(self, wire_id: str, venue_id: str, source: str) -> None:
        """A stream speaks of an order that ended long ago, or in an earlier life: whoever knows it has to ask.

        Lists over REST are full of such orders and say nothing new.
        """
        if source != "stream" or wire_id in self._by_wire_id:
            return
        client_id = self._past.get(venue_id) or own_client_id(self._profile.client_id, wire_id)
        if client_id:
            evidence = f"{source} order:{venue_id}"
            self._tell(
                ExecutionReport(
                    ReportKind.UNKNOWN, self._profile.venue_id, client_id, venue_id, code=UNHELD, evidence=evidence
                )
            )

    def _follow(self, order: OwnOrder, info: Any) -> None:
        """Notes that a stop has gone off, and the id of what came of it: its trades bear that one."""
        apart = apart_of(self._profile.ccxt_id, order.child)
        made = apart.made(info) if apart is not None else ()
        for live_id in made:
            if live_id not in order.live_ids:
                order.live_ids += (live_id,)
                self._by_venue_id[live_id] = order
                self._take_strangers(live_id)
        order.is_off = order.is_off or bool(made) or has_gone_off(self._profile.ccxt_id, info)

    def take_trade(self, raw: Mapping[str, Any], source: str, *, is_last_word: bool = False) -> None:
        """A unified trade of ccxt's. `is_last_word`: no other source will state a missing fee better."""
        trade_id, venue_id = str(raw.get("id") or ""), str(raw.get("order") or "")
        order = self._by_venue_id.get(venue_id)
        if not trade_id or not venue_id:
            return
        if order is None:
            self._tell_unheld(self._wire_id(raw), venue_id, source)
            self._strangers[(venue_id, trade_id)] = (raw, source)
            while len(self._strangers) > _MAX_STRANGERS:
                self._strangers.popitem(last=False)
            return
        if trade_id in order.trades:
            return
        price, qty, fee = decimal_of(raw.get("price")), decimal_of(raw.get("amount")), _fee(raw)
        if price is None or qty is None or qty <= 0 or price <= 0:
            return
        if fee is None and not is_last_word:
            order.feeless[trade_id] = qty  # counted as seen: the order now lacks it, and REST is asked
            order.seen_qty = max(order.seen_qty, order.traded_qty + sum(order.feeless.values()))
            return
        order.feeless.pop(trade_id, None)
        order.trades[trade_id] = qty
        order.seen_qty = max(order.seen_qty, order.traded_qty)
        order.traded_money += price * qty
        self._fill(order, raw, price, fee or ("", Decimal(0)), source)
        self.settle(order)

    def _fill(
        self, order: OwnOrder, raw: Mapping[str, Any], price: Decimal, fee: tuple[str, Decimal], source: str
    ) -> None:
        """Tells the whole lots that this trade completes; what is less than a lot waits for the next one.

        Lots made of trades at several prices are told at the last one's, and a price between two ticks on its tick:
        what that differs from the money that moved goes into the fee, where the fee is in that money.
        """
        child = order.child
        lots = lots_floor(order.symbol, order.instrument, order.traded_qty) - order.told_lots
        untold = order.untold_fees
        untold[fee[0]] = untold.get(fee[0], Decimal(0)) + fee[1]
        if lots < 1:
            return
        order.told_lots += lots
        ticks = ticks_of(order.symbol, order.instrument, price, is_up=child.side is Side.BUY)
        fee_nano = nano_of(untold[fee[0]])
        untold[fee[0]] -= Decimal(fee_nano).scaleb(-NANO_SCALE)
        fee_nano += _untold_money_nano(order, ticks, lots, fee[0])
        trade_id = str(raw["id"])
        report = ExecutionReport(
            ReportKind.FILLED,
            child.venue,
            child.client_id,
            order.venue_order_id,
            trade_id,
            ticks,
            lots,
            cum_qty_lots=order.told_lots,
            fee_nano=fee_nano,
            fee_currency=fee[0],
            liquidity=Liquidity.MAKER if raw.get("takerOrMaker") == "maker" else Liquidity.TAKER,
            venue_ts_ns=_ts_ns(raw.get("timestamp")),
            evidence=f"{source} trade:{trade_id}",
        )
        order.fills[trade_id] = report
        self._tell(report)

    def _state(self, raw: Mapping[str, Any]) -> ChildState | None:
        """The final state that the vendor's own word means; None: still open, or nothing is proven.

        ccxt's word counts only where the vendor's is not at hand: it takes some partial fills for the whole.
        """
        words = _words(raw)
        for word in words:
            if word in self._profile.open_words:
                return None
            if word in self._profile.ends:
                return self._profile.ends[str(word)]
        return None if words else _UNIFIED.get(str(raw.get("status")))

    def _end(self, order: OwnOrder, state: ChildState, ts_ns: int, evidence: str) -> ExecutionReport | None:
        """The report of a final state; None where the fills alone say it."""
        child = order.child
        lots = lots_floor(order.symbol, order.instrument, order.seen_qty)
        if lots >= child.qty_lots:
            return None
        kind = _KINDS.get(state, ReportKind.CANCELED)  # "done" with less than the whole: the rest was given up
        if child.stop is not None and (order.is_off or order.seen_qty) and kind in _OFF_ENDS:
            kind = ReportKind.EXPIRED  # of a stop that went off: as if it had been immediate, or not payable any more
        return ExecutionReport(
            kind, child.venue, child.client_id, order.venue_order_id, cum_qty_lots=lots, venue_ts_ns=ts_ns,
            code=state.value if kind is ReportKind.REJECTED else "", evidence=evidence,
        )  # fmt: skip

    def _placed(self, order: OwnOrder, venue_id: str, ts_ns: int, evidence: str) -> None:
        """The venue knows the order: said once, and then trades that came before are its own."""
        if venue_id and not order.venue_order_id:
            order.venue_order_id = venue_id
            self._by_venue_id[venue_id] = order
        if not order.is_placed:
            order.is_placed = True
            self._tell(self._ack(order, ts_ns, evidence))
        self._take_strangers(order.venue_order_id)

    def _take_strangers(self, venue_id: str) -> None:
        for key in [key for key in self._strangers if key[0] == venue_id]:
            raw, source = self._strangers.pop(key)
            self.take_trade(raw, source)

    def _ack(self, order: OwnOrder, ts_ns: int, evidence: str) -> ExecutionReport:
        child = order.child
        return ExecutionReport(
            ReportKind.ACKED, child.venue, child.client_id, order.venue_order_id, venue_ts_ns=ts_ns, evidence=evidence
        )

    def settle(self, order: OwnOrder) -> None:
        """Tells the final word once nothing is lacking."""
        if order.end_state is None or order.is_told or order.lacks_fills:
            return
        if order.end is not None:
            self._tell(order.end)
        order.is_told = True
        self._note_end(order)

    def retell(self, order: OwnOrder) -> None:
        """Everything known of an order again, for somebody who may have missed it."""
        if order.is_placed:
            self._tell(self._ack(order, 0, "known"))
        for report in order.fills.values():
            self._tell(report)
        if order.is_told and order.end is not None:
            self._tell(order.end)

    def tell_end(self, order: OwnOrder, asked: ChildOrder) -> None:
        """Says that a filled order has ended to who asks with more than it was: after a crash with a bound of it."""
        child = order.child
        if order.told_lots == child.qty_lots < asked.qty_lots:
            kind, venue_order_id = ReportKind.EXPIRED, order.venue_order_id
            self._tell(
                ExecutionReport(
                    kind, child.venue, child.client_id, venue_order_id, cum_qty_lots=order.told_lots, evidence="known"
                )
            )

    def absent(self, order: OwnOrder) -> None:
        """The venue knows no such order: it may be forgotten in its turn."""
        if not order.is_placed:
            self._note_end(order)

    def _note_end(self, order: OwnOrder) -> None:
        self._ended[order.child.client_id] = None
        while len(self._ended) > _MAX_ENDED:
            client_id, _ = self._ended.popitem(last=False)
            old = self._by_client_id.pop(client_id)
            self._by_wire_id.pop(old.wire_id, None)
            for venue_id in (old.venue_order_id, *old.live_ids):
                if self._by_venue_id.pop(venue_id, None) is not None:
                    self._past[venue_id] = client_id
        while len(self._past) > _MAX_PAST:
            self._past.popitem(last=False)

    def _tell(self, report: ExecutionReport) -> None:
        self._on_report(report)


def _whole_qty(order: OwnOrder, raw: Mapping[str, Any]) -> Decimal:
    """What was asked for; of a child that is but a bound of it, what the venue says, where that is less."""
    stated = (decimal_of(raw.get("amount")) or decimal_of(raw.get("filled"))) if order.child.is_bound else None
    return min(order.whole_qty, stated) if stated else order.whole_qty


def _untold_money_nano(order: OwnOrder, ticks: int, lots: int, fee_currency: str) -> int:
    """What was paid more, or received less, than the fills told up to this one say; 0 where a fee cannot carry it,
    and while a part of a lot is still untold. Of spot alone: a contract's money is its position's."""
    symbol, instrument = order.symbol, order.instrument
    if symbol.fungible.kind is not ContractKind.SPOT:
        return 0
    order.told_money_nano += symbol.money_nano(ticks * instrument.tick_units, lots * instrument.lot_units)
    whole = Decimal(order.told_lots * instrument.lot_units).scaleb(-symbol.qty_scale)
    if fee_currency != symbol.money_currency or order.traded_qty != whole:
        return 0
    more_nano = nano_of(order.traded_money) - order.told_money_nano
    order.told_money_nano += more_nano
    return more_nano * order.child.side.sign


def _words(raw: Mapping[str, Any]) -> list[Any]:
    """The vendor's own words for an order's state; none where they are not at hand."""
    info = raw.get("info")
    return [info[name] for name in _STATUS_WORDS if info.get(name)] if isinstance(info, Mapping) else []


def _fee(raw: Mapping[str, Any]) -> tuple[str, Decimal] | None:
    """(currency, amount) of a trade's fee, negative a rebate; None where the source does not state it."""
    fees = [fee for fee in (raw.get("fees") or [raw.get("fee")]) if isinstance(fee, Mapping)]
    stated = [(str(fee.get("currency") or ""), decimal_of(fee.get("cost"))) for fee in fees]
    known = [(currency, cost) for currency, cost in stated if cost is not None]
    if not known:
        return None
    currency = known[0][0]
    total = sum((cost for other, cost in known if other == currency), Decimal(0))
    if not currency and total:
        return None
    return currency, total


def _ts_ns(ts_ms: Any) -> int:
    return int(ts_ms) * _NS_PER_MS if isinstance(ts_ms, int | float) else 0
