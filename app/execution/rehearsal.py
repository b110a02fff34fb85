"""What a waiting order's turn would be, were a book within its limit now: lived on a ledger that is thrown away.

Code and data that nothing has touched for some milliseconds are in no cache, and a turn through them takes several
times as long. An order that waits near the market is about to need them: rehearsed a moment before, its real turn is
the quicker (docs/adr/0062). Nothing of a rehearsal is written, told or sent, and nothing of it is remembered.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from app.domain.enums import TimeInForce
from app.domain.records import ParentRecord
from app.domain.tabled import children_of
from app.domain.units import PPM
from app.execution.context import Context, Memory, World, remaining_qty_units, side_price
from app.execution.hidden_record import HiddenRecord
from app.execution.inputs import Turn
from app.execution.later_wave import is_plain_later, later_request
from app.execution.ledger import Ledger
from app.execution.plain_wave import is_plain, write_plain
from app.execution.reserve_record import ReserveRecord

# How far the touch may be from a limit: what is further off is reached in one leap, if at all.
NEAR_PPM: Final = 1_000


def rehearse(world: World, ledger: Ledger, memory: Memory, symbol: str, now_ns: int) -> Turn | None:
    """The turn in which the order of `symbol` that waits nearest to the touch gets its next wave, at that touch.

    None where none waits near, or none whose wave is a plain one. `world` and the state behind it are only read: what a
    plain wave's facts change, and no others are written, is the rehearsal's own.
    """
    ctx = Context(world, ledger, Memory(), now_ns, Turn())
    found = _nearest(ctx, memory, symbol)
    if found is None or ledger.kills or not is_plain_later(ctx, found):
        return None
    order, qty_units = found.accepted.order, remaining_qty_units(found)
    at_the_touch = replace(found.accepted, price_cap_units=side_price(ctx.market(symbol)[1], order.side))
    parent = replace(found, accepted=at_the_touch, children={}, fills=[], routes=[])
    ctx.ledger = _set_aside(ledger, parent)
    ctx.memory = Memory(unreachable=memory.unreachable, rejected_until_ns=memory.rejected_until_ns)
    asked = later_request(ctx, parent, qty_units) if qty_units else None
    if asked is None:
        return None
    planned = world.planner.plan(asked, ctx.left(symbol, order.side))
    if not is_plain(ctx, parent, planned.plan) or not children_of(planned.plan):
        return None
    write_plain(ctx, parent, planned, TimeInForce.IOC)
    return ctx.turn


def _nearest(ctx: Context, memory: Memory, symbol: str) -> ParentRecord | None:
    """The order whose limit the touch is nearest to, of those it is near to and not yet within."""
    least_ppm, nearest_id = NEAR_PPM + 1, ""
    for order_id, (sign, cap_units) in memory.awaited.get(symbol, {}).items():
        reference = ctx.market(symbol)[1]
        touch_units = reference.best_ask_units if sign > 0 else reference.best_bid_units
        off_units = sign * (touch_units - cap_units)
        if touch_units and off_units > 0 and off_units * PPM // cap_units < least_ppm:
            least_ppm, nearest_id = off_units * PPM // cap_units, order_id
    return ctx.ledger.open_parents.get(nearest_id)


def _reserved(ledger: Ledger, order_id: str) -> ReserveRecord:
    """What stands for the order, to be used up in a rehearsal."""
    standing = ledger.reserved.by_order.get(order_id)
    return ReserveRecord({} if standing is None else {order_id: standing})


def _set_aside(ledger: Ledger, parent: ParentRecord) -> Ledger:
    """A ledger that knows of no other order; what a wave's facts change is its own, the rest is shared to be read."""
    only, account = {parent.order_id: parent}, parent.account
    return replace(
        ledger,
        account_seqs={account: ledger.account_seqs[account]},
        parents=only,
        open_parents=dict(only),
        open_by_account={account: dict(only)},
        child_parent={},
        by_venue_client_id={},
        live_children={},
        hidden=HiddenRecord(),
        reserved=_reserved(ledger, parent.order_id),
    )
