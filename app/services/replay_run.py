"""One run: every arm on the same recorded market, parent by parent, in virtual time.

A discrete-event loop: the market advances to the next action's instant, the action happens, its consequences are put
into the queue. All arms decide at t on books received by t and are filled on the book received by t + delay; a
report takes the same delay back, and what the core then does is its own re-route. Ties keep the order of birth, so
the same input gives the same run.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Protocol

from app.domain.enums import Side
from app.domain.fees import FeeTier
from app.domain.fills import ExecutionReport
from app.domain.instrument import Instrument, Symbol
from app.domain.orders import ChildOrder
from app.domain.universe import Universe
from app.execution.context import Board, Planner
from app.execution.step import Core
from app.risk.reference import read_reference
from app.services.replay_lane import (
    FactLog,
    Lane,
    LaneKey,
    Matcher,
    Outcome,
    all_in_unit,
    displayed_units,
    parent_order,
    parent_qty_units,
    take_cheapest,
)
from app.services.replay_market import Books, LaneBoard, Market, SourceBoard, book_side, levels_of
from app.services.replay_protocol import BOUND_ARM
from app.services.replay_protocol import Protocol as ReplayProtocol
from app.tca.benchmarks import mid_money_nano

RELEASE = "replay"  # of the lanes' logs: a result depends on the code, not on what the release is called
_RETRY_NS = 100_000_000


class Builder(Protocol):
    """What only the composition root can build."""

    def board(self, listings: Sequence[tuple[str, str]]) -> SourceBoard: ...

    def core(self, universe: Universe, board: Board, planner: Planner) -> Core: ...

    def planner(self, arm: str) -> Planner: ...

    def log(self) -> FactLog: ...

    def matcher(self, instrument: Instrument, symbol: Symbol, fee: FeeTier) -> Matcher: ...


@dataclass(frozen=True, slots=True)
class RunSpec:
    """What one run serves: `universes` by fee tier list the same venues; `span_ns`: first and last event."""

    title: str
    symbol: Symbol
    instruments: tuple[Instrument, ...]
    universes: Mapping[str, Universe]
    market: Market
    books: Books
    arms: tuple[str, ...]
    span_ns: tuple[int, int]


@dataclass(frozen=True, slots=True)
class GroupResult:
    """One tier, size and side: the same parents in every arm, and A6's bound on each. `beyond`: outside the reach."""

    tier: str
    size_usd: int
    side: Side
    outcomes: Mapping[str, tuple[Outcome, ...]]
    bound_nano: tuple[int, ...]
    displayed_frac: tuple[Decimal, ...]
    is_beyond: tuple[bool, ...]
    n_excluded: int


@dataclass(frozen=True, slots=True)
class RunResult:
    title: str
    groups: tuple[GroupResult, ...]
    n_instants: int
    n_events: int
    n_facts: int
    log_sha256: str


@dataclass(slots=True)
class _Hindsight:
    """The most that a price level of a venue ever showed to any arm while a parent lived: a relaxation of them all."""

    levels: dict[tuple[int, int], int] = field(default_factory=dict)  # (venue row, price units) -> quantity units

    def see(self, books: Books, row: int, side: Side, qty_units: int) -> None:
        """Remembers a venue's far side down to where `qty_units` would be filled."""
        reached = 0
        for price, qty in levels_of(books.read(), row, book_side(side)):
            self.levels[row, price] = max(qty, self.levels.get((row, price), 0))
            reached += qty
            if reached >= qty_units:
                break

    def bound_nano(
        self, symbol: Symbol, side: Side, qty_units: int, fee_ppm: Sequence[int], mid_half_units: int
    ) -> int:
        """Least cost against the arrival mid of taking `qty_units` from everything that was seen, fees included."""
        ladder = sorted(
            (all_in_unit(symbol, side, price, fee_ppm[row]), price, qty, fee_ppm[row])
            for (row, price), qty in self.levels.items()
        )
        cost, left = take_cheapest(symbol, ladder, side, qty_units)
        return cost - symbol.fungible.cost_sign(side) * mid_money_nano(symbol, mid_half_units, qty_units - left)


