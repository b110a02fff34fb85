"""From the ledger to the gate's eyes: what an account has at stake right now, worst case."""

from __future__ import annotations

from app.domain.enums import ContractKind, Mode, Side
from app.domain.fees import fee_nano
from app.domain.instrument import Symbol
from app.domain.orders import ParentOrder
from app.domain.records import ChildRecord, ParentRecord
from app.domain.units import div_up
from app.execution.context import Context, dear_price_units, flying_notional_nano
from app.execution.fees import fee_of, fees_of
from app.execution.ledger import Ledger
from app.risk.exposure import AccountView, GateView, qty_nano


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
    )


def account_view(ctx: Context, account: str, symbol: Symbol) -> AccountView:
    """The account as the gate sees it in `symbol`."""
    ledger = ctx.ledger
    open_parents = ledger.open_by_account.get(account, {})
    open_units = {Side.BUY: 0, Side.SELL: 0}
    open_notional_nano = 0
    for parent in open_parents.values():
        leaves_units, leaves_nano = _leaves(ctx, parent)
        open_notional_nano += leaves_nano
        if parent.accepted.order.symbol == symbol.name:
            open_units[parent.accepted.order.side] += leaves_units
    positions = {
        venue: ledger.positions.get((account, venue, symbol.name), 0)
        for venue in ctx.world.universe.listings(symbol.name)
    }
    return AccountView(
        limits=ledger.limits.get(account),
        killed=frozenset(ledger.kills),
        free_nano=free_nano(ctx, account, symbol),
        position_units=positions,
        open_buy_units=open_units[Side.BUY],
        open_sell_units=open_units[Side.SELL],
        n_open_orders=len(open_parents),
        open_notional_nano=open_notional_nano,
        venue_exposure_nano=_venue_exposure(ctx, account, symbol, positions),
    )


def free_nano(ctx: Context, account: str, symbol: Symbol) -> dict[tuple[str, str], int]:
    """(venue, currency) of `symbol`'s listings -> balance less what the account's live children may still take."""
    kind = symbol.fungible
    free = {
        (venue, currency): ctx.ledger.balances.get((account, venue, currency), 0)
        for venue in ctx.world.universe.listings(symbol.name)
        for currency in (kind.base, kind.quote, kind.settle)
    }
    for record in ctx.ledger.live_children.values():
        if record.child.account == account:
            venue, currency, amount_nano = reservation(ctx, record)
            if (venue, currency) in free:
                free[(venue, currency)] -= amount_nano
    return free


def reservation(ctx: Context, record: ChildRecord) -> tuple[str, str, int]:
    """(venue, currency, nano) that a live child may still take, at its worst price and with its fee."""
    child = record.child
    symbol = ctx.world.universe.symbols[child.symbol]
    if symbol.fungible.kind is ContractKind.SPOT and child.side is Side.SELL:
        return child.venue, symbol.fungible.base, qty_nano(symbol, record.leaves_qty_units)
    # A linear contract takes most at the highest price, an inverse one at the lowest (it pays multiplier / price).
    price_units = cheap_price_units(record) if symbol.fungible.is_inverse else dear_price_units(record)
    money_nano = symbol.money_nano(price_units, record.leaves_qty_units)
    tier = fee_of(ctx, child.account, child.venue, child.symbol)
    fee = max(0, fee_nano(money_nano, tier.taker_fee_ppm)) + tier.fixed_nano
    return child.venue, symbol.money_currency, money_nano + fee


def cheap_price_units(record: ChildRecord) -> int:
    """The lowest price that counts for a child: a seller's limit bounds it, a buyer may get the mid it was sent at."""
    price_units = record.child.price_units
    if record.child.side is Side.SELL or not record.mid_half_units:
        return price_units
    return min(price_units, max(1, record.mid_half_units // 2))


def _leaves(ctx: Context, parent: ParentRecord) -> tuple[int, int]:
    """Open quantity (symbol units) and notional (quote nano) of a parent, everything in flight included.

    Judged as the gate judged it: a seller at no less than the mid, a notional order's quantity at the mid.
    """
    order = parent.accepted.order
    symbol = ctx.world.universe.symbols[order.symbol]
    cap_units, mid_half_units = parent.accepted.price_cap_units, parent.accepted.approved_mid_half_units
    mid_units = max(1, div_up(mid_half_units, 2))
    price_units = max(cap_units, mid_units) if order.side is Side.SELL else (cap_units or mid_units)
    if order.qty_units is not None:
        leaves_units = max(0, order.qty_units - parent.cum_qty_units)
        return leaves_units, symbol.notional_nano(price_units, leaves_units)
    assert order.notional_nano is not None
    leaves_nano = max(0, order.notional_nano - parent.cum_notional_nano)
    one_nano = max(1, symbol.notional_nano(max(1, mid_half_units // 2), 10**symbol.qty_scale))
    return div_up(leaves_nano * 10**symbol.qty_scale, one_nano), leaves_nano


def _venue_exposure(ctx: Context, account: str, symbol: Symbol, positions: dict[str, int]) -> dict[str, int]:
    mid_units = max(1, ctx.market(symbol.name)[1].mid_half_units // 2)
    result = {venue: symbol.notional_nano(mid_units, abs(units)) for venue, units in positions.items()}
    for record in ctx.ledger.live_children.values():
        child = record.child
        if child.account == account and child.symbol == symbol.name:
            result[child.venue] = result.get(child.venue, 0) + flying_notional_nano(symbol, record)
    return result


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
