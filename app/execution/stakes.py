"""From the ledger to the gate's eyes: what an account has at stake right now, worst case."""

from __future__ import annotations

from app.domain.enums import Mode, Side
from app.domain.instrument import Symbol
from app.domain.orders import ParentOrder
from app.domain.records import ParentRecord
from app.execution.context import Context
from app.execution.fees import fees_of
from app.execution.ledger import Ledger
from app.risk.exposure import AccountView, GateView, Stakes


def gate_view(
    ctx: Context, order: ParentOrder, mode: Mode, *, wait_ns: int = 0, parent: ParentRecord | None = None
) -> GateView:
    """Everything a check may look at for `order` at this turn; `parent` is given for its later waves."""
    universe = ctx.world.universe
    symbol = universe.symbols[order.symbol]
    listings = universe.listings(order.symbol)
    barred = ctx.barred(order, mode, parent)
    fees = fees_of(ctx, order.account, order.symbol, listings)
    return GateView(
        order=order,
        mode=mode,
        now_ns=ctx.now_ns,
        symbol=symbol,
        instruments=listings,
        taker_fee_ppm={venue: tier.taker_fee_ppm for venue, tier in fees.items()},
        barred=barred,
        reference=ctx.market(order.symbol)[1],
        account=account_view(ctx, order.account, symbol),
        wait_ns=wait_ns,
        lookalike_id=_lookalike(ctx, order) if parent is None else "",
        eligible=tuple(venue for venue in listings if venue not in barred),
        child_cap_nano=ctx.world.child_cap_nano,
    )


def account_view(ctx: Context, account: str, symbol: Symbol) -> AccountView:
    """The account as the gate sees it in `symbol`."""
    ledger = ctx.ledger
    committed = ctx.committed()
    positions = {
        venue: ledger.positions.get((account, venue, symbol.name), 0)
        for venue in ctx.world.universe.listings(symbol.name)
    }
    return AccountView(
        limits=ledger.limits.get(account),
        killed=frozenset(ledger.kills),
        free_nano=free_nano(ctx, account, symbol),
        position_units=positions,
        open_buy_units=committed.open_units.get((account, symbol.name, Side.BUY), 0),
        open_sell_units=committed.open_units.get((account, symbol.name, Side.SELL), 0),
        n_open_orders=len(ledger.open_by_account.get(account, ())),
        open_notional_nano=committed.open_notional_nano.get(account, 0),
        venue_stake_nano=venue_stake_nano(ctx, account, symbol),
    )


def free_nano(ctx: Context, account: str, symbol: Symbol) -> dict[tuple[str, str], int]:
    """(venue, currency) of `symbol`'s listings -> balance less what the account's live children may still take."""
    kind, balances, reserved = symbol.fungible, ctx.ledger.balances, ctx.committed().reserved_nano
    currencies = dict.fromkeys((kind.base, kind.quote, kind.settle))
    return {
        (venue, currency): balances.get((account, venue, currency), 0) - reserved.get((account, venue, currency), 0)
        for venue in ctx.world.universe.listings(symbol.name)
        for currency in currencies
    }


def venue_stake_nano(ctx: Context, account: str, symbol: Symbol) -> Stakes:
    """(venue, side) -> the worst case there on that side, in quote nano: see docs/venue-credit.md.

    The account's position in `symbol`, at the mid and counted against the other side, and all that is in flight on
    this side. Below zero: even if all of it trades, the position stays on the other side.
    """
    mid_units = max(1, ctx.market(symbol.name)[1].mid_half_units // 2)
    flying, positions = ctx.committed().flying_nano, ctx.ledger.positions
    stakes = {}
    for venue in ctx.world.universe.listings(symbol.name):
        held_units = positions.get((account, venue, symbol.name), 0)
        held_nano = symbol.notional_nano(mid_units, abs(held_units))
        for side in Side:
            signed_nano = held_nano if held_units * side.sign > 0 else -held_nano
            stakes[venue, side] = signed_nano + flying.get((account, venue, symbol.name, side), 0)
    return stakes


def lookalike_key(order: ParentOrder) -> tuple[object, ...]:
    """What makes two orders look alike (P05)."""
    return (order.account, order.symbol, order.side, order.qty_units, order.notional_nano, order.limit_price_units)


def _lookalike(ctx: Context, order: ParentOrder) -> str:
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
