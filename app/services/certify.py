"""What a venue must show before its adapter is believed with more money: real orders through the whole service, counted
against the venue's own statement, with the venue's process killed in the middle of one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Final

from app.domain.conditions import Condition, Conditional, ConditionKind, Leg, OrderClass, OtoTrigger, TriggerSource
from app.domain.enums import Mode, OrderType, Remainder, Side, Strategy, TimeInForce
from app.domain.errors import BestexError
from app.domain.ids import prefixed_ulid
from app.domain.limits import Limits
from app.domain.orders import ParentOrder, VenueFilter
from app.domain.records import ChildRecord, ParentRecord
from app.domain.statement import VenueState, VenueStatement
from app.domain.units import NANO, NANO_SCALE, decimal_text, div_up
from app.domain.venue_stops import TriggerLocation
from app.execution.inputs import SetBalance, SetLimits
from app.services.container import Services

# An order that is not over by then has an outcome that nobody has proven.
ORDER_S: Final = 60.0
CONNECT_S: Final = 90.0
_LOOK_S: Final = 0.02
# Of the least notional, so that a price that moves does not make an order too small.
_ABOVE_MIN_PPM: Final = 1_200_000
_LEAST_NOTIONAL_NANO: Final = 10 * NANO
_SLIPPAGE_PPM: Final = 10_000
# Where a buyer's stop waits, of the best ask: no market goes there within the seconds that it rests.
_STOP_AWAY_PPM: Final = 1_100_000


@dataclass(frozen=True, slots=True)
class Trial:
    """What is certified: `n_round_trips` of the least size. `kill` ends the venue's process as a crash would."""

    venue: str
    symbol: str
    account: str
    n_round_trips: int
    kill: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Step:
    name: str
    is_passed: bool
    found: str


@dataclass(slots=True)
class Verdict:
    """Every step in its order; after one that failed nothing more is tried but the reconciliation."""

    trial: Trial
    started_ts_ns: int
    steps: list[Step] = field(default_factory=list)
    n_round_trips: int = 0
    n_fills: int = 0
    before: VenueStatement | None = None
    after: VenueStatement | None = None

    @property
    def is_passed(self) -> bool:
        return bool(self.steps) and all(step.is_passed for step in self.steps)


class _Failed(Exception):
    """A step's own reason; it ends the trial."""


async def certify(services: Services, trial: Trial) -> Verdict:
    """Runs every step; never raises for what a venue does."""
    verdict = Verdict(trial, services.engine.now_ns())
    run = _Run(services, trial, verdict)
    steps = (
        ("connect", run.connect),
        ("statement", run.open_account),
        ("round trips", run.round_trips),
        ("process killed in the middle of an order", run.killed),
        ("a question answered again", run.asked_again),
        ("a stop rests and comes back", run.stop_rests),
    )
    for name, step in steps:
        if not await _tried(verdict, name, step):
            break
    if verdict.before is not None:
        await _tried(verdict, "reconciled to the unit", run.reconcile)
    return verdict


async def _tried(verdict: Verdict, name: str, step: Callable[[], Awaitable[str]]) -> bool:
    """Whether the step passed; either way it is in the verdict."""
    try:
        found, is_passed = await step(), True
    except (_Failed, BestexError, TimeoutError) as error:
        found, is_passed = str(error) or type(error).__name__, False
    verdict.steps.append(Step(name, is_passed, found))
    return is_passed


