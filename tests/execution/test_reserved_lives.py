"""Lives in which processes end between a child that left ahead and its facts: the venues' own books decide."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from random import Random

import pytest

from app.domain.enums import KillAction, KillScope, Mode, Side
from app.domain.fills import ReportKind
from app.domain.orders import ChildOrder, ParentOrder, VenueFilter
from app.domain.scheduled import Amendment
from app.execution import inputs as inp
from app.execution.reserve_record import NEVER_LEFT, may_leave_ahead
from tests.execution.test_reserving import BTC, MID, reserving_desk, restarted
from tests.worlds import LIMITS, MS, VENUES, Desk, flat_book, held_order, report, sent

N_TURNS = 500


@dataclass
class Oracle:
    """What the venues hold: the only truth of a life with crashes. Filled lots by client id, and what came."""

    came: dict[str, ChildOrder] = field(default_factory=dict)
    filled: Counter[str] = field(default_factory=Counter)

    def take(self, rng: Random, child: ChildOrder) -> None:
        assert child.client_id not in self.came, "a name is used once"
        self.came[child.client_id] = child
        self.filled[child.client_id] = rng.choice([child.qty_lots, rng.randint(0, child.qty_lots)])

    def tell(self, desk: Desk, child: ChildOrder) -> None:
        """All that the venue knows of it, as after a question."""
        if child.client_id not in self.came:
            desk.report(child, ReportKind.NOT_FOUND, venue_ts_ns=desk.now_ns)
            return
        lots = self.filled[child.client_id]
        desk.report(child, ReportKind.ACKED)
        if lots:
            desk.fill(child, lots, f"t-{child.client_id}")
        if lots < child.qty_lots:
            desk.report(child, ReportKind.EXPIRED, cum_qty_lots=lots)


def some_order(rng: Random, n: int) -> ParentOrder:
    side = rng.choice(list(Side))
    named = rng.choice([("ven_a",), ("ven_b", "ven_c")])
    return held_order(
        client_order_id=f"o{n}",
        side=side,
        qty_units=rng.choice([100, 350, 1_000, 7_000]),
        limit_price_units=MID - side.sign * rng.randint(-5, 30) * 10,
        venues=rng.choice([VenueFilter()] * 4 + [VenueFilter(include=named), VenueFilter(exclude=named)]),
    )


def change(rng: Random, desk: Desk) -> inp.Input:
    """What a desk or an operator does beside."""
    open_ids = list(desk.core.ledger.open_parents)
    chance = rng.random()
    if chance < 0.5 and open_ids:
        return inp.Amend("desk", rng.choice(open_ids), "t", Amendment(qty_units=rng.choice([100, 290, 1_000, 9_000])))
    if chance < 0.7 and open_ids:
        return inp.Cancel("desk", rng.choice(open_ids), "t", "t")
    if chance < 0.75:
        return inp.SetKillSwitch("", KillScope.SYMBOL, BTC, KillAction.BLOCK, "t", "t")
    return inp.ClearKillSwitch("", KillScope.SYMBOL, BTC, "t")


def begun() -> Desk:
    return reserving_desk(limits=replace(LIMITS, max_open_orders=1_000))


@dataclass
class Life:
    """`n_durable`: of the facts, how many the next process would find. Children not reserved wait for theirs."""

    rng: Random
    desk: Desk = field(default_factory=begun)
    oracle: Oracle = field(default_factory=Oracle)
    silent: list[ChildOrder] = field(default_factory=list)
    n_durable: int = 0
    n_crashed: int = 0
    n_ahead: int = 0

    def live(self) -> None:
        self.n_durable = len(self.desk.facts)
        for n in range(N_TURNS):
            self.desk.now_ns += self.rng.randint(1, 120) * MS
            self._move()
            turn = self.desk.turn(*self._items(n))
            self._take(turn)
            self._tell([c.child for c in turn.commands if isinstance(c, inp.QueryChild)])

    def settle(self) -> None:
        """A minute in which venues answer whatever they are asked."""
        desk = self.desk
        desk.turn(inp.ClearKillSwitch("", KillScope.SYMBOL, BTC, "t"))
        for _ in range(60):
            desk.now_ns += 500 * MS
            desk.refresh(MID)
            for child in sent(desk.turn(inp.Tick())):
                self.oracle.take(self.rng, child)
            for record in list(desk.core.ledger.live_children.values()):
                self.oracle.tell(desk, record.child)

    def _move(self) -> None:
        rng, desk = self.rng, self.desk
        if rng.random() < 0.6:
            mid = MID + rng.randint(-25, 25) * 10
            moved = flat_book(rng.choice(VENUES), mid, desk.now_ns, book_seq=next(desk.book_seqs), lots=5)
            desk.board.write_snapshot(moved)
        elif rng.random() < 0.5:
            desk.refresh(MID + rng.randint(-10, 10) * 10)

    def _items(self, n: int) -> list[inp.Input]:
        """Some of what may come in one turn, in any order."""
        rng = self.rng
        items: list[inp.Input] = [inp.BookReached(BTC), inp.Tick()]
        if rng.random() < 0.3:
            items.append(inp.Submit(some_order(rng, n), Mode.PAPER))
        if rng.random() < 0.15:
            items.append(change(rng, self.desk))
        if self.silent and rng.random() < 0.2:
            items.append(inp.Report(report(self.silent[0], ReportKind.UNKNOWN)))
        return rng.sample(items, rng.randint(1, len(items)))

    def _take(self, turn: inp.Turn) -> None:
        """As the engine would: children leave ahead or wait for the disk; now and then the process ends there."""
        rng, children = self.rng, sent(turn)
        orders = {child.order_id for child in children}
        is_ahead = turn.n_reserved == len(turn.commands) > 0
        is_ahead = is_ahead and may_leave_ahead(orders, self.desk.facts[self.n_durable :])
        is_crash = rng.random() < (0.3 if is_ahead else 0.02)
        if not is_crash and (rng.random() < 0.6 or (children and not is_ahead)):
            self.n_durable = len(self.desk.facts)
        if is_ahead or not is_crash:
            for child in children:
                self.oracle.take(rng, child)
                self.silent.append(child)
        if is_crash:
            self.desk, _ = restarted(self.desk, self.n_durable)
            self.n_durable = len(self.desk.facts)
        self.n_crashed += is_crash
        self.n_ahead += is_ahead

    def _tell(self, asked: list[ChildOrder]) -> None:
        ledger = self.desk.core.ledger
        for child in [child for child in self.silent if self.rng.random() < 0.4]:
            self.silent.remove(child)
            known = ledger.by_venue_client_id.get(child.client_id)
            if known is not None:
                self.oracle.tell(self.desk, ledger.child(known).child)
        for child in asked:
            if child.client_id in ledger.by_venue_client_id:
                self.oracle.tell(self.desk, child)


@pytest.mark.parametrize(
    "seed", [*range(6), 96, 164, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(200, 400))]
)
def test_a_life_with_crashes_counts_what_the_venues_hold(seed: int) -> None:
    life = Life(Random(seed))
    life.live()
    life.settle()
    assert life.n_crashed > 2
    assert life.n_ahead > 3
    ledger = life.desk.core.ledger
    assert not ledger.live_children
    told = [record for parent in ledger.parents.values() for record in parent.children.values()]
    ours = Counter({r.child.client_id: r.cum_qty_units // r.child.lot_units for r in told if r.cum_qty_units})
    assert ours == +life.oracle.filled
    assert not ledger.n_overfills
    assert not [r.child for r in told if r.code == NEVER_LEFT and r.child.client_id in life.oracle.came]
    for parent in ledger.parents.values():
        assert parent.cum_qty_units == sum(r.cum_qty_units for r in parent.children.values())
    assert life.desk.core.memory.n_foreign_reports == 0
