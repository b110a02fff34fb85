"""Stream items as JSON. The part of a message that does not depend on who reads it is made once per item.

A message is `head + tail`: the head holds what is the subscription's own (`sub`, `prev_seq`, `replay`), the tail the
time and the data. Live and replayed messages have the same tail, byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from zlib import crc32

import msgspec

from app.api.wire.text import average_price, mid_or_none, money, time_or_none, time_text
from app.api.ws import messages as ms
from app.api.ws.messages import Channel
from app.domain import conditional_events as ce
from app.domain import events as ev
from app.domain.enums import ExecType, KillScope
from app.domain.events import Event, Fact
from app.domain.instrument import Symbol
from app.domain.units import NANO_SCALE, decimal_text
from app.services.ladder import Ladder, LadderLevel
from app.services.order_views import OrderView, exec_type_of
from app.services.streams import OpenFill, StreamItem

Symbols = Mapping[str, Symbol]
_encode: Final[Callable[[object], bytes]] = msgspec.json.Encoder().encode

# Facts that always make a message of `orders`; those of children make one where they change the order's status.
_ORDER_FACTS: Final = frozenset(
    {
        ev.OrderAccepted,
        ev.RoutePlanned,
        ev.ChildFilled,
        ev.CancelRequested,
        ev.OrderDone,
        ev.ChildUnknown,
        ev.OrderAmended,
        ev.SchedulePaused,
        ev.ScheduleResumed,
    }
)
_CHILD_FACTS: Final = frozenset(
    {ev.ChildAcked, ev.ChildCanceled, ev.ChildExpired, ev.ChildRejected, ev.ChildResolved, ev.ChildSending}
)
_CONDITIONAL_FACTS: Final = frozenset(ce.CONDITIONAL_EVENTS)
_RISK_FACTS: Final = frozenset(
    {
        ev.OrderRefused,
        ev.RefusalsAggregated,
        ev.KillSwitchSet,
        ev.KillSwitchCleared,
        ev.LimitsSet,
        ev.OverfillRecorded,
        ev.ChildUnknown,
        ev.ChildResolved,
    }
)


def channels_of(item: StreamItem) -> tuple[Channel, ...]:
    """The sequenced channels that `item` feeds; none for a fact that only /v1/events tells."""
    kind = type(item.fact.event)
    if kind is ev.ChildFilled:
        return (Channel.ORDERS, Channel.EXECUTIONS)
    is_order = kind in _ORDER_FACTS or kind in _CONDITIONAL_FACTS
    if not is_order and kind in _CHILD_FACTS:
        assert item.order is not None
        is_order = item.order.status is not item.order.status_before
    if kind in _RISK_FACTS:
        return (Channel.ORDERS, Channel.RISK) if is_order else (Channel.RISK,)
    return (Channel.ORDERS,) if is_order else ()


def symbol_of(item: StreamItem) -> str:
    """The symbol a filter looks at, empty for what concerns no symbol."""
    if item.order is not None:
        return item.order.accepted.order.symbol
    symbol: str = getattr(item.fact.event, "symbol", "")
    return symbol


def tail(item: StreamItem, channel: Channel, symbols: Symbols) -> bytes:
    """`"ts":…,"data":[…]}` of `item` on `channel`, made once and kept with the item."""
    if item.encoded is None:
        item.encoded = {}
    encoded = item.encoded.get(channel)
    if encoded is None:
        encoded = item.encoded[channel] = _tail(item.fact.ts_ns, [_DATA[channel](item, symbols)])
    return encoded


def head(channel: Channel, sub: int, seq: int, prev_seq: int, *, is_replay: bool) -> bytes:
    """The beginning of an update, as far as it is the subscription's own."""
    return (
        f'{{"channel":"{channel}","type":"update","sub":{sub},"seq":{seq},"prev_seq":{prev_seq},'
        f'"replay":{"true" if is_replay else "false"},'
    ).encode()


