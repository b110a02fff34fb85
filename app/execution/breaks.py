"""The truth of the account: a venue's own statement held against the log.

A difference is explained while something is under way that could have made it: a live child may take what is reserved
for it and bring what it asks for, and what was folded while the venue was being asked may be in its answer or not. An
unexplained one above a lot that the next statement shows again is a break: a fact with its age, and until the two agree
again nothing new goes to that venue for the account. Cancels and queries pass.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from app.domain.enums import BreakKind, ContractKind, Mode, Side
from app.domain.events import BreakClosed, BreakFound
from app.domain.instrument import Instrument, Symbol
from app.domain.records import ChildRecord
from app.domain.statement import VenueOpenOrder, VenueStatement
from app.domain.units import NANO_SCALE
from app.execution.break_record import BreakKey
from app.execution.context import Context
from app.risk.exposure import qty_nano


class Difference(NamedTuple):
    """One item as the two sides have it. `low_nano` to `high_nano` is what theirs may be; beyond it by more than
    `tolerance_nano` nothing explains it."""

    ours_nano: int
    theirs_nano: int
    low_nano: int
    high_nano: int
    tolerance_nano: int
    detail: str = ""

    @property
    def unexplained_nano(self) -> int:
        """Signed; 0 where theirs lies within what it may be."""
        beyond = self.theirs_nano - min(max(self.theirs_nano, self.low_nano), self.high_nano)
        return beyond if abs(beyond) > self.tolerance_nano else 0


def on_asked(ctx: Context, account: str, venue: str) -> None:
    """Notes what the ledger holds at `venue` before its statement is asked for."""
    ctx.memory.asked[account, venue] = _held_nano(ctx, account, venue)


def on_statement(ctx: Context, account: str, statement: VenueStatement) -> None:
    """Finds breaks, closes those that are none any more. A first difference waits for the next statement."""
    venue, memory, breaks = statement.venue, ctx.memory, ctx.ledger.breaks
    before = memory.asked.pop((account, venue), None) or _held_nano(ctx, account, venue)
    found: dict[BreakKey, Difference] = {}
    for what, item, difference in _differences(ctx, account, statement, before):
        if difference.unexplained_nano:
            found[account, venue, what, item] = difference
    for key, difference in found.items():
        known = breaks.get(key)
        if known is not None:
            is_told = (known.found.ours_nano, known.found.theirs_nano) == difference[:2]
        else:
            is_told = not _is_confirmed(ctx, key, difference.unexplained_nano)
        if not is_told:
            memory.suspects.pop(key, None)
            ctx.emit(_found(key, difference, statement.as_of_ts_ns))
    for key in [k for k in memory.suspects if k[:2] == (account, venue) and k not in found]:
        del memory.suspects[key]
    for key in [k for k in breaks if k[:2] == (account, venue) and k[2] is not BreakKind.PROJECTION]:
        if key not in found:
            _close(ctx, key)


def on_projection(ctx: Context, account: str, differences: Sequence[tuple[str, str, int, int]]) -> None:
    """The projection against the log at one sequence. It bars nothing: no decision reads the projection."""
    found = {(account, venue, BreakKind.PROJECTION, item): (ours, theirs) for venue, item, ours, theirs in differences}
    for key, (ours, theirs) in found.items():
        known = ctx.ledger.breaks.get(key)
        if known is None or (known.found.ours_nano, known.found.theirs_nano) != (ours, theirs):
            difference = Difference(ours, theirs, ours, ours, 0, "the projection differs from the log")
            ctx.emit(_found(key, difference, 0))
    for key in [k for k in ctx.ledger.breaks if k[0] == account and k[2] is BreakKind.PROJECTION and k not in found]:
        _close(ctx, key)


def _is_confirmed(ctx: Context, key: BreakKey, beyond_nano: int) -> bool:
    """Whether an earlier statement, long enough ago, showed a difference to the same side."""
    first = ctx.memory.suspects.get(key)
    if first is None or (first[0] > 0) != (beyond_nano > 0):
        ctx.memory.suspects[key] = (beyond_nano, ctx.now_ns)
        return False
    return ctx.now_ns - first[1] >= ctx.world.timing.confirm_break_ns


def _found(key: BreakKey, difference: Difference, statement_ts_ns: int) -> BreakFound:
    account, venue, what, item = key
    gap_nano = difference.theirs_nano - difference.ours_nano
    return BreakFound(
        account=account,
        venue=venue,
        what=what,
        item=item,
        ours_nano=difference.ours_nano,
        theirs_nano=difference.theirs_nano,
        explained_nano=gap_nano - difference.unexplained_nano,
        tolerance_nano=difference.tolerance_nano,
        statement_ts_ns=statement_ts_ns,
        detail=difference.detail,
    )


def _close(ctx: Context, key: BreakKey) -> None:
    account, venue, what, item = key
    age_ns = ctx.now_ns - ctx.ledger.breaks[key].opened_ts_ns
    ctx.emit(BreakClosed(account, venue, what, item, age_ns))


def _differences(
    ctx: Context, account: str, statement: VenueStatement, before: dict[str, int]
) -> Iterator[tuple[BreakKind, str, Difference]]:
    venue = statement.venue
    now = _held_nano(ctx, account, venue)
    out_nano, in_nano = _under_way_nano(ctx, account, venue)
    contracts = {
        s.symbol
        for s in _listings(ctx, venue)
        if ctx.world.universe.symbols[s.symbol].fungible.kind is not ContractKind.SPOT
    }
    theirs = {balance.currency: balance.total_nano for balance in statement.balances}
    if ctx.world.universe.venues[venue].mode is Mode.PAPER:  # paper money is credited here, and nowhere else
        for (a, v, currency), nano in ctx.ledger.deposits.items():
            if (a, v) == (account, venue):
                theirs[currency] = theirs.get(currency, 0) + nano
    theirs |= {p.symbol: _position_nano(ctx, venue, p.symbol, p.qty_lots) for p in statement.positions}
    for item in sorted(before.keys() | now.keys() | theirs.keys()):
        is_position = "/" in item
        if is_position and item not in contracts:
            continue  # a spot venue knows coins; what we call a position there is in them
        ours = (before.get(item, 0), now.get(item, 0))
        yield (
            BreakKind.POSITION if is_position else BreakKind.BALANCE,
            item,
            Difference(
                ours_nano=ours[1],
                theirs_nano=theirs.get(item, 0),
                low_nano=min(ours) - out_nano.get(item, 0),
                high_nano=max(ours) + in_nano.get(item, 0),
                tolerance_nano=_lot_nano(ctx, venue, item),
            ),
        )
    for order in statement.open_orders:
        why = _why_foreign(ctx, account, order)
        if why:
            lots_nano = _position_nano(ctx, venue, order.symbol, order.leaves_lots)
            yield BreakKind.OPEN_ORDER, order.venue_order_id or order.client_id, Difference(0, lots_nano, 0, 0, 0, why)


def _why_foreign(ctx: Context, account: str, order: VenueOpenOrder) -> str:
    """Why an order that the venue holds open is none that we believe open; empty where it is."""
    child_id = ctx.ledger.by_venue_client_id.get(order.client_id) if order.client_id else None
    if child_id is None:
        return "external: no child of ours has this id"
    child = ctx.ledger.child(child_id).child
    if child.account != account:
        return f"external: the child of account {child.account}"
    return "" if child_id in ctx.ledger.live_children else "closed here, open at the venue"


def _held_nano(ctx: Context, account: str, venue: str) -> dict[str, int]:
    """Currency -> balance, and contract symbol -> position, as the ledger has them at one venue, in nano."""
    ledger, symbols = ctx.ledger, ctx.world.universe.symbols
    held = {c: nano for (a, v, c), nano in ledger.balances.items() if (a, v) == (account, venue)}
    for (a, v, name), units in ledger.positions.items():
        if (a, v) == (account, venue) and name in symbols:
            held[name] = qty_nano(symbols[name], units)
    return held


def _under_way_nano(ctx: Context, account: str, venue: str) -> tuple[dict[str, int], dict[str, int]]:
    """What live children may have taken, and what they may have brought, unheard of: unknown ones at full leaves."""
    taken: dict[str, int] = {}
    brought: dict[str, int] = {}
    for record in ctx.ledger.live_children.values():
        child = record.child
        if (child.account, child.venue) == (account, venue):
            _add_child(taken, brought, ctx.world.universe.symbols[child.symbol], record)
    reserved = ctx.committed().reserved_nano
    for (a, v, currency), nano in reserved.items():
        if (a, v) == (account, venue):
            taken[currency] = max(taken.get(currency, 0), nano)
    return taken, brought


def _add_child(taken: dict[str, int], brought: dict[str, int], symbol: Symbol, record: ChildRecord) -> None:
    """Adds what one child may still move. A sale may fill above its price, and a fee may be taken from either side:
    twice the money at the child's own price bounds both."""
    child, leaves_units = record.child, record.leaves_qty_units
    leaves_nano = qty_nano(symbol, leaves_units)
    money_nano = 2 * symbol.money_nano(child.price_units, leaves_units) if leaves_units else 0
    kind = symbol.fungible
    if kind.kind is ContractKind.SPOT:
        for currency, nano in ((kind.base, leaves_nano), (kind.quote, money_nano)):
            taken[currency] = taken.get(currency, 0) + nano
            brought[currency] = brought.get(currency, 0) + nano
        return
    for side in (taken, brought):
        side[kind.settle] = side.get(kind.settle, 0) + money_nano
    moved = brought if child.side is Side.BUY else taken
    moved[symbol.name] = moved.get(symbol.name, 0) + leaves_nano


