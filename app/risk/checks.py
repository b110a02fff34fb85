"""Every reason to say no, cheap to dear, in the catalogue's order. Each fails closed on a missing input.

A check takes the view and returns None (yes) or the refusal. Nothing here changes anything.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from app.domain.enums import ContractKind, ExclusionCode, KillScope, OrderType, RefusalCode, Side, TimeInForce
from app.domain.errors import OrderRefused
from app.domain.units import NANO_SCALE, decimal_text
from app.risk.exposure import (
    GateView,
    order_notional_nano,
    order_qty_units,
    price_cap_units,
    qty_nano,
    stake_nano,
    venue_capacity_nano,
    worst_price_units,
)

Check = Callable[[GateView], OrderRefused | None]


def _money(amount_nano: int) -> str:
    return decimal_text(amount_nano, NANO_SCALE)


def trading_halted(view: GateView) -> OrderRefused | None:
    """P01: a kill switch over everything, the account, the symbol, or every venue of it."""
    order = view.order
    if not view.account.killed:
        return None
    for scope, target in (
        (KillScope.GLOBAL, ""),
        (KillScope.ACCOUNT, order.account),
        (KillScope.SYMBOL, order.symbol),
    ):
        if (scope, target) in view.account.killed:
            return OrderRefused(
                RefusalCode.TRADING_HALTED,
                limit=scope.value,
                value=target or "all",
                hint="An operator must clear the kill switch (DELETE /v1/kill-switch).",
            )
    return None


def not_authorised(view: GateView) -> OrderRefused | None:
    """P03: an account without limits may not trade."""
    if view.account.limits is None:
        return OrderRefused(
            RefusalCode.NOT_AUTHORISED,
            value=view.order.account,
            unit="account",
            hint="The account has no limits; an operator sets them with PUT /v1/risk/limits.",
        )
    return None


def restricted_instrument(view: GateView) -> OrderRefused | None:
    """P04: the account's allow list."""
    limits = view.account.limits
    if limits is not None and limits.allowed_symbols and view.order.symbol not in limits.allowed_symbols:
        return OrderRefused(
            RefusalCode.RESTRICTED_INSTRUMENT,
            limit=",".join(limits.allowed_symbols),
            value=view.order.symbol,
            pointer="/symbol",
            hint="Use a symbol of the account's allow list.",
        )
    return None


def duplicate_order(view: GateView) -> OrderRefused | None:
    """P05: a look-alike within the account's window (another client id, same side, symbol, size and price)."""
    if view.lookalike_id:
        return OrderRefused(
            RefusalCode.DUPLICATE_ORDER,
            value=view.lookalike_id,
            unit="order_id",
            pointer="/client_order_id",
            hint="An order just like this one was accepted moments ago; wait for the window or change it.",
        )
    return None


def stale_request(view: GateView) -> OrderRefused | None:
    """P06: a good-till-date that has passed."""
    order = view.order
    if order.time_in_force is TimeInForce.GTD and order.expire_ts_ns <= view.now_ns:
        return OrderRefused(
            RefusalCode.STALE_REQUEST,
            limit=str(view.now_ns),
            value=str(order.expire_ts_ns),
            unit="ns",
            pointer="/expire_at",
            hint="Use a time in the future.",
        )
    return None


def _nearest(units: int, step_units: int, scale: int) -> str:
    below = units // step_units * step_units
    texts = [decimal_text(below, scale)] if below else []
    return " or ".join([*texts, decimal_text(below + step_units, scale)])


def _not_positive(pointer: str) -> OrderRefused:
    return OrderRefused(RefusalCode.INVALID_QUANTITY, limit="0", value="0", pointer=pointer, hint="Use more than 0.")


def invalid_quantity(view: GateView) -> OrderRefused | None:
    """P07: above zero, and a whole number of the finest lot among the eligible venues."""
    order, scale = view.order, view.symbol.qty_scale
    if order.qty_units is None:
        if (order.notional_nano or 0) > 0:
            return None
        return OrderRefused(
            RefusalCode.INVALID_QUANTITY, limit="0", value="0", pointer="/notional", hint="Use more than 0."
        )
    if order.qty_units <= 0:
        return OrderRefused(RefusalCode.INVALID_QUANTITY, limit="0", value="0", pointer="/qty", hint="Use more than 0.")
    lot_units = min([view.instruments[v].lot_units for v in view.eligible], default=1)
    if order.qty_units % lot_units:
        return OrderRefused(
            RefusalCode.INVALID_QUANTITY,
            limit=decimal_text(lot_units, scale),
            value=decimal_text(order.qty_units, scale),
            unit=view.symbol.qty_currency,
            pointer="/qty",
            hint=f"Use {_nearest(order.qty_units, lot_units, scale)}.",
        )
    return None


