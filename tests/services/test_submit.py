"""The body hash is what was asked, and nothing else; waiting ends with the order."""

from __future__ import annotations

import asyncio
from dataclasses import fields, replace

import pytest

from app.domain.enums import Mode, OrderType, Remainder, Side, Strategy, TimeInForce
from app.domain.errors import BadRequest, OrderRefused
from app.domain.orders import ParentOrder, VenueFilter
from app.domain.posting import RestTerms, Switch
from app.domain.quote_pool import Carrier, QuotePool
from app.domain.schedule import CostLaw, Disguise, ScheduleUrgency, VolumeBase
from app.domain.scheduled import Schedule, ShortfallAsk
from app.domain.sweeps import SweepStyle, SweepTerms
from app.services.submit import body_hash
from tests.api.gateway import Gateway, open_gateway, settle
from tests.worlds import make_order

OTHER = {
    "account": "rival",
    "client_order_id": "other",
    "symbol": "ETH/USDT",
    "side": Side.SELL,
    "order_type": OrderType.LIMIT,
    "time_in_force": TimeInForce.GTC,
    "strategy": Strategy.SWEEP,
    "remainder": Remainder.HELD,
    "qty_units": 101,
    "notional_nano": 5,
    "limit_price_units": 6_000_000,
    "max_slippage_ppm": 7,
    "expire_ts_ns": 9,
    "venues": VenueFilter(include=("ven_a",)),
    "is_full_fill_required": True,
    "decision_ts_ns": 3,
    "decision_price_units": 4,
    "tags": (("a", "1"),),
    "quote_pool": QuotePool(("USDT", "USDC"), 500, Carrier.DESK),
    "schedule": Schedule(Strategy.TWAP, 1, 0, 10**18, 10**9),
    "sweep": SweepTerms(SweepStyle.DARK_THEN_LIT),
}
OUTSIDE = {"received_ts_ns": 1, "body_hash": "other"}


@pytest.fixture
async def gateway():
    async with open_gateway() as opened:
        yield opened


def test_every_field_is_in_the_hash_or_declared_outside() -> None:
    assert {field.name for field in fields(ParentOrder)} == set(OTHER) | set(OUTSIDE)


@pytest.mark.parametrize("name", OTHER)
def test_what_is_asked_changes_the_hash(name: str) -> None:
    order = make_order()
    assert body_hash(replace(order, **{name: OTHER[name]})) != body_hash(order)


@pytest.mark.parametrize("name", OUTSIDE)
def test_what_is_not_asked_does_not(name: str) -> None:
    order = make_order()
    assert body_hash(replace(order, **{name: OUTSIDE[name]})) == body_hash(order)


def test_the_order_of_venues_is_no_wish() -> None:
    one = make_order(client_order_id="c", venues=VenueFilter(include=("a", "b")))
    two = make_order(client_order_id="c", venues=VenueFilter(include=("b", "a")))
    assert body_hash(one) == body_hash(two)
    assert body_hash(replace(one, venues=VenueFilter(exclude=("a", "b")))) != body_hash(one)


@pytest.mark.parametrize(
    "change",
    [{"style": SweepStyle.SWEEP_POST}, {"version": 2}, {"min_qty_units": 1}, {"wait_ns": 1}, {"asks_dealers": True}],
)
def test_another_sweep_is_another_wish(change: dict[str, object]) -> None:
    terms = SweepTerms(SweepStyle.DARK_THEN_LIT)
    one = make_order(client_order_id="c", sweep=terms)
    assert body_hash(replace(one, sweep=replace(terms, **change))) != body_hash(one)  # type: ignore[arg-type]


@pytest.mark.parametrize("change", [{"currencies": ("USDT", "DAI")}, {"max_basis_ppm": 501}])
def test_another_pool_is_another_wish(change: dict[str, object]) -> None:
    pool = QuotePool(("USDT", "USDC"), 500, Carrier.DESK)
    order = make_order(client_order_id="c", quote_pool=pool)
    changed = replace(pool, **change)  # type: ignore[arg-type]
    assert body_hash(replace(order, quote_pool=changed)) != body_hash(order)
    turned = replace(pool, currencies=("USDC", "USDT"))
    assert body_hash(replace(order, quote_pool=turned)) == body_hash(order)


