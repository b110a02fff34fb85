"""One arm's life on the recorded market: a core of its own, its venues, and what each of its parents came to cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import lcm
from typing import Protocol

from app.domain.book import Level
from app.domain.enums import Mode, OrderType, RefusalCode, Remainder, Side, Strategy, TimeInForce
from app.domain.errors import InvariantBroken
from app.domain.events import Fact
from app.domain.fees import fee_nano
from app.domain.fills import ExecutionReport, ReportKind
from app.domain.instrument import Instrument, Symbol
from app.domain.limits import Limits
from app.domain.orders import ChildOrder, ParentOrder, VenueFilter
from app.domain.records import ParentRecord
from app.domain.units import NANO
from app.execution.inputs import Accepted, Failed, Input, Report, SendChild, SetBalance, SetLimits, Start, Submit
from app.execution.step import Core
from app.execution.taken import Taken
from app.services.replay_market import LaneBoard, book_side, levels_of, mid_half_units
from app.shm.books import SymbolBooks
from app.tca.benchmarks import mid_money_nano

ACCOUNT = "replay"
_PLENTY_NANO = 10**9 * NANO  # no limit of the account may bind: a replay compares routes, not accounts
LIMITS = Limits(
    version=1,
    max_order_notional_nano=_PLENTY_NANO,
    max_order_qty_nano=_PLENTY_NANO,
    max_open_orders=1_000,
    max_open_notional_nano=_PLENTY_NANO,
    max_position_nano=_PLENTY_NANO,
    venue_credit_nano=_PLENTY_NANO,
    price_collar_ppm=50_000,
    max_slippage_ppm=50_000,
    default_slippage_ppm=2_500,
    duplicate_window_ns=0,
    message_rate_per_s=1_000_000,
    message_burst=1_000_000,
)


class FactLog(Protocol):
    """Where a lane's facts go: the journal's twin in memory, or a file."""

    def append(self, facts: Sequence[Fact], receipts: Sequence[tuple[str, bytes]]) -> None: ...

    def head(self) -> tuple[int, bytes]: ...


class Matcher(Protocol):
    """A venue of a replay: meets an IOC child with recorded levels."""

    def execute(
        self, child: ChildOrder, levels: Sequence[Level], mid_half_units: int, arrived_ts_ns: int
    ) -> tuple[ExecutionReport, ...]: ...


@dataclass(frozen=True, slots=True)
class LaneKey:
    """Which lane: everything but `arm` names the group whose parents are the same."""

    tier: str
    size_usd: int
    side: Side
    arm: str

    @property
    def group(self) -> tuple[str, int, Side]:
        return self.tier, self.size_usd, self.side


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one parent came to. Money in nano of the symbol's money, positive is a cost.

    `parts_nano`: the waterfall's parts by name, `clean_up` in place of opportunity; they sum to `cost_nano`.
    """

    instant_i: int
    mid_half_units: int
    qty_units: int
    filled_units: int
    reference_nano: int
    cost_nano: int
    parts_nano: Mapping[str, int]
    n_waves: int
    n_children: int
    life_ns: int
    is_priced: bool


