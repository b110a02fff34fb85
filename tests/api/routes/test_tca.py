"""What estimates are worth, as the API publishes it."""

from __future__ import annotations

from app.api.schemas.calibration import CalibrationInfo
from tests.api.gateway import Gateway


async def test_the_calibration_is_published_and_says_that_a_day_is_no_evidence(gateway: Gateway) -> None:
    async with gateway.client() as client:
        answer = await client.get("/v1/tca/calibration")
    assert answer.status_code == 200
    info = CalibrationInfo.model_validate(answer.json())
    assert info.min_days == 20
    assert info.as_of == "2024-08-08"
    assert len(info.symbols) == 6
    for symbol in info.symbols:
        assert not symbol.is_evidence
        assert symbol.evidence == "n = 1 day, not evidence"
        assert symbol.n_parents > 1_000
        assert {row.dimension for row in symbol.coverage} >= {"all", "size", "side", "spread", "volatility"}
        assert {row.rival for row in symbol.skill} == {"constant", "constant_by_cell"}
        assert len(symbol.slippage.table) == 24


async def test_an_order_of_that_name_is_not_in_the_way(gateway: Gateway) -> None:
    async with gateway.client() as client:
        assert (await client.get("/v1/tca/orders/calibration")).status_code == 404
