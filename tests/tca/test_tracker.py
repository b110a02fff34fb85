"""What is owed to fills, children and still instants, and what becomes of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.domain.events import MarkoutsMeasured, OrderDone, StillMeasured
from app.domain.markouts import PathKind
from app.execution.ledger import fold
from app.tca.tracker import CLEAR_NS, MAX_HELD_NS, MAX_OWED, Tracker
from tests.tca.measured_desk import SYMBOL, MeasuredDesk
from tests.worlds import MS


def finished(seed: int = 1, n_orders: int = 1) -> MeasuredDesk:
    made = MeasuredDesk(seed)
    for _ in range(n_orders):
        made.order()
        for _ in range(15):
            made.step()
    for _ in range(900):
        made.step()
    return made


def test_an_order_is_told_once_whole_after_the_last_horizon() -> None:
    made = finished()
    told = [f for f in made.desk.facts if isinstance(f.event, MarkoutsMeasured)]
    done = next(f for f in made.desk.facts if isinstance(f.event, OrderDone))
    assert len(told) == 1
    assert told[0].ts_ns >= done.ts_ns + 60_000 * MS
    event = told[0].event
    assert isinstance(event, MarkoutsMeasured)
    assert event.interval is not None
    assert event.interval.end_ts_ns == done.ts_ns
    assert event.interval.vwap_units == 0
    assert event.interval.shown_qty_units > 0
    assert event.interval.strip


def test_a_replay_of_the_log_gives_the_same_paths() -> None:
    made = finished(n_orders=3)
    again = fold(made.desk.facts)
    assert again.parents == made.desk.core.ledger.parents
    assert again.still == made.desk.core.ledger.still
    assert any(record.paths for record in again.parents.values())


def test_being_measured_changes_nothing_else_of_an_order() -> None:
    made = finished()
    record = made.records[0]
    done = next(f for f in made.desk.facts if isinstance(f.event, OrderDone))
    assert record.updated_ts_ns <= done.ts_ns + 1_000 * MS
    assert record.last_seq > done.seq


def test_the_same_seed_draws_the_same_still_instants_and_names_it() -> None:
    first, second, other = finished(5), finished(5), finished(6)
    assert list(first.desk.core.ledger.still) == list(second.desk.core.ledger.still)
    assert [p.start_ts_ns for p in first.desk.core.ledger.still] != [
        p.start_ts_ns for p in other.desk.core.ledger.still
    ]
    seeds = {f.event.seed for f in first.desk.facts if isinstance(f.event, StillMeasured)}
    assert seeds == {5}


def test_no_still_instant_lies_beside_a_fill_of_ours(measured: MeasuredDesk) -> None:
    fills = [f.ts_ns for r in measured.records for f in r.fills]
    still = [p.start_ts_ns for p in measured.desk.core.ledger.still]
    assert len(still) > 10
    assert all(abs(at - fill) > CLEAR_NS for at in still for fill in fills)


def test_traded_volume_comes_from_the_port() -> None:
    made = MeasuredDesk(2)
    asked = []

    def traded(symbol: str, start_ts_ns: int, end_ts_ns: int) -> tuple[int, int]:
        asked.append((symbol, start_ts_ns, end_ts_ns))
        return 6_000_100, 777

    made.tracker.traded = traded
    record = made.order()
    for _ in range(680):
        made.step()
    assert record.interval is not None
    assert (record.interval.vwap_units, record.interval.traded_qty_units) == (6_000_100, 777)
    assert asked[-1] == (SYMBOL, record.interval.start_ts_ns, record.interval.end_ts_ns)


def test_what_does_not_fit_is_counted_not_guessed() -> None:
    made = MeasuredDesk(2)
    made.tracker._dues = [(2**62, n, None) for n in range(MAX_OWED)]  # type: ignore[misc]
    made.order()
    assert made.tracker.n_left > 0
    assert not any(order.n_owed for order in made.tracker._orders.values())


def test_a_symbol_is_watched_while_something_is_at_work_and_a_while_after() -> None:
    made = finished()
    now_ns = made.desk.now_ns
    assert made.tracker.watched(now_ns) == [SYMBOL]
    assert made.tracker.watched(now_ns + 400_000 * MS) == []


def test_a_late_fill_of_an_unknown_order_is_measured_too() -> None:
    made = finished()
    late = Tracker(9)
    fills = [f for f in made.desk.facts if f.event.KIND == "child_filled"]
    assert fills
    late.note(fills)
    for sample in made.samples:
        late.take(SYMBOL, sample)
    late.settle(made.desk.now_ns)
    told = [m for m in late.collect(made.desk.now_ns + 60_000 * MS) if m.order_id]
    assert [p.kind for m in told for p in m.paths] == [PathKind.FILL] * len(fills)
    assert all(m.interval is None for m in told)


def test_only_orders_with_something_to_tell_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Orders at work, and done ones whose horizon is ahead, cost a collection nothing."""
    made, looked = MeasuredDesk(1), []
    interval = Tracker._interval

    def seen(self, order):
        looked.append(order)
        return interval(self, order)

    monkeypatch.setattr(Tracker, "_interval", seen)
    for _ in range(5):
        made.order()
    made.step()
    looked.clear()
    tracker = made.tracker
    n_orders = len(tracker._orders)
    assert n_orders == 5
    assert not tracker.collect(made.desk.now_ns)
    assert not looked
    for _ in range(1_000):
        made.step()
    assert {order.account for order in looked} == {"desk"}
    assert len({id(order) for order in looked}) == n_orders
    assert not tracker._orders
    assert len(looked) == n_orders
    assert not tracker._ends
    assert not tracker._with_paths
    assert not tracker._ready


def test_what_is_ready_may_be_told_a_few_at_a_time() -> None:
    """Each order once, the first that was ready first, and the same as when all are told at once."""
    few, whole = (MeasuredDesk(4, most_told=0) for _ in range(2))
    for made in (few, whole):
        for _ in range(7):
            made.order()
        for _ in range(900):
            made.step()
    now_ns = few.desk.now_ns
    assert few.tracker.n_ready(now_ns) == 7
    parts = [[m for m in few.tracker.collect(now_ns, 3) if m.order_id] for _ in range(4)]
    assert [len(part) for part in parts] == [3, 3, 1, 0]
    assert [m for part in parts for m in part] == [m for m in whole.tracker.collect(now_ns) if m.order_id]


def test_a_working_orders_paths_are_told_in_time_and_the_rest_at_its_end() -> None:
    made = MeasuredDesk(1)
    made.order()
    for _ in range(20):
        made.step()
    facts = made.desk.facts
    done = next(f for f in facts if isinstance(f.event, OrderDone))
    working = Tracker(9)
    working.take(SYMBOL, made.samples[0])
    working.note([f for f in facts if f is not done])
    paths_at_ns = max(f.ts_ns for f in facts) + 62_000 * MS
    working.settle(paths_at_ns)
    assert working.n_ready(paths_at_ns) == 0
    waited_ns = paths_at_ns + MAX_HELD_NS
    assert working.n_ready(waited_ns) == 1
    (told,) = working.collect(waited_ns)
    assert told.paths
    assert told.interval is None
    working.note([replace(done, ts_ns=waited_ns)])
    assert working.n_ready(waited_ns + 59_999 * MS) == 0
    (rest,) = (m for m in working.collect(waited_ns + 60_000 * MS) if m.order_id)
    assert rest.paths == ()
    assert rest.interval is not None
    assert not working.is_measuring(told.order_id)
