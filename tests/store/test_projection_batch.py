"""A batch writes each touched row once, as it stands at the batch's end, and nothing that was not touched."""

from __future__ import annotations

from app.domain.enums import Strategy
from app.domain.events import TcaReported
from app.domain.fills import ReportKind
from app.domain.records import ParentRecord
from app.execution.ledger import Ledger, evolve, fold
from app.execution.working_set import order_of
from app.store.projection_batch import MOST_ROWS, Batch
from tests.store.logs import story_facts
from tests.worlds import Desk, make_desk, make_order

FACTS, RECEIPTS = story_facts(500, seed=61)


def batch_of(facts: list, ledger: Ledger) -> Batch:
    batch = Batch()
    for fact in facts:
        evolve(ledger, fact)
        batch.add(ledger, fact)
    return batch


def rows_of(batch: Batch, ledger: Ledger, table: str) -> list[tuple[object, ...]]:
    return [row for write, table_rows in batch.rows(ledger, RECEIPTS) if write.table == table for row in table_rows]


def late_filled(desk: Desk) -> ParentRecord:
    """An order that ended unfilled, its cost told, and a fill that came after that: a second cost."""
    parent, children = desk.accepted(make_order(strategy=Strategy.SWEEP, qty_units=100))
    for child in children:
        desk.report(child, ReportKind.CANCELED, cum_qty_lots=0)
    desk.fill(children[0], lots=1)
    return parent


def test_a_batch_has_each_row_once() -> None:
    ledger = Ledger()
    batch = batch_of(FACTS, ledger)
    assert batch.n_facts == len(FACTS)
    for table in ("parent_orders", "child_orders", "fills", "routes", "tca_reports", "accounts"):
        keys = [row[0] for row in rows_of(batch, ledger, table)]
        assert len(keys) == len(set(keys)) > 0
    assert {row[0] for row in rows_of(batch, ledger, "parent_orders")} == set(ledger.parents)
    assert {row[0] for row in rows_of(batch, ledger, "child_orders")} == set(ledger.child_parent)


def test_a_batch_touches_only_what_its_facts_concern() -> None:
    ledger = fold(FACTS[:300])
    later = FACTS[300:320]
    batch = batch_of(later, ledger)
    touched = {order_of(fact.event) for fact in later} - {""}
    assert {row[0] for row in rows_of(batch, ledger, "parent_orders")} == touched
    assert {row[2] for row in rows_of(batch, ledger, "child_orders")} <= touched


def test_a_long_table_is_written_in_parts_that_hold_the_loop_for_a_moment_each() -> None:
    ledger = Ledger()
    batch = batch_of(FACTS, ledger)
    sizes: dict[str, list[int]] = {}
    for statement, arguments in batch.writes(ledger, RECEIPTS):
        sizes.setdefault(statement, []).append(arguments[0].count('","') + 1)  # the first column is a key, in quotes
    assert max(size for parts in sizes.values() for size in parts) == MOST_ROWS
    assert any(len(parts) > 1 for parts in sizes.values())
    assert sum(map(sum, sizes.values())) > len(ledger.parents)


def test_an_empty_batch_writes_nothing() -> None:
    assert list(Batch().writes(Ledger(), {})) == []


def test_the_receipts_of_the_routes_are_asked_for() -> None:
    named = batch_of(FACTS, Ledger()).named_receipts()
    assert sorted(named) == sorted(RECEIPTS)
    assert {FACTS[seq - 1].event.plan.certificate.receipt_sha256: seq for seq in named.values()} == named


def test_of_two_costs_of_one_order_in_a_batch_the_newest_is_written() -> None:
    desk = make_desk()
    parent = late_filled(desk)
    assert sum(isinstance(fact.event, TcaReported) for fact in desk.facts) == 2
    ledger = Ledger()
    (row,) = rows_of(batch_of(desk.facts, ledger), ledger, "tca_reports")
    assert parent.tca is not None
    assert parent.tca.filled_qty_units in row