def invalid_price_increment(view: GateView) -> OrderRefused | None:
    """P08: a limit price above zero and on the finest tick among the eligible venues."""
    order, scale = view.order, view.symbol.price_scale
    if order.limit_price_units is None:
        if order.order_type is OrderType.LIMIT:
            return OrderRefused(
                RefusalCode.INVALID_PRICE_INCREMENT, pointer="/limit_price", hint="A limit order needs a limit_price."
            )
        return None
    tick_units = min([view.instruments[v].tick_units for v in view.eligible], default=1)
    if order.limit_price_units <= 0 or order.limit_price_units % tick_units:
        return OrderRefused(
            RefusalCode.INVALID_PRICE_INCREMENT,
            limit=decimal_text(tick_units, scale),
            value=decimal_text(order.limit_price_units, scale),
            unit=view.symbol.fungible.quote,
            pointer="/limit_price",
            hint=f"Use {_nearest(order.limit_price_units, tick_units, scale)}.",
        )
    return None


def max_order_qty(view: GateView) -> OrderRefused | None:
    """P09: per order, in base (or contracts)."""
    limits = view.account.limits
    assert limits is not None
    value = qty_nano(view.symbol, order_qty_units(view))
    if value > limits.max_order_qty_nano:
        return OrderRefused(
            RefusalCode.MAX_ORDER_QTY,
            limit=_money(limits.max_order_qty_nano),
            value=_money(value),
            unit=view.symbol.qty_currency,
            pointer="/qty",
            hint=f"Use at most {_money(limits.max_order_qty_nano)}.",
        )
    return None


def max_order_notional(view: GateView) -> OrderRefused | None:
    """P10: quantity at the worst price that the caps allow, so that market orders do not slip past."""
    limits = view.account.limits
    assert limits is not None
    value = order_notional_nano(view)
    if value > limits.max_order_notional_nano:
        return OrderRefused(
            RefusalCode.MAX_ORDER_NOTIONAL,
            limit=_money(limits.max_order_notional_nano),
            value=_money(value),
            unit=view.symbol.fungible.quote,
            pointer="/qty" if view.order.qty_units is not None else "/notional",
            hint="Use a smaller order, or ask for a higher max_order_notional.",
        )
    return None


def min_notional(view: GateView) -> OrderRefused | None:
    """P11: below what every eligible venue takes."""
    if not view.eligible or not view.reference.mid_half_units:
        return None  # P13, P14 or P29 answers
    price_units = worst_price_units(view)
    value = order_notional_nano(view)
    floors = []
    for venue in view.eligible:
        listing = view.instruments[venue]
        least_nano = view.symbol.notional_nano(price_units, listing.min_qty_lots * listing.lot_units)
        floor_nano = max(listing.min_notional_nano, least_nano)
        if value >= floor_nano:
            return None  # one venue takes it
        floors.append(floor_nano)
    floor_nano = min(floors)
    return OrderRefused(
        RefusalCode.MIN_NOTIONAL,
        limit=_money(floor_nano),
        value=_money(value),
        unit=view.symbol.fungible.quote,
        pointer="/qty" if view.order.qty_units is not None else "/notional",
        hint=f"Every eligible venue asks for at least {_money(floor_nano)} {view.symbol.fungible.quote}.",
    )


