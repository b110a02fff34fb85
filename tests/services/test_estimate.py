"""A preview is the plan the order would get, and leaves no trace."""

from __future__ import annotations

import pytest

from app.domain.enums import Mode
from tests.api.gateway import Gateway, open_gateway, settle
from tests.worlds import make_order


@pytest.fixture
async def gateway():
    async with open_gateway() as opened:
        yield opened


async def test_the_preview_is_the_plan_that_follows(gateway: Gateway) -> None:
    order = make_order(qty_units=5_000)
    preview = gateway.services.estimate.preview(order, Mode.PAPER)
    seq, keys = gateway.seq, dict(gateway.engine.ledger.by_client_id)
    assert preview.planned is not None
    assert gateway.services.estimate.preview_key(order) == gateway.services.estimate.preview_key(order)
    assert (gateway.seq, gateway.engine.ledger.by_client_id, gateway.children) == (seq, keys, [])
    accepted = await gateway.services.submit.place(order, Mode.PAPER)
    await settle()
    planned = gateway.engine.ledger.parents[accepted.fact.order_id].routes[0][1].plan
    assert planned.allocations == preview.planned.plan.allocations
    assert planned.certificate.objective_nano == preview.planned.plan.certificate.objective_nano


async def test_a_preview_takes_no_token_of_the_message_rate(gateway: Gateway) -> None:
    for _ in range(50):
        assert gateway.services.estimate.preview(make_order(), Mode.PAPER).planned is not None
    assert not gateway.engine.core.memory.n_refusals
