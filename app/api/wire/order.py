"""Orders, children and fills as JSON-ready values: the shapes of schemas/order.py."""

from __future__ import annotations

from typing import Any, Final

from app.api.wire.schedule import schedule_json
from app.api.wire.sweep import sweep_json
from app.api.wire.text import average_price, bps_of_ppm, mid_or_none, money, price_or_none, time_or_none, time_text
from app.domain.enums import DoneReason, ExecType, OrderStatus, ParentState
from app.domain.events import OrderAccepted
from app.domain.instrument import Symbol
from app.domain.orders import ParentOrder
from app.domain.records import ChildRecord, FillRecord, ParentRecord
from app.domain.units import decimal_text

DURABILITY: Final = "local"
Json = dict[str, Any]


def ack_json(fact: OrderAccepted, account_seq: int, symbol: Symbol) -> Json:
    """The acknowledgement: a pure function of the fact, so a repeated request gets the same bytes for ever."""
    order = fact.order
    at = time_text(fact.approved_ts_ns)
    return (
        _asked(fact, symbol)
        | schedule_json(order.schedule, None, symbol)
        | {
            "status": OrderStatus.NEW.value,
            "done_reason": None,
            "reject": None,
            "cum_qty": "0",
            "leaves_qty": None if order.qty_units is None else decimal_text(order.qty_units, symbol.qty_scale),
            "cum_notional": "0",
            "leaves_notional": None if order.notional_nano is None else money(order.notional_nano),
            "avg_price": None,
            "fees": [],
            "price_cap": price_or_none(fact.price_cap_units, symbol.price_scale),
            "arrival": _arrival(fact, symbol),
            "route_id": None,
            "version": 1,
            "created_at": at,
            "updated_at": at,
            "last_seq": account_seq,
            "durability": DURABILITY,
        }
    )


def order_json(record: ParentRecord, symbol: Symbol) -> Json:
    """The order as it stands."""
    fact, order = record.accepted, record.accepted.order
    is_done = record.state is ParentState.DONE
    leaves_qty = leaves_notional = None
    if order.qty_units is not None:
        leaves_units = 0 if is_done else max(0, order.qty_units - record.cum_qty_units)
        leaves_qty = decimal_text(leaves_units, symbol.qty_scale)
    if order.notional_nano is not None:
        leaves_notional = money(0 if is_done else max(0, order.notional_nano - record.cum_notional_nano))
    return (
        _asked(fact, symbol)
        | schedule_json(order.schedule, record.schedule, symbol, done_units=record.cum_qty_units if is_done else None)
        | {
            "status": record.status.value,
            "done_reason": record.done_reason.value if record.done_reason else None,
            "reject": _reject(record),
            "cum_qty": decimal_text(record.cum_qty_units, symbol.qty_scale),
            "leaves_qty": leaves_qty,
            "cum_notional": money(record.cum_notional_nano),
            "leaves_notional": leaves_notional,
            "avg_price": average_price(symbol, record.cum_money_nano, record.cum_qty_units),
            "fees": [{"currency": currency, "amount": money(nano)} for currency, nano in record.fees_nano.items()],
            "price_cap": price_or_none(fact.price_cap_units, symbol.price_scale),
            "arrival": _arrival(fact, symbol),
            "route_id": record.route_id or None,
            "version": record.version,
            "created_at": time_text(record.created_ts_ns),
            "updated_at": time_text(record.updated_ts_ns),
            "last_seq": record.last_account_seq,
            "durability": DURABILITY,
        }
    )


def child_json(record: ChildRecord, symbol: Symbol) -> Json:
    """One order to one venue; `symbol` is the child's own."""
    child, least_units = record.child, record.child.min_qty_lots * record.child.lot_units
    return {
        "child_id": child.child_id,
        "order_id": child.order_id,
        "client_id": child.client_id,
        "venue": child.venue,
        "venue_order_id": record.venue_order_id or None,
        "wave": child.wave,
        "symbol": child.symbol,
        "side": child.side.value,
        "time_in_force": child.time_in_force.value,
        "price": decimal_text(child.price_units, symbol.price_scale),
        "qty": decimal_text(child.qty_units, symbol.qty_scale),
        "min_qty": decimal_text(least_units, symbol.qty_scale) if least_units else None,
        "quote_id": child.quote_id or None,
        "status": record.status.value,
        "cum_qty": decimal_text(record.cum_qty_units, symbol.qty_scale),
        "leaves_qty": decimal_text(record.leaves_qty_units, symbol.qty_scale),
        "avg_price": average_price(symbol, record.cum_money_nano, record.cum_qty_units),
        "reject": {"code": record.code, "text": record.text} if record.code or record.text else None,
        "deadline": time_or_none(child.deadline_ts_ns),
        "sent_at": time_text(record.sent_ts_ns),
        "acked_at": time_or_none(record.acked_ts_ns),
        "updated_at": time_text(record.updated_ts_ns),
    }


