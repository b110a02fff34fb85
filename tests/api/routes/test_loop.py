"""The loop's switch: an operator's, above it the setting, and readable by all."""

from __future__ import annotations

from dataclasses import replace

from app.api.schemas.loop import LoopInfo
from app.domain.belief import Measure
from app.domain.enums import Side
from app.domain.events import BeliefChanged
from tests.api.gateway import Gateway


async def test_the_setting_is_above_the_switch(gateway: Gateway) -> None:
    async with gateway.client("operator") as operator:
        told = LoopInfo.model_validate((await operator.get("/v1/loop")).json())
        no = await operator.put("/v1/loop", json={"enabled": True})
    assert (told.enabled, told.is_allowed, told.beliefs) == (False, False, [])
    assert no.json()["code"] == "over_ceiling"


async def test_the_operator_turns_it_on_and_off_and_a_desk_does_not(gateway: Gateway) -> None:
    core = gateway.engine.core
    core.world = replace(core.world, may_loop=True)
    numbers = (0, 100, 60, 140, 50_000, 80)
    belief = BeliefChanged("", Measure.MARKOUT, "ven_a", "BTC/USDT", Side.BUY, True, *numbers, "demoted")
    core.ledger.beliefs[belief] = belief  # type: ignore[index]
    async with gateway.client("operator") as operator, gateway.client("desk") as desk:
        on = LoopInfo.model_validate((await operator.put("/v1/loop", json={"enabled": True})).json())
        seen = LoopInfo.model_validate((await desk.get("/v1/loop")).json())
        refused = await desk.put("/v1/loop", json={"enabled": False})
        off = LoopInfo.model_validate((await operator.put("/v1/loop", json={"enabled": False})).json())
    assert on.enabled
    assert seen.beliefs[0].ppm == 100
    assert seen.beliefs[0].is_demoted
    assert refused.status_code == 403
    assert not off.enabled
    assert core.ledger.loop is not None
    assert not core.ledger.loop.is_on