@dataclass(slots=True)
class _Group:
    """The lanes that share parents; `hindsight` and `n_open` are of the parent under way."""

    tier: str
    size_usd: int
    side: Side
    lanes: tuple[Lane, ...]
    fee_ppm: tuple[int, ...]
    hindsight: _Hindsight = field(default_factory=_Hindsight)
    n_open: int = 0
    displayed: list[Decimal] = field(default_factory=list)
    bounds: list[int] = field(default_factory=list)
    n_excluded: int = 0


class Run:
    """Runs `spec` under `protocol`; call `run` once."""

    def __init__(self, spec: RunSpec, protocol: ReplayProtocol, builder: Builder) -> None:
        self._spec, self._protocol = spec, protocol
        self._queue: list[tuple[int, int, Callable[[int], None]]] = []
        self._n_queued = 0
        self._latency_ns = {v.venue_id: v.latency_ns for v in next(iter(spec.universes.values())).venues.values()}
        self._rows = {instrument.venue: row for row, instrument in enumerate(spec.instruments)}
        self._groups = [
            self._make_group(tier, size, side, builder)
            for tier in spec.universes
            for size in protocol.sizes_usd
            for side in protocol.sides
        ]

    def run(self) -> RunResult:
        """All parents of all arms, in order of virtual time."""
        spec, protocol = self._spec, self._protocol
        first_ns = spec.span_ns[0] + protocol.first_after_ns
        instants = range(first_ns, spec.span_ns[1] - protocol.last_before_ns + 1, protocol.every_ns)
        for group in self._groups:
            for lane in group.lanes:
                lane.open(RELEASE, first_ns - 1)
        for instant_i, at_ns in enumerate(instants):
            self._at(at_ns, partial(self._submit_all, instant_i))
        while self._queue:
            now_ns, _, action = heapq.heappop(self._queue)
            spec.market.advance(now_ns)
            action(now_ns)
        heads = [lane.log.head() for group in self._groups for lane in group.lanes]
        return RunResult(
            title=spec.title,
            groups=tuple(self._result(group) for group in self._groups),
            n_instants=len(instants),
            n_events=spec.market.n_events,
            n_facts=sum(seq for seq, _ in heads),
            log_sha256=hashlib.sha256(b"".join(digest for _, digest in heads)).hexdigest(),
        )

    def _at(self, at_ns: int, action: Callable[[int], None]) -> None:
        self._n_queued += 1
        heapq.heappush(self._queue, (at_ns, self._n_queued, action))

    def _make_group(self, tier: str, size_usd: int, side: Side, builder: Builder) -> _Group:
        spec = self._spec
        universe = spec.universes[tier]
        lanes = []
        for arm in spec.arms:
            board = LaneBoard(spec.books)
            lanes.append(
                Lane(
                    key=LaneKey(tier, size_usd, side, arm),
                    core=builder.core(universe, board, builder.planner(arm)),
                    board=board,
                    log=builder.log(),
                    matchers={
                        i.venue: builder.matcher(i, spec.symbol, universe.fees[i.venue]) for i in spec.instruments
                    },
                    venue_rows=self._rows,
                )
            )
        fee_ppm = tuple(universe.fees[i.venue].taker_fee_ppm for i in spec.instruments)
        return _Group(tier, size_usd, side, tuple(lanes), fee_ppm)

    def _submit_all(self, instant_i: int, now_ns: int) -> None:
        books = self._spec.books.read()
        ages_ns = {venue: v.max_book_age_ns for venue, v in next(iter(self._spec.universes.values())).venues.items()}
        mid_half = read_reference(books, ages_ns, now_ns).mid_half_units
        for group in self._groups:
            self._submit(group, instant_i, now_ns, mid_half)

    def _submit(self, group: _Group, instant_i: int, now_ns: int, mid_half: int) -> None:
        """One parent in every arm of `group`; refused by one, it is taken back from all."""
        spec, protocol = self._spec, self._protocol
        qty = parent_qty_units(spec.symbol, spec.instruments, group.size_usd, mid_half) if mid_half else 0
        first_children: list[list[ChildOrder] | None] = []
        if qty:
            for lane in group.lanes:
                order = parent_order(lane.key, spec.symbol, qty, instant_i, protocol.max_slippage_ppm)
                first_children.append(lane.submit(instant_i, order, now_ns))
        if not qty or any(children is None for children in first_children):
            group.n_excluded += 1
            for lane in group.lanes:
                lane.record = None
            return
        shown = displayed_units(spec.books.read(), group.side, mid_half, protocol.reach.within_bps)
        group.displayed.append(Decimal(qty) / Decimal(shown) if shown else Decimal("Infinity"))
        group.hindsight.levels.clear()
        group.n_open = len(group.lanes)
        for lane, children in zip(group.lanes, first_children, strict=True):
            self._send(group, lane, children or [], now_ns)
            self._at(now_ns + protocol.clean_up_ns, partial(self._finish, group, lane))

    def _send(self, group: _Group, lane: Lane, children: Sequence[ChildOrder], now_ns: int) -> None:
        for child in children:
            self._at(now_ns + self._latency_ns[child.venue], partial(self._meet, group, lane, child))

    def _meet(self, group: _Group, lane: Lane, child: ChildOrder, now_ns: int) -> None:
        assert lane.record is not None
        qty = lane.record.accepted.order.qty_units or 0
        group.hindsight.see(self._spec.books, self._rows[child.venue], child.side, qty)
        reports = lane.meet(child, now_ns)
        self._at(now_ns + self._latency_ns[child.venue], partial(self._hear, group, lane, reports))

    def _hear(self, group: _Group, lane: Lane, reports: Sequence[ExecutionReport], now_ns: int) -> None:
        self._send(group, lane, lane.hear(reports, now_ns), now_ns)

    def _finish(self, group: _Group, lane: Lane, now_ns: int) -> None:
        if not lane.is_done():
            self._at(now_ns + _RETRY_NS, partial(self._finish, group, lane))
            return
        assert lane.record is not None
        qty = lane.record.accepted.order.qty_units or 0
        if lane.record.cum_qty_units < qty:
            for row in range(len(self._spec.instruments)):
                group.hindsight.see(self._spec.books, row, group.side, qty)
        lane.finish(self._spec.symbol, now_ns)
        group.n_open -= 1
        if group.n_open == 0:
            mid_half = lane.outcomes[-1].mid_half_units
            group.bounds.append(group.hindsight.bound_nano(self._spec.symbol, group.side, qty, group.fee_ppm, mid_half))

    def _result(self, group: _Group) -> GroupResult:
        outcomes = {lane.key.arm: tuple(lane.outcomes) for lane in group.lanes}
        reach = self._protocol.reach
        beyond = [
            frac > reach.max_displayed_frac
            or any(arm[i].life_ns > reach.max_life_ns or not arm[i].is_priced for arm in outcomes.values())
            for i, frac in enumerate(group.displayed)
        ]
        return GroupResult(
            tier=group.tier,
            size_usd=group.size_usd,
            side=group.side,
            outcomes=outcomes,
            bound_nano=tuple(group.bounds),
            displayed_frac=tuple(group.displayed),
            is_beyond=tuple(beyond),
            n_excluded=group.n_excluded,
        )


def costs_bps(group: GroupResult, arm: str) -> list[float]:
    """Each parent's all-in arrival cost in bps, in order; A6 is the bound."""
    if arm == BOUND_ARM:
        any_arm = next(iter(group.outcomes.values()))
        return [nano * 1e4 / o.reference_nano for nano, o in zip(group.bound_nano, any_arm, strict=True)]
    return [o.cost_nano * 1e4 / o.reference_nano for o in group.outcomes[arm]]