def snapshot_head(channel: Channel, sub: int, seq: int, prev_seq: int, *, is_more: bool) -> bytes:
    return (
        f'{{"channel":"{channel}","type":"snapshot","sub":{sub},"seq":{seq},"prev_seq":{prev_seq},'
        f'"more":{"true" if is_more else "false"},'
    ).encode()


def snapshot_tail(ts_ns: int, data: Sequence[object]) -> bytes:
    return _tail(ts_ns, data)


def book_head(sub: int, seq: int, prev_seq: int) -> bytes:
    """The beginning of a book; the first of a subscription is its snapshot."""
    kind = "update" if prev_seq else "snapshot"
    return f'{{"channel":"books","type":"{kind}","sub":{sub},"seq":{seq},"prev_seq":{prev_seq},'.encode()


def heartbeat(last_seq: int, sub_seqs: Mapping[int, int], replaying: Sequence[int], ts_ns: int) -> bytes:
    subs = ",".join(f'"{sub}":{seq}' for sub, seq in sub_seqs.items())
    return (
        f'{{"channel":"heartbeat","type":"heartbeat","last_seq":{last_seq},"sub_seq":{{{subs}}},'
        f'"replaying":[{",".join(map(str, replaying))}],"ts":"{time_text(ts_ns)}"}}'
    ).encode()


def book_tail(ladder: Ladder) -> bytes:
    """The whole book with its checksum, the same for every reader."""
    bids = [_level(level, ladder.symbol) for level in ladder.bids]
    asks = [_level(level, ladder.symbol) for level in ladder.asks]
    text = "|".join(f"{level.price}:{level.qty}:{level.venue}" for level in (*bids, *asks))
    book = ms.Book(
        symbol=ladder.symbol.name,
        bids=bids,
        asks=asks,
        book_seqs={used.venue: used.book_seq for used in ladder.used},
        crc32=crc32(text.encode()),
    )
    return _tail(ladder.now_ns, [book])


def encode(message: object) -> bytes:
    """Any other message, whole."""
    return _encode(message)


def order_update(view: OrderView, symbols: Symbols, ts_ns: int, event: Event | None) -> ms.OrderUpdate:
    """The order as `view` has it; `event` is None in a snapshot."""
    order = view.accepted.order
    symbol = symbols[order.symbol]
    child, fill = view.child, event if isinstance(event, ev.ChildFilled) else None
    return ms.OrderUpdate(
        order_id=view.accepted.order_id,
        client_order_id=order.client_order_id,
        account=order.account,
        symbol=order.symbol,
        side=order.side,
        type=order.order_type,
        exec_type=exec_type_of(event) if event is not None else ExecType.ORDER_STATUS,
        order_status=view.status,
        qty=_maybe(order.qty_units, symbol.qty_scale),
        notional=_maybe(order.notional_nano, NANO_SCALE),
        limit_price=_maybe(order.limit_price_units, symbol.price_scale),
        cum_qty=decimal_text(view.cum_qty_units, symbol.qty_scale),
        leaves_qty=_maybe(view.leaves_qty_units, symbol.qty_scale),
        cum_notional=money(view.cum_notional_nano),
        leaves_notional=_maybe(view.leaves_notional_nano, NANO_SCALE),
        avg_price=average_price(symbol, view.cum_money_nano, view.cum_qty_units),
        fees=[ms.Fee(currency, money(fee_nano)) for currency, fee_nano in view.fees_nano],
        route_id=view.route_id or None,
        n_waves=view.n_waves,
        child_id=child.child_id if child else None,
        venue=child.venue if child else None,
        child_status=child.status if child else None,
        exec_id=fill.exec_id if fill else None,
        last_qty=decimal_text(fill.qty_units, symbol.qty_scale) if fill else None,
        last_price=decimal_text(fill.price_units, symbols[fill.symbol].price_scale) if fill else None,
        done_reason=view.done_reason,
        text=_text(view, event),
        created_at=time_text(view.created_ts_ns),
        transact_time=time_text(ts_ns),
    )