def execution_json(fill: FillRecord, parent: ParentRecord, symbol: Symbol) -> Json:
    """One fill of `parent`; `symbol` is the fill's own."""
    event = fill.fill
    child = parent.children.get(event.child_id)
    order = parent.accepted.order
    return {
        "exec_id": event.exec_id,
        "order_id": event.order_id,
        "client_order_id": order.client_order_id,
        "child_id": event.child_id,
        "account": event.account,
        "symbol": event.symbol,
        "side": order.side.value,
        "venue": event.venue,
        "venue_trade_id": event.venue_trade_id,
        "venue_order_id": (child.venue_order_id or None) if child else None,
        "last_qty": decimal_text(event.qty_units, symbol.qty_scale),
        "last_price": decimal_text(event.price_units, symbol.price_scale),
        "last_notional": money(event.notional_nano),
        "fee": money(event.fee_nano),
        "fee_currency": event.fee_currency,
        "fee_status": "final",
        "liquidity": event.liquidity.value,
        "exec_type": (ExecType.TRADE_LATE if event.is_late else ExecType.TRADE).value,
        "transact_time": time_text(fill.ts_ns),
        "venue_time": time_or_none(event.venue_ts_ns),
        "received_at": time_or_none(event.received_ts_ns),
        "sent_at": time_or_none(child.sent_ts_ns) if child else None,
        "acked_at": time_or_none(child.acked_ts_ns) if child else None,
        "decision_at": time_or_none(order.decision_ts_ns),
        "seq": fill.account_seq,
    }


def _asked(fact: OrderAccepted, symbol: Symbol) -> Json:
    """The members that never change."""
    order = fact.order
    return (
        {
            "order_id": fact.order_id,
            "client_order_id": order.client_order_id,
            "account": order.account,
            "symbol": order.symbol,
            "side": order.side,
            "type": order.order_type,
            "qty": None if order.qty_units is None else decimal_text(order.qty_units, symbol.qty_scale),
            "notional": None if order.notional_nano is None else money(order.notional_nano),
            "limit_price": price_or_none(order.limit_price_units, symbol.price_scale),
            "time_in_force": order.time_in_force,
            "expire_at": time_or_none(order.expire_ts_ns),
            "remainder": order.remainder,
            "strategy": order.strategy,
            "venues": _venues(order),
            "max_slippage_bps": None if order.max_slippage_ppm is None else bps_of_ppm(order.max_slippage_ppm),
            "require_full_fill": order.is_full_fill_required,
            "decision_at": time_or_none(order.decision_ts_ns),
            "decision_price": price_or_none(order.decision_price_units, symbol.price_scale),
            "tags": dict(order.tags),
            "mode": fact.mode,
        }
        | _quote_pool(order)
        | sweep_json(order, symbol)
    )


def _quote_pool(order: ParentOrder) -> Json:
    """The member of an order that has one; other orders read as they always did."""
    pool = order.quote_pool
    if pool is None:
        return {}
    return {
        "quote_pool": {
            "currencies": list(pool.currencies),
            "max_basis_bps": bps_of_ppm(pool.max_basis_ppm),
            "carrier": pool.carrier.value,
        }
    }


def _venues(order: ParentOrder) -> Json:
    chosen = order.venues
    return {"include": list(chosen.include), "exclude": list(chosen.exclude), "max": chosen.max_venues or None}


def _arrival(fact: OrderAccepted, symbol: Symbol) -> Json:
    scale = symbol.price_scale
    return {
        "bid": price_or_none(fact.arrival_bid_units, scale),
        "ask": price_or_none(fact.arrival_ask_units, scale),
        "mid": mid_or_none(fact.approved_mid_half_units, scale),
        "at": time_text(fact.approved_ts_ns),
    }


def _reject(record: ParentRecord) -> Json | None:
    """Why it ended otherwise than filled: the engine's own word, or the last child's venue code."""
    if record.done_reason is None or record.done_reason is DoneReason.FILLED:
        return None
    rejected = [c for c in record.children.values() if c.code]
    text = rejected[-1].text or rejected[-1].code if rejected else ""
    return {"code": record.done_detail or record.done_reason.value, "text": text}
