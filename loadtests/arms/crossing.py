"""How an arm takes: dark venues, a dealer, then waves over the books; and how it completes by force."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from app.execution.spray import delays_ns
from app.venues.markets.port import Force, Order, VenueKind
from loadtests.arms.desk import PATIENCE_NS, Desk, Means, plan

WAIT_NS: Final = 100_000_000
# Parts of what is to be crossed that a dealer is asked for, all at once: a price for each, one is taken or none.
ASKED_PARTS: Final = (16, 8, 4, 2, 1)


def cross(desk: Desk, means: Means, lots: int, waves: int) -> None:
    """Takes `lots` in at most so many waves: plan on what is seen, send, hear, plan the rest by the same rule."""
    target_lots = desk.filled_lots + lots
    if means.is_dark_first:
        _ask_dark(desk, lots)
    if means.is_dealer_asked and target_lots > desk.filled_lots:
        ask_dealers(desk, means, target_lots - desk.filled_lots)
    for _ in range(waves):
        left_lots = target_lots - desk.filled_lots
        if left_lots <= 0:
            return
        orders, _ = plan(desk, means, left_lots)
        if not orders:
            desk.wait(desk.market.now_ns + WAIT_NS)
            continue
        desk.settle(_spray(desk, means, orders))


def complete(desk: Desk, means: Means, until_ns: int) -> None:
    """Forced completion: waves until the parent is whole or the time is over."""
    desk.clear()
    while desk.left_lots and desk.market.now_ns < until_ns:
        before_lots = desk.filled_lots
        cross(desk, means, desk.left_lots, 1)
        if desk.filled_lots == before_lots:
            desk.wait(desk.market.now_ns + WAIT_NS)


def _spray(desk: Desk, means: Means, orders: Sequence[Order]) -> list[int]:
    """Sends a wave, the longest way first where it is to arrive together."""
    specs = desk.market.specs
    one_way_ns = {specs[order.venue_i].venue: round(specs[order.venue_i].latency_in_s * 1e9) for order in orders}
    waits_ns = delays_ns(one_way_ns, list(one_way_ns), means.spray_most_ns)
    start_ns, numbers = desk.market.now_ns, []
    for order in sorted(orders, key=lambda order: waits_ns[specs[order.venue_i].venue]):
        desk.wait(start_ns + waits_ns[specs[order.venue_i].venue])
        numbers.append(desk.send(order))
    return numbers


def ask_dealers(desk: Desk, means: Means, lots: int) -> None:
    """Asks each dealer for parts of `lots` and takes the price that saves most against crossing them, if any does.

    What the books would cost without the dealer's part is the router's expectation; after a trade the rest is believed
    to cost `leak_ppm` more.
    """
    target_lots = desk.filled_lots + lots
    for v, spec in enumerate(desk.market.specs):
        left_lots = target_lots - desk.filled_lots
        asked = sorted({left_lots // part for part in ASKED_PARTS if left_lots // part >= spec.min_lots})
        if spec.kind is not VenueKind.RFQ or not asked:
            continue
        numbers = [desk.market.request_quote(v, desk.sign, one) for one in asked]
        last_ns = desk.market.now_ns + PATIENCE_NS
        while any(number not in desk.quotes for number in numbers) and desk.market.now_ns < last_ns:
            desk.market.advance_to_news(last_ns)
            desk.hear()
        chosen = _best_quote(desk, means, left_lots, list(zip(numbers, asked, strict=True)))
        if chosen is not None:
            desk.accept(chosen[0], v, chosen[1])
            desk.settle([chosen[0]])


def _best_quote(desk: Desk, means: Means, lots: int, asked: Sequence[tuple[int, int]]) -> tuple[int, int] | None:
    """The (number, lots) that saves most, None where none saves."""
    mid_half = desk.mid_half_ticks()
    if not mid_half:
        return None

    def book_cost(part_lots: int) -> float | None:
        """ppm x lots of crossing so much over the books; None where they do not hold it."""
        if part_lots == 0:
            return 0.0
        orders, cost_ppm = plan(desk, means, part_lots)
        planned = sum(order.qty_lots for order in orders)
        return cost_ppm * part_lots if planned == part_lots else None

    whole, found, most = book_cost(lots), None, 0.0
    if whole is None:
        return None
    for number, part in asked:
        price, rest = desk.quotes.get(number), book_cost(lots - part)
        if price is None or rest is None:
            continue
        quoted = desk.sign * (price - mid_half) / mid_half * 1e6 * part
        saved = whole - rest - quoted - means.leak_ppm * (lots - part)
        if saved > most:
            found, most = (number, part), saved
    return found


def rest_dark(desk: Desk, lots: int) -> int:
    """Rests so much in the first dark venue that takes it, to cross at the mid; returns what rests."""
    mid = desk.mid_half_ticks() / 2
    for v, spec in enumerate(desk.market.specs):
        if spec.kind is VenueKind.DARK and lots >= spec.min_lots and mid:
            limit = int(mid) + (1 if desk.sign > 0 else 0) + desk.sign
            desk.send(Order(v, desk.sign, limit, lots, Force.GTC, least_lots=spec.min_lots))
            return lots
    return 0


def _ask_dark(desk: Desk, lots: int) -> None:
    """An immediate order at the mid to each dark venue that takes such a size, one after the other."""
    target_lots = desk.filled_lots + lots
    for v, spec in enumerate(desk.market.specs):
        left_lots, mid = target_lots - desk.filled_lots, desk.mid_half_ticks() / 2
        if spec.kind is VenueKind.DARK and left_lots >= spec.min_lots and mid:
            limit = int(mid) + (1 if desk.sign > 0 else 0) + desk.sign
            desk.settle([desk.send(Order(v, desk.sign, limit, left_lots, Force.IOC, least_lots=spec.min_lots))])