def _listings(ctx: Context, venue: str) -> list[Instrument]:
    return [listing for (v, _), listing in ctx.world.universe.instruments.items() if v == venue]


def _lot_nano(ctx: Context, venue: str, item: str) -> int:
    """One lot of `item` at `venue`, the largest where several symbols share the currency; a quote's at the mid."""
    lots = [0]
    for listing in _listings(ctx, venue):
        symbol = ctx.world.universe.symbols[listing.symbol]
        kind = symbol.fungible
        if item == symbol.name or (item == kind.base and kind.kind is ContractKind.SPOT):
            lots.append(qty_nano(symbol, listing.lot_units))
        elif item == kind.settle:
            mid_half_units = ctx.mid_half_units(symbol.name)
            if mid_half_units:
                lots.append(symbol.money_nano(max(1, mid_half_units // 2), listing.lot_units))
    return max(lots)


def _position_nano(ctx: Context, venue: str, symbol: str, lots: int) -> int:
    """Lots as nano of the quantity; a symbol that is not listed here has lots of 1e-9."""
    listing = ctx.world.universe.instruments.get((venue, symbol))
    if listing is None:
        return lots
    scale: int = 10 ** (NANO_SCALE - ctx.world.universe.symbols[symbol].qty_scale)
    return lots * listing.lot_units * scale
