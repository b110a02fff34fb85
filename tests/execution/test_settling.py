"""When a closed order may leave, and that whatever happens to orders in the meantime comes to the same."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from random import Random

import pytest

from app.domain.conditional_records import ConditionalRecord
from app.domain.enums import ParentState
from app.domain.fills import ReportKind
from app.domain.orders import ChildOrder, ParentOrder
from app.execution import inputs as inp
from app.execution.ledger import Ledger, fold
from app.execution.settling import CROWDED_NS, HELD_NS, Settling
from app.execution.working_set import adopt, adopt_definition
from tests.conditionals import end, move, oco, taken
from tests.worlds import MS, Desk, held_order, make_desk, make_order, report, sent

ALL = 10**9


def filled(desk: Desk) -> str:
    parent, children = desk.accepted()
    for child in children:
        desk.fill(child)
    assert parent.state is ParentState.DONE
    return parent.order_id


def settling(desk: Desk, keep_ms: int = 10) -> Settling:
    found = Settling(keep_ms * MS)
    found.begin(desk.core.ledger)
    return found


def left(desk: Desk, queue: Settling, rows_seq: int | None = None) -> list[str]:
    ledger = desk.core.ledger
    gone = queue.let_go(ledger, desk.now_ns, ledger.seq if rows_seq is None else rows_seq, ALL)
    return [order.order_id for order in gone.orders]


def test_it_stays_until_it_has_settled() -> None:
    desk = make_desk()
    order_id = filled(desk)
    queue = settling(desk)
    assert left(desk, queue) == []
    desk.now_ns += 10 * MS
    assert left(desk, queue) == [order_id]
    assert order_id not in desk.core.ledger.parents
    assert left(desk, queue) == []


def test_a_late_fill_begins_its_time_anew() -> None:
    desk = make_desk()
    parent, children = desk.accepted()
    for child in children:
        desk.fill(child)
    queue = settling(desk)
    desk.now_ns += 9 * MS
    desk.fill(children[0], 1)
    desk.now_ns += 9 * MS
    assert left(desk, queue) == []
    desk.now_ns += 10 * MS
    assert left(desk, queue) == [parent.order_id]


def test_it_stays_until_its_rows_are_there() -> None:
    desk = make_desk()
    order_id = filled(desk)
    queue = settling(desk)
    desk.now_ns += 10 * MS
    last_seq = desk.core.ledger.parents[order_id].last_seq
    assert left(desk, queue, last_seq - 1) == []
    assert left(desk, queue, last_seq) == [order_id]


def test_it_stays_while_somebody_has_something_to_add() -> None:
    desk = make_desk()
    order_id = filled(desk)
    queue = settling(desk)
    queue.is_held = lambda held: held == order_id
    desk.now_ns += 10 * MS
    assert left(desk, queue) == []
    queue.is_held = lambda held: False
    desk.now_ns += 10 * MS
    assert left(desk, queue) == []  # it is looked at again later
    desk.now_ns += HELD_NS
    assert left(desk, queue) == [order_id]


def test_where_many_wait_they_leave_sooner() -> None:
    desk = make_desk()
    order_ids = [filled(desk) for _ in range(5)]
    queue = Settling(10 * CROWDED_NS, max_kept=2)
    queue.begin(desk.core.ledger)
    desk.now_ns += CROWDED_NS - 1
    assert left(desk, queue) == []
    desk.now_ns += 1
    assert left(desk, queue) == order_ids[:3]
    desk.now_ns += 9 * CROWDED_NS
    assert left(desk, queue) == order_ids[3:]


def test_an_open_order_and_an_unknown_child_stay() -> None:
    desk = make_desk()
    parent, children = desk.accepted()
    desk.report(children[0], ReportKind.UNKNOWN, code="lost")
    queue = settling(desk, keep_ms=1)
    desk.now_ns += 10 * MS
    assert left(desk, queue) == []
    assert len(queue) == 0
    done = deepcopy(parent)
    done.state = ParentState.DONE  # a done order with an unknown child: no machine makes it, and it would stay
    desk.core.ledger.parents[parent.order_id] = done
    queue.taken_back(0, parent.order_id)
    assert left(desk, queue) == []
    assert len(queue) == 1


def test_a_leg_leaves_with_its_definition() -> None:
    desk = make_desk()
    record, _ = taken(desk, oco())
    children = move(desk, 5_890_000)
    assert children
    for child in children:
        end(desk, child, child.qty_lots)
    assert record.is_done
    (order_id,) = [order_id for leg in record.legs for order_id in leg.order_ids]
    queue = settling(desk)
    desk.now_ns += 5 * MS
    assert left(desk, queue) == []
    desk.now_ns += 5 * MS
    assert left(desk, queue) == [order_id]
    ledger = desk.core.ledger
    assert record.conditional_id not in ledger.definitions.all
    assert order_id not in ledger.definitions.leg_of_order
    assert (record.account, record.definition.client_order_id) not in ledger.by_client_id


# Lives with and without leaving.


@dataclass
class Twin:
    """Two desks that are told the same; of one, closed orders leave, and come back as the service brings them back."""

    stays: Desk = field(default_factory=make_desk)
    leaves: Desk = field(default_factory=make_desk)
    keep_ms: int = 1
    n_left: int = 0
    n_back: int = 0

    def __post_init__(self) -> None:
        self.queue = settling(self.leaves, self.keep_ms)

    def turn(self, item: inp.Input) -> inp.Turn:
        expected, found = self.stays.turn(item), self.leaves.turn(item)
        replies = self._again(item, found)
        for fact in self.leaves.facts[-len(found.facts) :] if found.facts else ():
            self.queue.note(fact.ts_ns, fact.event)
        assert list(map(repr, replies)) == list(map(repr, expected.replies))
        assert self.leaves.facts == self.stays.facts
        assert [c for c in found.commands if not isinstance(c, inp.Recall)] == expected.commands
        return expected

    def _again(self, item: inp.Input, turn: inp.Turn) -> list[inp.Reply]:
        """What services/archive.py does with a turn that lacked an order."""
        recalls = [c for c in turn.commands if isinstance(c, inp.Recall)]
        refused = [r for r in turn.replies if isinstance(r, inp.Failed) and "history_unavailable" in str(r.error)]
        if not recalls and not refused:
            return turn.replies
        whole, ledger = fold(self.leaves.facts), self.leaves.core.ledger
        order_ids: list[str] = []
        definition: ConditionalRecord | None = None
        if recalls and recalls[0].fill_key is not None:
            key = recalls[0].fill_key
            order_ids = [p.order_id for p in whole.parents.values() if any(f.fill.key == key for f in p.fills)]
            assert order_ids
        elif isinstance(item, inp.Report):
            child_id = whole.by_venue_client_id[item.report.client_id]
            order_ids = [whole.child_parent[child_id]]
        elif isinstance(item, inp.Submit):
            known = whole.by_client_id[item.order.account, item.order.client_order_id][0]
            definition = whole.definitions.all.get(known)
            order_ids = [known] if definition is None else []
        if definition is not None:
            order_ids = [i for leg in definition.legs for i in leg.order_ids]
            adopt_definition(ledger, definition)
            self.queue.taken_back(self.leaves.now_ns, definition.conditional_id)
        for order_id in order_ids:
            if order_id not in ledger.parents:
                adopt(ledger, whole.parents[order_id])
                self.queue.taken_back(self.leaves.now_ns, order_id)
                self.n_back += 1
        again = self.leaves.turn(item)
        turn.facts += again.facts
        turn.commands += again.commands
        return self._again(item, again)  # a fill may want the order of its child first, then that of its trade

    def wait(self, ms: int) -> list[ChildOrder]:
        for desk in (self.stays, self.leaves):
            desk.now_ns += ms * MS
            desk.refresh()
        return sent(self.turn(inp.Tick()))

    def let_go(self) -> None:
        self.n_left += len(left(self.leaves, self.queue))

    def whole_again(self) -> Ledger:
        """The ledger that orders left, with all of them put back from the log."""
        whole, ledger = fold(self.leaves.facts), self.leaves.core.ledger
        for conditional_id, record in whole.definitions.all.items():
            if conditional_id not in ledger.definitions.all:
                adopt_definition(ledger, record)
        for order_id, parent in whole.parents.items():
            if order_id not in ledger.parents:
                adopt(ledger, parent)
        ledger.closed = None
        return ledger


@pytest.mark.parametrize("seed", range(16))
def test_lives_come_to_the_same_with_and_without_leaving(seed: int) -> None:
    random, twin = Random(seed), Twin(keep_ms=1 + seed % 4)
    children: list[ChildOrder] = []
    orders: list[ParentOrder] = []
    definitions = []
    trade_ids = [f"t{i}" for i in range(60)]
    for _ in range(70):
        match random.randrange(9):
            case 0 | 1:
                make = random.choice((make_order, held_order))
                limits = {"limit_price_units": 6_010_000} if make is held_order else {}
                orders.append(make(qty_units=random.choice((100, 1_000)), **limits))
                children += sent(twin.turn(inp.Submit(orders[-1], inp.Mode.PAPER)))
            case 2 if orders:
                order = random.choice(orders)
                again = make_order(client_order_id=order.client_order_id, body_hash=random.choice(("h", "other")))
                twin.turn(inp.Submit(again, inp.Mode.PAPER))
            case 3 | 4 | 5 if children:
                child = random.choice(children[-12:] if random.randrange(3) else children)
                price = {"price_ticks": child.price_ticks, "fee_nano": 1_000, "fee_currency": "USDT"}
                lots = random.choice((child.qty_lots, 1))
                told = {"venue_trade_id": random.choice(trade_ids), "qty_lots": lots, **price}
                children += sent(twin.turn(inp.Report(report(child, ReportKind.FILLED, **told))))
            case 6 if children:
                child = random.choice(children)
                kind = random.choice((ReportKind.CANCELED, ReportKind.REJECTED, ReportKind.ACKED, ReportKind.EXPIRED))
                children += sent(twin.turn(inp.Report(report(child, kind, cum_qty_lots=-1))))
            case 7:
                asked = oco()
                definitions.append(asked)
                twin.turn(inp.SubmitConditional(asked, None, inp.Mode.PAPER))
                if random.randrange(2):
                    for held in list(twin.stays.core.ledger.definitions.open):
                        twin.turn(inp.CancelConditional("desk", held, "test"))
            case _:
                children += twin.wait(random.choice((1, 5, 400)))
        twin.let_go()
    assert twin.n_left
    stays, again = twin.stays.core.ledger, twin.whole_again()
    assert again.positions == stays.positions
    assert again.balances == stays.balances
    assert again.n_late_fills == stays.n_late_fills
    assert again.open_by_account == stays.open_by_account
    assert again == stays


def test_the_lives_leave_and_come_back() -> None:
    """The property above would hold of lives in which nothing happens."""
    twin = Twin()
    order = make_order()
    children = sent(twin.turn(inp.Submit(order, inp.Mode.PAPER)))
    fill = {"price_ticks": children[0].price_ticks, "fee_nano": 1, "fee_currency": "USDT"}
    told = report(children[0], ReportKind.FILLED, venue_trade_id="t1", qty_lots=children[0].qty_lots, **fill)
    twin.turn(inp.Report(told))
    twin.wait(5)
    twin.let_go()
    assert twin.n_left == 1
    twin.turn(inp.Report(told))
    assert (twin.n_back, twin.leaves.core.memory.n_duplicate_fills) == (1, 1)
    twin.wait(5)
    twin.let_go()
    twin.turn(inp.Submit(order, inp.Mode.PAPER))
    assert (twin.n_left, twin.n_back) == (2, 2)


@pytest.mark.parametrize("is_same", [True, False])
def test_a_trade_of_an_order_that_left_counts_for_no_other(is_same: bool) -> None:
    desk = make_desk()
    _, (first, *_) = desk.accepted()
    desk.fill(first, trade_id="t-once")
    queue = settling(desk)
    desk.now_ns += 10 * MS
    desk.refresh()
    assert left(desk, queue)
    _, (second, *_) = desk.accepted(make_order(venues=make_order().venues))
    turn = desk.fill(second, trade_id="t-once" if is_same and second.venue == first.venue else "t-other")
    recalls = [c for c in turn.commands if isinstance(c, inp.Recall)]
    assert bool(recalls) is (is_same and second.venue == first.venue)
