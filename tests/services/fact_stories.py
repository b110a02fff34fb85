"""Random but lawful logs: orders of several accounts, interleaved, every step allowed by the ledger's own tables."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from app.domain import events as ev
from app.domain.enums import (
    ChildState,
    ContractKind,
    DoneReason,
    KillAction,
    KillScope,
    Liquidity,
    Mode,
    OrderType,
    ParentState,
    RefusalCode,
    Remainder,
    Scope,
    Side,
    SolveStatus,
    Strategy,
    TimeInForce,
)
from app.domain.events import Event, Fact
from app.domain.fees import FeeTier
from app.domain.instrument import FungibilityClass, Instrument, Symbol
from app.domain.limits import Limits
from app.domain.orders import ChildOrder, ParentOrder, VenueFilter
from app.domain.plan import Allocation, BookUse, Certificate, CostSplit, RoutePlan
from app.domain.universe import Universe
from app.domain.venue import Venue
from app.execution.ledger import Ledger, evolve
from app.execution.machine import ChildStep, may_child
from app.services.streams import StreamItem, Streams

SYMBOLS = {
    name: Symbol(name, FungibilityClass(name.split("/")[0], "USDT", "USDT", ContractKind.SPOT), 2, 5)
    for name in ("BTC/USDT", "ETH/USDT")
}
VENUES = ("alpha", "beta", "gamma")
UNIVERSE = Universe(
    venues={v: Venue(v, v.title(), Mode.PAPER, True, 10**6, 10**9, 10**9) for v in VENUES},
    symbols=SYMBOLS,
    instruments={
        (v, name): Instrument(v, name, name.replace("/", ""), symbol.fungible, 1, 1000)
        for v in VENUES
        for name, symbol in SYMBOLS.items()
    },
    fees={v: FeeTier(v, "base", 1_000, 500, 0, "simulated", "2026-01-01") for v in VENUES},
)
START_TS_NS = 1_700_000_000_000_000_000


def limits(version: int) -> Limits:
    return Limits(version, 10**15, 10**12, 100, 10**16, 10**13, 10**16, 50_000, 10_000, 5_000, 0, 100, 200)


@dataclass
class Story:
    """A log that writes itself. `facts` is all of it; `ledger` what it adds up to."""

    seed: int = 0
    accounts: Sequence[str] = ("desk-a", "desk-b")
    facts: list[Fact] = field(default_factory=list)
    ledger: Ledger = field(default_factory=Ledger)
    n_orders: int = 0
    n_children: int = 0
    n_fills: int = 0

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.ts_ns = START_TS_NS
        self.tell(ev.ShardOpened("", "0", "epoch", "test"))
        for account in self.accounts:
            self.tell(ev.LimitsSet(account, limits(1), "operator"))

    def tell(self, event: Event) -> Fact:
        """Puts `event` in its place and folds it."""
        self.ts_ns += self.random.randrange(1, 5_000_000)
        account_seq = self.ledger.account_seqs.get(event.account, 0) + 1 if event.account else 0
        fact = Fact(self.ledger.seq + 1, self.ts_ns, account_seq, event)
        evolve(self.ledger, fact)
        self.facts.append(fact)
        return fact

    def grow(self, n_facts: int) -> list[Fact]:
        """At least `n_facts` more, by random steps."""
        start = len(self.facts)
        while len(self.facts) - start < n_facts:
            self.step()
        return self.facts[start:]

    def of(self, account: str) -> list[Fact]:
        return [fact for fact in self.facts if fact.account == account]

    def step(self) -> None:
        moves: list[tuple[int, Callable[[], object]]] = [(3, self.accept), (30, self.move_order), (1, self.side_note)]
        self.random.choices([move for _, move in moves], [weight for weight, _ in moves])[0]()

    def accept(self, account: str = "", symbol: str = "") -> str:
        account = account or self.random.choice(list(self.accounts))
        symbol = symbol or self.random.choice(list(SYMBOLS))
        self.n_orders += 1
        order_id = f"ord_{self.n_orders:06d}"
        is_notional = self.random.random() < 0.2
        order = ParentOrder(
            account=account,
            client_order_id=f"c{self.n_orders}",
            symbol=symbol,
            side=self.random.choice(list(Side)),
            order_type=OrderType.LIMIT,
            time_in_force=TimeInForce.GTC,
            strategy=Strategy.SOR,
            remainder=Remainder.HELD,
            qty_units=None if is_notional else self.random.randrange(10, 10_000) * 1000,
            notional_nano=self.random.randrange(100, 10_000) * 10**9 if is_notional else None,
            limit_price_units=6_400_000,
            max_slippage_ppm=None,
            expire_ts_ns=0,
            venues=VenueFilter(),
            is_full_fill_required=False,
            decision_ts_ns=0,
            decision_price_units=None,
            received_ts_ns=self.ts_ns,
            body_hash=f"{self.n_orders:064d}",
            tags=(("desk", 'a"b'),),
        )
        accepted = ev.OrderAccepted(
            account, order_id, order, Mode.PAPER, 1, 6_400_000, 6_399_900, 6_400_100, 12_800_000, 12_800_000, self.ts_ns
        )
        self.tell(accepted)
        return order_id

    def plan(self, order_id: str) -> None:
        parent = self.ledger.parents[order_id]
        order = parent.accepted.order
        leaves = (order.qty_units or 100_000) - parent.cum_qty_units
        wave = parent.n_waves + 1
        venues = self.random.sample(VENUES, self.random.randint(1, 3))
        share = max(1, leaves // len(venues) // 1000) * 1000
        plan = RoutePlan(
            route_id=f"rte_{order_id}_{wave}",
            order_id=order_id,
            wave=wave,
            symbol=order.symbol,
            side=order.side,
            requested_qty_units=leaves,
            requested_notional_nano=None,
            allocated_qty_units=share * len(venues),
            allocated_notional_nano=0,
            unallocated_qty_units=0,
            unallocated_notional_nano=None,
            unallocated_code=None,
            mid_half_units=12_800_000,
            best_bid_units=6_399_900,
            best_ask_units=6_400_100,
            allocations=tuple(
                Allocation(v, share // 1000, share, 6_400_000, 6_400_000, 1, 1, 0, i) for i, v in enumerate(venues)
            ),
            excluded=(),
            alternatives=(),
            cost=CostSplit(1, 1, 1, 0, 3),
            certificate=Certificate(
                1, 1, 0, SolveStatus.OPTIMAL, "greedy", (BookUse("alpha", 1, 1),), ("fee",), (), "0" * 64
            ),
        )
        self.tell(ev.RoutePlanned(order.account, order_id, plan))
        for venue in venues:
            self.n_children += 1
            child = ChildOrder(
                child_id=f"chd_{self.n_children:06d}",
                client_id=f"{self.n_children:026d}",
                order_id=order_id,
                account=order.account,
                wave=wave,
                venue=venue,
                symbol=order.symbol,
                side=order.side,
                time_in_force=TimeInForce.IOC,
                price_ticks=6_400_000,
                qty_lots=share // 1000,
                tick_units=1,
                lot_units=1000,
                deadline_ts_ns=self.ts_ns + 10**9,
            )
            self.tell(ev.ChildSending(order.account, child, 1, 12_800_000))

    def move_order(self) -> None:
        parents = list(self.ledger.open_parents.values())
        if not parents:
            self.accept()
            return
        parent = self.random.choice(parents)
        live = [c for c in parent.children.values() if not c.state.is_terminal]
        if live and self.random.random() < 0.9:
            self.move_child(parent.order_id, self.random.choice(live).child.child_id)
        elif live and not parent.is_canceling and self.random.random() < 0.3:
            self.tell(ev.CancelRequested(parent.account, parent.order_id, "key", "client"))
        elif not live and (parent.is_canceling or parent.n_waves >= 3 or self.random.random() < 0.3):
            self.finish(parent.order_id)
        elif not live:
            self.plan(parent.order_id)

    def move_child(self, order_id: str, child_id: str) -> None:
        parent = self.ledger.parents[order_id]
        record = parent.children[child_id]
        account, state = parent.account, record.state
        steps = [step for step in ChildStep if may_child(state, step)]
        step = self.random.choice(steps)
        place = (account, order_id, child_id)
        match step:
            case ChildStep.ACK:
                self.tell(ev.ChildAcked(*place, f"v-{child_id}", self.ts_ns))
            case ChildStep.PARTIAL_FILL | ChildStep.FULL_FILL:
                leaves = record.child.qty_units - record.cum_qty_units
                is_full = step is ChildStep.FULL_FILL or leaves <= 1000
                self.fill(order_id, child_id, leaves if is_full else self.random.randrange(1, leaves // 1000) * 1000)
            case ChildStep.CANCEL:
                self.tell(ev.ChildCanceled(*place, -1, "venue"))
            case ChildStep.EXPIRE:
                self.tell(ev.ChildExpired(*place, -1, "venue"))
            case ChildStep.REJECT:
                self.tell(ev.ChildRejected(*place, "no_funds", "text", "venue"))
            case ChildStep.LOSE:
                if state is not ChildState.UNKNOWN:
                    self.tell(ev.ChildUnknown(*place, "timeout"))
            case ChildStep.RESOLVE:
                self.tell(ev.ChildResolved(*place, "operator", "mail"))

    def fill(self, order_id: str, child_id: str, qty_units: int) -> Fact:
        parent = self.ledger.parents[order_id]
        record = parent.children[child_id]
        order = parent.accepted.order
        price_units = 6_400_000 - self.random.randrange(100)
        money_nano = SYMBOLS[order.symbol].money_nano(price_units, qty_units)
        self.n_fills += 1
        filled = ev.ChildFilled(
            account=order.account,
            order_id=order_id,
            child_id=child_id,
            exec_id=f"exe_{self.n_fills:06d}",
            venue=record.child.venue,
            symbol=order.symbol,
            venue_trade_id=f"t{self.n_fills}",
            price_units=price_units,
            qty_units=qty_units,
            qty_lots=qty_units // 1000,
            money_nano=money_nano,
            notional_nano=money_nano,
            fee_nano=money_nano // 1000,
            gas_nano=money_nano // 4000,
            fee_currency=self.random.choice(("USDT", "BNB")),
            liquidity=Liquidity.TAKER,
            venue_ts_ns=self.ts_ns,
            received_ts_ns=self.ts_ns,
            venue_mid_half_units=12_800_000,
            class_mid_half_units=12_800_000,
            is_late=record.state.is_terminal,
            signed_qty_units=qty_units * order.side.sign,
            moves=(("USDT", -money_nano),),
        )
        return self.tell(filled)

    def late_fill(self, order_id: str) -> Fact:
        """A fill of a child that is terminal already."""
        children = self.ledger.parents[order_id].children.values()
        child = next(c for c in children if c.state.is_terminal)
        return self.fill(order_id, child.child.child_id, 1000)

    def finish(self, order_id: str) -> None:
        parent = self.ledger.parents[order_id]
        reason = DoneReason.CANCELED if parent.is_canceling else DoneReason.EXPIRED
        self.tell(ev.OrderDone(parent.account, order_id, reason, "story"))
        assert self.ledger.parents[order_id].state is ParentState.DONE

    def side_note(self) -> None:
        account = self.random.choice(list(self.accounts))
        self.n_orders += 1
        notes: list[Event] = [
            ev.OrderRefused(
                account, f"ref_{self.n_orders}", "c", "BTC/USDT", RefusalCode.MAX_ORDER_QTY, "10", "11", "BTC", 1
            ),
            ev.RefusalsAggregated(account, RefusalCode.MESSAGE_RATE, 7, self.ts_ns - 10**9, self.ts_ns),
            ev.BalanceSet(account, "alpha", "USDT", 10**15, "seed"),
            ev.LimitsSet(account, limits(self.n_orders), "operator"),
            ev.KillSwitchSet(account, KillScope.ACCOUNT, account, KillAction.BLOCK, "drill", "operator"),
            ev.KillSwitchCleared(account, KillScope.ACCOUNT, account, "operator"),
            ev.VenueSet("", "beta", bool(self.n_orders & 1), "operator"),
            ev.KeyCreated(account, f"k{self.n_orders:07d}", "0" * 64, (Scope.READ,), Mode.PAPER),
        ]
        self.tell(self.random.choice(notes))


class LogReader:
    """A journal in memory that counts how it is read. Holds what `facts` holds, also what is added to it later.

    Like the journal's own it may be read by a thread while the loop writes on: callers take turns.
    """

    def __init__(self, facts: list[Fact]) -> None:
        self.facts = facts
        self.n_reads = 0
        self._indexed: list[Fact] | None = None
        self._n_indexed = 0
        self._accounts: dict[str, list[Fact]] = {}
        self._guard = threading.Lock()

    def read_account(self, account: str, after_account_seq: int, limit: int) -> list[Fact]:
        with self._guard:
            self.n_reads += 1
            if self._indexed is not self.facts:
                self._indexed, self._n_indexed, self._accounts = self.facts, 0, {}
            new = self.facts[self._n_indexed :]
            self._n_indexed += len(new)  # and not what the list is long by now: the loop has written on
            for fact in new:
                self._accounts.setdefault(fact.account, []).append(fact)
            held = self._accounts.get(account, [])
            first_seq = held[0].account_seq if held else 1
            begin = max(0, after_account_seq + 1 - first_seq)
            return held[begin : begin + limit]


class FakeEngine:
    """Durable batches on demand: `commit` is what the journal's writer does."""

    def __init__(self, ledger: Ledger | None = None) -> None:
        self.ledger = ledger or Ledger()
        self.listeners: list[Callable[[Sequence[Fact]], None]] = []

    def add_listener(self, listener: Callable[[Sequence[Fact]], None]) -> None:
        self.listeners.append(listener)

    def commit(self, facts: Sequence[Fact]) -> None:
        for listener in self.listeners:
            listener(facts)


def told(story: Story) -> list[StreamItem]:
    """Every account's items of the whole story, folded: what a listener of everything was told."""
    engine = FakeEngine()
    streams = Streams(engine, LogReader([]))
    items: list[StreamItem] = []
    streams.listen(items.extend, lambda fact: None)
    for account in {fact.account for fact in story.facts if fact.account}:
        streams.begin_live(account)
    engine.commit(story.facts)
    streams.close()
    return items
