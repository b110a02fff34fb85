"""`bestex shadow` on a recording: each of a desk's parents decided again at its own instant, on the books of then.

The machinery is the replay's: the same gate, router, core and judge, a lane of its own for every parent under way, in
virtual time. Decided on books received by the decision; every child meets the book of then + our delay + the way to
its venue; what stays open is taken from the displayed books at the protocol's clean-up time, cheapest all-in first.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from app.domain.enums import Mode, OrderType, Remainder, Side, Strategy, TimeInForce
from app.domain.errors import BadRequest
from app.domain.fees import FeeTier, fee_nano
from app.domain.fills import ExecutionReport
from app.domain.instrument import Symbol
from app.domain.orders import ChildOrder, ParentOrder, VenueFilter
from app.domain.recorded import RecordedMarket, Recording
from app.domain.shadow import (
    DeskParent,
    Excluded,
    Execution,
    FourMids,
    OwnOutcome,
    ShadowExclusion,
    ShadowReach,
)
from app.domain.units import PPM
from app.domain.universe import Universe
from app.domain.venue import Venue
from app.risk.reference import read_reference
from app.services.replay_lane import ACCOUNT, Lane, LaneKey, all_in_unit, displayed_units
from app.services.replay_market import LaneBoard, Market, book_side, levels_of
from app.services.replay_protocol import OWN_ARM, Protocol, Reach
from app.services.replay_run import RELEASE, Builder
from app.services.shadow_files import DeskFiles, read_files, symbol_resolver
from app.services.shadow_judge import ShadowReport, judge
from app.services.shadow_report import render_shadow
from app.shm.books import SymbolBooks
from app.tca.shadow import Compared, compare_parent, scaled_mids

MAX_BOOK_AGE_NS: Final = 1_000_000_000
REQUEST_DEADLINE_NS: Final = 5_000_000_000
_RETRY_NS: Final = 100_000_000
# From the desk's decision to our first child leaving: hearing of it, deciding, a commit. Conservative for one machine.
DEFAULT_THINK_NS: Final = 5_000_000


@dataclass(frozen=True, slots=True)
class ShadowTerms:
    """What the desk pays and how far it is away. An empty `fee_ppm` or `latency_ns` None: as the recording tells."""

    fee_ppm: Mapping[str, int] = field(default_factory=dict)
    latency_ns: int | None = None
    think_ns: int = DEFAULT_THINK_NS


@dataclass(slots=True)
class _Under:
    """One parent under way."""

    parent: DeskParent
    lane: Lane
    mid_half: int
    displayed_ppm: int
    sent_mid_half: int = 0


def shadow_reach(reach: Reach) -> ShadowReach:
    """The committed protocol's reach, in integers."""
    return ShadowReach(int(reach.max_displayed_frac * PPM), reach.within_bps, reach.max_life_ns)


def shadow_recording(
    recording: Recording, files: DeskFiles, terms: ShadowTerms, protocol: Protocol, builder: Builder
) -> ShadowReport:
    """Every parent of `files` beside what Bestex would have done. Raises BadRequest where a venue's fee is not told."""
    compared: list[Compared] = []
    excluded: list[Excluded] = []
    reach = shadow_reach(protocol.reach)
    for symbol in {market.symbol.name: market.symbol for market in recording.markets}.values():
        parents = [parent for parent in files.parents if parent.symbol == symbol.name]
        if not parents:
            continue
        markets = [market for market in recording.markets if market.symbol.name == symbol.name]
        outcomes = ShadowRun(recording, markets, terms, protocol, builder).run(parents)
        for parent in parents:
            own = outcomes[parent.parent_id]
            if parent.parent_id in files.suspect:
                excluded.append(Excluded(parent.parent_id, ShadowExclusion.BAD_LINE))
            elif isinstance(own, Excluded):
                excluded.append(own)
            else:
                own = scaled_mids(own, parent.decision_price_units)
                found = compare_parent(symbol, parent, files.fills.get(parent.parent_id, ()), own, reach)
                (compared if isinstance(found, Compared) else excluded).append(found)  # type: ignore[arg-type]
    return judge(compared, excluded)


def recorded_symbol(recording: Recording) -> Callable[[str], Symbol | None]:
    """Resolves a symbol's spelling among those that were recorded."""
    return symbol_resolver([market.symbol for market in recording.markets])


