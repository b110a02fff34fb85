"""What the ledger keeps of an order and of a fill, as decimal strings."""

from __future__ import annotations

from typing import Any

from .book import BUY, Order
from .settlement import Fill
from .units import text


def order_row(order: Order) -> dict[str, Any]:
    market = order.market
    return {
        "order_id": order.id,
        "client_id": order.client_id,
        "market": market.id,
        "side": side_word(order.side),
        "type": order.kind,
        "time_in_force": order.time_in_force,
        "price": market.price(order.price),
        "qty": market.qty(order.qty),
        "filled": market.qty(order.filled),
        "state": order.state,
        "reason": order.reason,
    }


def fill_row(fill: Fill) -> dict[str, Any]:
    market = fill.market
    return {
        "trade_id": str(fill.trade_id),
        "order_id": fill.order_id,
        "client_id": fill.client_id,
        "market": market.id,
        "side": side_word(fill.side),
        "price": market.price(fill.price),
        "qty": market.qty(fill.lots),
        "cash": text(fill.cash),
        "fee": text(fill.fee),
        "fee_currency": fill.fee_in,
        "liquidity": fill.liquidity,
        "realised": text(fill.realised),
    }


def side_word(side: int) -> str:
    return "buy" if side == BUY else "sell"