@dataclass(slots=True)
class _Run:
    services: Services
    trial: Trial
    verdict: Verdict
    seeded_nano: dict[str, int] = field(default_factory=dict)
    orders: list[ParentRecord] = field(default_factory=list)

    async def connect(self) -> str:
        """The venue is up and shows a book with two sides."""
        engine, venue = self.services.engine, self.trial.venue
        try:
            await self._until(lambda: self._is_up() and all(self._touch()), CONNECT_S)
        except TimeoutError:
            raise _Failed(f"{engine.venues[venue].health().reason or 'no book'} after {CONNECT_S:.0f} s") from None
        offset_ms = engine.venues[venue].health().clock_offset_ns // 1_000_000
        return f"up, clock {offset_ms} ms off"

    async def open_account(self) -> str:
        """What the venue says is there becomes what the log says; nothing of ours may be open."""
        engine, trial = self.services.engine, self.trial
        statement = await engine.venues[trial.venue].statement(trial.account)
        if statement.open_orders:
            raise _Failed(f"{len(statement.open_orders)} orders are open there: certify with an account that is idle")
        for balance in statement.balances:
            self.seeded_nano[balance.currency] = balance.total_nano
            change = SetBalance(trial.account, trial.venue, balance.currency, balance.total_nano, "certify")
            await engine.ask(change)
        version = engine.ledger.limits[trial.account].version + 1 if trial.account in engine.ledger.limits else 1
        await engine.ask(SetLimits(trial.account, replace(_LIMITS, version=version), "certify"))
        self.verdict.before = statement
        return f"{len(statement.balances)} currencies, no open order"

    async def round_trips(self) -> str:
        """Bought and sold again, each filled and over."""
        for n in range(self.trial.n_round_trips):
            for side in (Side.BUY, Side.SELL):
                order = await self._order(side)
                if not order.cum_qty_units:
                    raise _Failed(f"round trip {n + 1}: {side.value} ended without a fill: {_why(order)}")
            self.verdict.n_round_trips += 1
        return f"{self.verdict.n_round_trips} of {self.trial.n_round_trips}"

    async def killed(self) -> str:
        """An order whose venue process dies under it ends, on the venue's evidence and no other."""
        live = self.services.engine.ledger.live_children
        placed = asyncio.create_task(self._order(Side.BUY))
        while not live and not placed.done():  # noqa: ASYNC110 - until a child is on its way, or the order is over
            await asyncio.sleep(0)
        self.trial.kill()
        order = await placed
        await self._until(self._is_up, CONNECT_S)
        codes = sorted({child.code or child.state.value for child in order.children.values()})
        return f"{order.cum_qty_units} units filled, children {', '.join(codes) or 'none'}"

    async def asked_again(self) -> str:
        """The venue knows our last order by our id, and its answer changes nothing."""
        engine = self.services.engine
        filled = [c for order in self.orders for c in order.children.values() if c.cum_qty_units]
        if not filled:
            raise _Failed("no order was filled")
        n_fills, n_duplicates = self._n_fills(), engine.health().n_duplicate_fills
        await engine.venues[self.trial.venue].query(filled[-1].child)
        await self._until(lambda: engine.health().n_duplicate_fills > n_duplicates, ORDER_S)
        if self._n_fills() != n_fills:
            raise _Failed(f"{n_fills} fills became {self._n_fills()}")
        return f"{engine.health().n_duplicate_fills - n_duplicates} fills told again"

    async def stop_rests(self) -> str:
        """Far from the market, where the venue holds stops for us: its open orders show it, and a cancel ends it."""
        engine, trial = self.services.engine, self.trial
        if trial.venue not in engine.core.world.stops:
            return "no stops are left with this venue"
        await self._until(self._is_up, CONNECT_S)
        _, ask_units = self._touch()
        asked = _stop(trial, ask_units * _STOP_AWAY_PPM // 1_000_000, self._qty_units(Side.BUY), engine.now_ns())
        taken = await self.services.conditionals.place(asked, None, Mode.LIVE)
        record = engine.ledger.definitions.all[taken.fact.conditional_id]
        parents, leg = engine.ledger.parents, record.legs[0]

        def stops() -> list[ChildRecord]:
            found = [parents[name] for name in leg.order_ids]
            return [child for order in found if order.is_stop for child in order.children.values()]

        try:
            await self._until(lambda: any(child.acked_ts_ns for child in stops()), ORDER_S)
            children = stops()
            statement = await engine.venues[trial.venue].statement(trial.account)
        finally:
            await self.services.conditionals.cancel(record, "certify")
        await self._until(lambda: record.is_done, ORDER_S)
        shown = {order.client_id for order in statement.open_orders}
        if not shown & {child.child.client_id for child in children}:
            raise _Failed("its open orders do not show the stop under our id")
        if any(child.cum_qty_units for child in children):
            raise _Failed("a stop a tenth away from the market traded")
        return f"{len(children)} placed, shown, canceled"

    async def reconcile(self) -> str:
        """Every balance moved by what our fills say, and nothing of ours is open or unknown."""
        engine, trial, verdict = self.services.engine, self.trial, self.verdict
        await self._until(lambda: self._is_up() and not engine.ledger.live_children, ORDER_S)
        statement = await engine.venues[trial.venue].statement(trial.account)
        verdict.after, verdict.n_fills = statement, self._n_fills()
        said = {balance.currency: balance.total_nano for balance in statement.balances}
        for currency in {*said, *self.seeded_nano}:
            ours = engine.ledger.balances.get((trial.account, trial.venue, currency), 0)
            if ours != said.get(currency, 0):
                differs = decimal_text(said.get(currency, 0) - ours, NANO_SCALE)
                raise _Failed(f"{currency}: the venue has {differs} more than the log")
        if statement.open_orders:
            raise _Failed(f"{len(statement.open_orders)} orders are open there")
        return f"{verdict.n_fills} fills, {len(said)} currencies"

    async def _order(self, side: Side) -> ParentRecord:
        """A market order of the least size, over. Raises _Failed where its outcome is not proven in time."""
        engine = self.services.engine
        await self._until(self._is_up, CONNECT_S)
        order = _market_order(self.trial, side, self._qty_units(side), engine.now_ns(), len(self.orders))
        accepted = await self.services.submit.place(order, Mode.LIVE)
        record = engine.ledger.parents[accepted.fact.order_id]
        self.orders.append(record)
        try:
            await self._until(lambda: record.done_reason is not None, ORDER_S)
        except TimeoutError:
            states = sorted({child.state.value for child in record.children.values()})
            raise _Failed(f"{record.order_id} is not over after {ORDER_S:.0f} s: {', '.join(states)}") from None
        return record

    def _qty_units(self, side: Side) -> int:
        """The least that the venue takes, in whole lots; a sale not beyond what is there."""
        engine, trial = self.services.engine, self.trial
        symbol = engine.universe.symbols[trial.symbol]
        listing = engine.universe.instruments[(trial.venue, trial.symbol)]
        bid_units, _ = self._touch()
        least_nano = max(listing.min_notional_nano, _LEAST_NOTIONAL_NANO) * _ABOVE_MIN_PPM // 1_000_000
        lot_nano = max(1, symbol.notional_nano(max(1, bid_units), listing.lot_units))
        qty_units = max(listing.min_qty_lots, div_up(least_nano, lot_nano)) * listing.lot_units
        if side is Side.SELL:
            held_nano = engine.ledger.balances.get((trial.account, trial.venue, symbol.fungible.base), 0)
            held_units = int(held_nano // 10 ** (NANO_SCALE - symbol.qty_scale)) // listing.lot_units
            qty_units = min(qty_units, held_units * listing.lot_units)
        return qty_units

    def _touch(self) -> tuple[int, int]:
        return self.services.engine.market.board.best(self.trial.venue, self.trial.symbol)

    def _is_up(self) -> bool:
        """As the engine last looked: what it has not seen yet, it does not route on."""
        health = self.services.engine.venue_health.get(self.trial.venue)
        return health is not None and health.state is VenueState.UP

    def _n_fills(self) -> int:
        return sum(len(order.fills) for order in self.orders)

    @staticmethod
    async def _until(is_true: Callable[[], bool], timeout_s: float) -> None:
        async with asyncio.timeout(timeout_s):
            while not is_true():  # noqa: ASYNC110 - bounded
                await asyncio.sleep(_LOOK_S)


def _why(order: ParentRecord) -> str:
    codes = sorted({child.code for child in order.children.values() if child.code})
    return ", ".join([order.done_detail, *codes]) or "no reason given"


def _market_order(trial: Trial, side: Side, qty_units: int, now_ns: int, number: int) -> ParentOrder:
    return ParentOrder(
        account=trial.account,
        client_order_id=prefixed_ulid("certify", now_ns, trial.venue, number),
        symbol=trial.symbol,
        side=side,
        order_type=OrderType.MARKET,
        time_in_force=TimeInForce.IOC,
        strategy=Strategy.SOR,
        remainder=Remainder.NONE,
        qty_units=qty_units,
        notional_nano=None,
        limit_price_units=None,
        max_slippage_ppm=_SLIPPAGE_PPM,
        expire_ts_ns=0,
        venues=VenueFilter(include=(trial.venue,)),
        is_full_fill_required=False,
        decision_ts_ns=0,
        decision_price_units=None,
        received_ts_ns=now_ns,
        body_hash="",
    )


def _stop(trial: Trial, price_units: int, qty_units: int, now_ns: int) -> Conditional:
    leg = Leg("order", Side.BUY, qty_units, Condition(ConditionKind.STOP, TriggerSource.LAST, 0, price_units), None)
    return Conditional(
        account=trial.account,
        client_order_id=prefixed_ulid("certify", now_ns, trial.venue, "stop"),
        symbol=trial.symbol,
        order_class=OrderClass.SIMPLE,
        legs=(leg,),
        oto_trigger=OtoTrigger.PARTIAL,
        has_entry_order=False,
        venues=VenueFilter(include=(trial.venue,)),
        max_slippage_ppm=_SLIPPAGE_PPM,
        expire_ts_ns=0,
        received_ts_ns=now_ns,
        body_hash="",
        trigger_location=TriggerLocation.VENUE,
    )


# Far above what a trial trades, far below what anybody would miss.
_LIMITS: Final = Limits(
    version=1,
    max_order_notional_nano=1_000 * NANO,
    max_order_qty_nano=1_000_000 * NANO,
    max_open_orders=10,
    max_open_notional_nano=10_000 * NANO,
    max_position_nano=1_000_000_000 * NANO,
    venue_credit_nano=1_000_000_000 * NANO,
    price_collar_ppm=50_000,
    max_slippage_ppm=20_000,
    default_slippage_ppm=_SLIPPAGE_PPM,
    duplicate_window_ns=0,
    message_rate_per_s=100,
    message_burst=100,
)
