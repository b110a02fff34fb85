"""The waterfall: one done parent's cost against its reference mid, cut into named parts that add up exactly.

Every part is a difference of two integers of money, so that the chain telescopes. For each fill of q, in this order:

1. delay       reference mid        -> approved mid       the market moved before the gate said yes
2. timing      approved mid         -> class mid at fill  the market moved while the order was worked
3. basis       class mid at fill    -> own-venue mid      that venue stood apart from its class
4. spread      own-venue mid        -> best price of the child: its venue's touch when the child arrived
5. impact      best price of child  -> fill price         depth walked through beyond that touch
6. fee         charged by the venue in the symbol's money currency, without gas; others stand in `fee_unconverted`
7. gas         the part of that charge that did not depend on the size: a fixed cost per child, as the venue reports it
8. opportunity what stayed unfilled: reference mid -> closing mid

The class mid of a fill is read when its report arrives, with our own footprint in it; the own-venue mid is from before
the fill. Where our trade moved the class, timing holds that and basis the same with the other sign: their sum is free
of it.
The reference is the client's decision price, or the mid when the order was received if none was given. The order of
the steps is a declaration, not a discovery: adding up proves arithmetic, not attribution. A venue that reports one
average price per child shows its impact inside spread.
A fill in another quote currency (the order's quote_pool) counts at its wave's rate from step 3 on, so that what the
currency costs, the half spread of the pair with it, stands in basis and in nothing else; its fee counts at that rate.
Positive is a cost for buyers and sellers, also of inverse contracts (FungibilityClass.cost_sign).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from app.domain.enums import Side
from app.domain.errors import InvariantBroken
from app.domain.events import ChildFilled, TcaReported
from app.domain.instrument import Symbol
from app.domain.quote_pool import Conversion
from app.domain.records import ParentRecord
from app.tca.benchmarks import mid_money_nano


@dataclass(slots=True)
class _Parts:
    """Sums over fills in nano, unsigned by side: money at each station of the chain."""

    reference_nano: int = 0
    approved_nano: int = 0
    class_mid_nano: int = 0
    venue_mid_nano: int = 0
    touch_nano: int = 0
    paid_nano: int = 0


def attribute(record: ParentRecord, symbol: Symbol, closing_mid_half_units: int) -> TcaReported:
    """The cost report of a done parent: see the module's waterfall.

    `closing_mid_half_units` is twice the class mid when the parent ended; 0 (no valid book) prices the unfilled part
    at the approved mid, and stays 0 in the report. A fill without own-venue mid has no basis; one without class mid
    takes that of its child's sending. Raises InvariantBroken where the parts do not add up.
    """
    accepted = record.accepted
    side = accepted.order.side
    reference, reference_half = _reference(record)
    approved_half = accepted.approved_mid_half_units or reference_half
    parts = _sum_parts(record, symbol, reference_half, approved_half)
    fills = [_charged_in_quote(record, f.fill) for f in record.fills]
    unfilled = _unfilled_qty_units(record, symbol, reference_half)
    closing_half = closing_mid_half_units or approved_half
    sign = symbol.fungible.cost_sign(side)
    opportunity = 0
    if unfilled:
        at_close = mid_money_nano(symbol, closing_half, unfilled)
        opportunity = sign * (at_close - mid_money_nano(symbol, reference_half, unfilled))
    charged, unconverted = _fees(fills, symbol.money_currency)
    gas = sum(f.gas_nano for f in fills if f.fee_currency == symbol.money_currency)
    report = TcaReported(
        account=record.account,
        order_id=record.order_id,
        reference=reference,
        reference_mid_half_units=reference_half,
        decision_mid_half_units=2 * (accepted.order.decision_price_units or 0),
        received_mid_half_units=accepted.received_mid_half_units,
        approved_mid_half_units=accepted.approved_mid_half_units,
        first_sent_mid_half_units=_first_sent_mid_half_units(record),
        closing_mid_half_units=closing_mid_half_units,
        filled_qty_units=sum(f.qty_units for f in fills),
        filled_money_nano=parts.paid_nano,
        reference_money_nano=parts.reference_nano,
        delay_nano=sign * (parts.approved_nano - parts.reference_nano),
        timing_nano=sign * (parts.class_mid_nano - parts.approved_nano),
        basis_nano=sign * (parts.venue_mid_nano - parts.class_mid_nano),
        spread_nano=sign * (parts.touch_nano - parts.venue_mid_nano),
        impact_nano=sign * (parts.paid_nano - parts.touch_nano),
        fee_nano=charged - gas,
        gas_nano=gas,
        opportunity_nano=opportunity,
        total_nano=sign * (parts.paid_nano - parts.reference_nano) + charged + opportunity,
        fee_unconverted=unconverted,
    )
    if parts_total_nano(report) != report.total_nano:
        raise InvariantBroken(order_id=record.order_id, parts=parts_total_nano(report), total=report.total_nano)
    return report


def parts_total_nano(report: TcaReported) -> int:
    """The sum of the report's parts; equals `total_nano` in every report we make."""
    return (
        report.delay_nano
        + report.timing_nano
        + report.basis_nano
        + report.spread_nano
        + report.impact_nano
        + report.fee_nano
        + report.gas_nano
        + report.opportunity_nano
    )


def _first_sent_mid_half_units(record: ParentRecord) -> int:
    """Twice the mid of the first wave: that of its plan, or of its child where it was posted without one."""
    first = next(iter(record.children.values()), None)
    if (
        first is not None
        and first.child.rests
        and (not record.routes or first.child.wave < record.routes[0][1].plan.wave)
    ):
        return first.mid_half_units
    return record.routes[0][1].plan.mid_half_units if record.routes else 0


