"""The learned curve over HTTP: flat before anything was seen, then as the log has it."""

from __future__ import annotations

from app.api.schemas.volume import VolumeCurveInfo
from app.domain.timing_facts import VolumeBin
from app.execution.inputs import LearnVolume
from tests.api.gateway import Gateway


async def test_a_curve_is_flat_until_something_was_learned(gateway: Gateway) -> None:
    async with gateway.client() as client:
        flat = VolumeCurveInfo.model_validate((await client.get("/v1/volume-curves/BTC-USDT")).json())
        await gateway.engine.ask(LearnVolume("BTC/USDT", tuple(VolumeBin(i, 500_000, 6_000_000) for i in range(12))))
        learned = VolumeCurveInfo.model_validate((await client.get("/v1/volume-curves/BTC/USDT")).json())
        unknown = await client.get("/v1/volume-curves/NO-SUCH")
    assert (flat.symbol, flat.is_learned, {str(row.part) for row in flat.hours}) == ("BTC/USDT", False, {"1.000"})
    assert learned.is_learned
    assert [row.watched_s for row in learned.hours] == [72_000] + [0] * 23
    assert str(learned.hours[0].rate) == "0.00083"
    assert unknown.status_code == 404
