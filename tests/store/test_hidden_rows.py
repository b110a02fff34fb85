"""Orders that ask for hidden liquidity survive their rows; facts of before there were any still read."""

from __future__ import annotations

from typing import Any

import pytest

from app import models
from app.domain.events import ChildSending, Event, OrderAccepted
from app.execution import inputs as inp
from app.store.codec import decode
from app.store.rows import child_record, child_row, parent_record, parent_row
from tests.execution.hidden_desk import HiddenDesk, dark_order, hidden_desk, quoted, requests, rfq_order
from tests.store import named
from tests.worlds import sent


def as_row(table: Any, values: tuple[Any, ...]) -> dict[str, Any]:
    columns = [column.name for column in table.columns if column.computed is None]
    return dict(zip(columns, values, strict=True))


@pytest.fixture
def desk() -> HiddenDesk:
    desk = hidden_desk(fee_ppm=0)
    desk.accepted(dark_order(sweep={"min_qty_units": 1_000}))
    asks = requests(desk.turn(inp.Submit(rfq_order(), desk.core.world.mode)))
    for ask in asks:
        turn = desk.turn(quoted(desk, ask, 6_000_100))
    assert sent(turn)[0].quote_id
    return desk


def test_rows_hold_the_sweep_the_least_and_the_quote(desk: HiddenDesk) -> None:
    seen = set()
    for parent in desk.core.ledger.parents.values():
        back = parent_record(as_row(models.parent_orders, parent_row(parent)))
        assert back.accepted == parent.accepted
        assert back.accepted.order.sweep is not None
        for i, record in enumerate(parent.children.values()):
            child = child_record(as_row(models.child_orders, child_row(record, i)))
            assert child == record
            seen.add((child.child.min_qty_lots > 0, bool(child.child.quote_id)))
    assert seen == {(True, False), (False, True)}


def older(event: Event, v: int) -> Event:
    """What an older release's bytes of `event` read as now."""
    plain = named.plain(event)
    if isinstance(event, OrderAccepted):
        del plain["order"]["sweep"], plain["foretold"]
    else:
        del plain["child"]["min_qty_lots"], plain["child"]["quote_id"]
    return decode(event.KIND, v, named.body(plain))


def test_older_facts_asked_for_nothing_hidden(desk: HiddenDesk) -> None:
    desk.accepted(rfq_order(sweep={"asks_dealers": False}))
    accepted = [f.event for f in desk.facts if isinstance(f.event, OrderAccepted)]
    sending = [f.event for f in desk.facts if isinstance(f.event, ChildSending)]
    for event in accepted:
        read = older(event, 4)
        assert isinstance(read, OrderAccepted)
        assert read.order.sweep is None
    for event in sending:
        sent_before = older(event, 2)
        assert isinstance(sent_before, ChildSending)
        assert (sent_before.child.min_qty_lots, sent_before.child.quote_id) == (0, "")