def execution(view: OrderView, symbols: Symbols, fill: ev.ChildFilled, ts_ns: int, account_seq: int) -> ms.Execution:
    """`fill`, with its order as `view` has it."""
    order, child = view.accepted.order, view.child
    assert child is not None
    symbol = symbols[order.symbol]
    return ms.Execution(
        exec_id=fill.exec_id,
        order_id=fill.order_id,
        client_order_id=order.client_order_id,
        child_id=fill.child_id,
        account=fill.account,
        symbol=fill.symbol,
        side=order.side,
        venue=fill.venue,
        venue_trade_id=fill.venue_trade_id,
        venue_order_id=child.venue_order_id or None,
        last_qty=decimal_text(fill.qty_units, symbol.qty_scale),
        last_price=decimal_text(fill.price_units, symbols[fill.symbol].price_scale),
        last_notional=money(fill.notional_nano),
        fee=money(fill.fee_nano),
        fee_currency=fill.fee_currency,
        fee_status="final",
        liquidity=fill.liquidity,
        exec_type=exec_type_of(fill),
        order_status=view.status,
        cum_qty=decimal_text(view.cum_qty_units, symbol.qty_scale),
        leaves_qty=_maybe(view.leaves_qty_units, symbol.qty_scale),
        leaves_notional=_maybe(view.leaves_notional_nano, NANO_SCALE),
        transact_time=time_text(ts_ns),
        venue_time=time_or_none(fill.venue_ts_ns),
        received_at=time_or_none(fill.received_ts_ns),
        sent_at=time_or_none(child.sent_ts_ns),
        acked_at=time_or_none(child.acked_ts_ns),
        decision_at=time_or_none(order.decision_ts_ns),
        seq=account_seq,
    )


def open_execution(fill: OpenFill, symbols: Symbols) -> ms.Execution:
    """A fill of an open order, for a snapshot."""
    return execution(fill.order, symbols, fill.record.fill, fill.record.ts_ns, fill.record.account_seq)


def kill_switch(event: ev.KillSwitchSet) -> ms.KillSwitchSet:
    return ms.KillSwitchSet(
        scope=event.scope, target=event.target, action=event.action, reason=event.reason, actor=event.actor
    )


def system_event(fact: Fact) -> ms.SystemEvent:
    """A fact for everybody, without the account and the actor behind it."""
    match fact.event:
        case ev.VenueSet(venue=venue, is_enabled=is_enabled):
            return ms.VenueSet(venue=venue, is_enabled=is_enabled)
        case ev.KillSwitchSet() as kill:
            return public_kill(kill)
        case ev.KillSwitchCleared() as cleared:
            return ms.KillSwitchCleared(scope=cleared.scope, target=cleared.target, actor="")
        case other:
            raise TypeError(f"{other.KIND} is no system event")


def public_kill(event: ev.KillSwitchSet) -> ms.KillSwitchSet:
    """A switch as everybody may see it: who threw it, and why, stays inside."""
    assert event.scope is not KillScope.ACCOUNT
    return ms.KillSwitchSet(scope=event.scope, target=event.target, action=event.action, reason="", actor="")


def conditional_update(event: Any, symbols: Symbols, ts_ns: int) -> ms.ConditionalUpdate:
    """A fact of a conditional order, by itself."""
    symbol = symbols[event.symbol]
    definition = getattr(event, "definition", None)
    words = getattr(event, "detail", None) or getattr(event, "reason", None)
    reason = event.reason if isinstance(event, ce.ConditionalDone) else None
    return ms.ConditionalUpdate(
        event=event.KIND,
        conditional_id=event.conditional_id,
        client_order_id=definition.client_order_id if definition is not None else None,
        symbol=event.symbol,
        leg_i=getattr(event, "leg_i", None),
        leg_order_id=getattr(event, "leg_order_id", None),
        qty=_maybe(getattr(event, "qty_units", None), symbol.qty_scale),
        level=mid_or_none(getattr(event, "level_half_units", 0), symbol.price_scale),
        stop=mid_or_none(getattr(event, "stop_half_units", 0), symbol.price_scale),
        water_mark=mid_or_none(getattr(event, "mark_half_units", 0), symbol.price_scale),
        code=getattr(event, "code", None),
        done_reason=reason,
        text=None if words is None or words == reason else words,
        transact_time=time_text(ts_ns),
    )


