"""May this order exist? May this child leave? The only maker of `Approved`.

Parent checks run cheap to dear in the catalogue's order; the children's checks are repeated at the turn that makes
the intent, because the world may have changed since the parent was approved.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from app.domain.enums import KillScope, RefusalCode, Side
from app.domain.errors import InvariantBroken, OrderRefused
from app.domain.events import ChildSending
from app.domain.instrument import Symbol
from app.domain.orders import Approved, ChildOrder, ParentOrder
from app.domain.quick import maker, quick_init
from app.domain.records import ParentRecord
from app.risk import checks
from app.risk.checks import CHECK_CODES, PARENT_CHECKS, UNARMED_CHECKS, Check
from app.risk.exposure import GateView, capped_price_units, is_in_dollars
from app.risk.plain import Bounds, Instant, Sums, measure

_approved: Final = maker(Approved)
_OF_THE_WHOLE: Final = frozenset(
    {checks.invalid_quantity, checks.invalid_price_increment, checks.max_order_qty, checks.max_order_notional}
)


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One line of a preview: `refusal` is None where the check says yes."""

    code: RefusalCode
    refusal: OrderRefused | None


@quick_init
@dataclass(frozen=True, slots=True)
class Place:
    """Under which limits a child is approved, and the sequence that its ChildSending fact will have.

    `cap_nano`: the most quote money of one child at its venue, None where there is no such bound, judged with
    `mid_half_units`.
    """

    limits_version: int
    seq: int
    cap_nano: int | None = None
    mid_half_units: int = 0


def approve(view: GateView, decision_seq: int) -> Approved[ParentOrder]:
    """The order, approved, or OrderRefused by the first check that says no."""
    _raise_first(view, PARENT_CHECKS)
    assert view.account.limits is not None
    return Approved(view.order, view.account.limits.version, decision_seq)


def approve_plain(
    bounds: Bounds, order: ParentOrder, sums: Sums, now: Instant
) -> tuple[Approved[ParentOrder], int, dict[str, int]] | None:
    """A plain order, approved in one pass, with its price cap and capacities; None where `approve` must be asked."""
    found = measure(bounds, order, sums, now)
    return None if found is None else (_approved(order, bounds.limits.version, now.seq), *found)


def screen(view: GateView) -> None:
    """Raises OrderRefused where an order to come later would be refused as the view has it; approves nothing."""
    _raise_first(view, PARENT_CHECKS)


def screen_unarmed(view: GateView) -> None:
    """As `screen`, for an exit whose position its entry has yet to bring."""
    _raise_first(view, UNARMED_CHECKS)


def _raise_first(view: GateView, checks: Sequence[Check]) -> None:
    for check in checks:
        refusal = check(view)
        if refusal is not None:
            raise refusal


def preview(view: GateView) -> tuple[CheckResult, ...]:
    """Every check's answer, up to and including the first that says no (later ones may lack their inputs)."""
    results: list[CheckResult] = []
    for check in PARENT_CHECKS:
        refusal = check(view)
        results.append(CheckResult(CHECK_CODES[check.__name__], refusal))
        if refusal is not None:
            break
    return tuple(results)


def approve_amended(rest: GateView, whole: GateView) -> None:
    """Raises OrderRefused where an amendment adds what may not be added.

    `rest`: what may still be sent, beside everything else that the account has at stake; `whole`: the order as it will
    be, which the limits per order and the forms of numbers are about. What is left of an order may be small.
    """
    for check in PARENT_CHECKS:
        refusal = check(whole if check in _OF_THE_WHOLE else rest) if check is not checks.min_notional else None
        if refusal is not None:
            raise refusal


def approve_form(view: GateView) -> None:
    """Raises OrderRefused where an amendment that adds nothing has a quantity or a price that cannot be."""
    for check in (checks.invalid_quantity, checks.invalid_price_increment):
        refusal = check(view)
        if refusal is not None:
            raise refusal


def readopt(record: ParentRecord) -> Approved[ParentOrder]:
    """An order that the log proves was approved: for its later waves, and after a restart."""
    fact = record.accepted
    return Approved(fact.order, fact.limits_version, record.accepted_account_seq)


