"""From the ledger to the gate's eyes: what an account has at stake right now, worst case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from app.domain.conditional_records import ConditionalRecord
from app.domain.enums import KillScope, Mode, Side
from app.domain.fees import FeeTier
from app.domain.instrument import Instrument, Symbol
from app.domain.orders import ParentOrder
from app.domain.plan import Exclusion
from app.domain.records import ParentRecord
from app.execution.context import Context
from app.execution.fees import fees_of
from app.execution.ledger import Ledger
from app.execution.shares import Reserve, reserve
from app.risk.exposure import AccountView, GateView, Stakes
from app.risk.plain import Bounds, Footing, bounds_of, frame_of

FarSide = tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]


class _Holdings(NamedTuple):
    """`balances`: (venue, currency) -> nano. `positions`: venue -> units. `stakes`: (venue, side) -> quote notional of
    the position there at the mid, counted for that side.
    """

    balances: dict[tuple[str, str], int]
    positions: Mapping[str, int]
    stakes: dict[tuple[str, Side], int]


@dataclass(slots=True)
class _Standing:
    """What stays of an account in one symbol from order to order of a turn, until another fact is written.

    `bars`: what bars venues for an order that names none, and the venues that are left. `far`: open venues -> what
    `far_side` gives. `holdings`: looked up when somebody asks.
    """

    fees: Mapping[str, FeeTier]
    killed: frozenset[tuple[KillScope, str]]
    bars: dict[Mode, tuple[Mapping[str, Exclusion], tuple[str, ...]]] = field(default_factory=dict)
    far: dict[tuple[str, ...], FarSide] = field(default_factory=dict)
    holdings: _Holdings | None = None
    taker_fee_ppm: Mapping[str, int] | None = None


def _standing(ctx: Context, account: str, symbol: Symbol) -> _Standing:
    found: _Standing | None = ctx.standing.get((account, symbol.name))
    if found is None:
        fees = fees_of(ctx, account, symbol.name, ctx.world.universe.listings(symbol.name))
        found = ctx.standing[account, symbol.name] = _Standing(fees, frozenset(ctx.ledger.kills))
    return found


def _taker_fee_ppm(ctx: Context, account: str, symbol: Symbol) -> Mapping[str, int]:
    standing = _standing(ctx, account, symbol)
    if standing.taker_fee_ppm is None:
        standing.taker_fee_ppm = {venue: tier.taker_fee_ppm for venue, tier in standing.fees.items()}
    return standing.taker_fee_ppm


def _holdings(ctx: Context, account: str, symbol: Symbol) -> _Holdings:
    standing = _standing(ctx, account, symbol)
    if standing.holdings is None:
        standing.holdings = _look(ctx, account, symbol)
    return standing.holdings


def _look(ctx: Context, account: str, symbol: Symbol) -> _Holdings:
    ledger, listings, kind = ctx.ledger, ctx.world.universe.listings(symbol.name), symbol.fungible
    positions = {venue: ledger.positions.get((account, venue, symbol.name), 0) for venue in listings}
    currencies = dict.fromkeys((kind.base, kind.quote, kind.settle))
    mid_units = max(1, ctx.market(symbol.name)[1].mid_half_units // 2)
    return _Holdings(
        balances={(v, c): ledger.balances.get((account, v, c), 0) for v in listings for c in currencies},
        positions=positions,
        stakes={
            (venue, side): side.sign * _signed_nano(symbol, mid_units, units)
            for venue, units in positions.items()
            for side in Side
        },
    )


def _signed_nano(symbol: Symbol, mid_units: int, held_units: int) -> int:
    nano = symbol.notional_nano(mid_units, abs(held_units))
    return nano if held_units > 0 else -nano


def _barred(
    ctx: Context, order: ParentOrder, mode: Mode, parent: ParentRecord | None, standing: _Standing
) -> tuple[Mapping[str, Exclusion], tuple[str, ...]]:
    """What bars venues for the order, and the venues that nothing bars; looked up once where no venue is named."""
    is_plain = parent is None and not (order.venues.include or order.venues.exclude)
    found = standing.bars.get(mode) if is_plain else None
    if found is None:
        barred = ctx.barred(order, mode, parent)
        found = barred, tuple(v for v in ctx.world.universe.listings(order.symbol) if v not in barred)
        if is_plain:
            standing.bars[mode] = found
    return found


def gate_view(
    ctx: Context,
    order: ParentOrder,
    mode: Mode,
    *,
    wait_ns: int = 0,
    parent: ParentRecord | None = None,
    conditional_id: str = "",
) -> GateView:
    """Everything a check may look at for `order` at this turn; `parent` is given for its later waves.

    `conditional_id`: the definition that the order is of; what that holds back is for this very order, and its orders
    may look alike.
    """
    universe = ctx.world.universe
    symbol = universe.symbols[order.symbol]
    standing = _standing(ctx, order.account, symbol)
    barred, eligible = _barred(ctx, order, mode, parent, standing)
    return GateView(
        order=order,
        mode=mode,
        now_ns=ctx.now_ns,
        symbol=symbol,
        instruments=universe.listings(order.symbol),
        taker_fee_ppm=_taker_fee_ppm(ctx, order.account, symbol),
        barred=barred,
        reference=ctx.market(order.symbol)[1],
        account=account_view(ctx, order.account, symbol, conditional_id),
        wait_ns=wait_ns,
        lookalike_id=lookalike_id(ctx, order) if parent is None and not conditional_id else "",
        eligible=eligible,
        child_cap_nano=ctx.world.child_cap_nano,
    )


@lru_cache(maxsize=256)
def _far_arrays(names: tuple[str, ...], venues: tuple[str, ...], fee_ppm: tuple[int, ...]) -> FarSide:
    """Made anew where a fee or what is open changes; nobody writes them."""
    return np.array(fee_ppm, dtype=np.float64), np.array([name in venues for name in names], dtype=np.bool_)


class Ground(NamedTuple):
    """What plain orders of an account, symbol, mode and side stand on."""

    bounds: Bounds
    listings: Mapping[str, Instrument]
    fees: Mapping[str, FeeTier]
    barred: Mapping[str, Exclusion]


def ground_of(ctx: Context, order: ParentOrder, mode: Mode) -> Ground | None:
    """The ground of a plain order, looked up once; None where its account needs the checks themselves."""
    key = order.account, order.symbol, mode, order.side
    if key not in ctx.standing:
        ctx.standing[key] = _ground(ctx, order, mode)
    found: Ground | None = ctx.standing[key]
    return found


def _ground(ctx: Context, order: ParentOrder, mode: Mode) -> Ground | None:
    ledger, universe, account, name, side = ctx.ledger, ctx.world.universe, order.account, order.symbol, order.side
    if ledger.definitions.open_by_account.get(account) or ctx.world.child_cap_nano:
        return None
    symbol, listings = universe.symbols[name], universe.listings(name)
    standing, mid_half_units = _standing(ctx, account, symbol), ctx.market(name)[1].mid_half_units
    barred, eligible = _barred(ctx, order, mode, None, standing)
    key, limits = (account, name, side), ledger.limits.get(account)
    made_of = limits, symbol, listings, eligible, standing.fees
    known = ctx.memory.frames.get(key)
    if known is None or known[0] != made_of:
        places = [(listings[venue], standing.fees[venue].taker_fee_ppm) for venue in eligible]
        known = ctx.memory.frames[key] = made_of, frame_of(account, side, symbol, limits, places)
    frame = known[1]
    if frame is None:
        return None
    balance_of, position_of, venues, scale = ledger.balances.get, ledger.positions.get, frame.venues, frame.money_scale
    held = [position_of(key, 0) for key in frame.position_keys]
    position_units, mid_units = sum(held), max(1, mid_half_units // 2)
    if len(venues) < len(listings):
        position_units += sum([position_of((account, v, name), 0) for v in listings if v not in venues])
    if scale:  # of spot, where nothing is rounded
        unit_nano = side.sign * mid_units * scale
        stakes = [units * unit_nano for units in held]
    else:
        stakes = [side.sign * _signed_nano(symbol, mid_units, units) if units else 0 for units in held]
    free = [balance_of(key, 0) for key in frame.reserved_keys]
    footing = Footing(standing.killed, mid_half_units, position_units, free, stakes)
    bounds = bounds_of(frame, footing)
    return None if bounds is None else Ground(bounds, listings, standing.fees, barred)


def account_fees(ctx: Context, account: str, symbol: Symbol) -> Mapping[str, FeeTier]:
    """What `fees_of` gives for every venue that lists `symbol`."""
    return _standing(ctx, account, symbol).fees


def far_side(ctx: Context, order: ParentOrder, mode: Mode) -> tuple[tuple[str, ...], FarSide]:
    """The venues that nothing bars for `order` now, before its first wave; and of its symbol's books, as they are read,
    (float64[n] taker fees in ppm, bool[n] whether it is one of those venues).
    """
    symbol = ctx.world.universe.symbols[order.symbol]
    standing = _standing(ctx, order.account, symbol)
    venues = _barred(ctx, order, mode, None, standing)[1]
    found = standing.far.get(venues)
    if found is None:
        names, fees = ctx.market(order.symbol)[0].venues, standing.fees
        ppm = tuple([fees[name].taker_fee_ppm if name in fees else 0 for name in names])
        found = standing.far[venues] = _far_arrays(names, venues, ppm)
    return venues, found


def account_view(ctx: Context, account: str, symbol: Symbol, conditional_id: str = "") -> AccountView:
    """The account as the gate sees it in `symbol`: open orders, and what definitions other than `conditional_id`
    hold back."""
    ledger, committed, standing = ctx.ledger, ctx.committed(), _standing(ctx, account, symbol)
    waiting = [r for i, r in ledger.definitions.open_by_account.get(account, {}).items() if i != conditional_id]
    held = [(record.definition.symbol, _reserve(ctx, record)) for record in waiting]
    own = [part for name, part in held if name == symbol.name]
    open_units, name = committed.open_units, symbol.name
    return AccountView(
        limits=ledger.limits.get(account),
        killed=standing.killed,
        free_nano=free_nano(ctx, account, symbol),
        position_units=_holdings(ctx, account, symbol).positions,
        open_buy_units=open_units.get((account, name, Side.BUY), 0) + sum([part.buy_units for part in own]),
        open_sell_units=open_units.get((account, name, Side.SELL), 0) + sum([part.sell_units for part in own]),
        n_open_orders=len(ledger.open_by_account.get(account, ())) + len(waiting),
        open_notional_nano=committed.open_notional_nano.get(account, 0) + sum([part.notional_nano for _, part in held]),
        venue_stake_nano=venue_stake_nano(ctx, account, symbol),
    )


def _reserve(ctx: Context, record: ConditionalRecord) -> Reserve:
    """What a definition holds back, worked out once for each state of it and of its orders."""
    ledger = ctx.ledger
    state_seq = record.last_seq  # every fact of it or of one of its orders raises this sum
    for leg in record.legs:
        for order_id in leg.order_ids:
            state_seq += ledger.parents[order_id].last_seq
    known = ctx.memory.reserves.get(record.conditional_id)
    if known is None or known[0] != state_seq:
        symbol = ctx.world.universe.symbols[record.definition.symbol]
        known = ctx.memory.reserves[record.conditional_id] = (state_seq, reserve(ledger, record, symbol))
    return known[1]


def free_nano(ctx: Context, account: str, symbol: Symbol) -> dict[tuple[str, str], int]:
    """(venue, currency) of `symbol`'s listings -> balance less what the account's live children may still take."""
    reserved, balances = ctx.committed().reserved_nano, _holdings(ctx, account, symbol).balances
    if len(reserved) > len(balances):
        return {(v, c): nano - reserved.get((account, v, c), 0) for (v, c), nano in balances.items()}
    free = balances.copy()
    for (owner, venue, currency), nano in reserved.items():
        if owner == account and (venue, currency) in free:
            free[venue, currency] -= nano
    return free


def venue_stake_nano(ctx: Context, account: str, symbol: Symbol) -> Stakes:
    """(venue, side) -> the worst case there on that side, in quote nano: see docs/venue-credit.md.

    The account's position in `symbol`, at the mid and counted against the other side, and all that is in flight on
    this side. Below zero: even if all of it trades, the position stays on the other side.
    """
    flying, stakes, name = ctx.committed().flying_nano, _holdings(ctx, account, symbol).stakes, symbol.name
    if len(flying) > len(stakes):
        return {(v, side): nano + flying.get((account, v, name, side), 0) for (v, side), nano in stakes.items()}
    found = stakes.copy()
    for (owner, venue, own_name, side), nano in flying.items():
        if owner == account and own_name == name and (venue, side) in found:
            found[venue, side] += nano
    return found


def take_token(ctx: Context, account: str) -> int:
    """What the account's bucket of new orders says: 0 is go, else nanoseconds to wait. Asked once an order."""
    limits = ctx.ledger.limits.get(account)
    if limits is None:
        return 0  # not_authorised answers
    return ctx.memory.throttle.try_take(account, limits.message_rate_per_s, limits.message_burst, ctx.now_ns)


def lookalike_key(order: ParentOrder) -> tuple[object, ...]:
    """What makes two orders look alike (P05)."""
    return (order.account, order.symbol, order.side, order.qty_units, order.notional_nano, order.limit_price_units)


def lookalike_id(ctx: Context, order: ParentOrder) -> str:
    """The order of moments ago that looks just like this one (P05), empty where there is none."""
    limits = ctx.ledger.limits.get(order.account)
    if limits is None or not limits.duplicate_window_ns:
        return ""
    seen = ctx.memory.lookalikes.get(lookalike_key(order))
    if seen is None or ctx.now_ns - seen[0] > limits.duplicate_window_ns:
        return ""
    return seen[1]


def balances_of(ledger: Ledger, account: str) -> dict[tuple[str, str], int]:
    """(venue, currency) -> nano, as the facts add up."""
    return {(v, c): amount for (a, v, c), amount in ledger.balances.items() if a == account}
