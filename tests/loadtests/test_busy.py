"""Every order is timed on the loop's own clock, from when it was due, and a row is quantiles of all of them."""

from __future__ import annotations

import time
from pathlib import Path

from loadtests import busy
from loadtests.door import open_door


async def test_each_order_is_placed_and_timed_on_the_clock_of_the_thread(tmp_path: Path) -> None:
    async with open_door(tmp_path) as door:
        each_s = await busy.cost_s(door, 2 * busy.N_AT_ONCE)
        n_before, began_s = len(door.engine.ledger.parents), time.thread_time()
        found = await busy.latencies_s(door, 0.01, 12)
        spent_s = time.thread_time() - began_s
        assert len(door.engine.ledger.parents) - n_before == len(found) == 12
        assert not door.engine.ledger.open_parents
        assert 0 < min(found) <= max(found) < spent_s
        assert spent_s >= 11 * 0.01
        assert 0 < each_s < spent_s


def test_a_row_holds_quantiles_in_ms_and_as_so_many_orders() -> None:
    row = busy._row(0.5, 0.002, [n / 1000 for n in range(1, 101)])
    assert (row["rate_per_s"], row["order_us"]) == (250, 2000)
    assert (row["p50_ms"], row["p90_ms"], row["p99_ms"], row["max_ms"]) == (51.0, 91.0, 100.0, 100.0)
    assert row["p99_over_order"] == 50.0
