"""One arm's desk in its own copy of a simulated world: what it sees, what it sends, what it has filled and paid.

Decisions are the product's: `plan` asks its router on the books that have reached the desk by now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from math import ceil, floor
from typing import Final

import numpy as np

from app.domain.enums import ContractKind, OrderType, Remainder, Side, Strategy, TimeInForce
from app.domain.errors import InvariantBroken
from app.domain.fees import FeeTier
from app.domain.instrument import FungibilityClass, Instrument, Symbol
from app.domain.orders import Approved, ParentOrder, VenueFilter
from app.domain.plan import PlanRequest, VenueEstimate
from app.domain.units import NANO
from app.routing.router import Router
from app.shm.books import SymbolBooks
from app.venues.markets.port import Force, Order, Told, VenueKind
from app.venues.markets.world import Markets

SYMBOL: Final = Symbol(
    "BTC/USDT", FungibilityClass("BTC", "USDT", "USDT", ContractKind.SPOT), price_scale=2, qty_scale=3
)
DEPTH: Final = 50
# No order of ours is under way for longer than the slowest venue's two ways and its jitter.
PATIENCE_NS: Final = 3_000_000_000
_END: Final = {Told.CANCELED, Told.REJECTED, Told.DECLINED}


@dataclass(frozen=True, slots=True)
class Paid:
    """One fill: half ticks, lots, fee in millionths of a tick x lot."""

    ts_ns: int
    venue_i: int
    price_half_ticks: int
    lots: int
    is_maker: bool
    fee_utick_lots: int
    is_pushing: bool = False  # a resting or dark fill: after it a toxic venue's push comes


@dataclass(slots=True)
class Sent:
    """An order of ours that may still fill."""

    venue_i: int
    price_ticks: int
    left_lots: int
    ahead_lots: int = -1


@dataclass(frozen=True, slots=True)
class Means:
    """How a wave is routed: the router, the venues it may use, what is believed of them, and the ways it is sent."""

    router: Router
    venues: tuple[int, ...]
    estimates: Mapping[str, VenueEstimate] = field(default_factory=dict)
    shown_frac: Mapping[int, float] = field(default_factory=dict)
    spray_most_ns: int = 0
    is_dark_first: bool = False
    is_dealer_asked: bool = False
    leak_ppm: float = 0.0
    cap_bps: int = 300


@dataclass(slots=True)
class Desk:
    """`sign` +1 buys `total_lots`. `open`: orders by number that have not ended."""

    market: Markets
    sign: int
    total_lots: int
    open: dict[int, Sent] = field(default_factory=dict)
    quotes: dict[int, int | None] = field(default_factory=dict)  # half ticks by number; None: refused
    fills: list[Paid] = field(default_factory=list)
    filled_lots: int = 0

    @property
    def left_lots(self) -> int:
        return self.total_lots - self.filled_lots

    @property
    def lit(self) -> tuple[int, ...]:
        return tuple(v for v, spec in enumerate(self.market.specs) if spec.kind is VenueKind.LIT)

    def send(self, order: Order) -> int:
        """Refuses what could fill more than the parent has left."""
        out_lots = sum(sent.left_lots for sent in self.open.values())
        if out_lots + order.qty_lots > self.left_lots:
            raise InvariantBroken(reason="more is out than is left", out_lots=out_lots, left_lots=self.left_lots)
        number = self.market.send(order)
        self.open[number] = Sent(order.venue_i, order.price_ticks, order.qty_lots)
        return number

    def hear(self) -> None:
        """Takes in every report that has come."""
        for report in self.market.reports():
            sent = self.open.get(report.number)
            if report.told is Told.FILLED:
                if sent is None:
                    raise InvariantBroken(reason="a fill after the end", number=report.number)
                self.fills.append(
                    Paid(
                        report.ts_ns,
                        report.venue_i,
                        report.price_half_ticks,
                        report.lots,
                        report.is_maker,
                        report.fee_utick_lots,
                        report.is_maker or self.market.specs[report.venue_i].kind is VenueKind.DARK,
                    )
                )
                self.filled_lots += report.lots
                sent.left_lots -= report.lots
                if sent.left_lots == 0:
                    del self.open[report.number]
            elif report.told is Told.QUOTE:
                self.quotes[report.number] = report.price_half_ticks
            elif report.told in _END:
                self.quotes[report.number] = None
                self.open.pop(report.number, None)
            elif report.told is Told.ACCEPTED and sent is not None:
                sent.ahead_lots = report.ahead_lots

    def accept(self, number: int, venue_i: int, lots: int) -> None:
        """Takes a dealer's quote; under the same bound as `send`."""
        out_lots = sum(sent.left_lots for sent in self.open.values())
        if out_lots + lots > self.left_lots:
            raise InvariantBroken(reason="more is out than is left", out_lots=out_lots, left_lots=self.left_lots)
        self.market.accept_quote(number)
        self.open[number] = Sent(venue_i, 0, lots)

    def wait(self, until_ns: int) -> None:
        """Lets time pass and hears what comes."""
        self.market.advance(until_ns)
        self.hear()

    def settle(self, numbers: Sequence[int]) -> None:
        """Waits until these orders have ended. Raises InvariantBroken where one does not."""
        last_ns = self.market.now_ns + PATIENCE_NS
        while any(number in self.open for number in numbers):
            if self.market.now_ns >= last_ns:
                raise InvariantBroken(reason="an order that does not end", now_ns=self.market.now_ns)
            self.market.advance_to_news(last_ns)
            self.hear()

    def clear(self) -> None:
        """Cancels what rests and waits until it is known what became of it."""
        numbers = list(self.open)
        for number in numbers:
            self.market.cancel(number)
        self.settle(numbers)

    def mid_half_ticks(self, *, is_true: bool = False) -> float:
        """Median bid + ask of lit venues that show both, as received (or of this instant); 0 where there is none."""
        if is_true:
            views = [self.market.true_view(v) for v in self.lit]
            sums = [one.bids[0][0] + one.asks[0][0] for one in views if one.bids and one.asks and not one.is_halted]
        else:
            sums = [sum(best) for best in self._bests()]
        return float(np.median(sums)) if sums else 0.0

    def worst_mid_ticks(self) -> float | None:
        """Of the lit venues' mids as received, the one that is worst for an order of ours that rests."""
        mids = [sum(best) / 2 for best in self._bests()]
        return (min(mids) if self.sign > 0 else max(mids)) if mids else None

    def _bests(self) -> list[tuple[int, int]]:
        return [best for best in (self.market.best(v) for v in self.lit) if best is not None]

    def crowd_touch_ticks(self, venue_i: int) -> int | None:
        """Best price on our own side at which others show something, as received."""
        view = self.market.view(venue_i)
        if view.is_halted:
            return None
        own: dict[int, int] = {}
        for sent in self.open.values():
            if sent.venue_i == venue_i:
                own[sent.price_ticks] = own.get(sent.price_ticks, 0) + sent.left_lots
        levels = view.bids if self.sign > 0 else view.asks
        return next((price for price, lots in levels if lots > own.get(price, 0)), None)

    def touch(self, venue_i: int) -> tuple[int, int] | None:
        """Price and lots on our own side, as received; None where nothing is shown."""
        view = self.market.view(venue_i)
        side = view.bids if self.sign > 0 else view.asks
        return side[0] if side and not view.is_halted else None

    def cost_bps(self, mid_half_ticks: float) -> float:
        """All-in cost of everything filled against a mid, positive is a cost. Only for a whole parent."""
        if self.left_lots:
            raise InvariantBroken(reason="a parent that is not whole", left_lots=self.left_lots)
        toxic = {v: spec.toxic_ppm for v, spec in enumerate(self.market.specs) if spec.toxic_ppm > 0}
        return cost_bps(self.fills, self.sign, mid_half_ticks) + toxic_bps(self.fills, toxic)


