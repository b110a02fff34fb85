"""One account's month on the simulated market: its own engine, its own footprint, the fees its venues charge it.

The market is told to every account from the same tape: what each venue's book was, from a little before an instant
until its parents are over. Time is virtual. Decisions see books received by then; fills happen on the book of the
arrival.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush
from itertools import count
from statistics import median

from app.bootstrap import make_core
from app.domain.book import BookSnapshot, Level
from app.domain.enums import Mode, Side
from app.domain.errors import InvariantBroken
from app.domain.events import FeeDeviated
from app.domain.fees import FeeTier
from app.domain.fills import ExecutionReport, ReportKind
from app.domain.instrument import Symbol
from app.domain.orders import ChildOrder
from app.domain.plan import Planned, PlanRequest
from app.domain.records import ParentRecord
from app.domain.universe import Universe
from app.domain.volume import day_i_of
from app.execution.context import Planner
from app.execution.fees import tier_values_ppm
from app.execution.inputs import Accepted, Input, Report, SendChild, SetBalance, SetLimits, Start, Submit, Tick
from app.execution.simulator import Footprint, Listing, match
from app.execution.step import Core
from app.services.replay_lane import ACCOUNT, LIMITS, LaneKey, all_in_unit, parent_order, take_cheapest
from app.shm.books import BookBoard, SymbolBooks
from app.tca.benchmarks import mid_money_nano
from app.venues.ledger import AcceptedLine, DoneLine, FillLine
from app.venues.simulated_market import Sides
from app.venues.tiers import VenueTiers

_MS = 1_000_000
_PLENTY_NANO = 10**18
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Tape:
    """Every venue's books around one instant; times in ns from the instant, ascending, the first before it."""

    times_ns: Mapping[str, Sequence[int]]
    books: Mapping[str, Sequence[Sides]]

    def at(self, venue: str, offset_ns: int) -> Sides:
        """The venue's own book at that time."""
        return self.books[venue][max(0, bisect_right(self.times_ns[venue], offset_ns) - 1)]


@dataclass(frozen=True, slots=True)
class Instant:
    """When an instant is, what is traded, and the market around it."""

    number: int
    ts_ns: int
    size_usd: int
    tape: Tape


@dataclass(frozen=True, slots=True)
class Outcome:
    """One parent: money in nano, positive is a cost; `reference_nano` is its quantity at the arrival mid."""

    price_nano: int
    fee_nano: int
    reference_nano: int
    n_waves: int
    filled_frac: float


@dataclass(frozen=True, slots=True)
class MarketRules:
    """Times in ns of the virtual market; `processing_ns` by venue."""

    life_ns: int
    clean_up_ns: int
    tick_ns: int
    max_slippage_ppm: int
    processing_ns: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Valued:
    """A planner to whom a trade on the way to a tier costs that much less; fills are charged the real fee."""

    planner: Planner
    _adjusted: dict[FeeTier, FeeTier] = field(default_factory=dict)

    def plan(self, request: PlanRequest, books: SymbolBooks) -> Planned:
        values = tier_values_ppm(request.fees)
        if not values:
            return self.planner.plan(request, books)
        return self.planner.plan(replace(request, fees={v: self._of(t) for v, t in request.fees.items()}), books)

    def _of(self, tier: FeeTier) -> FeeTier:
        known = self._adjusted.get(tier)
        if known is None:
            known = replace(tier, taker_fee_ppm=tier.taker_fee_ppm + tier.tier_value_ppm)
            self._adjusted[tier] = known
        return known