def approve_child(
    child: ChildOrder, parent: ParentRecord, symbol: Symbol, killed: Collection[tuple[KillScope, str]], place: Place
) -> Approved[ChildOrder]:
    """The child, approved, or OrderRefused: kill switches, price cap, and never more than the parent asked for.

    A bound that the plan breaks here is our own bug. `symbol` is the parent's: a child in another quote currency is
    held against it at its wave's rate, rounded against the child.
    """
    for scope, target in kill_targets(child) if killed else ():
        if (scope, target) in killed:
            raise OrderRefused(RefusalCode.TRADING_HALTED, limit=scope.value, value=target or "all")
    cap_units, price_units = parent.accepted.price_cap_units, _price_in_quote(parent, symbol, child)
    if cap_units and child.side.sign * (price_units - cap_units) > 0:
        raise OrderRefused(RefusalCode.PRICE_COLLAR, limit=str(cap_units), value=str(price_units))
    if place.cap_nano is not None:
        judged_units = capped_price_units(price_units, child.side, place.mid_half_units)
        value_nano = symbol.notional_nano(judged_units, child.qty_units)
        if value_nano > place.cap_nano or not is_in_dollars(symbol):
            raise OrderRefused(RefusalCode.CREDIT_LIMIT, limit=str(place.cap_nano), value=str(value_nano))
    order = parent.accepted.order
    if order.notional_nano is not None and (order.side is Side.BUY or symbol.fungible.is_inverse):
        flying = (c for c in parent.children.values() if not c.state.is_terminal)
        committed_nano = parent.cum_notional_nano + symbol.notional_nano(price_units, child.qty_units)
        committed_nano += sum(
            symbol.notional_nano(_price_in_quote(parent, symbol, c.child), c.leaves_qty_units) for c in flying
        )
        if committed_nano > order.notional_nano:
            raise OrderRefused(RefusalCode.PARENT_OVERSEND, limit=str(order.notional_nano), value=str(committed_nano))
    if order.qty_units is not None:
        committed_units = parent.cum_qty_units + parent.in_flight_qty_units + child.qty_units
        if committed_units > order.qty_units:
            raise OrderRefused(RefusalCode.PARENT_OVERSEND, limit=str(order.qty_units), value=str(committed_units))
    if child.qty_lots <= 0 or child.price_ticks <= 0 or child.side is not order.side:
        raise OrderRefused(RefusalCode.INVALID_QUANTITY, value=str(child.qty_lots), limit="1")
    return Approved(child, place.limits_version, place.seq)


def approve_wave(
    children: Sequence[ChildOrder],
    parent: ParentRecord,
    killed: Collection[tuple[KillScope, str]],
    limits_version: int,
    first_seq: int,
) -> list[Approved[ChildOrder]]:
    """As `approve_child` of each in turn, with those before it in flight: of a quantity in the parent's own symbol, at
    venues without a cap. `first_seq`: of the first child's fact, one more for each.
    """
    accepted = parent.accepted
    order, cap_units = accepted.order, accepted.price_cap_units
    name, side, qty_units = order.symbol, order.side, order.qty_units
    if qty_units is None:
        raise InvariantBroken(order_id=accepted.order_id, reason="no wave to be approved as one")
    sign = side.sign
    committed_units = parent.cum_qty_units + (parent.in_flight_qty_units if parent.children else 0)
    approved, seq = [], first_seq
    for child in children:
        for scope, target in kill_targets(child) if killed else ():
            if (scope, target) in killed:
                raise OrderRefused(RefusalCode.TRADING_HALTED, limit=scope.value, value=target or "all")
        if child.symbol != name or child.side is not side:
            raise OrderRefused(RefusalCode.INVALID_QUANTITY, value=child.symbol, limit=name)
        lots, ticks = child.qty_lots, child.price_ticks
        price_units = ticks * child.tick_units
        if cap_units and sign * (price_units - cap_units) > 0:
            raise OrderRefused(RefusalCode.PRICE_COLLAR, limit=str(cap_units), value=str(price_units))
        committed_units += lots * child.lot_units
        if committed_units > qty_units:
            raise OrderRefused(RefusalCode.PARENT_OVERSEND, limit=str(qty_units), value=str(committed_units))
        if lots <= 0 or ticks <= 0:
            raise OrderRefused(RefusalCode.INVALID_QUANTITY, value=str(lots), limit="1")
        approved.append(_approved(child, limits_version, seq))
        seq += 1
    return approved


def _price_in_quote(parent: ParentRecord, symbol: Symbol, child: ChildOrder) -> int:
    """A child's limit in units of its parent's symbol."""
    conversion = parent.conversion(child)
    if conversion is None:
        return child.price_units
    return conversion.price_units(child.price_units, symbol.price_scale, child.side)


def readopt_child(fact: ChildSending, seq: int) -> Approved[ChildOrder]:
    """A child whose intent is durable: proof for asking about it or canceling it after a restart."""
    return Approved(fact.child, fact.limits_version, seq)


def carried(child: ChildOrder, limits_version: int, decision_seq: int) -> Approved[ChildOrder]:
    """An approval as it came over a process border. A signer looks at its MAC; here it is only carried on."""
    return Approved(child, limits_version, decision_seq)


def is_halted(order: ParentOrder, killed: Collection[tuple[KillScope, str]]) -> bool:
    """Whether a kill switch stops the whole order, at whatever venue."""
    scopes = ((KillScope.GLOBAL, ""), (KillScope.ACCOUNT, order.account), (KillScope.SYMBOL, order.symbol))
    return any(scope in killed for scope in scopes)


def kill_targets(child: ChildOrder) -> tuple[tuple[KillScope, str], ...]:
    """Every kill switch that would stop this child."""
    return (
        (KillScope.GLOBAL, ""),
        (KillScope.ACCOUNT, child.account),
        (KillScope.VENUE, child.venue),
        (KillScope.SYMBOL, child.symbol),
    )