def _orders(item: StreamItem, symbols: Symbols) -> object:
    if type(item.fact.event) in _CONDITIONAL_FACTS:
        return conditional_update(item.fact.event, symbols, item.fact.ts_ns)
    assert item.order is not None
    return order_update(item.order, symbols, item.fact.ts_ns, item.fact.event)


def _executions(item: StreamItem, symbols: Symbols) -> object:
    fill = item.fact.event
    assert item.order is not None
    assert isinstance(fill, ev.ChildFilled)
    return execution(item.order, symbols, fill, item.fact.ts_ns, item.seq)


def _risk(item: StreamItem, symbols: Symbols) -> object:
    event = item.fact.event
    match event:
        case ev.OrderRefused():
            return ms.OrderRefused(
                refusal_id=event.refusal_id,
                client_order_id=event.client_order_id,
                symbol=event.symbol,
                code=event.code,
                limit=event.limit,
                actual=event.value,
                unit=event.unit,
                limits_version=event.limits_version,
            )
        case ev.RefusalsAggregated():
            return ms.RefusalsAggregated(
                code=event.code,
                n_refused=event.n_refused,
                from_at=time_text(event.from_ts_ns),
                to_at=time_text(event.to_ts_ns),
            )
        case ev.KillSwitchSet():
            return kill_switch(event)
        case ev.KillSwitchCleared():
            return ms.KillSwitchCleared(scope=event.scope, target=event.target, actor=event.actor)
        case ev.LimitsSet():
            return ms.LimitsSet(limits_version=event.limits.version, actor=event.actor)
        case _:
            return _child_risk(item, event, symbols)


def _child_risk(item: StreamItem, event: Any, symbols: Symbols) -> object:
    view = item.order
    assert view is not None
    assert view.child is not None
    symbol = symbols[view.accepted.order.symbol]
    place = {
        "order_id": event.order_id,
        "child_id": event.child_id,
        "symbol": symbol.name,
        "venue": view.child.venue,
    }
    match event:
        case ev.OverfillRecorded():
            return ms.OverfillRecorded(**place, excess_qty=decimal_text(event.excess_qty_units, symbol.qty_scale))
        case ev.ChildUnknown():
            leaves_qty = decimal_text(view.child.leaves_qty_units, symbol.qty_scale)
            return ms.ChildUnknown(**place, leaves_qty=leaves_qty, reason=event.reason)
        case ev.ChildResolved():
            return ms.ChildResolved(**place, actor=event.actor, evidence=event.evidence)
        case _:
            raise TypeError(f"{event.KIND} is no risk event")


_DATA: Final[dict[Channel, Callable[[StreamItem, Symbols], object]]] = {
    Channel.ORDERS: _orders,
    Channel.EXECUTIONS: _executions,
    Channel.RISK: _risk,
}


def _tail(ts_ns: int, data: Sequence[object]) -> bytes:
    return b'"ts":"%b","data":%b}' % (time_text(ts_ns).encode(), _encode(data))


def _text(view: OrderView, event: Event | None) -> str | None:
    """What is worth saying in words: why it ended, why a cancel was asked, what the venue said."""
    match event:
        case ev.OrderDone(detail=detail):
            return detail or None
        case ev.CancelRequested(reason=reason):
            return reason or None
        case ev.ChildUnknown(reason=reason):
            return reason or None
        case ev.ChildRejected(code=code, text=text):
            return f"{code}: {text}" if text else code
        case None:
            return view.done_detail or None
        case _:
            return None


def _level(level: LadderLevel, symbol: Symbol) -> ms.BookLevel:
    price = decimal_text(level.price_units, symbol.price_scale)
    return ms.BookLevel(price, decimal_text(level.qty_units, symbol.qty_scale), level.venue)


def _maybe(units: int | None, scale: int) -> str | None:
    return None if units is None else decimal_text(units, scale)
