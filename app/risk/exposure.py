"""What an account has at stake, as the gate sees it: plain numbers, worst case, unknown at full leaves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from app.domain.enums import ContractKind, KillScope, Mode, Side
from app.domain.instrument import Instrument, Symbol
from app.domain.limits import Limits
from app.domain.orders import ParentOrder
from app.domain.plan import Exclusion
from app.domain.quick import quick_init
from app.domain.quote_pool import Conversion
from app.domain.units import NANO_SCALE, PPM, div_up
from app.risk.reference import Reference

# (venue, side) -> quote nano: see docs/venue-credit.md.
Stakes = Mapping[tuple[str, Side], int]
_DOLLARS: Final = frozenset({"USD", "USDT", "USDC"})


@quick_init
@dataclass(frozen=True, slots=True)
class AccountView:
    """`free_nano`: (venue, currency) -> balance less what live children may still take.

    `position_units`: venue -> signed quantity of this symbol. `open_buy_units`, `open_sell_units`: leaves of all open
    parents in this symbol. `venue_stake_nano`: (venue, side) -> notional of the position there if all that is in flight
    on that side fills and nothing else does; below zero where it would still be on the other side.
    """

    limits: Limits | None
    killed: frozenset[tuple[KillScope, str]]
    free_nano: Mapping[tuple[str, str], int]
    position_units: Mapping[str, int]
    open_buy_units: int
    open_sell_units: int
    n_open_orders: int
    open_notional_nano: int
    venue_stake_nano: Stakes


@dataclass(frozen=True, slots=True)
class PoolView:
    """What an order's quote_pool opens now; sources are named as `quote_pool.source_of` does.

    `conversions`: by symbol, of those that are open. `instruments`: source -> the listing as its venue has it.
    `capacity_nano` as the function of that name, in the order's quote (or base) and beyond what the order's own
    listings may take of what they share. `free_nano`: what the pool adds to the balances that could pay for the order.
    `position_units`: what the account holds in the pool's symbols.
    """

    conversions: Mapping[str, Conversion]
    instruments: Mapping[str, Instrument]
    barred: Mapping[str, Exclusion]
    capacity_nano: Mapping[str, int]
    free_nano: int
    position_units: int


@quick_init
@dataclass(frozen=True, slots=True)
class GateView:
    """One order, its market and its account at one instant: everything a check may look at.

    `eligible`: venues that list the symbol and that nothing bars. `wait_ns`: what the throttle says, 0 is go.
    `child_cap_nano`: the most quote money of one child at a venue that is not certified; others are not in it.
    """

    order: ParentOrder
    mode: Mode
    now_ns: int
    symbol: Symbol
    instruments: Mapping[str, Instrument]
    taker_fee_ppm: Mapping[str, int]
    barred: Mapping[str, Exclusion]
    reference: Reference
    account: AccountView
    wait_ns: int
    lookalike_id: str
    eligible: tuple[str, ...]
    child_cap_nano: Mapping[str, int] = field(default_factory=dict)
    pool: PoolView | None = None
    # What most checks ask for, worked out once: see the functions of these names.
    _price_cap_units: int = field(init=False, repr=False)
    _worst_price_units: int = field(init=False, repr=False)
    _order_qty_units: int = field(init=False, repr=False)
    _order_notional_nano: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        order, symbol, mid_half_units = self.order, self.symbol, self.reference.mid_half_units
        cap_units = cap_units_of(order, self.account.limits, mid_half_units)
        mid_units = -(-mid_half_units // 2)
        worst_units = max(cap_units, mid_units) if order.side is Side.SELL else (cap_units or mid_units)
        qty_units, notional_nano = order.qty_units, order.notional_nano
        if notional_nano is None:
            notional_nano = symbol.notional_nano(max(1, worst_units), qty_units or 0)
        put = object.__setattr__
        put(self, "_price_cap_units", cap_units)
        put(self, "_worst_price_units", worst_units)
        put(self, "_order_qty_units", _qty_at_mid(self) if qty_units is None else qty_units)
        put(self, "_order_notional_nano", notional_nano)


def price_cap_units(view: GateView) -> int:
    """The tightest raw price any child may trade at: limit and slippage cap together; 0 when there is no bound."""
    return view._price_cap_units


def worst_price_units(view: GateView) -> int:
    """The price at which notional limits are judged: a buyer's cap; a seller is judged at no less than the mid."""
    return view._worst_price_units


def order_qty_units(view: GateView) -> int:
    """The order's quantity; for a notional order, what it buys at the mid (rounded up)."""
    return view._order_qty_units


def order_notional_nano(view: GateView) -> int:
    """Quote notional of the order at its worst price."""
    return view._order_notional_nano