class Lane:
    """One arm's account. `universe` is what the arm believes of fees, `charging` what its venues do."""

    def __init__(
        self,
        universe: Universe,
        charging: Universe,
        planner: Planner,
        refill_ns: Mapping[str, int],
        response_ppm: int = 0,
    ) -> None:
        (self.symbol,) = universe.symbols.values()
        self.universe = universe
        self.board = BookBoard(list(universe.instruments))
        self.core: Core = make_core(universe, self.board, Mode.PAPER, planner, tier_response_ppm=response_ppm)
        self.outcomes: list[list[Outcome]] = []
        self.n_alarms = self.n_valued = 0
        self._refill_ns = refill_ns
        self._listings = {
            venue: Listing(self.symbol, instrument, charging.fees[venue])
            for (venue, _), instrument in universe.instruments.items()
        }
        self.tiers = {
            venue: VenueTiers(
                {m: s for (v, m), s in charging.schedules.items() if v == venue}, {self.symbol.name: listing}
            )
            for venue, listing in self._listings.items()
        }
        self._footprints: dict[str, Footprint] = {}
        self._book_seq = 0
        self._day_i = -1

    def open(self, ts_ns: int) -> None:
        """First facts: limits and money that never bind."""
        inputs: list[Input] = [Start("month", "month", "month", Mode.PAPER), SetLimits(ACCOUNT, LIMITS, "month")]
        inputs += [
            SetBalance(ACCOUNT, venue, currency, _PLENTY_NANO, "month")
            for venue in self.universe.venues
            for currency in (self.symbol.fungible.base, self.symbol.fungible.quote)
        ]
        self._turn([*inputs, Tick()], ts_ns)

    def trade(self, instant: Instant, side: Side, qty_units: int, ts_ns: int, rules: MarketRules) -> Outcome:
        """One parent from its arrival at `ts_ns` to its end, on a book that has come back from earlier ones."""
        self._footprints = {
            venue: Footprint(self._refill_ns[venue], listing.instrument.lot_units)
            for venue, listing in self._listings.items()
        }
        key = LaneKey("", instant.size_usd, side, "")
        order = parent_order(key, self.symbol, qty_units, instant.number, rules.max_slippage_ppm)
        self._note_day(ts_ns)
        self._show(instant.tape, ts_ns, 0)
        replies, children = self._turn([Submit(order, Mode.PAPER)], ts_ns)
        accepted = replies[0]
        if not isinstance(accepted, Accepted):
            raise InvariantBroken(reason="a parent was refused", reply=str(accepted))
        record = self.core.ledger.parents[accepted.fact.order_id]
        self._live(instant.tape, record, children, ts_ns, rules)
        return self._outcome(instant.tape, record, qty_units, ts_ns, rules)

    def _note_day(self, ts_ns: int) -> None:
        """Counts the venues whose tier is worth something on this day, once a day."""
        self._turn([Tick()], ts_ns)
        if day_i_of(ts_ns) != self._day_i:
            self._day_i = day_i_of(ts_ns)
            self.n_valued += sum(event.tier_value_ppm != 0 for event in self.core.ledger.fees.sets.values())

    def _live(
        self, tape: Tape, record: ParentRecord, children: list[ChildOrder], ts_ns: int, rules: MarketRules
    ) -> None:
        """Arrivals and reports in the order of their times, ticks between them, until the parent is over."""
        events: list[tuple[int, int, ChildOrder, tuple[ExecutionReport, ...]]] = []
        offset_ns = 0

        def send(sent: list[ChildOrder]) -> None:
            for child in sent:
                way_ns = self.universe.venues[child.venue].latency_ns + rules.processing_ns[child.venue]
                heappush(events, (offset_ns + way_ns, next(_numbers), child, ()))

        send(children)
        while record.tca is None and offset_ns < rules.life_ns:
            if not events or events[0][0] > offset_ns + rules.tick_ns:
                offset_ns += rules.tick_ns
                self._show(tape, ts_ns, offset_ns)
                send(self._turn([Tick()], ts_ns + offset_ns)[1])
                continue
            offset_ns, _, child, reports = heappop(events)
            if reports:
                self._show(tape, ts_ns, offset_ns)
                heard = [Report(replace(r, received_ts_ns=ts_ns + offset_ns)) for r in reports]
                send(self._turn(heard, ts_ns + offset_ns)[1])
            else:
                told = self._execute(child, tape, ts_ns, offset_ns)
                back_ns = self.universe.venues[child.venue].latency_ns
                heappush(events, (offset_ns + back_ns, next(_numbers), child, told))
        if record.tca is None:
            raise InvariantBroken(order_id=record.order_id, reason="a parent outlived its time")

    def _execute(self, child: ChildOrder, tape: Tape, ts_ns: int, offset_ns: int) -> tuple[ExecutionReport, ...]:
        """The venue's side: fills on its book of this instant, charged by the tier it grants."""
        now_ns, venue, tiers = ts_ns + offset_ns, child.venue, self.tiers[child.venue]
        listing = tiers.listing_for(ACCOUNT, child.symbol, now_ns)
        tiers.note(_accepted_line(child, now_ns))
        reports = []
        for fill in match(child, listing, self._levels(tape, venue, child.side, offset_ns, now_ns)):
            lot_units, tick_units = listing.instrument.lot_units, listing.instrument.tick_units
            self._footprints[venue].take(child.side, fill.price_ticks * tick_units, fill.qty_lots * lot_units, now_ns)
            trade_id = f"t{next(_numbers)}"
            reports.append(
                ExecutionReport(
                    ReportKind.FILLED,
                    venue,
                    child.client_id,
                    venue_order_id=child.client_id,
                    venue_trade_id=trade_id,
                    price_ticks=fill.price_ticks,
                    qty_lots=fill.qty_lots,
                    cum_qty_lots=fill.cum_qty_lots,
                    fee_nano=fill.fee_nano,
                    fee_currency=self.symbol.money_currency,
                    venue_ts_ns=now_ns,
                    gas_nano=fill.gas_nano,
                )
            )
            tiers.note(
                FillLine(
                    now_ns, child.client_id, "", trade_id, child.symbol, fill.price_ticks, fill.qty_lots, 0, 0, "", 0
                )
            )
        tiers.note(DoneLine(now_ns, child.client_id, "", "canceled", 0, ""))
        cum_lots = sum(r.qty_lots for r in reports)
        if cum_lots < child.qty_lots:
            end = ExecutionReport(
                ReportKind.CANCELED, venue, child.client_id, cum_qty_lots=cum_lots, venue_ts_ns=now_ns, evidence="ioc"
            )
            reports.append(end)
        return tuple(reports)

    def _outcome(self, tape: Tape, record: ParentRecord, qty_units: int, ts_ns: int, rules: MarketRules) -> Outcome:
        symbol, mid = self.symbol, record.accepted.approved_mid_half_units
        side, left = record.accepted.order.side, qty_units - record.cum_qty_units
        fee_nano = record.fees_nano.get(symbol.money_currency, 0)
        money_nano = side.sign * record.cum_money_nano
        if left:
            all_in, raw = self._clean_up(tape, side, left, ts_ns, rules)
            money_nano, fee_nano = money_nano + raw, fee_nano + all_in - raw
        reference_nano = mid_money_nano(symbol, mid, qty_units)
        return Outcome(
            price_nano=money_nano - side.sign * reference_nano,
            fee_nano=fee_nano,
            reference_nano=reference_nano,
            n_waves=record.n_waves,
            filled_frac=record.cum_qty_units / qty_units,
        )

    def _clean_up(self, tape: Tape, side: Side, left_units: int, ts_ns: int, rules: MarketRules) -> tuple[int, int]:
        """(money with fees, money without) as cost of taking the rest from everything that is displayed by then."""
        ladder = []
        for venue in self._listings:
            fee_ppm = self.tiers[venue].listing_for(ACCOUNT, self.symbol.name, ts_ns).fee.taker_fee_ppm
            now_ns = ts_ns + rules.clean_up_ns
            for price_units, level_units in self._levels(tape, venue, side, rules.clean_up_ns, now_ns):
                key = all_in_unit(self.symbol, side, price_units, fee_ppm)
                ladder.append((key, price_units, level_units, fee_ppm))
        ladder.sort()
        all_in, missing = take_cheapest(self.symbol, ladder, side, left_units)
        raw, _ = take_cheapest(self.symbol, [(k, p, q, 0) for k, p, q, _ in ladder], side, left_units)
        if missing:
            raise InvariantBroken(reason="the books cannot clean a parent up", left_units=missing)
        return all_in, raw

    def _levels(self, tape: Tape, venue: str, side: Side, offset_ns: int, now_ns: int) -> tuple[Level, ...]:
        """What a taker of `side` meets at the venue, without what it took and is not back yet."""
        sides = tape.at(venue, offset_ns)
        levels = sides.asks if side is Side.BUY else sides.bids
        return self._footprints[venue].left(side, levels, now_ns)

    def _show(self, tape: Tape, ts_ns: int, offset_ns: int) -> None:
        """Writes the books that have been received by now: each left its venue one delay ago."""
        self._book_seq += 1
        for venue in self._listings:
            left_ns = offset_ns - self.universe.venues[venue].latency_ns
            bids = self._levels(tape, venue, Side.SELL, left_ns, ts_ns + left_ns)
            asks = self._levels(tape, venue, Side.BUY, left_ns, ts_ns + left_ns)
            now_ns = ts_ns + offset_ns
            snapshot = BookSnapshot(venue, self.symbol.name, self._book_seq, ts_ns + left_ns, now_ns, bids, asks)
            self.board.write_snapshot(snapshot)

    def _turn(self, inputs: Sequence[Input], now_ns: int) -> tuple[list[object], list[ChildOrder]]:
        turn = self.core.turn(inputs, now_ns)
        for fact in turn.facts:
            self.n_alarms += isinstance(fact.event, FeeDeviated)
        return list(turn.replies), [c.approved.value for c in turn.commands if isinstance(c, SendChild)]


