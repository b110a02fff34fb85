"""A parent's real fills beside the shadow's simulated ones: the same quantity, the same prices, in whole nano.

Both sides are priced by one function, so that an incumbent whose fills are ours differs by exactly nothing. Compared is
what the incumbent filled within its own time; a shadow that was planned for more is taken at its average, which costs
it the depth of the whole. What the incumbent left unfilled is priced for neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from app.domain.enums import ContractKind, Side
from app.domain.instrument import Symbol
from app.domain.shadow import DeskParent, Excluded, Execution, OwnOutcome, ShadowExclusion, ShadowReach
from app.domain.units import div_half_even
from app.tca.benchmarks import mid_money_nano

_BPS = 1e4


@dataclass(frozen=True, slots=True)
class Compared:
    """One parent, both sides all-in, in nano of the symbol's money against the mid at the decision; positive is a cost.

    `reference_nano`: the compared quantity at that mid. `notional_nano`: the whole parent in the quote. `prices_nano`:
    (price's name, incumbent's cost, own cost) for each of the four prices. `is_extrapolated`: beyond the reach.
    """

    parent_id: str
    symbol: str
    side: Side
    ts_ns: int
    qty_units: int
    parent_qty_units: int
    notional_nano: int
    reference_nano: int
    incumbent_nano: int
    own_nano: int
    prices_nano: tuple[tuple[str, int, int], ...]
    n_late_fills: int
    is_extrapolated: bool

    @property
    def difference_bps(self) -> float:
        """Incumbent less own: positive where Bestex is cheaper."""
        return (self.incumbent_nano - self.own_nano) * _BPS / self.reference_nano

    @property
    def day(self) -> str:
        return datetime.fromtimestamp(self.ts_ns // 10**9, UTC).strftime("%Y-%m-%d")


def compare_parent(
    symbol: Symbol, parent: DeskParent, fills: Sequence[Execution], own: OwnOutcome, reach: ShadowReach
) -> Compared | Excluded:
    """Both sides of one parent, or why there is nothing to compare."""
    within = [fill for fill in fills if not parent.end_ts_ns or fill.ts_ns <= parent.end_ts_ns]
    why = _why_not(symbol, parent, within, own)
    if why is not None:
        return why
    qty, own_qty = _units(within), _units(own.executions)
    prices = []
    for name, mid_half in own.mids.by_name().items():
        incumbent, whole = (cost_nano(symbol, parent.side, side, mid_half) for side in (within, own.executions))
        prices.append((name, incumbent, whole if qty == own_qty else div_half_even(whole * qty, own_qty)))
    # The claim is against the market's mid at the decision: a desk's own price moves both sides alike.
    mid = own.mids.received_half_units
    whole = cost_nano(symbol, parent.side, own.executions, mid)
    is_beyond = not 0 <= own.displayed_ppm <= reach.max_displayed_ppm or own.life_ns > reach.max_life_ns
    return Compared(
        parent_id=parent.parent_id,
        symbol=symbol.name,
        side=parent.side,
        ts_ns=parent.decision_ts_ns,
        qty_units=qty,
        parent_qty_units=parent.qty_units,
        notional_nano=symbol.notional_nano(max(1, mid // 2), parent.qty_units),
        reference_nano=mid_money_nano(symbol, mid, qty),
        incumbent_nano=cost_nano(symbol, parent.side, within, mid),
        own_nano=whole if qty == own_qty else div_half_even(whole * qty, own_qty),
        prices_nano=tuple(prices),
        n_late_fills=len(fills) - len(within),
        is_extrapolated=is_beyond or own.unpriced_units > 0,
    )


def cost_nano(symbol: Symbol, side: Side, executions: Sequence[Execution], mid_half_units: int) -> int:
    """Money and fees less the quantity at the mid, signed as cost. Fees are in the symbol's money or in its base."""
    sign = symbol.fungible.cost_sign(side)
    paid = sum(
        sign * symbol.money_nano(fill.price_units, fill.qty_units) + (fee_money_nano(symbol, fill) or 0)
        for fill in executions
    )
    return paid - sign * mid_money_nano(symbol, mid_half_units, _units(executions))


def fee_money_nano(symbol: Symbol, fill: Execution) -> int | None:
    """The fee in the symbol's money: as it is, or paid in the base of a spot market at the fill's own price.

    None for any other currency.
    """
    if not fill.fee_nano or fill.fee_currency == symbol.money_currency:
        return fill.fee_nano
    if symbol.fungible.kind is ContractKind.SPOT and fill.fee_currency == symbol.fungible.base:
        return div_half_even(fill.fee_nano * fill.price_units, 10**symbol.price_scale)
    return None


def scaled_mids(own: OwnOutcome, decision_price_units: int | None) -> OwnOutcome:
    """The outcome with the desk's own decision price, where it told one."""
    if decision_price_units is None:
        return own
    return replace(own, mids=replace(own.mids, decision_half_units=2 * decision_price_units))


def _why_not(symbol: Symbol, parent: DeskParent, within: Sequence[Execution], own: OwnOutcome) -> Excluded | None:
    if not within:
        return Excluded(parent.parent_id, ShadowExclusion.NO_FILLS)
    early = [fill.fill_id for fill in within if fill.ts_ns < parent.decision_ts_ns]
    if early:
        return Excluded(parent.parent_id, ShadowExclusion.FILL_BEFORE_DECISION, early[0])
    if _units(within) > parent.qty_units:
        return Excluded(parent.parent_id, ShadowExclusion.OVERFILLED)
    foreign = [fill.fee_currency for fill in within if fee_money_nano(symbol, fill) is None]
    if foreign:
        return Excluded(parent.parent_id, ShadowExclusion.FEE_CURRENCY, foreign[0])
    if not own.executions:
        return Excluded(parent.parent_id, ShadowExclusion.NO_BOOKS, "nothing was there to be filled by")
    return None


def _units(executions: Sequence[Execution]) -> int:
    return sum(fill.qty_units for fill in executions)