@pytest.mark.parametrize("name", sorted({field.name for field in fields(Schedule)} - {"strategy", "crowd_units"}))
def test_every_member_of_a_schedule_is_a_wish(name: str) -> None:
    """`strategy` repeats the order's own, which is in the hash; `crowd_units` nobody asks for, the engine says them."""
    ask = ShortfallAsk(CostLaw.LINEAR, "2", "1000", "0.0000001", "1.5", "0.001")
    other = {"cap_ppm": 9, "would_price_units": 9, "weights": (9,), "shortfall": ask, "resting": RestTerms(Switch.ON)}
    words = {"urgency": ScheduleUrgency.URGENT, "volume_base": VolumeBase.OF_TOTAL, "disguise": Disguise.ON}
    schedule = Schedule(Strategy.TWAP, 1, 0, 10**18, 10**9)
    order = make_order(client_order_id="c", schedule=schedule)
    changed = replace(schedule, **{name: (other | words).get(name, 9)})  # type: ignore[arg-type]
    assert body_hash(replace(order, schedule=changed)) != body_hash(order)


def test_the_hash_is_for_ever() -> None:
    """Journals hold it: another encoding would turn every repeated request into a conflict."""
    order = make_order(client_order_id="c", tags=(("a", "1"),))
    assert body_hash(order) == "4fe300324bd0c5f57bff9ba8df5a1ae49c752099056d5d54ea77e4a1f9197c51"


async def test_a_deadline_in_the_past_is_refused_before_the_engine_hears(gateway: Gateway) -> None:
    submit, now_ns, seq = gateway.services.submit, gateway.clock.wall_ns(), gateway.seq
    with pytest.raises(OrderRefused, match="stale_request"):
        await submit.place(make_order(), Mode.PAPER, deadline_ts_ns=now_ns - 1)
    assert gateway.seq == seq
    await submit.place(make_order(), Mode.PAPER, deadline_ts_ns=now_ns)


async def test_a_late_repeat_of_a_placed_order_is_its_answer_not_a_lie(gateway: Gateway) -> None:
    """Were it refused with outcome none, the client would believe that nothing had been placed."""
    submit, order, late_ns = gateway.services.submit, make_order(), gateway.clock.wall_ns() - 1
    first, repeat = await asyncio.gather(
        submit.place(order, Mode.PAPER), submit.place(order, Mode.PAPER, deadline_ts_ns=late_ns)
    )
    assert repeat.fact is first.fact
    again = await submit.place(order, Mode.PAPER, deadline_ts_ns=late_ns)
    assert (again.fact, again.is_replay) == (first.fact, True)


async def test_a_repeat_is_the_first_answer_and_a_change_a_conflict(gateway: Gateway) -> None:
    submit, order = gateway.services.submit, make_order()
    first = await submit.place(order, Mode.PAPER)
    again = await submit.place(replace(order, received_ts_ns=99), Mode.PAPER)
    assert again.fact is first.fact
    assert again.is_replay
    with pytest.raises(BadRequest, match="client_order_id_conflict"):
        await submit.place(replace(order, qty_units=101), Mode.PAPER)


async def test_an_order_of_one_holder_is_placed_as_any_other(gateway: Gateway) -> None:
    submit, order = gateway.services.submit, make_order()
    new = replace(order, body_hash="")
    first = await submit.place_new(new, Mode.PAPER)
    assert first.fact.order is new
    assert new == replace(order, body_hash=body_hash(order))
    again = await submit.place(order, Mode.PAPER)
    assert (again.fact, again.is_replay) == (first.fact, True)
    with pytest.raises(BadRequest, match="client_order_id_conflict"):
        await submit.place_new(replace(order, qty_units=101), Mode.PAPER)


async def test_a_wait_ends_when_the_order_does(gateway: Gateway) -> None:
    gateway.behave("silent")
    submit = gateway.services.submit
    accepted = await submit.place(make_order(), Mode.PAPER)
    await settle()
    waits = [asyncio.create_task(submit.wait_done(accepted.fact.order_id, 10_000)) for _ in range(3)]
    await settle()
    assert not any(wait.done() for wait in waits)
    for child in gateway.children:
        gateway.venues[child.venue].fill(child)
    await asyncio.wait_for(asyncio.gather(*waits), 2)
    await asyncio.wait_for(submit.wait_done(accepted.fact.order_id, 10_000), 0.5)


async def test_a_wait_that_ends_first_leaves_nothing_behind(gateway: Gateway) -> None:
    gateway.behave("silent")
    submit = gateway.services.submit
    accepted = await submit.place(make_order(), Mode.PAPER)
    await submit.wait_done(accepted.fact.order_id, 10)
    await submit.wait_done(accepted.fact.order_id, 0)
    assert not submit._waiters
