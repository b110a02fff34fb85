"""Stops at venues in the log and in the database: they come back equal, and older logs are still read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app import models
from app.domain import conditional_events as ce
from app.domain.enums import Side
from app.domain.events import ChildSending, Event
from app.domain.placement_facts import StopRested
from app.domain.venue_stops import StopSource, TriggerLocation, VenueStop
from app.execution import inputs as inp
from app.execution.ledger import fold
from app.store import rows
from app.store.codec import decode, encode
from tests.conditionals import taken
from tests.native_stops import ack, native, stop_desk, stop_leg
from tests.store import named
from tests.store.test_rows import stored
from tests.worlds import Desk


@pytest.fixture
def desk() -> Desk:
    """A stop that was moved while it rested."""
    desk = stop_desk()
    record, (child,) = taken(desk, native(stop_leg(5_900_000)))
    ack(desk, child)
    moved = native(stop_leg(5_950_000), client_order_id=record.definition.client_order_id)
    desk.turn(inp.AmendConditional("desk", record.conditional_id, moved, 1, "test"))
    return desk


def facts_of(desk: Desk, kind: type[Event]) -> list[Any]:
    return [fact.event for fact in desk.facts if isinstance(fact.event, kind)]


def test_every_fact_reads_back_equal_and_replays_to_the_same_state(desk: Desk) -> None:
    for fact in desk.facts:
        assert decode(fact.event.KIND, fact.event.V, encode(fact.event)) == fact.event
    assert fold(desk.facts) == desk.core.ledger
    first, second = facts_of(desk, StopRested)
    assert (first.by, first.stop_price_units, first.replaces) == (StopSource.LAST, 5_900_000, "")
    assert second.replaces == first.order_id


def test_a_child_of_a_log_before_there_were_stops_is_none(desk: Desk) -> None:
    plain = named.plain(facts_of(desk, ChildSending)[0])
    del plain["child"]["stop"]
    old = decode(ChildSending.KIND, 2, named.body(plain))
    assert isinstance(old, ChildSending)
    assert old.child.stop is None
    for name in ("is_post_only", "rest_until_ns"):
        del plain["child"][name]
    older = decode(ChildSending.KIND, 1, named.body(plain))
    assert isinstance(older, ChildSending)
    assert older.child.rest_until_ns == 0


@pytest.mark.parametrize("kind", [ce.ConditionalAccepted, ce.ConditionalAmended])
def test_a_definition_of_before_is_watched_by_the_engine(desk: Desk, kind: type[Event]) -> None:
    plain = json.loads(encode(facts_of(desk, kind)[0]))
    del plain["definition"]["trigger_location"]
    old = decode(kind.KIND, 1, json.dumps(plain, separators=(",", ":")).encode())
    assert old.definition.trigger_location is TriggerLocation.ENGINE  # type: ignore[attr-defined]


def test_a_row_of_a_stop_comes_back_as_it_was(desk: Desk) -> None:
    records = [record for parent in desk.core.ledger.parents.values() for record in parent.children.values()]
    assert [record.child.stop is not None for record in records] == [True, True]
    for i, record in enumerate(records):
        assert rows.child_record(stored(models.child_orders, rows.child_row(record, i))) == record
    assert records[1].child.stop == VenueStop(5_950_000, StopSource.LAST, records[0].child.client_id)
    assert records[1].child.side is Side.SELL
