"""A simulated venue turns toxic and heals: what its fills are seen to lose takes resting children away and back.

The market is that of test_loop_runs.py: each fill of ours at ven_c is followed by 1 bp against us while it is toxic.
"""

from __future__ import annotations

from dataclasses import replace

from app.domain.enums import Mode, Strategy, TimeInForce
from app.domain.placement_facts import PostingTurned, SlicePosted
from app.domain.posting import Posting
from app.domain.schedule import ScheduleUrgency
from app.domain.scheduled import Schedule
from app.execution import inputs as inp
from app.execution.ledger import fold
from tests.scenarios.test_loop_runs import KEY, Market, market  # noqa: F401 - the fixture
from tests.worlds import VENUES, make_order

S = 1_000_000_000


async def posted_at(world: Market) -> str:
    """Where a passive slice of a buyer rests now."""
    engine = world.gateway.engine
    now_ns = world.gateway.clock.wall_ns()
    schedule = Schedule(Strategy.TWAP, 1, 0, now_ns + 100 * S, 10 * S, ScheduleUrgency.PASSIVE)
    order = make_order(
        strategy=Strategy.TWAP, time_in_force=TimeInForce.GTC, qty_units=1_000, schedule=schedule, received_ts_ns=now_ns
    )
    reply = await engine.ask(inp.Submit(order, Mode.PAPER))
    assert isinstance(reply, inp.Accepted)
    facts = world.gateway.journal.read(0, 1_000_000)
    posts = [f.event for f in facts if isinstance(f.event, SlicePosted) and f.event.order_id == reply.fact.order_id]
    await engine.ask(inp.Cancel("desk", reply.fact.order_id, "test"))
    return posts[0].venue if posts else ""


async def test_a_toxic_venue_gets_nothing_that_rests_until_it_heals(market: Market) -> None:  # noqa: F811
    engine = market.gateway.engine
    posting = Posting(frozenset(VENUES), least_rest_ns=S // 10)
    engine.core.world = replace(engine.core.world, posting=posting)
    await market.buy(10)
    assert [await posted_at(market) for _ in range(5)] == ["ven_c"] * 5

    market.is_toxic = True
    for _ in range(40):
        await market.buy(5)
        belief = engine.ledger.beliefs.get(KEY)
        if belief is not None and belief.is_demoted:
            break
    assert engine.ledger.beliefs[KEY].is_demoted
    found = [await posted_at(market) for _ in range(20)]
    assert found.count("ven_c") <= 5  # those that try it: one order in twenty, more when it is nearly seen to be well
    assert set(found) - {"ven_c"} <= {"ven_a", "ven_b"}

    market.is_toxic = False
    for _ in range(120):
        await market.buy(5)
        if not engine.ledger.beliefs[KEY].is_demoted:
            break
    assert [await posted_at(market) for _ in range(5)][-1] == "ven_c"

    facts = market.gateway.journal.read(0, 1_000_000)
    turned = [f.event for f in facts if isinstance(f.event, PostingTurned)]
    assert [(event.venue, event.is_down, event.reason) for event in turned] == [
        ("ven_c", True, "demoted"),
        ("ven_c", False, "healed"),
    ]
    assert fold(facts).turned_down == engine.ledger.turned_down == set()