@dataclass(slots=True)
class Lane:
    """One arm, tier, size and side. `pending` and `record` are of the parent under way."""

    key: LaneKey
    core: Core
    board: LaneBoard
    log: FactLog
    matchers: Mapping[str, Matcher]
    venue_rows: Mapping[str, int]
    outcomes: list[Outcome] = field(default_factory=list)
    record: ParentRecord | None = None
    instant_i: int = -1
    started_ns: int = 0
    done_ns: int = 0
    refusal: str = ""

    def __post_init__(self) -> None:
        """`board` is without what the arm takes from the fill on: no plan leaves it out a second time."""
        self.core.memory.taken = Taken(is_shown=True)

    def open(self, release: str, started_ns: int) -> None:
        """First facts of the lane's log: its shard, the account's limits and balances."""
        universe = self.core.world.universe
        inputs: list[Input] = [Start("replay", "replay", release, Mode.PAPER), SetLimits(ACCOUNT, LIMITS, "replay")]
        for venue in universe.venues:
            for symbol in universe.symbols.values():
                for currency in sorted({symbol.money_currency, symbol.fungible.base}):
                    inputs.append(SetBalance(ACCOUNT, venue, currency, _PLENTY_NANO, "replay"))
        self._turn(inputs, started_ns)

    def submit(self, instant_i: int, order: ParentOrder, now_ns: int) -> list[ChildOrder] | None:
        """Starts a parent on its own copy of the market; its first children, or None if it was refused (`refusal`)."""
        if self.record is not None:
            raise InvariantBroken(lane=str(self.key), reason="a parent is still under way")
        self.board.forget()
        replies, children = self._turn([Submit(order, Mode.PAPER)], now_ns)
        accepted = replies[0]
        if not isinstance(accepted, Accepted):
            self.refusal = _refusal_of(accepted)
            return None
        self.record = self.core.ledger.parents[accepted.fact.order_id]
        self.instant_i, self.started_ns, self.done_ns = instant_i, now_ns, 0
        self._note_end(now_ns)
        return children

    def meet(self, child: ChildOrder, now_ns: int) -> tuple[ExecutionReport, ...]:
        """`child` arrives at its venue: what the venue will report. Own takes are gone from the book at once."""
        books, row = self.board.read(child.symbol), self.venue_rows[child.venue]
        side = book_side(child.side)
        levels = levels_of(books, row, side)
        reports = self.matchers[child.venue].execute(child, levels, mid_half_units(books, row), now_ns)
        left = sum(r.qty_lots for r in reports if r.kind is ReportKind.FILLED) * child.lot_units
        for price_units, qty_units in levels:
            if left <= 0:
                break
            self.board.take(row, side, price_units, min(left, qty_units))
            left -= qty_units
        return reports

    def hear(self, reports: Sequence[ExecutionReport], now_ns: int) -> list[ChildOrder]:
        """A venue's reports arrive: the children of the next wave, if there is one."""
        stamped: list[Input] = [Report(replace(report, received_ts_ns=now_ns)) for report in reports]
        children = self._turn(stamped, now_ns)[1]
        self._note_end(now_ns)
        return children

    def is_done(self) -> bool:
        return self.record is None or self.record.tca is not None

    def finish(self, symbol: Symbol, now_ns: int) -> Outcome:
        """Ends the parent: what stayed unfilled is cleaned up on the books of `now_ns`; the outcome is kept."""
        record = self.record
        assert record is not None and record.tca is not None
        order = record.accepted.order
        assert order.qty_units is not None
        tca, mid_half = record.tca, record.accepted.approved_mid_half_units
        unfilled = order.qty_units - record.cum_qty_units
        clean_up, left = self._clean_up(symbol, order.side, unfilled, mid_half)
        parts = {
            name: getattr(tca, f"{name}_nano")
            for name in ("delay", "timing", "basis", "spread", "impact", "fee", "gas")
        }
        outcome = Outcome(
            instant_i=self.instant_i,
            mid_half_units=mid_half,
            qty_units=order.qty_units,
            filled_units=record.cum_qty_units,
            reference_nano=mid_money_nano(symbol, mid_half, order.qty_units),
            cost_nano=tca.total_nano - tca.opportunity_nano + clean_up,
            parts_nano={**parts, "clean_up": clean_up},
            n_waves=record.n_waves,
            n_children=len(record.children),
            life_ns=self.done_ns - self.started_ns,
            is_priced=left == 0 and not tca.fee_unconverted,
        )
        self.outcomes.append(outcome)
        self.record = None
        return outcome

    def _clean_up(self, symbol: Symbol, side: Side, qty_units: int, mid_half: int) -> tuple[int, int]:
        """(cost in nano against the arrival mid, units that no level was left for) of taking the rest now."""
        if qty_units == 0:
            return 0, 0
        fees = self.core.world.universe.fees
        books = self.board.read(symbol.name)
        ladder = all_in_ladder(symbol, books, side, [fees[venue].taker_fee_ppm for venue in books.venues])
        cost, left = take_cheapest(symbol, ladder, side, qty_units)
        sign = symbol.fungible.cost_sign(side)
        return cost - sign * mid_money_nano(symbol, mid_half, qty_units - left), left

    def _note_end(self, now_ns: int) -> None:
        if self.record is not None and self.record.tca is not None and not self.done_ns:
            self.done_ns = now_ns

    def _turn(self, inputs: Sequence[Input], now_ns: int) -> tuple[list[object], list[ChildOrder]]:
        turn = self.core.turn(inputs, now_ns)
        self.log.append(turn.facts, turn.receipts)
        children = []
        for command in turn.commands:
            if not isinstance(command, SendChild):
                raise InvariantBroken(lane=str(self.key), command=type(command).__name__)
            children.append(command.approved.value)
        return list(turn.replies), children