def cap_units_of(order: ParentOrder, limits: Limits | None, mid_half_units: int) -> int:
    """As `price_cap_units`, of an order whose arrival mid was `mid_half_units` (0: none)."""
    is_buy, cap_units = order.side is Side.BUY, order.limit_price_units
    if cap_units is not None and order.schedule is not None:
        cap_units += order.schedule.past_limit_units * order.side.sign
    slippage_ppm = order.max_slippage_ppm
    if slippage_ppm is None and cap_units is None and limits is not None:
        slippage_ppm = limits.default_slippage_ppm or None  # a default of 0 is none at all; an order's own 0 is a cap
    if slippage_ppm is not None and mid_half_units:
        if is_buy:
            slipped_units = mid_half_units * (1_000_000 + slippage_ppm) // 2_000_000
            cap_units = slipped_units if cap_units is None else min(cap_units, slipped_units)
        else:
            slipped_units = -(-mid_half_units * (1_000_000 - slippage_ppm) // 2_000_000)
            cap_units = slipped_units if cap_units is None else max(cap_units, slipped_units)
    return 0 if cap_units is None else max(cap_units, 1)


def _qty_at_mid(view: GateView) -> int:
    """What a notional order buys at the mid."""
    order = view.order
    if order.notional_nano is None:
        return 0  # neither: invalid_quantity answers
    one_unit_nano = view.symbol.notional_nano(max(1, view.reference.mid_half_units // 2), 10**view.symbol.qty_scale)
    return int(-(-order.notional_nano * 10**view.symbol.qty_scale // max(1, one_unit_nano)))


def qty_nano(symbol: Symbol, qty_units: int) -> int:
    """Symbol quantity units as nano of base (or contracts)."""
    scale: int = 10 ** (NANO_SCALE - symbol.qty_scale)
    return qty_units * scale


def capacity_nano(view: GateView) -> dict[str, int]:
    """Per eligible venue: quote nano it may spend (buy, contracts) or base nano it may deliver (spot sale).

    The tighter of the free balance and the venue credit limit; fails closed to 0 without limits.
    """
    account, fungible, side = view.account, view.symbol.fungible, view.order.side
    is_base = fungible.kind is ContractKind.SPOT and side is Side.SELL
    if account.limits is None or view.child_cap_nano or fungible.is_inverse:
        return {venue: venue_capacity_nano(view, venue) for venue in view.eligible}
    # The usual cases, for which the functions below say the same venue by venue.
    free, stakes, currency = account.free_nano, account.venue_stake_nano, fungible.settle
    credit_nano = account.limits.venue_credit_nano
    if is_base:
        one_nano, mid_units = 10**view.symbol.price_scale, max(1, -(-view.reference.mid_half_units // 2))
        rooms = [(v, max(0, credit_nano - stakes.get((v, side), 0)) * one_nano // mid_units) for v in view.eligible]
        return {v: max(0, min(free.get((v, fungible.base), 0), room_nano)) for v, room_nano in rooms}
    return {
        venue: max(0, min(free.get((venue, currency), 0), credit_nano - stakes.get((venue, side), 0)))
        for venue in view.eligible
    }


def is_in_dollars(symbol: Symbol) -> bool:
    """Whether quote money is a dollar: what a cap in dollars can be held against."""
    return symbol.fungible.quote in _DOLLARS


def capped_price_units(price_units: int, side: Side, mid_half_units: int) -> int:
    """The price at which a cap is judged: a buyer's limit; a seller may get more than its own, so no less than mid."""
    return price_units if side is Side.BUY else max(price_units, -(-mid_half_units // 2))


def venue_capacity_nano(view: GateView, venue: str) -> int:
    """As `capacity_nano`, of one venue."""
    capacity = _uncapped_nano(view, venue)
    cap_nano = view.child_cap_nano.get(venue)
    if cap_nano is None:
        return capacity
    if view.symbol.fungible.kind is ContractKind.SPOT and view.order.side is Side.SELL:
        cap_nano = base_nano(view, cap_nano)
    return min(capacity, cap_nano)


def stake_nano(view: GateView, venue: str) -> int:
    """The worst case at `venue` on the order's own side before it, in quote nano; never below zero."""
    return max(0, view.account.venue_stake_nano.get((venue, view.order.side), 0))


def credit_room_nano(view: GateView, venue: str) -> int:
    """Quote notional that the order may add on its side at `venue`; what only closes a position needs no credit."""
    limits = view.account.limits
    if limits is None:
        return 0
    return max(0, limits.venue_credit_nano - view.account.venue_stake_nano.get((venue, view.order.side), 0))


def base_nano(view: GateView, quote_nano: int) -> int:
    """What a spot sale of so much quote money may deliver, in nano of base, judged at the mid rounded up."""
    return quote_nano * int(10**view.symbol.price_scale) // max(1, -(-view.reference.mid_half_units // 2))


def _uncapped_nano(view: GateView, venue: str) -> int:
    account, fungible = view.account, view.symbol.fungible
    if account.limits is None:
        return 0
    if fungible.kind is ContractKind.SPOT and view.order.side is Side.SELL:
        return min(
            max(0, account.free_nano.get((venue, fungible.base), 0)), base_nano(view, credit_room_nano(view, venue))
        )
    free = max(0, account.free_nano.get((venue, fungible.settle), 0))
    if fungible.kind is ContractKind.INVERSE:
        free = _coin_to_quote(view, free)
    return min(free, credit_room_nano(view, venue))


def _coin_to_quote(view: GateView, coin_nano: int) -> int:
    """Coin collateral at the class mid, in quote nano."""
    return int(coin_nano * view.reference.mid_half_units // (2 * 10**view.symbol.price_scale))


def room_lots(view: GateView, listing: Instrument, price_units: int) -> int:
    """Lots that the account can pay for at the listing's venue, the taker's fee included, or deliver."""
    capacity_nano = venue_capacity_nano(view, listing.venue)
    if view.symbol.fungible.kind is ContractKind.SPOT and view.order.side is Side.SELL:
        return capacity_nano // max(1, qty_nano(view.symbol, listing.lot_units))
    lot_nano = max(1, view.symbol.notional_nano(price_units, listing.lot_units))
    fee_ppm = max(0, view.taker_fee_ppm.get(listing.venue, 0))
    return capacity_nano // max(1, div_up(lot_nano * (PPM + fee_ppm), PPM))
