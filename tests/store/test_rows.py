"""Rows say everything that a record says: there and back is the same record, whatever the numbers are."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given, settings

from app import models
from app.domain.events import (
    ChildFilled,
    Event,
    Fact,
    LimitsSet,
    MarkoutsMeasured,
    OrderRefused,
    RefusalsAggregated,
    RoutePlanned,
    TcaReported,
)
from app.domain.records import FillRecord
from app.execution.ledger import fold
from app.store import rows
from app.store.upserts import OnConflict, Row, table_write
from tests.store.logs import story_facts
from tests.store.test_codec import values_of

FACTS, RECEIPTS = story_facts(900, seed=41)
LEDGER = fold(FACTS)


def stored(table: Any, row: Row) -> dict[str, Any]:
    """`row` under its table's column names."""
    return dict(zip(table_write(table, OnConflict.KEEP).columns, row, strict=True))


def test_orders_and_all_that_is_theirs_come_back() -> None:
    parents = list(LEDGER.parents.values())
    found = rows.complete(
        [rows.parent_record(stored(models.parent_orders, rows.parent_row(p))) for p in parents],
        [
            rows.child_record(stored(models.child_orders, rows.child_row(record, i)))
            for p in parents
            for i, record in enumerate(p.children.values())
        ],
        [
            rows.fill_record(stored(models.fills, rows.fill_row(Fact(f.seq, f.ts_ns, f.account_seq, f.fill), f.fill)))
            for p in parents
            for f in p.fills
        ],
        [
            rows.route_fact(stored(models.routes, rows.route_row(FACTS[seq - 1], event, None)))
            for p in parents
            for seq, event in p.routes
        ],
        [rows.tca_report(stored(models.tca_reports, rows.tca_row(FACTS[0], p.tca))) for p in parents if p.tca],
        [
            rows.markouts_event(stored(models.markouts, rows.markouts_row(fact, fact.event)))
            for fact in FACTS
            if isinstance(fact.event, MarkoutsMeasured)
        ],
    )
    assert found == LEDGER.parents
    assert any(parent.tca for parent in parents)
    assert any(parent.interval for parent in parents)


def there_and_back(event: Event) -> object:
    fact = Fact(5, 6, 7, event)
    if isinstance(event, ChildFilled):
        return rows.fill_record(stored(models.fills, rows.fill_row(fact, event)))
    if isinstance(event, TcaReported):
        return rows.tca_report(stored(models.tca_reports, rows.tca_row(fact, event)))
    if isinstance(event, MarkoutsMeasured):
        return rows.markouts_event(stored(models.markouts, rows.markouts_row(fact, event)))
    if isinstance(event, RoutePlanned):
        return rows.route_fact(stored(models.routes, rows.route_row(fact, event, b"receipt")))
    assert isinstance(event, OrderRefused | RefusalsAggregated)
    return rows.refusal_fact(stored(models.refusals, rows.refusal_row(fact, event)))


@pytest.mark.parametrize(
    "event_type", [ChildFilled, TcaReported, RoutePlanned, MarkoutsMeasured, OrderRefused, RefusalsAggregated]
)
def test_any_fact_with_a_table_of_its_own_comes_back(event_type: type[Event]) -> None:
    @settings(max_examples=60, deadline=None)
    @given(values_of(event_type))
    def comes_back(event: Event) -> None:
        expected: dict[type[Event], object] = {
            ChildFilled: FillRecord(5, 7, 6, event),  # type: ignore[arg-type]
            TcaReported: event,
            MarkoutsMeasured: event,
            RoutePlanned: (5, event),
        }
        assert there_and_back(event) == expected.get(type(event), Fact(5, 6, 7, event))

    comes_back()


def test_a_receipt_lies_beside_its_plan() -> None:
    place, event = next((f, f.event) for f in FACTS if isinstance(f.event, RoutePlanned))
    sha256 = event.plan.certificate.receipt_sha256
    row = stored(models.routes, rows.route_row(place, event, RECEIPTS[sha256]))
    assert (row["receipt_sha256"], row["receipt"], row["seq"]) == (sha256, RECEIPTS[sha256], place.seq)


def test_limits_keep_their_version_and_every_number() -> None:
    fact = next(f for f in FACTS if isinstance(f.event, LimitsSet))
    assert isinstance(fact.event, LimitsSet)
    row = stored(models.account_limits, rows.limits_row(fact, fact.event))
    assert row["version"] == fact.event.limits.version
    assert list(json.loads(row["limits"])) == [f.name for f in fields(fact.event.limits)]


def test_json_text_is_the_logs_own_encoding() -> None:
    assert rows.json_text({"a": (1, "ü")}) == '{"a":[1,"ü"]}'
