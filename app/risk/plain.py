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
from app.domain.quick import maker
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


class Frame(NamedTuple):
    """What bounds of one account, symbol and side keep until a limit, a fee, a listing or what is open changes.

    `venues`: the eligible ones; keys are of Sums and of positions, floors each venue's (least quantity, least
    notional), all in their order. The rest as in Bounds.
    """

    symbol: Symbol
    side: Side
    limits: Limits
    lot_units: int
    tick_units: int
    fee_ppm: int
    most_order_units: int
    most_held_units: int
    money_scale: int
    floors: tuple[tuple[int, int], ...]
    venues: tuple[str, ...]
    reserved_keys: tuple[tuple[str, str, str], ...]
    position_keys: tuple[tuple[str, str, str], ...]
    flying_keys: tuple[tuple[str, str, str, Side], ...]
    side_key: tuple[str, str, Side]


class Footing(NamedTuple):
    """An account in one symbol and on one side, between two facts: what its bounds are made of beside their frame.

    `mid_half_units` above 0: some venue's book is believed. `position_units`: of all listings together. Of each venue
    of the frame `held_nano`, of the currency that `pays_in` names, and `stake_nano`: the position at the mid, counted
    for the order's side, in quote nano; both without what is in flight.
    """

    killed: frozenset[tuple[KillScope, str]]
    mid_half_units: int
    position_units: int
    held_nano: Sequence[int]
    stake_nano: Sequence[int]


# One eligible venue: its name, the balance that pays there, the venue's limit less the position's part on this side,
# and the keys of what orders in flight have taken already, of the balance and of the limit.
Room = tuple[str, int, int, tuple[str, str, str], tuple[str, str, str, Side]]


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


_bounds: Final = maker(Bounds)


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


def frame_of(
    account: str, side: Side, symbol: Symbol, limits: Limits | None, places: Sequence[tuple[Instrument, int]]
) -> Frame | None:
    """The frame of plain orders; None where one of them needs the checks themselves. `places`: the listing of each
    venue that nothing bars, with the account's taker fee in ppm.
    """
    fungible, name = symbol.fungible, symbol.name
    if limits is None or not places or fungible.is_inverse:
        return None
    if limits.allowed_symbols and name not in limits.allowed_symbols:
        return None
    is_spot, one_nano, currency = fungible.kind is ContractKind.SPOT, qty_nano(symbol, 1), pays_in(symbol, side)
    listings = [listing for listing, _ in places]
    venues = tuple([listing.venue for listing in listings])
    return Frame(
        symbol=symbol,
        side=side,
        limits=limits,
        lot_units=min(listing.lot_units for listing in listings),
        tick_units=min(listing.tick_units for listing in listings),
        fee_ppm=0 if is_spot and side is Side.SELL else max(0, min(fee_ppm for _, fee_ppm in places)),
        most_order_units=limits.max_order_qty_nano // one_nano,
        most_held_units=limits.max_position_nano // one_nano,
        money_scale=10 ** (NANO_SCALE - symbol.price_scale - symbol.qty_scale) if is_spot else 0,
        floors=tuple([(listing.min_qty_lots * listing.lot_units, listing.min_notional_nano) for listing in listings]),
        venues=venues,
        reserved_keys=tuple([(account, venue, currency) for venue in venues]),
        position_keys=tuple([(account, venue, name) for venue in venues]),
        flying_keys=tuple([(account, venue, name, side) for venue in venues]),
        side_key=(account, name, side),
    )


def bounds_of(frame: Frame, found: Footing) -> Bounds | None:
    """The bounds of a frame's plain orders on `found`; None where one of them needs the checks themselves."""
    killed, mid_half_units, position_units, held_nano, stake_nano = found
    if killed or mid_half_units <= 0:
        return None
    symbol, side, limits, *_, money_scale, floors, venues, reserved_keys, _, flying_keys, side_key = frame
    is_sale, credit_nano = side is Side.SELL and money_scale > 0, limits.venue_credit_nano
    credits_nano = [credit_nano - stake for stake in stake_nano]
    return _bounds(
        symbol,
        side,
        limits,
        mid_half_units,
        frame.lot_units,
        frame.tick_units,
        frame.fee_ppm,
        side.sign * position_units,
        frame.most_order_units,
        frame.most_held_units,
        money_scale,
        qty_nano(symbol, 1) if is_sale else max(1, mid_half_units // 2) * money_scale,
        (10**symbol.price_scale, max(1, -(-mid_half_units // 2))) if is_sale else None,
        floors,
        tuple(zip(venues, held_nano, credits_nano, reserved_keys, flying_keys, strict=True)),
        side_key,
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