def _reference(record: ParentRecord) -> tuple[str, int]:
    accepted = record.accepted
    if accepted.order.decision_price_units:
        return "decision", 2 * accepted.order.decision_price_units
    if accepted.received_mid_half_units:
        return "received", accepted.received_mid_half_units
    return "approved", accepted.approved_mid_half_units


def _charged_in_quote(record: ParentRecord, fill: ChildFilled) -> ChildFilled:
    """The fill with a fee in another quote currency counted in the order's."""
    conversion = _conversion(record, fill)
    if conversion is None or fill.fee_currency != conversion.currency:
        return fill
    fee, gas = (conversion.in_quote_nano(nano, Side.BUY) for nano in (fill.fee_nano, fill.gas_nano))
    return replace(fill, fee_nano=fee, gas_nano=gas, fee_currency=record.accepted.order.symbol.partition("/")[2])


def _conversion(record: ParentRecord, fill: ChildFilled) -> Conversion | None:
    child = record.children.get(fill.child_id)
    return record.conversion(child.child) if child is not None else None


def _add_converted(
    parts: _Parts, own: Symbol, fill: ChildFilled, touch_units: int, rate: tuple[Conversion, Side]
) -> None:
    """The stations of a fill in another quote currency that are priced there: own-venue mid, touch, paid.

    `own`: the fill's symbol. Without an own-venue mid, the touch stands in for it.
    """
    conversion, side = rate
    touch_nano = own.money_nano(touch_units, fill.qty_units)
    has_mid = fill.venue_mid_half_units > 0
    mid_nano = mid_money_nano(own, fill.venue_mid_half_units, fill.qty_units) if has_mid else touch_nano
    parts.venue_mid_nano += conversion.in_quote_nano(mid_nano, side)
    parts.touch_nano += conversion.in_quote_nano(touch_nano, side)
    parts.paid_nano += conversion.in_quote_nano(fill.money_nano, side)


def _sum_parts(record: ParentRecord, symbol: Symbol, reference_half: int, approved_half: int) -> _Parts:
    parts, fills = _Parts(), [f.fill for f in record.fills]
    side = record.accepted.order.side
    touch_units = _touches(side, fills)
    for fill in fills:
        conversion = _conversion(record, fill)
        if conversion is not None:
            class_half = fill.class_mid_half_units or approved_half
            parts.reference_nano += mid_money_nano(symbol, reference_half, fill.qty_units)
            parts.approved_nano += mid_money_nano(symbol, approved_half, fill.qty_units)
            parts.class_mid_nano += mid_money_nano(symbol, class_half, fill.qty_units)
            own = replace(symbol, price_scale=conversion.price_scale)  # both count quantities alike
            _add_converted(parts, own, fill, touch_units[fill.child_id], (conversion, side))
            continue
        child = record.children.get(fill.child_id)
        sent_half = child.mid_half_units if child is not None else 0
        class_half = fill.class_mid_half_units or sent_half or approved_half
        venue_half = fill.venue_mid_half_units or class_half
        qty = fill.qty_units
        parts.reference_nano += mid_money_nano(symbol, reference_half, qty)
        parts.approved_nano += mid_money_nano(symbol, approved_half, qty)
        parts.class_mid_nano += mid_money_nano(symbol, class_half, qty)
        parts.venue_mid_nano += mid_money_nano(symbol, venue_half, qty)
        parts.touch_nano += symbol.money_nano(touch_units[fill.child_id], qty)
        parts.paid_nano += fill.money_nano
    return parts


def _touches(side: Side, fills: Iterable[ChildFilled]) -> dict[str, int]:
    """Best fill price of each child: what its venue's touch was when the child came to trade."""
    best = min if side is Side.BUY else max
    touch_units: dict[str, int] = {}
    for fill in fills:
        touch_units[fill.child_id] = best(touch_units.get(fill.child_id, fill.price_units), fill.price_units)
    return touch_units


def _unfilled_qty_units(record: ParentRecord, symbol: Symbol, reference_half: int) -> int:
    """What was asked for and not filled; of a notional order, the rest at the reference mid. Never negative."""
    order = record.accepted.order
    if order.qty_units is not None:
        return max(0, order.qty_units - record.cum_qty_units)
    assert order.notional_nano is not None
    left_nano = max(0, order.notional_nano - record.cum_notional_nano)
    if symbol.fungible.is_inverse:
        qty_units: int = left_nano * 10**symbol.qty_scale // symbol.fungible.multiplier_nano
        return qty_units
    # The inverse of money_nano at half the price: scale and multiplier as there (spot's multiplier is 1e9).
    scale: int = 10 ** (symbol.price_scale + symbol.qty_scale)
    return 2 * left_nano * scale // (reference_half * symbol.fungible.multiplier_nano)


def _fees(fills: Iterable[ChildFilled], money_currency: str) -> tuple[int, tuple[tuple[str, int], ...]]:
    """(fees in the money currency, every other currency's sum sorted by name)."""
    by_currency: dict[str, int] = {}
    for fill in fills:
        if fill.fee_nano:
            by_currency[fill.fee_currency] = by_currency.get(fill.fee_currency, 0) + fill.fee_nano
    fee = by_currency.pop(money_currency, 0)
    return fee, tuple(sorted(by_currency.items()))