def toxic_bps(fills: Sequence[Paid], toxic_ppm: Mapping[int, float]) -> float:
    """What planted pushes are charged, bps of all that was filled.

    A venue that is toxic moves the price against us after each resting or dark fill of ours: what we then still trade
    is cheaper for us by our own doing. So that no arm gains by it, a push is charged to its fill and to all that fills
    at that time or later, in full and whether it came in time or not.
    """
    lots, charged = sum(paid.lots for paid in fills), 0.0
    pushes = {(paid.ts_ns, paid.venue_i) for paid in fills if paid.is_pushing and paid.venue_i in toxic_ppm}
    for ts_ns, venue_i in pushes:
        charged += toxic_ppm[venue_i] * sum(paid.lots for paid in fills if paid.ts_ns >= ts_ns)
    return charged / lots / 100


def cost_bps(fills: Sequence[Paid], sign: int, mid_half_ticks: float) -> float:
    """All-in cost of fills against a mid, bps of their quantity at it."""
    lots = sum(paid.lots for paid in fills)
    price = sum(sign * (paid.price_half_ticks - mid_half_ticks) / 2 * paid.lots for paid in fills)
    fee = sum(paid.fee_utick_lots for paid in fills) * 1e-6
    return (price + fee) / (mid_half_ticks / 2 * lots) * 1e4


def books_of(desk: Desk, means: Means) -> SymbolBooks:
    """What the desk sees now, as the router's arrays; quantities of a venue that fades are discounted."""
    n = len(means.venues)
    price, qty = np.zeros((n, 2, DEPTH), np.int64), np.zeros((n, 2, DEPTH), np.int64)
    n_levels = np.zeros((n, 2), np.int64)
    for row, v in enumerate(means.venues):
        view = desk.market.view(v)
        for side, levels in enumerate((view.bids, view.asks)):
            if not levels or view.is_halted:
                continue
            shown = np.array(levels[:DEPTH], np.int64)
            part = np.floor(shown[:, 1] * means.shown_frac.get(v, 1.0)).astype(np.int64)
            shown, part = shown[part > 0], part[part > 0]
            price[row, side, : len(part)], qty[row, side, : len(part)] = shown[:, 0], part
            n_levels[row, side] = len(part)
    now = np.full(n, desk.market.now_ns + 1, np.int64)
    names = tuple(desk.market.specs[v].venue for v in means.venues)
    return SymbolBooks(SYMBOL.name, names, price, qty, n_levels, np.ones(n, np.int64), now, now, np.zeros(n, np.bool_))


