"""What the service says it believes is what the next order would be decided by."""

from __future__ import annotations

from app.domain.enums import Side
from app.services.hidden import UNITS_TOLD, hidden_view
from tests.api.gateway import GOOD, open_gateway
from tests.execution.hidden_desk import DARK, DEALERS, hidden_desk

DARK_FIRST = GOOD | {"strategy_params": {"sweep_style": "dark_then_lit"}}


async def test_beliefs_move_with_answers() -> None:
    async with open_gateway(desk=hidden_desk()) as gateway, gateway.client() as client:
        before = hidden_view(gateway.engine)
        for _ in range(4):
            await client.post("/v1/orders", json=DARK_FIRST | {"response_type": "result", "wait_ms": 5_000})
        after = hidden_view(gateway.engine)
    assert [(row.venue, row.side) for row in before.dark] == [(v, s) for v in DARK for s in Side]
    assert {row.venue for row in before.dealers} == set(DEALERS)
    assert not any(row.n_answers or row.n_pings for row in before.dark)
    was = {(row.venue, row.side): row for row in before.dark}
    for row in after.dark:
        assert len(row.chance_ppm) == UNITS_TOLD
        if row.side is Side.BUY and row.n_answers:
            assert row.filled_units == row.asked_units > 0  # the venues fill everything here
            assert row.chance_ppm[0] > was[(row.venue, row.side)].chance_ppm[0]
            assert row.n_pings == row.n_answers
        else:
            assert row.n_answers == 0
    assert any(row.n_answers for row in after.dark)
