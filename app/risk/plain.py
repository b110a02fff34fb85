"""The gate's checks on a plain order in one pass: a yes is surely a yes, anything else is asked check by check.

Plain: a quantity of one spot or linear symbol, at whatever venue is open, that ends by itself or by its client. What
stays from order to order is gathered once (`Bounds`); of what an order changes only sums are read. Where `measure` says
yes, every check of risk/checks.py does, and the capacities are those of `exposure.capacity_nano`; tests hold both
together over random desks. It says no more than yes: who is refused is told why by the checks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from app.domain.enums import ContractKind, KillScope, OrderType, Side, TimeInForce
from app.domain.instrument import Instrument, Symbol
from app.domain.limits import Limits
from app.domain.orders import ParentOrder
from app.domain.quick import quick_init, tupled
from app.domain.units import NANO_SCALE, PPM
from app.risk.exposure import cap_units_of, qty_nano

_UNPLAIN_FORCES: Final = frozenset({TimeInForce.FOK, TimeInForce.GTD})


class Sums(Protocol):
    """What every account has committed, kept fact by fact: absent keys are zero.

    `open_units`: (account, symbol, side) -> leaves of open parents. `open_notional_nano`: account -> quote nano.
    `reserved_nano`: (account, venue, currency) -> what live children may still take. `flying_nano`: (account, venue,
    symbol, side) -> quote notional in flight.
    """

    @property
    def open_units(self) -> Mapping[tuple[str, str, Side], int]: ...
    @property
    def open_notional_nano(self) -> Mapping[str, int]: ...
    @property
    def reserved_nano(self) -> Mapping[tuple[str, str, str], int]: ...
    @property
    def flying_nano(self) -> Mapping[tuple[str, str, str, Side], int]: ...


class Place(NamedTuple):
    """A venue that nothing bars: its listing, and the account's fee, balance and stake there without what is in flight.

    `held_nano`: of the currency that `pays_in` names. `stake_nano`: the position at the mid, counted for the order's
    side, in quote nano.
    """

    listing: Instrument
    taker_fee_ppm: int
    held_nano: int
    stake_nano: int


class Footing(NamedTuple):
    """An account in one symbol and on one side, between two facts: what its bounds are made of.

    `mid_half_units` above 0: some venue's book is believed. `position_units`: of all listings together.
    """

    limits: Limits | None
    killed: frozenset[tuple[KillScope, str]]
    mid_half_units: int
    position_units: int
    places: Sequence[Place]


class Room(NamedTuple):
    """One eligible venue: what may be spent or delivered there, and what of it orders in flight have taken already.

    `held_nano`: the balance that pays. `credit_nano`: the venue's limit less the position's part on this side.
    """

    venue: str
    held_nano: int
    credit_nano: int
    reserved_key: tuple[str, str, str]
    flying_key: tuple[str, str, str, Side]


_room_at: Final = tupled(Room)


@quick_init
@dataclass(frozen=True, slots=True)
class Bounds:
    """What plain orders of one account, symbol and side are held against until a limit, balance, book or venue changes.

    `lot_units`, `tick_units`: the finest among the eligible venues. `floors`: each one's (least quantity, least
    notional). `money_scale`: notional is price x quantity x this. `taken_per_unit_nano`: what one unit takes at the mid
    before `fee_ppm`, the cheapest fee. Both are 0 for a symbol that rounds. `sold_per_nano`: what a spot
    sale may deliver for quote money, (numerator, denominator); None for any other order.
    """

    symbol: Symbol
    side: Side
    limits: Limits
    mid_half_units: int
    lot_units: int
    tick_units: int
    fee_ppm: int
    held_units: int
    most_order_units: int
    most_held_units: int
    money_scale: int
    taken_per_unit_nano: int
    sold_per_nano: tuple[int, int] | None
    floors: tuple[tuple[int, int], ...]
    rooms: tuple[Room, ...]
    side_key: tuple[str, str, Side]


class Instant(NamedTuple):
    """What an order meets besides its bounds; `seq`: the fact that its approval will be."""

    seq: int
    wait_ns: int
    n_open_orders: int
    lookalike_id: str


def is_plain(order: ParentOrder) -> bool:
    """Whether nothing in the order needs more than this pass looks at."""
    venues = order.venues
    return (
        order.qty_units is not None
        and order.notional_nano is None
        and order.time_in_force not in _UNPLAIN_FORCES
        and not (order.is_full_fill_required or venues.include or venues.exclude)
        and order.quote_pool is None
        and order.schedule is None
        and order.sweep is None
    )


def pays_in(symbol: Symbol, side: Side) -> str:
    """The currency that a plain order takes: what a spot sale delivers, else what the symbol settles in."""
    fungible = symbol.fungible
    return fungible.base if fungible.kind is ContractKind.SPOT and side is Side.SELL else fungible.settle


def bounds_of(order: ParentOrder, symbol: Symbol, found: Footing) -> Bounds | None:
    """The bounds of plain orders of `order`'s account, symbol and side; None where one of them needs the checks
    themselves.
    """
    limits, fungible, places, side = found.limits, symbol.fungible, found.places, order.side
    if limits is None or found.killed or not places or found.mid_half_units <= 0 or fungible.is_inverse:
        return None
    if limits.allowed_symbols and symbol.name not in limits.allowed_symbols:
        return None
    is_spot, one_nano, currency = fungible.kind is ContractKind.SPOT, qty_nano(symbol, 1), pays_in(symbol, side)
    account, name, credit_nano = order.account, symbol.name, limits.venue_credit_nano
    (first, least_fee_ppm, _, _), mid_units = places[0], max(1, found.mid_half_units // 2)
    lot_units, tick_units = first.lot_units, first.tick_units
    rooms, floors = [], []
    for listing, fee_ppm, held_nano, stake_nano in places:
        venue, own_lot_units = listing.venue, listing.lot_units
        lot_units = min(lot_units, own_lot_units)
        tick_units = min(tick_units, listing.tick_units)
        least_fee_ppm = min(least_fee_ppm, fee_ppm)
        floors.append((listing.min_qty_lots * own_lot_units, listing.min_notional_nano))
        keys = (account, venue, currency), (account, venue, name, side)
        rooms.append(_room_at((venue, held_nano, credit_nano - stake_nano, *keys)))
    money_scale = 10 ** (NANO_SCALE - symbol.price_scale - symbol.qty_scale) if is_spot else 0
    is_sale = is_spot and side is Side.SELL
    return Bounds(
        symbol=symbol,
        side=side,
        limits=limits,
        mid_half_units=found.mid_half_units,
        lot_units=lot_units,
        tick_units=tick_units,
        fee_ppm=0 if is_sale else max(0, least_fee_ppm),
        held_units=side.sign * found.position_units,
        most_order_units=limits.max_order_qty_nano // one_nano,
        most_held_units=limits.max_position_nano // one_nano,
        money_scale=money_scale,
        taken_per_unit_nano=one_nano if is_sale else mid_units * money_scale,
        sold_per_nano=(10**symbol.price_scale, max(1, -(-found.mid_half_units // 2))) if is_sale else None,
        floors=tuple(floors),
        rooms=tuple(rooms),
        side_key=(account, name, side),
    )


def measure(bounds: Bounds, order: ParentOrder, sums: Sums, now: Instant) -> tuple[int, dict[str, int]] | None:
    """A yes: the order's price cap (0: none), and each eligible venue's capacity as a plan asks for it.

    None: some check says no, or must be asked itself.
    """
    limits, qty_units, slippage_ppm = bounds.limits, order.qty_units, order.max_slippage_ppm
    if qty_units is None or not 0 < qty_units <= bounds.most_order_units or qty_units % bounds.lot_units:
        return None
    if now.wait_ns > 0 or now.lookalike_id or now.n_open_orders >= limits.max_open_orders:
        return None
    if slippage_ppm is not None and slippage_ppm > limits.max_slippage_ppm:
        return None
    mid_half_units, side_key, scale = bounds.mid_half_units, bounds.side_key, bounds.money_scale
    cap_units = cap_units_of(order, limits, mid_half_units)
    if order.limit_price_units is None:
        if not cap_units or order.order_type is OrderType.LIMIT:
            return None
    elif not _is_price_fine(bounds, order.limit_price_units):
        return None
    mid_units = -(-mid_half_units // 2)
    worst_units = max(cap_units, mid_units) if bounds.side is Side.SELL else (cap_units or mid_units)
    if scale:
        notional_nano, taken_nano = worst_units * qty_units * scale, qty_units * bounds.taken_per_unit_nano
    else:
        notional_nano = bounds.symbol.notional_nano(worst_units, qty_units)
        taken_nano = bounds.symbol.notional_nano(max(1, mid_half_units // 2), qty_units)
    open_nano = sums.open_notional_nano.get(side_key[0], 0)
    if notional_nano > limits.max_order_notional_nano or open_nano + notional_nano > limits.max_open_notional_nano:
        return None
    if max(0, bounds.held_units + sums.open_units.get(side_key, 0) + qty_units) > bounds.most_held_units:
        return None
    for least_units, floor_nano in bounds.floors:
        if qty_units >= least_units and notional_nano >= floor_nano:
            break
    else:
        return None
    free_nano, most_nano, capacity_nano = _room(bounds, sums)
    if not most_nano or taken_nano + taken_nano * bounds.fee_ppm // PPM > free_nano:
        return None
    return cap_units, capacity_nano


def _is_price_fine(bounds: Bounds, limit_units: int) -> bool:
    """P08 and P12."""
    if limit_units <= 0 or limit_units % bounds.tick_units:
        return False
    away_units = bounds.side.sign * (2 * limit_units - bounds.mid_half_units)
    return away_units * PPM <= bounds.limits.price_collar_ppm * bounds.mid_half_units


def _room(bounds: Bounds, sums: Sums) -> tuple[int, int, dict[str, int]]:
    """(free balances together, the largest capacity, capacity by venue), as of the last fact."""
    reserved_of, flying_of, sold_per_nano = sums.reserved_nano.get, sums.flying_nano.get, bounds.sold_per_nano
    all_free_nano, capacity_nano = 0, {}
    for venue, held_nano, credit_nano, reserved_key, flying_key in bounds.rooms:
        free_nano = held_nano - reserved_of(reserved_key, 0)
        if free_nano <= 0:
            capacity_nano[venue] = 0
            continue
        all_free_nano += free_nano
        room_nano = credit_nano - flying_of(flying_key, 0)
        if sold_per_nano is not None:
            room_nano = room_nano * sold_per_nano[0] // sold_per_nano[1]
        # Words in the place of min and max: some ten venues, and a call for each costs as much as all else here.
        room_nano = free_nano if free_nano < room_nano else room_nano
        capacity_nano[venue] = room_nano if room_nano > 0 else 0
    return all_free_nano, max(capacity_nano.values()), capacity_nano