def _refusal_of(reply: object) -> str:
    error = reply.error if isinstance(reply, Failed) else None
    code = getattr(error, "code", "")
    return code.value if isinstance(code, RefusalCode) else str(code or type(error).__name__)


Ladder = list[tuple[float, int, int, int]]  # (all-in money of one unit as cost, price units, quantity units, fee ppm)


def all_in_ladder(symbol: Symbol, books: SymbolBooks, side: Side, fee_ppm: Sequence[int]) -> Ladder:
    """Every level a taker of `side` could meet, cheapest all-in first."""
    ladder: Ladder = []
    for row in range(len(books.venues)):
        for price_units, qty_units in levels_of(books, row, book_side(side)):
            ladder.append((all_in_unit(symbol, side, price_units, fee_ppm[row]), price_units, qty_units, fee_ppm[row]))
    ladder.sort()
    return ladder


def all_in_unit(symbol: Symbol, side: Side, price_units: int, fee_ppm: int) -> float:
    """Money of one unit of price, as cost and with its fee: a key to sort by, in no particular unit."""
    money = 1.0 / price_units if symbol.fungible.is_inverse else float(price_units)
    return money * (symbol.fungible.cost_sign(side) + fee_ppm * 1e-6)


def take_cheapest(symbol: Symbol, ladder: Ladder, side: Side, qty_units: int) -> tuple[int, int]:
    """(money with fees as cost in nano, units not found) of taking `qty_units` from the front of `ladder`."""
    sign, cost = symbol.fungible.cost_sign(side), 0
    for _, price_units, level_units, fee_ppm in ladder:
        if qty_units == 0:
            break
        taken = min(qty_units, level_units)
        money = symbol.money_nano(price_units, taken)
        cost += sign * money + fee_nano(money, fee_ppm)
        qty_units -= taken
    return cost, qty_units


def parent_order(key: LaneKey, symbol: Symbol, qty_units: int, instant_i: int, slippage_ppm: int) -> ParentOrder:
    """The parent of an instant: the same in every arm of its group."""
    return ParentOrder(
        account=ACCOUNT,
        client_order_id=f"{key.size_usd}-{key.side.value}-{instant_i}",
        symbol=symbol.name,
        side=key.side,
        order_type=OrderType.MARKET,
        time_in_force=TimeInForce.IOC,
        strategy=Strategy.SOR,
        remainder=Remainder.NONE,
        qty_units=qty_units,
        notional_nano=None,
        limit_price_units=None,
        max_slippage_ppm=slippage_ppm,
        expire_ts_ns=0,
        venues=VenueFilter(),
        is_full_fill_required=False,
        decision_ts_ns=0,
        decision_price_units=None,
        received_ts_ns=0,
        body_hash="",
    )


def parent_qty_units(symbol: Symbol, instruments: Sequence[Instrument], size_usd: int, mid_half: int) -> int:
    """`size_usd` at the mid in whole lots of every venue, rounded down: a quantity that any of them could take."""
    lot = lcm(*(instrument.lot_units for instrument in instruments))
    one_nano = symbol.notional_nano(max(1, mid_half // 2), 10**symbol.qty_scale)
    return int(size_usd * NANO * 10**symbol.qty_scale // one_nano // lot * lot)


def displayed_units(books: SymbolBooks, side: Side, mid_half: int, within_bps: int) -> int:
    """Quantity of all venues within `within_bps` of the mid on the side that a taker of `side` meets."""
    shown = 0
    for row in range(len(books.venues)):
        for price_units, qty_units in levels_of(books, row, book_side(side)):
            if side.sign * (2 * price_units - mid_half) * 10_000 > within_bps * mid_half:
                break
            shown += qty_units
    return shown