class ShadowRun:
    """One symbol's parents on its recorded venues; call `run` once."""

    def __init__(
        self,
        recording: Recording,
        markets: Sequence[RecordedMarket],
        terms: ShadowTerms,
        protocol: Protocol,
        builder: Builder,
    ) -> None:
        self._symbol, self._protocol, self._builder, self._terms = markets[0].symbol, protocol, builder, terms
        self._universe = _universe(markets, terms, protocol)
        names = [market.instrument.venue for market in markets]
        board = builder.board([(venue, self._symbol.name) for venue in names])
        self._market = Market(self._symbol.name, [recording.events(market) for market in markets], board)
        self._rows = {venue: row for row, venue in enumerate(names)}
        spans = [recording.span_ns(market) for market in markets]
        self._span_ns = max(first for first, _ in spans), min(last for _, last in spans)
        self._gaps = [g for g in recording.gaps if g.symbol == self._symbol.name and g.venue in self._rows]
        self._ages_ns = {venue: v.max_book_age_ns for venue, v in self._universe.venues.items()}
        self._idle: list[Lane] = []
        self._n_lanes = 0
        self._queue: list[tuple[int, int, Callable[[int], None]]] = []
        self._n_queued = 0
        self._outcomes: dict[str, OwnOutcome | Excluded] = {}

    def run(self, parents: Sequence[DeskParent]) -> dict[str, OwnOutcome | Excluded]:
        """What every parent (in order of its decision) came to, or why it could not be played."""
        for number, parent in enumerate(parents):
            why = self._unplayable(parent)
            if why is None:
                self._at(parent.decision_ts_ns, partial(self._submit, number, parent))
            else:
                self._outcomes[parent.parent_id] = why
        while self._queue:
            now_ns, _, action = heapq.heappop(self._queue)
            self._market.advance(now_ns)
            action(now_ns)
        return self._outcomes

    def _unplayable(self, parent: DeskParent) -> Excluded | None:
        start_ns, end_ns = parent.decision_ts_ns, parent.decision_ts_ns + self._protocol.clean_up_ns
        if start_ns < self._span_ns[0] or end_ns > self._span_ns[1]:
            return Excluded(parent.parent_id, ShadowExclusion.OUTSIDE_RECORDING)
        for gap in self._gaps:
            if gap.from_ns <= end_ns and (not gap.to_ns or gap.to_ns >= start_ns):
                return Excluded(parent.parent_id, ShadowExclusion.RECORDING_GAP, f"{gap.venue} {gap.reason}")
        return None

    def _at(self, at_ns: int, action: Callable[[int], None]) -> None:
        self._n_queued += 1
        heapq.heappush(self._queue, (at_ns, self._n_queued, action))

    def _mid_half(self, now_ns: int) -> int:
        return read_reference(self._market.read(), self._ages_ns, now_ns).mid_half_units

    def _submit(self, number: int, parent: DeskParent, now_ns: int) -> None:
        mid_half = self._mid_half(now_ns)
        if not mid_half:
            self._outcomes[parent.parent_id] = Excluded(parent.parent_id, ShadowExclusion.NO_BOOKS)
            return
        lane = self._idle.pop() if self._idle else self._open_lane(now_ns)
        children = lane.submit(number, desk_order(parent, number, self._protocol.max_slippage_ppm), now_ns)
        if children is None:
            self._idle.append(lane)
            self._outcomes[parent.parent_id] = Excluded(parent.parent_id, ShadowExclusion.REFUSED, lane.refusal)
            return
        within_bps = self._protocol.reach.within_bps
        shown = displayed_units(self._market.read(), parent.side, mid_half, within_bps)
        under = _Under(parent, lane, mid_half, parent.qty_units * PPM // shown if shown else -1)
        self._at(now_ns + self._terms.think_ns, partial(self._leave, under))
        self._send(under, children, now_ns)
        self._at(now_ns + self._protocol.clean_up_ns, partial(self._finish, under))

    def _leave(self, under: _Under, now_ns: int) -> None:
        under.sent_mid_half = self._mid_half(now_ns) or under.mid_half

    def _send(self, under: _Under, children: Sequence[ChildOrder], now_ns: int) -> None:
        for child in children:
            way_ns = self._terms.think_ns + self._universe.venues[child.venue].latency_ns
            self._at(now_ns + way_ns, partial(self._meet, under, child))

    def _meet(self, under: _Under, child: ChildOrder, now_ns: int) -> None:
        reports = under.lane.meet(child, now_ns)
        latency_ns = self._universe.venues[child.venue].latency_ns
        self._at(now_ns + latency_ns, partial(self._hear, under, reports))

    def _hear(self, under: _Under, reports: Sequence[ExecutionReport], now_ns: int) -> None:
        self._send(under, under.lane.hear(reports, now_ns), now_ns)

    def _finish(self, under: _Under, now_ns: int) -> None:
        lane, parent = under.lane, under.parent
        if not lane.is_done():
            self._at(now_ns + _RETRY_NS, partial(self._finish, under))
            return
        record = lane.record
        assert record is not None
        done = [
            Execution(f"fill{n}", f.venue, at_ns, f.price_units, f.qty_units, f.fee_nano, f.fee_currency)
            for n, (f, at_ns) in enumerate((kept.fill, kept.ts_ns) for kept in record.fills)
        ]
        unfilled = parent.qty_units - record.cum_qty_units
        fees = {venue: fee.taker_fee_ppm for venue, fee in self._universe.fees.items()}
        books = lane.board.read(self._symbol.name)
        rest, left = take_rest(self._symbol, fees, books, parent.side, (unfilled, now_ns))
        life_ns = (now_ns if unfilled else lane.done_ns) - lane.started_ns
        mids = FourMids(under.mid_half, under.mid_half, record.accepted.approved_mid_half_units, under.sent_mid_half)
        self._outcomes[parent.parent_id] = OwnOutcome(
            (*done, *rest), mids, under.displayed_ppm, life_ns, left, record.n_waves
        )
        lane.record = None
        self._idle.append(lane)

    def _open_lane(self, now_ns: int) -> Lane:
        self._n_lanes += 1
        board, builder, universe = LaneBoard(self._market), self._builder, self._universe
        instruments = [universe.instruments[venue, self._symbol.name] for venue in self._rows]
        lane = Lane(
            key=LaneKey("own", self._n_lanes, Side.BUY, OWN_ARM),
            core=builder.core(universe, board, builder.planner(OWN_ARM)),
            board=board,
            log=builder.log(),
            matchers={i.venue: builder.matcher(i, self._symbol, universe.fees[i.venue]) for i in instruments},
            venue_rows=self._rows,
        )
        lane.open(RELEASE, now_ns - 1)
        return lane


def take_rest(
    symbol: Symbol, fee_ppm: Mapping[str, int], books: SymbolBooks, side: Side, rest: tuple[int, int]
) -> tuple[list[Execution], int]:
    """(fills, units that no level was left for) of taking a rest from the venues of `fee_ppm`, cheapest all-in.

    `rest`: how many units, and the instant that the fills are of.
    """
    qty_units, now_ns = rest
    ladder = sorted(
        (all_in_unit(symbol, side, price, fee_ppm[venue]), venue, price, qty)
        for row, venue in enumerate(books.venues)
        if qty_units and venue in fee_ppm
        for price, qty in levels_of(books, row, book_side(side))
    )
    fills: list[Execution] = []
    for _, venue, price, shown in ladder:
        if qty_units == 0:
            break
        taken = min(qty_units, shown)
        fee = fee_nano(symbol.money_nano(price, taken), fee_ppm[venue])
        fills.append(Execution(f"rest{len(fills)}", venue, now_ns, price, taken, fee, symbol.money_currency))
        qty_units -= taken
    return fills, qty_units


def desk_order(parent: DeskParent, number: int, slippage_ppm: int | None) -> ParentOrder:
    """The desk's parent as an order of the replay's account: all at once, at market or within its limit."""
    is_limit = parent.limit_price_units is not None
    return ParentOrder(
        account=ACCOUNT,
        client_order_id=f"shadow-{number}",
        symbol=parent.symbol,
        side=parent.side,
        order_type=OrderType.LIMIT if is_limit else OrderType.MARKET,
        time_in_force=TimeInForce.IOC,
        strategy=Strategy.SOR,
        remainder=Remainder.NONE,
        qty_units=parent.qty_units,
        notional_nano=None,
        limit_price_units=parent.limit_price_units,
        max_slippage_ppm=slippage_ppm,
        expire_ts_ns=0,
        venues=VenueFilter(),
        is_full_fill_required=False,
        decision_ts_ns=parent.decision_ts_ns,
        decision_price_units=parent.decision_price_units,
        received_ts_ns=parent.decision_ts_ns,
        body_hash="",
    )


def _universe(markets: Sequence[RecordedMarket], terms: ShadowTerms, protocol: Protocol) -> Universe:
    venues, fees = {}, {}
    for market in markets:
        name = market.instrument.venue
        latency_ns = terms.latency_ns
        if market.venue is not None:
            latency_ns = market.venue.latency_ns if latency_ns is None else latency_ns
            venues[name] = replace(market.venue, mode=Mode.PAPER, latency_ns=latency_ns)
        else:
            latency_ns = protocol.alone.latency_ns if latency_ns is None else latency_ns
            venues[name] = Venue(
                name,
                name,
                Mode.PAPER,
                is_simulated=True,
                latency_ns=latency_ns,
                max_book_age_ns=MAX_BOOK_AGE_NS,
                request_deadline_ns=REQUEST_DEADLINE_NS,
            )
        if name in terms.fee_ppm:
            ppm = terms.fee_ppm[name]
            fees[name] = FeeTier(name, "desk", ppm, ppm, 0, "told by the desk", "")
        elif market.fee is not None:
            fees[name] = market.fee
        else:
            hint = f"Tell the desk's own: --fee {name}=PPM (1 bp is 100)."
            raise BadRequest("no_reference_data", f"the recording does not tell what {name} charges", hint=hint)
    symbol = markets[0].symbol
    return Universe(
        venues=venues,
        symbols={symbol.name: symbol},
        instruments={(m.instrument.venue, symbol.name): m.instrument for m in markets},
        fees=fees,
    )


@dataclass(frozen=True, slots=True)
class ShadowRequest:
    """What `bestex shadow` was asked: both files by name and bytes, the clock's offset, and the desk's terms."""

    parents: tuple[str, bytes]
    fills: tuple[str, bytes]
    terms: ShadowTerms = ShadowTerms()
    clock_offset_ns: int = 0
    is_strict: bool = False


def shadow_text(recording: Recording, request: ShadowRequest, protocol: Protocol, builder: Builder) -> str:
    """The whole result as Markdown. Raises BadRequest as `read_files` and `shadow_recording` do, and for the fee of a
    venue that was not recorded.
    """
    recorded = {market.instrument.venue for market in recording.markets}
    for venue in sorted(request.terms.fee_ppm.keys() - recorded):
        hint = f"Recorded: {', '.join(sorted(recorded))}."
        raise BadRequest(
            "no_reference_data", f"{venue} is not in the recording; its fee would count nowhere.", hint=hint
        )
    resolve = recorded_symbol(recording)
    offset_ns, terms = request.clock_offset_ns, request.terms
    files = read_files(request.parents, request.fills, resolve, clock_offset_ns=offset_ns, is_strict=request.is_strict)
    report = shadow_recording(recording, files, terms, protocol, builder)
    digests = [hashlib.sha256(content).hexdigest() for _, content in (request.parents, request.fills)]
    latency = "as recorded" if terms.latency_ns is None else f"{terms.latency_ns / 1e6:g} ms"
    fees = ", ".join(f"{venue} {ppm} ppm" for venue, ppm in sorted(terms.fee_ppm.items())) or "as recorded"
    head = [
        f"Recording {recording.name}, SHA-256 `{recording.digest}`. Protocol SHA-256 `{protocol.sha256}`.",
        f"Parents SHA-256 `{digests[0]}`, fills SHA-256 `{digests[1]}`; {len(files.parents):,} parents and "
        f"{sum(map(len, files.fills.values())):,} fills taken, {len(files.bad):,} lines not; desk's clock moved by "
        f"{offset_ns / 1e6:g} ms.",
        f"Decided on books received by the decision; {terms.think_ns / 1e6:g} ms to leave, one way to a venue "
        f"{latency}; rest taken {protocol.clean_up_ns / 1e6:g} ms after the decision. Desk's fees: {fees}. "
        f"Reach: at most {100 * protocol.reach.max_displayed_frac:g} % of what is displayed within "
        f"{protocol.reach.within_bps} bp, {protocol.reach.max_life_ns / 1e6:g} ms.",
    ]
    return render_shadow(report, head, files.bad)
