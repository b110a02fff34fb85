"""Cancels are wishes: recorded once, harmless when late, one outcome each."""

from __future__ import annotations

import pytest

from app.domain.enums import Mode, OrderType, Remainder, Side, TimeInForce
from app.domain.errors import BadRequest
from tests.api.gateway import Gateway, open_gateway, settle
from tests.worlds import make_order

RESTING = {
    "order_type": OrderType.LIMIT,
    "time_in_force": TimeInForce.GTC,
    "remainder": Remainder.HELD,
    "limit_price_units": 5_800_000,
}


@pytest.fixture
async def gateway():
    async with open_gateway() as opened:
        yield opened


async def placed(gateway: Gateway, **changes: object):
    accepted = await gateway.services.submit.place(make_order(**changes), Mode.PAPER)
    await settle()
    return gateway.engine.ledger.parents[accepted.fact.order_id]


async def test_cancel_is_recorded_once(gateway: Gateway) -> None:
    record = await placed(gateway, **RESTING)
    after = await gateway.services.cancel.cancel(record, "me")
    seq = gateway.seq
    again = await gateway.services.cancel.cancel(record, "me")
    assert after.status == again.status == "canceled"
    assert gateway.seq == seq


async def test_a_child_in_flight_decides_itself(gateway: Gateway) -> None:
    gateway.behave("silent")
    record = await placed(gateway)
    after = await gateway.services.cancel.cancel(record, "me")
    assert after.status == "pending_cancel"
    for child in gateway.children:
        gateway.venues[child.venue].fill(child)
    await settle()
    assert record.status == "filled"


@pytest.mark.parametrize(
    ("filters", "n_hit"),
    [
        ({}, 3),
        ({"symbol": "BTC/USDT"}, 3),
        ({"symbol": "ETH/USDT"}, 0),
        ({"side": Side.SELL}, 1),
        ({"tag": "book"}, 2),
        ({"tag": "book=a"}, 1),
        ({"tag": "book=a=b"}, 0),
        ({"venue": "ven_a"}, 0),
    ],
)
async def test_cancel_all_hits_what_matches_every_filter(gateway: Gateway, filters: dict, n_hit: int) -> None:
    await placed(gateway, **RESTING, tags=(("book", "a"),))
    await placed(gateway, **RESTING, tags=(("book", "b"),))
    await placed(gateway, **{**RESTING, "side": Side.SELL, "limit_price_units": 6_200_000})
    await placed(gateway, **RESTING, account="rival")
    outcomes = await gateway.services.cancel.cancel_all("desk", "me", **filters)
    assert len(outcomes) == n_hit
    assert all(outcome.error is None and outcome.record.status == "canceled" for outcome in outcomes)
    assert len(gateway.engine.ledger.open_parents) == 4 - n_hit


async def test_one_failure_does_not_stop_the_others(gateway: Gateway, monkeypatch) -> None:
    one, two = await placed(gateway, **RESTING), await placed(gateway, **RESTING)
    ask = type(gateway.engine).ask

    async def failing(engine, item):
        if getattr(item, "order_id", "") == one.order_id:
            raise BadRequest("not_found", "gone")
        return await ask(engine, item)

    monkeypatch.setattr(type(gateway.engine), "ask", failing)
    outcomes = await gateway.services.cancel.cancel_all("desk", "me")
    assert [outcome.error is None for outcome in outcomes] == [False, True]
    assert two.status == "canceled"