@cache
def _listing(venue: str, taker_ppm: int, maker_ppm: int) -> tuple[Instrument, FeeTier]:
    return (
        Instrument(venue, SYMBOL.name, "BTCUSDT", SYMBOL.fungible, 1, 1, 1, 0),
        FeeTier(venue, "base", taker_ppm, maker_ppm, 0, "simulated", "2026-01-01"),
    )


@cache
def _approved(sign: int, lots: int) -> Approved[ParentOrder]:
    order = ParentOrder(
        account="arms",
        client_order_id="arms",
        symbol=SYMBOL.name,
        side=Side.BUY if sign > 0 else Side.SELL,
        order_type=OrderType.MARKET,
        time_in_force=TimeInForce.IOC,
        strategy=Strategy.SOR,
        remainder=Remainder.NONE,
        qty_units=lots,
        notional_nano=None,
        limit_price_units=None,
        max_slippage_ppm=50_000,
        expire_ts_ns=0,
        venues=VenueFilter(),
        is_full_fill_required=False,
        decision_ts_ns=0,
        decision_price_units=None,
        received_ts_ns=0,
        body_hash="",
    )
    return Approved(order, 1, 1)


def plan(desk: Desk, means: Means, lots: int) -> tuple[list[Order], float]:
    """The router's wave for `lots` now, and its expected cost in ppm over the mid (0 where it found nothing)."""
    mid_half = round(desk.mid_half_ticks())
    if not mid_half:
        return [], 0.0
    listed = {}
    for v in means.venues:
        spec = desk.market.specs[v]
        listed[spec.venue] = _listing(spec.venue, spec.taker_fee_ppm, spec.maker_fee_ppm)
    request = PlanRequest(
        approved=_approved(desk.sign, desk.total_lots),
        symbol=SYMBOL,
        route_id="rte_arms",
        wave=1,
        now_ns=desk.market.now_ns + 1,
        qty_units=lots,
        notional_nano=None,
        price_cap_units=round(mid_half / 2 * (1 + desk.sign * means.cap_bps * 1e-4)),
        instruments={venue: one for venue, (one, _) in listed.items()},
        fees={venue: fee for venue, (_, fee) in listed.items()},
        max_book_age_ns=dict.fromkeys(listed, NANO),
        capacity_nano=dict.fromkeys(listed, NANO * NANO // 1000),
        barred={},
        mid_half_units=mid_half,
        estimates=means.estimates,
    )
    planned = means.router.plan(request, books_of(desk, means)).plan
    place = {desk.market.specs[v].venue: v for v in means.venues}
    orders = [
        Order(place[one.venue], desk.sign, one.limit_ticks, one.qty_lots, Force.IOC) for one in planned.allocations
    ]
    if not orders:
        return [], 0.0
    at_mid_nano = mid_half / 2 * planned.allocated_qty_units * SYMBOL.money_nano(10**6, 1) / 10**6
    spent_nano = sum(desk.sign * abs(one.money_nano) + one.fee_nano for one in planned.allocations)
    return orders, (spent_nano - desk.sign * at_mid_nano) / at_mid_nano * 1e6


def fair_ticks(desk: Desk, price_ticks: int, edge_ticks: float) -> int:
    """The price, or what is so far behind the venues' worst mid if that is further back: who moves first is right."""
    worst = desk.worst_mid_ticks()
    if worst is None:
        return price_ticks
    if desk.sign > 0:
        return min(price_ticks, floor(worst - edge_ticks))
    return max(price_ticks, ceil(worst + edge_ticks))


def follow(desk: Desk, edge_ticks: float | None, *, is_following: bool) -> None:
    """Moves posts at lit venues: after the touch that has left them, where following; with an edge, back behind the
    fair price and to where the crowd still stands, so that none is left alone at a price that others have given up.
    """
    for number, sent in list(desk.open.items()):
        if desk.market.specs[sent.venue_i].kind is not VenueKind.LIT:
            continue
        touch = desk.touch(sent.venue_i)
        price = touch[0] if touch is not None else None
        if edge_ticks is not None:
            price = desk.crowd_touch_ticks(sent.venue_i)
            price = fair_ticks(desk, price, edge_ticks) if price is not None else None
        if price is None:
            continue
        nearer = desk.sign * (price - sent.price_ticks)
        if (nearer > 0 and is_following) or (nearer < 0 and edge_ticks is not None):
            desk.market.cancel(number)
            desk.settle([number])
            if sent.left_lots > 0:
                desk.send(Order(sent.venue_i, desk.sign, price, sent.left_lots, Force.POST_ONLY))
