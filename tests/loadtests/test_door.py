"""The door's bench measures what it says: orders wait behind held venues, and its rows come from whole batches."""

from __future__ import annotations

from pathlib import Path

from loadtests.door import Batch, CountedJournal, open_door, row_of, timed_planner
from loadtests.http import Bodies


async def test_held_venues_part_the_answer_from_what_follows_it(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        for venue in door.venues:
            venue.is_held = True
        planner, journal = timed_planner(door), CountedJournal(door)
        planner.is_on = journal.is_on = True
        await door.place(door.app, Bodies("test"), 3)
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
    batches = [Batch(100.0 + i, 40.0, 300.0, 200.0, 0.5) for i in range(20)]
    row = row_of(8, batches)
    assert row["orders_at_once"] == 8
    assert row["door_us"] == 102.0
    assert row["door_without_plan_us"] == 62.0
    assert row["door_over_idiomatic"] == 0.55
    assert row["commits_per_order"] == 0.5
