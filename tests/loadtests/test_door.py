"""The door's bench measures what it says: orders wait behind held venues, and its rows come from whole batches."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
from fastapi import HTTPException

from loadtests import idiomatic_whole
from loadtests.door import Batch, CountedJournal, open_door, row_of, timed_planner
from loadtests.load import Bodies


async def test_held_venues_part_the_answer_from_what_follows_it(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        for venue in door.venues:
            venue.is_held = True
        planner, journal = timed_planner(door), CountedJournal(door)
        planner.is_on = journal.is_on = True
        await door.place(door.app, Bodies("test").some(3))
        journal.leave()
        assert planner.ns > 0
        assert 1 <= journal.n_groups <= 3
        parents = list(door.engine.ledger.open_parents.values())
        assert len(parents) == 3
        assert not any(parent.cum_qty_units for parent in parents)
        for venue in door.venues:
            await venue.release()
        await door.settle()
        assert not door.engine.ledger.open_parents


def test_a_row_is_low_in_microseconds_and_middling_in_ratios() -> None:
    batches = [Batch(100.0 + i, 40.0, 300.0, 200.0, 250.0, 0.5) for i in range(20)]
    row = row_of(8, batches)
    assert row["orders_at_once"] == 8
    assert row["door_us"] == 102.0
    assert row["door_without_plan_us"] == 62.0
    assert row["door_over_idiomatic"] == 0.55
    assert row["door_over_whole"] == 0.44
    assert row["commits_per_order"] == 0.5


async def test_the_whole_yardstick_proves_splits_and_stores_on_the_books_of_the_door(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        door.show_market()
        body = json.loads(Bodies("test").next())
        status, answer = await door.post(idiomatic_whole.app, json.dumps(body).encode())
        placed, desk = json.loads(answer), idiomatic_whole.app.state.desk
        assert status == 201
        assert sum(Decimal(child["qty"]) for child in placed["children"]) == Decimal(body["qty"])
        assert desk.database.execute("select count(*) from orders").fetchone() == (1,)
        assert desk.database.execute("pragma synchronous").fetchone() == (2,)
        status, _ = await door.post(idiomatic_whole.app, json.dumps(body).encode())
        assert status == 409
        door.head[1] = (b"authorization", b"Bearer somebody")
        status, _ = await door.post(idiomatic_whole.app, json.dumps(body | {"client_order_id": "other"}).encode())
        assert status == 401


def test_the_whole_yardstick_takes_the_cheapest_with_its_fee_first(tmp_path: Path) -> None:
    def venue(ask: int, fee_ppm: int) -> idiomatic_whole.Venue:
        bids, asks = [(Decimal(99), Decimal(1))], [(Decimal(ask), Decimal(1))]
        return idiomatic_whole.Venue(bids, asks, Decimal(fee_ppm), Decimal("0.1"), Decimal(10**6), Decimal(10**6))

    desk = idiomatic_whole.Desk(idiomatic_whole.open_database(tmp_path / "d.db"), {})
    desk.venues = {"dear": venue(100, 50_000), "cheap": venue(101, 0)}
    order = idiomatic_whole.Order(
        client_order_id="a", symbol="X", side="buy", type="market", qty=Decimal("1.5"), max_slippage_bps=Decimal(500)
    )
    found = {child.venue: child.qty for child in idiomatic_whole.split(desk, order)}
    assert found == {"cheap": Decimal(1), "dear": Decimal("0.5")}
    with pytest.raises(HTTPException):
        idiomatic_whole.split(desk, order.model_copy(update={"qty": Decimal(10**6)}))
    desk.database.close()