def price_collar(view: GateView) -> OrderRefused | None:
    """P12: a limit price too far through the reference."""
    limits, order = view.account.limits, view.order
    assert limits is not None
    mid_half = view.reference.mid_half_units
    if order.limit_price_units is None or not mid_half:
        return None
    away_units = order.side.sign * (2 * order.limit_price_units - mid_half)
    if away_units * 1_000_000 > limits.price_collar_ppm * mid_half:
        return OrderRefused(
            RefusalCode.PRICE_COLLAR,
            limit=decimal_text(limits.price_collar_ppm, 2),
            value=decimal_text(away_units * 100_000_000 // mid_half, 4),
            unit="bps",
            pointer="/limit_price",
            hint=f"The reference is {decimal_text(mid_half * 5, view.symbol.price_scale + 1)}.",
        )
    return None


_BOOKS_AT_FAULT: Final = frozenset(
    {
        ExclusionCode.NO_BOOK,
        ExclusionCode.STALE_BOOK,
        ExclusionCode.CROSSED_BOOK,
        ExclusionCode.BOOK_GAP,
        ExclusionCode.EMPTY_SIDE,
    }
)


def venue_unavailable(view: GateView) -> OrderRefused | None:
    """P29 asked early: every venue is disabled, excluded, killed or unreachable."""
    if view.eligible or any(x.code in _BOOKS_AT_FAULT for x in view.barred.values()):
        return None
    reasons = sorted({x.code.value for x in view.barred.values()}) or ["not_listed"]
    return OrderRefused(
        RefusalCode.VENUE_UNAVAILABLE,
        value=",".join(reasons),
        pointer="/venues",
        hint="No venue is left; see GET /v1/venues for their states.",
    )


def reference_price_unavailable(view: GateView) -> OrderRefused | None:
    """P13: no venue has ever shown a book."""
    if view.reference.has_any_book:
        return None
    return OrderRefused(RefusalCode.REFERENCE_PRICE_UNAVAILABLE, hint="No book has arrived yet; try again shortly.")


def book_invalid(view: GateView) -> OrderRefused | None:
    """P14: there are books, and none of an eligible venue may be believed."""
    if view.eligible and view.reference.mid_half_units:
        return None
    reasons = ",".join(f"{x.venue}:{x.code.value}" for x in view.barred.values())
    return OrderRefused(RefusalCode.BOOK_INVALID, value=reasons, hint="Books are stale, crossed, gapped or one-sided.")


def max_slippage(view: GateView) -> OrderRefused | None:
    """P15: a market order needs a cap, and no cap may be wider than the account's."""
    limits, order = view.account.limits, view.order
    assert limits is not None
    if order.order_type is OrderType.MARKET and not price_cap_units(view):
        return OrderRefused(
            RefusalCode.MAX_SLIPPAGE,
            limit=decimal_text(limits.max_slippage_ppm, 2),
            unit="bps",
            pointer="/max_slippage_bps",
            hint="A market order needs max_slippage_bps, in the order or as the account's default.",
        )
    if order.max_slippage_ppm is not None and order.max_slippage_ppm > limits.max_slippage_ppm:
        return OrderRefused(
            RefusalCode.MAX_SLIPPAGE,
            limit=decimal_text(limits.max_slippage_ppm, 2),
            value=decimal_text(order.max_slippage_ppm, 2),
            unit="bps",
            pointer="/max_slippage_bps",
            hint=f"Use at most {decimal_text(limits.max_slippage_ppm, 2)}.",
        )
    return None


def max_open_orders(view: GateView) -> OrderRefused | None:
    """P17: count of the account's open parents, this one included."""
    limits = view.account.limits
    assert limits is not None
    if view.account.n_open_orders + 1 > limits.max_open_orders:
        return OrderRefused(
            RefusalCode.MAX_OPEN_ORDERS,
            limit=str(limits.max_open_orders),
            value=str(view.account.n_open_orders + 1),
            unit="orders",
            hint="Wait for open orders to end, or cancel some.",
        )
    return None


def max_open_notional(view: GateView) -> OrderRefused | None:
    """P18: leaves of every open parent, unknown ones at full, this order included."""
    limits = view.account.limits
    assert limits is not None
    value = view.account.open_notional_nano + order_notional_nano(view)
    if value > limits.max_open_notional_nano:
        return OrderRefused(
            RefusalCode.MAX_OPEN_NOTIONAL,
            limit=_money(limits.max_open_notional_nano),
            value=_money(value),
            unit=view.symbol.fungible.quote,
            hint="Wait for open orders to end, or cancel some.",
        )
    return None


def max_position(view: GateView) -> OrderRefused | None:
    """P19: worst case long and short: position, plus every open order of this side, plus this one."""
    limits, account, order = view.account.limits, view.account, view.order
    assert limits is not None
    open_units = account.open_buy_units if order.side is Side.BUY else account.open_sell_units
    position_units = sum(account.position_units.values()) + (view.pool.position_units if view.pool else 0)
    worst_units = order.side.sign * position_units + open_units + order_qty_units(view)
    value = qty_nano(view.symbol, max(0, worst_units))
    if value > limits.max_position_nano:
        return OrderRefused(
            RefusalCode.MAX_POSITION,
            limit=_money(limits.max_position_nano),
            value=_money(value),
            unit=view.symbol.qty_currency,
            hint="The worst case of position and open orders would pass the limit.",
        )
    return None


def insufficient_balance(view: GateView) -> OrderRefused | None:
    """P20: all eligible venues together could not pay for it at the mid."""
    needed_nano, currency = _needed(view)
    fungible, free = view.symbol.fungible, view.account.free_nano
    is_spot_sale = fungible.kind is ContractKind.SPOT and view.order.side is Side.SELL
    account_currency = fungible.base if is_spot_sale else fungible.settle
    balances = [free.get((v, account_currency), 0) for v in view.eligible]
    free_nano = sum([balance for balance in balances if balance > 0])
    if fungible.is_inverse:
        free_nano = free_nano * view.reference.mid_half_units // (2 * 10**view.symbol.price_scale)
    if view.pool is not None:
        free_nano += view.pool.free_nano
    if needed_nano > free_nano:
        return OrderRefused(
            RefusalCode.INSUFFICIENT_BALANCE,
            limit=_money(free_nano),
            value=_money(needed_nano),
            unit=currency,
            hint="The eligible venues' free balances do not cover the order; see GET /v1/balances.",
        )
    return None


def credit_limit(view: GateView) -> OrderRefused | None:
    """P21: no eligible venue has both balance and credit left."""
    for venue in view.eligible:
        if venue_capacity_nano(view, venue):
            return None
    if view.pool is not None and any(view.pool.capacity_nano.values()):
        return None
    limits = view.account.limits
    assert limits is not None
    return OrderRefused(
        RefusalCode.CREDIT_LIMIT,
        limit=_money(limits.venue_credit_nano),
        value=_money(max((stake_nano(view, venue) for venue in view.eligible), default=0)),
        unit=view.symbol.fungible.quote,
        hint="Every eligible venue is at its credit limit.",
    )


def message_rate(view: GateView) -> OrderRefused | None:
    """P24: the account's token bucket for new orders."""
    limits = view.account.limits
    assert limits is not None
    if view.wait_ns > 0:
        return OrderRefused(
            RefusalCode.MESSAGE_RATE,
            limit=str(limits.message_rate_per_s),
            value=str(-(-view.wait_ns // 1_000_000)),
            unit="ms",
            hint="Slow down; the bucket refills at the limit per second.",
        )
    return None


def _needed(view: GateView) -> tuple[int, str]:
    """What the order takes at the mid, and its currency: quote with the cheapest fee, or base for a spot sale."""
    fungible = view.symbol.fungible
    if fungible.kind is ContractKind.SPOT and view.order.side is Side.SELL:
        return qty_nano(view.symbol, order_qty_units(view)), fungible.base
    if view.order.notional_nano is not None:
        notional = view.order.notional_nano
    else:
        notional = view.symbol.notional_nano(max(1, view.reference.mid_half_units // 2), view.order.qty_units or 0)
    fee_ppm = min([view.taker_fee_ppm[v] for v in view.eligible], default=0)
    return notional + notional * max(0, fee_ppm) // 1_000_000, fungible.quote


# The catalogue's order; first failure answers. P29 is asked before the checks that need an eligible venue's lots,
# and P13 and P14 before those that need a reference price.
PARENT_CHECKS: Final[tuple[Check, ...]] = (
    trading_halted,
    not_authorised,
    restricted_instrument,
    duplicate_order,
    stale_request,
    venue_unavailable,
    invalid_quantity,
    invalid_price_increment,
    reference_price_unavailable,
    book_invalid,
    max_order_qty,
    max_order_notional,
    min_notional,
    price_collar,
    max_slippage,
    max_open_orders,
    max_open_notional,
    max_position,
    insufficient_balance,
    credit_limit,
    message_rate,
)
CHECK_CODES: Final[dict[str, RefusalCode]] = {check.__name__: RefusalCode(check.__name__) for check in PARENT_CHECKS}
# What is asked of an exit before its entry has filled: all but what hangs on the position that the entry will bring.
UNARMED_CHECKS: Final[tuple[Check, ...]] = tuple(
    check
    for check in PARENT_CHECKS
    if check not in (max_open_orders, max_open_notional, max_position, insufficient_balance, credit_limit, message_rate)
)