def _accepted_line(child: ChildOrder, now_ns: int) -> AcceptedLine:
    return AcceptedLine(
        ts_ns=now_ns,
        client_id=child.client_id,
        venue_order_id="",
        child_id=child.child_id,
        order_id=child.order_id,
        account=child.account,
        symbol=child.symbol,
        side=child.side,
        time_in_force=child.time_in_force,
        price_ticks=child.price_ticks,
        qty_lots=child.qty_lots,
        deadline_ts_ns=child.deadline_ts_ns,
        limits_version=1,
        decision_seq=1,
    )


def symbol_of(universe: Universe) -> Symbol:
    """The one symbol of a month's universe."""
    (symbol,) = universe.symbols.values()
    return symbol


class Hindsight:
    """What a parent would have come to by one wave that knows every book of its arrival, fixed costs left out.

    No route can do this, and a later wave may meet better books: it says how much was about to be had, no more.
    """

    def __init__(self, universe: Universe) -> None:
        self.symbol, self.universe = symbol_of(universe), universe
        self.outcomes: list[list[Outcome]] = []

    def open(self, ts_ns: int) -> None:
        """It has no account."""

    def trade(self, instant: Instant, side: Side, qty_units: int, ts_ns: int, rules: MarketRules) -> Outcome:
        """One parent, cheapest all-in levels first."""
        ladder, tops = [], []
        for venue, fee in self.universe.fees.items():
            seen = instant.tape.at(venue, -self.universe.venues[venue].latency_ns)
            tops.append(seen.bids[0][0] + seen.asks[0][0])
            way_ns = self.universe.venues[venue].latency_ns + rules.processing_ns[venue]
            sides = instant.tape.at(venue, way_ns)
            for price_units, level_units in sides.asks if side is Side.BUY else sides.bids:
                key = all_in_unit(self.symbol, side, price_units, fee.taker_fee_ppm)
                ladder.append((key, price_units, level_units, fee.taker_fee_ppm))
        ladder.sort()
        all_in, missing = take_cheapest(self.symbol, ladder, side, qty_units)
        raw, _ = take_cheapest(self.symbol, [(k, p, q, 0) for k, p, q, _ in ladder], side, qty_units)
        if missing:
            raise InvariantBroken(reason="the books are too short for a parent", left_units=missing)
        reference_nano = mid_money_nano(self.symbol, round(median(tops)), qty_units)
        return Outcome(raw - side.sign * reference_nano, all_in - raw, reference_nano, 1, 1.0)
